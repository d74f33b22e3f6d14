//! How much recent data a core keeps in memory: as much as its readers come back for. Pure.
//!
//! Memory that is used again soon is still in the processor's cache, and everything done to it
//! costs less; memory that nobody reads is better left to others. So a core without readers who
//! are behind keeps little. A read that only just missed memory doubles what is kept, a minute
//! without such a read halves it.

use crate::model::TimestampMs;

/// Kept in any case: some flushes' worth of large batches.
const BYTES_MIN: usize = 32 << 20;
/// One reader's misses come many at a time; they count once.
const RAISED_EVERY_MS: TimestampMs = 250;
/// How long memory is kept for readers who do not miss it any more.
const LOWERED_AFTER_MS: TimestampMs = 60_000;

/// The limit of one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TailLimit {
    bytes: usize,
    bytes_max: usize,
    /// When it was last raised or lowered.
    changed_ms: TimestampMs,
}

impl TailLimit {
    /// Begins with little; it never grows beyond `bytes_max`.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes: BYTES_MIN.min(bytes_max),
            bytes_max,
            changed_ms: TimestampMs::MIN,
        }
    }

    /// What may be kept now.
    pub(super) fn bytes(self) -> usize {
        self.bytes
    }

    /// A reader wanted what lies `bytes_behind` the end of its log, and it was not in memory. What
    /// memory could never have held is no reason to keep more.
    pub(super) fn on_miss(&mut self, bytes_behind: u64, now_ms: TimestampMs) {
        let could_have = bytes_behind <= self.bytes_max as u64;
        if could_have && now_ms.saturating_sub(self.changed_ms) >= RAISED_EVERY_MS {
            self.bytes = (self.bytes * 2).min(self.bytes_max);
            self.changed_ms = now_ms;
        }
    }

    /// Time passes.
    pub(super) fn on_time(&mut self, now_ms: TimestampMs) {
        if now_ms.saturating_sub(self.changed_ms) >= LOWERED_AFTER_MS {
            self.bytes = (self.bytes / 2).max(BYTES_MIN.min(self.bytes_max));
            self.changed_ms = now_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_raise_it_and_quiet_minutes_lower_it() {
        let mut limit = TailLimit::new(100 << 20);
        limit.on_time(0);
        assert_eq!(limit.bytes(), 32 << 20);
        limit.on_miss(90 << 20, 1_000);
        limit.on_miss(90 << 20, 1_100);
        assert_eq!(limit.bytes(), 64 << 20);
        limit.on_miss(90 << 20, 2_000);
        assert_eq!(limit.bytes(), 100 << 20);
        limit.on_time(50_000);
        assert_eq!(limit.bytes(), 100 << 20);
        limit.on_time(62_000);
        limit.on_time(63_000);
        assert_eq!(limit.bytes(), 50 << 20);
    }

    #[test]
    fn what_memory_could_never_hold_does_not_raise_it() {
        let mut limit = TailLimit::new(100 << 20);
        limit.on_miss(101 << 20, 1_000);
        assert_eq!(limit.bytes(), 32 << 20);
    }

    #[test]
    fn a_small_budget_is_its_own_minimum() {
        let mut limit = TailLimit::new(8 << 20);
        limit.on_miss(1, 1_000);
        limit.on_time(100_000);
        assert_eq!(limit.bytes(), 8 << 20);
    }
}
