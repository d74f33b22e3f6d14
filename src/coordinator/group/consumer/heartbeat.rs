//! ConsumerGroupHeartbeat: a member comes, says what has changed, gets its part, goes.
//!
//! A heartbeat that changes the group's subscriptions makes a new target necessary. That is not
//! computed here: [`Heartbeat::NeedsTarget`] says so, and [`finish`] goes on when there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::LEFT_FOR_A_WHILE;
use super::group::{Group, Profile};
use super::member::{Current, Held};
use super::reconcile::{Step, Target};
use super::stored;
use super::tx::Tx;
use crate::coordinator::group::assignor::{
    Assignment, Assignor, GroupSpec, MemberSpec, Subscription, TopicPartitions,
};
use crate::model::{TimestampMs, Uuid};
use crate::protocol::error_code::ErrorCode;

/// The member epoch of one that joins.
const JOINS: i32 = 0;
/// The member epoch of one that leaves for good.
const LEAVES: i32 = -1;

/// The topics of the cluster, as far as a group needs to know them.
pub trait Topics {
    /// A topic's id and how many partitions it has.
    fn by_name(&self, name: &str) -> Option<(Uuid, u32)>;
}

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
    /// How long it may take to give partitions up.
    pub rebalance_timeout_ms: Option<i32>,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Where it calls from.
    pub client_host: Arc<str>,
    /// Topics by name.
    pub topics: Option<Vec<Arc<str>>>,
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

