//! What a consumer group knows, as the records that the log keeps of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::group::{ClassicProfile, Profile, Resolved};
use super::member::{Current, Held, Progress};
use crate::coordinator::group::assignor::TopicPartitions;
use crate::coordinator::group::record::GroupRecord;
use crate::coordinator::group::stored::text;
use crate::model::TimestampMs;
use crate::protocol::message::group_record::consumer::{
    ClassicMemberMetadata, ClassicProtocol, ConsumerGroupCurrentMemberAssignmentKey,
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataKey,
    ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey, ConsumerGroupMetadataValue,
    ConsumerGroupPartitionMetadataKey, ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue, TopicPartition, TopicPartitions as StoredHeld,
};

/// The group's epoch and the hash of its topics; `None` deletes it.
pub fn epoch_record(group: &str, value: Option<(i32, i64)>) -> GroupRecord {
    GroupRecord::ConsumerGroupMetadata {
        key: ConsumerGroupMetadataKey {
            group_id: group.to_owned(),
        },
        value: value.map(|(epoch, metadata_hash)| ConsumerGroupMetadataValue {
            epoch,
            metadata_hash,
        }),
    }
}

/// What a member has said of itself; `None` when it goes.
pub fn profile_record(group: &str, member: &str, profile: Option<&Profile>) -> GroupRecord {
    GroupRecord::ConsumerGroupMemberMetadata {
        key: ConsumerGroupMemberMetadataKey {
            group_id: group.to_owned(),
            member_id: member.to_owned(),
        },
        value: profile.map(|profile| ConsumerGroupMemberMetadataValue {
            instance_id: text(profile.instance_id.as_ref()),
            rack_id: text(profile.rack_id.as_ref()),
            client_id: profile.client_id.to_string(),
            client_host: profile.client_host.to_string(),
            subscribed_topic_names: profile.topics.iter().map(|name| name.to_string()).collect(),
            subscribed_topic_regex: text(profile.regex.as_ref()),
            rebalance_timeout_ms: profile.rebalance_timeout_ms,
            server_assignor: text(profile.assignor.as_ref()),
            classic_member_metadata: profile.classic.as_deref().map(stored_classic),
        }),
    }
}

/// The target's epoch and when it was made; `None` deletes it.
pub fn target_epoch_record(group: &str, value: Option<(i32, TimestampMs)>) -> GroupRecord {
    GroupRecord::ConsumerGroupTargetAssignmentMetadata {
        key: ConsumerGroupTargetAssignmentMetadataKey {
            group_id: group.to_owned(),
        },
        value: value.map(|(assignment_epoch, assignment_timestamp)| {
            ConsumerGroupTargetAssignmentMetadataValue {
                assignment_epoch,
                assignment_timestamp,
            }
        }),
    }
}

/// What a member shall have; `None` when it goes.
pub fn target_record(group: &str, member: &str, target: Option<&TopicPartitions>) -> GroupRecord {
    let stored = |target: &TopicPartitions| {
        let topics = target.iter().map(|(topic_id, partitions)| TopicPartition {
            topic_id: *topic_id,
            partitions: partitions.clone(),
        });
        ConsumerGroupTargetAssignmentMemberValue {
            topic_partitions: topics.collect(),
        }
    };
    GroupRecord::ConsumerGroupTargetAssignmentMember {
        key: ConsumerGroupTargetAssignmentMemberKey {
            group_id: group.to_owned(),
            member_id: member.to_owned(),
        },
        value: target.map(stored),
    }
}

/// What a member has; `None` when it goes.
pub fn current_record(group: &str, member: &str, current: Option<&Current>) -> GroupRecord {
    GroupRecord::ConsumerGroupCurrentMemberAssignment {
        key: ConsumerGroupCurrentMemberAssignmentKey {
            group_id: group.to_owned(),
            member_id: member.to_owned(),
        },
        value: current.map(|current| ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: current.epoch,
            previous_member_epoch: current.previous_epoch,
            state: current.progress.code(),
            assigned_partitions: stored_held(&current.assigned),
            partitions_pending_revocation: stored_held(&current.revoking),
        }),
    }
}

/// What a regular expression stands for; `None` when nobody has it any more.
pub fn resolved_record(group: &str, regex: &str, resolved: Option<&Resolved>) -> GroupRecord {
    GroupRecord::ConsumerGroupRegularExpression {
        key: ConsumerGroupRegularExpressionKey {
            group_id: group.to_owned(),
            regular_expression: regex.to_owned(),
        },
        value: resolved.map(|resolved| ConsumerGroupRegularExpressionValue {
            topics: resolved
                .topics
                .iter()
                .map(|name| name.to_string())
                .collect(),
            version: resolved.version,
            timestamp: resolved.at,
        }),
    }
}

