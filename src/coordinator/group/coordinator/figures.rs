//! What a coordinator counts, for metrics.

use std::collections::BTreeMap;
use std::fmt;

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
    /// Offsets that somebody has deleted since then.
    pub offset_deletions: u64,
    /// Offsets that have expired since then, or went with their topics.
    pub offset_expiries: u64,
    /// Generations of classic groups that were assigned since then.
    pub classic_rebalances: u64,
    /// Epochs of consumer groups since then.
    pub consumer_rebalances: u64,
}

impl Figures {
    /// Takes what another coordinator counts.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.groups {
            *self.groups.entry(*kind).or_default() += count;
        }
        self.offsets += other.offsets;
        self.commits += other.commits;
        self.offset_deletions += other.offset_deletions;
        self.offset_expiries += other.offset_expiries;
        self.classic_rebalances += other.classic_rebalances;
        self.consumer_rebalances += other.consumer_rebalances;
    }

    /// What there is, and what was counted since `before`.
    pub fn since(&self, before: &Self) -> Self {
        // A coordinator that was given up has taken its counts with it.
        let since = u64::saturating_sub;
        Self {
            groups: self.groups.clone(),
            offsets: self.offsets,
            commits: since(self.commits, before.commits),
            offset_deletions: since(self.offset_deletions, before.offset_deletions),
            offset_expiries: since(self.offset_expiries, before.offset_expiries),
            classic_rebalances: since(self.classic_rebalances, before.classic_rebalances),
            consumer_rebalances: since(self.consumer_rebalances, before.consumer_rebalances),
        }
    }

    /// Whether nothing was counted.
    pub fn is_idle(&self) -> bool {
        let deleted = self.offset_deletions + self.offset_expiries;
        self.commits + deleted + self.classic_rebalances + self.consumer_rebalances == 0
    }

    /// How many groups there are.
    pub fn group_count(&self) -> usize {
        self.groups.values().sum()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} groups", self.group_count())?;
        for (index, ((kind, state), count)) in self.groups.iter().enumerate() {
            let before = if index == 0 { " (" } else { ", " };
            write!(f, "{before}{count} {kind} {state}")?;
        }
        let close = if self.groups.is_empty() { "" } else { ")" };
        write!(
            f,
            "{close} with {} offsets; {} commits, {} offsets expired, {} deleted, {} classic and {} \
             consumer rebalances",
            self.offsets,
            self.commits,
            self.offset_expiries,
            self.offset_deletions,
            self.classic_rebalances,
            self.consumer_rebalances,
        )
    }
}

/// What has been appended.
#[derive(Debug, Default)]
pub(super) struct Counters {
    commits: u64,
    offset_deletions: u64,
    offset_expiries: u64,
    classic_rebalances: u64,
    consumer_rebalances: u64,
}

impl Counters {
    /// `was_asked` says whether somebody waits for the records.
    pub(super) fn count(&mut self, records: &[GroupRecord], was_asked: bool) {
        for record in records {
            match record {
                GroupRecord::OffsetCommit { value: Some(_), .. } => self.commits += 1,
                GroupRecord::OffsetCommit { .. } if was_asked => self.offset_deletions += 1,
                GroupRecord::OffsetCommit { .. } => self.offset_expiries += 1,
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
            offset_expiries: self.counters.offset_expiries,
            classic_rebalances: self.counters.classic_rebalances,
            consumer_rebalances: self.counters.consumer_rebalances,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_add_up_and_are_told_from_one_look_to_the_next() {
        let of = |kind, state, count, commits| Figures {
            groups: BTreeMap::from([((kind, state), count)]),
            offsets: 10,
            commits,
            ..Figures::default()
        };
        let mut all = of("classic", "Stable", 2, 5);
        all.add(&of("classic", "Stable", 1, 7));
        all.add(&of("consumer", "Empty", 4, 0));
        assert_eq!((all.group_count(), all.offsets, all.commits), (7, 30, 12));
        let since = all.since(&of("classic", "Stable", 9, 2));
        assert_eq!((since.group_count(), since.commits), (7, 10));
        assert!(all.since(&all).is_idle() && !since.is_idle());
        assert_eq!(
            since.to_string(),
            "7 groups (3 classic Stable, 4 consumer Empty) with 30 offsets; 10 commits, \
             0 offsets expired, 0 deleted, 0 classic and 0 consumer rebalances"
        );
    }
}
