//! DeleteRecords (key 21).
//!
//! Versions: 2 flexible.

message! {
    /// Moves the log start of partitions; offset −1 means the high watermark.
    DeleteRecordsRequest: request 21, versions 0..=2, flexible 2.. {
        topics: Vec<DeleteRecordsTopic>,
        timeout_ms: i32,
    }

    /// An element of [`DeleteRecordsRequest::topics`].
    DeleteRecordsTopic {
        name: String,
        partitions: Vec<DeleteRecordsPartition>,
    }

    /// An element of [`DeleteRecordsTopic::partitions`].
    DeleteRecordsPartition {
        partition_index: i32,
        offset: i64,
    }
}

message! {
    /// The new log start of each partition; −1 with an error.
    DeleteRecordsResponse: response 21, versions 0..=2, flexible 2.. {
        throttle_time_ms: i32,
        topics: Vec<DeleteRecordsTopicResult>,
    }

    /// An element of [`DeleteRecordsResponse::topics`].
    DeleteRecordsTopicResult {
        name: String,
        partitions: Vec<DeleteRecordsPartitionResult>,
    }

    /// An element of [`DeleteRecordsTopicResult::partitions`].
    DeleteRecordsPartitionResult {
        partition_index: i32,
        low_watermark: i64,
        error_code: i16,
    }
}
