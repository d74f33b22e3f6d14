//! What happens without being asked for: offsets expire, topics go, empty groups with them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::super::classic::State;
use super::super::offsets::Committed;
use super::super::record::GroupRecord;
use super::super::stored;
use super::kinds::Group;
use super::{Coordinator, Then, Topics, Turn, Write};
use crate::model::{Offset, TimestampMs, Uuid};

/// As many records are put into one batch of upkeep.
const BATCH_RECORDS_MAX: usize = 500;

/// One stretch of a walk looks at so many groups and offsets: it takes well below a millisecond, and
/// what it writes is about one batch.
const STRETCH_LOOKS: usize = 500;

/// Tombstones that the log has not taken are offered again after so long.
const FORGET_AGAIN_MS: i64 = 1_000;

/// Deleted topics of which offsets have to go, with the place in the log before which those are.
pub(super) type Forgotten = HashMap<Arc<str>, Offset>;

/// A topic's partition.
type Place = (Arc<str>, i32);

/// How far a walk through all groups has come: where its next stretch begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// The group whose turn it is; `None` before the first.
    group: Option<Arc<str>>,
    /// The offset of it whose turn it is, if those before have had theirs.
    place: Option<Place>,
}

/// What a stretch has come to.
struct Stretch {
    records: Vec<GroupRecord>,
    looks_left: usize,
    /// Something was not looked at any more.
    is_over: bool,
}

impl Coordinator {
    /// Lets go what has expired (KIP-211), and groups in which nothing is left: a stretch of the
    /// groups, and where the next begins. The caller begins every
    /// `offsets.retention.check.interval.ms` and does other things in between, because a walk
    /// through hundreds of thousands of groups takes long.
    pub fn expire(&self, from: &Walk, now: TimestampMs) -> (Turn, Option<Walk>) {
        self.walk(from, |group, place, stretch| {
            self.expire_group(group, place, now, stretch)
        })
    }

    /// Lets go offsets that a coordinator has loaded and whose topic is lost: the broker died after
    /// the topic was deleted and before that was in this log. In stretches, as
    /// [`Coordinator::expire`]; before anything else is asked of the coordinator, so that all there is
    /// is older than the metadata that is asked.
    ///
    /// Lost are topics of which no name is left, and those whose id is among `deleted`: there is
    /// another topic of the name, and its readers begin at the beginning. Where ids merely differ,
    /// nothing is known: Kafka may have written the offset in a cluster that gave the topic another
    /// id, and it goes on to count. So what escapes is a topic that was deleted and created again,
    /// when the metadata's log that says so was left behind a snapshot before the broker died, or
    /// when the offset does not tell its topic's id, as those of older Kafkas do not.
    pub fn forget_lost(
        &self,
        from: &Walk,
        topics: &dyn Topics,
        deleted: &BTreeSet<Uuid>,
    ) -> (Turn, Option<Walk>) {
        self.walk(from, |group, place, stretch| {
            let id = group.id();
            // A tombstone takes what is decided and what is not: all of it has to be lost.
            let is_lost = |topic: &str, partition: i32| {
                let mut all = self.offsets.all_at(id, topic, partition);
                let is_gone = topics.by_name(topic).is_none();
                is_gone || all.all(|one| deleted.contains(&one.topic_id))
            };
            if place.is_none() {
                let pending = self.offsets.pending_of_group(id);
                let lost = pending.filter(|(topic, partition, _)| is_lost(topic, *partition));
                stretch
                    .records
                    .extend(lost.map(|(topic, partition, _)| tombstone(id, topic, partition)));
            }
            for (topic, partition, _) in self.offsets.of_group_from(id, place) {
                if !stretch.looks() {
                    return Some((topic.clone(), partition));
                }
                if is_lost(topic, partition) {
                    stretch.records.push(tombstone(id, topic, partition));
                }
            }
            None
        })
    }

    /// Has groups looked at until the stretch is full. `look` says at which offset it has stopped.
    fn walk(
        &self,
        from: &Walk,
        mut look: impl FnMut(&Group, Option<&Place>, &mut Stretch) -> Option<Place>,
    ) -> (Turn, Option<Walk>) {
        let mut stretch = Stretch {
            records: Vec::new(),
            looks_left: STRETCH_LOOKS,
            is_over: false,
        };
        let mut next = None;
        for (id, group) in self.groups.since(from.group.as_deref()) {
            let place = from
                .place
                .as_ref()
                .filter(|_| from.group.as_ref() == Some(id));
            let stopped_at = match place.is_some() || stretch.looks() {
                true => look(group, place, &mut stretch),
                false => None,
            };
            if stretch.is_over {
                next = Some(Walk {
                    group: Some(id.clone()),
                    place: stopped_at,
                });
                break;
            }
        }
        (in_batches(stretch.records, || Then::Upkeep), next)
    }

    /// Topics are gone: so is what was committed for them, and who creates one of the same name
    /// begins at the beginning. What the log does not take is offered to it again, until it does.
    pub fn forget_topics(&self, topics: &HashSet<Arc<str>>) -> Turn {
        let (mut records, mut last) = (Vec::new(), 0);
        self.visit_places(topics, |group, topic, partition| {
            let all = self.offsets.all_at(group, topic, partition);
            last = all.map(|one| one.record_offset).fold(last, Offset::max);
            records.push(tombstone(group, topic, partition));
        });
        let before = |topic: &Arc<str>| (topic.clone(), last + 1);
        let gone = Arc::new(topics.iter().map(before).collect());
        in_batches(records, || Then::Forget(Arc::clone(&gone)))
    }

