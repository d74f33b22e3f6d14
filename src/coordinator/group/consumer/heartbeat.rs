//! ConsumerGroupHeartbeat: a member comes, says what has changed, gets its part, goes.
//!
//! A heartbeat that changes the group's subscriptions makes a new target necessary. That is not
//! computed here: the caller looks for it between [`heartbeat`] and [`finish`], which goes on with
//! whatever target there is then.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::LEFT_FOR_A_WHILE;
use super::change::{bump, detach, forget_unused, remove};
use super::group::{Group, Member, Profile};
use super::member::{Current, Held};
use super::reconcile::{Step, Target};
use super::regex;
use super::stored;
use super::topics::Topics;
use super::tx::Tx;
use crate::coordinator::group::assignor::{Assignor, TopicPartitions};
use crate::coordinator::group::config::MEMBERS_BYTES_MAX;
use crate::model::{TimestampMs, Uuid};
use crate::protocol::error_code::ErrorCode;

/// The member epoch of one that joins.
pub const JOINS: i32 = 0;
/// The member epoch of one that leaves for good.
pub const LEAVES: i32 = -1;

/// A heartbeat; `None` says that nothing has changed.
#[derive(Clone, Debug)]
pub struct HeartbeatRequest {
    /// Made by the client, or by the broker before version 1.
    pub member_id: Arc<str>,
    /// The epoch it is at; 0 joins, −1 leaves, −2 leaves for a while.
    pub epoch: i32,
    /// Of a static member.
    pub instance_id: Option<Arc<str>>,
    /// Where it is.
    pub rack_id: Option<Arc<str>>,
    /// How long it may take to give partitions up; −1 on the wire is `None`.
    pub rebalance_timeout_ms: Option<i32>,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Where it calls from.
    pub client_host: Arc<str>,
    /// Topics by name.
    pub topics: Option<Vec<Arc<str>>>,
    /// A regular expression for more of them; an empty one takes it back.
    pub regex: Option<Arc<str>>,
    /// The assignor it wishes for.
    pub assignor: Option<Arc<str>>,
    /// What it has.
    pub owned: Option<Target>,
}

/// Why a heartbeat is refused, with words for whoever looks into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Kafka's code.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
}

/// What the member is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Who it is.
    pub member_id: Arc<str>,
    /// The epoch it is at.
    pub epoch: i32,
    /// What it may consume, if that has changed or it has asked.
    pub assigned: Option<TopicPartitions>,
}

/// A heartbeat that has been taken in; its member has not been moved on yet.
#[derive(Clone, Debug)]
pub struct Pending {
    pub(super) member_id: Arc<str>,
    pub(super) owned: Option<Target>,
    /// What it had when it came.
    pub(super) assigned: Held,
    pub(super) has_changed: bool,
    pub(super) is_full: bool,
}

