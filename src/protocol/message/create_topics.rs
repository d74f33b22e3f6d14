//! CreateTopics (key 19).
//!
//! Versions: 4 default partitions and replication factor (KIP-464); 5 flexible, answers with
//! configs (KIP-525); 6 throttling (KIP-599); 7 answers with topic ids (KIP-516).

use crate::model::Uuid;

message! {
    /// Topics to create; −1 partitions or replicas mean the default.
    CreateTopicsRequest: request 19, versions 2..=7, flexible 5.. {
        topics: Vec<CreatableTopic>,
        timeout_ms: i32 [default 60_000],
        validate_only: bool [1..],
    }

    /// An element of [`CreateTopicsRequest::topics`].
    CreatableTopic {
        name: String,
        num_partitions: i32,
        replication_factor: i16,
        assignments: Vec<CreatableReplicaAssignment>,
        configs: Vec<CreatableTopicConfig>,
    }

    /// An element of [`CreatableTopic::assignments`].
    CreatableReplicaAssignment {
        partition_index: i32,
        broker_ids: Vec<i32>,
    }

    /// An element of [`CreatableTopic::configs`].
    CreatableTopicConfig {
        name: String,
        value: Option<String> [null],
    }
}

message! {
    /// What became of each topic.
    CreateTopicsResponse: response 19, versions 2..=7, flexible 5.. {
        throttle_time_ms: i32 [2.., ignorable],
        topics: Vec<CreatableTopicResult>,
    }

    /// An element of [`CreateTopicsResponse::topics`].
    CreatableTopicResult {
        name: String,
        topic_id: Uuid [7.., ignorable],
        error_code: i16,
        error_message: Option<String> [1.., null, ignorable],
        topic_config_error_code: i16 [5.., tag 0, ignorable],
        num_partitions: i32 [5.., default -1, ignorable],
        replication_factor: i16 [5.., default -1, ignorable],
        configs: Option<Vec<CreatableTopicConfigs>> [5.., null, ignorable],
    }

    /// An element of [`CreatableTopicResult::configs`].
    CreatableTopicConfigs {
        name: String [5..],
        value: Option<String> [5.., null],
        read_only: bool [5..],
        config_source: i8 [5.., default -1, ignorable],
        is_sensitive: bool [5..],
    }
}
