use clap::Args;

use crate::cli::error::CliError;
use crate::cli::target::ClusterArgs;
use crate::client::Admin;
use crate::protocol::error_code::ErrorCode;

/// Delete groups with all their offsets
///
/// A group must be empty. There is no way back, and no question is asked: consumers that come
/// again under this name start where their auto.offset.reset says.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct DeleteArgs {
    /// The groups
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
    /// Be content with a group that does not exist
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const EXAMPLES: &str = "\
Examples:
  klamm group delete billing
  klamm group delete billing shipping --if-exists";

pub(super) fn run(args: DeleteArgs) -> Result<(), CliError> {
    let admin = Admin::new(args.cluster.connect()?);
    let names: Vec<&str> = args.groups.iter().map(String::as_str).collect();
    let outcomes = admin.delete_groups(&names)?.into_iter();
    let deletion = super::Deletion {
        what: "groups",
        asked: names.len(),
        missing: args.if_exists.then_some(ErrorCode::GroupIdNotFound),
    };
    deletion.tell(
        outcomes.map(|one| (one.group, one.outcome)),
        super::explained,
    )
}
