//! Membership by either protocol: what the member's thread shall do, and what came of it. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::assignor::{Assignor, Candidate, PartitionCounts};
use super::classic_member::ClassicMember;
use super::consumer_member::ConsumerMember;
use super::ownership::{Ownership, Step};
use super::settings::{GroupProtocol, GroupSettings, Subscription};
use crate::client::ClientError;
use crate::client::backoff::Backoff;
use crate::model::{TopicPartition, Uuid};
use crate::protocol::error_code::ErrorCode;

/// A member of a group, by one of the two protocols.
#[derive(Debug)]
pub(super) enum Member {
    Classic(ClassicMember),
    Consumer(ConsumerMember),
}

/// What each member of a classic group is assigned, as it goes to the coordinator.
pub(super) type Assignments = Vec<(String, Vec<u8>)>;

/// What the member's thread shall do now.
#[derive(Debug)]
pub(super) enum Work {
    /// JoinGroup; the answer may take as long as a rebalance.
    Join(JoinPlan),
    /// Divide the partitions of these topics among the candidates.
    Lead(Assignor, Vec<Candidate>),
    /// SyncGroup, with the assignments if the member leads; the answer waits for the leader.
    Sync(Vec<(String, Vec<u8>)>),
    /// Heartbeat.
    Beat,
    /// Count the partitions of these topics.
    Count(Vec<Arc<str>>),
    /// ConsumerGroupHeartbeat.
    Report(Report),
    /// Find out what these topics are called.
    Name(Vec<Uuid>),
    /// Tell the coordinator that the member goes.
    Leave(Leave),
    /// Nothing until then, or until something changes.
    Wait(Option<Instant>),
    /// It is over.
    Stop,
}

/// What the member tells when it joins a classic group.
#[derive(Debug)]
pub(super) struct JoinPlan {
    pub(super) identity: Identity,
    /// What it tells the leader, for each assignor it knows.
    pub(super) protocols: Vec<(Assignor, Vec<u8>)>,
    pub(super) reason: String,
}

/// What the coordinator says to a join.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) generation: i32,
    pub(super) member_id: String,
    pub(super) assignor: String,
    /// Everybody, if the member leads and shall divide the partitions.
    pub(super) candidates: Option<Vec<Candidate>>,
    /// Whether the member leads, even if it shall leave the assignments as they are (KIP-814).
    pub(super) leads: bool,
}

/// What a member of a consumer group tells; what is `None` has not changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) identity: Identity,
    /// Whether it says all there is to say of itself.
    pub(super) in_full: bool,
    pub(super) owned: Option<Vec<(Uuid, Vec<i32>)>>,
}

/// What the coordinator says to a report.
#[derive(Debug)]
pub(super) struct Reported {
    pub(super) member_id: Option<String>,
    pub(super) epoch: i32,
    pub(super) interval: Duration,
    pub(super) assignment: Option<Vec<(Uuid, Vec<i32>)>>,
}

/// A member that goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leave {
    pub(super) identity: Identity,
    pub(super) reason: &'static str,
}

/// What a coordinator knows a member by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) member_id: String,
    /// The generation of a classic group, the member's epoch in another.
    pub(super) epoch: i32,
    pub(super) instance_id: Option<String>,
}

/// What came of the work.
#[derive(Debug)]
pub(super) enum Answer {
    Joined(Result<Joined, ClientError>),
    /// The coordinator wants the join repeated under the id it has just given (KIP-394).
    MemberId(String),
    /// The assignments, and the counts they rest on.
    Led(Result<(Assignments, PartitionCounts), ClientError>),
    Synced(Result<BTreeSet<TopicPartition>, ClientError>),
    Beaten(Result<(), ClientError>),
    Counted(Result<PartitionCounts, ClientError>),
    Reported(Result<Reported, ClientError>),
    /// The names that could be found.
    Named(Result<Vec<(Uuid, Arc<str>)>, ClientError>),
    Left,
}

impl Member {
    /// A member that wants to join.
    pub(super) fn new(
        settings: &GroupSettings,
        subscription: Subscription,
        backoff: Backoff,
        now: Instant,
        random: fastrand::Rng,
    ) -> Self {
        let pace = Pace::new(settings, backoff, now, random);
        match (&settings.protocol, subscription) {
            (GroupProtocol::Classic(assignors), Subscription::Topics(topics)) => {
                let topics = topics.iter().map(|topic| topic.as_str().into()).collect();
                Self::Classic(ClassicMember::new(settings, assignors, topics, pace))
            }
            _ => Self::Consumer(ConsumerMember::new(settings.instance_id.clone(), pace)),
        }
    }

    /// What to do now.
    pub(super) fn poll_work(&mut self, now: Instant) -> Work {
        match self {
            Self::Classic(member) => member.poll_work(now),
            Self::Consumer(member) => member.poll_work(now),
        }
    }

    /// What came of it.
    pub(super) fn on_answer(&mut self, now: Instant, answer: Answer) {
        match self {
            Self::Classic(member) => member.on_answer(now, answer),
            Self::Consumer(member) => member.on_answer(now, answer),
        }
    }

    /// The application is alive; says whether the member's thread should look again.
    pub(super) fn on_poll(&mut self, now: Instant) -> bool {
        match self {
            Self::Classic(member) => member.on_poll(now),
            Self::Consumer(member) => member.on_poll(now),
        }
    }

