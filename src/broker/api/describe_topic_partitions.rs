//! DescribeTopicPartitions (key 75), v0
//!
//! Behaviour: like Metadata, in the order of names and in pages: at most as many partitions as the
//!            request and `max.request.partition.size.limit` allow, and a cursor to go on with.
//!            No topic named means all; then those the caller may not describe are left out. The
//!            lists of eligible leaders are empty, never null: Java's admin client trips over null.
//! Versions:  v0 (KIP-966)
//! Not done:  –

use std::collections::BTreeSet;

use super::nodes::{self, Node};
use super::permissions::topic_operations;
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::metadata::{
    MetadataImage, NO_LEADER, PartitionImage, TopicImage, check_topic_name, is_internal,
};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic, TopicRequest,
};

/// Describes topics, a page at a time.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: DescribeTopicPartitionsRequest,
) -> Result<DescribeTopicPartitionsResponse, CloseConnection> {
    if !cursor_fits(&message) {
        return Ok(refuse(&message.topics));
    }
    let image = cx.image();
    let names = names_from_cursor(&image, &message);
    let may = |name: &&str| cx.may(request, Operation::Describe, Resource::Topic(name));
    let (granted, refused): (Vec<&str>, Vec<&str>) = names.into_iter().partition(may);
    let nodes = nodes::nodes(cx, request, &image);
    let mut page = Page {
        image: &image,
        nodes: &nodes,
        left: page_len(
            cx.config().topics.partitions_described_max,
            message.response_partition_limit,
        ),
        response: DescribeTopicPartitionsResponse::default(),
    };
    page.fill(&granted, message.cursor.as_ref());
    let mut response = page.response;
    for topic in &mut response.topics {
        let name = topic.name.as_deref().unwrap_or_default();
        topic.topic_authorized_operations = topic_operations(cx, request, name);
    }
    if !message.topics.is_empty() {
        let refused = refused.into_iter();
        let code = ErrorCode::TopicAuthorizationFailed;
        response
            .topics
            .extend(refused.map(|name| failed(code, name)));
    }
    Ok(response)
}

/// A cursor names a partition, and a topic among those asked for.
fn cursor_fits(message: &DescribeTopicPartitionsRequest) -> bool {
    let topics = &message.topics;
    message.cursor.as_ref().is_none_or(|cursor| {
        let named = || topics.iter().any(|topic| topic.name == cursor.topic_name);
        cursor.partition_index >= 0 && (topics.is_empty() || named())
    })
}

fn refuse(topics: &[TopicRequest]) -> DescribeTopicPartitionsResponse {
    let refused = |topic: &TopicRequest| failed(ErrorCode::InvalidRequest, &topic.name);
    DescribeTopicPartitionsResponse {
        topics: topics.iter().map(refused).collect(),
        ..Default::default()
    }
}

/// The names asked for that the pages so far have not dealt with, in order and each once.
fn names_from_cursor<'a>(
    image: &'a MetadataImage,
    message: &'a DescribeTopicPartitionsRequest,
) -> BTreeSet<&'a str> {
    let from = message
        .cursor
        .as_ref()
        .map_or("", |cursor| &cursor.topic_name);
    let mut names: BTreeSet<&str> = match message.topics.is_empty() {
        true => image.topics.iter().map(|topic| &*topic.name).collect(),
        false => message
            .topics
            .iter()
            .map(|topic| topic.name.as_str())
            .collect(),
    };
    names.split_off(from)
}

/// How many partitions a page has, at least one.
fn page_len(allowed: i32, wanted: i32) -> usize {
    usize::try_from(allowed.min(wanted)).unwrap_or(0).max(1)
}

/// An answer as it fills.
struct Page<'a> {
    image: &'a MetadataImage,
    nodes: &'a [Node],
    left: usize,
    response: DescribeTopicPartitionsResponse,
}

