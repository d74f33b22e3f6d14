//! The cluster's state at one offset of the metadata log.
//!
//! An image never changes; copies share what did not change, so publishing one to every core
//! costs a few hundred reference counts. `Send + Sync`.

mod bucket_map;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::ConfigMap;
use crate::model::{LeaderEpoch, NodeId, Offset, PartitionId, ProducerId, TimestampMs, Uuid};
use crate::protocol::message::metadata_record::MetadataRecord;
use crate::protocol::message::metadata_record::broker::{
    BrokerEndpoint, BrokerFeature, RegisterBrokerRecord,
};

pub use topics::{NO_LEADER, PartitionImage, TopicImage, TopicsImage};

/// The name of the feature that says which records may be written.
pub const METADATA_VERSION: &str = "metadata.version";

/// The cluster's state at one offset of the metadata log.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataImage {
    /// How far in the log this state is.
    pub provenance: Provenance,
    /// Finalized features by name; those at level 0 are absent.
    pub features: Arc<BTreeMap<String, i16>>,
    /// Registered brokers by id.
    pub brokers: Arc<BTreeMap<NodeId, Arc<BrokerImage>>>,
    /// Topics with their partitions.
    pub topics: TopicsImage,
    /// What is set, by resource.
    pub configs: Arc<BTreeMap<ConfigResource, Arc<ConfigMap>>>,
    /// The first producer id that is not given out, −1 before the first block.
    pub next_producer_id: ProducerId,
    /// What is not used yet but must not be lost: quotas, ACLs, credentials, tokens,
    /// controllers; each under a key that identifies what it is about.
    pub others: Arc<BTreeMap<OtherKey, MetadataRecord>>,
}

/// How far in the metadata log an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Offset of the last record, −1 before the first.
    pub last_offset: Offset,
    /// Its leader epoch.
    pub last_epoch: LeaderEpoch,
    /// Its timestamp.
    pub last_timestamp_ms: TimestampMs,
}

/// What something kept for later is about; the order is that of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OtherKey {
    /// A controller by its id.
    Controller(NodeId),
    /// A quota: the entity's types and names, then the quota's key.
    ClientQuota(Vec<(String, Option<String>)>, String),
    /// An access rule by its id.
    Acl(Uuid),
    /// A user's credential: the name and the mechanism.
    Scram(String, i8),
    /// A token by its id.
    DelegationToken(String),
}

/// A registered broker.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerImage {
    /// Its id.
    pub id: NodeId,
    /// The offset of its registration.
    pub epoch: i64,
    /// The process that registered.
    pub incarnation_id: Uuid,
    /// Where it listens.
    pub endpoints: Vec<BrokerEndpoint>,
    /// Which features it supports.
    pub features: Vec<BrokerFeature>,
    /// Its rack.
    pub rack: Option<String>,
    /// Whether it may not lead.
    pub fenced: bool,
    /// Whether it is about to stop.
    pub in_controlled_shutdown: bool,
    /// Its data directories.
    pub log_dirs: Vec<Uuid>,
    /// Directories that get no new partitions.
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

/// Types of resources that can be configured, by Kafka's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceType {
    /// A topic by its name.
    Topic,
    /// A broker by its id, or by the empty name all of them.
    Broker,
    /// Levels of a broker's logging; never stored.
    BrokerLogger,
    /// A subscription to client metrics (KIP-714).
    ClientMetrics,
    /// A group by its id (KIP-848).
    Group,
    /// One that is not known here.
    Other(i8),
}

/// A resource that can be configured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ResourceType,
    /// Which one.
    pub name: String,
}

impl Default for MetadataImage {
    fn default() -> Self {
        Self {
            provenance: Provenance {
                last_offset: -1,
                last_epoch: -1,
                last_timestamp_ms: -1,
            },
            features: Arc::default(),
            brokers: Arc::default(),
            topics: TopicsImage::default(),
            configs: Arc::default(),
            next_producer_id: -1,
            others: Arc::default(),
        }
    }
}

