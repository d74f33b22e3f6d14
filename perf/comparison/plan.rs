//! Which workload is measured on which columns, for how long.

use std::time::Duration;

use klamm::bench::builtin;

use crate::args::Args;
use crate::columns::{
    Column, KAFKA, KAFKA_OPERATED, KAFKA_SAME_PROMISE, KLAMM, KLAMM_BEFORE, KLAMM_WRITTEN,
};
use crate::load::Length;

/// One row of the comparison.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// What state and page call it.
    pub(crate) label: String,
    /// The file in perf/workloads.
    pub(crate) workload: &'static str,
    /// More options of `klamm bench`.
    pub(crate) extra: Vec<String>,
    /// Who is measured.
    pub(crate) columns: Vec<&'static Column>,
    /// How long a window is.
    pub(crate) seconds: u64,
    /// How many pairs of windows.
    pub(crate) pairs: usize,
    /// At most so many windows to warm a JVM.
    pub(crate) warmups_max: usize,
    /// Whether all windows of a broker use the same topic.
    pub(crate) keeps_topic: bool,
    /// What a broker of it holds on the disk at most, GB.
    pub(crate) disk_gb: u64,
    /// What the brokers' control groups may use; brokers of their own are started then.
    pub(crate) memory_bytes_max: Option<u64>,
    /// Doing nothing is the work: idle is not taken off.
    pub(crate) idle: bool,
}

/// Everything that is measured by windows, in order, but for the latency rows, whose rates are
/// found first.
pub(crate) fn items(args: &Args) -> Vec<Item> {
    let items = match args.against {
        Some(_) => quick(),
        None => full(args),
    };
    let wanted = |item: &Item| args.wants(item.workload) || args.wants(&item.label);
    let wanted = items.into_iter().filter(wanted);
    wanted.map(|item| item.within(args)).collect()
}

/// The latency row at one share of a rate.
pub(crate) fn latency(percent: u32, records_per_second: u64, args: &Args) -> Item {
    let has_goal = percent == 50;
    // A 99th percentile needs 10,000 samples.
    let seconds = (12_000 / records_per_second.max(1)).clamp(10, 60);
    let item = Item {
        label: format!("latency-{percent}"),
        extra: vec!["--rate".to_owned(), records_per_second.to_string()],
        seconds,
        ..item("latency", &[&KLAMM, &KAFKA, &KAFKA_SAME_PROMISE])
    };
    match has_goal {
        true => item.with_goal(),
        false => item,
    }
    .within(args)
}

/// How long what is no workload takes.
pub(crate) fn estimate_of_the_rest(args: &Args) -> Duration {
    let latency = LATENCY_PERCENTS.map(|percent| latency(percent, 10_000, args).estimate());
    let parts = [
        (
            "latency",
            latency.iter().sum::<Duration>() + Duration::from_secs(SEARCH_SECONDS),
        ),
        ("tools", Duration::from_secs(TOOLS_SECONDS)),
        ("groups", Duration::from_secs(GROUPS_SECONDS)),
        ("lifecycle", Duration::from_secs(LIFECYCLE_SECONDS)),
    ];
    let wanted = parts
        .iter()
        .filter(|(name, _)| args.against.is_none() && args.wants(name));
    wanted.map(|(_, length)| *length).sum()
}

/// The shares of Kafka's highest rate at which latency is measured, percent.
pub(crate) const LATENCY_PERCENTS: [u32; 3] = [10, 50, 90];

impl Item {
    /// The time of a measured window.
    pub(crate) fn length(&self) -> Length {
        Length {
            warmup_seconds: if self.idle { 0 } else { 1 },
            seconds: self.seconds,
        }
    }

    /// The time of a window that warms: long enough to be judged by, and nothing before it.
    pub(crate) fn warmup_length(&self, column: &Column) -> Length {
        Length {
            warmup_seconds: 0,
            seconds: match column.is_kafka() {
                true => self.seconds.min(WARMUP_SECONDS),
                false => 1,
            },
        }
    }

    /// What warms it: a cold backlog is only for what is measured.
    pub(crate) fn for_warmup(&self) -> Self {
        let mut item = self.clone();
        if let Some(name) = item.extra.iter().position(|word| word == PREFILL) {
            let megabytes: u64 = item.extra[name + 1].parse().unwrap_or(0);
            item.extra[name + 1] = megabytes.min(WARMUP_PREFILL_MB).to_string();
        }
        item
    }

    /// How long it takes all in all, if the JVMs get warm in the middle of what is allowed.
    pub(crate) fn estimate(&self) -> Duration {
        let workload = builtin(self.workload);
        let ramp = workload
            .as_ref()
            .map_or(0.0, |workload| workload.window.ramp_seconds);
        let prefill_mb = |item: &Self| {
            let given = item.extra.iter().position(|word| word == PREFILL);
            let given = given.and_then(|name| item.extra[name + 1].parse().ok());
            let own = workload.as_ref().map_or(0, |workload| workload.prefill_mb);
            given.unwrap_or(own)
        };
        let around =
            |item: &Self| OVERHEAD_SECONDS + ramp + prefill_mb(item) as f64 / PREFILL_MB_PER_SECOND;
        let of = |column: &&Column| {
            let warmups = match column.is_kafka() {
                true => self.warmups_max.div_ceil(2).max(3).min(self.warmups_max),
                false => 1,
            };
            let (warm, length) = (self.warmup_length(column), self.length());
            warmups as f64 * (around(&self.for_warmup()) + warm.seconds as f64)
                + self.pairs as f64
                    * (around(self) + (length.seconds + length.warmup_seconds) as f64)
        };
        let topic = match (self.keeps_topic, &workload) {
            (true, Some(workload)) => f64::from(workload.partitions) / KAFKA_PARTITIONS_PER_SECOND,
            _ => 0.0,
        };
        Duration::from_secs_f64(self.columns.iter().map(of).sum::<f64>() + topic)
    }

