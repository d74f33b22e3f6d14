//! From what the threads counted to a report. Pure.

use std::time::Duration;

use super::meter::{Meter, Side};
use super::producer::KeptUp;
use super::reader::ReaderCounts;
use super::report::{
    BrokerCpu, EndToEndSample, Flow, Lagging, Load, Report, Second, SecondLatency, Verdict,
    Verification,
};
use super::thread::Outcome;
use super::workload::Workload;

/// An open loop is sustained if so much of its rate was answered.
const SUSTAINED_SHARE: f64 = 0.99;
/// Nor may more wait at the end than is due in so many seconds.
const BACKLOG_SECONDS_MAX: f64 = 1.0;
/// Answers to the last records may come so much later without counting against the rate.
const GRACE_SECONDS: f64 = 0.1;
/// From this share of its cap on a reader was held back by it.
const CAP_SHARE: f64 = 0.98;

/// What is known of a run beside what its threads counted.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) workload: &'a Workload,
    pub(super) bootstrap: &'a str,
    pub(super) sample: Option<EndToEndSample>,
    pub(super) started_ms: i64,
    pub(super) window_us: u64,
    /// The broker's process and what it used.
    pub(super) broker_cpu: Option<(u32, Duration)>,
    pub(super) verification: Option<Verification>,
}

/// Puts everything together.
pub(super) fn report(facts: Facts<'_>, outcomes: Vec<Outcome>) -> Report {
    let meter = merged(&outcomes);
    let kept_up = outcomes
        .iter()
        .fold(KeptUp::default(), |sum, outcome| KeptUp {
            scheduled: sum.scheduled + outcome.kept_up.scheduled,
            backlog: sum.backlog + outcome.kept_up.backlog,
        });
    let seconds = match meter.seconds() {
        0.0 => facts.window_us as f64 / 1e6,
        seconds => seconds,
    };
    let readers = readers(&outcomes, Side::Consumed);
    let workload = facts.workload;
    let achieved = meter.produced.records_per_second(seconds);
    let rate = workload.producers.rate as f64;
    let sustained = workload
        .is_open_loop()
        .then(|| is_sustained(rate, seconds, kept_up, meter.produced.records));
    let shown = sustained != Some(false);
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        workload: workload.clone(),
        bootstrap: facts.bootstrap.to_owned(),
        started_ms: facts.started_ms,
        seconds,
        produced: meter.produced,
        consumed: meter.consumed,
        reader_rates: rates(&readers, seconds),
        reader_cap_reached: cap_reached(&readers, workload.readers.mb_per_second, seconds),
        lagging: lagging(workload, &outcomes, seconds),
        sustained,
        produce_latency: meter.produce.report().filter(|_| shown),
        end_to_end_latency: meter.end_to_end.report().filter(|_| shown),
        end_to_end_sample: facts.sample,
        series: series(&meter, shown),
        load: Load::of(outcomes.iter().map(|outcome| outcome.load).collect()),
        verification: facts.verification,
        corruption_check: None,
        broker_cpu: None,
        verdict: verdict(sustained, achieved, &readers, facts.verification.as_ref()),
    };
    report.broker_cpu = facts
        .broker_cpu
        .map(|(pid, used)| BrokerCpu::of(pid, used.as_secs_f64(), report.moved()));
    report
}

fn merged(outcomes: &[Outcome]) -> Meter {
    let mut meters = outcomes.iter().map(|outcome| &outcome.meter);
    let mut whole = meters.next().expect("there is a load thread").clone();
    meters.for_each(|meter| whole.merge(meter));
    whole
}

fn is_sustained(rate: f64, seconds: f64, kept_up: KeptUp, answered: u64) -> bool {
    let achieved = answered as f64 / (seconds - GRACE_SECONDS).max(GRACE_SECONDS);
    let caught_up = kept_up.backlog as f64 <= (rate * BACKLOG_SECONDS_MAX).max(1.0);
    caught_up && achieved >= rate * SUSTAINED_SHARE && answered >= kept_up.scheduled
}

