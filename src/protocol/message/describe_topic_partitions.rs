//! DescribeTopicPartitions (key 75, KIP-966): like Metadata, in pages.

use crate::model::Uuid;

message! {
    /// Which topics to describe and where to go on.
    DescribeTopicPartitionsRequest: request 75, versions 0..=0, flexible 0.. {
        topics: Vec<TopicRequest>,
        response_partition_limit: i32 [default 2000],
        cursor: Option<Cursor> [null, default null],
    }

    /// An element of [`DescribeTopicPartitionsRequest::topics`].
    TopicRequest {
        name: String,
    }

    /// The value of [`DescribeTopicPartitionsRequest::cursor`].
    Cursor {
        topic_name: String,
        partition_index: i32,
    }
}

message! {
    /// The topics, partition by partition, and where the next page begins.
    DescribeTopicPartitionsResponse: response 75, versions 0..=0, flexible 0.. {
        throttle_time_ms: i32 [ignorable],
        topics: Vec<DescribeTopicPartitionsResponseTopic>,
        next_cursor: Option<Cursor> [null, default null],
    }

    /// An element of [`DescribeTopicPartitionsResponse::topics`].
    DescribeTopicPartitionsResponseTopic {
        error_code: i16,
        name: Option<String> [null],
        topic_id: Uuid [ignorable],
        is_internal: bool [ignorable],
        partitions: Vec<DescribeTopicPartitionsResponsePartition>,
        topic_authorized_operations: i32 [default i32::MIN],
    }

    /// An element of [`DescribeTopicPartitionsResponseTopic::partitions`].
    DescribeTopicPartitionsResponsePartition {
        error_code: i16,
        partition_index: i32,
        leader_id: i32,
        leader_epoch: i32 [default -1, ignorable],
        replica_nodes: Vec<i32>,
        isr_nodes: Vec<i32>,
        eligible_leader_replicas: Option<Vec<i32>> [null, default null],
        last_known_elr: Option<Vec<i32>> [null, default null],
        offline_replicas: Vec<i32> [ignorable],
    }
}
