//! How far groups have consumed: what was committed, and what transactions have not decided yet.
//!
//! Everything here comes from records, live or at loading, by [`Offsets::replay`] and
//! [`Offsets::end_transaction`]; each gives back what undoes it, for the case that the log does
//! not take the record.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::model::{LeaderEpoch, Offset, ProducerId, TimestampMs, Uuid};
use crate::protocol::message::group_record::offset::{OffsetCommitKey, OffsetCommitValue};

/// A producer id that is none: the commit is not part of a transaction.
pub const NO_PRODUCER: ProducerId = -1;

/// One committed offset.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// Where to go on.
    pub offset: Offset,
    /// Of the record before; −1 if the client did not say.
    pub leader_epoch: LeaderEpoch,
    /// Whatever the client wants to find again.
    pub metadata: Arc<str>,
    /// When it was committed.
    pub at: TimestampMs,
    /// When it expires, if its client said so (OffsetCommit before version 5).
    pub expires_at: Option<TimestampMs>,
    /// The topic that was meant, whatever has its name today; zero if not known.
    pub topic_id: Uuid,
    /// Where the record stands: of two commits the later one counts.
    pub record_offset: Offset,
}

/// By topic and partition.
type Topics = BTreeMap<Arc<str>, BTreeMap<i32, Committed>>;

/// The committed offsets of all groups of a coordinator.
#[derive(Debug, Default)]
pub struct Offsets {
    groups: HashMap<Arc<str>, Topics>,
    /// What open transactions have committed, by group.
    pending: HashMap<ProducerId, HashMap<Arc<str>, Topics>>,
    /// Which transactions are open in a group.
    open: HashMap<Arc<str>, HashSet<ProducerId>>,
    count: usize,
}

/// What takes a change back; to be applied in the reverse order of the changes.
#[derive(Debug)]
#[must_use = "a change that the log does not take has to be taken back"]
pub struct OffsetUndo(Vec<Change>);

/// Puts back what was there before.
#[derive(Debug)]
enum Change {
    Committed(Place, Option<Committed>),
    Pending(ProducerId, Place, Option<Committed>),
}

/// Of which group, topic and partition.
#[derive(Clone, Debug)]
struct Place {
    group: Arc<str>,
    topic: Arc<str>,
    partition: i32,
}

impl Offsets {
    /// How many offsets are committed.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What a group has committed for a partition.
    pub fn get(&self, group: &str, topic: &str, partition: i32) -> Option<&Committed> {
        find(self.groups.get(group)?, topic, partition)
    }

    /// Everything that a group has committed, by topic and partition.
    pub fn of_group(
        &self,
        group: &str,
    ) -> impl Iterator<Item = (&Arc<str>, &BTreeMap<i32, Committed>)> {
        self.groups.get(group).into_iter().flatten()
    }

