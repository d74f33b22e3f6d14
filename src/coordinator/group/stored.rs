//! Classic groups and commits as the records that the log keeps of them.

use std::sync::Arc;

use bytes::Bytes;

use super::classic::{MemberSnapshot, Snapshot};
use super::record::GroupRecord;
use crate::protocol::message::group_record::classic::{
    GroupMetadataKey, GroupMetadataValue, MemberMetadata,
};
use crate::protocol::message::group_record::offset::{OffsetCommitKey, OffsetCommitValue};

/// A time that is not known.
const NO_TIMESTAMP: i64 = -1;

/// The record of a classic group as it stands.
pub fn group_record(group: &str, snapshot: Snapshot) -> GroupRecord {
    GroupRecord::GroupMetadata {
        key: GroupMetadataKey {
            group: group.to_owned(),
        },
        value: Some(GroupMetadataValue {
            protocol_type: text(snapshot.protocol_type.as_ref()).unwrap_or_default(),
            generation: snapshot.generation,
            protocol: text(snapshot.protocol_name.as_ref()),
            leader: text(snapshot.leader.as_ref()),
            current_state_timestamp: snapshot.state_since.unwrap_or(NO_TIMESTAMP),
            members: snapshot.members.into_iter().map(stored_member).collect(),
        }),
    }
}

/// The record after which there is no such group.
pub fn group_tombstone(group: &str) -> GroupRecord {
    GroupRecord::GroupMetadata {
        key: GroupMetadataKey {
            group: group.to_owned(),
        },
        value: None,
    }
}

/// The record of a commit; `None` takes back what was committed.
pub fn offset_record(
    group: &str,
    topic: &str,
    partition: i32,
    value: Option<OffsetCommitValue>,
) -> GroupRecord {
    GroupRecord::OffsetCommit {
        key: OffsetCommitKey {
            group: group.to_owned(),
            topic: topic.to_owned(),
            partition,
        },
        value,
    }
}

/// What a record says of a classic group.
pub fn snapshot(value: &GroupMetadataValue) -> Snapshot {
    Snapshot {
        generation: value.generation,
        protocol_type: Some(value.protocol_type.as_str())
            .filter(|kind| !kind.is_empty())
            .map(Arc::from),
        protocol_name: value.protocol.as_deref().map(Arc::from),
        leader: value.leader.as_deref().map(Arc::from),
        state_since: Some(value.current_state_timestamp).filter(|at| *at != NO_TIMESTAMP),
        members: value.members.iter().map(member).collect(),
    }
}

fn member(stored: &MemberMetadata) -> MemberSnapshot {
    MemberSnapshot {
        id: stored.member_id.as_str().into(),
        instance_id: stored.group_instance_id.as_deref().map(Arc::from),
        client_id: stored.client_id.as_str().into(),
        client_host: stored.client_host.as_str().into(),
        rebalance_timeout_ms: match stored.rebalance_timeout {
            // Before version 1 there was one timeout.
            -1 => stored.session_timeout,
            timeout => timeout,
        },
        session_timeout_ms: stored.session_timeout,
        subscription: Bytes::copy_from_slice(&stored.subscription),
        assignment: Bytes::copy_from_slice(&stored.assignment),
    }
}

fn stored_member(member: MemberSnapshot) -> MemberMetadata {
    MemberMetadata {
        member_id: member.id.to_string(),
        group_instance_id: text(member.instance_id.as_ref()),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: member.subscription.to_vec(),
        assignment: member.assignment.to_vec(),
    }
}

/// A name as records hold it.
pub(super) fn text(name: Option<&Arc<str>>) -> Option<String> {
    name.map(|name| name.to_string())
}
