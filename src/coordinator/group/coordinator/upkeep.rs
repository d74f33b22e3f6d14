//! What happens without being asked for: offsets expire, topics go, empty groups with them.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::classic::State;
use super::super::offsets::Committed;
use super::super::record::GroupRecord;
use super::super::stored;
use super::kinds::Group;
use super::{Coordinator, Then, Turn, Write};
use crate::model::TimestampMs;

/// As many records are put into one batch of upkeep.
const BATCH_RECORDS_MAX: usize = 500;

impl Coordinator {
    /// Lets go what has expired (KIP-211), and groups in which nothing is left; the caller asks
    /// every `offsets.retention.check.interval.ms`.
    pub fn expire(&self, now: TimestampMs) -> Turn {
        let mut records = Vec::new();
        for group in self.groups.values() {
            self.expire_group(group, now, &mut records);
        }
        in_batches(records)
    }

    /// Topics are gone: so is what was committed for them, and who creates one of the same name
    /// begins at the beginning.
    pub fn forget_topics(&self, topics: &HashSet<Arc<str>>) -> Turn {
        let mut records = Vec::new();
        for group in self.offsets.groups_with_topics(topics) {
            let places = self.offsets.places_of(&group).into_iter();
            let gone = places.filter(|(topic, _)| topics.contains(topic));
            records.extend(
                gone.map(|(topic, partition)| {
                    stored::offset_record(&group, &topic, partition, None)
                }),
            );
        }
        in_batches(records)
    }

    fn expire_group(&self, group: &Group, now: TimestampMs, records: &mut Vec<GroupRecord>) {
        let Some(since) = expiry(group) else {
            return;
        };
        let id = group.id();
        let retention_ms = self.config.offsets_retention_ms;
        let mut all_gone = true;
        for (topic, partitions) in self.offsets.of_group(id) {
            let in_use = group.subscribes_to(topic);
            for (partition, committed) in partitions {
                let expired = !in_use
                    && committed.is_expired(now, since(committed), retention_ms)
                    && !self.offsets.is_pending(id, topic, *partition);
                match expired {
                    true => records.push(stored::offset_record(id, topic, *partition, None)),
                    false => all_gone = false,
                }
            }
        }
        if all_gone && group.is_empty() && !self.offsets.has_open_transactions(id) {
            records.extend(group.tombstones());
        }
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

fn in_batches(records: Vec<GroupRecord>) -> Turn {
    let mut turn = Turn::default();
    let mut records = records.into_iter().peekable();
    while records.peek().is_some() {
        turn.writes.push(Write {
            records: records.by_ref().take(BATCH_RECORDS_MAX).collect(),
            then: Then::Nothing,
            undo: None,
        });
    }
    turn
}
