//! Records applied to an image: the next image, and what changed for this node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::image::{
    BrokerImage, ConfigResource, MetadataImage, OtherKey, PartitionImage, Provenance, ResourceType,
};
use crate::model::{NodeId, PartitionId, Uuid};
use crate::protocol::message::metadata_record::MetadataRecord;
use crate::protocol::message::metadata_record::broker::BrokerRegistrationChangeRecord;
use crate::protocol::message::metadata_record::config::{ClientQuotaRecord, ConfigRecord};
use crate::protocol::message::metadata_record::topic::{
    ClearElrRecord, PartitionChangeRecord, PartitionRecord,
};

/// A record that does not fit the state it meets: a damaged log, or a bug of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// A topic's name or id exists already.
    #[error("topic `{name}` ({id}) exists already")]
    TopicExists {
        /// The name.
        name: String,
        /// The id.
        id: Uuid,
    },
    /// The topic does not exist.
    #[error("topic {0} does not exist")]
    NoTopic(Uuid),
    /// The partition does not exist.
    #[error("partition {0} does not exist")]
    NoPartition(PartitionId),
    /// The broker is not registered in this epoch.
    #[error("broker {id} is not registered with epoch {epoch}")]
    NoBroker {
        /// The broker.
        id: NodeId,
        /// The epoch.
        epoch: i64,
    },
    /// Transactions of the metadata log do not nest.
    #[error("a metadata transaction begins within another")]
    TransactionOpen,
    /// An end without a beginning.
    #[error("no metadata transaction is open")]
    NoTransaction,
}

/// What changed between two images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Partitions that exist now and did not before.
    pub partitions_created: BTreeSet<PartitionId>,
    /// Partitions whose leader, replicas or ISR changed.
    pub partitions_changed: BTreeSet<PartitionId>,
    /// Topics that are gone, as they were, by id.
    pub topics_deleted: BTreeMap<Uuid, Deleted>,
    /// Topics that earlier runs have deleted, as far back as the log was replayed; with the first
    /// publication of a run only. Not all may have been done that follows from that.
    pub topics_deleted_before: BTreeSet<Uuid>,
    /// Resources whose settings changed; a deleted topic's are not named.
    pub configs_changed: BTreeSet<ConfigResource>,
    /// Whether a broker's registration changed.
    pub brokers_changed: bool,
    /// Whether a feature's level changed.
    pub features_changed: bool,
}

/// A topic that is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Deleted {
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions before this change.
    pub partitions: Vec<PartitionId>,
}

/// An image in the making.
#[derive(Clone, Debug)]
pub struct Delta {
    image: MetadataImage,
    changes: Changes,
}

impl Delta {
    /// Begins with the state of `image`, which stays as it is.
    pub fn new(image: &MetadataImage) -> Self {
        Self {
            image: image.clone(),
            changes: Changes::default(),
        }
    }

    /// The state so far.
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// The new image, which stands at `provenance`, and what changed.
    pub fn finish(mut self, provenance: Provenance) -> (MetadataImage, Changes) {
        self.image.provenance = provenance;
        (self.image, self.changes)
    }

    /// Applies one record. Records of transactions are the [loader](super::Loader)'s and do
    /// nothing here.
    pub fn replay(&mut self, record: &MetadataRecord) -> Result<(), ReplayError> {
        match record {
            MetadataRecord::Topic(topic) => self.add_topic(&topic.name, topic.topic_id),
            MetadataRecord::Partition(partition) => self.put_partition(partition),
            MetadataRecord::PartitionChange(change) => self.change_partition(change),
            MetadataRecord::RemoveTopic(topic) => self.remove_topic(topic.topic_id),
            MetadataRecord::ClearElr(clear) => self.clear_elr(clear),
            MetadataRecord::Config(config) => {
                self.set_config(config);
                Ok(())
            }
            MetadataRecord::FeatureLevel(feature) => {
                self.set_feature(&feature.name, feature.feature_level);
                Ok(())
            }
            MetadataRecord::ProducerIds(ids) => {
                self.image.next_producer_id = ids.next_producer_id;
                Ok(())
            }
            MetadataRecord::RegisterBroker(_)
            | MetadataRecord::UnregisterBroker(_)
            | MetadataRecord::FenceBroker(_)
            | MetadataRecord::UnfenceBroker(_)
            | MetadataRecord::BrokerRegistrationChange(_) => self.replay_broker(record),
            _ => {
                self.keep(record);
                Ok(())
            }
        }
    }

