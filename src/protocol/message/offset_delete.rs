//! OffsetDelete (key 47, KIP-496). Never flexible.

message! {
    /// Which of a group's offsets to delete.
    OffsetDeleteRequest: request 47, versions 0..=0 {
        group_id: String,
        topics: Vec<OffsetDeleteRequestTopic>,
    }

    /// An element of [`OffsetDeleteRequest::topics`].
    OffsetDeleteRequestTopic {
        name: String,
        partitions: Vec<OffsetDeleteRequestPartition>,
    }

    /// An element of [`OffsetDeleteRequestTopic::partitions`].
    OffsetDeleteRequestPartition {
        partition_index: i32,
    }
}

message! {
    /// What became of each offset.
    OffsetDeleteResponse: response 47, versions 0..=0 {
        error_code: i16,
        throttle_time_ms: i32 [ignorable],
        topics: Vec<OffsetDeleteResponseTopic>,
    }

    /// An element of [`OffsetDeleteResponse::topics`].
    OffsetDeleteResponseTopic {
        name: String,
        partitions: Vec<OffsetDeleteResponsePartition>,
    }

    /// An element of [`OffsetDeleteResponseTopic::partitions`].
    OffsetDeleteResponsePartition {
        partition_index: i32,
        error_code: i16,
    }
}
