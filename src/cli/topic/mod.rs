//! `klamm topic`: one file per verb.

mod alter;
mod create;
mod delete;
mod describe;
mod list;

use clap::Subcommand;

use super::error::CliError;
use super::settings::parse_assignment;
use crate::client::ClientError;

/// Create, list, describe, delete and alter topics
///
/// A topic is a named stream of records, split into partitions: the unit of order, of storage and
/// of parallelism. These commands ask the cluster; they never touch files.
#[derive(Debug, Subcommand)]
#[command(after_long_help = EXAMPLES)]
pub(super) enum TopicCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Describe(describe::DescribeArgs),
    Delete(delete::DeleteArgs),
    Alter(alter::AlterArgs),
}

const EXAMPLES: &str = "\
Examples:
  klamm topic create orders --partitions 4
  klamm topic list
  klamm topic describe orders
  klamm topic alter orders --set retention.ms=86400000
  klamm topic delete orders";

/// Runs one verb.
pub(super) fn run(command: TopicCommand) -> Result<(), CliError> {
    match command {
        TopicCommand::Create(args) => create::run(args),
        TopicCommand::List(args) => list::run(args),
        TopicCommand::Describe(args) => describe::run(args),
        TopicCommand::Delete(args) => delete::run(args),
        TopicCommand::Alter(args) => alter::run(args),
    }
}

/// Tells why topics failed; a single one's error is the command's own.
fn report(verb: &str, mut failures: Vec<ClientError>, asked: usize) -> Result<(), CliError> {
    if asked == 1 {
        return failures.pop().map_or(Ok(()), |error| Err(error.into()));
    }
    for failure in &failures {
        eprintln!("klamm: {failure}");
    }
    match failures.len() {
        0 => Ok(()),
        failed => Err(CliError::refused(format!(
            "{failed} of {asked} topics could not be {verb}"
        ))),
    }
}
