//! Metadata (key 3).
//!
//! Versions: 1 null means all topics; 4 auto-creation may be declined; 8-10 authorized operations;
//! 9 flexible; 10 topic ids (KIP-516); 12 ask by id; 13 top-level error (rebootstrap, KIP-1102).

use crate::model::Uuid;

message! {
    /// Which topics to describe; an empty list in version 0 and null later mean all.
    MetadataRequest: request 3, versions 0..=13, flexible 9.. {
        topics: Option<Vec<MetadataRequestTopic>> [null 1..],
        allow_auto_topic_creation: bool [4.., default true],
        include_cluster_authorized_operations: bool [8..=10],
        include_topic_authorized_operations: bool [8..],
    }

    /// An element of [`MetadataRequest::topics`].
    MetadataRequestTopic {
        topic_id: Uuid [10.., ignorable],
        name: Option<String> [null 10..],
    }
}

message! {
    /// The brokers, the cluster and the topics asked for.
    MetadataResponse: response 3, versions 0..=13, flexible 9.. {
        throttle_time_ms: i32 [3.., ignorable],
        brokers: Vec<MetadataResponseBroker>,
        cluster_id: Option<String> [2.., null, default null, ignorable],
        controller_id: i32 [1.., default -1, ignorable],
        topics: Vec<MetadataResponseTopic>,
        cluster_authorized_operations: i32 [8..=10, default i32::MIN],
        error_code: i16 [13.., ignorable],
    }

    /// An element of [`MetadataResponse::brokers`].
    MetadataResponseBroker {
        node_id: i32,
        host: String,
        port: i32,
        rack: Option<String> [1.., null, default null, ignorable],
    }

    /// An element of [`MetadataResponse::topics`].
    MetadataResponseTopic {
        error_code: i16,
        name: Option<String> [null 12..],
        topic_id: Uuid [10.., ignorable],
        is_internal: bool [1.., ignorable],
        partitions: Vec<MetadataResponsePartition>,
        topic_authorized_operations: i32 [8.., default i32::MIN],
    }

    /// An element of [`MetadataResponseTopic::partitions`].
    MetadataResponsePartition {
        error_code: i16,
        partition_index: i32,
        leader_id: i32,
        leader_epoch: i32 [7.., default -1, ignorable],
        replica_nodes: Vec<i32>,
        isr_nodes: Vec<i32>,
        offline_replicas: Vec<i32> [5.., ignorable],
    }
}
