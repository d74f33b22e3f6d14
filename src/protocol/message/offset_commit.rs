//! OffsetCommit (key 8).
//!
//! Versions: 5 no retention time; 6 leader epochs (KIP-320); 7 static members (KIP-345); 8
//! flexible; 9 new group protocol (KIP-848); 10 topic ids.

use crate::model::Uuid;

message! {
    /// How far a group has consumed.
    OffsetCommitRequest: request 8, versions 2..=10, flexible 8.. {
        group_id: String,
        generation_id_or_member_epoch: i32 [1.., default -1, ignorable],
        member_id: String [1.., ignorable],
        group_instance_id: Option<String> [7.., null, default null],
        retention_time_ms: i64 [2..=4, default -1, ignorable],
        topics: Vec<OffsetCommitRequestTopic>,
    }

    /// An element of [`OffsetCommitRequest::topics`].
    OffsetCommitRequestTopic {
        name: String [0..=9, ignorable],
        topic_id: Uuid [10.., ignorable],
        partitions: Vec<OffsetCommitRequestPartition>,
    }

    /// An element of [`OffsetCommitRequestTopic::partitions`].
    OffsetCommitRequestPartition {
        partition_index: i32,
        committed_offset: i64,
        committed_leader_epoch: i32 [6.., default -1, ignorable],
        committed_metadata: Option<String> [null],
    }
}

message! {
    /// What became of each offset.
    OffsetCommitResponse: response 8, versions 2..=10, flexible 8.. {
        throttle_time_ms: i32 [3.., ignorable],
        topics: Vec<OffsetCommitResponseTopic>,
    }

    /// An element of [`OffsetCommitResponse::topics`].
    OffsetCommitResponseTopic {
        name: String [0..=9, ignorable],
        topic_id: Uuid [10.., ignorable],
        partitions: Vec<OffsetCommitResponsePartition>,
    }

    /// An element of [`OffsetCommitResponseTopic::partitions`].
    OffsetCommitResponsePartition {
        partition_index: i32,
        error_code: i16,
    }
}
