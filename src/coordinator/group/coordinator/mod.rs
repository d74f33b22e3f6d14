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
//! A [`Turn`] may also have jobs: assignments of large groups, to be made on another thread and
//! brought back by [`Coordinator::assigned`]. Nothing waits for them.
//!
//! What only reads (fetching offsets, listing) is answered when all that was appended before is
//! durable, so that nobody sees what may yet be undone.

mod assigning;
mod calls;
mod classic_calls;
mod commit;
mod consumer_calls;
mod conversion;
mod figures;
mod groups;
mod kinds;
mod mixed_calls;
mod reading;
mod replay;
#[cfg(test)]
mod tests;
mod upkeep;

pub use assigning::{Assigned, AssignmentJob};
pub use calls::Call;
pub use commit::{CommitRequest, FetchRequest, OffsetToCommit};
pub use figures::Figures;
pub use reading::{
    DescribedConsumer, DescribedConsumerGroup, DescribedGroup, DescribedMember, ListedGroup,
    NamedTopicPartitions,
};

pub use upkeep::Walk;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::answer::{Answer, Ticket};
use super::classic;
use super::config::{GroupConfig, GroupOverrides};
use super::consumer::topics::Topics;
use super::effects::{Append, Cx, Deadline};
use super::offsets::{NO_PRODUCER, Offsets};
use super::record::GroupRecord;
use super::stored;
use crate::coordinator::timers::{TimerId, Timers};
use crate::model::{Offset, ProducerId, TimestampMs};
use crate::protocol::error_code::ErrorCode;

use figures::Counters;
use groups::Groups;
use kinds::{Answers, Group};
use replay::Undo;
use upkeep::Forgotten;

/// The coordinator of one partition. Owned by the core that owns the partition.
#[derive(Debug)]
pub struct Coordinator {
    config: GroupConfig,
    overrides: HashMap<Arc<str>, GroupOverrides>,
    groups: Groups,
    offsets: Offsets,
    timers: Timers<Deadline>,
    /// Deleted topics whose tombstones the log has not taken.
    to_forget: Forgotten,
    forget_timer: TimerId,
    /// Appended and not durable, in the order of the log.
    in_flight: VecDeque<InFlight>,
    /// The number of the last append.
    appended: u64,
    /// The number of the last append that is durable; all are before it.
    settled: u64,
    /// The number of the last assignment that was left to another thread.
    jobs: u64,
    counters: Counters,
}

/// What comes of a call.
#[derive(Debug, Default)]
pub struct Turn {
    /// To be sent.
    pub answers: Vec<(Ticket, Answer)>,
    /// Each to be appended as one batch, in this order.
    pub writes: Vec<Write>,
    /// To be run on another thread, at leisure.
    pub jobs: Vec<AssignmentJob>,
}

impl Turn {
    /// Takes what comes of another, behind its own.
    pub fn add(&mut self, other: Self) {
        self.answers.extend(other.answers);
        self.writes.extend(other.writes);
        self.jobs.extend(other.jobs);
    }
}

/// Records to be appended together, and what follows.
#[derive(Debug)]
pub struct Write {
    /// Never empty.
    pub records: Vec<GroupRecord>,
    then: Then,
    /// What takes the records back, if the groups are already as they say; else they are replayed
    /// when they are appended.
    undo: Option<Vec<Undo>>,
}

impl Write {
    /// Whether nobody waits for it: it has no claim to memory that is kept for those who are waited
    /// for.
    pub fn is_upkeep(&self) -> bool {
        matches!(self.then, Then::Upkeep | Then::Forget(_))
    }
}

#[derive(Debug)]
enum Then {
    /// Nobody waits.
    Nothing,
    /// Nobody waits, and it can be done later as well.
    Upkeep,
    /// The same, for topics that are gone: it has to be done.
    Forget(Arc<Forgotten>),
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
    readers: Answers,
    undo: Vec<Undo>,
}

impl Coordinator {
    /// One without groups; then come the records of its partition, by [`Coordinator::load`].
    pub fn new(config: GroupConfig) -> Self {
        let mut timers = Timers::default();
        let forget_timer = timers.add(Deadline::Forget);
        Self {
            config,
            overrides: HashMap::new(),
            groups: Groups::default(),
            offsets: Offsets::default(),
            timers,
            to_forget: Forgotten::new(),
            forget_timer,
            in_flight: VecDeque::new(),
            appended: 0,
            settled: 0,
            jobs: 0,
            counters: Counters::default(),
        }
    }

    /// New limits, from now on.
    pub fn configure(&mut self, config: GroupConfig) {
        self.config = config;
    }

