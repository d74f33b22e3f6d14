//! `klamm topic`: one file per verb.

mod alter;
mod create;
mod delete;
mod describe;
mod list;

use clap::Subcommand;

use super::error::CliError;
use super::outcomes::{Deletion, report};
use super::settings::parse_assignment;

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
