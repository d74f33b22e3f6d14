//! Coordinators of groups: one for each partition of `__consumer_offsets` that this core leads.
//!
//! A coordinator lives beside its partition, so that an append is a call. Every step is one
//! synchronous act: what became of earlier appends is looked at first, the coordinator is asked,
//! its records are appended and replayed, its answers go out. The partition tells of each append
//! that is committed, or never will be, through [`Moved`]; one task of the core follows.
//!
//! ```text
//!  Shards::group ─► act: settle ─► Coordinator::call ─► answers
//!                     ▲                             └─► append, `appended` ─ ─ ─► flush, sync
//!  alarm, expiry ─────┤                                                             │
//!  topics deleted ────┘◄── follow ◄── Moved ◄── the append is committed, or lost ◄──┘
//! ```
//!
//! - [`act`]: the step, its appends and its answers.
//! - [`batch`]: records as a batch of the log.
//! - [`load`]: a coordinator from its partition's log.
//! - [`figures`]: what they count.
//! - [`topics`]: the metadata as coordinators see it.
//! - [`upkeep`]: the tasks of the core, and what metadata changes.

mod act;
mod batch;
mod figures;
mod load;
mod topics;
mod upkeep;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

pub use figures::GroupFigures;

use super::message::{GroupFilter, ShardCall, ShardReply};
use super::shards::{Pending, ReplyTo};
use super::{CoreGone, Owned, Shards};
use crate::coordinator::group::answer::{Answer, Ticket};
use crate::coordinator::group::coordinator::{Call, Coordinator, ListedGroup};
use crate::metadata::{CONSUMER_OFFSETS, MetadataImage};
use crate::model::{PartitionId, PartitionMap, PartitionSet, TimestampMs};
use crate::protocol::error_code::ErrorCode;
use crate::runtime::sync::{Notify, oneshot};
use figures::Loads;

/// The coordinators of a core, with what its tasks wait for.
#[derive(Default)]
pub(super) struct Groups {
    hosted: RefCell<Hosted>,
    moved: Rc<Moved>,
    loads: RefCell<Loads>,
    /// When the core looks at deadlines next.
    alarm: Cell<Option<TimestampMs>>,
    /// There is an earlier deadline.
    alarm_changed: Notify,
}

#[derive(Default)]
struct Hosted {
    hosts: PartitionMap<Host>,
    /// The call that is being put to a coordinator, and what it has said.
    asked: Option<(Ticket, Option<Answer>)>,
    /// Those that were not answered at once.
    waiting: HashMap<Ticket, ReplyTo, foldhash::fast::RandomState>,
    tickets: u64,
}

/// The coordinator of one partition.
enum Host {
    /// Its log is being read; these topics were deleted meanwhile.
    Loading { deleted: HashSet<Arc<str>> },
    /// It answers.
    Ready(Box<Coordinator>),
    /// Its log cannot be read, or takes no appends any more.
    Failed,
}

/// Partitions of which an append is committed, or was dropped.
#[derive(Default)]
pub(super) struct Moved {
    partitions: RefCell<PartitionSet>,
    news: Notify,
}

impl Moved {
    /// An append of the partition has been decided.
    pub(super) fn note(&self, partition: PartitionId) {
        self.partitions.borrow_mut().insert(partition);
        self.news.notify_one();
    }
}

/// The partition whose core coordinates a group; `None` while there is no `__consumer_offsets`.
pub fn coordinator_partition(image: &MetadataImage, group: &str) -> Option<PartitionId> {
    let topic = image.topic(CONSUMER_OFFSETS)?;
    let count = i32::try_from(topic.partitions.len()).ok()?;
    Some(PartitionId {
        topic_id: topic.id,
        index: java_hash(group).checked_abs().unwrap_or(0) % count,
    })
}

/// Java's `String.hashCode`, over UTF-16. Clients of any broker must come to the same partition,
/// and so must a Java broker that takes the directory over.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

impl Shards {
    /// Asks a group's coordinator. The call has its place in the coordinator's order when this
    /// returns; the future tells what became of it.
    pub fn group(&self, call: Call) -> Asked {
        let Some(partition) = coordinator_partition(&self.image(), call.group()) else {
            return Asked(Answered::Now(Some(Err(ErrorCode::NotCoordinator))));
        };
        let owner = self.owner(partition);
        if owner != self.core().id() {
            return Asked(Answered::Later(self.call(owner, ShardCall::Group(call))));
        }
        let owned = self.owned();
        Asked(match owned.ask_group(partition, call) {
            Ok(said) => Answered::Now(Some(said)),
            Err(ticket) => {
                let (sender, receiver) = oneshot::channel();
                owned.await_answer(ticket, ReplyTo::Local(sender));
                Answered::Later(Pending::Local(receiver))
            }
        })
    }
}

/// What a coordinator says to a call. The error is one of the coordinator as a whole:
/// `COORDINATOR_LOAD_IN_PROGRESS` or `NOT_COORDINATOR`.
pub type Said = Result<Answer, ErrorCode>;

