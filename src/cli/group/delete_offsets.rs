use std::collections::BTreeSet;
use std::io::Write as _;

use clap::Args;

use super::topic_spec::{self, TopicSpec};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::client::Admin;
use crate::model::TopicPartition;

/// Forget how far a group has come in some topics
///
/// No member of the group may be subscribed to the topics. Consumers that come to them again start
/// where their auto.offset.reset says.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct DeleteOffsetsArgs {
    /// The group
    group: String,
    /// A topic, or some of its partitions as orders:0,3; may be given several times
    #[arg(
        long = "topic",
        value_name = "TOPIC[:P,...]",
        required = true,
        value_parser = topic_spec::parse
    )]
    topics: Vec<TopicSpec>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const EXAMPLES: &str = "\
Examples:
  klamm group delete-offsets billing --topic orders
  klamm group delete-offsets billing --topic orders:0,3 --topic payments";

pub(super) fn run(args: DeleteOffsetsArgs) -> Result<(), CliError> {
    let admin = Admin::new(args.cluster.connect()?);
    let mut wanted = BTreeSet::new();
    let committed = committed(&admin, &args)?;
    for spec in &args.topics {
        let found = matching(spec, &committed);
        if found.is_empty() {
            return Err(nothing_committed(&args.group, &spec.topic));
        }
        wanted.extend(found);
    }
    let wanted: Vec<TopicPartition> = wanted.into_iter().collect();
    let deleted = admin.delete_offsets(&args.group, &wanted);
    let deleted = deleted.map_err(|error| super::explained(error, &args.group))?;
    let mut output = Output::stdout();
    let mut failures = Vec::new();
    for one in deleted {
        match one.outcome {
            Ok(()) => output.line(format_args!("deleted {}", one.partition))?,
            Err(error) => failures.push(super::explained(error, &args.group)),
        }
    }
    output.flush()?;
    super::report("offsets", "deleted", failures, wanted.len())
}

/// The partitions with a committed offset; they are only asked for if a topic comes without
/// partitions.
fn committed(admin: &Admin, args: &DeleteOffsetsArgs) -> Result<Vec<TopicPartition>, CliError> {
    if args.topics.iter().all(|spec| !spec.partitions.is_empty()) {
        return Ok(Vec::new());
    }
    let committed = admin.committed_offsets(&args.group, false);
    let committed = committed.map_err(|error| super::explained(error, &args.group))?;
    Ok(committed.into_iter().map(|one| one.partition).collect())
}

/// The partitions that a topic stands for: those named, or those with a committed offset.
fn matching(spec: &TopicSpec, committed: &[TopicPartition]) -> Vec<TopicPartition> {
    if spec.partitions.is_empty() {
        let of_topic = committed.iter().filter(|one| *one.topic == *spec.topic);
        return of_topic.cloned().collect();
    }
    let named = spec.partitions.iter().map(|partition| TopicPartition {
        topic: spec.topic.as_str().into(),
        partition: *partition,
    });
    named.collect()
}

fn nothing_committed(group: &str, topic: &str) -> CliError {
    let message = format!("group `{group}` has no committed offsets in topic `{topic}`");
    CliError::refused(message).with_cure(format!("what it has: klamm group describe {group}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_alone_means_what_is_committed_in_it() {
        let of = |topic: &str, partition| TopicPartition {
            topic: topic.into(),
            partition,
        };
        let committed = [of("a", 0), of("a", 4), of("b", 1)];
        let found = |text| matching(&topic_spec::parse(text).unwrap(), &committed);
        assert_eq!(found("a"), [of("a", 0), of("a", 4)]);
        assert_eq!(found("a:1"), [of("a", 1)]);
        assert!(found("c").is_empty());
    }
}