    fn add_topic(&mut self, name: &str, id: Uuid) -> Result<(), ReplayError> {
        if self.image.topics.add(name, id) {
            return Ok(());
        }
        Err(ReplayError::TopicExists {
            name: name.to_owned(),
            id,
        })
    }

    fn put_partition(&mut self, record: &PartitionRecord) -> Result<(), ReplayError> {
        let id = PartitionId {
            topic_id: record.topic_id,
            index: record.partition_id,
        };
        let topic = self.image.topics.topic_mut(id.topic_id);
        let topic = topic.ok_or(ReplayError::NoTopic(id.topic_id))?;
        let partition = Arc::new(PartitionImage::from(record));
        match topic.partitions.insert(id.index, partition) {
            None => self.changes.partitions_created.insert(id),
            Some(_) => self.note_change(id),
        };
        Ok(())
    }

    fn change_partition(&mut self, change: &PartitionChangeRecord) -> Result<(), ReplayError> {
        let id = PartitionId {
            topic_id: change.topic_id,
            index: change.partition_id,
        };
        let topic = self.image.topics.topic_mut(id.topic_id);
        let topic = topic.ok_or(ReplayError::NoTopic(id.topic_id))?;
        let partition = topic.partitions.get_mut(&id.index);
        let partition = partition.ok_or(ReplayError::NoPartition(id))?;
        *partition = Arc::new(partition.merge(change));
        self.note_change(id);
        Ok(())
    }

    fn note_change(&mut self, id: PartitionId) -> bool {
        let is_new = self.changes.partitions_created.contains(&id);
        !is_new && self.changes.partitions_changed.insert(id)
    }

    fn remove_topic(&mut self, id: Uuid) -> Result<(), ReplayError> {
        let topic = self
            .image
            .topics
            .remove(id)
            .ok_or(ReplayError::NoTopic(id))?;
        let resource = ConfigResource {
            kind: ResourceType::Topic,
            name: topic.name.to_string(),
        };
        Arc::make_mut(&mut self.image.configs).remove(&resource);
        self.changes.configs_changed.remove(&resource);
        let before = |id: &PartitionId| !self.changes.partitions_created.contains(id);
        let partitions: Vec<_> = topic.partition_ids().filter(before).collect();
        let is_its = |other: &PartitionId| other.topic_id == id;
        self.changes
            .partitions_created
            .retain(|other| !is_its(other));
        self.changes
            .partitions_changed
            .retain(|other| !is_its(other));
        if !partitions.is_empty() {
            let deleted = Deleted {
                name: topic.name.clone(),
                partitions,
            };
            self.changes.topics_deleted.insert(id, deleted);
        }
        Ok(())
    }

    fn clear_elr(&mut self, clear: &ClearElrRecord) -> Result<(), ReplayError> {
        let named = |name: &str| clear.topic_name.is_empty() || clear.topic_name == name;
        let topics = self.image.topics.iter();
        let ids: Vec<_> = topics
            .filter(|topic| named(&topic.name))
            .map(|topic| topic.id)
            .collect();
        for id in ids {
            let topic = self
                .image
                .topics
                .topic_mut(id)
                .ok_or(ReplayError::NoTopic(id))?;
            for partition in topic.partitions.values_mut() {
                if !partition.elr.is_empty() || !partition.last_known_elr.is_empty() {
                    let partition = Arc::make_mut(partition);
                    partition.elr.clear();
                    partition.last_known_elr.clear();
                }
            }
        }
        Ok(())
    }

    fn set_config(&mut self, record: &ConfigRecord) {
        let kind = ResourceType::from_number(record.resource_type);
        let resource = ConfigResource {
            kind,
            name: record.resource_name.clone(),
        };
        let configs = Arc::make_mut(&mut self.image.configs);
        let of_resource = Arc::make_mut(configs.entry(resource.clone()).or_default());
        match &record.value {
            Some(value) => of_resource.insert(record.name.clone(), value.clone()),
            None => of_resource.remove(&record.name),
        };
        if of_resource.is_empty() {
            configs.remove(&resource);
        }
        self.changes.configs_changed.insert(resource);
    }

    fn set_feature(&mut self, name: &str, level: i16) {
        let features = Arc::make_mut(&mut self.image.features);
        match level {
            0 => features.remove(name),
            _ => features.insert(name.to_owned(), level),
        };
        self.changes.features_changed = true;
    }

