//! Members of the classic protocol in a consumer group, while its consumers are changed one by one.
//!
//! Such a member joins and syncs as ever; its generation is its member epoch, and what it gets is
//! the coordinator's assignment instead of a leader's. That it joins again is how it learns of a
//! new target, and how it says what it has given up.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::change::bump;
use super::group::{ClassicProfile, Group, Member, Profile};
use super::heartbeat::{
    Pending, Refused, check_memory, check_static, put_profile, refused, sorted, take_over, unknown,
};
use super::member::{Held, Progress};
use super::reconcile::Target;
use super::topics::Topics;
use super::tx::Tx;
use crate::coordinator::group::classic::{CONSUMER, JoinRequest};
use crate::coordinator::group::embedded::{EmbeddedSubscription, assignment_bytes};
use crate::protocol::error_code::ErrorCode;

/// Takes a JoinGroup in.
///
/// # Errors
/// Kafka's codes of JoinGroup; what `tx` has is to be taken back then.
pub fn join(
    group: &mut Group,
    request: JoinRequest,
    topics: &dyn Topics,
    tx: &mut Tx,
) -> Result<Pending, Refused> {
    let subscription = subscription(&request)?;
    let is_new = request.member_id.is_empty();
    let id = match is_new {
        true => request.new_member_id.clone(),
        false => request.member_id.clone(),
    };
    let said_before = group.said_bytes();
    let assigned = subscribe(group, &id, is_new, request.instance_id.as_deref(), tx)?;
    let old = group.members().get(&id).map(|member| &member.profile);
    let profile = profile(request, &subscription, old);
    let has_changed = put_profile(group, &id, profile, tx);
    check_memory(group, said_before)?;
    if has_changed {
        let why = format!("{id} joins by the classic protocol");
        bump(group, &why, topics, tx);
    }
    Ok(Pending {
        member_id: id,
        owned: Some(owned(&subscription, topics)),
        assigned,
        has_changed,
        is_full: true,
    })
}

/// Whether the group's classic members share a protocol with one that joins.
pub fn supports(group: &Group, request: &JoinRequest) -> bool {
    if *request.protocol_type != *CONSUMER {
        return false;
    }
    let mut offered = request.protocols.iter();
    offered.any(|protocol| all_offer(group, &protocol.name))
}

/// The protocol that all classic members but one offer, if there is any.
pub fn common_protocol(group: &Group, except: Option<&str>) -> Option<Arc<str>> {
    let mut others = group
        .members()
        .iter()
        .filter(|(id, _)| Some(&***id) != except);
    let (_, first) = others.find(|(_, member)| member.profile.is_classic())?;
    let offered = &first.profile.classic.as_ref()?.protocols;
    let mut names = offered.iter().map(|(name, _)| name);
    names.find(|name| all_offer(group, name)).cloned()
}

/// The member that a request of the classic protocol is from.
///
/// # Errors
/// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`; `ILLEGAL_GENERATION` if that is given and not its.
pub fn find<'a>(
    group: &'a Group,
    id: &Arc<str>,
    instance_id: Option<&str>,
    generation: Option<i32>,
) -> Result<&'a Member, ErrorCode> {
    if let Some(instance_id) = instance_id {
        check_static(group, id, instance_id).map_err(|refused| refused.code)?;
    }
    let member = group.members().get(id);
    let member = member.filter(|member| member.profile.is_classic());
    let member = member.ok_or(ErrorCode::UnknownMemberId)?;
    match generation.is_none_or(|generation| generation == member.current.epoch) {
        true => Ok(member),
        false => Err(ErrorCode::IllegalGeneration),
    }
}

/// Whether a member has to join again to hear what is new.
pub fn must_join_again(group: &Group, id: &str) -> bool {
    let member = &group.members()[id];
    member.current.epoch < group.epoch()
        || match member.current.progress {
            Progress::Unrevoked => true,
            Progress::Unreleased => !waits_for_others(group, id, member),
            Progress::Stable | Progress::Unknown => false,
        }
}

/// Whether a sync would come too late: something has changed since the member joined. One that has
/// to give up partitions hears of that first.
pub fn is_late(group: &Group, member: &Member) -> bool {
    group.epoch() > member.current.epoch && member.current.progress != Progress::Unrevoked
}