    fn with_goal(self) -> Self {
        Self {
            pairs: PAIRS_FOR_GOAL,
            warmups_max: usize::MAX,
            ..self
        }
    }

    fn lasting(self, seconds: u64) -> Self {
        Self { seconds, ..self }
    }

    fn keeping_topic(self) -> Self {
        Self {
            keeps_topic: true,
            ..self
        }
    }

    /// As the command line changes it.
    fn within(self, args: &Args) -> Self {
        Self {
            seconds: self.seconds.min(args.seconds.unwrap_or(u64::MAX)),
            pairs: args.pairs.unwrap_or(self.pairs),
            warmups_max: self.warmups_max.min(args.warmups_max),
            ..self
        }
    }
}

const PAIRS_FOR_GOAL: usize = 5;
const PAIRS: usize = 2;
const WARMUPS_MAX: usize = 4;
const WARMUP_SECONDS: u64 = 5;
const WARMUP_PREFILL_MB: u64 = 500;
const PREFILL: &str = "--prefill-mb";
/// What a window takes beside its length: start, settling, idle, reading.
const OVERHEAD_SECONDS: f64 = 1.7;
const PREFILL_MB_PER_SECOND: f64 = 700.0;
const KAFKA_PARTITIONS_PER_SECOND: f64 = 100.0;
/// Starts, kills and the fill before them; Kafka takes long.
const LIFECYCLE_SECONDS: u64 = 300;
/// Joins of ten thousand members take their time.
const GROUPS_SECONDS: u64 = 2400;
const TOOLS_SECONDS: u64 = 180;
/// The search for the highest rate.
const SEARCH_SECONDS: u64 = 180;

fn full(args: &Args) -> Vec<Item> {
    let every: &[&Column] = &[
        &KLAMM,
        &KLAMM_WRITTEN,
        &KAFKA,
        &KAFKA_OPERATED,
        &KAFKA_SAME_PROMISE,
    ];
    let page_cache: &[&Column] = &[&KLAMM, &KAFKA, &KAFKA_OPERATED];
    let promises: &[&Column] = &[&KLAMM, &KAFKA, &KAFKA_SAME_PROMISE];
    let mut items = vec![
        item("large-batches", every).with_goal(),
        item("small-requests", every).with_goal(),
        item("small-requests-500", &[&KLAMM, &KAFKA]).lasting(12),
        item("fetch", page_cache).with_goal(),
        item("hundred-partitions", every).with_goal().lasting(4),
        item("small-1000", promises)
            .with_goal()
            .lasting(5)
            .keeping_topic(),
        item("fan-out-1", page_cache).lasting(6),
        item("fan-out-10", page_cache).lasting(6),
        item("fan-out-100", page_cache).lasting(6),
    ];
    for (codec, prepared_mb) in CODECS {
        items.push(Item {
            extra: vec!["--prepared-mb".to_owned(), prepared_mb.to_string()],
            ..item(codec, page_cache)
        });
    }
    items.push(item("idempotent", page_cache));
    items.push(Item {
        idle: true,
        ..item("idle", page_cache).lasting(5)
    });
    // What follows ten thousand partitions would feel them.
    items.push(Item {
        warmups_max: WARMUPS_MAX,
        ..item("small-10000", promises)
            .with_goal()
            .lasting(5)
            .keeping_topic()
    });
    let lagging = |count: &str, prefill_mb: u64| {
        ["--lagging", count, PREFILL, &prefill_mb.to_string()]
            .map(str::to_owned)
            .to_vec()
    };
    items.push(catch_up("catch-up-alone", lagging("0", 0), args));
    items.push(catch_up(
        CATCH_UP,
        lagging("1", args.catch_up_backlog_mb()),
        args,
    ));
    items
}

const CATCH_UP: &str = "catch-up";
/// With what is compressed for each window, MB: enough for three seconds, or what takes seconds to
/// prepare.
const CODECS: [(&str, u64); 4] = [
    ("codec-gzip", 400),
    ("codec-snappy", 1200),
    ("codec-lz4", 1200),
    ("codec-zstd", 1200),
];

/// What takes five minutes: the paths that change most.
fn quick() -> Vec<Item> {
    let workloads = [
        "large-batches",
        "hundred-partitions",
        "small-requests",
        "small-1000",
        "fetch",
        "fan-out-10",
    ];
    let both: &[&Column] = &[&KLAMM, &KLAMM_BEFORE];
    workloads.map(|workload| item(workload, both)).into()
}

fn item(workload: &'static str, columns: &[&'static Column]) -> Item {
    Item {
        label: workload.to_owned(),
        workload,
        extra: Vec::new(),
        columns: columns.to_vec(),
        seconds: 3,
        pairs: PAIRS,
        warmups_max: WARMUPS_MAX,
        keeps_topic: false,
        disk_gb: 4,
        memory_bytes_max: None,
        idle: false,
    }
}

/// A quarter of the backlog, but what a JVM needs; as long as a 99th percentile takes at 400
/// batches a second.
fn catch_up(label: &str, extra: Vec<String>, args: &Args) -> Item {
    let backlog_mb = args.catch_up_backlog_mb();
    Item {
        label: label.to_owned(),
        extra,
        warmups_max: WARMUPS_MAX,
        disk_gb: backlog_mb / 1000 + 4,
        memory_bytes_max: Some((backlog_mb << 18).max(MEMORY_BYTES_MIN)),
        ..item("catch-up", &[&KLAMM, &KAFKA]).with_goal().lasting(26)
    }
}

const MEMORY_BYTES_MIN: u64 = 2 << 30;
