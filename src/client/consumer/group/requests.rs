//! What a member says and hears, in Kafka's messages. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use super::assignor::Candidate;
use super::member::{Answer, Identity, JoinPlan, Joined, Leave, Report, Reported};
use super::settings::{GroupProtocol, GroupSettings, Subscription};
use crate::client::consumer_protocol::{self, PROTOCOL_TYPE, assigned_partitions};
use crate::client::{ClientError, Refusal};
use crate::model::TopicPartition;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use crate::protocol::message::heartbeat::HeartbeatRequest;
use crate::protocol::message::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, JoinGroupResponseMember,
};
use crate::protocol::message::leave_group::{LeaveGroupRequest, MemberIdentity};
use crate::protocol::message::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};

/// The version of LeaveGroup that names members in a list (KIP-345).
const LIST_SINCE: i16 = 3;

pub(super) fn join<'a>(settings: &GroupSettings, plan: &'a JoinPlan) -> JoinGroupRequest<'a> {
    let protocol = |(assignor, metadata): &'a (super::Assignor, Vec<u8>)| {
        let name = assignor.name().to_owned();
        JoinGroupRequestProtocol { name, metadata }
    };
    JoinGroupRequest {
        group_id: settings.group.clone(),
        session_timeout_ms: millis(settings.session_timeout),
        rebalance_timeout_ms: millis(settings.poll_interval_max),
        member_id: plan.identity.member_id.clone(),
        group_instance_id: plan.identity.instance_id.clone(),
        protocol_type: PROTOCOL_TYPE.to_owned(),
        protocols: plan.protocols.iter().map(protocol).collect(),
        reason: Some(plan.reason.clone()),
    }
}

pub(super) fn joined(group: &str, response: JoinGroupResponse<'_>) -> Answer {
    if ErrorCode::from_code(response.error_code) == ErrorCode::MemberIdRequired {
        return Answer::MemberId(response.member_id);
    }
    Answer::Joined(accepted(group, response))
}

fn accepted(group: &str, response: JoinGroupResponse<'_>) -> Result<Joined, ClientError> {
    let what = format!("join group `{group}`");
    Refusal::check(response.error_code, None).map_err(|refusal| refusal.of(&what))?;
    let leads = response.leader == response.member_id;
    let candidates = response.members.iter().map(candidate);
    let candidates = match leads && !response.skip_assignment {
        true => Some(candidates.collect::<Result<_, _>>()),
        false => None,
    };
    Ok(Joined {
        generation: response.generation_id,
        member_id: response.member_id,
        assignor: response.protocol_name.unwrap_or_default(),
        candidates: candidates.transpose().map_err(|why| why.of(&what))?,
        leads,
    })
}

fn candidate(member: &JoinGroupResponseMember<'_>) -> Result<Candidate, Refusal> {
    let subscription = consumer_protocol::Subscription::decode(member.metadata);
    Ok(Candidate {
        member_id: member.member_id.clone(),
        instance_id: member.group_instance_id.clone(),
        subscription: subscription.map_err(|why| {
            unreadable(format!(
                "the subscription of member `{}` cannot be read: {why}",
                member.member_id
            ))
        })?,
    })
}

pub(super) fn sync<'a>(
    settings: &GroupSettings,
    identity: &Identity,
    assignor: Option<String>,
    assignments: &'a [(String, Vec<u8>)],
) -> SyncGroupRequest<'a> {
    let assignment = |(member_id, assignment): &'a (String, Vec<u8>)| SyncGroupRequestAssignment {
        member_id: member_id.clone(),
        assignment,
    };
    SyncGroupRequest {
        group_id: settings.group.clone(),
        generation_id: identity.epoch,
        member_id: identity.member_id.clone(),
        group_instance_id: identity.instance_id.clone(),
        protocol_type: Some(PROTOCOL_TYPE.to_owned()),
        protocol_name: assignor,
        assignments: assignments.iter().map(assignment).collect(),
    }
}

