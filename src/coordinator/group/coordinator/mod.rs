//! Takes calls for the groups of one partition and follows what it appends until that is durable.
//!
//! ```text
//!   call, tick ──► Turn { answers, writes } ──the log takes the write──► appended: replayed
//!                                          └─it does not──────────────► refused
//!   later, in order: durable ──► answers that waited    lost ──► all undone, errors
//! ```
//!
//! Between a turn and `appended` or `refused` of each of its writes nothing else may be asked: a
//! shard appends to its own partition in the same breath.
//!
//! What only reads (fetching offsets, listing) is answered when all that was appended before is
//! durable, so that nobody sees what may yet be undone.

mod calls;
mod commit;
mod reading;
mod upkeep;

pub use calls::Call;
pub use commit::{CommitRequest, FetchRequest, OffsetToCommit};
pub use reading::{DescribedGroup, DescribedMember, ListedGroup};

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::answer::{Answer, Ticket};
use super::classic;
use super::config::GroupConfig;
use super::effects::{Append, Cx, Deadline};
use super::offsets::{NO_PRODUCER, OffsetUndo, Offsets};
use super::record::GroupRecord;
use super::stored;
use crate::coordinator::timers::Timers;
use crate::model::{Offset, ProducerId, TimestampMs};
use crate::protocol::error_code::ErrorCode;

/// The coordinator of one partition. Owned by the core that owns the partition.
#[derive(Debug)]
pub struct Coordinator {
    config: GroupConfig,
    groups: BTreeMap<Arc<str>, classic::Group>,
    offsets: Offsets,
    timers: Timers<Deadline>,
    /// Appended and not durable, in the order of the log.
    in_flight: VecDeque<InFlight>,
}

/// What comes of a call.
#[derive(Debug, Default)]
pub struct Turn {
    /// To be sent.
    pub answers: Vec<(Ticket, Answer)>,
    /// Each to be appended as one batch, in this order.
    pub writes: Vec<Write>,
}

impl Turn {
    /// Takes what comes of another, behind its own.
    pub fn add(&mut self, other: Self) {
        self.answers.extend(other.answers);
        self.writes.extend(other.writes);
    }
}

/// Records to be appended together, and what follows.
#[derive(Debug)]
pub struct Write {
    /// Never empty.
    pub records: Vec<GroupRecord>,
    then: Then,
}

#[derive(Debug)]
enum Then {
    /// Nobody waits.
    Nothing,
    /// An answer that holds once it is durable.
    Answer(Ticket, Answer),
    /// A classic group goes on.
    Classic(Arc<str>, Append),
}

#[derive(Debug)]
struct InFlight {
    /// Durable when the log is so far.
    end: Offset,
    then: Then,
    /// What only read, and waits.
    readers: Vec<(Ticket, Answer)>,
    undo: Vec<Undo>,
}

/// What takes a replayed record back.
#[derive(Debug)]
enum Undo {
    Offsets(OffsetUndo),
    /// A group that was deleted.
    Group(Arc<str>, Box<classic::Snapshot>),
    /// A group that was made for a commit.
    Made(Arc<str>),
}

impl Coordinator {
    /// One without groups; then come the records of its partition, by [`Coordinator::load`].
    pub fn new(config: GroupConfig) -> Self {
        Self {
            config,
            groups: BTreeMap::new(),
            offsets: Offsets::default(),
            timers: Timers::default(),
            in_flight: VecDeque::new(),
        }
    }

    /// New limits, from now on.
    pub fn configure(&mut self, config: GroupConfig) {
        self.config = config;
    }

    /// A record of the log, while loading; `producer` is −1 outside transactions.
    pub fn load(
        &mut self,
        offset: Offset,
        producer: ProducerId,
        record: &GroupRecord,
        now: TimestampMs,
    ) {
        let mut undo = Vec::new();
        self.replay(offset, producer, record, now, &mut undo);
    }

    /// The end of a transaction of the log, while loading.
    pub fn load_end(&mut self, producer: ProducerId, commits: bool) {
        let _ = self.offsets.end_transaction(producer, commits);
    }

    /// Everything is loaded: sessions begin.
    pub fn begin(&mut self, now: TimestampMs) -> Turn {
        let mut turn = Turn::default();
        let ids: Vec<_> = self.groups.keys().cloned().collect();
        for id in ids {
            let too_many = self.config.members_max;
            self.with_group(&id, now, &mut turn, |group, cx| {
                group.resume(cx);
                match group.members().count() > too_many {
                    true => group.shrink(cx),
                    false => Append::Nothing,
                }
            });
        }
        turn
    }

