//! Metadata (key 3), v0-13
//!
//! Behaviour: brokers come with the endpoint of the listener the request came in on; the
//!            controller is this broker, which takes what is meant for one. Topics that do not
//!            exist are created if settings and request allow it. Kafka answers the request that
//!            began this with UNKNOWN_TOPIC_OR_PARTITION; klamm waits until the topic is there
//!            and answers with it: Java then needs no second request, and librdkafka tells its
//!            application of no unknown topic. UNKNOWN_TOPIC_OR_PARTITION is left for topics that
//!            could not be created. Topics the caller may not describe are
//!            TOPIC_AUTHORIZATION_FAILED when named and absent when all are asked for.
//! Versions:  v0 an empty list means all · v1 null does · v4 creation may be declined · v6
//!            LISTENER_NOT_FOUND · v8-10 operations (KIP-430) · v9 flexible · v10 topic ids · v12
//!            asking by id (KIP-516) · v13 top-level error
//! Not done:  –

use std::collections::HashSet;

use super::nodes::{self, Node};
use super::permissions::{cluster_operations, may_create, topic_operations};
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::metadata::{
    MetadataImage, NO_LEADER, PartitionImage, TopicImage, check_topic_name, is_internal,
};
use crate::model::Uuid;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use crate::shard::ControlCall;

/// The first version that may decline to create topics.
const CREATION_DECLINABLE_FROM: i16 = 4;
/// The first version that is told LISTENER_NOT_FOUND.
const LISTENERS_FROM: i16 = 6;
/// The first version that may name topics by id.
const IDS_FROM: i16 = 12;

/// Describes the cluster and the topics asked for.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: MetadataRequest,
) -> Result<MetadataResponse, CloseConnection> {
    let named = named_topics(&message, request.version);
    if let Some(named) = named.filter(|topics| !ids_fit(topics, request.version)) {
        return Ok(refuse(named));
    }
    let creates = creates_topics(cx, request, &message);
    if creates {
        create_missing(cx, request, &message).await?;
    }
    let image = cx.image();
    let nodes = nodes::nodes(cx, request, &image);
    let view = View {
        cx,
        request,
        image: &image,
        nodes: &nodes,
        creates,
    };
    let mut topics = match named_topics(&message, request.version) {
        None => view.all(),
        Some(named) => view.each(named),
    };
    if message.include_topic_authorized_operations {
        tell_operations(cx, request, &mut topics);
    }
    Ok(MetadataResponse {
        brokers: nodes
            .iter()
            .filter(|node| !node.fenced)
            .map(broker)
            .collect(),
        cluster_id: Some(cx.identity.cluster_id.clone()),
        controller_id: cx.identity.node_id,
        topics,
        cluster_authorized_operations: match message.include_cluster_authorized_operations {
            true => cluster_operations(cx, request),
            false => i32::MIN,
        },
        ..Default::default()
    })
}

/// The topics that a request names; `None` asks for all.
fn named_topics(message: &MetadataRequest, version: i16) -> Option<&[MetadataRequestTopic]> {
    let topics = message.topics.as_deref()?;
    (version > 0 || !topics.is_empty()).then_some(topics)
}

/// Versions 10 and 11 have the field for an id and the null name, but may not use them.
fn ids_fit(topics: &[MetadataRequestTopic], version: i16) -> bool {
    let by_name = |topic: &MetadataRequestTopic| topic.name.is_some() && topic.topic_id.is_zero();
    version >= IDS_FROM || topics.iter().all(by_name)
}

fn refuse(named: &[MetadataRequestTopic]) -> MetadataResponse {
    let refused = |topic: &MetadataRequestTopic| {
        let name = topic.name.clone().unwrap_or_default();
        failed(ErrorCode::InvalidRequest, Some(name), Uuid::ZERO)
    };
    MetadataResponse {
        topics: named.iter().map(refused).collect(),
        ..Default::default()
    }
}

/// Whether settings and request let missing topics be created.
fn creates_topics(cx: &Context, request: &Request, message: &MetadataRequest) -> bool {
    let agreed = message.allow_auto_topic_creation || request.version < CREATION_DECLINABLE_FROM;
    agreed && cx.config().topics.auto_create
}

/// Has the topics created that are missing and may be; returns when they are there.
async fn create_missing(
    cx: &Context,
    request: &Request,
    message: &MetadataRequest,
) -> Result<(), CloseConnection> {
    let image = cx.image();
    let named = named_topics(message, request.version).unwrap_or_default();
    let may = |name: &str| {
        cx.may(request, Operation::Describe, Resource::Topic(name)) && may_create(cx, request, name)
    };
    let missing = missing(&image, named).into_iter().filter(|name| may(name));
    let missing: Vec<String> = missing.map(str::to_owned).collect();
    if !missing.is_empty() {
        // Whatever the controller says, what counts is whether the image has the topic now.
        cx.shards.control(ControlCall::AutoCreate(missing)).await?;
    }
    Ok(())
}

/// Topics that are named, could exist and do not, each once.
fn missing<'a>(image: &MetadataImage, named: &'a [MetadataRequestTopic]) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    let names = named.iter().filter(|topic| topic.topic_id.is_zero());
    let names = names.filter_map(|topic| topic.name.as_deref());
    names
        .filter(|name| image.topic(name).is_none() && check_topic_name(name).is_ok())
        .filter(|name| seen.insert(*name))
        .collect()
}

/// What one caller gets to see of an image.
struct View<'a> {
    cx: &'a Context,
    request: &'a Request,
    image: &'a MetadataImage,
    nodes: &'a [Node],
    creates: bool,
}

