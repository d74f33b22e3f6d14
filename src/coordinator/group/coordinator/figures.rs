//! What a coordinator counts, for metrics.

use std::collections::BTreeMap;

use super::super::record::GroupRecord;
use super::Coordinator;

/// Counts of a coordinator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Groups by kind and state, Kafka's names of both.
    pub groups: BTreeMap<(&'static str, &'static str), usize>,
    /// Committed offsets that are kept.
    pub offsets: usize,
    /// Offsets that were committed since the coordinator began.
    pub commits: u64,
    /// Offsets that have expired or were deleted since then.
    pub offset_deletions: u64,
    /// Generations of classic groups that were assigned since then.
    pub classic_rebalances: u64,
    /// Epochs of consumer groups since then.
    pub consumer_rebalances: u64,
}

/// What has been appended.
#[derive(Debug, Default)]
pub(super) struct Counters {
    commits: u64,
    offset_deletions: u64,
    classic_rebalances: u64,
    consumer_rebalances: u64,
}

impl Counters {
    pub(super) fn count(&mut self, records: &[GroupRecord]) {
        for record in records {
            match record {
                GroupRecord::OffsetCommit { value: Some(_), .. } => self.commits += 1,
                GroupRecord::OffsetCommit { value: None, .. } => self.offset_deletions += 1,
                GroupRecord::GroupMetadata {
                    value: Some(value), ..
                } if !value.members.is_empty() => {
                    self.classic_rebalances += 1;
                }
                GroupRecord::ConsumerGroupMetadata { value: Some(_), .. } => {
                    self.consumer_rebalances += 1;
                }
                _ => {}
            }
        }
    }
}

impl Coordinator {
    /// Its counts as they are now.
    pub fn figures(&self) -> Figures {
        let mut groups = BTreeMap::new();
        for group in self.groups.values() {
            *groups.entry((group.kind(), group.state())).or_default() += 1;
        }
        Figures {
            groups,
            offsets: self.offsets.count(),
            commits: self.counters.commits,
            offset_deletions: self.counters.offset_deletions,
            classic_rebalances: self.counters.classic_rebalances,
            consumer_rebalances: self.counters.consumer_rebalances,
        }
    }
}
