//! Coordinators of groups: one for each partition of `__consumer_offsets` that this core owns.

use std::future::Future;

use super::message::{GroupFilter, ShardReply};
use super::shards::ReplyTo;
use super::{CoreGone, Owned, Shards};
use crate::coordinator::group::answer::Answer;
use crate::coordinator::group::coordinator::{Call, ListedGroup};
use crate::metadata::{CONSUMER_OFFSETS, MetadataImage};
use crate::model::PartitionId;
use crate::protocol::error_code::ErrorCode;

/// The partition whose core coordinates a group; `None` while there is no `__consumer_offsets`.
pub fn coordinator_partition(image: &MetadataImage, group: &str) -> Option<PartitionId> {
    let topic = image.topic(CONSUMER_OFFSETS)?;
    let count = i32::try_from(topic.partitions.len()).ok()?;
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    // As Kafka's `Utils.abs`: the least number has no positive counterpart.
    let index = hash.checked_abs().unwrap_or(0) % count;
    Some(PartitionId {
        topic_id: topic.id,
        index,
    })
}

impl Shards {
    /// Asks a group's coordinator. The call has its place in the coordinator's order when this
    /// returns; the future tells what became of it. The error is one of the coordinator as a whole:
    /// `COORDINATOR_NOT_AVAILABLE`, `COORDINATOR_LOAD_IN_PROGRESS` or `NOT_COORDINATOR`.
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

    pub(super) fn handle_group(&self, _call: Call, reply: ReplyTo) {
        reply.send(ShardReply::Group(Err(ErrorCode::CoordinatorNotAvailable)));
    }
}

impl Owned {
    pub(super) fn list_groups(&self, _filter: &GroupFilter) -> Result<Vec<ListedGroup>, ErrorCode> {
        Ok(Vec::new())
    }
}