pub(super) fn synced(
    group: &str,
    response: &SyncGroupResponse<'_>,
) -> Result<BTreeSet<TopicPartition>, ClientError> {
    let what = || format!("take part in the rebalance of group `{group}`");
    Refusal::check(response.error_code, None).map_err(|refusal| refusal.of(what()))?;
    let assigned = assigned_partitions(response.assignment);
    let assigned = assigned.map_err(|why| {
        unreadable(format!("what the leader assigned cannot be read: {why}")).of(what())
    });
    Ok(assigned?.into_iter().collect())
}

pub(super) fn beat(group: &str, identity: &Identity) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: group.into(),
        generation_id: identity.epoch,
        member_id: identity.member_id.as_str().into(),
        group_instance_id: identity.instance_id.clone(),
    }
}

pub(super) fn leave(group: &str, leave: &Leave, version: i16) -> LeaveGroupRequest {
    let member_id = leave.identity.member_id.clone();
    if version < LIST_SINCE {
        return LeaveGroupRequest {
            group_id: group.to_owned(),
            member_id,
            members: Vec::new(),
        };
    }
    LeaveGroupRequest {
        group_id: group.to_owned(),
        member_id: String::new(),
        members: vec![MemberIdentity {
            member_id,
            group_instance_id: leave.identity.instance_id.clone(),
            reason: Some(leave.reason.to_owned()),
        }],
    }
}

/// A report, in which `None` stands for what has not changed.
pub(super) fn report(
    settings: &GroupSettings,
    subscription: &Subscription,
    report: &Report,
) -> ConsumerGroupHeartbeatRequest {
    let request = ConsumerGroupHeartbeatRequest {
        group_id: settings.group.as_str().into(),
        member_id: report.identity.member_id.as_str().into(),
        member_epoch: report.identity.epoch,
        instance_id: report.identity.instance_id.clone(),
        topic_partitions: report.owned.as_ref().map(|owned| by_topic(owned)),
        ..Default::default()
    };
    if !report.in_full {
        return request;
    }
    let (names, regex) = match subscription {
        Subscription::Topics(names) => (Some(names.clone()), None),
        Subscription::Regex(regex) => (None, Some(regex.clone())),
    };
    ConsumerGroupHeartbeatRequest {
        rebalance_timeout_ms: millis(settings.poll_interval_max),
        subscribed_topic_names: names,
        subscribed_topic_regex: regex,
        server_assignor: match &settings.protocol {
            GroupProtocol::Consumer(assignor) => assignor.clone(),
            GroupProtocol::Classic(_) => None,
        },
        ..request
    }
}

/// The report of a member that goes.
pub(super) fn last_report(group: &str, leave: &Leave) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        member_id: leave.identity.member_id.as_str().into(),
        member_epoch: leave.identity.epoch,
        instance_id: leave.identity.instance_id.clone(),
        ..Default::default()
    }
}

pub(super) fn reported(
    group: &str,
    response: ConsumerGroupHeartbeatResponse,
) -> Result<Reported, ClientError> {
    Refusal::check(response.error_code, response.error_message.as_deref())
        .map_err(|refusal| refusal.of(format!("be a member of group `{group}`")))?;
    let assignment = response.assignment.map(|assignment| {
        let topics = assignment.topic_partitions.into_iter();
        topics
            .map(|topic| (topic.topic_id, topic.partitions))
            .collect()
    });
    Ok(Reported {
        member_id: response
            .member_id
            .filter(|id| !id.is_empty())
            .map(|id| String::from(&*id)),
        epoch: response.member_epoch,
        interval: Duration::from_millis(response.heartbeat_interval_ms.max(0) as u64),
        assignment,
    })
}

fn by_topic(owned: &[(crate::model::Uuid, Vec<i32>)]) -> Vec<TopicPartitions> {
    let topic = |(topic_id, partitions): &(_, Vec<i32>)| TopicPartitions {
        topic_id: *topic_id,
        partitions: partitions.clone(),
    };
    owned.iter().map(topic).collect()
}

fn unreadable(message: String) -> Refusal {
    Refusal {
        code: ErrorCode::UnknownServerError,
        message: Some(message),
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