/// What a member is told when it syncs.
pub fn assignment(member: &Member, topics: &dyn Topics) -> Bytes {
    let classic = member.profile.classic.as_ref();
    let first = classic.and_then(|classic| classic.protocols.first());
    let subscription = first.and_then(|(_, metadata)| EmbeddedSubscription::parse(metadata));
    let version = subscription.map_or(0, |subscription| subscription.version);
    let lists: Vec<(Arc<str>, Vec<i32>)> = member
        .current
        .assigned
        .iter()
        .filter_map(|(topic, partitions)| {
            let name = topics.name_of(*topic)?;
            Some((name, partitions.keys().copied().collect()))
        })
        .collect();
    let lists: Vec<_> = lists
        .iter()
        .map(|(name, partitions)| (name.clone(), &**partitions))
        .collect();
    assignment_bytes(version, &lists)
}

/// The protocol that a member is told it has: its first.
pub fn protocol_name(member: &Member) -> Option<Arc<str>> {
    let classic = member.profile.classic.as_ref()?;
    classic.protocols.first().map(|(name, _)| name.clone())
}

/// All protocols say the same of what a consumer subscribes to; the first is read.
fn subscription(request: &JoinRequest) -> Result<EmbeddedSubscription, Refused> {
    let first = request.protocols.first();
    let read = first.and_then(|protocol| EmbeddedSubscription::parse(&protocol.metadata));
    read.ok_or_else(|| {
        let message = "the member's subscription cannot be read".to_owned();
        refused(ErrorCode::InconsistentGroupProtocol, message)
    })
}

/// Finds the member, or takes it in; what it has.
fn subscribe(
    group: &mut Group,
    id: &Arc<str>,
    is_new: bool,
    instance_id: Option<&str>,
    tx: &mut Tx,
) -> Result<Held, Refused> {
    let holder = instance_id.and_then(|instance_id| group.static_member(instance_id).cloned());
    match (instance_id, holder) {
        (Some(_), Some(old)) if is_new => return Ok(take_over(group, &old, id, tx)),
        (Some(instance_id), _) if !is_new => check_static(group, id, instance_id)?,
        _ => {}
    }
    match group.members().get(id) {
        Some(member) => Ok(member.current.assigned.clone()),
        None if instance_id.is_some() && !is_new => Err(unknown(id)),
        None => Ok(Held::new()),
    }
}

fn profile(
    request: JoinRequest,
    subscription: &EmbeddedSubscription,
    old: Option<&Profile>,
) -> Profile {
    let protocols = request.protocols.into_iter();
    let protocols = protocols.map(|protocol| (protocol.name, protocol.metadata));
    let rack_id = subscription.rack_id.clone();
    Profile {
        instance_id: request.instance_id,
        rack_id: rack_id.or_else(|| old.and_then(|old| old.rack_id.clone())),
        client_id: request.client_id,
        client_host: request.client_host,
        topics: sorted(&subscription.topics),
        regex: None,
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        assignor: old.and_then(|old| old.assignor.clone()),
        classic: Some(Arc::new(ClassicProfile {
            session_timeout_ms: request.session_timeout_ms,
            protocols: protocols.collect(),
        })),
    }
}

/// What the member says that it has, as far as its topics are there.
fn owned(subscription: &EmbeddedSubscription, topics: &dyn Topics) -> Target {
    let mut owned = Target::new();
    for (name, partitions) in &subscription.owned {
        if let Some((id, _)) = topics.by_name(name) {
            let of_topic: &mut BTreeSet<i32> = owned.entry(id).or_default();
            of_topic.extend(partitions);
        }
    }
    owned
}

fn all_offer(group: &Group, name: &str) -> bool {
    let mut classic = group.members().values();
    classic.all(|member| match &member.profile.classic {
        Some(classic) => classic
            .protocols
            .iter()
            .any(|(offered, _)| **offered == *name),
        None => true,
    })
}

fn waits_for_others(group: &Group, id: &str, member: &Member) -> bool {
    let Some(target) = group.target(id) else {
        return false;
    };
    target.iter().any(|(topic, partitions)| {
        let has = member.current.assigned.get(topic);
        partitions.iter().any(|partition| {
            let has = has.is_some_and(|has| has.contains_key(partition));
            !has && !group.is_free(*topic, *partition)
        })
    })
}