/// What an older Kafka wrote of a group's topics is not needed any more.
pub fn old_metadata_tombstone(group: &str) -> GroupRecord {
    GroupRecord::ConsumerGroupPartitionMetadata {
        key: ConsumerGroupPartitionMetadataKey {
            group_id: group.to_owned(),
        },
        value: None,
    }
}

/// Of a record.
pub fn profile(value: &ConsumerGroupMemberMetadataValue) -> Profile {
    let mut topics: Vec<Arc<str>> = value
        .subscribed_topic_names
        .iter()
        .map(|name| name.as_str().into())
        .collect();
    topics.sort_unstable();
    topics.dedup();
    let name = |name: &Option<String>| name.as_deref().map(Arc::from);
    Profile {
        instance_id: name(&value.instance_id),
        rack_id: name(&value.rack_id),
        client_id: value.client_id.as_str().into(),
        client_host: value.client_host.as_str().into(),
        topics: topics.into(),
        regex: name(&value.subscribed_topic_regex).filter(|regex: &Arc<str>| !regex.is_empty()),
        rebalance_timeout_ms: value.rebalance_timeout_ms,
        assignor: name(&value.server_assignor),
        classic: value.classic_member_metadata.as_ref().map(|classic| {
            let protocols = classic.supported_protocols.iter().map(|protocol| {
                let metadata = Bytes::copy_from_slice(&protocol.metadata);
                (protocol.name.as_str().into(), metadata)
            });
            Arc::new(ClassicProfile {
                session_timeout_ms: classic.session_timeout_ms,
                protocols: protocols.collect(),
            })
        }),
    }
}

/// Of a record.
pub fn target(value: &ConsumerGroupTargetAssignmentMemberValue) -> TopicPartitions {
    let mut target = TopicPartitions::new();
    for topic in &value.topic_partitions {
        target
            .entry(topic.topic_id)
            .or_default()
            .extend(&topic.partitions);
    }
    for partitions in target.values_mut() {
        partitions.sort_unstable();
        partitions.dedup();
    }
    target.retain(|_, partitions| !partitions.is_empty());
    target
}

/// Of a record. Where it does not say at which epoch a partition was given (before Kafka 4.3), the
/// member's own counts.
pub fn current(value: &ConsumerGroupCurrentMemberAssignmentValue) -> Current {
    let held = |topics: &[StoredHeld]| -> Held {
        let mut held = Held::new();
        for topic in topics {
            let epochs = topic.assignment_epochs.as_deref().unwrap_or_default();
            let epochs = epochs.iter().copied();
            let epochs = epochs.chain(std::iter::repeat(value.member_epoch));
            let partitions: BTreeMap<i32, i32> =
                topic.partitions.iter().copied().zip(epochs).collect();
            if !partitions.is_empty() {
                held.entry(topic.topic_id).or_default().extend(partitions);
            }
        }
        held
    };
    Current {
        epoch: value.member_epoch,
        previous_epoch: value.previous_member_epoch,
        progress: Progress::from_code(value.state),
        assigned: held(&value.assigned_partitions),
        revoking: held(&value.partitions_pending_revocation),
    }
}

/// Of a record.
pub fn resolved(value: &ConsumerGroupRegularExpressionValue) -> Resolved {
    // Kafka writes them in any order.
    let mut topics: Vec<Arc<str>> = value
        .topics
        .iter()
        .map(|name| name.as_str().into())
        .collect();
    topics.sort_unstable();
    Resolved {
        topics,
        version: value.version,
        at: value.timestamp,
    }
}

fn stored_held(held: &Held) -> Vec<StoredHeld> {
    let topics = held.iter().map(|(topic_id, partitions)| StoredHeld {
        topic_id: *topic_id,
        partitions: partitions.keys().copied().collect(),
        assignment_epochs: Some(partitions.values().copied().collect()),
    });
    topics.collect()
}

fn stored_classic(classic: &ClassicProfile) -> ClassicMemberMetadata {
    let protocols = classic.protocols.iter();
    let protocols = protocols.map(|(name, metadata)| ClassicProtocol {
        name: name.to_string(),
        metadata: metadata.to_vec(),
    });
    ClassicMemberMetadata {
        session_timeout_ms: classic.session_timeout_ms,
        supported_protocols: protocols.collect(),
    }
}
