use std::io::Write as _;

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::client::TopicMetadata;

/// List topics by name
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct ListArgs {
    /// Show partitions, replication factor and id too, tab-separated
    #[arg(short, long)]
    long: bool,
    /// Show the topics that belong to Kafka itself too
    #[arg(long)]
    internal: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const EXAMPLES: &str = "\
Examples:
  klamm topic list
  klamm topic list --long
  klamm topic list -b broker1:9092,broker2:9092";

pub(super) fn run(args: ListArgs) -> Result<(), CliError> {
    let cluster = args.cluster.connect()?;
    cluster.refresh_all_topics()?;
    let metadata = cluster.metadata();
    let mut topics: Vec<_> = metadata.topics().collect();
    topics.retain(|(_, topic)| args.internal || !topic.is_internal);
    topics.sort_by_key(|(name, _)| *name);
    let mut output = Output::stdout();
    for (name, topic) in topics {
        match args.long {
            true => output.line(format_args!("{name}\t{}", columns(topic)))?,
            false => output.line(name)?,
        }
    }
    Ok(output.flush()?)
}

fn columns(topic: &TopicMetadata) -> String {
    let replicas = topic
        .partitions
        .first()
        .map_or(0, |partition| partition.replicas.len());
    format!("{}\t{replicas}\t{}", topic.partitions.len(), topic.id)
}
