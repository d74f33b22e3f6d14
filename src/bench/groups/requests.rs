//! Requests of members that do not depend on the protocol of the group. Pure.

use super::script::Script;
use crate::model::Uuid;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};
use crate::protocol::message::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
};

/// Commits these positions as a member.
pub(super) fn commit_request(
    script: &Script,
    topic_id: Uuid,
    positions: &[(i32, i64)],
) -> OffsetCommitRequest {
    let membership = script.membership();
    let (member_id, generation) = script.identity();
    OffsetCommitRequest {
        group_id: membership.group.clone(),
        generation_id_or_member_epoch: generation,
        member_id: member_id.to_owned(),
        topics: vec![committed(&membership.topic, topic_id, positions)],
        ..Default::default()
    }
}

/// The offsets of a commit of one topic.
pub(super) fn committed(
    topic: &str,
    topic_id: Uuid,
    positions: &[(i32, i64)],
) -> OffsetCommitRequestTopic {
    let partition = |(index, offset): &(i32, i64)| OffsetCommitRequestPartition {
        partition_index: *index,
        committed_offset: *offset,
        committed_metadata: Some(String::new()),
        ..Default::default()
    };
    OffsetCommitRequestTopic {
        name: topic.to_owned(),
        topic_id,
        partitions: positions.iter().map(partition).collect(),
    }
}

/// The first code of an answer that is an error.
pub(super) fn commit_code(response: &OffsetCommitResponse) -> ErrorCode {
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let mut codes = partitions.map(|partition| ErrorCode::from_code(partition.error_code));
    let first = codes.find(|code| *code != ErrorCode::None);
    first.unwrap_or(ErrorCode::None)
}

/// Asks where the group stands in partitions of a topic.
pub(super) fn positions_request(
    group: &str,
    member: Option<(&str, i32)>,
    topic: &str,
    topic_id: Uuid,
    partitions: &[i32],
) -> OffsetFetchRequest {
    OffsetFetchRequest {
        groups: vec![positions_of(group, member, topic, topic_id, partitions)],
        ..Default::default()
    }
}

/// One group of such a request.
pub(super) fn positions_of(
    group: &str,
    member: Option<(&str, i32)>,
    topic: &str,
    topic_id: Uuid,
    partitions: &[i32],
) -> OffsetFetchRequestGroup {
    OffsetFetchRequestGroup {
        group_id: group.to_owned(),
        member_id: member.map(|(id, _)| id.to_owned()),
        member_epoch: member.map_or(-1, |(_, epoch)| epoch),
        topics: Some(vec![OffsetFetchRequestTopics {
            name: topic.to_owned(),
            topic_id,
            partition_indexes: partitions.to_vec(),
        }]),
    }
}

/// Where one group stands: the beginning, where nothing is committed.
pub(super) fn positions(response: &OffsetFetchResponse) -> Result<Vec<(i32, i64)>, ErrorCode> {
    let mut found = Vec::new();
    for group in &response.groups {
        refused(group.error_code)?;
        for partition in group.topics.iter().flat_map(|topic| &topic.partitions) {
            refused(partition.error_code)?;
            found.push((partition.partition_index, partition.committed_offset.max(0)));
        }
    }
    Ok(found)
}

fn refused(code: i16) -> Result<(), ErrorCode> {
    match ErrorCode::from_code(code) {
        ErrorCode::None => Ok(()),
        code => Err(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::offset_commit::{
        OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    };

    #[test]
    fn the_first_error_of_a_commit_counts() {
        let partition = |code: ErrorCode| OffsetCommitResponsePartition {
            error_code: code.code(),
            ..Default::default()
        };
        let response = |codes: &[ErrorCode]| OffsetCommitResponse {
            topics: vec![OffsetCommitResponseTopic {
                partitions: codes.iter().copied().map(partition).collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        assert_eq!(commit_code(&response(&[ErrorCode::None])), ErrorCode::None);
        let codes = [ErrorCode::None, ErrorCode::IllegalGeneration];
        assert_eq!(commit_code(&response(&codes)), ErrorCode::IllegalGeneration);
    }
}