impl Page<'_> {
    fn fill(&mut self, names: &[&str], cursor: Option<&Cursor>) {
        for name in names {
            let at_cursor = cursor.filter(|cursor| cursor.topic_name == *name);
            let from = at_cursor.map_or(0, |cursor| cursor.partition_index);
            if self.left == 0 {
                self.stop_at(name, from);
            } else {
                self.add(name, from);
            }
            if self.response.next_cursor.is_some() {
                return;
            }
        }
    }

    fn add(&mut self, name: &str, from: i32) {
        let Some(topic) = self.image.topic(name) else {
            return self.response.topics.push(failed(absence(name), name));
        };
        let mut partitions = topic.partitions.range(from..);
        let described: Vec<_> = partitions
            .by_ref()
            .take(self.left)
            .map(|(index, partition)| self.partition(*index, partition))
            .collect();
        self.left -= described.len();
        let next = partitions.next().map(|(index, _)| *index);
        self.response.topics.push(described_topic(topic, described));
        if let Some(next) = next {
            self.stop_at(name, next);
        }
    }

    fn stop_at(&mut self, name: &str, partition_index: i32) {
        let cursor = Cursor {
            topic_name: name.to_owned(),
            partition_index,
        };
        self.response.next_cursor = Some(cursor);
    }

    fn partition(
        &self,
        index: i32,
        partition: &PartitionImage,
    ) -> DescribeTopicPartitionsResponsePartition {
        let leader = nodes::leader(self.image, self.nodes, partition.leader);
        DescribeTopicPartitionsResponsePartition {
            error_code: leader.err().unwrap_or(ErrorCode::None).code(),
            partition_index: index,
            leader_id: leader.unwrap_or(NO_LEADER),
            leader_epoch: partition.leader_epoch,
            replica_nodes: partition.replicas.clone(),
            isr_nodes: partition.isr.clone(),
            eligible_leader_replicas: Some(partition.elr.clone()),
            last_known_elr: Some(partition.last_known_elr.clone()),
            offline_replicas: nodes::offline(self.nodes, &partition.replicas),
        }
    }
}

fn described_topic(
    topic: &TopicImage,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: is_internal(&topic.name),
        partitions,
        ..Default::default()
    }
}

/// Why there is no topic of this name.
fn absence(name: &str) -> ErrorCode {
    match check_topic_name(name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    }
}

fn failed(code: ErrorCode, name: &str) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code: code.code(),
        name: Some(name.to_owned()),
        is_internal: is_internal(name),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(names: &[&str], cursor: Option<(&str, i32)>) -> DescribeTopicPartitionsRequest {
        DescribeTopicPartitionsRequest {
            topics: names
                .iter()
                .map(|name| TopicRequest {
                    name: (*name).to_owned(),
                })
                .collect(),
            cursor: cursor.map(|(topic, partition_index)| Cursor {
                topic_name: topic.to_owned(),
                partition_index,
            }),
            ..Default::default()
        }
    }

    #[test]
    fn pages_have_at_least_one_partition() {
        assert_eq!(page_len(2000, 10), 10);
        assert_eq!(page_len(5, 10), 5);
        assert_eq!([page_len(2000, 0), page_len(2000, -7)], [1, 1]);
    }

    #[test]
    fn cursors_name_what_is_asked_for() {
        assert!(cursor_fits(&asking(&["a"], None)));
        assert!(cursor_fits(&asking(&["a", "b"], Some(("b", 3)))));
        assert!(cursor_fits(&asking(&[], Some(("b", 0)))));
        assert!(!cursor_fits(&asking(&["a"], Some(("b", 0)))));
        assert!(!cursor_fits(&asking(&[], Some(("b", -1)))));
    }

    #[test]
    fn names_come_in_order_from_the_cursor_on() {
        let image = MetadataImage::default();
        let message = asking(&["c", "a", "b", "c"], Some(("b", 0)));
        let names = names_from_cursor(&image, &message);
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn a_full_page_points_at_the_next_topic() {
        let image = MetadataImage::default();
        let response = DescribeTopicPartitionsResponse::default();
        let mut page = Page {
            image: &image,
            nodes: &[],
            left: 0,
            response,
        };
        page.fill(&["a", "b"], None);
        let cursor = page.response.next_cursor.expect("more is to come");
        assert_eq!(
            (cursor.topic_name.as_str(), cursor.partition_index),
            ("a", 0)
        );
    }
}
