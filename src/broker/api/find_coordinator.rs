//! FindCoordinator (key 10), v0-6
//!
//! Behaviour: a group's coordinator is the leader of its partition of `__consumer_offsets`, with
//!            the endpoint of the listener the request came in on. The first to ask has that topic
//!            created and is answered COORDINATOR_NOT_AVAILABLE, as in Kafka: clients ask again. A
//!            type that is not known is INVALID_REQUEST, so are share partitions before v6.
//! Versions:  v1 key types · v3 flexible · v4 several keys (KIP-699) · v6 share partitions
//! Not done:  transactions and share groups: always COORDINATOR_NOT_AVAILABLE

use super::nodes::{self, Node};
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::metadata::{CONSUMER_OFFSETS, MetadataImage};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use crate::shard::{ControlCall, coordinator_partition};

/// The first version with several keys.
const KEYS_FROM: i16 = 4;
/// The first version that may ask for share partitions.
const SHARES_FROM: i16 = 6;
/// The key is a group.
const GROUP: i8 = 0;
/// The key is a transactional id.
const TRANSACTION: i8 = 1;
/// The key is a share partition.
const SHARE: i8 = 2;

/// Tells who coordinates.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: FindCoordinatorRequest,
) -> Result<FindCoordinatorResponse, CloseConnection> {
    let image = cx.image();
    let nodes = nodes::nodes(cx, request, &image);
    let find = |key: &str| {
        check(cx, request, message.key_type, key)?;
        match message.key_type {
            GROUP => of_group(&image, &nodes, key),
            _ => Err(ErrorCode::CoordinatorNotAvailable),
        }
    };
    let keys = match request.version {
        KEYS_FROM.. => message.coordinator_keys,
        _ => vec![message.key],
    };
    let found = keys.into_iter().map(|key| {
        let found = find(&key);
        coordinator(key, found)
    });
    let found: Vec<Coordinator> = found.collect();
    if message.key_type == GROUP && is_offsets_topic_missed(&image, &found) {
        let topics = vec![CONSUMER_OFFSETS.to_owned()];
        cx.shards.control(ControlCall::AutoCreate(topics)).await?;
    }
    Ok(response(found, request.version))
}

/// Whether the caller may ask for this.
fn check(cx: &Context, request: &Request, key_type: i8, key: &str) -> Result<(), ErrorCode> {
    let (operation, resource, refused) = match key_type {
        GROUP => (
            Operation::Describe,
            Resource::Group(key),
            ErrorCode::GroupAuthorizationFailed,
        ),
        TRANSACTION => (
            Operation::Describe,
            Resource::TransactionalId(key),
            ErrorCode::TransactionalIdAuthorizationFailed,
        ),
        SHARE if request.version >= SHARES_FROM => (
            Operation::ClusterAction,
            Resource::Cluster,
            ErrorCode::ClusterAuthorizationFailed,
        ),
        _ => return Err(ErrorCode::InvalidRequest),
    };
    match cx.may(request, operation, resource) {
        true => Ok(()),
        false => Err(refused),
    }
}

fn of_group<'a>(
    image: &MetadataImage,
    nodes: &'a [Node],
    group: &str,
) -> Result<&'a Node, ErrorCode> {
    let partition = coordinator_partition(image, group);
    let leader = partition
        .and_then(|partition| image.partition(partition))
        .map(|(_, partition)| partition.leader);
    let mut serving = nodes.iter().filter(|node| !node.fenced);
    serving
        .find(|node| Some(node.id) == leader)
        .ok_or(ErrorCode::CoordinatorNotAvailable)
}

/// Whether somebody who may ask was told nothing because the topic is not there.
fn is_offsets_topic_missed(image: &MetadataImage, found: &[Coordinator]) -> bool {
    let missed = ErrorCode::CoordinatorNotAvailable.code();
    image.topic(CONSUMER_OFFSETS).is_none() && found.iter().any(|one| one.error_code == missed)
}

fn coordinator(key: String, found: Result<&Node, ErrorCode>) -> Coordinator {
    match found {
        Ok(node) => Coordinator {
            key,
            node_id: node.id,
            host: node.host.clone(),
            port: node.port,
            ..Default::default()
        },
        Err(code) => Coordinator {
            key,
            node_id: -1,
            port: -1,
            error_code: code.code(),
            error_message: Some(code.to_string()),
            ..Default::default()
        },
    }
}

fn response(mut found: Vec<Coordinator>, version: i16) -> FindCoordinatorResponse {
    if version >= KEYS_FROM {
        return FindCoordinatorResponse {
            coordinators: found,
            ..Default::default()
        };
    }
    let only = found.pop().expect("before version 4 there is one key");
    FindCoordinatorResponse {
        error_code: only.error_code,
        error_message: only.error_message,
        node_id: only.node_id,
        host: only.host,
        port: only.port,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: i32, fenced: bool) -> Node {
        Node {
            id,
            host: "h".to_owned(),
            port: 9092,
            rack: None,
            fenced,
        }
    }

    #[test]
    fn an_absent_coordinator_is_nowhere() {
        let absent = coordinator("g".to_owned(), Err(ErrorCode::CoordinatorNotAvailable));
        assert_eq!((absent.node_id, absent.port), (-1, -1));
        assert_eq!((absent.host.as_str(), absent.error_code), ("", 15));
    }

    #[test]
    fn before_version_4_the_one_answer_stands_in_the_top_fields() {
        let found = || vec![coordinator("g".to_owned(), Ok(&node(3, false)))];
        let old = response(found(), 3);
        assert_eq!((old.node_id, old.host.as_str(), old.port), (3, "h", 9092));
        assert!(old.coordinators.is_empty());
        let new = response(found(), 4);
        assert_eq!((new.coordinators[0].node_id, new.port), (3, 0));
    }

    #[test]
    fn without_the_topic_there_is_no_coordinator() {
        let image = MetadataImage::default();
        let nodes = [node(1, false)];
        let found = of_group(&image, &nodes, "g");
        assert_eq!(found, Err(ErrorCode::CoordinatorNotAvailable));
        let told = [coordinator("g".to_owned(), found)];
        assert!(is_offsets_topic_missed(&image, &told));
        let refused = Err(ErrorCode::GroupAuthorizationFailed);
        let told = [coordinator("g".to_owned(), refused)];
        assert!(!is_offsets_topic_missed(&image, &told));
    }
}
