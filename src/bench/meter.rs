//! What one load thread counts. Pure.

use super::latency::Latencies;
use super::report::{Flow, Second};

/// Counts of one phase, as a whole and second by second.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    start_us: u64,
    pub(super) produced: Flow,
    pub(super) consumed: Flow,
    pub(super) lagging: Flow,
    pub(super) produce: Latencies,
    pub(super) end_to_end: Latencies,
    seconds: Vec<Bucket>,
    /// The last time anything was acknowledged or arrived, microseconds.
    pub(super) last_us: u64,
    /// The same, empty answers included.
    pub(super) heard_us: u64,
}

#[derive(Clone, Debug)]
struct Bucket {
    produced: Flow,
    consumed: Flow,
    lagging: Flow,
    produce: Latencies,
    end_to_end: Latencies,
}

/// Who received something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Consumed,
    Lagging,
}

impl Meter {
    /// Of a phase that begins at `start_us`.
    pub(super) fn new(start_us: u64) -> Self {
        Self {
            start_us,
            produced: Flow::default(),
            consumed: Flow::default(),
            lagging: Flow::default(),
            produce: Latencies::new(),
            end_to_end: Latencies::new(),
            seconds: Vec::new(),
            last_us: start_us,
            heard_us: start_us,
        }
    }

    /// Something was acknowledged.
    pub(super) fn on_produced(&mut self, now_us: u64, flow: Flow) {
        self.produced += flow;
        self.bucket(now_us).produced += flow;
        self.last_us = self.last_us.max(now_us);
        self.heard_us = now_us;
    }

    /// Something arrived; an empty answer moves nothing but counts as a request.
    pub(super) fn on_received(&mut self, now_us: u64, side: Side, flow: Flow) {
        if flow.records > 0 {
            self.last_us = self.last_us.max(now_us);
        }
        self.heard_us = now_us;
        let bucket = self.bucket(now_us);
        match side {
            Side::Consumed => {
                bucket.consumed += flow;
                self.consumed += flow;
            }
            Side::Lagging => {
                bucket.lagging += flow;
                self.lagging += flow;
            }
        }
    }

    /// What was due at that time was acknowledged.
    #[inline]
    pub(super) fn on_produce_latency(&mut self, now_us: u64, due_us: u64) {
        let us = now_us.saturating_sub(due_us);
        self.produce.record(us);
        self.bucket(now_us).produce.record(us);
    }

    /// What was due at that time arrived.
    #[inline]
    pub(super) fn on_end_to_end(&mut self, now_us: u64, due_us: u64) {
        let us = now_us.saturating_sub(due_us);
        self.end_to_end.record(us);
        self.bucket(now_us).end_to_end.record(us);
    }

    /// Takes in what another thread counted in the same phase.
    pub(super) fn merge(&mut self, other: &Self) {
        self.produced += other.produced;
        self.consumed += other.consumed;
        self.lagging += other.lagging;
        self.produce.add(&other.produce);
        self.end_to_end.add(&other.end_to_end);
        self.last_us = self.last_us.max(other.last_us);
        self.grow(other.seconds.len());
        for (own, other) in self.seconds.iter_mut().zip(&other.seconds) {
            own.merge(other);
        }
    }

    /// The series of the report.
    pub(super) fn series(&self) -> Vec<Second> {
        let second = |(second, bucket): (usize, &Bucket)| Second {
            second: second as u32,
            produced: bucket.produced,
            consumed: bucket.consumed,
            lagging: bucket.lagging,
            produce_us: bucket.produce.second(),
            end_to_end_us: bucket.end_to_end.second(),
        };
        self.seconds.iter().enumerate().map(second).collect()
    }

    /// Seconds from the phase's begin to the last thing that happened.
    pub(super) fn seconds(&self) -> f64 {
        (self.last_us - self.start_us) as f64 / 1e6
    }

    fn bucket(&mut self, now_us: u64) -> &mut Bucket {
        let second = (now_us.saturating_sub(self.start_us) / 1_000_000) as usize;
        self.grow(second + 1);
        &mut self.seconds[second]
    }

    fn grow(&mut self, seconds: usize) {
        while self.seconds.len() < seconds {
            self.seconds.push(Bucket::new());
        }
    }
}

impl Bucket {
    fn new() -> Self {
        Self {
            produced: Flow::default(),
            consumed: Flow::default(),
            lagging: Flow::default(),
            produce: Latencies::coarse(),
            end_to_end: Latencies::coarse(),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.produced += other.produced;
        self.consumed += other.consumed;
        self.lagging += other.lagging;
        self.produce.add(&other.produce);
        self.end_to_end.add(&other.end_to_end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_has_its_own_counts() {
        let record = Flow {
            records: 1,
            ..Flow::default()
        };
        let mut meter = Meter::new(1_000_000);
        meter.on_produced(1_500_000, record);
        meter.on_produced(3_100_000, record);
        meter.on_produce_latency(3_100_000, 3_000_000);
        let mut other = Meter::new(1_000_000);
        other.on_received(4_200_000, Side::Consumed, record);
        meter.merge(&other);
        let series = meter.series();
        let records: Vec<_> = series.iter().map(|s| s.produced.records).collect();
        assert_eq!(records, [1, 0, 1, 0]);
        assert_eq!(series[3].consumed.records, 1);
        assert_eq!(series[2].produce_us.max, Some(100_351));
        assert_eq!(meter.seconds(), 3.2);
        assert_eq!(meter.produced.records, 2);
    }
}
