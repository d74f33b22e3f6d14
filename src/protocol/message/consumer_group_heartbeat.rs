//! ConsumerGroupHeartbeat (key 68, KIP-848).
//!
//! Versions: 1 subscription by regular expression, member id chosen by the client (KIP-1082).

use std::sync::Arc;

use crate::model::Uuid;

message! {
    /// Joins, keeps in, changes or leaves a consumer group; null fields have not changed.
    ConsumerGroupHeartbeatRequest: request 68, versions 0..=1, flexible 0.. {
        group_id: Arc<str>,
        member_id: Arc<str>,
        member_epoch: i32,
        instance_id: Option<String> [null, default null],
        rack_id: Option<String> [null, default null],
        rebalance_timeout_ms: i32 [default -1],
        subscribed_topic_names: Option<Vec<String>> [null, default null],
        subscribed_topic_regex: Option<String> [1.., null, default null],
        server_assignor: Option<String> [null, default null],
        topic_partitions: Option<Vec<TopicPartitions>> [null, default null],
    }

    /// An element of [`ConsumerGroupHeartbeatRequest::topic_partitions`].
    TopicPartitions {
        topic_id: Uuid,
        partitions: Vec<i32>,
    }
}

message! {
    /// The member's epoch and, when it has changed, its assignment.
    ConsumerGroupHeartbeatResponse: response 68, versions 0..=1, flexible 0.. {
        throttle_time_ms: i32,
        error_code: i16,
        error_message: Option<String> [null, default null],
        member_id: Option<Arc<str>> [null, default null],
        member_epoch: i32,
        heartbeat_interval_ms: i32,
        assignment: Option<Assignment> [null, default null],
    }

    /// The value of [`ConsumerGroupHeartbeatResponse::assignment`].
    Assignment {
        topic_partitions: Vec<TopicPartitions>,
    }
}