/// What a heartbeat came to.
#[derive(Debug)]
pub enum Heartbeat {
    /// It is through.
    Done(Told),
    /// The group has no target for its epoch: [`finish`] when it does.
    NeedsTarget(Pending),
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

/// A heartbeat that waits for a target.
#[derive(Clone, Debug)]
pub struct Pending {
    member_id: Arc<str>,
    owned: Option<Target>,
    /// What it had when it came.
    assigned: Held,
    has_changed: bool,
    is_full: bool,
}

/// Takes a heartbeat as far as it goes without a new target.
///
/// # Errors
/// The member's fault: nothing has changed then.
pub fn heartbeat(
    group: &mut Group,
    request: HeartbeatRequest,
    members_max: usize,
    topics: &dyn Topics,
    tx: &mut Tx,
) -> Result<Heartbeat, Refused> {
    check(&request)?;
    if request.epoch == LEAVES || request.epoch == LEFT_FOR_A_WHILE {
        return leave(group, &request, tx).map(Heartbeat::Done);
    }
    let is_in = group.members().contains_key(&request.member_id);
    if !is_in && group.members().len() >= members_max {
        let message = format!("the group has as many members as it may have: {members_max}");
        return Err(refused(ErrorCode::GroupMaxSizeReached, message));
    }
    let current = subscribe(group, &request, tx)?;
    let has_changed = update_profile(group, &request, tx);
    if has_changed || group.epoch() == 0 {
        bump(group, topics, tx);
    }
    let is_full = request.epoch == JOINS
        || request.rebalance_timeout_ms.is_some()
            && request.topics.is_some()
            && request.owned.is_some();
    let pending = Pending {
        member_id: request.member_id,
        owned: request.owned,
        assigned: current.assigned,
        has_changed,
        is_full,
    };
    match group.epoch() > group.target_epoch() {
        true => Ok(Heartbeat::NeedsTarget(pending)),
        false => finish(group, pending, topics, tx).map(Heartbeat::Done),
    }
}

/// Moves the member on towards the target that there is now, and tells it.
///
/// # Errors
/// `UNKNOWN_MEMBER_ID` if it has gone meanwhile; `FENCED_MEMBER_EPOCH` as [`Step::of`] says.
pub fn finish(
    group: &mut Group,
    pending: Pending,
    topics: &dyn Topics,
    tx: &mut Tx,
) -> Result<Told, Refused> {
    let id = &pending.member_id;
    let Some(member) = group.members().get(id) else {
        let message = format!("{id} has left the group");
        return Err(refused(ErrorCode::UnknownMemberId, message));
    };
    let names = member.profile.topics.iter();
    let subscribed: BTreeSet<Uuid> = names
        .filter_map(|name| Some(topics.by_name(name)?.0))
        .collect();
    let target = group.target(id).map(|target| as_sets(target));
    let next = Step {
        target_epoch: group.target_epoch(),
        target: &target.unwrap_or_default(),
        subscribed: &subscribed,
        has_changed: pending.has_changed,
        owned: pending.owned.as_ref(),
        is_free: |topic, partition| group.is_free(topic, partition),
    }
    .of(&member.current)
    .map_err(|_| {
        let message = "the member is in a state that is not known; it has to join again".to_owned();
        refused(ErrorCode::FencedMemberEpoch, message)
    })?;
    if next != member.current {
        let record = stored::current_record(group.id(), id, Some(&next));
        tx.apply(group, record);
    }
    let tells = pending.is_full || next.assigned != pending.assigned;
    Ok(Told {
        epoch: next.epoch,
        assigned: tells.then(|| as_lists(&next.assigned)),
        member_id: pending.member_id,
    })
}

/// Takes a member out that was silent, or did not give up what it had to.
pub fn fence(group: &mut Group, id: &Arc<str>, topics: &dyn Topics, tx: &mut Tx) {
    remove(group, id, tx);
    bump(group, topics, tx);
}

/// What the assignor needs to know of the group as it is.
pub fn spec(group: &Group, topics: &dyn Topics) -> (Assignor, GroupSpec) {
    let mut known: BTreeMap<Uuid, u32> = BTreeMap::new();
    let mut shared: BTreeMap<Arc<[Arc<str>]>, Subscription> = BTreeMap::new();
    for member in group.members().values() {
        shared
            .entry(member.profile.topics.clone())
            .or_insert_with(|| {
                let found = member.profile.topics.iter();
                let found = found.filter_map(|name| topics.by_name(name));
                let found: Vec<_> = found.collect();
                known.extend(found.iter().copied());
                Subscription::new(found.into_iter().map(|(id, _)| id))
            });
    }
    let members = group.members().iter().map(|(id, member)| {
        let spec = MemberSpec {
            instance_id: member.profile.instance_id.clone(),
            subscription: shared[&member.profile.topics].clone(),
            assigned: group.target(id).cloned().unwrap_or_default(),
        };
        (id.clone(), spec)
    });
    let spec = GroupSpec {
        members: members.collect(),
        topics: known,
    };
    (group.assignor(), spec)
}

/// Makes an assignment the target of `epoch`.
pub fn install(
    group: &mut Group,
    epoch: i32,
    assignment: &Assignment,
    now: TimestampMs,
    tx: &mut Tx,
) {
    for (id, wanted) in assignment {
        if group.target(id) != Some(wanted) {
            let record = stored::target_record(group.id(), id, Some(wanted));
            tx.apply(group, record);
        }
    }
    let record = stored::target_epoch_record(group.id(), Some((epoch, now)));
    tx.apply(group, record);
}

fn check(request: &HeartbeatRequest) -> Result<(), Refused> {
    let invalid = |message: &str| Err(refused(ErrorCode::InvalidRequest, message.to_owned()));
    if request.member_id.is_empty() {
        return invalid("MemberId can't be empty.");
    }
    if request.instance_id.as_deref().is_some_and(str::is_empty) {
        return invalid("InstanceId can't be empty.");
    }
    if let Some(name) = &request.assignor
        && Assignor::by_name(name).is_none()
    {
        let message = format!("there is no assignor {name}; there are uniform and range");
        return Err(refused(ErrorCode::UnsupportedAssignor, message));
    }
    match request.epoch {
        1.. | LEAVES => Ok(()),
        JOINS if request.rebalance_timeout_ms.is_none() => {
            invalid("RebalanceTimeoutMs must be provided in first request.")
        }
        JOINS if request.owned.as_ref().is_none_or(|owned| !owned.is_empty()) => {
            invalid("TopicPartitions must be empty when (re-)joining.")
        }
        JOINS if request.topics.is_none() => {
            invalid("SubscribedTopicNames must be set in first request.")
        }
        JOINS => Ok(()),
        LEFT_FOR_A_WHILE if request.instance_id.is_none() => invalid("InstanceId can't be null."),
        LEFT_FOR_A_WHILE => Ok(()),
        _ => invalid("MemberEpoch is invalid."),
    }
}

/// Finds the member, or takes it in; what it has.
fn subscribe(
    group: &mut Group,
    request: &HeartbeatRequest,
    tx: &mut Tx,
) -> Result<Current, Refused> {
    let id = &request.member_id;
    let holder = match &request.instance_id {
        Some(instance_id) => group.static_member(instance_id).cloned(),
        None => None,
    };
    match holder {
        Some(holder) if request.epoch == JOINS && holder != *id => {
            return take_over(group, &holder, id, tx);
        }
        Some(holder) if holder != *id => {
            let message = format!("{id} was replaced by {holder}");
            return Err(refused(ErrorCode::FencedInstanceId, message));
        }
        None if request.instance_id.is_some() && request.epoch != JOINS => {
            let message = "nobody has this instance id".to_owned();
            return Err(refused(ErrorCode::UnknownMemberId, message));
        }
        _ => {}
    }
    match group.members().get(id) {
        Some(member) => {
            check_epoch(request, &member.current)?;
            Ok(member.current.clone())
        }
        None if request.epoch == JOINS => Ok(Current::new()),
        None => {
            let message = format!("{id} is not a member");
            Err(refused(ErrorCode::UnknownMemberId, message))
        }
    }
}

fn check_epoch(request: &HeartbeatRequest, current: &Current) -> Result<(), Refused> {
    let fenced = |message: String| Err(refused(ErrorCode::FencedMemberEpoch, message));
    if request.epoch > current.epoch {
        return fenced(format!(
            "epoch {} is beyond the member's, {}; it has to join again",
            request.epoch, current.epoch
        ));
    }
    // The answer with the new epoch may have been lost.
    let is_one_behind = request.epoch == current.previous_epoch
        && request
            .owned
            .as_ref()
            .is_some_and(|owned| is_within(owned, &current.assigned));
    match request.epoch == current.epoch || is_one_behind {
        true => Ok(()),
        false => fenced(format!(
            "epoch {} is before the member's, {}; it has to join again",
            request.epoch, current.epoch
        )),
    }
}

/// A static member is back, under another id: it gets what it had.
fn take_over(
    group: &mut Group,
    old: &Arc<str>,
    new: &Arc<str>,
    tx: &mut Tx,
) -> Result<Current, Refused> {
    let member = &group.members()[old];
    if !member.is_away() && !member.profile.is_classic() {
        let message = format!("{old} has this instance id, and has not left");
        return Err(refused(ErrorCode::UnreleasedInstanceId, message));
    }
    let profile = member.profile.clone();
    let current = Current {
        epoch: 0,
        previous_epoch: 0,
        ..member.current.clone()
    };
    let target = group.target(old).cloned();
    remove(group, old, tx);
    let id = group.id().clone();
    tx.apply(group, stored::profile_record(&id, new, Some(&profile)));
    if let Some(target) = target {
        tx.apply(group, stored::target_record(&id, new, Some(&target)));
    }
    tx.apply(group, stored::current_record(&id, new, Some(&current)));
    Ok(current)
}

/// Notes what the member says of itself; whether it subscribes to something else than before.
fn update_profile(group: &mut Group, request: &HeartbeatRequest, tx: &mut Tx) -> bool {
    let before = group.members().get(&request.member_id);
    let before = before.map(|member| member.profile.clone());
    let known = |new: &Option<Arc<str>>, old: Option<&Option<Arc<str>>>| {
        new.clone().or_else(|| old.cloned().flatten())
    };
    let old = before.as_ref();
    let topics = request.topics.as_ref().map(|topics| sorted(topics));
    let profile = Profile {
        instance_id: known(&request.instance_id, old.map(|old| &old.instance_id)),
        rack_id: known(&request.rack_id, old.map(|old| &old.rack_id)),
        client_id: request.client_id.clone(),
        client_host: request.client_host.clone(),
        topics: topics
            .or_else(|| old.map(|old| old.topics.clone()))
            .unwrap_or_else(|| Arc::new([])),
        regex: old.and_then(|old| old.regex.clone()),
        rebalance_timeout_ms: request
            .rebalance_timeout_ms
            .or(old.map(|old| old.rebalance_timeout_ms))
            .unwrap_or(-1),
        assignor: known(&request.assignor, old.map(|old| &old.assignor)),
        classic: None,
    };
    if before.as_ref() == Some(&profile) {
        return false;
    }
    let changed = before.is_none_or(|before| before.topics != profile.topics);
    let record = stored::profile_record(group.id(), &request.member_id, Some(&profile));
    tx.apply(group, record);
    changed
}

/// A new epoch, and with it a new target.
fn bump(group: &mut Group, topics: &dyn Topics, tx: &mut Tx) {
    let epoch = group.epoch() + 1;
    let hash = metadata_hash(group, topics);
    log::info!("group {}: epoch {epoch}", group.id());
    let record = stored::epoch_record(group.id(), Some((epoch, hash)));
    tx.apply(group, record);
}

/// Topics of the group have changed: a new epoch, if what it subscribes to is not what it was.
pub fn refresh(group: &mut Group, topics: &dyn Topics, tx: &mut Tx) {
    if !group.members().is_empty() && metadata_hash(group, topics) != group.metadata_hash() {
        bump(group, topics, tx);
    }
}

/// Of what the group subscribes to: names, ids and counts of partitions (FNV-1a; Kafka's own hash
/// is another one, so that after a change of brokers each group gets one new epoch).
fn metadata_hash(group: &Group, topics: &dyn Topics) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    };
    for name in group.subscribed() {
        if let Some((id, partitions)) = topics.by_name(name) {
            add(name.as_bytes());
            add(&id.as_u128().to_be_bytes());
            add(&partitions.to_be_bytes());
        }
    }
    hash as i64
}

