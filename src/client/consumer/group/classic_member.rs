//! A member of a classic group (KIP-62, 345, 394, 429, 814). Pure.
//!
//! Eager members give everything back before they join; cooperative ones keep what they own, are
//! told what to give back, and then join once more so that others get it. A member joins when its
//! application has settled what it holds, never before: until then what it would claim may change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::assignor::{Assignor, Candidate, PartitionCounts};
use super::member::{Answer, Identity, JoinPlan, Joined, Leave, Pace, Work, is_passing};
use super::ownership::{Ownership, Reconciled, Step};
use super::settings::GroupSettings;
use crate::client::consumer_protocol::{Subscription, encode_sticky_data};
use crate::client::{ClientError, Refusal};
use crate::model::TopicPartition;
use crate::protocol::error_code::ErrorCode;

/// The state of one member.
#[derive(Debug)]
pub(super) struct ClassicMember {
    assignors: Vec<Assignor>,
    topics: Vec<Arc<str>>,
    identity: Identity,
    phase: Phase,
    ownership: Ownership,
    pace: Pace,
    /// What it had last, for the assignor that asks for it.
    last_assigned: (BTreeSet<TopicPartition>, i32),
    /// Why it joins, for the coordinator's log (KIP-800).
    reason: String,
    led: Option<Led>,
    metadata_age_max: Duration,
    closing: bool,
    error: Option<ClientError>,
}

#[derive(Debug)]
enum Phase {
    /// The application settles what it holds; then comes the join.
    Preparing,
    Joining,
    /// The member leads and divides the partitions.
    Leading(Assignor, Vec<Candidate>),
    Syncing(Vec<(String, Vec<u8>)>),
    Stable,
    /// The application has not polled for too long; its next poll begins anew.
    Stalled,
    Over,
}

/// What the leader's assignment rests on.
#[derive(Debug)]
struct Led {
    counts: PartitionCounts,
    check_at: Instant,
}

impl ClassicMember {
    pub(super) fn new(
        settings: &GroupSettings,
        assignors: &[Assignor],
        topics: Vec<Arc<str>>,
        pace: Pace,
    ) -> Self {
        assert!(!assignors.is_empty(), "a member knows an assignor");
        Self {
            assignors: assignors.to_vec(),
            topics,
            identity: Identity {
                member_id: String::new(),
                epoch: NO_GENERATION,
                instance_id: settings.instance_id.clone(),
            },
            phase: Phase::Joining,
            ownership: Ownership::default(),
            pace,
            last_assigned: (BTreeSet::new(), NO_GENERATION),
            reason: "it is new".to_owned(),
            led: None,
            metadata_age_max: settings.metadata_age_max,
            closing: false,
            error: None,
        }
    }

    pub(super) fn poll_work(&mut self, now: Instant) -> Work {
        if matches!(self.phase, Phase::Over) {
            return Work::Stop;
        }
        if self.closing {
            self.phase = Phase::Over;
            return self.leave("it is closed").unwrap_or(Work::Stop);
        }
        if self.pace.is_overdue(now) && !matches!(self.phase, Phase::Stalled) {
            return self.stall();
        }
        if matches!(self.phase, Phase::Preparing) && self.ownership.is_settled() {
            self.phase = Phase::Joining;
        }
        match &self.phase {
            Phase::Preparing | Phase::Stable => self.beat_or_wait(now),
            Phase::Joining => self.pace.wait(now).unwrap_or_else(|| self.join()),
            Phase::Leading(assignor, candidates) => {
                let lead = || Work::Lead(*assignor, candidates.clone());
                self.pace.wait(now).unwrap_or_else(lead)
            }
            Phase::Syncing(assignments) => Work::Sync(assignments.clone()),
            Phase::Stalled => Work::Wait(None),
            Phase::Over => Work::Stop,
        }
    }

