use clap::Args;

use crate::cli::config_changes::ConfigChangeArgs;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::client::{Admin, ConfigResource};

/// Change configs of a group
///
/// They hold at once, and for a group that does not exist yet as soon as it does. The broker's
/// group.consumer.min.* and group.consumer.max.* settings bound them.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
#[group(required = true, multiple = true, args = ["set", "unset"])]
pub(in crate::cli) struct AlterArgs {
    /// The group
    group: String,
    #[command(flatten)]
    changes: ConfigChangeArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const EXAMPLES: &str = "\
Examples:
  klamm group alter billing --set consumer.session.timeout.ms=60000
  klamm group alter billing --unset consumer.session.timeout.ms
  klamm group describe billing --configs           what holds now
  klamm config consumer.session.timeout.ms         what it means";

pub(super) fn run(args: AlterArgs) -> Result<(), CliError> {
    let admin = Admin::new(args.cluster.connect()?);
    let group = ConfigResource::Group(args.group);
    args.changes.make(&admin, &group, &mut Output::stdout())
}