fn verdict(
    sustained: Option<bool>,
    achieved: f64,
    readers: &[ReaderCounts],
    verification: Option<&Verification>,
) -> Verdict {
    if let Some(found) = verification.filter(|found| !found.is_clean()) {
        let Verification {
            lost,
            duplicated,
            reordered,
            corrupt,
            ..
        } = found;
        return Verdict::Failed {
            why: format!(
                "of the acknowledged records {lost} are lost, {duplicated} duplicated, \
                 {reordered} reordered, {corrupt} corrupt"
            ),
        };
    }
    let missed: u64 = readers.iter().map(|reader| reader.missed).sum();
    match (missed, sustained) {
        (1.., _) => Verdict::Failed {
            why: format!("readers did not get {missed} acknowledged records within 10 s"),
        },
        (_, Some(false)) => Verdict::NotSustained { achieved },
        _ => Verdict::Valid,
    }
}

fn readers(outcomes: &[Outcome], side: Side) -> Vec<ReaderCounts> {
    let all = outcomes.iter().flat_map(|outcome| &outcome.readers);
    all.filter(|(of, _)| *of == side)
        .map(|(_, got)| *got)
        .collect()
}

fn rates(readers: &[ReaderCounts], seconds: f64) -> Vec<f64> {
    let rate = |reader: &ReaderCounts| reader.flow.bytes_per_second(seconds);
    readers.iter().map(rate).collect()
}

fn cap_reached(readers: &[ReaderCounts], mb_per_second: f64, seconds: f64) -> Option<bool> {
    let enough = mb_per_second * 1e6 * CAP_SHARE;
    let capped = mb_per_second > 0.0 && !readers.is_empty();
    capped.then(|| rates(readers, seconds).iter().all(|rate| *rate >= enough))
}

fn lagging(workload: &Workload, outcomes: &[Outcome], seconds: f64) -> Option<Lagging> {
    let readers = readers(outcomes, Side::Lagging);
    let cap = workload.lagging.mb_per_second;
    (!readers.is_empty()).then(|| Lagging {
        flow: readers.iter().map(|reader| reader.flow).sum::<Flow>(),
        rates: rates(&readers, seconds),
        mb_per_second: (cap > 0.0).then_some(cap),
        cap_reached: cap_reached(&readers, cap, seconds),
        rounds: readers.iter().map(|reader| reader.rounds).sum(),
    })
}

fn series(meter: &Meter, shown: bool) -> Vec<Second> {
    let mut series = meter.series();
    if !shown {
        for second in &mut series {
            second.produce_us = SecondLatency::default();
            second.end_to_end_us = SecondLatency::default();
        }
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::LoadThread;
    use crate::bench::workload::builtin;

    fn outcome(records: u64, backlog: u64) -> Outcome {
        let mut meter = Meter::new(0);
        let flow = Flow {
            records,
            ..Flow::default()
        };
        meter.on_produced(1_000_000, flow);
        (0..records).for_each(|_| meter.on_produce_latency(1_000_000, 999_000));
        Outcome {
            meter,
            load: LoadThread {
                core: None,
                busy: 0.1,
            },
            kept_up: KeptUp {
                scheduled: 20_000,
                backlog,
            },
            readers: Vec::new(),
        }
    }

    fn judged(records: u64, backlog: u64, verification: Option<Verification>) -> Report {
        let workload = builtin("small-1000").unwrap();
        let facts = Facts {
            workload: &workload,
            bootstrap: "b:1",
            sample: None,
            started_ms: 0,
            window_us: 1_000_000,
            broker_cpu: None,
            verification,
        };
        report(facts, vec![outcome(records, backlog)])
    }

    #[test]
    fn a_rate_that_was_kept_has_percentiles() {
        let report = judged(20_000, 100, None);
        assert_eq!(
            (report.sustained, report.verdict),
            (Some(true), Verdict::Valid)
        );
        assert!(report.produce_latency.unwrap().at(99.0).is_some());
    }

    #[test]
    fn a_rate_that_was_not_kept_has_none() {
        for report in [judged(15_000, 5_000, None), judged(20_000, 20_001, None)] {
            assert_eq!(report.sustained, Some(false));
            assert!(matches!(report.verdict, Verdict::NotSustained { .. }));
            assert_eq!(report.produce_latency, None);
            assert!(report.series.iter().all(|s| s.produce_us.max.is_none()));
        }
    }

    #[test]
    fn any_loss_fails_the_run() {
        let lost = Verification {
            lost: 1,
            ..Verification::default()
        };
        let report = judged(20_000, 0, Some(lost));
        assert!(matches!(report.verdict, Verdict::Failed { why } if why.contains("1 are lost")));
    }
}