    /// When [`Coordinator::tick`] is due.
    pub fn next_deadline(&self) -> Option<TimestampMs> {
        self.timers.next()
    }

    /// Looks at one timer that is due; `None` if there is none. Each may write, so that the caller
    /// appends before it asks again.
    pub fn tick(&mut self, now: TimestampMs) -> Option<Turn> {
        let due = self.timers.pop_due(now)?;
        let mut turn = Turn::default();
        match due {
            Deadline::Session { group, member } => {
                self.with_group(&group, now, &mut turn, |group, cx| {
                    group.on_session_deadline(&member, cx)
                });
            }
            Deadline::Join { group } => {
                self.with_group(&group, now, &mut turn, |group, cx| {
                    group.on_join_deadline(cx)
                });
            }
            Deadline::Sync { group } => {
                self.with_group(&group, now, &mut turn, |group, cx| {
                    group.on_sync_deadline(cx)
                });
            }
        }
        Some(turn)
    }

    /// The partition has taken a write; its first record is at `base`.
    pub fn appended(&mut self, write: Write, base: Offset, now: TimestampMs) {
        let mut undo = Vec::new();
        for (offset, record) in (base..).zip(&write.records) {
            // A classic group's record says what the group is already.
            if !matches!(write.then, Then::Classic(..)) {
                self.replay(offset, NO_PRODUCER, record, now, &mut undo);
            }
        }
        self.in_flight.push_back(InFlight {
            end: base + write.records.len() as Offset,
            then: write.then,
            readers: Vec::new(),
            undo,
        });
    }

    /// The partition has not taken a write.
    pub fn refused(&mut self, write: Write, error: ErrorCode, now: TimestampMs) -> Turn {
        let mut turn = Turn::default();
        self.follow(write.then, Err(error), now, &mut turn);
        turn
    }

    /// Everything below `end` is durable.
    pub fn durable(&mut self, end: Offset, now: TimestampMs) -> Turn {
        let mut turn = Turn::default();
        while self.in_flight.front().is_some_and(|first| first.end <= end) {
            let done = self.in_flight.pop_front().expect("just seen");
            self.follow(done.then, Ok(()), now, &mut turn);
            turn.answers.extend(done.readers);
        }
        turn
    }

    /// The log has lost what was appended at and beyond `from`; what is before will be durable.
    pub fn lost(&mut self, from: Offset, error: ErrorCode, now: TimestampMs) -> Turn {
        let mut turn = Turn::default();
        let kept = self.in_flight.partition_point(|one| one.end <= from);
        let lost = self.in_flight.split_off(kept);
        let mut waiting = Vec::with_capacity(lost.len());
        for gone in lost.into_iter().rev() {
            self.undo(gone.undo, now);
            waiting.push((gone.then, gone.readers));
        }
        for (then, readers) in waiting.into_iter().rev() {
            self.follow(then, Err(error), now, &mut turn);
            let readers = readers.into_iter();
            turn.answers
                .extend(readers.map(|(ticket, answer)| (ticket, answer.failed(error))));
        }
        turn
    }

    /// The partition is somebody else's from now on: who waits looks for its new coordinator.
    pub fn unload(&mut self, now: TimestampMs) -> Turn {
        let mut turn = self.lost(0, ErrorCode::NotCoordinator, now);
        let mut cx = Cx {
            now,
            config: &self.config,
            timers: &mut self.timers,
            answers: &mut turn.answers,
        };
        for group in self.groups.values_mut() {
            group.end(ErrorCode::NotCoordinator, &mut cx);
        }
        self.groups.clear();
        turn
    }

    fn follow(
        &mut self,
        then: Then,
        result: Result<(), ErrorCode>,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        match (then, result) {
            (Then::Nothing, _) => {}
            (Then::Answer(ticket, answer), Ok(())) => turn.answers.push((ticket, answer)),
            (Then::Answer(ticket, answer), Err(error)) => {
                turn.answers.push((ticket, answer.failed(error)));
            }
            (Then::Classic(id, append), result) => {
                self.with_group(&id, now, turn, |group, cx| match append {
                    Append::Nothing | Append::Group => Append::Nothing,
                    Append::Assignment(given) => group.on_assignment(given, result, cx),
                    Append::Replacement(replacement) => {
                        group.on_replacement(replacement, result, cx);
                        Append::Nothing
                    }
                });
            }
        }
    }

