//! What the members of a load have seen. Pure.

use super::pauses::Pauses;
use super::script::Change;
use crate::bench::latency::Latencies;

/// Counts of all members together.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    /// From when on heartbeats and commits count: what was due before does not.
    since_us: u64,
    pub(super) heartbeats: u64,
    pub(super) heartbeat: Latencies,
    pub(super) commits: u64,
    pub(super) commit: Latencies,
    /// Heartbeats whose answer told of a rebalance or another assignment.
    pub(super) rebalances: u64,
    /// Requests that a coordinator was not ready for.
    pub(super) retries: u64,
    /// Commits that came too late for their generation.
    pub(super) uncommitted: u64,
    pub(super) pauses: Pauses,
}

impl Counts {
    /// Nothing counts yet but what is read of so many partitions.
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            since_us: u64::MAX,
            heartbeats: 0,
            heartbeat: Latencies::new(),
            commits: 0,
            commit: Latencies::new(),
            rebalances: 0,
            retries: 0,
            uncommitted: 0,
            pauses: Pauses::new(partitions),
        }
    }

    /// Begins anew with what is due from then on.
    pub(super) fn begin(&mut self, since_us: u64) {
        *self = Self {
            since_us,
            pauses: self.pauses.clone(),
            ..Self::new(0)
        };
    }

    pub(super) fn on_heartbeat(&mut self, now_us: u64, due_us: u64, change: Change) {
        if due_us < self.since_us {
            return;
        }
        self.heartbeats += 1;
        self.heartbeat.record(now_us.saturating_sub(due_us));
        self.rebalances += u64::from(change == Change::Rebalance);
    }

    pub(super) fn on_commit(&mut self, now_us: u64, due_us: u64) {
        if due_us >= self.since_us {
            self.commits += 1;
            self.commit.record(now_us.saturating_sub(due_us));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_due_before_does_not_count() {
        let mut counts = Counts::new(1);
        counts.on_heartbeat(5, 1, Change::None);
        assert_eq!(counts.heartbeats, 0);
        counts.begin(10);
        counts.on_heartbeat(12, 9, Change::Rebalance);
        counts.on_heartbeat(12, 10, Change::Rebalance);
        counts.on_commit(12, 11);
        assert_eq!(
            (counts.heartbeats, counts.rebalances, counts.commits),
            (1, 1, 1)
        );
    }
}
