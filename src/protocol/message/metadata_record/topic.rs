//! Records about topics and partitions.

use crate::model::Uuid;

message! {
    /// A topic exists.
    TopicRecord: record 2, versions 0..=0, flexible 0.. {
        name: String,
        topic_id: Uuid,
    }
}

message! {
    /// A partition exists, or exists anew in this state.
    PartitionRecord: record 3, versions 0..=2, flexible 0.. {
        partition_id: i32 [default -1],
        topic_id: Uuid,
        replicas: Vec<i32>,
        isr: Vec<i32>,
        removing_replicas: Vec<i32>,
        adding_replicas: Vec<i32>,
        leader: i32 [default -1],
        leader_recovery_state: i8 [tag 0],
        leader_epoch: i32 [default -1],
        partition_epoch: i32 [default -1],
        directories: Vec<Uuid> [1..],
        eligible_leader_replicas: Option<Vec<i32>> [2.., tag 1, null, default null],
        last_known_elr: Option<Vec<i32>> [2.., tag 2, null, default null],
    }
}

message! {
    /// A partition has changed; null, −2 or −1 mean unchanged.
    ///
    /// Each one raises the partition epoch; one with a leader other than −2 raises the leader epoch
    /// too.
    PartitionChangeRecord: record 5, versions 0..=2, flexible 0.. {
        partition_id: i32 [default -1],
        topic_id: Uuid,
        isr: Option<Vec<i32>> [tag 0, null, default null],
        leader: i32 [tag 1, default -2],
        replicas: Option<Vec<i32>> [tag 2, null, default null],
        removing_replicas: Option<Vec<i32>> [tag 3, null, default null],
        adding_replicas: Option<Vec<i32>> [tag 4, null, default null],
        leader_recovery_state: i8 [tag 5, default -1],
        eligible_leader_replicas: Option<Vec<i32>> [2.., tag 6, null, default null],
        last_known_elr: Option<Vec<i32>> [2.., tag 7, null, default null],
        directories: Option<Vec<Uuid>> [1.., tag 8, null, default null],
    }
}

message! {
    /// A topic is gone, with its partitions and settings.
    RemoveTopicRecord: record 9, versions 0..=0, flexible 0.. {
        topic_id: Uuid,
    }
}

message! {
    /// The eligible leader replicas of a topic, or with an empty name of all topics, are forgotten.
    ClearElrRecord: record 28, versions 0..=0, flexible 0.. {
        topic_name: String,
    }
}