    /// Does something with a group, if there is one, and plans what it wants written.
    fn with_group(
        &mut self,
        id: &Arc<str>,
        now: TimestampMs,
        turn: &mut Turn,
        act: impl FnOnce(&mut classic::Group, &mut Cx<'_>) -> Append,
    ) {
        let Some(group) = self.groups.get_mut(id) else {
            return;
        };
        let mut cx = Cx {
            now,
            config: &self.config,
            timers: &mut self.timers,
            answers: &mut turn.answers,
        };
        let append = act(group, &mut cx);
        let snapshot = match &append {
            Append::Nothing => return,
            Append::Assignment(assignment) => group.snapshot_of(assignment),
            Append::Group | Append::Replacement(_) => group.snapshot(),
        };
        turn.writes.push(Write {
            records: vec![stored::group_record(id, snapshot)],
            then: Then::Classic(id.clone(), append),
        });
    }

    /// Answers once everything that was appended before is durable.
    fn answer_in_turn(&mut self, ticket: Ticket, answer: Answer, turn: &mut Turn) {
        match self.in_flight.back_mut() {
            Some(last) => last.readers.push((ticket, answer)),
            None => turn.answers.push((ticket, answer)),
        }
    }

    /// The one place where records change the state.
    fn replay(
        &mut self,
        offset: Offset,
        producer: ProducerId,
        record: &GroupRecord,
        now: TimestampMs,
        undo: &mut Vec<Undo>,
    ) {
        match record {
            GroupRecord::OffsetCommit { key, value } => {
                if value.is_some() {
                    self.make_group(&key.group, now, undo);
                }
                let change = self.offsets.replay(offset, producer, key, value.as_ref());
                undo.push(Undo::Offsets(change));
            }
            GroupRecord::GroupMetadata { key, value } => {
                let id: Arc<str> = key.group.as_str().into();
                let before = self.take_group(&id, now);
                undo.extend(before.map(|group| Undo::Group(id.clone(), Box::new(group))));
                if let Some(value) = value {
                    self.put_group(id, stored::snapshot(value), now);
                }
            }
            // Consumer groups (KIP-848) are not known yet.
            _ => {}
        }
    }

    fn undo(&mut self, undo: Vec<Undo>, now: TimestampMs) {
        for change in undo.into_iter().rev() {
            match change {
                Undo::Offsets(change) => self.offsets.undo(change),
                // Whoever has joined it meanwhile keeps it.
                Undo::Made(id) if self.is_simple(&id) => drop(self.take_group(&id, now)),
                Undo::Made(_) => {}
                Undo::Group(id, _) if self.groups.contains_key(&id) => {
                    log::warn!("group {id} was made anew while its deletion was lost");
                }
                Undo::Group(id, snapshot) => self.put_group(id, *snapshot, now),
            }
        }
    }

    fn is_simple(&self, id: &str) -> bool {
        self.groups.get(id).is_some_and(classic::Group::is_simple)
    }

    /// A commit of nobody's makes a group that only holds offsets.
    fn make_group(&mut self, id: &str, now: TimestampMs, undo: &mut Vec<Undo>) {
        if !self.groups.contains_key(id) {
            let id: Arc<str> = id.into();
            self.new_group(id.clone(), now);
            undo.push(Undo::Made(id));
        }
    }

    fn new_group(&mut self, id: Arc<str>, now: TimestampMs) {
        let mut cx = Cx {
            now,
            config: &self.config,
            timers: &mut self.timers,
            answers: &mut Vec::new(),
        };
        let group = classic::Group::new(id.clone(), &mut cx);
        self.groups.insert(id, group);
    }

    fn put_group(&mut self, id: Arc<str>, snapshot: classic::Snapshot, now: TimestampMs) {
        let mut cx = Cx {
            now,
            config: &self.config,
            timers: &mut self.timers,
            answers: &mut Vec::new(),
        };
        let group = classic::Group::restored(id.clone(), snapshot, &mut cx);
        self.groups.insert(id, group);
    }

    fn take_group(&mut self, id: &str, now: TimestampMs) -> Option<classic::Snapshot> {
        let mut group = self.groups.remove(id)?;
        let mut nobody = Vec::new();
        let mut cx = Cx {
            now,
            config: &self.config,
            timers: &mut self.timers,
            answers: &mut nobody,
        };
        let snapshot = group.snapshot();
        group.end(ErrorCode::CoordinatorNotAvailable, &mut cx);
        assert!(nobody.is_empty(), "a group that goes has nobody waiting");
        Some(snapshot)
    }
}
