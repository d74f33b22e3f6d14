//! A member joins a group that reads, with heartbeats every 100 ms.

use klamm::bench::groups::RebalanceReport;
use serde::{Deserialize, Serialize};

use super::Keeper;
use crate::Outcome;
use crate::columns::Column;
use crate::interrupt;
use crate::load::Load;

/// Several joins on one broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Window {
    pub(super) column: String,
    /// Windows of one round are a pair.
    pub(super) round: usize,
    /// As `klamm bench groups rebalance --protocol` names it.
    pub(super) protocol: String,
    pub(super) report: RebalanceReport,
}

pub(super) const PROTOCOLS: [&str; 3] = ["classic", "cooperative", "consumer"];
/// The interval of members of consumer groups is the broker's to say.
const SETTINGS: &[&str] = &[
    super::NO_DELAY,
    "group.consumer.min.heartbeat.interval.ms=100",
    "group.consumer.heartbeat.interval.ms=100",
];
const JOINS: &str = "5";
/// Joins before those that count: a JVM has to get warm.
const WARMING_JOINS: &str = "2";

/// Measures all protocols on one broker after the other; each is alone then, as it has to answer
/// at once.
pub(super) fn run(keeper: &mut Keeper<'_>) -> Outcome<()> {
    for round in 0..keeper.pairs() {
        for column in keeper.order(round) {
            if keeper.found.lacks(column, round) {
                on(keeper, column, round)?;
            }
        }
    }
    Ok(())
}

impl super::Found {
    fn lacks(&self, column: &Column, round: usize) -> bool {
        let of = |window: &&Window| window.column == column.key && window.round == round;
        self.rebalances.iter().filter(of).count() < PROTOCOLS.len()
    }
}

fn on(keeper: &mut Keeper<'_>, column: &'static Column, round: usize) -> Outcome<()> {
    let mut broker = keeper.broker(column, SETTINGS, false)?;
    broker.await_answer()?;
    let mut windows = Vec::new();
    for protocol in PROTOCOLS {
        interrupt::check()?;
        joins(keeper, &broker.address, protocol, WARMING_JOINS)?;
        let window = Window {
            column: column.key.to_owned(),
            round,
            protocol: protocol.to_owned(),
            report: joins(keeper, &broker.address, protocol, JOINS)?,
        };
        tell(&window);
        windows.push(window);
    }
    keeper.found.rebalances.extend(windows);
    keeper.save()
}

fn joins(
    keeper: &Keeper<'_>,
    address: &str,
    protocol: &str,
    rounds: &str,
) -> Outcome<RebalanceReport> {
    let words = ["rebalance", "--protocol", protocol, "--rounds", rounds];
    let mut load = Load::start_groups(&words, address, keeper.args)?;
    for step in ["ready", "done"] {
        load.await_step(step)?;
        load.go_on()?;
    }
    load.report_as()
}

fn tell(window: &Window) {
    let pauses = window.report.pauses_us();
    let at = |share| {
        let us = klamm::bench::groups::quantile_us(&pauses, share);
        us.map_or(f64::NAN, |us| us as f64 / 1000.0)
    };
    eprintln!(
        "compare: {} rebalance, {:<6} #{} {:.1} partitions pause a join, median {:.1} ms, longest {:.1} ms  {:?}",
        window.protocol,
        window.column,
        window.round,
        window.report.moves_per_round(),
        at(0.5),
        at(1.0),
        window.report.verdict,
    );
}
