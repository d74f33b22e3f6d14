//! OffsetForLeaderEpoch (key 23), v2-4
//!
//! Behaviour: the end of the largest epoch not above the one asked for (KIP-101), −1 and −1 where
//!            there is none; the newest ends at the log's end. A consumer finds out with it whether its position was cut off.
//! Versions:  v2 current leader epoch (KIP-320) · v3 replica id · v4 flexible

use super::by_core::{ask_owners, find_partition};
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderTopicResult,
};
use crate::shard::EpochQuery;

/// Looks the ends of leader epochs up.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: OffsetForLeaderEpochRequest,
) -> Result<OffsetForLeaderEpochResponse, CloseConnection> {
    let queries = queries(cx, request, &message);
    let owner = |query: &EpochQuery| cx.shards.owner(query.partition);
    let ask = |core, queries| cx.shards.epoch_ends(core, queries);
    let mut ends = ask_owners(queries, owner, ask).await?.into_iter();
    let mut answer = |partition| {
        let end = ends.next().expect("an answer for each partition");
        let (leader_epoch, end_offset) = end.unwrap_or((-1, -1));
        let error_code = end.err().unwrap_or(ErrorCode::None).code();
        EpochEndOffset {
            error_code,
            partition,
            leader_epoch,
            end_offset,
        }
    };
    let mut topics = Vec::with_capacity(message.topics.len());
    for topic in message.topics {
        let indexes = topic.partitions.iter().map(|partition| partition.partition);
        let partitions = indexes.map(&mut answer).collect();
        topics.push(OffsetForLeaderTopicResult {
            topic: topic.topic,
            partitions,
        });
    }
    Ok(OffsetForLeaderEpochResponse {
        topics,
        ..Default::default()
    })
}

fn queries(
    cx: &Context,
    request: &Request,
    message: &OffsetForLeaderEpochRequest,
) -> Vec<Result<EpochQuery, ErrorCode>> {
    let image = cx.image();
    let is_broker = cx.may(request, Operation::ClusterAction, Resource::Cluster);
    let mut queries = Vec::new();
    for topic in &message.topics {
        let may = is_broker || cx.may(request, Operation::Describe, Resource::Topic(&topic.topic));
        queries.extend(topic.partitions.iter().map(|partition| {
            if !may {
                return Err(ErrorCode::TopicAuthorizationFailed);
            }
            Ok(EpochQuery {
                partition: find_partition(&image, &topic.topic, partition.partition)?,
                current_leader_epoch: partition.current_leader_epoch,
                leader_epoch: partition.leader_epoch,
            })
        }));
    }
    queries
}