    pub(super) fn on_answer(&mut self, now: Instant, answer: Answer) {
        match answer {
            Answer::Joined(Ok(joined)) => self.on_joined(now, joined),
            Answer::Joined(Err(error)) => self.on_join_refused(now, error),
            Answer::MemberId(member_id) => self.identity.member_id = member_id,
            Answer::Led(Ok((assignments, counts))) => {
                self.watch(counts, now);
                self.phase = Phase::Syncing(assignments);
            }
            Answer::Led(Err(error)) => self.pass_or_fail(now, error),
            Answer::Synced(Ok(assigned)) => self.on_synced(now, assigned),
            Answer::Synced(Err(error)) => self.on_sync_refused(now, error),
            Answer::Beaten(Ok(())) => self.pace.on_success(now),
            Answer::Beaten(Err(error)) => self.on_beat_refused(now, error),
            Answer::Counted(counted) => self.on_counted(now, counted),
            Answer::Left => {}
            Answer::Reported(_) | Answer::Named(_) => {
                unreachable!("a classic member does not ask for it")
            }
        }
    }

    pub(super) fn on_poll(&mut self, now: Instant) -> bool {
        self.pace.on_poll(now);
        let stalled = matches!(self.phase, Phase::Stalled);
        if stalled {
            self.phase = Phase::Preparing;
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
        (self.identity.epoch >= 0).then(|| self.identity.clone())
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

    /// Whether it keeps what it owns while it joins, which takes assignors that all say so.
    fn is_cooperative(&self) -> bool {
        self.assignors.iter().all(|one| one.is_cooperative())
    }

    fn join(&self) -> Work {
        let protocols = self.assignors.iter().map(|one| (*one, self.metadata(*one)));
        Work::Join(JoinPlan {
            identity: self.identity.clone(),
            protocols: protocols.collect(),
            reason: self.reason.clone(),
        })
    }

    fn metadata(&self, assignor: Assignor) -> Vec<u8> {
        let (last, generation) = &self.last_assigned;
        let user_data = match assignor {
            Assignor::Sticky => encode_sticky_data(last, *generation),
            _ => Ok(Vec::new()),
        };
        let subscription = Subscription {
            topics: self.topics.clone(),
            user_data: user_data.unwrap_or_default(),
            owned: self.ownership.owned().iter().cloned().collect(),
            generation: self.identity.epoch,
        };
        let encoded = subscription.encode();
        encoded.expect("topic names that a broker took fit a subscription")
    }

    fn beat_or_wait(&self, now: Instant) -> Work {
        let check_at = match (&self.phase, &self.led) {
            (Phase::Stable, Some(led)) => Some(led.check_at),
            _ => None,
        };
        let in_group = self.identity.epoch >= 0;
        if in_group && self.pace.heartbeat_at <= now {
            return Work::Beat;
        }
        if let Some(led) = self
            .led
            .as_ref()
            .filter(|_| check_at.is_some_and(|at| at <= now))
        {
            return Work::Count(led.counts.keys().cloned().collect());
        }
        let beat_at = in_group.then_some(self.pace.heartbeat_at);
        let times = [beat_at, check_at, Some(self.pace.poll_by() + JUST_AFTER)];
        Work::Wait(times.into_iter().flatten().min())
    }

    /// The application is stuck: others shall have its partitions.
    fn stall(&mut self) -> Work {
        log::warn!(
            "no poll within the longest poll interval: the partitions are lost; process less \
             between polls or raise the interval"
        );
        let left = self.leave("its application does not poll");
        self.forget(Forget::Everything);
        self.phase = Phase::Stalled;
        left.unwrap_or(Work::Wait(None))
    }

    /// A static member does not leave: it may be back before its session ends (KIP-345).
    fn leave(&self, reason: &'static str) -> Option<Work> {
        let known = !self.identity.member_id.is_empty();
        let leaves = known && self.identity.instance_id.is_none();
        leaves.then(|| {
            Work::Leave(Leave {
                identity: self.identity.clone(),
                reason,
            })
        })
    }

    fn on_joined(&mut self, now: Instant, joined: Joined) {
        let known = self.assignors.iter().copied();
        let Some(assignor) = known.into_iter().find(|one| one.name() == joined.assignor) else {
            let refusal = Refusal {
                code: ErrorCode::InconsistentGroupProtocol,
                message: Some(format!(
                    "the group divides its partitions by `{}`, which this member did not offer",
                    joined.assignor
                )),
            };
            return self.fail(refusal.of("join the group"));
        };
        self.pace.on_success(now);
        self.identity.epoch = joined.generation;
        self.identity.member_id = joined.member_id;
        if !joined.leads {
            self.led = None;
        }
        self.phase = match joined.candidates {
            Some(candidates) => Phase::Leading(assignor, candidates),
            None => Phase::Syncing(Vec::new()),
        };
    }

    fn on_join_refused(&mut self, now: Instant, error: ClientError) {
        match error.code() {
            Some(ErrorCode::UnknownMemberId) => {
                self.forget(Forget::Everything);
                self.pace.on_failure(now);
            }
            Some(ErrorCode::RebalanceInProgress) => self.pace.on_failure(now),
            _ => self.pass_or_fail(now, error),
        }
    }

    fn on_synced(&mut self, now: Instant, assigned: BTreeSet<TopicPartition>) {
        self.pace.on_success(now);
        self.phase = Phase::Stable;
        self.last_assigned = (assigned.clone(), self.identity.epoch);
        let reconciled = self.ownership.set_target(assigned);
        self.on_reconciled(now, reconciled);
    }

    fn on_sync_refused(&mut self, now: Instant, error: ClientError) {
        match error.code() {
            Some(ErrorCode::RebalanceInProgress) => self.rebalance("another rebalance has begun"),
            Some(ErrorCode::IllegalGeneration) => self.forget(Forget::Generation),
            Some(ErrorCode::UnknownMemberId) => self.forget(Forget::Everything),
            // The plan may be out of date when the coordinator is found again.
            _ if is_passing(&error) => {
                self.rebalance("its coordinator has moved");
                self.pace.on_trouble(now, &error);
            }
            _ => self.fail(error),
        }
    }

    fn on_beat_refused(&mut self, now: Instant, error: ClientError) {
        match error.code() {
            Some(ErrorCode::RebalanceInProgress) => {
                self.pace.on_success(now);
                if matches!(self.phase, Phase::Stable) {
                    self.rebalance("the group is rebalancing");
                }
            }
            Some(ErrorCode::IllegalGeneration) => self.forget(Forget::Generation),
            Some(ErrorCode::UnknownMemberId) => self.forget(Forget::Everything),
            _ => self.pass_or_fail(now, error),
        }
    }

    /// More partitions, or topics that have come or gone, take another division.
    fn on_counted(&mut self, now: Instant, counted: Result<PartitionCounts, ClientError>) {
        let Some(led) = &mut self.led else { return };
        led.check_at = now + self.metadata_age_max;
        match counted {
            Ok(counts) if counts != led.counts => self.rebalance("its topics have changed"),
            Ok(_) => {}
            Err(error) => log::debug!("the topics of the group could not be looked up: {error}"),
        }
    }

    fn watch(&mut self, counts: PartitionCounts, now: Instant) {
        let check_at = now + self.metadata_age_max;
        self.led = Some(Led { counts, check_at });
    }

    /// Who gave something back joins again, so that somebody else may have it (KIP-429).
    fn on_reconciled(&mut self, now: Instant, reconciled: Option<Reconciled>) {
        let gave_back = reconciled.is_some_and(|done| done.revoked);
        if gave_back && self.is_cooperative() && matches!(self.phase, Phase::Stable) {
            self.rebalance("it has given partitions back");
            self.pace.on_success(now);
        }
    }

    fn rebalance(&mut self, reason: &str) {
        self.reason = reason.to_owned();
        self.phase = Phase::Preparing;
        if !self.is_cooperative() {
            self.ownership.revoke_all();
        }
    }

    /// The group goes on without this member: what it held is lost, and it joins again.
    fn forget(&mut self, what: Forget) {
        self.identity.epoch = NO_GENERATION;
        if what == Forget::Everything {
            self.identity.member_id.clear();
        }
        self.led = None;
        self.ownership.lose_all();
        self.reason = "it was no longer in the group".to_owned();
        self.phase = Phase::Preparing;
    }

    fn pass_or_fail(&mut self, now: Instant, error: ClientError) {
        match is_passing(&error) {
            true => self.pace.on_trouble(now, &error),
            false => self.fail(error),
        }
    }

    fn fail(&mut self, error: ClientError) {
        self.forget(Forget::Generation);
        self.phase = Phase::Over;
        self.error = Some(error);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Forget {
    Generation,
    Everything,
}

const NO_GENERATION: i32 = -1;
/// Waiting until a moment is over takes a little longer than until it comes.
const JUST_AFTER: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
