//! ListOffsets (key 2), v1-11
//!
//! Behaviour: a time gives the first record at or after it; where there is none, offset and
//!            timestamp are −1 and that is no error. Negative times are sentinels; one that the
//!            version does not have is UNSUPPORTED_VERSION for its partition. A partition named
//!            twice is INVALID_REQUEST. Whoever asks is answered as a consumer is.
//! Versions:  v2 isolation level · v4 leader epochs (KIP-320) · v6 flexible · v7 largest timestamp
//!            (KIP-734) · v8 local start (KIP-405) · v9 tiered end (KIP-1005) · v10 timeout · v11
//!            pending upload (KIP-1023)
//! Not done:  read_committed is answered as read_uncommitted, there are no transactions; nothing
//!            is tiered: the local start is the start, the tiered offsets are −1

use std::collections::HashSet;

use super::by_core::{ask_owners, find_partition};
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::metadata::MetadataImage;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, ListOffsetsTopicResponse,
};
use crate::shard::{OffsetFound, OffsetQuery, OffsetTarget};

/// The first version whose answers carry leader epochs.
const EPOCHS_FROM: i16 = 4;

/// Looks offsets up.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: ListOffsetsRequest,
) -> Result<ListOffsetsResponse, CloseConnection> {
    let queries = queries(cx, request, &message);
    let owner = |query: &OffsetQuery| cx.shards.owner(query.partition);
    let found = ask_owners(queries, owner, |core, queries| {
        cx.shards.offsets(core, queries)
    })
    .await?;
    let mut found = found.into_iter();
    let answer = |partition: &ListOffsetsPartition| {
        let found = found.next().expect("an answer for each partition");
        answer(partition.partition_index, found, request.version)
    };
    Ok(ListOffsetsResponse {
        topics: per_partition(&message.topics, answer),
        ..Default::default()
    })
}

fn queries(
    cx: &Context,
    request: &Request,
    message: &ListOffsetsRequest,
) -> Vec<Result<OffsetQuery, ErrorCode>> {
    let image = cx.image();
    let repeated = repeated(&message.topics);
    let mut queries = Vec::new();
    for topic in &message.topics {
        let may = cx.may(request, Operation::Describe, Resource::Topic(&topic.name));
        queries.extend(topic.partitions.iter().map(|partition| {
            if !may {
                return Err(ErrorCode::TopicAuthorizationFailed);
            }
            if repeated.contains(&(topic.name.as_str(), partition.partition_index)) {
                return Err(ErrorCode::InvalidRequest);
            }
            query(&image, &topic.name, partition, request.version)
        }));
    }
    queries
}

fn query(
    image: &MetadataImage,
    topic: &str,
    partition: &ListOffsetsPartition,
    version: i16,
) -> Result<OffsetQuery, ErrorCode> {
    let target = target(partition.timestamp, version).ok_or(ErrorCode::UnsupportedVersion)?;
    Ok(OffsetQuery {
        partition: find_partition(image, topic, partition.partition_index)?,
        leader_epoch: partition.current_leader_epoch,
        target,
    })
}

/// What a timestamp asks for, if this version may ask for it.
fn target(timestamp: i64, version: i16) -> Option<OffsetTarget> {
    let (since, target) = match timestamp {
        0.. => (1, OffsetTarget::Timestamp(timestamp)),
        -1 => (1, OffsetTarget::Latest),
        -2 => (1, OffsetTarget::Earliest),
        -3 => (7, OffsetTarget::MaxTimestamp),
        -4 => (8, OffsetTarget::Earliest),
        -5 => (9, OffsetTarget::Tiered),
        -6 => (11, OffsetTarget::Tiered),
        _ => return None,
    };
    (version >= since).then_some(target)
}

/// The partitions that a request names more than once.
fn repeated(topics: &[ListOffsetsTopic]) -> HashSet<(&str, i32)> {
    let mut seen = HashSet::new();
    let named = topics.iter().flat_map(|topic| {
        topic
            .partitions
            .iter()
            .map(|partition| (topic.name.as_str(), partition.partition_index))
    });
    named.filter(|partition| !seen.insert(*partition)).collect()
}

fn answer(
    partition_index: i32,
    found: Result<OffsetFound, ErrorCode>,
    version: i16,
) -> ListOffsetsPartitionResponse {
    let (code, found) = match found {
        Ok(found) => (ErrorCode::None, found),
        Err(code) => (code, OffsetFound::NOTHING),
    };
    ListOffsetsPartitionResponse {
        partition_index,
        error_code: code.code(),
        timestamp: found.timestamp,
        offset: found.offset,
        leader_epoch: if version >= EPOCHS_FROM {
            found.leader_epoch
        } else {
            -1
        },
    }
}

fn per_partition(
    topics: &[ListOffsetsTopic],
    mut answer: impl FnMut(&ListOffsetsPartition) -> ListOffsetsPartitionResponse,
) -> Vec<ListOffsetsTopicResponse> {
    let mut answer = |topic: &ListOffsetsTopic| ListOffsetsTopicResponse {
        name: topic.name.clone(),
        partitions: topic.partitions.iter().map(&mut answer).collect(),
    };
    topics.iter().map(&mut answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_belong_to_versions() {
        let since = |timestamp| (1..=11).find(|version| target(timestamp, *version).is_some());
        let expected = [
            (-1, 1),
            (-2, 1),
            (-3, 7),
            (-4, 8),
            (-5, 9),
            (-6, 11),
            (0, 1),
        ];
        for (timestamp, version) in expected {
            assert_eq!(since(timestamp), Some(version), "{timestamp}");
        }
        assert_eq!(since(-7), None);
    }

    #[test]
    fn repetitions_are_found_across_topics_of_one_name() {
        let topic = |name: &str, indexes: &[i32]| ListOffsetsTopic {
            name: name.to_owned(),
            partitions: indexes
                .iter()
                .map(|index| ListOffsetsPartition {
                    partition_index: *index,
                    ..Default::default()
                })
                .collect(),
        };
        let topics = [topic("a", &[0, 1]), topic("b", &[0, 0]), topic("a", &[1])];
        assert_eq!(repeated(&topics), HashSet::from([("b", 0), ("a", 1)]));
    }

    #[test]
    fn epochs_are_told_only_where_the_version_has_them() {
        let found = OffsetFound {
            offset: 3,
            timestamp: 4,
            leader_epoch: 5,
        };
        assert_eq!(answer(0, Ok(found), 3).leader_epoch, -1);
        assert_eq!(answer(0, Ok(found), 4).leader_epoch, 5);
    }
}
