//! The goals that are not ratios to Kafka: against the machine, against a rest without load, and
//! absolute ones.

use klamm::probe;

use crate::columns::{Column, KAFKA, KLAMM};
use crate::lifecycle::{self, Lifecycle};
use crate::machine::PROBE;
use crate::state::State;
use crate::statistics::Spread;
use crate::window::Window;

/// One line of the table of goals.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) text: String,
    pub(crate) found: String,
    pub(crate) met: bool,
}

/// All that can be judged from what has been measured.
pub(crate) fn judge(state: &State) -> Vec<Judged> {
    let probe: Option<probe::Report> = state.read(PROBE);
    let mut judged = Vec::new();
    if let Some(probe) = &probe {
        judged.extend(
            ["small-1000", "small-10000"]
                .map(|label| many_partitions(state, probe, label))
                .into_iter()
                .flatten(),
        );
        judged.extend(share_of_machine(state, probe));
    }
    judged.extend(catch_up(state));
    judged.extend(starts(state));
    judged
}

/// Small batches over many partitions must not cost more than some syncs.
fn many_partitions(state: &State, probe: &probe::Report, label: &str) -> Option<Judged> {
    let limit_us = (probe.sync_us.p99 * 5.0).max(10_000.0);
    let p99 = spread(state, label, &KLAMM, |window| window.produce_us(99.0))?;
    Some(Judged {
        text: format!("{label}, 20,000 records/s, durable: p99 at most {limit_us:.0} µs"),
        found: format!("{:.0} µs", p99.median),
        met: p99.upper_quartile <= limit_us,
    })
}

/// Large batches against the disk and the plainest program, whichever is slower.
fn share_of_machine(state: &State, probe: &probe::Report) -> Option<Judged> {
    let disk = probe
        .disk_write
        .iter()
        .map(|write| write.bytes_per_second)
        .max()?;
    let produce = probe.floor.produce.iter();
    let floor = produce.filter(|floor| floor.synced && floor.request_bytes >= 1 << 20);
    let floor = floor.map(|floor| floor.bytes_per_second).max()?;
    let bound = disk.min(floor) as f64;
    let rate = spread(state, "large-batches", &KLAMM, |window| {
        Some(window.throughput())
    })?;
    Some(Judged {
        text: format!(
            "Large batches, durable: at least 90 % of {:.0} MB/s (the lesser of disk and floor)",
            bound / 1e6
        ),
        found: format!(
            "{:.0} MB/s, {:.0} %",
            rate.median / 1e6,
            rate.median / bound * 100.0
        ),
        met: rate.lower_quartile >= 0.9 * bound,
    })
}

/// A reader of a cold backlog must not disturb the tail.
fn catch_up(state: &State) -> Option<Judged> {
    let p99 = |label: &str, column: &Column| {
        spread(state, label, column, |window| window.end_to_end_us(99.0)).map(|found| found.median)
    };
    let (alone, beside) = (p99("catch-up-alone", &KLAMM)?, p99("catch-up", &KLAMM)?);
    let kafka = p99("catch-up", &KAFKA)?;
    Some(Judged {
        text:
            "Tail beside a cold catch-up: p99 less than 1.5 times that without, and below Kafka's"
                .to_owned(),
        found: format!(
            "{alone:.0} µs, then {beside:.0} µs ({:.2} times); Kafka {kafka:.0} µs",
            beside / alone
        ),
        met: beside < 1.5 * alone && beside < kafka,
    })
}

fn starts(state: &State) -> Vec<Judged> {
    let Some(seen) = state.read::<Lifecycle>(&lifecycle::file_name(&KLAMM)) else {
        return Vec::new();
    };
    let middle = |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.median);
    let mut judged = Vec::new();
    if let Some(ms) = middle(&seen.first_record_ms) {
        judged.push(Judged {
            text: "Exec on an empty directory to the first record with acks=all: below 100 ms"
                .to_owned(),
            found: format!("{ms:.0} ms"),
            met: ms < 100.0,
        });
    }
    judged.push(Judged {
        text: "Idle resident memory: below 30 MB".to_owned(),
        found: format!("{:.1} MB", seen.idle_resident_bytes as f64 / 1e6),
        met: seen.idle_resident_bytes < 30_000_000,
    });
    let gb = seen.killed_with_bytes as f64 / 1e9;
    for (caches, values) in [
        ("warm", &seen.after_kill_warm_ms),
        ("dropped", &seen.after_kill_cold_ms),
    ] {
        let Some(most) = values.iter().copied().reduce(f64::max) else {
            continue;
        };
        judged.push(Judged {
            text: format!(
                "kill -9 with {gb:.0} GB in 18 partitions, caches {caches}: all answer within 1 s"
            ),
            found: format!("{most:.0} ms at most"),
            met: most < 1000.0 && gb >= 20.0,
        });
    }
    judged
}

fn spread(
    state: &State,
    label: &str,
    column: &Column,
    of: impl Fn(&Window) -> Option<f64>,
) -> Option<Spread> {
    let windows: Vec<&Window> = state.windows(label, column.key).collect();
    // A percentile that a window could not give is worse than any that it could.
    let all = windows.iter().all(|window| of(window).is_some());
    all.then(|| Spread::of(windows.into_iter().filter_map(of)))?
}
