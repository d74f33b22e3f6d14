use std::io::Write as _;

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::client::Admin;
use crate::protocol::error_code::ErrorCode;

/// Delete topics with all their records
///
/// There is no way back, and no question is asked.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct DeleteArgs {
    /// The topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Be content with a topic that does not exist
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const EXAMPLES: &str = "\
Examples:
  klamm topic delete orders
  klamm topic delete orders payments --if-exists";

pub(super) fn run(args: DeleteArgs) -> Result<(), CliError> {
    let admin = Admin::new(args.cluster.connect()?);
    let names: Vec<&str> = args.topics.iter().map(String::as_str).collect();
    let mut output = Output::stdout();
    let mut failures = Vec::new();
    for topic in admin.delete_topics(&names)? {
        match topic.outcome {
            Ok(()) => output.line(format_args!("deleted {}", topic.name))?,
            Err(error) if args.if_exists && is_missing(error.code()) => {
                output.line(format_args!("missing {}", topic.name))?;
            }
            Err(error) => failures.push(error),
        }
    }
    output.flush()?;
    super::report("deleted", failures, args.topics.len())
}

fn is_missing(code: Option<ErrorCode>) -> bool {
    code == Some(ErrorCode::UnknownTopicOrPartition)
}
