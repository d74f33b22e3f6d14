use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::client::{
    Admin, AutoCreate, Cluster, ConfigEntry, ConfigResource, Isolation, OffsetSpec,
    PartitionMetadata, TopicMetadata,
};
use crate::model::{NodeId, Offset, TopicPartition};

/// Show leaders, replicas, offsets and configs of topics
///
/// One line for the topic with the configs set on it, one line for each partition.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct DescribeArgs {
    /// The topics; all of them if none is named
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    /// Show every config, not only those set on the topic
    #[arg(long)]
    all_configs: bool,
    /// One JSON object a topic
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const EXAMPLES: &str = "\
Examples:
  klamm topic describe orders
  klamm topic describe                          every topic
  klamm topic describe orders --all-configs
  klamm topic describe orders --json";

pub(super) fn run(args: DescribeArgs) -> Result<(), CliError> {
    let cluster = args.cluster.connect()?;
    let mut output = Output::stdout();
    for name in names(&cluster, &args.topics)? {
        let described = Described::ask(&cluster, &name, args.all_configs)?;
        match args.json {
            true => output.line(described.json())?,
            false => described.write(&mut output)?,
        }
    }
    Ok(output.flush()?)
}

fn names(cluster: &Cluster, named: &[String]) -> Result<Vec<String>, CliError> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    cluster.refresh_all_topics()?;
    let metadata = cluster.metadata();
    let mut names: Vec<_> = metadata
        .topics()
        .map(|(name, _)| name.to_string())
        .collect();
    names.sort();
    Ok(names)
}

/// What there is to say about one topic.
struct Described {
    name: Arc<str>,
    topic: TopicMetadata,
    configs: Vec<ConfigEntry>,
    ends: HashMap<i32, [Option<Offset>; 2]>,
}

impl Described {
    fn ask(cluster: &Arc<Cluster>, name: &str, all_configs: bool) -> Result<Self, CliError> {
        let topic = cluster.topic(name, AutoCreate::Never)?;
        let admin = Admin::new(cluster.clone());
        let mut configs = admin.describe_configs(&ConfigResource::Topic(name.to_owned()))?;
        configs.retain(|config| all_configs || config.is_own);
        let name: Arc<str> = name.into();
        let first = offsets(&admin, &name, &topic, OffsetSpec::Earliest)?;
        let end = offsets(&admin, &name, &topic, OffsetSpec::Latest)?;
        let ends = (0..topic.partitions.len() as i32).map(|index| {
            let of = |found: &HashMap<i32, Offset>| found.get(&index).copied();
            (index, [of(&first), of(&end)])
        });
        Ok(Self {
            ends: ends.collect(),
            name,
            topic,
            configs,
        })
    }

    fn write(&self, output: &mut Output) -> Result<(), CliError> {
        let configs: Vec<_> = self.configs.iter().map(config_text).collect();
        output.line(format_args!(
            "topic {} id={} partitions={} configs={}",
            self.name,
            self.topic.id,
            self.topic.partitions.len(),
            if configs.is_empty() {
                "-".to_owned()
            } else {
                configs.join(",")
            },
        ))?;
        for (index, partition) in self.partitions() {
            let [first, end] = self.ends[&index].map(or_dash);
            output.line(format_args!(
                "  partition {index} leader={} replicas={} in-sync={} first-offset={first} end-offset={end}",
                or_dash(partition.leader),
                list(&partition.replicas),
                list(&partition.in_sync_replicas),
            ))?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        let configs = self
            .configs
            .iter()
            .map(|config| (config.name.clone(), json!(config.value)));
        let configs: serde_json::Map<_, _> = configs.collect();
        let partitions = self.partitions().map(|(index, partition)| {
            let [first, end] = self.ends[&index];
            json!({
                "partition": index,
                "leader": partition.leader,
                "replicas": partition.replicas,
                "in_sync_replicas": partition.in_sync_replicas,
                "first_offset": first,
                "end_offset": end,
            })
        });
        json!({
            "topic": &*self.name,
            "id": self.topic.id.to_string(),
            "configs": configs,
            "partitions": partitions.collect::<Vec<_>>(),
        })
    }

    fn partitions(&self) -> impl Iterator<Item = (i32, &PartitionMetadata)> {
        (0..).zip(&self.topic.partitions)
    }
}

/// The offsets that could be looked up; a partition in trouble has none.
fn offsets(
    admin: &Admin,
    name: &Arc<str>,
    topic: &TopicMetadata,
    spec: OffsetSpec,
) -> Result<HashMap<i32, Offset>, CliError> {
    let of = |partition| TopicPartition {
        topic: name.clone(),
        partition,
    };
    let wanted: Vec<_> = (0..topic.partitions.len() as i32)
        .map(|index| (of(index), spec))
        .collect();
    let listed = admin.list_offsets(&wanted, Isolation::ReadUncommitted)?;
    let found = listed.into_iter().filter_map(|listed| {
        let offset = listed.outcome.ok()?.offset;
        Some((listed.partition.partition, offset))
    });
    Ok(found.collect())
}

fn config_text(config: &ConfigEntry) -> String {
    format!(
        "{}={}",
        config.name,
        config.value.as_deref().unwrap_or("(hidden)")
    )
}

fn list(nodes: &[NodeId]) -> String {
    let nodes: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    nodes.join(",")
}

fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
