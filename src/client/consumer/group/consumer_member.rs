//! A member of a consumer group (KIP-848). Pure.
//!
//! The coordinator hands out a partition once nobody else holds it, so a member takes what it is
//! assigned at once. What it is to give back it gives back first, and then reports what it holds:
//! that report is the acknowledgement the coordinator waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::member::{Answer, Identity, Leave, Pace, Report, Reported, Work, is_passing};
use super::ownership::{Ownership, Reconciled, Step};
use crate::client::ClientError;
use crate::model::{TopicPartition, Uuid};
use crate::protocol::error_code::ErrorCode;

/// The state of one member.
#[derive(Debug)]
pub(super) struct ConsumerMember {
    identity: Identity,
    phase: Phase,
    ownership: Ownership,
    pace: Pace,
    names: BTreeMap<Uuid, Arc<str>>,
    /// What is assigned, until all its topics have names.
    unnamed: Option<Vec<(Uuid, Vec<i32>)>>,
    /// Whether the next report tells everything, since the last one may not have arrived.
    in_full: bool,
    /// Whether the next report acknowledges what is held.
    acknowledge: bool,
    closing: bool,
    error: Option<ClientError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The application lets go of what is lost; then comes the join.
    Fenced,
    Joining,
    Joined,
    /// The application has not polled for too long; its next poll begins anew.
    Stalled,
    Over,
}

impl ConsumerMember {
    /// A member under an id of its own making, which is for its whole life (KIP-1082).
    pub(super) fn new(instance_id: Option<String>, mut pace: Pace) -> Self {
        Self {
            identity: Identity {
                member_id: pace.new_member_id(),
                epoch: JOINING,
                instance_id,
            },
            phase: Phase::Joining,
            ownership: Ownership::default(),
            pace,
            names: BTreeMap::new(),
            unnamed: None,
            in_full: true,
            acknowledge: false,
            closing: false,
            error: None,
        }
    }

    pub(super) fn poll_work(&mut self, now: Instant) -> Work {
        if self.phase == Phase::Over {
            return Work::Stop;
        }
        if self.closing {
            let left = self.leave("it is closed");
            self.phase = Phase::Over;
            return left.unwrap_or(Work::Stop);
        }
        if self.pace.is_overdue(now) && self.phase != Phase::Stalled {
            return self.stall();
        }
        if self.phase == Phase::Fenced && self.ownership.is_settled() {
            self.phase = Phase::Joining;
        }
        match self.phase {
            Phase::Joining => self.pace.wait(now).unwrap_or_else(|| self.report()),
            Phase::Joined => self.report_or_wait(now),
            Phase::Fenced => Work::Wait(Some(self.pace.poll_by() + JUST_AFTER)),
            Phase::Stalled => Work::Wait(None),
            Phase::Over => Work::Stop,
        }
    }

    pub(super) fn on_answer(&mut self, now: Instant, answer: Answer) {
        match answer {
            Answer::Reported(Ok(reported)) => self.on_reported(now, reported),
            Answer::Reported(Err(error)) => self.on_refused(now, error),
            Answer::Named(named) => self.on_named(now, named),
            Answer::Left => {}
            Answer::Joined(_)
            | Answer::MemberId(_)
            | Answer::Led(_)
            | Answer::Synced(_)
            | Answer::Beaten(_)
            | Answer::Counted(_) => unreachable!("only a classic member asks for it"),
        }
    }

    pub(super) fn on_poll(&mut self, now: Instant) -> bool {
        self.pace.on_poll(now);
        let stalled = self.phase == Phase::Stalled;
        if stalled {
            self.phase = Phase::Fenced;
        }
        stalled
    }

    pub(super) fn on_step_done(&mut self, now: Instant, step: &Step) {
        let reconciled = self.ownership.on_step_done(step);
        self.on_reconciled(now, reconciled);
    }

    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    pub(super) fn identity(&self) -> Option<Identity> {
        (self.identity.epoch > JOINING).then(|| self.identity.clone())
    }

    pub(super) fn ownership(&self) -> &Ownership {
        &self.ownership
    }

    pub(super) fn ownership_mut(&mut self) -> &mut Ownership {
        &mut self.ownership
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.pace.trouble()
    }

    pub(super) fn take_error(&mut self) -> Option<ClientError> {
        self.error.take()
    }

    fn report_or_wait(&mut self, now: Instant) -> Work {
        if self.pace.heartbeat_at <= now {
            return self.report();
        }
        if let Some(wait) = self.pace.wait(now) {
            return wait;
        }
        let unnamed = self.unnamed();
        if !unnamed.is_empty() {
            return Work::Name(unnamed);
        }
        let times = [self.pace.heartbeat_at, self.pace.poll_by() + JUST_AFTER];
        Work::Wait(times.into_iter().min())
    }

    fn report(&mut self) -> Work {
        let joins = self.identity.epoch == JOINING;
        // What is settled while this report is under way takes another one.
        let acknowledges = std::mem::take(&mut self.acknowledge);
        let tells_owned = self.in_full || acknowledges;
        let owned = match joins {
            true => Vec::new(),
            false => self.claimed_by_id(),
        };
        Work::Report(Report {
            identity: self.identity.clone(),
            in_full: self.in_full,
            owned: tells_owned.then_some(owned),
        })
    }