impl View<'_> {
    fn all(&self) -> Vec<MetadataResponseTopic> {
        let topics = self.image.topics.sorted().into_iter();
        topics
            .filter(|topic| self.may_describe(&topic.name))
            .map(|topic| self.topic(topic))
            .collect()
    }

    /// The topics named, each once, in the order of the request.
    fn each(&self, named: &[MetadataRequestTopic]) -> Vec<MetadataResponseTopic> {
        let mut seen = HashSet::new();
        let named = named
            .iter()
            .filter(|topic| seen.insert((topic.topic_id, &topic.name)));
        let one = |topic: &MetadataRequestTopic| match topic.topic_id {
            Uuid::ZERO => self.by_name(topic.name.as_deref().unwrap_or_default()),
            id => self.by_id(id),
        };
        named.map(one).collect()
    }

    fn by_name(&self, name: &str) -> MetadataResponseTopic {
        let code = match self.image.topic(name) {
            _ if !self.may_describe(name) => ErrorCode::TopicAuthorizationFailed,
            Some(topic) => return self.topic(topic),
            None if check_topic_name(name).is_err() => ErrorCode::InvalidTopicException,
            None if self.lacks_creation(name) => ErrorCode::TopicAuthorizationFailed,
            None => ErrorCode::UnknownTopicOrPartition,
        };
        failed(code, Some(name.to_owned()), Uuid::ZERO)
    }

    fn by_id(&self, id: Uuid) -> MetadataResponseTopic {
        match self.image.topic_by_id(id) {
            None => failed(ErrorCode::UnknownTopicId, None, id),
            Some(topic) if !self.may_describe(&topic.name) => {
                failed(ErrorCode::TopicAuthorizationFailed, None, id)
            }
            Some(topic) => self.topic(topic),
        }
    }

    /// Whether the topic is missing only because the caller may not create it.
    fn lacks_creation(&self, name: &str) -> bool {
        self.creates && !may_create(self.cx, self.request, name)
    }

    fn may_describe(&self, name: &str) -> bool {
        self.cx
            .may(self.request, Operation::Describe, Resource::Topic(name))
    }

    fn topic(&self, topic: &TopicImage) -> MetadataResponseTopic {
        let partitions = topic.partitions.iter();
        MetadataResponseTopic {
            name: Some(topic.name.to_string()),
            topic_id: topic.id,
            is_internal: is_internal(&topic.name),
            partitions: partitions
                .map(|(index, image)| self.partition(*index, image))
                .collect(),
            ..Default::default()
        }
    }

    fn partition(&self, index: i32, partition: &PartitionImage) -> MetadataResponsePartition {
        let leader = nodes::leader(self.image, self.nodes, partition.leader);
        let code = match leader {
            Ok(_) => ErrorCode::None,
            Err(_) if self.request.version < LISTENERS_FROM => ErrorCode::LeaderNotAvailable,
            Err(code) => code,
        };
        MetadataResponsePartition {
            error_code: code.code(),
            partition_index: index,
            leader_id: leader.unwrap_or(NO_LEADER),
            leader_epoch: partition.leader_epoch,
            replica_nodes: partition.replicas.clone(),
            isr_nodes: partition.isr.clone(),
            offline_replicas: nodes::offline(self.nodes, &partition.replicas),
        }
    }
}

fn failed(code: ErrorCode, name: Option<String>, topic_id: Uuid) -> MetadataResponseTopic {
    let is_internal = name.as_deref().is_some_and(is_internal);
    let error_code = code.code();
    MetadataResponseTopic {
        error_code,
        name,
        topic_id,
        is_internal,
        ..Default::default()
    }
}

/// Adds what the caller may do to each topic that is told of.
fn tell_operations(cx: &Context, request: &Request, topics: &mut [MetadataResponseTopic]) {
    let told = topics
        .iter_mut()
        .filter(|topic| topic.error_code == ErrorCode::None.code());
    for topic in told {
        let name = topic.name.as_deref().unwrap_or_default();
        topic.topic_authorized_operations = topic_operations(cx, request, name);
    }
}

fn broker(node: &Node) -> MetadataResponseBroker {
    MetadataResponseBroker {
        node_id: node.id,
        host: node.host.clone(),
        port: node.port,
        rack: node.rack.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> MetadataRequestTopic {
        MetadataRequestTopic {
            name: Some(name.to_owned()),
            ..Default::default()
        }
    }

    #[test]
    fn an_empty_list_means_all_in_version_0_and_none_later() {
        let request = |topics| MetadataRequest {
            topics,
            ..Default::default()
        };
        assert_eq!(named_topics(&request(Some(vec![])), 0), None);
        assert_eq!(named_topics(&request(Some(vec![])), 1), Some(&[][..]));
        assert_eq!(named_topics(&request(None), 1), None);
    }

    #[test]
    fn ids_need_version_12() {
        let by_id = MetadataRequestTopic {
            topic_id: Uuid::from_u128(1000),
            name: None,
        };
        assert!(!ids_fit(&[named("a"), by_id.clone()], 11));
        assert!(ids_fit(&[named("a"), by_id], 12));
        assert!(ids_fit(&[named("a")], 10));
    }

    #[test]
    fn only_what_could_exist_is_missing_and_only_once() {
        let topics = [named("a"), named("b/c"), named("a"), named("d")];
        assert_eq!(missing(&MetadataImage::default(), &topics), ["a", "d"]);
    }
}
