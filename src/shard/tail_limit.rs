//! How much recent data a core keeps in memory: as much as its readers come back for. Pure.
//!
//! Memory that is used again soon is still in the processor's cache, and everything done to it
//! costs less; memory that nobody reads is better left to others, and what is read again and again
//! is cheaper from the page cache. So a core keeps little, unless readers stay just behind it:
//! while they go on to miss what twice the memory would have held, what is kept doubles every
//! second. A minute without such a reader halves it. Who only passes, catching up, raises nothing.

use crate::model::TimestampMs;

/// Kept in any case: some flushes' worth of large batches.
const BYTES_MIN: usize = 32 << 20;
/// Readers that miss memory for so long stay behind it.
const RAISED_AFTER_MS: TimestampMs = 1_000;
/// Misses further apart than this are not of one reader that stays.
const MISSES_APART_MS_MAX: TimestampMs = 2_000;
/// How long memory is kept for readers who do not miss it any more.
const LOWERED_AFTER_MS: TimestampMs = 60_000;

/// The limit of one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TailLimit {
    bytes: usize,
    bytes_max: usize,
    /// When it was last raised or lowered.
    changed_ms: TimestampMs,
    /// Of the misses that came one after the other: the first since a raise, and the last.
    missed_ms: Option<(TimestampMs, TimestampMs)>,
}

impl TailLimit {
    /// Begins with little; it never grows beyond `bytes_max`.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes: BYTES_MIN.min(bytes_max),
            bytes_max,
            changed_ms: TimestampMs::MIN,
            missed_ms: None,
        }
    }

    /// What may be kept now.
    pub(super) fn bytes(self) -> usize {
        self.bytes
    }

    /// A reader had to wait for the disk, for what twice the memory would have held.
    pub(super) fn on_near_miss(&mut self, now_ms: TimestampMs) {
        let stays = |missed: &(_, TimestampMs)| now_ms - missed.1 <= MISSES_APART_MS_MAX;
        let first_ms = self
            .missed_ms
            .filter(stays)
            .map_or(now_ms, |(first, _)| first);
        self.missed_ms = Some((first_ms, now_ms));
        if now_ms - first_ms >= RAISED_AFTER_MS {
            self.bytes = (self.bytes * 2).min(self.bytes_max);
            self.changed_ms = now_ms;
            self.missed_ms = Some((now_ms, now_ms));
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
    fn readers_that_stay_behind_raise_it_and_quiet_minutes_lower_it() {
        let mut limit = TailLimit::new(100 << 20);
        limit.on_time(0);
        assert_eq!(limit.bytes(), 32 << 20);
        limit.on_near_miss(1_000);
        limit.on_near_miss(1_900);
        assert_eq!(limit.bytes(), 32 << 20);
        limit.on_near_miss(2_000);
        assert_eq!(limit.bytes(), 64 << 20);
        limit.on_near_miss(2_100);
        limit.on_near_miss(3_100);
        assert_eq!(limit.bytes(), 100 << 20);
        limit.on_time(50_000);
        assert_eq!(limit.bytes(), 100 << 20);
        limit.on_time(63_100);
        limit.on_time(64_000);
        assert_eq!(limit.bytes(), 50 << 20);
    }

    #[test]
    fn readers_that_pass_do_not_raise_it() {
        let mut limit = TailLimit::new(100 << 20);
        for pass in 0..20 {
            limit.on_near_miss(10_000 * pass);
            limit.on_near_miss(10_000 * pass + 900);
        }
        assert_eq!(limit.bytes(), 32 << 20);
    }

    #[test]
    fn a_small_budget_is_its_own_minimum() {
        let mut limit = TailLimit::new(8 << 20);
        limit.on_near_miss(1_000);
        limit.on_near_miss(2_000);
        limit.on_time(100_000);
        assert_eq!(limit.bytes(), 8 << 20);
    }
}
