//! The goals that are not ratios of one figure: at every workload, against the machine, against a
//! tail left alone, and absolute ones.

use klamm::bench::builtins;
use klamm::probe;

use crate::columns::{Column, KAFKA, KAFKA_OPERATED, KLAMM};
use crate::goals::{self, Found, Judged, Measure};
use crate::lifecycle::{self, Lifecycle};
use crate::machine::PROBE;
use crate::state::State;
use crate::statistics::Spread;
use crate::window::Window;

/// All of them, measured or not, in the order of the page.
pub(crate) fn judge(state: &State) -> Vec<Judged> {
    let probe: Option<probe::Report> = state.read(PROBE);
    let mut judged = vec![throughput(state)];
    for label in ["small-1000", "small-10000"] {
        judged.push(many_partitions(state, probe.as_ref(), label));
    }
    judged.push(share_of_machine(state, probe.as_ref()));
    judged.push(catch_up(state));
    judged.extend(starts(state));
    judged
}

/// Where the load was not the limit, nowhere behind the better of Kafka's columns.
fn throughput(state: &State) -> Judged {
    let mut told = Vec::new();
    let (mut ahead, mut behind) = (0, 0);
    for workload in builtins() {
        let label = &workload.name;
        let others = [&KAFKA, &KAFKA_OPERATED].into_iter().filter(|other| {
            let both = [&KLAMM, *other];
            let free = |column: &&Column| goals::load_had_room(state, label, column);
            !workload.is_open_loop() && both.iter().all(free)
        });
        let found = others
            .filter_map(|other| goals::advantage(state, label, &KLAMM, other, Measure::Throughput));
        let Some(least) = found.min_by(|one, other| one.median.total_cmp(&other.median)) else {
            continue;
        };
        told.push(format!("{label} {:.2}", least.median));
        ahead += usize::from(least.median > 1.0);
        behind += usize::from(least.lower_quartile < 0.95);
    }
    Judged {
        text: "Throughput: at least 0.95 of the better Kafka at every workload whose load was less than 85 % busy, \
               above it at most of them"
            .to_owned(),
        result: (!told.is_empty()).then(|| Found {
            text: told.join(", "),
            met: behind == 0 && 2 * ahead > told.len(),
        }),
    }
}

/// Small batches over many partitions must not cost more than some syncs.
fn many_partitions(state: &State, probe: Option<&probe::Report>, label: &str) -> Judged {
    let sync_us = probe.map_or(0.0, |probe| probe.sync_us.p99 * 5.0);
    let limit_us = sync_us.max(10_000.0);
    let windows: Vec<&Window> = state.windows(label, KLAMM.key).collect();
    let sustained = windows
        .iter()
        .all(|window| window.report.sustained == Some(true));
    let p99 = spread(state, label, &KLAMM, |window| window.produce_us(99.0));
    let result = match (p99, windows.is_empty()) {
        (_, true) => None,
        (Some(p99), _) => Some(Found {
            text: format!("{:.0} µs", p99.median),
            met: p99.upper_quartile <= limit_us,
        }),
        (None, _) => Some(Found {
            text: match sustained {
                true => "too few samples".to_owned(),
                false => "the rate was not sustained".to_owned(),
            },
            met: false,
        }),
    };
    Judged {
        text: format!(
            "{label}, 20,000 records/s of 100 B from 20 producers, durable: p99 at most {limit_us:.0} µs"
        ),
        result,
    }
}

/// Large batches against the disk and the plainest program, whichever is slower.
fn share_of_machine(state: &State, probe: Option<&probe::Report>) -> Judged {
    let bound = probe.and_then(|probe| {
        let disk = probe.disk_write.iter().map(|write| write.bytes_per_second);
        let produce = probe.floor.produce.iter();
        let floor = produce.filter(|floor| floor.synced && floor.request_bytes >= 1 << 20);
        let floor = floor.map(|floor| floor.bytes_per_second).max()?;
        Some(disk.max()?.min(floor) as f64)
    });
    let rate = spread(state, "large-batches", &KLAMM, |window| {
        Some(window.throughput())
    });
    let result = bound.zip(rate).map(|(bound, rate)| Found {
        text: format!(
            "{:.0} MB/s, {:.0} % of {:.0} MB/s",
            rate.median / 1e6,
            rate.median / bound * 100.0,
            bound / 1e6
        ),
        met: rate.lower_quartile >= 0.9 * bound,
    });
    Judged {
        text:
            "Large batches, durable: at least 90 % of the lesser of the disk and the floor program"
                .to_owned(),
        result,
    }
}

