//! ListOffsets (key 2).
//!
//! Versions: 2 isolation level, throttle; 4 leader epochs (KIP-320); 6 flexible; 7 the largest
//! timestamp (KIP-734); 8 local log start (KIP-405); 9 last tiered offset (KIP-1005); 10 waits for
//! remote storage (KIP-1075); 11 earliest pending upload (KIP-1023).

message! {
    /// Which offset of each partition: the first one at a timestamp, or what a negative sentinel
    /// means.
    ListOffsetsRequest: request 2, versions 1..=11, flexible 6.. {
        replica_id: i32,
        isolation_level: i8 [2..],
        topics: Vec<ListOffsetsTopic>,
        timeout_ms: i32 [10.., ignorable],
    }

    /// An element of [`ListOffsetsRequest::topics`].
    ListOffsetsTopic {
        name: String,
        partitions: Vec<ListOffsetsPartition>,
    }

    /// An element of [`ListOffsetsTopic::partitions`].
    ListOffsetsPartition {
        partition_index: i32,
        current_leader_epoch: i32 [4.., default -1, ignorable],
        timestamp: i64,
    }
}

message! {
    /// The offsets found; −1 where there is none.
    ListOffsetsResponse: response 2, versions 1..=11, flexible 6.. {
        throttle_time_ms: i32 [2.., ignorable],
        topics: Vec<ListOffsetsTopicResponse>,
    }

    /// An element of [`ListOffsetsResponse::topics`].
    ListOffsetsTopicResponse {
        name: String,
        partitions: Vec<ListOffsetsPartitionResponse>,
    }

    /// An element of [`ListOffsetsTopicResponse::partitions`].
    ListOffsetsPartitionResponse {
        partition_index: i32,
        error_code: i16,
        timestamp: i64 [1.., default -1],
        offset: i64 [1.., default -1],
        leader_epoch: i32 [4.., default -1],
    }
}
