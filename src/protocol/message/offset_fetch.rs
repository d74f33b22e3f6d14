//! OffsetFetch (key 9).
//!
//! Versions: 2 all topics; 5 leader epochs; 6 flexible; 7 stable offsets only (KIP-447); 8 several
//! groups (KIP-709); 9 new group protocol (KIP-848); 10 topic ids.

use crate::model::Uuid;

message! {
    /// How far has a group consumed? One group in the top fields up to version 7, `groups` from 8
    /// on.
    OffsetFetchRequest: request 9, versions 1..=10, flexible 6.. {
        group_id: String [0..=7],
        topics: Option<Vec<OffsetFetchRequestTopic>> [0..=7, null 2..=7],
        groups: Vec<OffsetFetchRequestGroup> [8..],
        require_stable: bool [7..],
    }

    /// An element of [`OffsetFetchRequest::topics`].
    OffsetFetchRequestTopic {
        name: String [0..=7],
        partition_indexes: Vec<i32> [0..=7],
    }

    /// An element of [`OffsetFetchRequest::groups`].
    OffsetFetchRequestGroup {
        group_id: String [8..],
        member_id: Option<String> [9.., null, default null, ignorable],
        member_epoch: i32 [9.., default -1, ignorable],
        topics: Option<Vec<OffsetFetchRequestTopics>> [8.., null],
    }

    /// An element of [`OffsetFetchRequestGroup::topics`].
    OffsetFetchRequestTopics {
        name: String [8..=9, ignorable],
        topic_id: Uuid [10.., ignorable],
        partition_indexes: Vec<i32> [8..],
    }
}

message! {
    /// The committed offsets; −1 where there is none.
    OffsetFetchResponse: response 9, versions 1..=10, flexible 6.. {
        throttle_time_ms: i32 [3.., ignorable],
        topics: Vec<OffsetFetchResponseTopic> [0..=7],
        error_code: i16 [2..=7, ignorable],
        groups: Vec<OffsetFetchResponseGroup> [8..],
    }

    /// An element of [`OffsetFetchResponse::topics`].
    OffsetFetchResponseTopic {
        name: String [0..=7],
        partitions: Vec<OffsetFetchResponsePartition> [0..=7],
    }

    /// An element of [`OffsetFetchResponseTopic::partitions`].
    OffsetFetchResponsePartition {
        partition_index: i32 [0..=7],
        committed_offset: i64 [0..=7],
        committed_leader_epoch: i32 [5..=7, default -1, ignorable],
        metadata: Option<String> [0..=7, null 0..=7],
        error_code: i16 [0..=7],
    }

    /// An element of [`OffsetFetchResponse::groups`].
    OffsetFetchResponseGroup {
        group_id: String [8..],
        topics: Vec<OffsetFetchResponseTopics> [8..],
        error_code: i16 [8..],
    }

    /// An element of [`OffsetFetchResponseGroup::topics`].
    OffsetFetchResponseTopics {
        name: String [8..=9, ignorable],
        topic_id: Uuid [10.., ignorable],
        partitions: Vec<OffsetFetchResponsePartitions> [8..],
    }

    /// An element of [`OffsetFetchResponseTopics::partitions`].
    OffsetFetchResponsePartitions {
        partition_index: i32 [8..],
        committed_offset: i64 [8..],
        committed_leader_epoch: i32 [8.., default -1, ignorable],
        metadata: Option<String> [8.., null],
        error_code: i16 [8..],
    }
}