fn leave(group: &mut Group, request: &HeartbeatRequest, tx: &mut Tx) -> Result<Told, Refused> {
    let id = &request.member_id;
    let Some(member) = group.members().get(id) else {
        let message = format!("{id} is not a member");
        return Err(refused(ErrorCode::UnknownMemberId, message));
    };
    let holder = request.instance_id.as_deref();
    let holder = holder.map(|instance_id| group.static_member(instance_id));
    match holder {
        Some(None) => {
            let message = "nobody has this instance id".to_owned();
            return Err(refused(ErrorCode::UnknownMemberId, message));
        }
        Some(Some(holder)) if holder != id => {
            let message = format!("{id} was replaced by {holder}");
            return Err(refused(ErrorCode::FencedInstanceId, message));
        }
        _ => {}
    }
    if request.epoch == LEFT_FOR_A_WHILE {
        let away = Current {
            epoch: LEFT_FOR_A_WHILE,
            previous_epoch: member.current.epoch,
            revoking: Held::new(),
            ..member.current.clone()
        };
        let record = stored::current_record(group.id(), id, Some(&away));
        tx.apply(group, record);
    } else {
        let id = id.clone();
        remove(group, &id, tx);
        let (epoch, hash) = (group.epoch() + 1, group.metadata_hash());
        let record = stored::epoch_record(group.id(), Some((epoch, hash)));
        tx.apply(group, record);
    }
    Ok(Told {
        member_id: request.member_id.clone(),
        epoch: request.epoch,
        assigned: None,
    })
}

