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
    /// A retried duplicate may wait for an `end` below one already parked; such a waiter is
    /// answered together with its neighbour, never too early.
    pub fn park(&mut self, promise: Promise, end: Offset, waiter: T) {
        let queue = match promise {
            Promise::Written => &mut self.written,
            Promise::Committed => &mut self.committed,
        };
        let end = queue.back().map_or(end, |(last, _)| end.max(*last));
        queue.push_back((end, waiter));
    }

    /// Takes those whose batches lie wholly below `end` of the written log.
    pub fn take_written(&mut self, end: Offset) -> Vec<T> {
        Self::take(&mut self.written, end)
    }

    /// Takes those whose batches lie wholly below the high watermark.
    pub fn take_committed(&mut self, high_watermark: Offset) -> Vec<T> {
        Self::take(&mut self.committed, high_watermark)
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
    fn a_duplicate_waits_behind_what_was_parked_before_it() {
        let mut purgatory = Purgatory::default();
        purgatory.park(Promise::Committed, 9, "new");
        purgatory.park(Promise::Committed, 4, "duplicate");
        assert!(purgatory.take_committed(4).is_empty());
        assert_eq!(purgatory.take_committed(9), ["new", "duplicate"]);
    }
}
