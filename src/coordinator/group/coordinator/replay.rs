//! Records into groups, and back: the one place where records change the state, live and while
//! loading, and where that is undone.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::classic;
use super::super::consumer;
use super::super::consumer::live::Live;
use super::super::effects::Append;
use super::super::offsets::OffsetUndo;
use super::super::record::GroupRecord;
use super::super::stored;
use super::kinds::{Answers, Group, Saved};
use super::{Coordinator, Turn};
use crate::model::{Offset, ProducerId, TimestampMs};
use crate::protocol::error_code::ErrorCode;

/// What takes a replayed record back.
#[derive(Debug)]
pub(super) enum Undo {
    Offsets(OffsetUndo),
    /// Whatever has the name goes, and what had it before is back.
    Swap(Arc<str>, Option<Saved>),
    /// What a consumer group's records were before.
    Consumer(Arc<str>, Vec<GroupRecord>),
}

impl Coordinator {
    /// A record changes what it is about. `undo` is left out while loading.
    pub(super) fn replay(
        &mut self,
        offset: Offset,
        producer: ProducerId,
        record: &GroupRecord,
        now: TimestampMs,
        undo: Option<&mut Vec<Undo>>,
    ) {
        match record {
            GroupRecord::OffsetCommit { key, value } => {
                let made = value.is_some().then(|| self.make_group(&key.group, now));
                let change = self.offsets.replay(offset, producer, key, value.as_ref());
                if let Some(undo) = undo {
                    undo.extend(made.flatten());
                    undo.push(Undo::Offsets(change));
                }
            }
            GroupRecord::GroupMetadata { key, value } => {
                let swapped = self.replay_classic(key.group.as_str().into(), value.as_ref(), now);
                if let Some(undo) = undo {
                    undo.extend(swapped);
                }
            }
            record => self.replay_consumer(record, now, undo),
        }
    }

    /// Takes back what the log has not taken; changes come in their order.
    pub(super) fn undo(
        &mut self,
        undo: Vec<Undo>,
        error: ErrorCode,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        for change in undo.into_iter().rev() {
            match change {
                Undo::Offsets(change) => self.offsets.undo(change),
                Undo::Swap(id, before) => {
                    self.take_group(&id, error, now, &mut turn.answers);
                    if let Some(before) = before {
                        self.put_back(id, before, now, turn);
                    }
                }
                Undo::Consumer(id, before) => self.undo_consumer(&id, &before, now),
            }
        }
    }

    /// Ends a group; who waits is told so.
    pub(super) fn take_group(
        &mut self,
        id: &str,
        error: ErrorCode,
        now: TimestampMs,
        answers: &mut Answers,
    ) -> Option<Saved> {
        let group = self.groups.remove(id)?;
        let (_, mut cx) = self.open(id, now, answers);
        Some(group.end(error, &mut cx))
    }

    /// A new classic group without members.
    pub(super) fn new_classic(&mut self, id: Arc<str>, now: TimestampMs) {
        let mut nobody = Vec::new();
        let (_, mut cx) = self.open(&id, now, &mut nobody);
        let group = classic::Group::new(id.clone(), &mut cx);
        self.groups.insert(id, Group::Classic(Box::new(group)));
    }

    /// A commit of nobody's makes a group that only holds offsets.
    fn make_group(&mut self, id: &str, now: TimestampMs) -> Option<Undo> {
        if self.groups.contains_key(id) {
            return None;
        }
        let id: Arc<str> = id.into();
        self.new_classic(id.clone(), now);
        Some(Undo::Swap(id, None))
    }

    /// A tombstone is about a classic group only: a consumer group of the same name may have
    /// taken its place.
    fn replay_classic(
        &mut self,
        id: Arc<str>,
        value: Option<&crate::protocol::message::group_record::classic::GroupMetadataValue>,
        now: TimestampMs,
    ) -> Option<Undo> {
        let is_consumer = matches!(self.groups.get(&id), Some(Group::Consumer(_)));
        if value.is_none() && is_consumer {
            return None;
        }
        if is_consumer {
            log::warn!("group {id}: its log makes it a classic group over a consumer group");
        }
        let mut nobody = Vec::new();
        let before = self.take_group(&id, ErrorCode::CoordinatorNotAvailable, now, &mut nobody);
        assert!(
            nobody.is_empty(),
            "a group whose record is replayed has nobody waiting"
        );
        if let Some(value) = value {
            let (_, mut cx) = self.open(&id, now, &mut nobody);
            let group = classic::Group::restored(id.clone(), stored::snapshot(value), &mut cx);
            self.groups
                .insert(id.clone(), Group::Classic(Box::new(group)));
        }
        Some(Undo::Swap(id, before))
    }

