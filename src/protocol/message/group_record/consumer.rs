//! Records about consumer groups, whose coordinator divides the work (KIP-848).

use crate::model::Uuid;

message! {
    /// Names a consumer group's epoch.
    ConsumerGroupMetadataKey: record 3, versions 0..=0 {
        group_id: String,
    }
}

message! {
    /// The group exists and is in this epoch, which grows with every change of its members, their
    /// subscriptions or the topics subscribed to.
    ConsumerGroupMetadataValue: record 3, versions 0..=0, flexible 0.. {
        epoch: i32,
        /// Of the topics subscribed to, so that a change of them shows; 0 if there are none.
        metadata_hash: i64 [tag 0],
    }
}

message! {
    /// Names the topics that a consumer group is subscribed to.
    ConsumerGroupPartitionMetadataKey: record 4, versions 0..=0 {
        group_id: String,
    }
}

message! {
    /// The topics as they were when the epoch began. Kafka has written tombstones alone since a
    /// hash took their place ([`ConsumerGroupMetadataValue::metadata_hash`]).
    ConsumerGroupPartitionMetadataValue: record 4, versions 0..=0, flexible 0.. {
        topics: Vec<TopicMetadata>,
    }

    /// An element of [`ConsumerGroupPartitionMetadataValue::topics`].
    TopicMetadata {
        topic_id: Uuid,
        topic_name: String,
        num_partitions: i32,
        /// Empty if no racks are known.
        partition_metadata: Vec<PartitionMetadata>,
    }

    /// An element of [`TopicMetadata::partition_metadata`].
    PartitionMetadata {
        partition: i32,
        racks: Vec<String>,
    }
}

message! {
    /// Names a consumer group's member.
    ConsumerGroupMemberMetadataKey: record 5, versions 0..=0 {
        group_id: String,
        member_id: String,
    }
}

message! {
    /// What a member has said of itself.
    ConsumerGroupMemberMetadataValue: record 5, versions 0..=0, flexible 0.. {
        /// Null unless the member is static (KIP-345).
        instance_id: Option<String> [null],
        rack_id: Option<String> [null],
        client_id: String,
        client_host: String,
        subscribed_topic_names: Vec<String>,
        subscribed_topic_regex: Option<String> [null],
        rebalance_timeout_ms: i32 [default -1],
        /// Null if the choice is the coordinator's.
        server_assignor: Option<String> [null],
        /// Null unless the member speaks the classic protocol. Kafka's default is an empty one, so
        /// that null is written.
        classic_member_metadata: Option<ClassicMemberMetadata> [tag 0, null],
    }

    /// The value of [`ConsumerGroupMemberMetadataValue::classic_member_metadata`].
    ClassicMemberMetadata {
        session_timeout_ms: i32,
        supported_protocols: Vec<ClassicProtocol>,
    }

    /// An element of [`ClassicMemberMetadata::supported_protocols`].
    ClassicProtocol {
        name: String,
        metadata: Vec<u8>,
    }
}

message! {
    /// Names the epoch of a consumer group's target assignment.
    ConsumerGroupTargetAssignmentMetadataKey: record 6, versions 0..=0 {
        group_id: String,
    }
}

message! {
    /// The group epoch that the target assignment was made for.
    ConsumerGroupTargetAssignmentMetadataValue: record 6, versions 0..=0, flexible 0.. {
        assignment_epoch: i32,
        /// When it was made, in milliseconds since the Unix epoch; 0 where it was not kept.
        assignment_timestamp: i64 [tag 0],
    }
}

message! {
    /// Names a member's part of the target assignment.
    ConsumerGroupTargetAssignmentMemberKey: record 7, versions 0..=0 {
        group_id: String,
        member_id: String,
    }
}

message! {
    /// The partitions that a member shall have.
    ConsumerGroupTargetAssignmentMemberValue: record 7, versions 0..=0, flexible 0.. {
        topic_partitions: Vec<TopicPartition>,
    }

    /// An element of [`ConsumerGroupTargetAssignmentMemberValue::topic_partitions`].
    TopicPartition {
        topic_id: Uuid,
        partitions: Vec<i32>,
    }
}

message! {
    /// Names a member's current assignment.
    ConsumerGroupCurrentMemberAssignmentKey: record 8, versions 0..=0 {
        group_id: String,
        member_id: String,
    }
}

message! {
    /// The partitions that a member has, and how far it is on the way to those it shall have.
    ConsumerGroupCurrentMemberAssignmentValue: record 8, versions 0..=0, flexible 0.. {
        member_epoch: i32,
        /// The one before, which a member that missed an answer still sends.
        previous_member_epoch: i32,
        /// 0 stable, 1 has to revoke partitions, 2 waits for partitions that others still have.
        state: i8,
        assigned_partitions: Vec<TopicPartitions>,
        partitions_pending_revocation: Vec<TopicPartitions>,
    }

    /// An element of both lists of [`ConsumerGroupCurrentMemberAssignmentValue`].
    TopicPartitions {
        topic_id: Uuid,
        partitions: Vec<i32>,
        /// In which member epoch each of the partitions was assigned; null where it was not kept.
        assignment_epochs: Option<Vec<i32>> [tag 0, null, default null],
    }
}

message! {
    /// Names a regular expression that members of a consumer group are subscribed to.
    ConsumerGroupRegularExpressionKey: record 16, versions 0..=0 {
        group_id: String,
        regular_expression: String,
    }
}

message! {
    /// The topics that the expression stands for.
    ConsumerGroupRegularExpressionValue: record 16, versions 0..=0, flexible 0.. {
        topics: Vec<String>,
        /// Of the cluster's metadata that the topics were looked up in.
        version: i64,
        /// When they were looked up, in milliseconds since the Unix epoch.
        timestamp: i64,
    }
}
