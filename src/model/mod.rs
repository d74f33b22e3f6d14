//! The nouns every room shares: plain values without behaviour of their own.
//!
//! Pure: no clock, no randomness, no I/O. Values are `Copy` where they can be.

mod uuid;

pub use uuid::{ParseUuidError, Uuid};

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// A record's position in its partition, dense within a batch, never reused.
pub type Offset = i64;
/// How many times the partition's leadership has changed (KIP-101); −1 means "not known".
pub type LeaderEpoch = i32;
/// Identity of an idempotent producer (KIP-98); −1 means "not idempotent".
pub type ProducerId = i64;
/// Incarnation of a producer id; −1 means "not idempotent".
pub type ProducerEpoch = i16;
/// A broker's number in its cluster.
pub type NodeId = i32;
/// Milliseconds since the Unix epoch; −1 means "none".
pub type TimestampMs = i64;
/// Index of a core within this process, dense from 0; not the number the kernel gives it.
pub type CoreId = usize;

/// What a partition is, whatever its topic is called today.
///
/// A topic deleted and created anew under the same name has another id, hence other partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId {
    /// The topic's id (KIP-516).
    pub topic_id: Uuid,
    /// The partition's index within its topic, from 0.
    pub index: i32,
}

/// What is kept for each of some partitions. (Their topics' ids are the broker's own choice, so
/// nobody can aim at a bucket, and a quick hash will do.)
pub type PartitionMap<T> = HashMap<PartitionId, T, foldhash::fast::RandomState>;
/// Some partitions; hashed as in [`PartitionMap`].
pub type PartitionSet = HashSet<PartitionId, foldhash::fast::RandomState>;

impl PartitionId {
    /// The core that owns this partition: a pure function, stored nowhere.
    ///
    /// Consecutive partitions of a topic land on consecutive cores, so that even a small topic
    /// spreads over the whole machine; the topic's id decides where it begins.
    pub fn owner_core(self, cores: usize) -> CoreId {
        assert!(cores > 0, "a broker has at least one core");
        let first = (self.topic_id.as_u128() % cores as u128) as u64;
        let spread = first + u64::from(self.index.unsigned_abs());
        (spread % cores as u64) as CoreId
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic_id, self.index)
    }
}

/// A partition by the name its topic has today, as clients and directories name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's index within its topic, from 0.
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_of_one_topic_spread_evenly_over_the_cores() {
        let topic_id = Uuid::from_u128(0x1234_5678_9abc);
        let mut owned = [0; 3];
        for index in 0..300 {
            owned[PartitionId { topic_id, index }.owner_core(3)] += 1;
        }
        assert_eq!(owned, [100, 100, 100]);
    }
}
