use std::io::Write as _;

use clap::Args;

use crate::cli::config_changes::ConfigChangeArgs;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::client::{Admin, ConfigResource};

/// Change configs of a topic, or give it more partitions
///
/// More partitions change where keys go: records written from then on may land in another
/// partition than earlier ones of the same key. Partitions never become fewer.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
#[group(required = true, multiple = true, args = ["partitions", "set", "unset"])]
pub(in crate::cli) struct AlterArgs {
    /// The topic
    topic: String,
    /// How many partitions it shall have in all
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    #[command(flatten)]
    changes: ConfigChangeArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const EXAMPLES: &str = "\
Examples:
  klamm topic alter orders --partitions 8
  klamm topic alter orders --set retention.ms=86400000 --set max.message.bytes=4194304
  klamm topic alter orders --unset retention.ms";

pub(super) fn run(args: AlterArgs) -> Result<(), CliError> {
    let admin = Admin::new(args.cluster.connect()?);
    let mut output = Output::stdout();
    let topic = ConfigResource::Topic(args.topic.clone());
    args.changes.make(&admin, &topic, &mut output)?;
    if let Some(partitions) = args.partitions {
        admin.create_partitions(&args.topic, partitions)?;
        output.line(format_args!("partitions {partitions}"))?;
    }
    Ok(output.flush()?)
}