    /// The log has not taken tombstones of these topics.
    pub(super) fn offer_again(&mut self, topics: &Forgotten, now: TimestampMs) {
        for (topic, before) in topics {
            let again = self.to_forget.entry(topic.clone()).or_insert(*before);
            *again = (*again).max(*before);
        }
        self.timers.set(self.forget_timer, now + FORGET_AGAIN_MS);
    }

    /// The log has lost what is at and beyond `from`: what is written there now is of topics that
    /// are there.
    pub(super) fn forget_only_below(&mut self, from: Offset) {
        for before in self.to_forget.values_mut() {
            *before = (*before).min(from);
        }
    }

    /// Offers tombstones again that the log has not taken. There may be another topic of the name
    /// now: what was committed for that stays, and so does what was committed since.
    pub(super) fn forget_again(&mut self, topics: &dyn Topics, now: TimestampMs) -> Turn {
        let gone = std::mem::take(&mut self.to_forget);
        let names = gone.keys().cloned().collect();
        let (mut records, mut mixed) = (Vec::new(), Forgotten::new());
        self.visit_places(&names, |group, topic, partition| {
            let (current, before) = (topics.by_name(topic).map(|(id, _)| id), gone[topic]);
            let is_old = |one: &Committed| {
                one.record_offset < before && current.is_none_or(|id| id != one.topic_id)
            };
            let mut all = self.offsets.all_at(group, topic, partition);
            let mut others = self.offsets.all_at(group, topic, partition);
            if all.all(is_old) {
                records.push(tombstone(group, topic, partition));
            } else if others.any(is_old) {
                // A transaction decides which of them stays.
                mixed.insert(topic.clone(), before);
            }
        });
        if !mixed.is_empty() {
            self.offer_again(&mixed, now);
        }
        let gone = Arc::new(gone);
        in_batches(records, || Then::Forget(Arc::clone(&gone)))
    }

    /// Shows every partition of these topics for which a group has an offset, decided or not.
    fn visit_places(
        &self,
        topics: &HashSet<Arc<str>>,
        mut visit: impl FnMut(&Arc<str>, &Arc<str>, i32),
    ) {
        for group in self.offsets.groups_with_topics(topics) {
            for (topic, partition) in self.offsets.places_of(&group) {
                if topics.contains(&topic) {
                    visit(&group, &topic, partition);
                }
            }
        }
    }

    fn expire_group(
        &self,
        group: &Group,
        from: Option<&Place>,
        now: TimestampMs,
        stretch: &mut Stretch,
    ) -> Option<Place> {
        let since = expiry(group)?;
        let id = group.id();
        let retention_ms = self.config.offsets_retention_ms;
        let mut all_gone = self.begins_at(id, from);
        let mut in_use: Option<(&Arc<str>, bool)> = None;
        for (topic, partition, committed) in self.offsets.of_group_from(id, from) {
            if !stretch.looks() {
                return Some((topic.clone(), partition));
            }
            let known = in_use.filter(|(known, _)| *known == topic);
            let (_, is_used) =
                *in_use.insert(known.unwrap_or_else(|| (topic, group.subscribes_to(topic))));
            let expired = !is_used
                && committed.is_expired(now, since(committed), retention_ms)
                && !self.offsets.is_pending(id, topic, partition);
            match expired {
                true => stretch.records.push(tombstone(id, topic, partition)),
                false => all_gone = false,
            }
        }
        if all_gone && group.is_empty() && !self.offsets.has_open_transactions(id) {
            stretch.records.extend(group.tombstones());
        }
        None
    }

    /// Whether earlier stretches, which looked at what is before, have left nothing of it.
    fn begins_at(&self, group: &str, place: Option<&Place>) -> bool {
        let first = self.offsets.of_group_from(group, None).next();
        let first = first.map(|(topic, partition, _)| (topic, partition));
        let is_before =
            |(topic, partition): &Place| first.is_some_and(|first| first < (topic, *partition));
        !place.is_some_and(is_before)
    }
}

impl Stretch {
    /// Whether one more may be looked at; it counts as looked at then.
    fn looks(&mut self) -> bool {
        let may = self.looks_left.checked_sub(1);
        self.looks_left = may.unwrap_or(0);
        self.is_over |= may.is_none();
        may.is_some()
    }
}

/// Since when an offset of the group is not needed; `None` if none may expire.
fn expiry(group: &Group) -> Option<impl Fn(&Committed) -> TimestampMs> {
    let empty_since = match group {
        // Topics that nobody in it is subscribed to; that its members are gone changes nothing.
        Group::Consumer(_) => None,
        Group::Classic(group) => match (group.protocol_type(), group.state()) {
            // Who commits without joining is gone for so long as it has not committed.
            (None, _) => None,
            (Some(_), State::Empty) => group.state_since(),
            // Topics that a consumer is not subscribed to any more.
            (Some(_), State::Stable) if group.has_consumers() && group.subscribed().is_some() => {
                None
            }
            _ => return None,
        },
    };
    Some(move |committed: &Committed| empty_since.unwrap_or(committed.at))
}

fn tombstone(group: &str, topic: &str, partition: i32) -> GroupRecord {
    stored::offset_record(group, topic, partition, None)
}

fn in_batches(records: Vec<GroupRecord>, then: impl Fn() -> Then) -> Turn {
    let mut turn = Turn::default();
    let mut records = records.into_iter().peekable();
    while records.peek().is_some() {
        turn.writes.push(Write {
            records: records.by_ref().take(BATCH_RECORDS_MAX).collect(),
            then: then(),
            undo: None,
        });
    }
    turn
}
