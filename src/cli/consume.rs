//! `klamm consume`: records of a topic as lines.

mod format;

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};

use self::format::{LineFormat, RecordFormat};
use super::error::CliError;
use super::output::Output;
use super::target::ClusterArgs;
use super::units;
use crate::client::{
    Admin, Cluster, ConsumedBatch, Consumer, ConsumerSettings, Isolation, OffsetSpec, StartAt,
};
use crate::model::{Offset, TimestampMs, TopicPartition};

/// Read records from a topic, one line each
///
/// Starts with what arrives from now on and follows until interrupted, like `tail -f`. Say where
/// to start with --from-beginning, --offset or --from-timestamp, and when to stop with --count or
/// --exit-at-end. Reads every partition unless told otherwise; records of one partition come in
/// order, partitions are interleaved. No consumer group is involved and nothing is committed.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ConsumeArgs {
    /// The topic to read
    topic: String,
    #[command(flatten)]
    start: StartArgs,
    /// Read only this partition; may be given several times
    #[arg(short, long, value_name = "N")]
    partition: Vec<i32>,
    /// Stop after so many records
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// Stop at what was the end of the topic when the command began
    #[arg(short, long)]
    exit_at_end: bool,
    /// Records of open and aborted transactions are shown (uncommitted) or held back (committed)
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    isolation: IsolationArg,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
struct StartArgs {
    /// Start with the oldest record
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
  klamm consume old -e --from-beginning --json | klamm produce new --json      copy a topic";

/// How long one wait for records lasts before the end is looked for again.
const POLL_WAIT: Duration = Duration::from_millis(200);

pub(super) fn run(args: ConsumeArgs) -> Result<(), CliError> {
    let cluster = args.cluster.connect()?;
    let partitions = partitions(&cluster, &args)?;
    let ends = match args.exit_at_end {
        true => Some(end_offsets(&cluster, &partitions, args.isolation)?),
        false => None,
    };
    let assignment: Vec<_> = partitions
        .into_iter()
        .map(|p| (p, args.start.start_at()))
        .collect();
    let settings = ConsumerSettings {
        isolation: args.isolation.into(),
        ..ConsumerSettings::default()
    };
    let consumer = Consumer::start(cluster, settings, &assignment)?;
    let mut reading = Reading {
        format: args.format.record_format(args.topic),
        left: args.count.unwrap_or(u64::MAX),
        ends,
        output: Output::stdout(),
    };
    reading.run(consumer)
}

/// A consumer on its way to stdout.
struct Reading {
    format: Box<dyn RecordFormat>,
    left: u64,
    ends: Option<HashMap<TopicPartition, Offset>>,
    output: Output,
}

impl Reading {
    fn run(&mut self, mut consumer: Consumer) -> Result<(), CliError> {
        self.forget_finished(&consumer);
        while !self.is_done() {
            if let Some(fetched) = consumer.poll(POLL_WAIT)? {
                for batch in fetched.batches() {
                    self.show(&fetched.partition, &batch?)?;
                }
                self.output.flush()?;
            }
            self.forget_finished(&consumer);
        }
        Ok(self.output.flush()?)
    }

    fn show(&mut self, partition: &TopicPartition, batch: &ConsumedBatch) -> Result<(), CliError> {
        let end = match &self.ends {
            Some(ends) => ends.get(partition).copied().unwrap_or(0),
            None => Offset::MAX,
        };
        for record in batch.records() {
            let record = record?;
            if self.left == 0 || record.offset >= end {
                break;
            }
            self.format
                .write(&mut self.output, partition.partition, &record)?;
            self.left -= 1;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.left == 0 || self.ends.as_ref().is_some_and(HashMap::is_empty)
    }

    fn forget_finished(&mut self, consumer: &Consumer) {
        if let Some(ends) = &mut self.ends {
            ends.retain(|partition, end| consumer.position(partition) < *end);
        }
    }
}

/// The partitions asked for, or all of the topic.
fn partitions(cluster: &Cluster, args: &ConsumeArgs) -> Result<Vec<TopicPartition>, CliError> {
    let count = cluster.partition_count(&args.topic)?;
    if let Some(beyond) = args.partition.iter().find(|p| !(0..count).contains(*p)) {
        let message = format!("topic `{}` has no partition {beyond}", args.topic);
        let cure = format!("it has {count}: 0 to {}", count - 1);
        return Err(CliError::refused(message).with_cure(cure));
    }
    let all: Vec<i32> = match args.partition.is_empty() {
        true => (0..count).collect(),
        false => args.partition.clone(),
    };
    let topic: Arc<str> = args.topic.as_str().into();
    let of_topic = |partition| TopicPartition {
        topic: topic.clone(),
        partition,
    };
    Ok(all.into_iter().map(of_topic).collect())
}

fn end_offsets(
    cluster: &Arc<Cluster>,
    partitions: &[TopicPartition],
    isolation: IsolationArg,
) -> Result<HashMap<TopicPartition, Offset>, CliError> {
    let asked: Vec<_> = partitions
        .iter()
        .map(|p| (p.clone(), OffsetSpec::Latest))
        .collect();
    let found = Admin::new(cluster.clone()).list_offsets(&asked, isolation.into())?;
    found
        .into_iter()
        .map(|listed| Ok((listed.partition, listed.outcome?.offset)))
        .collect()
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
    fn record_format(self, topic: String) -> Box<dyn RecordFormat> {
        match self.json {
            true => Box::new(format::JsonFormat::new(topic)),
            false => Box::new(LineFormat {
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