/// The row of the tail without the catch-up.
pub(crate) const ALONE: &str = "catch-up-alone";
const BESIDE: &str = "catch-up";
/// The tail's p99 may rise by less than this.
const RISE_MAX: f64 = 1.5;

/// A reader of a cold backlog must not disturb the tail.
fn catch_up(state: &State) -> Judged {
    Judged {
        text: format!(
            "Tail beside a cold catch-up at the same capped rate: p99 less than {RISE_MAX} times that without, and \
             below Kafka's"
        ),
        result: caught_up(state),
    }
}

fn caught_up(state: &State) -> Option<Found> {
    let p99 = |label: &str, column: &Column| {
        spread(state, label, column, |window| window.end_to_end_us(99.0))
    };
    let (alone, beside) = (p99(ALONE, &KLAMM)?, p99(BESIDE, &KLAMM)?);
    let (kafka_alone, kafka) = (p99(ALONE, &KAFKA)?, p99(BESIDE, &KAFKA)?);
    let rise = rise(state, &KLAMM)?;
    let reached = |column: &Column| match reached_cap(state, column) {
        true => "",
        false => " (its reader did not reach the cap)",
    };
    Some(Found {
        text: format!(
            "klamm {:.0} µs, then {:.0} µs{}: {:.2} times; Kafka {:.0} µs, then {:.0} µs{}: {:.2} times",
            alone.median,
            beside.median,
            reached(&KLAMM),
            rise.median,
            kafka_alone.median,
            kafka.median,
            reached(&KAFKA),
            kafka.median / kafka_alone.median
        ),
        met: rise.upper_quartile < RISE_MAX
            && beside.upper_quartile < kafka.lower_quartile
            && reached_cap(state, &KLAMM),
    })
}

/// How many times as high p99 is in the windows of the same round.
fn rise(state: &State, column: &Column) -> Option<Spread> {
    let alone = |round: usize| {
        let mut windows = state.windows(ALONE, column.key);
        windows
            .find(|window| window.round == round)?
            .end_to_end_us(99.0)
    };
    Spread::of(
        state
            .windows(BESIDE, column.key)
            .filter_map(|window| Some(window.end_to_end_us(99.0)? / alone(window.round)?)),
    )
}

fn reached_cap(state: &State, column: &Column) -> bool {
    state.windows(BESIDE, column.key).all(|window| {
        let lagging = window.report.lagging.as_ref();
        lagging.is_some_and(|lagging| lagging.cap_reached == Some(true))
    })
}

fn starts(state: &State) -> Vec<Judged> {
    let seen: Option<Lifecycle> = state.read(&lifecycle::file_name(&KLAMM));
    let seen = seen.as_ref();
    let first = seen.and_then(|seen| Spread::of(seen.first_record_ms.iter().copied()));
    let mut judged = vec![
        Judged {
            text: "Exec on an empty directory to the first record with acks=all: below 100 ms"
                .to_owned(),
            result: first.map(|ms| Found {
                text: format!("{:.0} ms", ms.median),
                met: ms.upper_quartile < 100.0,
            }),
        },
        Judged {
            text: "Idle resident memory: below 30 MB".to_owned(),
            result: seen.map(|seen| Found {
                text: format!("{:.1} MB", seen.idle_resident_bytes as f64 / 1e6),
                met: seen.idle_resident_bytes < 30_000_000,
            }),
        },
    ];
    let mut kill = |caches: &str, times: fn(&Lifecycle) -> &[f64]| {
        judged.push(Judged {
            text: format!(
                "kill -9 with 20 GB in 18 partitions, caches {caches}: each takes a record and gives the last one back \
                 within 1 s"
            ),
            result: seen.and_then(|seen| after_kill(seen, times(seen))),
        });
    };
    kill("warm", |seen| &seen.after_kill_warm_ms);
    kill("dropped", |seen| &seen.after_kill_cold_ms);
    judged
}

fn after_kill(seen: &Lifecycle, times: &[f64]) -> Option<Found> {
    let most = times.iter().copied().reduce(f64::max)?;
    let gb = seen.killed_with_bytes as f64 / 1e9;
    Some(Found {
        text: format!("{most:.0} ms at most, with {gb:.0} GB"),
        met: most < 1000.0 && gb >= 19.9,
    })
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