/// A call that was put to a coordinator: a future of what it says.
#[must_use = "an answer that is not awaited is lost"]
pub struct Asked(Answered);

enum Answered {
    /// At once, as most heartbeats are; nothing when that was taken.
    Now(Option<Said>),
    /// Not yet, or by another core.
    Later(Pending),
}

impl Asked {
    /// What was said at once; else the call itself, to wait for.
    ///
    /// # Errors
    /// The call, if it is not answered yet.
    pub fn now(self) -> Result<Said, Self> {
        match self.0 {
            Answered::Now(said) => Ok(said.expect("nobody has taken the answer")),
            later @ Answered::Later(_) => Err(Self(later)),
        }
    }
}

impl Future for Asked {
    type Output = Result<Said, CoreGone>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let pending = match &mut self.get_mut().0 {
            Answered::Now(said) => {
                let said = said.take();
                return Poll::Ready(Ok(said.expect("nobody has taken the answer")));
            }
            Answered::Later(pending) => pending,
        };
        match ready!(Pin::new(pending).poll(cx))? {
            ShardReply::Group(said) => Poll::Ready(Ok(said)),
            other => unreachable!("asked a coordinator, got {other:?}"),
        }
    }
}

impl Owned {
    /// A call of another core for one of this core's coordinators.
    pub(super) fn call_group(&self, call: Call, reply: ReplyTo) {
        let partition = coordinator_partition(&self.state.borrow().image, call.group());
        let asked = match partition {
            Some(partition) => self.ask_group(partition, call),
            None => Ok(Err(ErrorCode::NotCoordinator)),
        };
        match asked {
            Ok(said) => reply.send(ShardReply::Group(said)),
            Err(ticket) => self.await_answer(ticket, reply),
        }
    }

    /// Puts a call to one of this core's coordinators.
    ///
    /// # Errors
    /// What to wait for by [`Owned::await_answer`], if it has not answered at once.
    fn ask_group(&self, partition: PartitionId, call: Call) -> Result<Said, Ticket> {
        let now_ms = self.core.now_ms();
        self.settle_group(partition, now_ms);
        let ticket = match self.groups.hosted.borrow_mut().ask(partition) {
            Ok(ticket) => ticket,
            Err(error) => return Ok(Err(error)),
        };
        self.act_settled(partition, now_ms, |coordinator, topics, now_ms| {
            coordinator.call(ticket, call, topics, now_ms)
        });
        let asked = self.groups.hosted.borrow_mut().asked.take();
        let (_, answer) = asked.expect("one call is put at a time");
        answer.map(Ok).ok_or(ticket)
    }

    fn await_answer(&self, ticket: Ticket, reply: ReplyTo) {
        let waiting = &mut self.groups.hosted.borrow_mut().waiting;
        waiting.insert(ticket, reply);
    }

    /// The groups of this core.
    ///
    /// # Errors
    /// `COORDINATOR_LOAD_IN_PROGRESS` while some of them are not loaded.
    pub(super) fn list_groups(&self, filter: &GroupFilter) -> Result<Vec<ListedGroup>, ErrorCode> {
        let mut listed = Vec::new();
        for host in self.groups.hosted.borrow().hosts.values() {
            match host {
                Host::Loading { .. } => return Err(ErrorCode::CoordinatorLoadInProgress),
                Host::Ready(coordinator) => {
                    listed.extend(coordinator.list(&filter.states, &filter.kinds));
                }
                Host::Failed => {}
            }
        }
        Ok(listed)
    }
}

impl Hosted {
    fn check_ready(&self, partition: PartitionId) -> Result<(), ErrorCode> {
        match self.hosts.get(&partition) {
            Some(Host::Ready(_)) => Ok(()),
            Some(Host::Loading { .. }) => Err(ErrorCode::CoordinatorLoadInProgress),
            Some(Host::Failed) | None => Err(ErrorCode::NotCoordinator),
        }
    }

    /// A ticket for a call that is put now.
    fn ask(&mut self, partition: PartitionId) -> Result<Ticket, ErrorCode> {
        self.check_ready(partition)?;
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let before = self.asked.replace((ticket, None));
        assert!(before.is_none(), "one call is put at a time");
        Ok(ticket)
    }

    fn ready(&mut self, partition: PartitionId) -> Option<&mut Coordinator> {
        match self.hosts.get_mut(&partition) {
            Some(Host::Ready(coordinator)) => Some(coordinator),
            _ => None,
        }
    }

    fn answer(&mut self, answers: Vec<(Ticket, Answer)>) {
        for (ticket, answer) in answers {
            match &mut self.asked {
                Some((asked, said)) if *asked == ticket => {
                    let before = said.replace(answer);
                    assert!(before.is_none(), "a call is answered once");
                }
                _ => {
                    let reply = self.waiting.remove(&ticket);
                    let reply = reply.expect("a call is answered once");
                    reply.send(ShardReply::Group(Ok(answer)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_come_to_the_partitions_that_java_finds() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("group"), 98_629_247);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(java_hash("日本"), 26_085 * 31 + 26_412);
    }
}
