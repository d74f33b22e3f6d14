//! One stretch of load: prefill, warm-up or the window itself; what all threads share of it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use crate::model::TimestampMs;

/// The run's clock: microseconds since it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: Instant,
    origin_ms: TimestampMs,
}

impl Clock {
    pub(super) fn start() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            origin: Instant::now(),
            origin_ms: since_1970.map_or(0, |since| since.as_millis() as i64),
        }
    }

    #[inline]
    pub(super) fn now_us(&self) -> u64 {
        self.origin.elapsed().as_micros() as u64
    }

    /// The time of day of one of its times.
    pub(super) fn timestamp(&self, us: u64) -> TimestampMs {
        self.origin_ms + (us / 1000) as i64
    }
}

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The producer that writes what readers from the start read.
    Prefill,
    /// Everybody else.
    Load,
}

/// A phase ends for a producer when nothing may be sent any more and every answer is there, for a
/// reader at the tail when it has all that was produced.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) part: Part,
    /// When it begins, by the run's clock.
    pub(super) start_us: u64,
    /// How long an open loop's rate rises.
    pub(super) ramp_us: u64,
    /// What of the batches prepared beforehand may be used by the end of this phase, 0 to 1.
    pub(super) prepared_share: f64,
    bytes_max: u64,
    stop_us: AtomicU64,
    produced_records: AtomicU64,
    produced_bytes: AtomicU64,
    consumed_bytes: AtomicU64,
    producers: usize,
    producing: AtomicUsize,
}

/// How far a phase is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Microseconds of it that have passed.
    pub elapsed_us: u64,
    /// Records acknowledged.
    pub produced_records: u64,
    /// Bytes of batches acknowledged.
    pub produced_bytes: u64,
    /// Bytes of batches received by readers.
    pub consumed_bytes: u64,
}

impl Phase {
    /// From `start_us` for `length_us`, or until `bytes_max` bytes of batches were written (or read,
    /// if nobody writes); `producers` take part.
    pub(super) fn new(
        part: Part,
        start_us: u64,
        length_us: u64,
        bytes_max: Option<u64>,
        producers: usize,
    ) -> Self {
        Self {
            part,
            start_us,
            ramp_us: 0,
            prepared_share: 1.0,
            bytes_max: bytes_max.unwrap_or(u64::MAX),
            stop_us: AtomicU64::new(start_us.saturating_add(length_us)),
            produced_records: AtomicU64::new(0),
            produced_bytes: AtomicU64::new(0),
            consumed_bytes: AtomicU64::new(0),
            producers,
            producing: AtomicUsize::new(producers),
        }
    }

    /// From when on nothing more is sent.
    #[inline]
    pub(super) fn stop_us(&self) -> u64 {
        self.stop_us.load(Ordering::Relaxed)
    }

    /// Ends it at once, because the run has failed.
    pub(super) fn abort(&self) {
        self.stop_us.store(self.start_us, Ordering::Relaxed);
    }

    pub(super) fn on_produced(&self, now_us: u64, records: u64, bytes: u64) {
        self.produced_records.fetch_add(records, Ordering::Relaxed);
        let before = self.produced_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes >= self.bytes_max {
            self.stop_us.fetch_min(now_us, Ordering::Relaxed);
        }
    }

    pub(super) fn on_consumed(&self, now_us: u64, bytes: u64) {
        let before = self.consumed_bytes.fetch_add(bytes, Ordering::Relaxed);
        let reading_only = self.produced_bytes.load(Ordering::Relaxed) == 0;
        if reading_only && before + bytes >= self.bytes_max {
            self.stop_us.fetch_min(now_us, Ordering::Relaxed);
        }
    }

    /// A producer has sent all and got all answers.
    pub(super) fn on_producer_done(&self) {
        self.producing.fetch_sub(1, Ordering::Release);
    }

    /// How many records there are for readers at the tail, once no more will come.
    pub(super) fn produced_in_all(&self) -> Option<u64> {
        let done = self.producing.load(Ordering::Acquire) == 0;
        done.then(|| self.produced_records.load(Ordering::Relaxed))
    }

    /// Whether there were producers and all of them are done, be it before its time.
    pub(super) fn is_all_produced(&self) -> bool {
        self.producers > 0 && self.produced_in_all().is_some()
    }

    pub(super) fn progress(&self, now_us: u64) -> Progress {
        Progress {
            elapsed_us: now_us.saturating_sub(self.start_us),
            produced_records: self.produced_records.load(Ordering::Relaxed),
            produced_bytes: self.produced_bytes.load(Ordering::Relaxed),
            consumed_bytes: self.consumed_bytes.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_ends_by_time_or_by_bytes() {
        let phase = Phase::new(Part::Load, 100, 1000, Some(10), 2);
        assert_eq!(phase.stop_us(), 1100);
        phase.on_produced(200, 1, 9);
        assert_eq!(phase.stop_us(), 1100);
        phase.on_produced(300, 1, 1);
        phase.on_produced(400, 1, 1);
        assert_eq!(phase.stop_us(), 300);
    }

    #[test]
    fn what_was_produced_is_known_when_all_are_done() {
        let phase = Phase::new(Part::Load, 0, 10, None, 2);
        phase.on_produced(1, 5, 50);
        phase.on_producer_done();
        assert_eq!(phase.produced_in_all(), None);
        phase.on_producer_done();
        assert_eq!(phase.produced_in_all(), Some(5));
    }

    #[test]
    fn only_who_nobody_writes_for_ends_by_reading() {
        let phase = Phase::new(Part::Load, 0, 10, Some(100), 0);
        phase.on_consumed(5, 100);
        assert_eq!(phase.stop_us(), 5);
    }
}
