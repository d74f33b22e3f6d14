use clap::{Args, ValueEnum};

use crate::bench::{Acks, ReadFrom, RecordBytes, Workload};
use crate::cli::settings::parse_assignment;
use crate::protocol::record::Codec;

/// Flags for the fields of a workload.
#[derive(Args, Debug)]
#[command(next_help_heading = "Workload, instead of what its file says")]
pub(super) struct Overrides {
    /// Records per second of all producers together; 0 for a closed loop
    #[arg(long, value_name = "N")]
    rate: Option<u64>,
    /// Length of the window
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Full load before the window
    #[arg(long, value_name = "SECONDS")]
    warmup_seconds: Option<f64>,
    /// How long the rate of an open loop rises before the warm-up
    #[arg(long, value_name = "SECONDS")]
    ramp_seconds: Option<f64>,
    /// The window ends after so many megabytes of batches; 0 for no bound
    #[arg(long, value_name = "MB")]
    bytes_max_mb: Option<u64>,
    /// Partitions of the topic
    #[arg(long, value_name = "N")]
    partitions: Option<u32>,
    /// Megabytes of records written before the window
    #[arg(long, value_name = "MB")]
    prefill_mb: Option<u64>,
    /// A config of the topic, e.g. flush.messages=1; may be given several times
    #[arg(long = "topic-config", value_name = "NAME=VALUE", value_parser = parse_assignment)]
    topic_configs: Vec<(String, String)>,
    /// Producers, one connection each
    #[arg(long, value_name = "N")]
    producers: Option<u32>,
    /// Requests of each producer that may wait for their answer
    #[arg(long, value_name = "N")]
    in_flight: Option<u32>,
    /// Partitions of a request, in a closed loop
    #[arg(long, value_name = "N")]
    partitions_per_request: Option<u32>,
    /// Size of a record's value: 1024, 100-2000, or 100:9,1000:1 by weight
    #[arg(long, value_name = "SIZES", value_parser = RecordBytes::parse)]
    record_bytes: Option<RecordBytes>,
    /// Records of a batch
    #[arg(long, value_name = "N")]
    batch_records: Option<u32>,
    /// Records that are due together, in an open loop
    #[arg(long, value_name = "N")]
    burst_records: Option<u32>,
    /// How long a due record waits for company, in an open loop
    #[arg(long, value_name = "US")]
    linger_us: Option<u64>,
    /// Whose word counts: all, 1 or 0
    #[arg(long, value_name = "WHO", value_parser = Acks::parse, allow_hyphen_values = true)]
    acks: Option<Acks>,
    /// none, gzip, snappy, lz4 or zstd
    #[arg(long, value_name = "CODEC", value_parser = parse_codec)]
    codec: Option<Codec>,
    /// How many different keys; 0 for none
    #[arg(long, value_name = "N")]
    keys: Option<u32>,
    /// Whether producers are idempotent
    #[arg(long, value_name = "BOOL")]
    idempotent: Option<bool>,
    /// Readers, one connection each
    #[arg(long, value_name = "N")]
    readers: Option<u32>,
    /// Where readers begin
    #[arg(long, value_enum, value_name = "WHERE")]
    readers_from: Option<FromArg>,
    /// Bytes of records in an answer
    #[arg(long, value_name = "BYTES")]
    fetch_bytes_max: Option<u32>,
    /// Cap of each reader in megabytes per second; 0 for none
    #[arg(long, value_name = "MB")]
    reader_mb_per_second: Option<f64>,
    /// Readers of the prefill beside everything else
    #[arg(long, value_name = "N")]
    lagging: Option<u32>,
    /// Cap of each of them in megabytes per second; 0 for none
    #[arg(long, value_name = "MB")]
    lagging_mb_per_second: Option<f64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FromArg {
    Tail,
    Start,
}

impl Overrides {
    /// Changes what was given.
    pub(super) fn apply(&self, workload: &mut Workload) {
        set(&mut workload.partitions, self.partitions);
        set(&mut workload.prefill_mb, self.prefill_mb);
        workload
            .topic_configs
            .extend(self.topic_configs.iter().cloned());
        self.apply_to_producers(workload);
        self.apply_to_readers(workload);
        let window = &mut workload.window;
        set(&mut window.seconds, self.seconds);
        set(&mut window.warmup_seconds, self.warmup_seconds);
        set(&mut window.ramp_seconds, self.ramp_seconds);
        set(&mut window.bytes_max_mb, self.bytes_max_mb);
    }

    fn apply_to_producers(&self, workload: &mut Workload) {
        let producers = &mut workload.producers;
        set(&mut producers.count, self.producers);
        set(&mut producers.in_flight, self.in_flight);
        set(
            &mut producers.partitions_per_request,
            self.partitions_per_request,
        );
        set(&mut producers.record_bytes, self.record_bytes.clone());
        set(&mut producers.batch_records, self.batch_records);
        set(&mut producers.burst_records, self.burst_records);
        set(&mut producers.linger_us, self.linger_us);
        set(&mut producers.rate, self.rate);
        set(&mut producers.acks, self.acks);
        set(&mut producers.codec, self.codec);
        set(&mut producers.keys, self.keys);
        set(&mut producers.idempotent, self.idempotent);
    }

    fn apply_to_readers(&self, workload: &mut Workload) {
        let from = self.readers_from.map(|from| match from {
            FromArg::Tail => ReadFrom::Tail,
            FromArg::Start => ReadFrom::Start,
        });
        set(&mut workload.readers.count, self.readers);
        set(&mut workload.readers.from, from);
        set(&mut workload.readers.fetch_bytes_max, self.fetch_bytes_max);
        set(
            &mut workload.readers.mb_per_second,
            self.reader_mb_per_second,
        );
        set(&mut workload.lagging.count, self.lagging);
        set(
            &mut workload.lagging.mb_per_second,
            self.lagging_mb_per_second,
        );
    }
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *field = value;
    }
}

fn parse_codec(text: &str) -> Result<Codec, String> {
    Codec::from_name(text).ok_or_else(|| {
        let all = Codec::ALL.map(Codec::name).join(", ");
        format!("codec `{text}` is not known: use one of {all}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::builtin;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        overrides: Overrides,
    }

    #[test]
    fn what_is_given_wins_and_the_rest_stays() {
        let line = "x --rate 5 --record-bytes 100-200 --acks 1 --codec zstd --readers-from start \
                    --topic-config flush.messages=1 --seconds 2.5";
        let parsed = Line::try_parse_from(line.split_whitespace()).unwrap();
        let mut workload = builtin("large-batches").unwrap();
        parsed.overrides.apply(&mut workload);
        assert_eq!(workload.producers.rate, 5);
        assert_eq!(
            workload.producers.record_bytes,
            RecordBytes::Range([100, 200])
        );
        assert_eq!(workload.producers.acks, Acks::Leader);
        assert_eq!(workload.producers.codec, Codec::Zstd);
        assert_eq!(workload.producers.batch_records, 1000);
        assert_eq!(workload.readers.from, ReadFrom::Start);
        assert_eq!(workload.topic_configs["flush.messages"], "1");
        assert_eq!(workload.window.seconds, 2.5);
    }

    #[test]
    fn wrong_values_are_refused() {
        for line in ["x --acks 2", "x --codec brotli", "x --record-bytes many"] {
            assert!(Line::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
