//! What the page says of groups: goals, tables, the plot of pauses.

use std::fmt::Write as _;
use std::fs;

use klamm::bench::groups::{RebalanceReport, pauses_chart, quantile_us};

use super::{Found, cold, found, heartbeats, rebalances};
use crate::Outcome;
use crate::args::Args;
use crate::columns::{Column, KAFKA, KLAMM};
use crate::goals::{Found as Judgement, Judged};
use crate::state::State;
use crate::statistics::Spread;

/// klamm's share of Kafka's processor time for heartbeats.
const HEARTBEATS_SHARE_MAX: f64 = 1.0 / 3.0;

/// The goals of groups.
pub(crate) fn judge(state: &State) -> Vec<Judged> {
    let found = found(state);
    let cpu = heartbeats::PROTOCOLS.map(|protocol| Judged {
        text: format!(
            "CPU of 1,000 {protocol} groups of 10 members that heartbeat: at most a third of Kafka's"
        ),
        result: Spread::of(shares(&found, protocol)).map(|spread| Judgement {
            text: shown(spread, "of Kafka's"),
            met: spread.upper_quartile <= HEARTBEATS_SHARE_MAX,
        }),
    });
    let pauses = rebalances::PROTOCOLS.map(|protocol| Judged {
        text: format!(
            "Longest pause of a partition when a member joins, {protocol}: no longer than Kafka's"
        ),
        result: longest(&found, protocol).map(|(own, other)| Judgement {
            text: format!("{own:.0} ms, Kafka {other:.0} ms"),
            met: own <= other,
        }),
    });
    let cold = Judged {
        text: "Start on uncompacted offsets, until every group answers: no longer than Kafka's"
            .to_owned(),
        result: Spread::of(cold_ratios(&found)).map(|spread| Judgement {
            text: shown(spread, "of Kafka's"),
            met: spread.upper_quartile <= 1.0,
        }),
    };
    let all = cpu.into_iter().chain(pauses).chain([cold]);
    // Who never asked for groups shall not read of them.
    let measured = found != Found::default();
    all.filter(|_| measured).collect()
}

/// The section, and its plot beside the page.
pub(crate) fn write(page: &mut String, state: &State, name: &str, args: &Args) -> Outcome<()> {
    let found = found(state);
    if found == Found::default() {
        return Ok(());
    }
    writeln!(page, "## Consumer groups\n")?;
    heartbeats(page, &found)?;
    pauses(page, &found, name, args)?;
    cold(page, &found)
}

fn heartbeats(page: &mut String, found: &Found) -> Outcome<()> {
    if found.heartbeats.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "1,000 groups of 10 members on 10,000 connections that do nothing but heartbeat: classic members every 3 s, the others as \
         the broker says (5 s). CPU is all that the broker's threads spend in the window, kernel threads beside. \
         klamm hears connections that only heartbeat together, up to 2 ms late while many speak; that is its p50 and p99.\n\n\
         | protocol | on | heartbeats/s | CPU, % of a processor | us a heartbeat | p50, ms | p99, ms | joined in, s | resident MB |\n\
         |---|---|---|---|---|---|---|---|---|"
    )?;
    for protocol in heartbeats::PROTOCOLS {
        for column in [&KLAMM, &KAFKA] {
            let of = |window: &&heartbeats::Window| {
                window.column == column.key && window.protocol == protocol
            };
            let windows: Vec<_> = found.heartbeats.iter().filter(of).collect();
            if windows.is_empty() {
                continue;
            }
            let middle = |figure: &dyn Fn(&heartbeats::Window) -> f64, digits| {
                range(windows.iter().map(|window| figure(window)), digits)
            };
            let at = |window: &heartbeats::Window, percentile: f64| {
                let latency = window.report.heartbeat_latency.as_ref();
                let us = latency.and_then(|latency| latency.at(percentile));
                us.map_or(f64::NAN, |us| us as f64 / 1000.0)
            };
            writeln!(
                page,
                "| {protocol} | {} | {} | {} | {} | {} | {} | {} | {} |",
                column.title,
                middle(&|w| w.report.heartbeats as f64 / w.report.seconds, 0),
                middle(&heartbeats::Window::cpu_percent, 1),
                middle(&heartbeats::Window::cpu_us, 1),
                middle(&|w| at(w, 50.0), 2),
                middle(&|w| at(w, 99.0), 2),
                middle(&|w| w.report.joined_seconds, 0),
                middle(&|w| w.resident_bytes as f64 / 1e6, 0),
            )?;
        }
    }
    writeln!(page)?;
    Ok(())
}

