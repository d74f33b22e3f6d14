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
use std::rc::Rc;
use std::sync::Arc;

pub use figures::GroupFigures;

use super::message::{GroupFilter, ShardReply};
use super::shards::ReplyTo;
use super::{CoreGone, Owned, Shards};
use crate::coordinator::group::answer::{Answer, Ticket};
use crate::coordinator::group::coordinator::{Call, Coordinator, ListedGroup};
use crate::metadata::{CONSUMER_OFFSETS, MetadataImage};
use crate::model::{PartitionId, PartitionMap, PartitionSet, TimestampMs};
use crate::protocol::error_code::ErrorCode;
use crate::runtime::sync::Notify;
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
    /// returns; the future tells what became of it. The error is one of the coordinator as a whole:
    /// `COORDINATOR_LOAD_IN_PROGRESS` or `NOT_COORDINATOR`.
    pub fn group(
        &self,
        call: Call,
    ) -> impl Future<Output = Result<Result<Answer, ErrorCode>, CoreGone>> + 'static {
        let partition = coordinator_partition(&self.image(), call.group());
        let asked = partition.map(|partition| self.ask_group(self.owner(partition), call));
        async move {
            match asked {
                Some(answer) => answer.await,
                None => Ok(Err(ErrorCode::NotCoordinator)),
            }
        }
    }
}

impl Owned {
    /// A call for one of this core's coordinators.
    pub(super) fn call_group(&self, call: Call, reply: ReplyTo) {
        let partition = coordinator_partition(&self.state.borrow().image, call.group());
        let Some(partition) = partition else {
            return reply.send(ShardReply::Group(Err(ErrorCode::NotCoordinator)));
        };
        self.settle_group(partition);
        if let Err(error) = self.groups.hosted.borrow().check_ready(partition) {
            return reply.send(ShardReply::Group(Err(error)));
        }
        let ticket = self.groups.hosted.borrow_mut().await_answer(reply);
        self.act_settled(partition, |coordinator, topics, now_ms| {
            coordinator.call(ticket, call, topics, now_ms)
        });
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

    fn await_answer(&mut self, reply: ReplyTo) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting.insert(ticket, reply);
        ticket
    }

    fn ready(&mut self, partition: PartitionId) -> Option<&mut Coordinator> {
        match self.hosts.get_mut(&partition) {
            Some(Host::Ready(coordinator)) => Some(coordinator),
            _ => None,
        }
    }

    fn answer(&mut self, answers: Vec<(Ticket, Answer)>) {
        for (ticket, answer) in answers {
            let reply = self.waiting.remove(&ticket);
            let reply = reply.expect("a call is answered once");
            reply.send(ShardReply::Group(Ok(answer)));
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
