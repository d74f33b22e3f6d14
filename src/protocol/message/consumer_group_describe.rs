//! ConsumerGroupDescribe (key 69, KIP-848).
//!
//! Versions: 1 member types.

use crate::model::Uuid;

message! {
    /// Which consumer groups to describe.
    ConsumerGroupDescribeRequest: request 69, versions 0..=1, flexible 0.. {
        group_ids: Vec<String>,
        include_authorized_operations: bool,
    }
}

message! {
    /// The groups, their members and assignments.
    ConsumerGroupDescribeResponse: response 69, versions 0..=1, flexible 0.. {
        throttle_time_ms: i32,
        groups: Vec<DescribedGroup>,
    }

    /// An element of [`ConsumerGroupDescribeResponse::groups`].
    DescribedGroup {
        error_code: i16,
        error_message: Option<String> [null, default null],
        group_id: String,
        group_state: String,
        group_epoch: i32,
        assignment_epoch: i32,
        assignor_name: String,
        members: Vec<Member>,
        authorized_operations: i32 [default i32::MIN],
    }

    /// An element of [`DescribedGroup::members`].
    Member {
        member_id: String,
        instance_id: Option<String> [null, default null],
        rack_id: Option<String> [null, default null],
        member_epoch: i32,
        client_id: String,
        client_host: String,
        subscribed_topic_names: Vec<String>,
        subscribed_topic_regex: Option<String> [null, default null],
        assignment: Assignment,
        target_assignment: Assignment,
        member_type: i8 [1.., default -1, ignorable],
    }

    /// The value of [`Member::assignment`].
    Assignment {
        topic_partitions: Vec<TopicPartitions>,
    }

    /// An element of [`Assignment::topic_partitions`].
    TopicPartitions {
        topic_id: Uuid,
        topic_name: String,
        partitions: Vec<i32>,
    }
}
