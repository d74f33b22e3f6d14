//! OffsetForLeaderEpoch (key 23), of consumers and followers.
//!
//! Versions: 2 current leader epoch (KIP-320); 3 replica id; 4 flexible.

message! {
    /// Where did this epoch of this partition end?
    OffsetForLeaderEpochRequest: request 23, versions 2..=4, flexible 4.. {
        replica_id: i32 [3.., default -2, ignorable],
        topics: Vec<OffsetForLeaderTopic>,
    }

    /// An element of [`OffsetForLeaderEpochRequest::topics`].
    OffsetForLeaderTopic {
        topic: String,
        partitions: Vec<OffsetForLeaderPartition>,
    }

    /// An element of [`OffsetForLeaderTopic::partitions`].
    OffsetForLeaderPartition {
        partition: i32,
        current_leader_epoch: i32 [2.., default -1, ignorable],
        leader_epoch: i32,
    }
}

message! {
    /// The end offset of the largest epoch not above the one asked for.
    OffsetForLeaderEpochResponse: response 23, versions 2..=4, flexible 4.. {
        throttle_time_ms: i32 [2.., ignorable],
        topics: Vec<OffsetForLeaderTopicResult>,
    }

    /// An element of [`OffsetForLeaderEpochResponse::topics`].
    OffsetForLeaderTopicResult {
        topic: String,
        partitions: Vec<EpochEndOffset>,
    }

    /// An element of [`OffsetForLeaderTopicResult::partitions`].
    EpochEndOffset {
        error_code: i16,
        partition: i32,
        leader_epoch: i32 [1.., default -1, ignorable],
        end_offset: i64 [default -1],
    }
}