    /// The application's next step.
    pub(super) fn poll_step(&mut self) -> Option<Step> {
        match self {
            Self::Classic(member) => member.ownership_mut().poll_step(),
            Self::Consumer(member) => member.ownership_mut().poll_step(),
        }
    }

    /// The application has carried its step out.
    pub(super) fn on_step_done(&mut self, now: Instant, step: &Step) {
        match self {
            Self::Classic(member) => member.on_step_done(now, step),
            Self::Consumer(member) => member.on_step_done(now, step),
        }
    }

    /// The member is to leave and be over.
    pub(super) fn close(&mut self) {
        match self {
            Self::Classic(member) => member.close(),
            Self::Consumer(member) => member.close(),
        }
    }

    /// As what to commit; `None` while the member is not in the group.
    pub(super) fn identity(&self) -> Option<Identity> {
        match self {
            Self::Classic(member) => member.identity(),
            Self::Consumer(member) => member.identity(),
        }
    }

    /// What the application holds.
    pub(super) fn ownership(&self) -> &Ownership {
        match self {
            Self::Classic(member) => member.ownership(),
            Self::Consumer(member) => member.ownership(),
        }
    }

    /// What keeps the member from being heard.
    pub(super) fn trouble(&self) -> Option<&str> {
        match self {
            Self::Classic(member) => member.trouble(),
            Self::Consumer(member) => member.trouble(),
        }
    }

    /// Why the member is over, told once.
    pub(super) fn take_error(&mut self) -> Option<ClientError> {
        match self {
            Self::Classic(member) => member.take_error(),
            Self::Consumer(member) => member.take_error(),
        }
    }
}

/// When a member's next heartbeat, retry and poll are due.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) heartbeat_interval: Duration,
    pub(super) heartbeat_at: Instant,
    retry_at: Instant,
    backoff: Backoff,
    random: fastrand::Rng,
    polled_at: Instant,
    poll_interval_max: Duration,
    trouble: Option<Trouble>,
}

/// What keeps a member from being heard.
#[derive(Debug)]
struct Trouble {
    error: String,
    since: Instant,
    told_at: Option<Instant>,
}

/// How long a coordinator may be away before anything is said about it, and between two words.
const TROUBLE_SILENCE: Duration = Duration::from_secs(10);

impl Pace {
    pub(super) fn new(
        settings: &GroupSettings,
        backoff: Backoff,
        now: Instant,
        random: fastrand::Rng,
    ) -> Self {
        Self {
            heartbeat_interval: settings.heartbeat_interval,
            heartbeat_at: now,
            retry_at: now,
            backoff,
            random,
            polled_at: now,
            poll_interval_max: settings.poll_interval_max,
            trouble: None,
        }
    }

    /// An id for a member that makes its own.
    pub(super) fn new_member_id(&mut self) -> String {
        Uuid::from_random(self.random.u128(..)).to_string()
    }

    pub(super) fn on_poll(&mut self, now: Instant) {
        self.polled_at = now;
    }

    /// Whether the application has not polled for longer than it may.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        now > self.poll_by()
    }

    /// When the application is overdue.
    pub(super) fn poll_by(&self) -> Instant {
        self.polled_at + self.poll_interval_max
    }

    /// A request was answered as it should be.
    pub(super) fn on_success(&mut self, now: Instant) {
        self.backoff.reset();
        self.trouble = None;
        self.retry_at = now;
        self.heartbeat_at = now + self.heartbeat_interval;
    }

    /// A request failed for a reason that passes.
    pub(super) fn on_failure(&mut self, now: Instant) {
        let delay = self.backoff.next_delay(self.random.u32(..));
        self.retry_at = now + delay;
        self.heartbeat_at = now + delay;
    }

    /// A request failed because of the coordinator; it is tried again, but not in silence.
    pub(super) fn on_trouble(&mut self, now: Instant, error: &ClientError) {
        self.on_failure(now);
        let trouble = self.trouble.get_or_insert_with(|| Trouble {
            error: String::new(),
            since: now,
            told_at: None,
        });
        trouble.error = error.to_string();
        let silent_since = trouble.told_at.unwrap_or(trouble.since);
        if now.duration_since(silent_since) >= TROUBLE_SILENCE {
            trouble.told_at = Some(now);
            log::warn!("the group's coordinator does not answer, trying on: {error}");
        }
    }

    /// Why the last request failed, if it was the coordinator.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|trouble| trouble.error.as_str())
    }

    /// Until when to wait before the next attempt, if not now.
    pub(super) fn wait(&self, now: Instant) -> Option<Work> {
        (self.retry_at > now).then_some(Work::Wait(Some(self.retry_at)))
    }
}

/// Whether the coordinator moves, loads or cannot be reached, so that the same request may be
/// answered soon.
pub(super) fn is_passing(error: &ClientError) -> bool {
    let moving = matches!(
        error.code(),
        Some(
            ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::CoordinatorNotAvailable
                | ErrorCode::NotCoordinator
                | ErrorCode::RequestTimedOut
                | ErrorCode::BrokerNotAvailable
        )
    );
    moving || error.is_unreachable() || matches!(error, ClientError::Deadline { .. })
}
