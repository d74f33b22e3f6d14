//! OffsetCommit (key 8), v2-10
//!
//! Behaviour: what exists and may be read goes to the group's coordinator in one call and is
//!            answered when it is durable, the rest is refused partition by partition; answers are
//!            in the order of the request. The call has its place before the connection reads on:
//!            commits sent one after the other share a flush. The empty group name is fine.
//! Versions:  v2-4 retention time (KIP-211 took it away) · v6 leader epochs (KIP-320) · v7 static
//!            members (KIP-345) · v8 flexible · v9 errors of KIP-848 · v10 topic ids
//! Not done:  –

use std::rc::Rc;
use std::sync::Arc;

use super::by_group::{check_group, expect_answer};
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::{CloseConnection, Started, decode};
use crate::broker::response::Response;
use crate::coordinator::group::answer::Answer;
use crate::coordinator::group::coordinator::{Call, CommitRequest, OffsetToCommit};
use crate::metadata::{MetadataImage, TopicImage};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use crate::shard::Said;

/// The first version that knows the errors of KIP-848.
const NEW_ERRORS_FROM: i16 = 9;
/// The first version that names topics by id.
const IDS_FROM: i16 = 10;
/// The client leaves the retention of its offsets to the broker.
const NO_RETENTION_MS: i64 = -1;

/// For each partition of a request, in order: `Ok` if the coordinator is asked.
type Checked = Vec<Result<(), ErrorCode>>;

/// Puts offsets to the coordinator.
pub(in crate::broker) async fn start(
    cx: &Rc<Context>,
    mut request: Request,
) -> Result<Started, CloseConnection> {
    let frame = std::mem::take(&mut request.frame);
    let mut message: OffsetCommitRequest = decode(&request, &frame)?;
    let (checked, offsets) = check(cx, &request, &mut message);
    if offsets.is_empty() {
        let response = response(message.topics, checked, Ok(Answer::Commit(Vec::new())));
        return Ok(Started::Ready(Response::encode(&request, &response)?));
    }
    let topics = std::mem::take(&mut message.topics);
    let call = Call::Commit(commit(message, offsets, request.version));
    let asked = cx.shards.group(call);
    Ok(Started::Later(Box::pin(async move {
        let response = response(topics, checked, asked.await?);
        Ok(Response::encode(&request, &response)?)
    })))
}

/// What becomes of each partition, and the offsets that the coordinator is to take.
fn check(
    cx: &Context,
    request: &Request,
    message: &mut OffsetCommitRequest,
) -> (Checked, Vec<OffsetToCommit>) {
    let of_group = check_group(cx, request, Operation::Read, &message.group_id);
    let image = cx.image();
    let may_read = |topic: &str| cx.may(request, Operation::Read, Resource::Topic(topic));
    let (mut checked, mut offsets) = (Checked::new(), Vec::new());
    for topic in &mut message.topics {
        let known = of_group.and_then(|()| find_topic(&image, topic, request.version, may_read));
        for partition in &mut topic.partitions {
            let known = known.and_then(|known| with_partition(known, partition.partition_index));
            offsets.extend(known.ok().map(|known| to_commit(known, partition)));
            checked.push(known.map(|_| ()));
        }
    }
    (checked, offsets)
}

fn find_topic<'a>(
    image: &'a MetadataImage,
    topic: &OffsetCommitRequestTopic,
    version: i16,
    may_read: impl Fn(&str) -> bool,
) -> Result<&'a TopicImage, ErrorCode> {
    let allowed = |name: &str| match may_read(name) {
        true => Ok(()),
        false => Err(ErrorCode::TopicAuthorizationFailed),
    };
    if version >= IDS_FROM {
        let known = image.topic_by_id(topic.topic_id);
        let known = known.ok_or(ErrorCode::UnknownTopicId)?;
        allowed(&known.name)?;
        return Ok(known);
    }
    allowed(&topic.name)?;
    let known = image.topic(&topic.name).map(Arc::as_ref);
    known.ok_or(ErrorCode::UnknownTopicOrPartition)
}

fn with_partition(topic: &TopicImage, index: i32) -> Result<&TopicImage, ErrorCode> {
    let exists = topic.partition(index).is_some();
    exists
        .then_some(topic)
        .ok_or(ErrorCode::UnknownTopicOrPartition)
}

