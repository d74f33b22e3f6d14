//! `klamm consume`: records of topics as lines, alone or as a member of a group.

mod format;
mod group;
mod printer;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};

use self::format::{LineFormat, RecordFormat};
use self::group::GroupArgs;
use self::printer::{Ends, Printer};
use super::error::CliError;
use super::target::ClusterArgs;
use super::units;
use crate::client::{Cluster, Consumer, ConsumerSettings, Isolation, StartAt};
use crate::model::{TimestampMs, TopicPartition};

/// Read records from topics, one line each
///
/// Starts with what arrives from now on and follows until interrupted, like `tail -f`. Say where
/// to start with --from-beginning, --offset or --from-timestamp, and when to stop with --count or
/// --exit-at-end. Reads every partition unless told otherwise; records of one partition come in
/// order, partitions are interleaved.
///
/// With --group it reads as a member of a consumer group: the partitions are shared with the other
/// members, each goes on where the group has committed, and Ctrl-C commits once more and leaves.
/// Without it nothing is shared and nothing is committed.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ConsumeArgs {
    /// The topics to read
    #[arg(value_name = "TOPIC", required_unless_present = "matching")]
    topics: Vec<String>,
    #[command(flatten)]
    start: StartArgs,
    /// Read only this partition; may be given several times
    #[arg(short, long, value_name = "N", conflicts_with = "group")]
    partition: Vec<i32>,
    /// Stop after so many records
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// Stop at what was the end of the topics when the command began; a member of a group at the
    /// end of the partitions it is given
    #[arg(short, long)]
    exit_at_end: bool,
    /// Records of open and aborted transactions are shown (uncommitted) or held back (committed)
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    isolation: IsolationArg,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    group: GroupArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
struct StartArgs {
    /// Start with the oldest record; with --group, in partitions it has committed nothing of
    #[arg(long)]
    from_beginning: bool,
    /// Start at this offset, or so many records before the end (-10), or at `earliest`, `latest`
    #[arg(short, long, value_name = "OFFSET", allow_hyphen_values = true, value_parser = parse_start)]
    offset: Option<StartAt>,
    /// Start with the first record as new as this: -15m, 2026-11-21T09:30:00Z, or ms since 1970
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_from_timestamp)]
    from_timestamp: Option<TimestampMs>,
}

