use clap::Args;

use crate::cli::error::CliError;
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
    let outcomes = admin.delete_topics(&names)?.into_iter();
    let deletion = super::Deletion {
        what: "topics",
        asked: names.len(),
        missing: args.if_exists.then_some(ErrorCode::UnknownTopicOrPartition),
    };
    let outcomes = outcomes.map(|topic| (topic.name, topic.outcome));
    deletion.tell(outcomes, |error, _| error.into())
}