    /// What a group has of its own, from now on; whether or not it is there.
    pub fn configure_group(&mut self, group: Arc<str>, overrides: GroupOverrides) {
        match overrides == GroupOverrides::default() {
            true => drop(self.overrides.remove(&group)),
            false => drop(self.overrides.insert(group, overrides)),
        }
    }

    /// A record of the log, while loading; `producer` is −1 outside transactions.
    pub fn load(
        &mut self,
        offset: Offset,
        producer: ProducerId,
        record: &GroupRecord,
        now: TimestampMs,
    ) {
        self.replay(offset, producer, record, now, None);
    }

    /// The end of a transaction of the log, while loading.
    pub fn load_end(&mut self, producer: ProducerId, commits: bool) {
        let _ = self.offsets.end_transaction(producer, commits);
    }

    /// Everything is loaded: sessions begin.
    pub fn begin(&mut self, now: TimestampMs) -> Turn {
        let mut turn = Turn::default();
        let ids: Vec<_> = self.groups.names().cloned().collect();
        for id in ids {
            self.resume(&id, now, &mut turn);
        }
        turn
    }

    fn resume(&mut self, id: &Arc<str>, now: TimestampMs, turn: &mut Turn) {
        let too_many = self.config.members_max;
        let session_timeout_ms = self.session_timeout_ms(id);
        let (group, mut cx) = self.open(id, now, &mut turn.answers);
        match group.expect("it was just named") {
            Group::Consumer(live) => {
                live.topics_are_unseen = true;
                live.resume(session_timeout_ms, &mut cx);
            }
            Group::Classic(_) => self.with_classic(id, now, turn, |group, cx| {
                group.resume(cx);
                match group.members().count() > too_many {
                    true => group.shrink(cx),
                    false => Append::Nothing,
                }
            }),
        }
    }

    /// When [`Coordinator::tick`] is due.
    pub fn next_deadline(&self) -> Option<TimestampMs> {
        self.timers.next()
    }

    /// Looks at one timer that is due; `None` if there is none. Each may write, so that the caller
    /// appends before it asks again.
    pub fn tick(&mut self, topics: &dyn Topics, now: TimestampMs) -> Option<Turn> {
        let due = self.timers.pop_due(now)?;
        let mut turn = Turn::default();
        match due {
            Deadline::Session { group, member } => match self.groups.get(&group) {
                Some(Group::Consumer(_)) => {
                    self.on_consumer_session(&group, &member, topics, now, &mut turn);
                }
                _ => self.with_classic(&group, now, &mut turn, |group, cx| {
                    group.on_session_deadline(&member, cx)
                }),
            },
            Deadline::Step { group, member } => {
                self.on_consumer_step(&group, &member, topics, now, &mut turn);
            }
            Deadline::Join { group } => {
                self.with_classic(&group, now, &mut turn, |group, cx| {
                    group.on_join_deadline(cx)
                });
            }
            Deadline::Sync { group } => {
                self.with_classic(&group, now, &mut turn, |group, cx| {
                    group.on_sync_deadline(cx)
                });
            }
            Deadline::Forget => turn.add(self.forget_again(topics, now)),
        }
        Some(turn)
    }

    /// The partition has taken a write; its first record is at `base`.
    pub fn appended(&mut self, write: Write, base: Offset, now: TimestampMs) {
        let end = base + write.records.len() as Offset;
        self.appended += 1;
        let was_asked = matches!(write.then, Then::Answer(..));
        self.counters.count(&write.records, was_asked);
        let undo = match write.undo {
            Some(undo) => undo,
            None => {
                let mut undo = Vec::new();
                for (offset, record) in (base..).zip(&write.records) {
                    self.replay(offset, NO_PRODUCER, record, now, Some(&mut undo));
                }
                undo
            }
        };
        let group = write.records.first().map(GroupRecord::group);
        if let Some(Group::Consumer(live)) = group.and_then(|group| self.groups.get_mut(group)) {
            live.last_write = self.appended;
        }
        self.in_flight.push_back(InFlight {
            end,
            then: write.then,
            readers: Vec::new(),
            undo,
        });
    }

    /// The partition has not taken a write. Those of its turn that come behind it are refused with it,
    /// the last first.
    pub fn refused(&mut self, write: Write, error: ErrorCode, now: TimestampMs) -> Turn {
        let mut turn = Turn::default();
        self.undo(write.undo.unwrap_or_default(), error, now, &mut turn);
        self.follow(write.then, Err(error), now, &mut turn);
        turn
    }

