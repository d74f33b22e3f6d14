//! What loads of groups found out, as it is kept in JSON.

use serde::{Deserialize, Serialize};

use super::pauses::Move;
use super::settings::{CommitWorkload, HeartbeatWorkload, RebalanceWorkload};
use crate::bench::{Latency, LoadThread, Verdict};
use crate::model::Uuid;

/// A window of heartbeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeartbeatReport {
    /// klamm's version, whose load this was.
    pub version: String,
    /// What was run.
    pub workload: HeartbeatWorkload,
    /// The brokers as they were given.
    pub bootstrap: String,
    /// The interval that members kept.
    pub heartbeat_ms: f64,
    /// From the first group's first request until all groups were at rest.
    pub joined_seconds: f64,
    /// The window.
    pub seconds: f64,
    /// Heartbeats answered in it.
    pub heartbeats: u64,
    /// From a heartbeat's due time to its answer.
    pub heartbeat_latency: Option<Latency>,
    /// Commits answered in it.
    pub commits: u64,
    /// From a commit's due time to its answer.
    pub commit_latency: Option<Latency>,
    /// Answers that told of a rebalance; there must be none.
    pub rebalances: u64,
    /// The load's thread.
    pub load: LoadThread,
    /// Processor time of the broker, if its process was named.
    pub broker_cpu: Option<GroupCpu>,
    /// Whether the figures may be used.
    pub verdict: Verdict,
}

/// What the broker's process used in the window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupCpu {
    /// Its process.
    pub pid: u32,
    /// Processor time of all its threads.
    pub seconds: f64,
    /// The same per heartbeat, or commit.
    pub us_per_request: Option<f64>,
}

impl GroupCpu {
    pub(super) fn of(pid: u32, seconds: f64, requests: u64) -> Self {
        Self {
            pid,
            seconds,
            us_per_request: (requests > 0).then(|| seconds * 1e6 / requests as f64),
        }
    }
}

/// A load of commits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommitReport {
    /// klamm's version, whose load this was.
    pub version: String,
    /// What was run.
    pub workload: CommitWorkload,
    /// The brokers as they were given.
    pub bootstrap: String,
    /// The topic whose offsets were committed; groups are named after it.
    pub topic: String,
    /// Its id.
    pub topic_id: String,
    /// How long it took.
    pub seconds: f64,
    /// Commits answered.
    pub commits: u64,
    /// Offsets in them.
    pub offsets: u64,
    /// The offset that every group committed last for every partition, if rounds were given.
    pub last_offset: Option<i64>,
    /// From when a commit was due to its answer.
    pub commit_latency: Option<Latency>,
    /// The load's thread.
    pub load: LoadThread,
    /// Processor time of the broker, if its process was named.
    pub broker_cpu: Option<GroupCpu>,
}

impl CommitReport {
    /// The topic's id as a value.
    pub fn topic_uuid(&self) -> Option<Uuid> {
        self.topic_id.parse().ok()
    }
}

/// Members that joined a group which reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RebalanceReport {
    /// klamm's version, whose load this was.
    pub version: String,
    /// What was run.
    pub workload: RebalanceWorkload,
    /// The brokers as they were given.
    pub bootstrap: String,
    /// The interval that members kept.
    pub heartbeat_ms: f64,
    /// Each join.
    pub rounds: Vec<RebalanceRound>,
    /// Records that came a second time to a new owner.
    pub repeated: u64,
    /// Records that nobody got.
    pub skipped: u64,
    /// Commits that came too late for their generation.
    pub uncommitted: u64,
    /// Times at which nothing was written, because the broker was behind.
    pub missed_writes: u64,
    /// The load's thread over the whole run.
    pub load: LoadThread,
    /// Whether the figures may be used.
    pub verdict: Verdict,
}

/// One join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RebalanceRound {
    /// From the joiner's first request until all members were at rest again, microseconds.
    pub settled_us: u64,
    /// Every partition that was given up and taken again, by whomever.
    pub moves: Vec<Move>,
}

impl RebalanceReport {
    /// All pauses in order, microseconds.
    pub fn pauses_us(&self) -> Vec<u64> {
        let moves = self.rounds.iter().flat_map(|round| &round.moves);
        let mut pauses: Vec<u64> = moves.map(|one| one.pause_us).collect();
        pauses.sort_unstable();
        pauses
    }

    /// Partitions given up and taken again in a round, on average.
    pub fn moves_per_round(&self) -> f64 {
        let moves: usize = self.rounds.iter().map(|round| round.moves.len()).sum();
        moves as f64 / self.rounds.len().max(1) as f64
    }
}

/// The value below which so much of sorted values lies; `None` of none.
pub fn quantile_us(sorted: &[u64], share: f64) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).round() as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_seen() {
        assert_eq!(quantile_us(&[], 0.5), None);
        assert_eq!(quantile_us(&[7], 0.99), Some(7));
        let sorted: Vec<u64> = (0..=100).collect();
        assert_eq!(quantile_us(&sorted, 0.5), Some(50));
        assert_eq!(quantile_us(&sorted, 1.0), Some(100));
    }
}
