//! `klamm produce`: lines of stdin as records.

mod input;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use self::input::{Input, LineReader, LineRecord};
use super::error::CliError;
use super::output::{Progress, plural};
use super::target::ClusterArgs;
use super::units;
use crate::client::{Acks, ClientError, Delivery, Producer, ProducerRecord, ProducerSettings};
use crate::protocol::record::{Codec, Header};

/// Write records to a topic, one for each line of stdin
///
/// The command ends when stdin does and every record is acknowledged; it exits with 1 if any
/// was not, after naming its line. A record is written once even if it had to be sent again,
/// unless --no-idempotence says otherwise. On a terminal, progress is shown on stderr.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ProduceArgs {
    /// The topic to write to; the broker may create it, see auto.create.topics.enable
    topic: String,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    delivery: DeliveryArgs,
    /// No more than so many records a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Neither progress nor summary on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Records")]
struct InputArgs {
    /// A line is a key, this separator, and a value; a line without it is a value without a key
    #[arg(short, long, value_name = "SEPARATOR")]
    key_separator: Option<String>,
    /// Lines are JSON objects as `klamm consume --json` writes them
    #[arg(long, conflicts_with = "key_separator")]
    json: bool,
    /// A value that is exactly this becomes null, which deletes the key on a compacted topic
    #[arg(long, value_name = "TEXT", conflicts_with = "json")]
    null: Option<String>,
    /// A header for every record; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE", value_parser = parse_header)]
    headers: Vec<(String, String)>,
    /// Write to this partition instead of letting the key decide
    #[arg(short, long, value_name = "N")]
    partition: Option<i32>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Delivery")]
struct DeliveryArgs {
    /// Whose word counts: `all` in-sync replicas, the `leader`, or `none` (no answer at all)
    #[arg(long, value_enum, default_value_t, value_name = "WHO")]
    acks: AcksArg,
    /// Compress batches
    #[arg(short = 'z', long, value_enum, default_value_t, value_name = "CODEC")]
    compression: CodecArg,
    /// Largest batch of one partition, before compression
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = units::parse_size)]
    batch_size: usize,
    /// How long a batch waits for more records
    #[arg(long, value_name = "DURATION", default_value = "5ms", value_parser = units::parse_duration)]
    linger: Duration,
    /// A record that had to be sent again may be written twice
    #[arg(long)]
    no_idempotence: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum AcksArg {
    #[default]
    #[value(alias = "-1")]
    All,
    #[value(alias = "1")]
    Leader,
    #[value(alias = "0")]
    None,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum CodecArg {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

const EXAMPLES: &str = "\
Examples:
  echo hello | klamm produce greetings
  seq 1000000 | klamm produce numbers --compression zstd
  klamm produce users -k : < users.txt             lines as ada:{\"born\":1815}
  echo ada: | klamm produce users -k : --null ''   a tombstone: forget the key ada
  klamm produce log --rate 100 -H host=web1 < access.log
  klamm consume old -e --from-beginning --json | klamm produce new --json";

pub(super) fn run(args: ProduceArgs) -> Result<(), CliError> {
    let cluster = args.cluster.connect()?;
    let tally = Arc::new(Tally::default());
    let on_delivery = {
        let tally = tally.clone();
        move |delivery: &Delivery| tally.on_delivery(delivery)
    };
    let producer = Producer::start(cluster, args.settings(), on_delivery);
    let progress = Progress::begin(!args.quiet, Instant::now());
    let mut sending = Sending {
        producer,
        tally,
        progress,
        topic: args.topic.as_str().into(),
        pace: args.rate.map(|rate| Pace::begin(rate, Instant::now())),
        headers: args.input.headers.clone(),
        partition: args.input.partition,
    };
    let read = sending.run(LineReader::new(io::stdin().lock(), args.input.reading()));
    let delivered = sending.finish(args.quiet);
    read.and(delivered)
}

/// Lines on their way to the broker.
struct Sending {
    producer: Producer,
    tally: Arc<Tally>,
    progress: Progress,
    topic: Arc<str>,
    pace: Option<Pace>,
    headers: Vec<(String, String)>,
    partition: Option<i32>,
}

impl Sending {
    fn run(&mut self, mut lines: LineReader<impl io::BufRead>) -> Result<(), CliError> {
        let headers = std::mem::take(&mut self.headers);
        while let Some(line) = lines.next_record()? {
            if let Some(pace) = &mut self.pace {
                pace.wait();
            }
            self.send(&line, &headers)?;
            if line.number.is_multiple_of(256) || self.pace.is_some() {
                let (records, bytes) = self.tally.delivered();
                self.progress.update(Instant::now(), records, bytes);
            }
        }
        Ok(())
    }

    fn send(&self, line: &LineRecord<'_>, fixed: &[(String, String)]) -> Result<(), CliError> {
        let fixed = fixed.iter().map(|(name, value)| Header {
            key: name.as_bytes(),
            value: Some(value.as_bytes()),
        });
        let headers: Vec<Header<'_>> = fixed.chain(line.headers()).collect();
        let sent = self.producer.send(&ProducerRecord {
            topic: &self.topic,
            partition: self.partition.or(line.partition),
            timestamp: line.timestamp,
            key: line.key.as_deref(),
            value: line.value.as_deref(),
            headers: &headers,
            tag: line.number,
        });
        match sent {
            Err(error @ ClientError::RecordTooLarge { .. }) => {
                self.tally.on_failure(&[line.number], &error);
                Ok(())
            }
            sent => Ok(sent?),
        }
    }

    fn finish(mut self, quiet: bool) -> Result<(), CliError> {
        self.producer.flush();
        let (records, bytes) = self.tally.delivered();
        self.progress.clear();
        if !quiet {
            eprintln!("{}", self.progress.summary(Instant::now(), records, bytes));
        }
        match self.tally.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => Err(CliError::refused(format!(
                "{} not delivered",
                plural(failed, "record")
            ))),
        }
    }
}

/// What became of the records so far; counted on the producer's threads.
#[derive(Default)]
struct Tally {
    records: AtomicU64,
    bytes: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    /// Only the first failures are told one by one.
    const TOLD_MAX: u64 = 10;

    fn on_delivery(&self, delivery: &Delivery) {
        let records = delivery.tags.len() as u64;
        match &delivery.outcome {
            Ok(_) => {
                self.records.fetch_add(records, Ordering::Relaxed);
                self.bytes
                    .fetch_add(delivery.bytes as u64, Ordering::Relaxed);
            }
            Err(error) => self.on_failure(&delivery.tags, error),
        }
    }

    fn on_failure(&self, lines: &[u64], error: &ClientError) {
        let records = lines.len() as u64;
        let before = self.failed.fetch_add(records, Ordering::Relaxed);
        if before < Self::TOLD_MAX {
            eprintln!("klamm: {}: {error}", which_lines(lines));
        }
    }

    fn delivered(&self) -> (u64, u64) {
        (
            self.records.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }
}

/// `line 7`, or `lines 7 to 12 (3 records)`: other lines may have gone to other partitions.
fn which_lines(lines: &[u64]) -> String {
    match lines {
        [] => String::new(),
        [line] => format!("line {line}"),
        [first, .., last] => format!("lines {first} to {last} ({} records)", lines.len()),
    }
}

/// Spreads records evenly over time.
struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    fn begin(rate: u64, now: Instant) -> Self {
        Self {
            interval: Duration::from_secs(1) / rate.min(1_000_000_000) as u32,
            next: now,
        }
    }

    /// Sleeps until the next record is due; up to a second of lost time is made up for.
    fn wait(&mut self) {
        let now = Instant::now();
        let early = self.next.saturating_duration_since(now);
        if !early.is_zero() {
            std::thread::sleep(early);
        } else if now.duration_since(self.next) > Duration::from_secs(1) {
            self.next = now;
        }
        self.next += self.interval;
    }
}

impl ProduceArgs {
    fn settings(&self) -> ProducerSettings {
        self.delivery.settings(self.cluster.timeout())
    }
}

impl InputArgs {
    fn reading(&self) -> Input {
        match self.json {
            true => Input::Json,
            false => Input::Lines {
                key_separator: self.key_separator.clone().map(String::into_bytes),
                null: self.null.clone().map(String::into_bytes),
            },
        }
    }
}

impl DeliveryArgs {
    fn settings(&self, delivery_timeout: Duration) -> ProducerSettings {
        let acks = match self.acks {
            AcksArg::All => Acks::All,
            AcksArg::Leader => Acks::Leader,
            AcksArg::None => Acks::None,
        };
        ProducerSettings {
            acks,
            compression: match self.compression {
                CodecArg::None => Codec::None,
                CodecArg::Gzip => Codec::Gzip,
                CodecArg::Snappy => Codec::Snappy,
                CodecArg::Lz4 => Codec::Lz4,
                CodecArg::Zstd => Codec::Zstd,
            },
            batch_bytes_max: self.batch_size,
            linger: self.linger,
            delivery_timeout,
            idempotence: !self.no_idempotence && acks == Acks::All,
            ..ProducerSettings::default()
        }
    }
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ProduceArgs,
    }

    fn parse(line: &str) -> Result<ProduceArgs, clap::Error> {
        Line::try_parse_from(line.split(' ')).map(|line| line.args)
    }

    #[test]
    fn acks_are_known_by_number_too() {
        for (text, acks) in [("all", Acks::All), ("1", Acks::Leader), ("0", Acks::None)] {
            let args = parse(&format!("produce t --acks {text}")).unwrap();
            assert_eq!(args.settings().acks, acks);
        }
        assert_eq!(
            parse("produce t --acks=-1").unwrap().settings().acks,
            Acks::All
        );
    }

    #[test]
    fn idempotence_needs_acks_of_all() {
        assert!(parse("produce t").unwrap().settings().idempotence);
        assert!(
            !parse("produce t --acks leader")
                .unwrap()
                .settings()
                .idempotence
        );
        assert!(
            !parse("produce t --no-idempotence")
                .unwrap()
                .settings()
                .idempotence
        );
    }

    #[test]
    fn wrong_values_are_refused() {
        assert!(parse("produce t -z brotli").is_err());
        assert!(parse("produce t --rate 0").is_err());
        assert!(parse("produce t --json -k :").is_err());
        assert!(parse("produce t -H novalue").is_err());
    }

    #[test]
    fn failures_are_told_by_line() {
        assert_eq!(which_lines(&[7]), "line 7");
        assert_eq!(which_lines(&[7, 9, 12]), "lines 7 to 12 (3 records)");
    }

    #[test]
    fn a_pace_is_kept() {
        let begun = Instant::now();
        let mut pace = Pace::begin(1000, begun);
        for _ in 0..21 {
            pace.wait();
        }
        assert!(begun.elapsed() >= Duration::from_millis(20));
    }
}