#[derive(Args, Debug)]
struct FormatArgs {
    /// Show the key too, and this between it and the value (a tab if nothing is given)
    #[arg(short, long, value_name = "SEPARATOR", num_args = 0..=1, default_missing_value = "\t")]
    key: Option<String>,
    /// Show partition and offset before each record, tab-separated
    #[arg(long)]
    offsets: bool,
    /// Show the timestamp before each record
    #[arg(long)]
    timestamps: bool,
    /// Show the headers before each record, as name=value pairs
    #[arg(long)]
    headers: bool,
    /// One JSON object a line with everything there is; binary in base64
    #[arg(long, conflicts_with_all = ["key", "offsets", "timestamps", "headers"])]
    json: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum IsolationArg {
    #[default]
    Uncommitted,
    Committed,
}

const EXAMPLES: &str = "\
Examples:
  klamm consume orders                             follow what arrives from now on
  klamm consume orders --from-beginning -e         everything there is, then stop
  klamm consume orders --offset -10 -n 10          the last ten of each partition, at most ten
  klamm consume orders --from-timestamp -15m       the last quarter of an hour, and on
  klamm consume orders -p 0 -o 4711 -n 1 --json    one record with everything there is
  klamm consume orders -k : --timestamps --offsets
  klamm consume orders audit --offsets             two topics: topic, partition, offset, value
  klamm consume orders --group billing             as a member of the group billing
  klamm consume orders -g billing --from-beginning -e          what billing has not read yet
  klamm consume orders -g billing --group-protocol consumer    where the broker shares it out
  klamm consume old -e --from-beginning --json | klamm produce new --json      copy a topic";

/// How long one wait for records lasts before the end is looked for again.
const POLL_WAIT: Duration = Duration::from_millis(200);

pub(super) fn run(args: ConsumeArgs) -> Result<(), CliError> {
    if args.group.is_given() {
        return group::run(args);
    }
    let cluster = args.cluster.connect()?;
    let partitions = partitions(&cluster, &args)?;
    let mut ends = Ends::new(args.exit_at_end, args.isolation.into());
    ends.look_up(&cluster, &partitions)?;
    let assignment: Vec<_> = partitions
        .into_iter()
        .map(|p| (p, args.start.start_at()))
        .collect();
    let settings = ConsumerSettings {
        isolation: args.isolation.into(),
        ..ConsumerSettings::default()
    };
    let consumer = Consumer::start(cluster, settings, &assignment)?;
    let several = args.topics.len() > 1;
    let mut printer = Printer::new(args.format.record_format(several), args.count);
    read(consumer, &mut printer, &mut ends)
}

fn read(mut consumer: Consumer, printer: &mut Printer, ends: &mut Ends) -> Result<(), CliError> {
    ends.forget_reached(|partition| Some(consumer.position(partition)));
    while !printer.is_full() && !ends.are_reached() {
        if let Some(fetched) = consumer.poll(POLL_WAIT)? {
            printer.show(&fetched, ends.of(&fetched.partition))?;
        }
        ends.forget_reached(|partition| Some(consumer.position(partition)));
    }
    Ok(())
}

/// The partitions asked for, or all of the topics.
fn partitions(cluster: &Cluster, args: &ConsumeArgs) -> Result<Vec<TopicPartition>, CliError> {
    if !args.partition.is_empty() && args.topics.len() > 1 {
        return Err(CliError::usage("--partition reads one topic, not several")
            .with_cure("read each topic by a command of its own"));
    }
    let mut found = Vec::new();
    for topic in &args.topics {
        found.extend(partitions_of(cluster, topic, &args.partition)?);
    }
    Ok(found)
}

fn partitions_of(
    cluster: &Cluster,
    topic: &str,
    wanted: &[i32],
) -> Result<Vec<TopicPartition>, CliError> {
    let count = cluster.partition_count(topic)?;
    if let Some(beyond) = wanted.iter().find(|p| !(0..count).contains(*p)) {
        let message = format!("topic `{topic}` has no partition {beyond}");
        let cure = format!("it has {count}: 0 to {}", count - 1);
        return Err(CliError::refused(message).with_cure(cure));
    }
    let all: Vec<i32> = match wanted.is_empty() {
        true => (0..count).collect(),
        false => wanted.to_vec(),
    };
    let topic: Arc<str> = topic.into();
    let of_topic = |partition| TopicPartition {
        topic: topic.clone(),
        partition,
    };
    Ok(all.into_iter().map(of_topic).collect())
}

impl StartArgs {
    fn start_at(&self) -> StartAt {
        match (self.from_beginning, self.offset, self.from_timestamp) {
            (true, _, _) => StartAt::Earliest,
            (_, Some(start), _) => start,
            (_, _, Some(timestamp)) => StartAt::Timestamp(timestamp),
            _ => StartAt::Latest,
        }
    }
}

impl FormatArgs {
    fn record_format(self, several_topics: bool) -> Box<dyn RecordFormat> {
        match self.json {
            true => Box::new(format::JsonFormat),
            false => Box::new(LineFormat {
                topics: several_topics,
                offsets: self.offsets,
                timestamps: self.timestamps,
                headers: self.headers,
                key_separator: self.key.map(String::into_bytes),
            }),
        }
    }
}

impl From<IsolationArg> for Isolation {
    fn from(level: IsolationArg) -> Self {
        match level {
            IsolationArg::Uncommitted => Self::ReadUncommitted,
            IsolationArg::Committed => Self::ReadCommitted,
        }
    }
}

fn parse_start(text: &str) -> Result<StartAt, String> {
    match (text, text.parse::<i64>()) {
        ("earliest" | "beginning", _) => Ok(StartAt::Earliest),
        ("latest" | "end", _) => Ok(StartAt::Latest),
        (_, Ok(offset)) if offset >= 0 => Ok(StartAt::Offset(offset)),
        (_, Ok(before)) => Ok(StartAt::BeforeEnd(before.unsigned_abs())),
        _ => Err(format!(
            "`{text}` is not an offset: try 0, -10, earliest or latest"
        )),
    }
}

fn parse_from_timestamp(text: &str) -> Result<TimestampMs, String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    units::parse_timestamp(text, now.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ConsumeArgs,
    }

    fn parse(line: &str) -> Result<ConsumeArgs, clap::Error> {
        Line::try_parse_from(line.split(' ')).map(|line| line.args)
    }

    #[test]
    fn the_default_is_to_follow_from_the_end() {
        let args = parse("consume t").unwrap();
        assert_eq!(args.start.start_at(), StartAt::Latest);
        assert!(!args.exit_at_end && args.count.is_none() && args.format.key.is_none());
    }

    #[test]
    fn starts_exclude_each_other() {
        assert_eq!(
            parse("consume t -o -10").unwrap().start.start_at(),
            StartAt::BeforeEnd(10)
        );
        assert_eq!(
            parse("consume t --from-timestamp 99")
                .unwrap()
                .start
                .start_at(),
            StartAt::Timestamp(99)
        );
        assert!(parse("consume t --from-timestamp -15m").is_ok());
        assert!(parse("consume t --from-beginning --offset 3").is_err());
        assert!(parse("consume t --offset soon").is_err());
    }

    #[test]
    fn a_group_excludes_what_it_decides_itself() {
        assert!(parse("consume t -p 0 --group g").is_err());
        assert!(parse("consume t --assignor range").is_err());
        assert!(parse("consume t --no-commit").is_err());
        assert!(parse("consume t --commit-interval 3s").is_err());
        assert!(parse("consume t --group-protocol classic").is_err());
        assert!(parse("consume").is_err());
        assert!(parse("consume t u --group g --from-beginning -e").is_ok());
        assert!(parse("consume --matching t.* --group g --group-protocol consumer").is_ok());
    }

    #[test]
    fn the_key_separator_has_a_default() {
        assert_eq!(
            parse("consume t -k").unwrap().format.key.as_deref(),
            Some("\t")
        );
        assert_eq!(
            parse("consume t -k :").unwrap().format.key.as_deref(),
            Some(":")
        );
        assert!(parse("consume t -k : --json").is_err());
    }
}