impl MetadataImage {
    /// The finalized metadata.version; 0 before the first one is.
    pub fn metadata_version(&self) -> i16 {
        self.feature_level(METADATA_VERSION)
    }

    /// The finalized level of a feature; 0 if it is not finalized.
    pub fn feature_level(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or_default()
    }

    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.by_name(name)
    }

    /// The topic of this id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<TopicImage>> {
        self.topics.by_id(id)
    }

    /// The partition, with its topic.
    pub fn partition(&self, id: PartitionId) -> Option<(&Arc<TopicImage>, &PartitionImage)> {
        let topic = self.topic_by_id(id.topic_id)?;
        Some((topic, topic.partition(id.index)?))
    }

    /// Brokers that may lead, in the order of their ids.
    pub fn active_brokers(&self) -> impl Iterator<Item = &Arc<BrokerImage>> {
        self.brokers.values().filter(|broker| broker.is_active())
    }

    /// What is set for a resource; empty where nothing is.
    pub fn config(&self, kind: ResourceType, name: &str) -> &ConfigMap {
        static NONE: ConfigMap = ConfigMap::new();
        let resource = ConfigResource {
            kind,
            name: name.to_owned(),
        };
        self.configs.get(&resource).map_or(&NONE, |configs| configs)
    }

    /// What is set for a topic.
    pub fn topic_overrides(&self, name: &str) -> &ConfigMap {
        self.config(ResourceType::Topic, name)
    }

    /// What is set for a group.
    pub fn group_overrides(&self, group: &str) -> &ConfigMap {
        self.config(ResourceType::Group, group)
    }

    /// What is set for one broker while it runs.
    pub fn broker_overrides(&self, id: NodeId) -> &ConfigMap {
        self.config(ResourceType::Broker, &id.to_string())
    }

    /// What is set for all brokers while they run.
    pub fn cluster_overrides(&self) -> &ConfigMap {
        self.config(ResourceType::Broker, "")
    }
}

impl BrokerImage {
    /// Whether it may lead.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Where it listens under this listener name.
    pub fn endpoint(&self, listener: &str) -> Option<&BrokerEndpoint> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.name == listener)
    }

    /// The directory that new replicas go to: known if there is but one.
    pub fn default_dir(&self) -> Uuid {
        match self.log_dirs[..] {
            [only] => only,
            _ => Uuid::UNASSIGNED_DIR,
        }
    }
}

impl From<&RegisterBrokerRecord> for BrokerImage {
    fn from(record: &RegisterBrokerRecord) -> Self {
        let record = record.clone();
        Self {
            id: record.broker_id,
            epoch: record.broker_epoch,
            incarnation_id: record.incarnation_id,
            endpoints: record.end_points,
            features: record.features,
            rack: record.rack,
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            log_dirs: record.log_dirs,
            cordoned_log_dirs: record.cordoned_log_dirs,
        }
    }
}

impl BrokerImage {
    /// The record that registers it in this state.
    pub(super) fn to_record(&self) -> RegisterBrokerRecord {
        RegisterBrokerRecord {
            broker_id: self.id,
            is_migrating_zk_broker: false,
            incarnation_id: self.incarnation_id,
            broker_epoch: self.epoch,
            end_points: self.endpoints.clone(),
            features: self.features.clone(),
            rack: self.rack.clone(),
            fenced: self.fenced,
            in_controlled_shutdown: self.in_controlled_shutdown,
            log_dirs: self.log_dirs.clone(),
            cordoned_log_dirs: self.cordoned_log_dirs.clone(),
        }
    }
}

impl ResourceType {
    /// The type with this number.
    pub fn from_number(number: i8) -> Self {
        match number {
            2 => Self::Topic,
            4 => Self::Broker,
            8 => Self::BrokerLogger,
            16 => Self::ClientMetrics,
            32 => Self::Group,
            other => Self::Other(other),
        }
    }

    /// Its number.
    pub fn number(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
            Self::Group => 32,
            Self::Other(other) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_travel_between_cores() {
        fn travels<T: Send + Sync + 'static>() {}
        travels::<MetadataImage>();
    }
}
