//! CreatePartitions (key 37).
//!
//! Versions: 2 flexible; 3 throttling (KIP-599).

message! {
    /// How many partitions topics shall have.
    CreatePartitionsRequest: request 37, versions 0..=3, flexible 2.. {
        topics: Vec<CreatePartitionsTopic>,
        timeout_ms: i32,
        validate_only: bool,
    }

    /// An element of [`CreatePartitionsRequest::topics`].
    CreatePartitionsTopic {
        name: String,
        count: i32,
        assignments: Option<Vec<CreatePartitionsAssignment>> [null],
    }

    /// An element of [`CreatePartitionsTopic::assignments`].
    CreatePartitionsAssignment {
        broker_ids: Vec<i32>,
    }
}

message! {
    /// What became of each topic.
    CreatePartitionsResponse: response 37, versions 0..=3, flexible 2.. {
        throttle_time_ms: i32,
        results: Vec<CreatePartitionsTopicResult>,
    }

    /// An element of [`CreatePartitionsResponse::results`].
    CreatePartitionsTopicResult {
        name: String,
        error_code: i16,
        error_message: Option<String> [null, default null],
    }
}
