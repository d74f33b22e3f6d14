//! Fetch (key 1), of consumers, followers and observers of the metadata log.
//!
//! Versions: 5 log start offset; 7 sessions (KIP-227); 9 leader epochs (KIP-320); 11 closest
//! replica (KIP-392); 12 flexible, diverging epochs; 13 topic ids (KIP-516); 15 replica state; 16
//! new leaders (KIP-951); 17 directory ids (KIP-853); 18 high watermark.

use crate::model::Uuid;
use crate::protocol::wire::RecordsField;

message! {
    /// From where to read each partition, and how much to wait for.
    FetchRequest: request 1, versions 4..=18, flexible 12.. {
        cluster_id: Option<String> [12.., tag 0, null, default null, ignorable],
        replica_id: i32 [0..=14, default -1],
        replica_state: ReplicaState [15.., tag 1],
        max_wait_ms: i32,
        min_bytes: i32,
        max_bytes: i32 [3.., default i32::MAX, ignorable],
        isolation_level: i8 [4.., ignorable],
        session_id: i32 [7.., ignorable],
        session_epoch: i32 [7.., default -1, ignorable],
        topics: Vec<FetchTopic>,
        forgotten_topics_data: Vec<ForgottenTopic> [7..],
        rack_id: String [11.., ignorable],
    }

    /// The value of [`FetchRequest::replica_state`].
    ReplicaState {
        replica_id: i32 [15.., default -1],
        replica_epoch: i64 [15.., default -1],
    }

    /// An element of [`FetchRequest::topics`].
    FetchTopic {
        topic: String [0..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partitions: Vec<FetchPartition>,
    }

    /// An element of [`FetchTopic::partitions`].
    FetchPartition {
        partition: i32,
        current_leader_epoch: i32 [9.., default -1, ignorable],
        fetch_offset: i64,
        last_fetched_epoch: i32 [12.., default -1],
        log_start_offset: i64 [5.., default -1, ignorable],
        partition_max_bytes: i32,
        replica_directory_id: Uuid [17.., tag 0, ignorable],
        high_watermark: i64 [18.., tag 1, default i64::MAX, ignorable],
    }

    /// An element of [`FetchRequest::forgotten_topics_data`].
    ForgottenTopic {
        topic: String [7..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partitions: Vec<i32> [7..],
    }
}

message! {
    /// The records found. Names are borrowed, record bodies are spliced in by the sender.
    FetchResponse<'a>: response 1, versions 4..=18, flexible 12.. {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: i16 [7.., ignorable],
        session_id: i32 [7..],
        responses: Vec<FetchableTopicResponse<'a>>,
        node_endpoints: Vec<NodeEndpoint<'a>> [16.., tag 0],
    }

    /// An element of [`FetchResponse::responses`].
    FetchableTopicResponse<'a> {
        topic: &'a str [0..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partitions: Vec<PartitionData<'a>>,
    }

    /// An element of [`FetchableTopicResponse::partitions`].
    PartitionData<'a> {
        partition_index: i32,
        error_code: i16,
        high_watermark: i64,
        last_stable_offset: i64 [4.., default -1, ignorable],
        log_start_offset: i64 [5.., default -1, ignorable],
        diverging_epoch: EpochEndOffset [12.., tag 0],
        current_leader: LeaderIdAndEpoch [12.., tag 1],
        snapshot_id: SnapshotId [12.., tag 2],
        aborted_transactions: Option<Vec<AbortedTransaction>> [4.., null, ignorable],
        preferred_read_replica: i32 [11.., default -1],
        records: Option<RecordsField<'a>> [null, default null],
    }

    /// The value of [`PartitionData::diverging_epoch`].
    EpochEndOffset {
        epoch: i32 [12.., default -1],
        end_offset: i64 [12.., default -1],
    }

    /// The value of [`PartitionData::current_leader`].
    LeaderIdAndEpoch {
        leader_id: i32 [12.., default -1],
        leader_epoch: i32 [12.., default -1],
    }

    /// The value of [`PartitionData::snapshot_id`].
    SnapshotId {
        end_offset: i64 [default -1],
        epoch: i32 [default -1],
    }

    /// An element of [`PartitionData::aborted_transactions`].
    AbortedTransaction {
        producer_id: i64 [4..],
        first_offset: i64 [4..],
    }

    /// An element of [`FetchResponse::node_endpoints`].
    NodeEndpoint<'a> {
        node_id: i32 [16..],
        host: &'a str [16..],
        port: i32 [16..],
        rack: Option<&'a str> [16.., null, default null],
    }
}