/// What the log has of a member goes, the last said first.
fn remove(group: &mut Group, member: &Arc<str>, tx: &mut Tx) {
    let id = group.id().clone();
    tx.apply(group, stored::current_record(&id, member, None));
    tx.apply(group, stored::target_record(&id, member, None));
    tx.apply(group, stored::profile_record(&id, member, None));
}

fn sorted(topics: &[Arc<str>]) -> Arc<[Arc<str>]> {
    let topics: BTreeSet<_> = topics.iter().cloned().collect();
    topics.into_iter().collect()
}

fn is_within(owned: &Target, assigned: &Held) -> bool {
    owned.iter().all(|(topic, partitions)| {
        let has = assigned.get(topic);
        has.is_some_and(|has| {
            partitions
                .iter()
                .all(|partition| has.contains_key(partition))
        })
    })
}

fn as_sets(target: &TopicPartitions) -> Target {
    let sets = target.iter();
    sets.map(|(topic, partitions)| (*topic, partitions.iter().copied().collect()))
        .collect()
}

fn as_lists(held: &Held) -> TopicPartitions {
    let lists = held.iter();
    lists
        .map(|(topic, partitions)| (*topic, partitions.keys().copied().collect()))
        .collect()
}

fn refused(code: ErrorCode, message: String) -> Refused {
    Refused { code, message }
}