    /// Everything below `end` is durable.
    pub fn durable(&mut self, end: Offset, now: TimestampMs) -> Turn {
        let mut turn = Turn::default();
        while self.in_flight.front().is_some_and(|first| first.end <= end) {
            let done = self.in_flight.pop_front().expect("just seen");
            self.settled = self.appended - self.in_flight.len() as u64;
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
        self.appended -= lost.len() as u64;
        let mut waiting = Vec::with_capacity(lost.len());
        for gone in lost.into_iter().rev() {
            self.undo(gone.undo, error, now, &mut turn);
            waiting.push((gone.then, gone.readers));
        }
        self.settled = self.appended - kept as u64;
        for (then, readers) in waiting.into_iter().rev() {
            self.follow(then, Err(error), now, &mut turn);
            let readers = readers.into_iter();
            turn.answers
                .extend(readers.map(|(ticket, answer)| (ticket, answer.failed(error))));
        }
        self.forget_only_below(from);
        turn
    }

    /// The partition is somebody else's from now on: who waits looks for its new coordinator.
    pub fn unload(&mut self, now: TimestampMs) -> Turn {
        let mut turn = self.lost(0, ErrorCode::NotCoordinator, now);
        turn.writes.clear();
        let ids: Vec<_> = self.groups.names().cloned().collect();
        for id in ids {
            self.take_group(&id, ErrorCode::NotCoordinator, now, &mut turn.answers);
        }
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
            (Then::Nothing | Then::Upkeep, _) | (Then::Forget(_), Ok(())) => {}
            (Then::Forget(topics), Err(_)) => self.offer_again(&topics, now),
            (Then::Answer(ticket, answer), Ok(())) => turn.answers.push((ticket, answer)),
            (Then::Answer(ticket, answer), Err(error)) => {
                turn.answers.push((ticket, answer.failed(error)));
            }
            (Then::Classic(id, append), result) => {
                self.with_classic(&id, now, turn, |group, cx| match append {
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

    /// Does something with a classic group, if there is one, and plans what it wants written.
    fn with_classic(
        &mut self,
        id: &Arc<str>,
        now: TimestampMs,
        turn: &mut Turn,
        act: impl FnOnce(&mut classic::Group, &mut Cx<'_>) -> Append,
    ) {
        let (Some(Group::Classic(group)), mut cx) = self.open(id, now, &mut turn.answers) else {
            return;
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
            // A classic group's record says what the group is already.
            undo: Some(Vec::new()),
        });
    }

    /// A group, and what operations on it are given.
    fn open<'a>(
        &'a mut self,
        id: &str,
        now: TimestampMs,
        answers: &'a mut Answers,
    ) -> (Option<&'a mut Group>, Cx<'a>) {
        let cx = Cx {
            now,
            config: &self.config,
            timers: &mut self.timers,
            answers,
        };
        (self.groups.get_mut(id), cx)
    }

    /// Answers once everything that was appended before is durable.
    fn answer_in_turn(&mut self, ticket: Ticket, answer: Answer, turn: &mut Turn) {
        match self.in_flight.back_mut() {
            Some(last) => last.readers.push((ticket, answer)),
            None => turn.answers.push((ticket, answer)),
        }
    }

    /// Answers at once where all is durable that was appended for a consumer group.
    fn answer_settled(&mut self, id: &str, ticket: Ticket, answer: Answer, turn: &mut Turn) {
        let is_settled = match self.groups.get(id) {
            Some(Group::Consumer(live)) => live.last_write <= self.settled,
            _ => false,
        };
        self.answer_if_settled(is_settled, ticket, answer, turn);
    }

    /// Answers at once what is on the disk as it is told, else in its turn.
    fn answer_if_settled(
        &mut self,
        is_settled: bool,
        ticket: Ticket,
        answer: Answer,
        turn: &mut Turn,
    ) {
        match is_settled {
            true => turn.answers.push((ticket, answer)),
            false => self.answer_in_turn(ticket, answer, turn),
        }
    }

    fn session_timeout_ms(&self, group: &str) -> i32 {
        let own = self.overrides.get(group);
        let own = own.and_then(|own| own.session_timeout_ms);
        self.config.consumer.session_timeout_ms.of(own)
    }

    fn heartbeat_interval_ms(&self, group: &str) -> i32 {
        let own = self.overrides.get(group);
        let own = own.and_then(|own| own.heartbeat_interval_ms);
        self.config.consumer.heartbeat_interval_ms.of(own)
    }

    fn assignment_interval_ms(&self, group: &str) -> i32 {
        let own = self.overrides.get(group);
        let own = own.and_then(|own| own.assignment_interval_ms);
        self.config.consumer.assignment_interval_ms.of(own)
    }
}