    /// What a group has committed, by topic and partition, from a place on.
    pub fn of_group_from<'a>(
        &'a self,
        group: &str,
        from: Option<&'a (Arc<str>, i32)>,
    ) -> impl Iterator<Item = (&'a Arc<str>, i32, &'a Committed)> {
        let topics = self.groups.get(group).into_iter();
        let topics = topics.flat_map(move |topics| {
            let first = from.map_or(Bound::Unbounded, |(topic, _)| Bound::Included(&**topic));
            topics.range::<str, _>((first, Bound::Unbounded))
        });
        topics.flat_map(move |(topic, partitions)| {
            let first = from.filter(|(first, _)| first == topic);
            let first = first.map_or(i32::MIN, |(_, partition)| *partition);
            let partitions = partitions.range(first..);
            partitions.map(move |(partition, committed)| (topic, *partition, committed))
        })
    }

    /// What open transactions have committed for a group.
    pub fn pending_of_group(
        &self,
        group: &str,
    ) -> impl Iterator<Item = (&Arc<str>, i32, &Committed)> {
        let open = self.open.get(group).into_iter().flatten();
        let pending = open.filter_map(move |producer| self.pending.get(producer)?.get(group));
        pending.flatten().flat_map(|(topic, partitions)| {
            let partitions = partitions.iter();
            partitions.map(move |(partition, pending)| (topic, *partition, pending))
        })
    }

    /// All that a group has for a partition, decided or not: what a tombstone takes.
    pub fn all_at(
        &self,
        group: &str,
        topic: &str,
        partition: i32,
    ) -> impl Iterator<Item = &Committed> {
        let open = self.open.get(group).into_iter().flatten();
        let pending = open.filter_map(move |producer| self.pending.get(producer)?.get(group));
        let all = self.groups.get(group).into_iter().chain(pending);
        all.filter_map(move |topics| find(topics, topic, partition))
    }

    /// Whether a transaction that is still open has committed an offset of this partition.
    pub fn is_pending(&self, group: &str, topic: &str, partition: i32) -> bool {
        let open = self.open.get(group).into_iter().flatten();
        let mut pending = open.filter_map(|producer| self.pending.get(producer)?.get(group));
        pending.any(|topics| find(topics, topic, partition).is_some())
    }

    /// Whether any transaction is open that commits for the group.
    pub fn has_open_transactions(&self, group: &str) -> bool {
        self.open.contains_key(group)
    }

    /// Every partition for which the group has an offset, decided or not: what goes with the group.
    pub fn places_of(&self, group: &str) -> Vec<(Arc<str>, i32)> {
        let open = self.open.get(group).into_iter().flatten();
        let pending = open.filter_map(|producer| self.pending.get(producer)?.get(group));
        let all = self.groups.get(group).into_iter().chain(pending);
        let places = all.flatten().flat_map(|(topic, partitions)| {
            partitions
                .keys()
                .map(|partition| (topic.clone(), *partition))
        });
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The groups that have an offset, decided or not, in one of these topics.
    pub fn groups_with_topics(&self, topics: &HashSet<Arc<str>>) -> Vec<Arc<str>> {
        let pending = self.pending.values().flatten();
        let all = self.groups.iter().chain(pending);
        let found = all.filter(|(_, has)| has.keys().any(|topic| topics.contains(topic)));
        let found = found.map(|(group, _)| group.clone());
        let mut found: Vec<_> = found.collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// A record of the log: `producer` is [`NO_PRODUCER`] outside transactions.
    pub fn replay(
        &mut self,
        record_offset: Offset,
        producer: ProducerId,
        key: &OffsetCommitKey,
        value: Option<&OffsetCommitValue>,
    ) -> OffsetUndo {
        let place = Place {
            group: key.group.as_str().into(),
            topic: key.topic.as_str().into(),
            partition: key.partition,
        };
        let Some(value) = value else {
            return self.forget(&place);
        };
        let committed = Committed::of_record(value, record_offset);
        let mut undo = OffsetUndo(Vec::new());
        match producer {
            NO_PRODUCER => {
                let before = self.put(&place, Some(committed));
                undo.0.push(Change::Committed(place, before));
            }
            producer => {
                let before = self.put_pending(producer, &place, Some(committed));
                undo.0.push(Change::Pending(producer, place, before));
            }
        }
        undo
    }

    /// The end of a transaction: what it has committed counts, or never was.
    pub fn end_transaction(&mut self, producer: ProducerId, commits: bool) -> OffsetUndo {
        let mut undo = OffsetUndo(Vec::new());
        for (place, pending) in self.pending_of(producer) {
            self.put_pending(producer, &place, None);
            undo.0.push(Change::Pending(
                producer,
                place.clone(),
                Some(pending.clone()),
            ));
            let current = self.get(&place.group, &place.topic, place.partition);
            let is_newer =
                current.is_none_or(|current| current.record_offset < pending.record_offset);
            if commits && is_newer {
                let before = self.put(&place, Some(pending));
                undo.0.push(Change::Committed(place, before));
            }
        }
        undo
    }

    /// Takes a change back that the log has not taken.
    pub fn undo(&mut self, undo: OffsetUndo) {
        for change in undo.0.into_iter().rev() {
            match change {
                Change::Committed(place, before) => drop(self.put(&place, before)),
                Change::Pending(producer, place, before) => {
                    drop(self.put_pending(producer, &place, before));
                }
            }
        }
    }

    /// A tombstone also takes what open transactions have for the partition.
    fn forget(&mut self, place: &Place) -> OffsetUndo {
        let before = self.put(place, None);
        let mut changes = vec![Change::Committed(place.clone(), before)];
        let open = self.open.get(&place.group).cloned().unwrap_or_default();
        for producer in open {
            if let Some(before) = self.put_pending(producer, place, None) {
                changes.push(Change::Pending(producer, place.clone(), Some(before)));
            }
        }
        OffsetUndo(changes)
    }

    fn pending_of(&self, producer: ProducerId) -> Vec<(Place, Committed)> {
        let mut all = Vec::new();
        for (group, topics) in self.pending.get(&producer).into_iter().flatten() {
            for (topic, partitions) in topics {
                all.extend(partitions.iter().map(|(partition, pending)| {
                    let place = Place {
                        group: group.clone(),
                        topic: topic.clone(),
                        partition: *partition,
                    };
                    (place, pending.clone())
                }));
            }
        }
        all
    }

    fn put(&mut self, place: &Place, committed: Option<Committed>) -> Option<Committed> {
        self.count += usize::from(committed.is_some());
        let before = put(&mut self.groups, place, committed);
        self.count -= usize::from(before.is_some());
        before
    }

    fn put_pending(
        &mut self,
        producer: ProducerId,
        place: &Place,
        committed: Option<Committed>,
    ) -> Option<Committed> {
        let groups = self.pending.entry(producer).or_default();
        let before = put(groups, place, committed);
        let is_open = groups.contains_key(&place.group);
        if groups.is_empty() {
            self.pending.remove(&producer);
        }
        let open = self.open.entry(place.group.clone()).or_default();
        match is_open {
            true => drop(open.insert(producer)),
            false => drop(open.remove(&producer)),
        }
        if open.is_empty() {
            self.open.remove(&place.group);
        }
        before
    }
}

impl Committed {
    fn of_record(value: &OffsetCommitValue, record_offset: Offset) -> Self {
        Self {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata.as_str().into(),
            at: value.commit_timestamp,
            expires_at: (value.expire_timestamp >= 0).then_some(value.expire_timestamp),
            topic_id: value.topic_id,
            record_offset,
        }
    }

    /// Whether it may go (KIP-211): by its client's word, or so long after `since`.
    pub fn is_expired(&self, now: TimestampMs, since: TimestampMs, retention_ms: i64) -> bool {
        match self.expires_at {
            Some(at) => now >= at,
            None => now.saturating_sub(since) >= retention_ms,
        }
    }
}

fn find<'a>(topics: &'a Topics, topic: &str, partition: i32) -> Option<&'a Committed> {
    topics.get(topic)?.get(&partition)
}