fn pauses(page: &mut String, found: &Found, name: &str, args: &Args) -> Outcome<()> {
    let lines = lines(found);
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "A member joins 50 that read 500 partitions, heartbeats every 100 ms, a record to every partition every 50 ms. A pause \
         goes from the last record at the old owner to the first at the new one, who begins where the old one committed; the \
         interval of the records is part of it. Partitions that nobody gives up have none.\n\n\
         | | partitions that pause a join | shortest, ms | median, ms | p90, ms | longest, ms | group at rest after, ms |\n\
         |---|---|---|---|---|---|---|"
    )?;
    for (title, reports) in &lines {
        let pauses = merged(reports);
        let at = |share| quantile_us(&pauses, share).map_or(f64::NAN, |us| us as f64 / 1000.0);
        let moves = reports.iter().map(|report| report.moves_per_round());
        let rounds = reports.iter().flat_map(|report| &report.rounds);
        writeln!(
            page,
            "| {title} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {} |",
            range(moves, 0),
            at(0.0),
            at(0.5),
            at(0.9),
            at(1.0),
            range(rounds.map(|round| round.settled_us as f64 / 1000.0), 0),
        )?;
    }
    let file = format!("{name}-rebalance-pauses.svg");
    let title = "How long nobody reads a partition when a member joins";
    fs::write(args.out.join(&file), pauses_chart(title, &lines))?;
    writeln!(page, "\n![{title}]({file})\n")?;
    Ok(())
}

fn cold(page: &mut String, found: &Found) -> Outcome<()> {
    if found.cold.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "Offsets of 1,000 groups in 100 partitions, committed over and over and not compacted; the broker is stopped in good \
         order, the caches are dropped, and from exec on everybody is asked until the last group has told its last offset.\n\n\
         | | log, GB | offsets | commits of 100 offsets a CPU second | caches | first answer, ms | all groups, ms |\n\
         |---|---|---|---|---|---|---|"
    )?;
    for column in [&KLAMM, &KAFKA] {
        let of = |start: &&cold::Start| start.column == column.key;
        let starts: Vec<_> = found.cold.iter().filter(of).collect();
        let Some(first) = starts.first() else {
            continue;
        };
        writeln!(
            page,
            "| {} | {:.2} | {} | {:.0} | {} | {} | {} |",
            column.title,
            first.log_bytes as f64 / 1e9,
            first.offsets,
            first.commits_per_cpu_second,
            if first.cold { "cold" } else { "warm" },
            range(starts.iter().map(|start| start.answered_ms), 0),
            range(starts.iter().map(|start| start.loaded_ms), 0),
        )?;
    }
    writeln!(page)?;
    Ok(())
}

/// The lines of table and plot, each with its reports.
fn lines(found: &Found) -> Vec<(String, Vec<&RebalanceReport>)> {
    let mut lines = Vec::new();
    for protocol in rebalances::PROTOCOLS {
        for column in [&KLAMM, &KAFKA] {
            let reports = reports(found, column, protocol);
            if !reports.is_empty() {
                let broker = if column.is_kafka() { "Kafka" } else { "klamm" };
                lines.push((format!("{broker}, {protocol}"), reports));
            }
        }
    }
    lines
}

fn reports<'a>(found: &'a Found, column: &Column, protocol: &str) -> Vec<&'a RebalanceReport> {
    let windows = found.rebalances.iter();
    let of = windows.filter(|window| window.column == column.key && window.protocol == protocol);
    of.map(|window| &window.report).collect()
}

fn merged(reports: &[&RebalanceReport]) -> Vec<u64> {
    let pauses = reports.iter().flat_map(|report| report.pauses_us());
    let mut pauses: Vec<u64> = pauses.collect();
    pauses.sort_unstable();
    pauses
}

/// The longest pauses of klamm and Kafka, ms.
fn longest(found: &Found, protocol: &str) -> Option<(f64, f64)> {
    let of = |column| {
        let pauses = merged(&reports(found, column, protocol));
        quantile_us(&pauses, 1.0).map(|us| us as f64 / 1000.0)
    };
    Some((of(&KLAMM)?, of(&KAFKA)?))
}

/// klamm's processor time by Kafka's, of each round.
fn shares(found: &Found, protocol: &str) -> Vec<f64> {
    let cost = |column: &Column, round| {
        let windows = found.heartbeats.iter();
        let mut of = windows.filter(|window| {
            window.column == column.key && window.protocol == protocol && window.round == round
        });
        of.next().map(heartbeats::Window::cpu_percent)
    };
    let rounds = 0..=found.heartbeats.iter().map(|w| w.round).max().unwrap_or(0);
    let share = |round| Some(cost(&KLAMM, round)? / cost(&KAFKA, round)?);
    rounds.filter_map(share).collect()
}

fn cold_ratios(found: &Found) -> Vec<f64> {
    let ms = |column: &Column, round| {
        let mut starts = found.cold.iter();
        let of = starts.find(|start| start.column == column.key && start.round == round);
        of.map(|start| start.loaded_ms)
    };
    let rounds = 0..=found
        .cold
        .iter()
        .map(|start| start.round)
        .max()
        .unwrap_or(0);
    let ratio = |round| Some(ms(&KLAMM, round)? / ms(&KAFKA, round)?);
    rounds.filter_map(ratio).collect()
}

fn shown(spread: Spread, of: &str) -> String {
    let (lower, upper) = (spread.lower_quartile, spread.upper_quartile);
    format!("{:.2} [{lower:.2}–{upper:.2}] {of}", spread.median)
}

/// The median, and from the least to the most.
fn range(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let Some(spread) = Spread::of(values.iter().copied()) else {
        return "–".to_owned();
    };
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let median = spread.median;
    match values.len() {
        1 => format!("{median:.digits$}"),
        _ => format!("{median:.digits$} ({least:.digits$}–{most:.digits$})"),
    }
}