/// Whether a heartbeat makes sense at all.
///
/// # Errors
/// `INVALID_REQUEST`, `UNSUPPORTED_ASSIGNOR`.
pub fn check(
    group: &str,
    request: &HeartbeatRequest,
    assignors: &[Assignor],
) -> Result<(), Refused> {
    let invalid = |message: &str| Err(refused(ErrorCode::InvalidRequest, message.to_owned()));
    let is_blank = |text: &str| text.chars().all(char::is_whitespace);
    if is_blank(group) {
        return invalid("GroupId can't be empty.");
    }
    if is_blank(&request.member_id) {
        return invalid("MemberId can't be empty.");
    }
    if request.instance_id.as_deref().is_some_and(is_blank) {
        return invalid("InstanceId can't be empty.");
    }
    if request.rack_id.as_deref().is_some_and(is_blank) {
        return invalid("RackId can't be empty.");
    }
    match request.epoch {
        1.. | LEAVES => {}
        JOINS if request.rebalance_timeout_ms.is_none() => {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        JOINS if request.owned.as_ref().is_none_or(|owned| !owned.is_empty()) => {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        JOINS if request.topics.is_none() && request.regex.is_none() => {
            return invalid(
                "SubscribedTopicNames or SubscribedTopicRegex must be set in first request.",
            );
        }
        JOINS => {}
        LEFT_FOR_A_WHILE if request.instance_id.is_none() => {
            return invalid("InstanceId can't be null.");
        }
        LEFT_FOR_A_WHILE => {}
        _ => return invalid("MemberEpoch is invalid."),
    }
    let Some(name) = &request.assignor else {
        return Ok(());
    };
    match assignors.iter().any(|assignor| assignor.name() == &**name) {
        true => Ok(()),
        false => {
            let known: Vec<_> = assignors.iter().map(|assignor| assignor.name()).collect();
            let message = format!(
                "ServerAssignor {name} is not supported; there are: {}.",
                known.join(", ")
            );
            Err(refused(ErrorCode::UnsupportedAssignor, message))
        }
    }
}

/// The answer to a heartbeat that says nothing new from a member that has all of its part: most
/// of them. `None` if there is more to it.
pub fn steady(group: &Group, request: &HeartbeatRequest) -> Option<Told> {
    let (id, member) = group.members().get_key_value(&request.member_id)?;
    let is_settled = request.epoch > 0
        && request.epoch == member.current.epoch
        && group.epoch() == group.target_epoch()
        && member.current.has_reached(group.target_epoch());
    if !is_settled || !says_nothing_new(request, member) {
        return None;
    }
    let assigned = is_full(request).then(|| as_lists(&member.current.assigned));
    Some(Told {
        member_id: id.clone(),
        epoch: member.current.epoch,
        assigned,
    })
}

/// Takes a heartbeat in: the member is in the group, and its words with it.
///
/// # Errors
/// The member's fault: what `tx` has is to be taken back then.
pub fn heartbeat(
    group: &mut Group,
    request: HeartbeatRequest,
    members_max: usize,
    topics: &dyn Topics,
    now: TimestampMs,
    tx: &mut Tx,
) -> Result<Pending, Refused> {
    let instance_id = request.instance_id.as_deref();
    let is_back = instance_id.is_some_and(|instance_id| group.static_member(instance_id).is_some());
    let is_in = is_back || group.members().contains_key(&request.member_id);
    if !is_in && group.members().len() >= members_max {
        let message = format!("the group has as many members as it may have: {members_max}");
        return Err(refused(ErrorCode::GroupMaxSizeReached, message));
    }
    let said_before = group.said_bytes();
    let assigned = subscribe(group, &request, tx)?;
    let has_changed = update_profile(group, &request, topics, now, tx)?;
    check_memory(group, said_before)?;
    if has_changed || group.epoch() == 0 {
        let did = match is_in {
            true => "subscribes to something else",
            false => "joins",
        };
        bump(group, &format!("{} {did}", request.member_id), topics, tx);
    }
    Ok(Pending {
        is_full: is_full(&request),
        member_id: request.member_id,
        owned: request.owned,
        assigned,
        has_changed,
    })
}

/// Moves the member on towards the target that there is now, and tells it.
///
/// # Errors
/// `FENCED_MEMBER_EPOCH` as [`Step::of`] says.
pub fn finish(
    group: &mut Group,
    pending: Pending,
    topics: &dyn Topics,
    tx: &mut Tx,
) -> Result<Told, Refused> {
    let id = &pending.member_id;
    let member = &group.members()[id];
    let is_there = !pending.has_changed && member.current.has_reached(group.target_epoch());
    if !is_there {
        let next = next_step(group, member, &pending, topics)?;
        if next != member.current {
            let record = stored::current_record(group.id(), id, Some(&next));
            tx.apply(group, record);
        }
    }
    let current = &group.members()[id].current;
    let tells = pending.is_full || current.assigned != pending.assigned;
    Ok(Told {
        epoch: current.epoch,
        assigned: tells.then(|| as_lists(&current.assigned)),
        member_id: pending.member_id,
    })
}

/// A member goes by itself, for good or for a while. Whether it is for good.
///
/// # Errors
/// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`.
pub fn check_leave(group: &Group, request: &HeartbeatRequest) -> Result<(), Refused> {
    let id = &request.member_id;
    if let Some(instance_id) = &request.instance_id {
        check_static(group, id, instance_id)?;
    }
    match group.members().contains_key(id) {
        true => Ok(()),
        false => Err(unknown(id)),
    }
}

/// A static member leaves for a while: nobody else gets its part until its session is over.
pub fn leave_for_a_while(group: &mut Group, id: &Arc<str>, tx: &mut Tx) {
    let current = &group.members()[id].current;
    let away = Current {
        epoch: LEFT_FOR_A_WHILE,
        previous_epoch: current.epoch,
        revoking: Held::new(),
        ..current.clone()
    };
    let record = stored::current_record(group.id(), id, Some(&away));
    tx.apply(group, record);
}

/// Takes a member out, and has the rest share what it had.
pub fn fence(group: &mut Group, id: &Arc<str>, topics: &dyn Topics, tx: &mut Tx) {
    remove(group, id, tx);
    bump(group, &format!("{id} is gone"), topics, tx);
}

/// That the group may hold what its members say now; who says no more than before always may.
///
/// # Errors
/// `GROUP_MAX_SIZE_REACHED`.
pub(super) fn check_memory(group: &Group, said_before: usize) -> Result<(), Refused> {
    let bytes = group.said_bytes();
    match bytes <= MEMBERS_BYTES_MAX.max(said_before) {
        true => Ok(()),
        false => {
            let message = format!(
                "with this the subscriptions of the group's members have {bytes} bytes, and \
                 {MEMBERS_BYTES_MAX} may be: split the group, or subscribe to less"
            );
            Err(refused(ErrorCode::GroupMaxSizeReached, message))
        }
    }
}

/// That an instance id is known, and this member's.
///
/// # Errors
/// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`.
pub fn check_static(group: &Group, id: &Arc<str>, instance_id: &str) -> Result<(), Refused> {
    match group.static_member(instance_id) {
        None => {
            let message = format!("instance id {instance_id} is not known");
            Err(refused(ErrorCode::UnknownMemberId, message))
        }
        Some(holder) if holder != id => {
            let message =
                format!("{id} was replaced by {holder}, which has instance id {instance_id}");
            Err(refused(ErrorCode::FencedInstanceId, message))
        }
        Some(_) => Ok(()),
    }
}

/// A static member is back under another id: it gets what it had, and what was meant for it.
pub(super) fn take_over(group: &mut Group, old: &Arc<str>, new: &Arc<str>, tx: &mut Tx) -> Held {
    let member = &group.members()[old];
    let profile = member.profile.clone();
    let current = Current {
        epoch: 0,
        previous_epoch: 0,
        ..member.current.clone()
    };
    let target = group.target(old).cloned();
    detach(group, old, tx);
    let id = group.id().clone();
    tx.apply(group, stored::profile_record(&id, new, Some(&profile)));
    if let Some(target) = target {
        tx.apply(group, stored::target_record(&id, new, Some(&target)));
    }
    tx.apply(group, stored::current_record(&id, new, Some(&current)));
    current.assigned
}

/// Puts down what a member says of itself; whether it subscribes to something else than before.
pub(super) fn put_profile(group: &mut Group, id: &Arc<str>, profile: Profile, tx: &mut Tx) -> bool {
    let before = group.members().get(id).map(|member| &member.profile);
    if before == Some(&profile) {
        return false;
    }
    let has_changed = before
        .is_none_or(|before| before.topics != profile.topics || before.regex != profile.regex);
    let gone = before.and_then(|before| before.regex.clone());
    let record = stored::profile_record(group.id(), id, Some(&profile));
    tx.apply(group, record);
    if let Some(regex) = gone {
        forget_unused(group, &regex, tx);
    }
    has_changed
}

/// For the log and for comparing: each name once, in order.
pub(super) fn sorted(topics: &[Arc<str>]) -> Arc<[Arc<str>]> {
    let topics: BTreeSet<_> = topics.iter().cloned().collect();
    topics.into_iter().collect()
}

pub(super) fn refused(code: ErrorCode, message: String) -> Refused {
    Refused { code, message }
}

pub(super) fn unknown(id: &str) -> Refused {
    refused(ErrorCode::UnknownMemberId, format!("{id} is not a member"))
}

/// Finds the member, or takes it in; what it has.
fn subscribe(group: &mut Group, request: &HeartbeatRequest, tx: &mut Tx) -> Result<Held, Refused> {
    let id = &request.member_id;
    if let Some(instance_id) = &request.instance_id {
        match group.static_member(instance_id).cloned() {
            None if request.epoch == JOINS => {}
            Some(holder) if request.epoch == JOINS && holder != *id => {
                check_released(&group.members()[&holder], &holder, instance_id)?;
                return Ok(take_over(group, &holder, id, tx));
            }
            _ => check_static(group, id, instance_id)?,
        }
    }
    match group.members().get(id) {
        Some(member) => {
            check_epoch(request, &member.current)?;
            Ok(member.current.assigned.clone())
        }
        None if request.epoch == JOINS => Ok(Held::new()),
        None => Err(unknown(id)),
    }
}

fn check_released(member: &Member, holder: &str, instance_id: &str) -> Result<(), Refused> {
    match member.is_away() || member.profile.is_classic() {
        true => Ok(()),
        false => {
            let message = format!("{holder} has instance id {instance_id}, and has not left");
            Err(refused(ErrorCode::UnreleasedInstanceId, message))
        }
    }
}

/// Who joins again has given up everything: its epoch does not matter.
fn check_epoch(request: &HeartbeatRequest, current: &Current) -> Result<(), Refused> {
    if request.epoch == JOINS || request.epoch == current.epoch {
        return Ok(());
    }
    // The answer with the new epoch may have been lost.
    let is_one_behind = request.epoch == current.previous_epoch
        && request.epoch < current.epoch
        && request
            .owned
            .as_ref()
            .is_some_and(|owned| is_within(owned, &current.assigned));
    match is_one_behind {
        true => Ok(()),
        false => {
            let message = format!(
                "the member says it is at epoch {} and is at {}; it has to give up its partitions \
                 and join again",
                request.epoch, current.epoch
            );
            Err(refused(ErrorCode::FencedMemberEpoch, message))
        }
    }
}

fn update_profile(
    group: &mut Group,
    request: &HeartbeatRequest,
    topics: &dyn Topics,
    now: TimestampMs,
    tx: &mut Tx,
) -> Result<bool, Refused> {
    let id = &request.member_id;
    let before = group.members().get(id);
    if before.is_some_and(|member| says_nothing_new(request, member)) {
        return Ok(false);
    }
    let old = before.map(|member| member.profile.clone());
    let mut profile = old.unwrap_or_else(|| Profile {
        rebalance_timeout_ms: -1,
        ..Profile::default()
    });
    let update = |old: &mut Option<Arc<str>>, new: &Option<Arc<str>>| {
        if new.is_some() {
            old.clone_from(new);
        }
    };
    update(&mut profile.instance_id, &request.instance_id);
    update(&mut profile.rack_id, &request.rack_id);
    update(&mut profile.assignor, &request.assignor);
    update(&mut profile.regex, &request.regex);
    profile.regex = profile.regex.filter(|regex| !regex.is_empty());
    profile.client_id = request.client_id.clone();
    profile.client_host = request.client_host.clone();
    profile.classic = None;
    if let Some(topics) = &request.topics {
        profile.topics = sorted(topics);
    }
    if let Some(timeout) = request.rebalance_timeout_ms {
        profile.rebalance_timeout_ms = timeout;
    }
    let unknown = profile.regex.clone();
    let unknown = unknown.filter(|regex| group.resolved(regex).is_none());
    let resolved = match &unknown {
        Some(regex) => Some((regex, regex::resolve(regex, topics, now)?)),
        None => None,
    };
    let has_changed = put_profile(group, id, profile, tx);
    if let Some((regex, resolved)) = resolved {
        let record = stored::resolved_record(group.id(), regex, Some(&resolved));
        tx.apply(group, record);
    }
    Ok(has_changed)
}

/// Without copying anything: thousands say so every second.
fn says_nothing_new(request: &HeartbeatRequest, member: &Member) -> bool {
    let profile = &member.profile;
    let same = |new: &Option<Arc<str>>, old: &Option<Arc<str>>| new.is_none() || new == old;
    let regex = request.regex.as_deref();
    let same_regex = regex.is_none_or(|regex| profile.regex.as_deref().unwrap_or("") == regex);
    let timeout = request.rebalance_timeout_ms;
    !profile.is_classic()
        && profile.client_id == request.client_id
        && profile.client_host == request.client_host
        && same(&request.instance_id, &profile.instance_id)
        && same(&request.rack_id, &profile.rack_id)
        && same(&request.assignor, &profile.assignor)
        && same_regex
        && timeout.is_none_or(|timeout| timeout == profile.rebalance_timeout_ms)
        && request
            .topics
            .as_ref()
            .is_none_or(|topics| names_the_same(topics, &profile.topics))
}

/// `known` is in order and names each once; clients mostly send it like that, too.
fn names_the_same(topics: &[Arc<str>], known: &[Arc<str>]) -> bool {
    topics == known || *sorted(topics) == *known
}

fn next_step(
    group: &Group,
    member: &Member,
    pending: &Pending,
    topics: &dyn Topics,
) -> Result<Current, Refused> {
    let names = group.topics_of(&member.profile);
    let subscribed: BTreeSet<Uuid> = names
        .filter_map(|name| Some(topics.by_name(name)?.0))
        .collect();
    let target = group.target(&pending.member_id);
    let target = target.map(|target| as_sets(target)).unwrap_or_default();
    let step = Step {
        target_epoch: group.target_epoch(),
        target: &target,
        subscribed: &subscribed,
        has_changed: pending.has_changed,
        owned: pending.owned.as_ref(),
        is_free: |topic, partition| group.is_free(topic, partition),
    };
    step.of(&member.current).map_err(|_| {
        let message = "the member is in a state that is not known; it has to join again".to_owned();
        refused(ErrorCode::FencedMemberEpoch, message)
    })
}

/// Kafka's sign that a member has lost an answer, or begins anew: it says everything.
fn is_full(request: &HeartbeatRequest) -> bool {
    let subscribes = request.topics.is_some() || request.regex.is_some();
    request.epoch == JOINS
        || request.rebalance_timeout_ms.is_some() && subscribes && request.owned.is_some()
}

fn is_within(owned: &Target, assigned: &Held) -> bool {
    owned.iter().all(|(topic, partitions)| {
        let has = assigned.get(topic);
        has.is_some_and(|has| {
            let mut partitions = partitions.iter();
            partitions.all(|partition| has.contains_key(partition))
        })
    })
}

fn as_sets(target: &TopicPartitions) -> Target {
    let sets = target.iter();
    sets.map(|(topic, partitions)| (*topic, partitions.iter().copied().collect()))
        .collect()
}

/// What a member has, as lists.
pub fn as_lists(held: &Held) -> TopicPartitions {
    let lists = held.iter();
    lists
        .map(|(topic, partitions)| (*topic, partitions.keys().copied().collect()))
        .collect()
}