    /// A group begins with its first record that is no tombstone, and ends with its epoch's.
    fn replay_consumer(
        &mut self,
        record: &GroupRecord,
        now: TimestampMs,
        mut undo: Option<&mut Vec<Undo>>,
    ) {
        let id: Arc<str> = match self.groups.get(record.group()) {
            Some(group @ Group::Consumer(_)) => group.id().clone(),
            _ if record.is_tombstone() => return,
            other => {
                if other.is_some_and(|group| !is_simple(group)) {
                    log::warn!(
                        "group {}: its log makes it a consumer group over a classic group",
                        record.group()
                    );
                }
                let id: Arc<str> = record.group().into();
                let swapped = self.put_empty_consumer_group(&id, now);
                if let Some(undo) = undo.as_deref_mut() {
                    undo.push(swapped);
                }
                id
            }
        };
        let Some(Group::Consumer(live)) = self.groups.get_mut(&id) else {
            unreachable!("it was just seen or made");
        };
        if let Some(undo) = undo.as_deref_mut() {
            undo.push(Undo::Consumer(id.clone(), vec![live.group.before(record)]));
        }
        live.group.replay(record);
        let ends = matches!(
            record,
            GroupRecord::ConsumerGroupMetadata { value: None, .. }
        );
        if ends && live.group.members().is_empty() {
            let mut nobody = Vec::new();
            let gone = self.take_group(&id, ErrorCode::GroupIdNotFound, now, &mut nobody);
            if let Some(undo) = undo {
                undo.push(Undo::Swap(id, gone));
            }
        }
    }

    fn put_empty_consumer_group(&mut self, id: &Arc<str>, now: TimestampMs) -> Undo {
        let mut nobody = Vec::new();
        let before = self.take_group(id, ErrorCode::CoordinatorNotAvailable, now, &mut nobody);
        let live = Live::new(consumer::group::Group::new(id.clone()), now);
        self.groups
            .insert(id.clone(), Group::Consumer(Box::new(live)));
        Undo::Swap(id.clone(), before)
    }

    fn put_back(&mut self, id: Arc<str>, before: Saved, now: TimestampMs, turn: &mut Turn) {
        let session_timeout_ms = self.session_timeout_ms(&id);
        match before {
            Saved::Classic {
                snapshot,
                was_rebalancing,
            } => {
                let (_, mut cx) = self.open(&id, now, &mut turn.answers);
                let group = classic::Group::restored(id.clone(), snapshot, &mut cx);
                self.groups
                    .insert(id.clone(), Group::Classic(Box::new(group)));
                self.with_classic(&id, now, turn, |group, cx| {
                    group.resume(cx);
                    match was_rebalancing {
                        true => group.rebalance_anew(cx),
                        false => Append::Nothing,
                    }
                });
            }
            Saved::Consumer(group) => {
                let mut live = Live::new(*group, now);
                let (_, mut cx) = self.open(&id, now, &mut turn.answers);
                live.resume(session_timeout_ms, &mut cx);
                self.groups.insert(id, Group::Consumer(Box::new(live)));
            }
        }
    }

    fn undo_consumer(&mut self, id: &Arc<str>, before: &[GroupRecord], now: TimestampMs) {
        let session_timeout_ms = self.session_timeout_ms(id);
        let mut nobody = Vec::new();
        let (Some(Group::Consumer(live)), mut cx) = self.open(id, now, &mut nobody) else {
            unreachable!("a group whose change is taken back is there");
        };
        consumer::tx::undo(&mut live.group, before);
        // What is being assigned may be for an epoch that never was.
        live.assigning = None;
        live.regexes_are_stale = true;
        // Thousands of changes may be lost together: each looks at its own members only.
        let members: BTreeSet<&str> = before.iter().filter_map(member_of).collect();
        for member in members {
            live.resume_member(member, session_timeout_ms, &mut cx);
        }
    }
}

/// The member whose deadlines a record is about.
fn member_of(record: &GroupRecord) -> Option<&str> {
    match record {
        GroupRecord::ConsumerGroupMemberMetadata { key, .. } => Some(&key.member_id),
        GroupRecord::ConsumerGroupCurrentMemberAssignment { key, .. } => Some(&key.member_id),
        _ => None,
    }
}

/// Nothing is in the log of it but its offsets.
fn is_simple(group: &Group) -> bool {
    match group {
        Group::Classic(group) => group.is_simple(),
        Group::Consumer(_) => false,
    }
}