fn to_commit(topic: &TopicImage, partition: &mut OffsetCommitRequestPartition) -> OffsetToCommit {
    OffsetToCommit {
        topic: topic.name.clone(),
        topic_id: topic.id,
        partition: partition.partition_index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.take(),
    }
}

fn commit(
    message: OffsetCommitRequest,
    offsets: Vec<OffsetToCommit>,
    version: i16,
) -> CommitRequest {
    let retention_ms = message.retention_time_ms;
    CommitRequest {
        group: message.group_id.into(),
        member_id: message.member_id.into(),
        instance_id: message.group_instance_id.map(Into::into),
        generation: message.generation_id_or_member_epoch,
        knows_new_errors: version >= NEW_ERRORS_FROM,
        retention_ms: (retention_ms != NO_RETENTION_MS).then_some(retention_ms),
        offsets,
    }
}

fn response(
    topics: Vec<OffsetCommitRequestTopic>,
    checked: Checked,
    said: Said,
) -> OffsetCommitResponse {
    let mut codes = codes(checked, said).into_iter();
    let mut answer = |topic: OffsetCommitRequestTopic| OffsetCommitResponseTopic {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions: topic
            .partitions
            .iter()
            .map(|partition| OffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: codes.next().expect("a code for each partition").code(),
            })
            .collect(),
    };
    OffsetCommitResponse {
        topics: topics.into_iter().map(&mut answer).collect(),
        ..Default::default()
    }
}

/// What each partition is told: its own refusal, or what the coordinator says.
fn codes(checked: Checked, said: Said) -> Vec<ErrorCode> {
    let said = said.map(|answer| expect_answer!(answer, Answer::Commit(codes) => codes));
    let mut of_coordinator = said.as_deref().unwrap_or_default().iter();
    let mut answered = |()| match said {
        Err(code) => code,
        Ok(_) => *of_coordinator.next().expect("a code for each offset"),
    };
    let each = checked.into_iter();
    each.map(|checked| checked.map_or_else(|code| code, &mut answered))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_merged_in_the_order_of_the_request() {
        let unknown = Err(ErrorCode::UnknownTopicOrPartition);
        let checked = vec![unknown, Ok(()), unknown, Ok(())];
        let said = vec![ErrorCode::None, ErrorCode::OffsetMetadataTooLarge];
        let merged = codes(checked, Ok(Answer::Commit(said)));
        let numbers: Vec<_> = merged.into_iter().map(ErrorCode::code).collect();
        assert_eq!(numbers, [3, 0, 3, 12]);
    }

    #[test]
    fn an_error_of_the_coordinator_is_for_what_it_was_asked() {
        let checked = vec![Ok(()), Err(ErrorCode::TopicAuthorizationFailed)];
        let merged = codes(checked, Err(ErrorCode::NotCoordinator));
        let numbers: Vec<_> = merged.into_iter().map(ErrorCode::code).collect();
        assert_eq!(numbers, [16, 29]);
    }

    #[test]
    fn topics_are_known_by_what_the_version_names() {
        let image = MetadataImage::default();
        let topic = OffsetCommitRequestTopic::default();
        let find = |version, may| find_topic(&image, &topic, version, |_| may).map(|_| ());
        assert_eq!(find(9, true), Err(ErrorCode::UnknownTopicOrPartition));
        assert_eq!(find(9, false), Err(ErrorCode::TopicAuthorizationFailed));
        assert_eq!(find(10, false), Err(ErrorCode::UnknownTopicId));
    }

    #[test]
    fn who_names_no_retention_leaves_it_to_the_broker() {
        let mut message = OffsetCommitRequest::default();
        let retention =
            |message: &OffsetCommitRequest| commit(message.clone(), Vec::new(), 4).retention_ms;
        assert_eq!(retention(&message), None);
        message.retention_time_ms = 5;
        assert_eq!(retention(&message), Some(5));
        assert!(!commit(message.clone(), Vec::new(), 8).knows_new_errors);
        assert!(commit(message, Vec::new(), 9).knows_new_errors);
    }
}