    /// The coordinator takes what is left out for given back. A report in full may go out while
    /// the application is still to take what it was assigned, so that counts as held too.
    fn claimed_by_id(&self) -> Vec<(Uuid, Vec<i32>)> {
        let mut by_id: BTreeMap<Uuid, BTreeSet<i32>> = BTreeMap::new();
        let claimed = self.ownership.claimed();
        for (id, name) in &self.names {
            let of_topic = claimed.iter().filter(|one| one.topic == *name);
            let indexes = of_topic.map(|one| one.partition).collect();
            by_id.insert(*id, indexes);
        }
        for (id, indexes) in self.unnamed.iter().flatten() {
            by_id.entry(*id).or_default().extend(indexes);
        }
        let claimed = by_id.into_iter().filter(|(_, indexes)| !indexes.is_empty());
        claimed
            .map(|(id, indexes)| (id, indexes.into_iter().collect()))
            .collect()
    }

    fn on_reported(&mut self, now: Instant, reported: Reported) {
        self.pace.heartbeat_interval = reported.interval.max(HEARTBEAT_INTERVAL_MIN);
        self.pace.on_success(now);
        self.identity.epoch = reported.epoch;
        if let Some(member_id) = reported.member_id {
            self.identity.member_id = member_id;
        }
        self.phase = Phase::Joined;
        self.in_full = false;
        if self.acknowledge {
            self.pace.heartbeat_at = now;
        }
        if let Some(assignment) = reported.assignment {
            self.unnamed = Some(assignment);
            self.take_up(now);
        }
    }

    fn on_refused(&mut self, now: Instant, error: ClientError) {
        // Whether the report arrived is not known, or it was not taken.
        self.in_full = true;
        match error.code() {
            Some(
                ErrorCode::FencedMemberEpoch
                | ErrorCode::UnknownMemberId
                | ErrorCode::GroupIdNotFound,
            ) => {
                self.fence();
                self.pace.on_failure(now);
            }
            _ if is_passing(&error) => self.pace.on_trouble(now, &error),
            _ => self.fail(error),
        }
    }

    /// What cannot be named yet is looked up again later: the topic may be very new, or gone.
    fn on_named(&mut self, now: Instant, named: Result<Vec<(Uuid, Arc<str>)>, ClientError>) {
        match named {
            Ok(named) => named
                .into_iter()
                .for_each(|(id, name)| self.learn(id, name)),
            Err(error) => log::debug!("the group's topics could not be looked up: {error}"),
        }
        let heartbeat_at = self.pace.heartbeat_at;
        match self.unnamed().is_empty() {
            true => self.pace.on_success(now),
            false => self.pace.on_failure(now),
        }
        self.pace.heartbeat_at = heartbeat_at;
        self.take_up(now);
    }

    /// A topic made anew has its name under another id.
    fn learn(&mut self, id: Uuid, name: Arc<str>) {
        self.names.retain(|_, known| *known != name);
        self.names.insert(id, name);
    }

    fn unnamed(&self) -> Vec<Uuid> {
        let assigned = self.unnamed.iter().flatten();
        let unknown = assigned.filter(|(id, _)| !self.names.contains_key(id));
        unknown.map(|(id, _)| *id).collect()
    }

    /// Makes the assignment the target as far as its topics have names; the rest follows.
    fn take_up(&mut self, now: Instant) {
        let Some(assigned) = &self.unnamed else {
            return;
        };
        let mut target = BTreeSet::new();
        for (id, indexes) in assigned {
            let Some(topic) = self.names.get(id) else {
                continue;
            };
            target.extend(indexes.iter().map(|partition| TopicPartition {
                topic: topic.clone(),
                partition: *partition,
            }));
        }
        match self.unnamed().is_empty() {
            true => self.unnamed = None,
            // Nothing new can be named yet, and what is held already needs no acknowledgement.
            false if self.holds_just(&target) => return,
            false => {}
        }
        let reconciled = self.ownership.set_target(target);
        self.on_reconciled(now, reconciled);
    }

    fn holds_just(&self, target: &BTreeSet<TopicPartition>) -> bool {
        self.ownership.is_settled() && target == self.ownership.owned()
    }

    /// The application holds what it was assigned: the coordinator is told at once.
    fn on_reconciled(&mut self, now: Instant, reconciled: Option<Reconciled>) {
        if reconciled.is_some() && self.phase == Phase::Joined {
            self.acknowledge = true;
            self.pace.heartbeat_at = now;
        }
    }

    /// The application is stuck: others shall have its partitions.
    fn stall(&mut self) -> Work {
        log::warn!(
            "no poll within the longest poll interval: the partitions are lost; process less \
             between polls or raise the interval"
        );
        let left = self.leave("its application does not poll");
        self.fence();
        self.phase = Phase::Stalled;
        left.unwrap_or(Work::Wait(None))
    }

    /// A join that is still unanswered may have arrived, and is taken back too.
    fn leave(&self, reason: &'static str) -> Option<Work> {
        let epoch = match self.identity.instance_id {
            Some(_) => LEAVING_FOR_NOW,
            None => LEAVING,
        };
        let in_group = matches!(self.phase, Phase::Joining | Phase::Joined);
        in_group.then(|| {
            Work::Leave(Leave {
                identity: Identity {
                    epoch,
                    ..self.identity.clone()
                },
                reason,
            })
        })
    }

    fn fence(&mut self) {
        self.identity.epoch = JOINING;
        self.in_full = true;
        self.unnamed = None;
        self.ownership.lose_all();
        self.phase = Phase::Fenced;
    }

    fn fail(&mut self, error: ClientError) {
        self.fence();
        self.phase = Phase::Over;
        self.error = Some(error);
    }
}

/// The epoch of who is not in the group yet.
const JOINING: i32 = 0;
/// The epoch of who goes for good.
const LEAVING: i32 = -1;
/// The epoch of a static member that will be back.
const LEAVING_FOR_NOW: i32 = -2;
/// However often the broker wants to hear from us.
const HEARTBEAT_INTERVAL_MIN: Duration = Duration::from_millis(10);
/// Waiting until a moment is over takes a little longer than until it comes.
const JUST_AFTER: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
