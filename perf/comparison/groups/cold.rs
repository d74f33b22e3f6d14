//! A start on a log of offsets that nobody has compacted, with cold caches.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use klamm::bench::groups::{CommitReport, LoadedGroups, await_loaded};
use serde::{Deserialize, Serialize};

use super::Keeper;
use crate::Outcome;
use crate::broker::Broker;
use crate::columns::Column;
use crate::interrupt;
use crate::load::Load;

/// One start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) column: String,
    pub(super) round: usize,
    /// Bytes of all logs on the disk, almost all of them offsets.
    pub(super) log_bytes: u64,
    /// Offsets committed before.
    pub(super) offsets: u64,
    /// Commits per processor second of the broker while they were written.
    pub(super) commits_per_cpu_second: f64,
    /// Whether the page cache was dropped.
    pub(super) cold: bool,
    /// From exec to the first answer.
    pub(super) answered_ms: f64,
    /// From exec until every group told its last offset.
    pub(super) loaded_ms: f64,
}

/// Nobody compacts while it is written; Kafka would not anyway before a segment is full.
const SETTINGS: &[&str] = &["log.cleaner.enable=false"];
const GROUPS: u32 = 1000;
const PARTITIONS: u32 = 100;
/// Of 100,000 offsets, 111 bytes each.
const ROUNDS: u64 = 91;
const FILL_SECONDS_MAX: &str = "900";
const PATIENCE: Duration = Duration::from_secs(600);
const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

/// Fills both once, then starts them in turn.
pub(super) fn run(keeper: &mut Keeper<'_>) -> Outcome<()> {
    if keeper.found.cold.len() >= keeper.pairs() * keeper.order(0).len() {
        return Ok(());
    }
    let mut filled = Vec::new();
    for column in keeper.order(0) {
        filled.push(fill(keeper, column)?);
    }
    for round in 0..keeper.pairs() {
        for column in keeper.order(round) {
            let of = |filled: &&Filled| filled.column.key == column.key;
            let filled = filled.iter().find(of).ok_or("every column was filled")?;
            let start = start(keeper, filled, round)?;
            tell(&start);
            keeper.found.cold.push(start);
            keeper.save()?;
        }
    }
    for one in filled {
        let _ = fs::remove_dir_all(keeper.args.scratch.join(one.column.process));
    }
    Ok(())
}

/// A broker that was stopped with its log full.
struct Filled {
    column: &'static Column,
    report: CommitReport,
    wanted: LoadedGroups,
    log_bytes: u64,
    cpu_seconds: f64,
}

fn fill(keeper: &Keeper<'_>, column: &'static Column) -> Outcome<Filled> {
    let mut broker = keeper.broker(column, SETTINGS, false)?;
    broker.await_answer()?;
    let rounds = match keeper.args.seconds {
        // A short comparison has a short log.
        Some(seconds) => ROUNDS.min(seconds.max(1)),
        None => ROUNDS,
    };
    eprintln!("compare: {}: committing {rounds} rounds", column.title);
    let (groups, partitions) = (GROUPS.to_string(), PARTITIONS.to_string());
    let rounds = rounds.to_string();
    let words = [
        "commits",
        "--keep",
        "--groups",
        &groups,
        "--partitions",
        &partitions,
        "--rounds",
        &rounds,
        "--seconds",
        FILL_SECONDS_MAX,
    ];
    let mut load = Load::start_groups(&words, &broker.address, keeper.args)?;
    load.await_step("ready")?;
    let before = broker.cpu_ns();
    load.go_on()?;
    load.await_step("done")?;
    let cpu_seconds = broker.cpu_ns().saturating_sub(before) as f64 / 1e9;
    load.go_on()?;
    let report: CommitReport = load.report_as()?;
    let wanted = LoadedGroups {
        topic: report.topic.clone(),
        topic_id: report.topic_uuid().ok_or("the report names no topic id")?,
        groups: GROUPS,
        offset: report.last_offset.ok_or("not every group has committed")?,
    };
    let data = broker.data.clone();
    broker.shut_down()?;
    Ok(Filled {
        column,
        report,
        wanted,
        log_bytes: bytes_of_logs(&data),
        cpu_seconds,
    })
}

fn start(keeper: &Keeper<'_>, filled: &Filled, round: usize) -> Outcome<Start> {
    interrupt::check()?;
    let _ = Command::new("sync").status();
    let cold = fs::write(DROP_CACHES, "3").is_ok();
    let broker: Broker = keeper.broker(filled.column, SETTINGS, true)?;
    let loaded = await_loaded(&broker.address, &filled.wanted, broker.begun, PATIENCE)?;
    broker.shut_down()?;
    Ok(Start {
        column: filled.column.key.to_owned(),
        round,
        log_bytes: filled.log_bytes,
        offsets: filled.report.offsets,
        commits_per_cpu_second: filled.report.commits as f64 / filled.cpu_seconds,
        cold,
        answered_ms: loaded.answered.as_secs_f64() * 1e3,
        loaded_ms: loaded.loaded.as_secs_f64() * 1e3,
    })
}

/// What the files of logs hold, whatever the broker calls their folders.
fn bytes_of_logs(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => bytes_of_logs(&path),
            false if path.extension().is_some_and(|extension| extension == "log") => {
                entry.metadata().map_or(0, |metadata| metadata.len())
            }
            false => 0,
        }
    });
    bytes.sum()
}

fn tell(start: &Start) {
    eprintln!(
        "compare: start on {:.2} GB of offsets, {:<6} #{} first answer {:.0} ms, all groups {:.0} ms",
        start.log_bytes as f64 / 1e9,
        start.column,
        start.round,
        start.answered_ms,
        start.loaded_ms,
    );
}
