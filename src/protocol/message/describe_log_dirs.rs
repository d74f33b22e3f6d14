//! DescribeLogDirs (key 35).
//!
//! Versions: 2 flexible; 3 top-level error; 4 volume sizes (KIP-827); 5 cordoned directories
//! (KIP-1066).

message! {
    /// Which partitions to report; null means all.
    DescribeLogDirsRequest: request 35, versions 1..=5, flexible 2.. {
        topics: Option<Vec<DescribableLogDirTopic>> [null],
    }

    /// An element of [`DescribeLogDirsRequest::topics`].
    DescribableLogDirTopic {
        topic: String,
        partitions: Vec<i32>,
    }
}

message! {
    /// The sizes of the replicas in each log directory.
    DescribeLogDirsResponse: response 35, versions 1..=5, flexible 2.. {
        throttle_time_ms: i32,
        error_code: i16 [3.., ignorable],
        results: Vec<DescribeLogDirsResult>,
    }

    /// An element of [`DescribeLogDirsResponse::results`].
    DescribeLogDirsResult {
        error_code: i16,
        log_dir: String,
        topics: Vec<DescribeLogDirsTopic>,
        total_bytes: i64 [4.., default -1, ignorable],
        usable_bytes: i64 [4.., default -1, ignorable],
        is_cordoned: bool [5.., ignorable],
    }

    /// An element of [`DescribeLogDirsResult::topics`].
    DescribeLogDirsTopic {
        name: String,
        partitions: Vec<DescribeLogDirsPartition>,
    }

    /// An element of [`DescribeLogDirsTopic::partitions`].
    DescribeLogDirsPartition {
        partition_index: i32,
        partition_size: i64,
        offset_lag: i64,
        is_future_key: bool,
    }
}
