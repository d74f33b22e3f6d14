//! DeleteRecords (key 21), v0-2
//!
//! Behaviour: the log start moves up to the offset, −1 means the high watermark; the answer is
//!            the new log start. An offset outside of the log is OFFSET_OUT_OF_RANGE. A topic
//!            that is compacted and never deleted from is POLICY_VIOLATION, an internal one
//!            INVALID_TOPIC_EXCEPTION.
//! Versions:  v2 flexible
//! Not done:  the timeout: with one replica there is nobody to wait for

use super::by_core::{ask_owners, find_partition};
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::config::CleanupPolicy;
use crate::metadata::{MetadataImage, is_internal};
use crate::model::{Offset, PartitionId};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteRecordsTopicResult,
};
use crate::shard::topic_config;

/// The offset that stands for the high watermark.
const HIGH_WATERMARK: Offset = -1;

/// Moves log starts up.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: DeleteRecordsRequest,
) -> Result<DeleteRecordsResponse, CloseConnection> {
    let questions = questions(cx, request, &message);
    let owner = |(partition, _): &(PartitionId, Offset)| cx.shards.owner(*partition);
    let ask = |core, before| cx.shards.delete_records(core, before);
    let mut starts = ask_owners(questions, owner, ask).await?.into_iter();
    let mut answer = |partition_index| {
        let start = starts.next().expect("an answer for each partition");
        DeleteRecordsPartitionResult {
            partition_index,
            low_watermark: start.unwrap_or(-1),
            error_code: start.err().unwrap_or(ErrorCode::None).code(),
        }
    };
    let mut topics = Vec::with_capacity(message.topics.len());
    for topic in message.topics {
        let indexes = topic
            .partitions
            .iter()
            .map(|partition| partition.partition_index);
        let partitions = indexes.map(&mut answer).collect();
        topics.push(DeleteRecordsTopicResult {
            name: topic.name,
            partitions,
        });
    }
    Ok(DeleteRecordsResponse {
        topics,
        ..Default::default()
    })
}

fn questions(
    cx: &Context,
    request: &Request,
    message: &DeleteRecordsRequest,
) -> Vec<Result<(PartitionId, Offset), ErrorCode>> {
    let image = cx.image();
    let mut questions = Vec::new();
    for topic in &message.topics {
        let may = may_delete_from(cx, request, &image, &topic.name);
        questions.extend(topic.partitions.iter().map(|partition| {
            let id =
                may.and_then(|()| find_partition(&image, &topic.name, partition.partition_index))?;
            match partition.offset {
                HIGH_WATERMARK.. => Ok((id, partition.offset)),
                _ => Err(ErrorCode::OffsetOutOfRange),
            }
        }));
    }
    questions
}

fn may_delete_from(
    cx: &Context,
    request: &Request,
    image: &MetadataImage,
    topic: &str,
) -> Result<(), ErrorCode> {
    if !cx.may(request, Operation::Delete, Resource::Topic(topic)) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    if image.topic(topic).is_none() {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    if is_internal(topic) {
        return Err(ErrorCode::InvalidTopicException);
    }
    if keeps_last_records(topic_config(&cx.config(), image, topic).cleanup_policy) {
        return Err(ErrorCode::PolicyViolation);
    }
    Ok(())
}

/// Whether the last record of each key is to be kept for ever.
fn keeps_last_records(policy: CleanupPolicy) -> bool {
    policy.compact && !policy.delete
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_compaction_alone_forbids_deleting() {
        let policy = |delete, compact| CleanupPolicy { delete, compact };
        assert!(keeps_last_records(policy(false, true)));
        assert!(!keeps_last_records(policy(true, true)));
        assert!(!keeps_last_records(policy(false, false)));
    }
}
