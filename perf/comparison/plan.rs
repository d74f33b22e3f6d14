//! Which workload is measured on which columns.

use crate::args::Args;
use crate::columns::{
    Column, KAFKA, KAFKA_OPERATED, KAFKA_SAME_PROMISE, KLAMM, KLAMM_BEFORE, KLAMM_WRITTEN,
};

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
        None => full(),
    };
    let wanted = |item: &Item| args.wants(item.workload) || args.wants(&item.label);
    items.into_iter().filter(wanted).collect()
}

/// The latency row at one share of a rate.
pub(crate) fn latency(percent: u32, records_per_second: u64) -> Item {
    let label = format!("latency-{percent}");
    Item {
        label,
        extra: vec!["--rate".to_owned(), records_per_second.to_string()],
        ..item("latency", &[&KLAMM, &KAFKA, &KAFKA_SAME_PROMISE])
    }
}

/// The shares of Kafka's highest rate at which latency is measured, percent.
pub(crate) const LATENCY_PERCENTS: [u32; 3] = [10, 50, 90];

fn full() -> Vec<Item> {
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
        item("large-batches", every),
        item("small-requests", every),
        item("small-requests-500", &[&KLAMM, &KAFKA]),
        item("fetch", page_cache),
        item("hundred-partitions", every),
        item("small-1000", promises),
        item("small-10000", promises),
        item("fan-out-1", page_cache),
        item("fan-out-10", page_cache),
        item("fan-out-100", page_cache),
    ];
    for codec in ["codec-gzip", "codec-snappy", "codec-lz4", "codec-zstd"] {
        items.push(item(codec, page_cache));
    }
    items.push(item("idempotent", page_cache));
    items.push(Item {
        idle: true,
        ..item("idle", page_cache)
    });
    items.push(catch_up("catch-up-alone", &["--lagging", "0"]));
    items.push(catch_up("catch-up", &[]));
    items
}

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
        disk_gb: 4,
        memory_bytes_max: None,
        idle: false,
    }
}

fn catch_up(label: &str, extra: &[&str]) -> Item {
    Item {
        label: label.to_owned(),
        extra: extra.iter().map(|word| (*word).to_owned()).collect(),
        disk_gb: 20,
        memory_bytes_max: Some(4 << 30),
        ..item("catch-up", &[&KLAMM, &KAFKA])
    }
}
