//! What the client knows of the cluster. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::Refusal;
use super::{Address, ClientError};
use crate::model::{LeaderEpoch, NodeId, TopicPartition, Uuid};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::metadata::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};

/// The brokers, and the topics asked for so far.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// The cluster's id, if the broker tells it.
    pub cluster_id: Option<String>,
    /// The broker that takes admin requests; −1 if none is known.
    pub controller: NodeId,
    nodes: HashMap<NodeId, Address>,
    topics: HashMap<Arc<str>, TopicMetadata>,
    names: HashMap<Uuid, Arc<str>>,
}

/// One topic.
#[derive(Clone, Debug)]
pub struct TopicMetadata {
    /// Its id; zero from brokers that know none (before KIP-516).
    pub id: Uuid,
    /// Whether it belongs to Kafka itself.
    pub is_internal: bool,
    /// Its partitions by index.
    pub partitions: Vec<PartitionMetadata>,
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Who leads it, if anybody does.
    pub leader: Option<NodeId>,
    /// How many times leadership has changed; −1 from brokers that do not tell.
    pub leader_epoch: LeaderEpoch,
    /// Who shall keep a copy.
    pub replicas: Vec<NodeId>,
    /// Who of them keeps up.
    pub in_sync_replicas: Vec<NodeId>,
}

impl Metadata {
    /// Where this broker listens.
    pub fn node(&self, id: NodeId) -> Option<&Address> {
        self.nodes.get(&id)
    }

    /// All brokers, lowest id first.
    pub fn nodes(&self) -> Vec<(NodeId, &Address)> {
        let mut nodes: Vec<_> = self
            .nodes
            .iter()
            .map(|(id, address)| (*id, address))
            .collect();
        nodes.sort_by_key(|(id, _)| *id);
        nodes
    }

    /// One topic, if it was asked for and exists.
    pub fn topic(&self, name: &str) -> Option<&TopicMetadata> {
        self.topics.get(name)
    }

    /// All topics asked for so far, in no order.
    pub fn topics(&self) -> impl Iterator<Item = (&Arc<str>, &TopicMetadata)> {
        self.topics.iter()
    }

    /// The name of the topic with this id.
    pub fn name_of(&self, id: Uuid) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    /// Who leads this partition, if that is known.
    pub fn leader(&self, partition: &TopicPartition) -> Option<NodeId> {
        let topic = self.topics.get(&partition.topic)?;
        topic.partitions.get(partition.partition as usize)?.leader
    }

    /// Takes over an answer: brokers whole, topics one by one; says what is wrong with each topic
    /// that could not be taken over.
    pub(super) fn update(&mut self, response: MetadataResponse) -> Vec<(String, Refusal)> {
        let addresses = response.brokers.into_iter().map(|broker| {
            let port = broker.port as u16;
            (
                broker.node_id,
                Address {
                    host: broker.host,
                    port,
                },
            )
        });
        self.nodes = addresses.collect();
        self.cluster_id = response.cluster_id;
        self.controller = response.controller_id;
        let topics = response.topics.into_iter();
        topics
            .filter_map(|topic| self.update_topic(topic).err())
            .collect()
    }

    fn update_topic(&mut self, topic: MetadataResponseTopic) -> Result<(), (String, Refusal)> {
        let name = topic.name.unwrap_or_default();
        if let Err(refusal) = Refusal::check(topic.error_code, None) {
            self.forget(&name);
            return Err((name, refusal));
        }
        let name: Arc<str> = name.into();
        if !topic.topic_id.is_zero() {
            self.names.insert(topic.topic_id, name.clone());
        }
        let known = TopicMetadata {
            id: topic.topic_id,
            is_internal: topic.is_internal,
            partitions: by_index(topic.partitions),
        };
        self.topics.insert(name, known);
        Ok(())
    }

    fn forget(&mut self, name: &str) {
        if let Some(gone) = self.topics.remove(name) {
            self.names.remove(&gone.id);
        }
    }
}

/// The partitions at their indexes; what a broker leaves out has no leader.
///
/// Indexes far beyond the number of partitions are a broker's error and are left out, so that it
/// cannot make us allocate.
fn by_index(partitions: Vec<MetadataResponsePartition>) -> Vec<PartitionMetadata> {
    let mut found = vec![PartitionMetadata::default(); partitions.len()];
    for partition in partitions {
        if let Some(place) = found.get_mut(partition.partition_index as usize) {
            let led = partition.leader_id >= 0;
            let code = ErrorCode::from_code(partition.error_code);
            *place = PartitionMetadata {
                leader: (led && code != ErrorCode::LeaderNotAvailable)
                    .then_some(partition.leader_id),
                leader_epoch: partition.leader_epoch,
                replicas: partition.replica_nodes,
                in_sync_replicas: partition.isr_nodes,
            };
        }
    }
    found
}

/// The error for a topic that is not there.
pub(super) fn no_topic(name: &str, refusal: Refusal) -> ClientError {
    refusal.of(format!("find topic `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::metadata::MetadataResponseBroker;

    fn partition(partition_index: i32, leader_id: NodeId) -> MetadataResponsePartition {
        MetadataResponsePartition {
            partition_index,
            leader_id,
            ..Default::default()
        }
    }

    fn response(error_code: i16) -> MetadataResponse {
        MetadataResponse {
            brokers: vec![MetadataResponseBroker {
                node_id: 4,
                host: "h".to_owned(),
                port: 9092,
                ..Default::default()
            }],
            topics: vec![MetadataResponseTopic {
                error_code,
                name: Some("t".to_owned()),
                topic_id: Uuid::from_u128(500),
                partitions: vec![partition(1, -1), partition(0, 4), partition(1_000_000, 4)],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn of_t(partition: i32) -> TopicPartition {
        TopicPartition {
            topic: "t".into(),
            partition,
        }
    }

    #[test]
    fn leaders_are_found_by_index() {
        let mut metadata = Metadata::default();
        assert!(metadata.update(response(0)).is_empty());
        assert_eq!(metadata.leader(&of_t(0)), Some(4));
        assert_eq!(metadata.leader(&of_t(1)), None);
        assert_eq!(metadata.leader(&of_t(1_000_000)), None);
        assert_eq!(metadata.node(4).unwrap().to_string(), "h:9092");
        assert_eq!(
            metadata.name_of(Uuid::from_u128(500)).unwrap().as_ref(),
            "t"
        );
    }

    #[test]
    fn a_topic_that_went_away_is_forgotten() {
        let mut metadata = Metadata::default();
        metadata.update(response(0));
        let wrong = metadata.update(response(3));
        assert_eq!(wrong[0].1.code, ErrorCode::UnknownTopicOrPartition);
        assert!(metadata.topic("t").is_none());
        assert!(metadata.name_of(Uuid::from_u128(500)).is_none());
    }
}
