//! Producers that wait for their batch to be written or durable.

use std::collections::VecDeque;

use crate::model::Offset;

/// How far a batch must have come before its producer is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// acks=1: the write has completed; a process crash cannot lose it any more.
    Written,
    /// acks=all: the high watermark has passed it; by default a power cut cannot lose it.
    Committed,
}

/// The waiting producers of one partition, in the order of their offsets.
///
/// `T` is whatever the shard needs to answer; the purgatory only keeps it.
#[derive(Debug)]
pub struct Purgatory<T> {
    written: VecDeque<(Offset, T)>,
    committed: VecDeque<(Offset, T)>,
}

impl<T> Default for Purgatory<T> {
    fn default() -> Self {
        Self {
            written: VecDeque::new(),
            committed: VecDeque::new(),
        }
    }
}

impl<T> Purgatory<T> {
    /// Parks `waiter` until everything below `end` has kept `promise`.
    ///
    /// Nearly always behind all others; a retried duplicate may wait for an `end` below some that
    /// are parked already, and takes its place among them.
    pub fn park(&mut self, promise: Promise, end: Offset, waiter: T) {
        let queue = match promise {
            Promise::Written => &mut self.written,
            Promise::Committed => &mut self.committed,
        };
        match queue.back() {
            Some((last, _)) if *last > end => {
                let place = queue.partition_point(|(other, _)| *other <= end);
                queue.insert(place, (end, waiter));
            }
            _ => queue.push_back((end, waiter)),
        }
    }

    /// Takes those whose batches lie wholly below `end` of the written log.
    pub fn take_written(&mut self, end: Offset) -> Vec<T> {
        Self::take(&mut self.written, end)
    }

    /// Takes those whose batches lie wholly below the high watermark.
    pub fn take_committed(&mut self, high_watermark: Offset) -> Vec<T> {
        Self::take(&mut self.committed, high_watermark)
    }

    /// Takes those whose batches lie, even in part, at or beyond `end`: they were dropped.
    pub fn take_beyond(&mut self, end: Offset) -> Vec<T> {
        let mut beyond = Self::split(&mut self.written, end);
        beyond.extend(Self::split(&mut self.committed, end));
        beyond.into_iter().map(|(_, waiter)| waiter).collect()
    }

    /// Takes everybody: the partition went offline or away.
    pub fn take_all(&mut self) -> Vec<T> {
        let waiters = self.written.drain(..).chain(self.committed.drain(..));
        waiters.map(|(_, waiter)| waiter).collect()
    }

    /// How many producers wait.
    pub fn len(&self) -> usize {
        self.written.len() + self.committed.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn take(queue: &mut VecDeque<(Offset, T)>, end: Offset) -> Vec<T> {
        let ready = queue.partition_point(|(needed, _)| *needed <= end);
        queue.drain(..ready).map(|(_, waiter)| waiter).collect()
    }

    fn split(queue: &mut VecDeque<(Offset, T)>, end: Offset) -> VecDeque<(Offset, T)> {
        let kept = queue.partition_point(|(needed, _)| *needed <= end);
        queue.split_off(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_promise_is_kept_at_its_own_time() {
        let mut purgatory = Purgatory::default();
        purgatory.park(Promise::Written, 3, "one");
        purgatory.park(Promise::Committed, 3, "all");
        purgatory.park(Promise::Committed, 5, "later");
        assert_eq!(purgatory.take_written(3), ["one"]);
        assert!(purgatory.take_committed(2).is_empty());
        assert_eq!(purgatory.take_committed(3), ["all"]);
        assert_eq!(purgatory.take_all(), ["later"]);
        assert!(purgatory.is_empty());
    }

    #[test]
    fn a_duplicate_waits_for_its_own_batch_only() {
        let mut purgatory = Purgatory::default();
        purgatory.park(Promise::Committed, 4, "first");
        purgatory.park(Promise::Committed, 9, "new");
        purgatory.park(Promise::Committed, 4, "duplicate");
        assert!(purgatory.take_committed(3).is_empty());
        assert_eq!(purgatory.take_committed(4), ["first", "duplicate"]);
        assert_eq!(purgatory.take_committed(9), ["new"]);
    }

    #[test]
    fn what_was_dropped_takes_nobody_else_with_it() {
        let mut purgatory = Purgatory::default();
        for promise in [Promise::Written, Promise::Committed] {
            purgatory.park(promise, 5, "before");
            purgatory.park(promise, 8, "across");
            purgatory.park(promise, 9, "beyond");
            purgatory.park(promise, 5, "duplicate");
        }
        let dropped = ["across", "beyond", "across", "beyond"];
        assert_eq!(purgatory.take_beyond(5), dropped);
        assert_eq!(purgatory.take_written(5), ["before", "duplicate"]);
        assert_eq!(purgatory.take_committed(5), ["before", "duplicate"]);
        assert!(purgatory.is_empty());
    }
}