    fn replay_broker(&mut self, record: &MetadataRecord) -> Result<(), ReplayError> {
        self.changes.brokers_changed = true;
        match record {
            MetadataRecord::RegisterBroker(broker) => {
                let brokers = Arc::make_mut(&mut self.image.brokers);
                brokers.insert(broker.broker_id, Arc::new(BrokerImage::from(broker)));
                Ok(())
            }
            MetadataRecord::UnregisterBroker(broker) => {
                self.broker_mut(broker.broker_id, broker.broker_epoch)?;
                Arc::make_mut(&mut self.image.brokers).remove(&broker.broker_id);
                Ok(())
            }
            MetadataRecord::FenceBroker(broker) => {
                self.broker_mut(broker.id, broker.epoch)?.fenced = true;
                Ok(())
            }
            MetadataRecord::UnfenceBroker(broker) => {
                self.broker_mut(broker.id, broker.epoch)?.fenced = false;
                Ok(())
            }
            MetadataRecord::BrokerRegistrationChange(change) => self.change_broker(change),
            _ => Ok(()),
        }
    }

    fn change_broker(
        &mut self,
        change: &BrokerRegistrationChangeRecord,
    ) -> Result<(), ReplayError> {
        let broker = self.broker_mut(change.broker_id, change.broker_epoch)?;
        match change.fenced {
            FENCED => broker.fenced = true,
            UNFENCED => broker.fenced = false,
            _ => {}
        }
        if change.in_controlled_shutdown == IN_CONTROLLED_SHUTDOWN {
            broker.in_controlled_shutdown = true;
        }
        if !change.log_dirs.is_empty() {
            broker.log_dirs.clone_from(&change.log_dirs);
        }
        if change.cordoned_log_dirs.is_some() {
            broker
                .cordoned_log_dirs
                .clone_from(&change.cordoned_log_dirs);
        }
        Ok(())
    }

    fn broker_mut(&mut self, id: NodeId, epoch: i64) -> Result<&mut BrokerImage, ReplayError> {
        let broker = Arc::make_mut(&mut self.image.brokers).get_mut(&id);
        let broker = broker.filter(|broker| broker.epoch == epoch);
        broker
            .map(Arc::make_mut)
            .ok_or(ReplayError::NoBroker { id, epoch })
    }

    /// Keeps, or forgets, what is not used yet.
    fn keep(&mut self, record: &MetadataRecord) {
        let Some((key, stays)) = other(record) else {
            return;
        };
        let others = Arc::make_mut(&mut self.image.others);
        if stays {
            others.insert(key, record.clone());
        } else {
            others.remove(&key);
        }
    }
}

const FENCED: i8 = 1;
const UNFENCED: i8 = -1;
const IN_CONTROLLED_SHUTDOWN: i8 = 1;

/// What a record is about, and whether there is something to keep of it.
fn other(record: &MetadataRecord) -> Option<(OtherKey, bool)> {
    Some(match record {
        MetadataRecord::RegisterController(r) => (OtherKey::Controller(r.controller_id), true),
        MetadataRecord::UnregisterController(r) => (OtherKey::Controller(r.controller_id), false),
        MetadataRecord::ClientQuota(r) => (quota_key(r), !r.remove),
        MetadataRecord::AccessControlEntry(r) => (OtherKey::Acl(r.id), true),
        MetadataRecord::RemoveAccessControlEntry(r) => (OtherKey::Acl(r.id), false),
        MetadataRecord::UserScramCredential(r) => {
            (OtherKey::Scram(r.name.clone(), r.mechanism), true)
        }
        MetadataRecord::RemoveUserScramCredential(r) => {
            (OtherKey::Scram(r.name.clone(), r.mechanism), false)
        }
        MetadataRecord::DelegationToken(r) => (OtherKey::DelegationToken(r.token_id.clone()), true),
        MetadataRecord::RemoveDelegationToken(r) => {
            (OtherKey::DelegationToken(r.token_id.clone()), false)
        }
        _ => return None,
    })
}

fn quota_key(record: &ClientQuotaRecord) -> OtherKey {
    let entity = record.entity.iter();
    let mut names: Vec<_> = entity
        .map(|part| (part.entity_type.clone(), part.entity_name.clone()))
        .collect();
    names.sort();
    OtherKey::ClientQuota(names, record.key.clone())
}
