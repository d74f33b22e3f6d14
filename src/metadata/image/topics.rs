//! Topics and partitions of an image.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bucket_map::BucketMap;
use crate::model::{LeaderEpoch, NodeId, PartitionId, Uuid};
use crate::protocol::message::metadata_record::topic::{PartitionChangeRecord, PartitionRecord};

/// The leader of a partition that has none.
pub const NO_LEADER: NodeId = -1;
/// In a change: the leader stays.
const LEADER_UNCHANGED: NodeId = -2;
/// In a change: the recovery state stays.
const RECOVERY_UNCHANGED: i8 = -1;

/// All topics, by id and by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicsImage {
    by_id: BucketMap<Uuid, Arc<TopicImage>>,
    by_name: BucketMap<Arc<str>, Uuid>,
}

/// A topic with its partitions.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicImage {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// Its partitions by index.
    pub partitions: BTreeMap<i32, Arc<PartitionImage>>,
}

/// A partition's place in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// Who keeps it, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// In which directory of each replica, in the same order.
    pub directories: Vec<Uuid>,
    /// Replicas in sync.
    pub isr: Vec<NodeId>,
    /// Replicas that a reassignment will remove.
    pub removing_replicas: Vec<NodeId>,
    /// Replicas that a reassignment adds.
    pub adding_replicas: Vec<NodeId>,
    /// Replicas out of sync that may still lead (KIP-966).
    pub elr: Vec<NodeId>,
    /// Who last was such a replica.
    pub last_known_elr: Vec<NodeId>,
    /// Who leads, or [`NO_LEADER`].
    pub leader: NodeId,
    /// 1 while a leader elected uncleanly recovers, else 0.
    pub leader_recovery_state: i8,
    /// Rises with each election.
    pub leader_epoch: LeaderEpoch,
    /// Rises with each change.
    pub partition_epoch: i32,
}

impl TopicsImage {
    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The topic of this id.
    pub fn by_id(&self, id: Uuid) -> Option<&Arc<TopicImage>> {
        self.by_id.get(&id)
    }

    /// The topic of this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.by_id(*self.by_name.get(name)?)
    }

    /// All topics, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.by_id.values()
    }

    /// All topics in the order of their names.
    pub fn sorted(&self) -> Vec<&Arc<TopicImage>> {
        let mut topics: Vec<_> = self.iter().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        topics
    }

    /// The partitions of all topics, in no particular order.
    pub fn partition_ids(&self) -> impl Iterator<Item = PartitionId> {
        self.iter().flat_map(|topic| topic.partition_ids())
    }

    /// Adds a topic without partitions; false if its name or id is taken.
    pub(in crate::metadata) fn add(&mut self, name: &str, id: Uuid) -> bool {
        if self.by_name.get(name).is_some() || self.by_id.get(&id).is_some() {
            return false;
        }
        let name: Arc<str> = name.into();
        let topic = TopicImage {
            name: name.clone(),
            id,
            partitions: BTreeMap::new(),
        };
        self.by_name.insert(name, id);
        self.by_id.insert(id, Arc::new(topic));
        true
    }

    pub(in crate::metadata) fn remove(&mut self, id: Uuid) -> Option<Arc<TopicImage>> {
        let topic = self.by_id.remove(&id)?;
        self.by_name.remove(&topic.name);
        Some(topic)
    }

    /// The topic to be changed, copied first if other images share it.
    pub(in crate::metadata) fn topic_mut(&mut self, id: Uuid) -> Option<&mut TopicImage> {
        self.by_id.get(&id)?;
        self.by_id.get_mut(&id).map(Arc::make_mut)
    }
}

impl TopicImage {
    /// The partition of this index.
    pub fn partition(&self, index: i32) -> Option<&PartitionImage> {
        self.partitions.get(&index).map(Arc::as_ref)
    }

    /// The ids of its partitions, in order.
    pub fn partition_ids(&self) -> impl Iterator<Item = PartitionId> {
        let topic_id = self.id;
        self.partitions.keys().map(move |index| PartitionId {
            topic_id,
            index: *index,
        })
    }
}

impl PartitionImage {
    /// The partition after a change. Each change raises the partition epoch; one that names a
    /// leader, even the same, raises the leader epoch.
    pub(in crate::metadata) fn merge(&self, change: &PartitionChangeRecord) -> Self {
        let mut merged = self.clone();
        replace(&mut merged.isr, &change.isr);
        replace(&mut merged.removing_replicas, &change.removing_replicas);
        replace(&mut merged.adding_replicas, &change.adding_replicas);
        replace(&mut merged.elr, &change.eligible_leader_replicas);
        replace(&mut merged.last_known_elr, &change.last_known_elr);
        if let Some(replicas) = &change.replicas {
            merged.directories = self.directories_of(replicas);
            merged.replicas.clone_from(replicas);
        }
        replace(&mut merged.directories, &change.directories);
        if change.leader != LEADER_UNCHANGED {
            merged.leader = change.leader;
            merged.leader_epoch += 1;
        }
        if change.leader_recovery_state != RECOVERY_UNCHANGED {
            merged.leader_recovery_state = change.leader_recovery_state;
        }
        merged.partition_epoch += 1;
        merged
    }

    /// Replicas that stay keep their directories.
    fn directories_of(&self, replicas: &[NodeId]) -> Vec<Uuid> {
        let directory = |replica: &NodeId| {
            let at = self.replicas.iter().position(|kept| kept == replica);
            let known = at.and_then(|index| self.directories.get(index));
            known.copied().unwrap_or(Uuid::UNASSIGNED_DIR)
        };
        replicas.iter().map(directory).collect()
    }

    /// The record that makes the partition in this state.
    pub(in crate::metadata) fn to_record(&self, id: PartitionId) -> PartitionRecord {
        let unless_empty = |list: &Vec<NodeId>| (!list.is_empty()).then(|| list.clone());
        PartitionRecord {
            partition_id: id.index,
            topic_id: id.topic_id,
            replicas: self.replicas.clone(),
            isr: self.isr.clone(),
            removing_replicas: self.removing_replicas.clone(),
            adding_replicas: self.adding_replicas.clone(),
            leader: self.leader,
            leader_recovery_state: self.leader_recovery_state,
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            directories: self.directories.clone(),
            eligible_leader_replicas: unless_empty(&self.elr),
            last_known_elr: unless_empty(&self.last_known_elr),
        }
    }
}

impl From<&PartitionRecord> for PartitionImage {
    fn from(record: &PartitionRecord) -> Self {
        let record = record.clone();
        let mut directories = record.directories;
        directories.resize(record.replicas.len(), Uuid::UNASSIGNED_DIR);
        Self {
            directories,
            replicas: record.replicas,
            isr: record.isr,
            removing_replicas: record.removing_replicas,
            adding_replicas: record.adding_replicas,
            elr: record.eligible_leader_replicas.unwrap_or_default(),
            last_known_elr: record.last_known_elr.unwrap_or_default(),
            leader: record.leader,
            leader_recovery_state: record.leader_recovery_state,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        }
    }
}

fn replace<T: Clone>(list: &mut Vec<T>, change: &Option<Vec<T>>) {
    if let Some(changed) = change {
        list.clone_from(changed);
    }
}
