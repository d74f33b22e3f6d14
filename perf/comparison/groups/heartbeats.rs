//! Groups that only heartbeat, on both brokers at once: what each spends on it.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use klamm::bench::groups::HeartbeatReport;
use serde::{Deserialize, Serialize};

use super::Keeper;
use crate::Outcome;
use crate::accounting::{self, Reading};
use crate::broker::Broker;
use crate::columns::Column;
use crate::interrupt;
use crate::load::Load;

/// What a window showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Window {
    pub(super) column: String,
    /// Windows of one round are a pair.
    pub(super) round: usize,
    /// As `klamm bench groups heartbeats --protocol` names it.
    pub(super) protocol: String,
    /// Processor seconds of the broker, whatever it does, as being there is the work.
    pub(super) own_seconds: f64,
    /// Processor seconds of kernel threads, without what they do anyway.
    pub(super) kernel_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) report: HeartbeatReport,
}

impl Window {
    /// Share of a processor, percent.
    pub(super) fn cpu_percent(&self) -> f64 {
        (self.own_seconds + self.kernel_seconds) / self.report.seconds * 100.0
    }

    /// Processor microseconds for a heartbeat.
    pub(super) fn cpu_us(&self) -> f64 {
        (self.own_seconds + self.kernel_seconds) * 1e6 / self.report.heartbeats.max(1) as f64
    }
}

pub(super) const PROTOCOLS: [&str; 2] = ["classic", "consumer"];
const SECONDS: u64 = 30;
/// Groups that join at a time: those of the new protocol need some heartbeats of 5 s each.
const JOINING_MAX: &str = "250";
const IDLE: Duration = Duration::from_millis(700);

/// Measures both protocols in turn, so many pairs of each.
pub(super) fn run(keeper: &mut Keeper<'_>) -> Outcome<()> {
    let mut brokers: BTreeMap<&'static str, Broker> = BTreeMap::new();
    for round in 0..keeper.pairs() {
        for protocol in PROTOCOLS {
            for column in keeper.order(round) {
                if keeper.found.has(column, round, protocol) {
                    continue;
                }
                interrupt::check()?;
                if !brokers.contains_key(column.key) {
                    let mut broker = keeper.broker(column, &[super::NO_DELAY], false)?;
                    broker.await_answer()?;
                    brokers.insert(column.key, broker);
                }
                let window = measure(keeper, column, &brokers[column.key], round, protocol)?;
                tell(&window);
                keeper.found.heartbeats.push(window);
                keeper.save()?;
            }
        }
    }
    Ok(())
}

impl super::Found {
    fn has(&self, column: &Column, round: usize, protocol: &str) -> bool {
        let same = |window: &Window| {
            window.column == column.key && window.round == round && window.protocol == protocol
        };
        self.heartbeats.iter().any(same)
    }
}

fn measure(
    keeper: &Keeper<'_>,
    column: &Column,
    broker: &Broker,
    round: usize,
    protocol: &str,
) -> Outcome<Window> {
    let seconds = SECONDS
        .min(keeper.args.seconds.unwrap_or(SECONDS))
        .to_string();
    let words = [
        "heartbeats",
        "--protocol",
        protocol,
        "--seconds",
        &seconds,
        "--joining",
        JOINING_MAX,
    ];
    let mut load = Load::start_groups(&words, &broker.address, keeper.args)?;
    load.await_step("ready")?;
    accounting::settle(&broker.data);
    let before = Reading::take(broker, &broker.data)?;
    sleep(IDLE);
    let begun = Reading::take(broker, &broker.data)?;
    load.go_on()?;
    load.await_step("done")?;
    let ended = Reading::take(broker, &broker.data)?;
    let resident_bytes = accounting::resident_bytes(broker.pid());
    load.go_on()?;
    let report: HeartbeatReport = load.report_as()?;
    let cost = ended.since(&begun);
    Ok(Window {
        column: column.key.to_owned(),
        round,
        protocol: protocol.to_owned(),
        own_seconds: cost.own_seconds,
        kernel_seconds: cost.minus_idle(begun.since(&before)).kernel_seconds,
        resident_bytes,
        report,
    })
}

fn tell(window: &Window) {
    eprintln!(
        "compare: {} heartbeats, {:<6} #{} {:>5.1} % of a processor, {:>6.1} us each, {} in {:.0} s, joined in {:.0} s  {:?}",
        window.protocol,
        window.column,
        window.round,
        window.cpu_percent(),
        window.cpu_us(),
        window.report.heartbeats,
        window.report.seconds,
        window.report.joined_seconds,
        window.report.verdict,
    );
}