/// Puts or takes; nothing empty stays behind.
fn put(
    groups: &mut HashMap<Arc<str>, Topics>,
    place: &Place,
    committed: Option<Committed>,
) -> Option<Committed> {
    let Some(committed) = committed else {
        return take(groups, place);
    };
    let topics = groups.entry(place.group.clone()).or_default();
    let partitions = topics.entry(place.topic.clone()).or_default();
    partitions.insert(place.partition, committed)
}

fn take(groups: &mut HashMap<Arc<str>, Topics>, place: &Place) -> Option<Committed> {
    let topics = groups.get_mut(&place.group)?;
    let partitions = topics.get_mut(&place.topic)?;
    let taken = partitions.remove(&place.partition);
    if partitions.is_empty() {
        topics.remove(&place.topic);
    }
    if topics.is_empty() {
        groups.remove(&place.group);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> OffsetCommitKey {
        OffsetCommitKey {
            group: "g".to_owned(),
            topic: "t".to_owned(),
            partition,
        }
    }

    fn value(offset: Offset) -> OffsetCommitValue {
        OffsetCommitValue {
            offset,
            ..OffsetCommitValue::default()
        }
    }

    fn offset(offsets: &Offsets) -> Option<Offset> {
        offsets.get("g", "t", 0).map(|committed| committed.offset)
    }

    #[test]
    fn the_last_commit_counts_and_a_tombstone_ends_it() {
        let mut offsets = Offsets::default();
        let first = offsets.replay(0, NO_PRODUCER, &key(0), Some(&value(10)));
        let second = offsets.replay(1, NO_PRODUCER, &key(0), Some(&value(20)));
        assert_eq!((offset(&offsets), offsets.count()), (Some(20), 1));
        let gone = offsets.replay(2, NO_PRODUCER, &key(0), None);
        assert_eq!((offset(&offsets), offsets.count()), (None, 0));
        offsets.undo(gone);
        offsets.undo(second);
        assert_eq!(offset(&offsets), Some(10));
        offsets.undo(first);
        assert_eq!((offset(&offsets), offsets.count()), (None, 0));
        assert_eq!(offsets.places_of("g"), []);
    }

    #[test]
    fn a_transaction_decides_at_its_end() {
        let mut offsets = Offsets::default();
        let _ = offsets.replay(0, NO_PRODUCER, &key(0), Some(&value(10)));
        let _ = offsets.replay(1, 7, &key(0), Some(&value(20)));
        assert!(offsets.is_pending("g", "t", 0) && !offsets.is_pending("g", "t", 1));
        assert_eq!(offset(&offsets), Some(10));
        let undo = offsets.end_transaction(7, true);
        assert_eq!(offset(&offsets), Some(20));
        assert!(!offsets.is_pending("g", "t", 0));
        offsets.undo(undo);
        assert!(offsets.is_pending("g", "t", 0));
        assert_eq!(offset(&offsets), Some(10));
        let _ = offsets.end_transaction(7, false);
        assert_eq!(offset(&offsets), Some(10));
        assert!(!offsets.has_open_transactions("g"));
    }

    #[test]
    fn a_later_commit_outlives_the_end_of_an_earlier_transaction() {
        let mut offsets = Offsets::default();
        let _ = offsets.replay(1, 7, &key(0), Some(&value(20)));
        let _ = offsets.replay(2, NO_PRODUCER, &key(0), Some(&value(30)));
        let _ = offsets.end_transaction(7, true);
        assert_eq!(offset(&offsets), Some(30));
    }

    #[test]
    fn a_tombstone_takes_what_is_pending() {
        let mut offsets = Offsets::default();
        let _ = offsets.replay(1, 7, &key(0), Some(&value(20)));
        assert_eq!(offsets.places_of("g"), [(Arc::from("t"), 0)]);
        let undo = offsets.replay(2, NO_PRODUCER, &key(0), None);
        assert!(!offsets.has_open_transactions("g"));
        let _ = offsets.end_transaction(7, true);
        assert_eq!(offset(&offsets), None);
        offsets.undo(undo);
        assert!(offsets.is_pending("g", "t", 0));
    }

    #[test]
    fn offsets_expire_by_their_clients_word_or_the_brokers() {
        let mut committed = Committed::of_record(&value(1), 0);
        assert!(!committed.is_expired(99, 0, 100));
        assert!(committed.is_expired(100, 0, 100));
        committed.expires_at = Some(50);
        assert!(!committed.is_expired(49, 0, 10));
        assert!(committed.is_expired(50, 50, 1000));
    }
}
