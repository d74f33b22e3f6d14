use std::io::Write as _;

use clap::Args;

use super::parse_assignment;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::client::{Admin, ConfigChange, ConfigResource};

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
    /// Give a config a value; may be given several times
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    set: Vec<(String, String)>,
    /// Let the broker's default hold again; may be given several times
    #[arg(short, long, value_name = "NAME")]
    unset: Vec<String>,
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
    let changes = args.changes();
    if !changes.is_empty() {
        admin.alter_configs(&ConfigResource::Topic(args.topic.clone()), &changes)?;
        for change in &changes {
            match change {
                ConfigChange::Set(name, value) => {
                    output.line(format_args!("set {name}={value}"))?
                }
                ConfigChange::Unset(name) => output.line(format_args!("unset {name}"))?,
            }
        }
    }
    if let Some(partitions) = args.partitions {
        admin.create_partitions(&args.topic, partitions)?;
        output.line(format_args!("partitions {partitions}"))?;
    }
    Ok(output.flush()?)
}

impl AlterArgs {
    fn changes(&self) -> Vec<ConfigChange> {
        let set = self
            .set
            .iter()
            .cloned()
            .map(|(name, value)| ConfigChange::Set(name, value));
        let unset = self.unset.iter().cloned().map(ConfigChange::Unset);
        set.chain(unset).collect()
    }
}
