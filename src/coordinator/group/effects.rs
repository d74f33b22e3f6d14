//! What an operation of a group is given, and what it leaves to be done.

use std::sync::Arc;

use bytes::Bytes;

use super::answer::{Answer, Ticket};
use super::config::GroupConfig;
use crate::coordinator::timers::{TimerId, Timers};
use crate::model::TimestampMs;

/// The surroundings of an operation.
pub struct Cx<'a> {
    /// The time.
    pub now: TimestampMs,
    /// The broker's limits.
    pub config: &'a GroupConfig,
    /// The deadlines of all groups of the coordinator.
    pub timers: &'a mut Timers<Deadline>,
    /// What can be answered at once.
    pub answers: &'a mut Vec<(Ticket, Answer)>,
}

/// What is to be looked at when a timer is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// A member, or one that has not joined yet, was silent.
    Session {
        /// Its group.
        group: Arc<str>,
        /// Its id.
        member: Arc<str>,
    },
    /// A member of a consumer group has not done in time what it was asked for: to give up
    /// partitions, or, of the classic protocol, to join or to sync.
    Step {
        /// Its group.
        group: Arc<str>,
        /// Its id.
        member: Arc<str>,
    },
    /// A classic group has waited long enough for its members to join.
    Join {
        /// Its name.
        group: Arc<str>,
    },
    /// A classic group has waited long enough for its members to sync.
    Sync {
        /// Its name.
        group: Arc<str>,
    },
    /// The log has not taken that offsets of deleted topics are gone.
    Forget,
}

/// What is to be appended to the log for a classic group, and what for.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "what is not appended is forgotten with the broker"]
pub enum Append {
    /// Nothing.
    Nothing,
    /// The group as it is; nobody waits for it.
    Group,
    /// The leader's assignment; the members wait for it.
    Assignment(Assignment),
    /// A static member that came back under another id; it waits for it.
    Replacement(Replacement),
}

/// The outcome of a rebalance, on its way to the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Of which generation it is.
    pub generation: i32,
    /// By member; every one that was in the group is in it.
    pub assignments: Vec<(Arc<str>, Bytes)>,
}

/// Who took a static member's place.
#[derive(Clone, Debug, PartialEq)]
pub struct Replacement {
    /// The static member.
    pub instance_id: Arc<str>,
    /// Its id before.
    pub old_id: Arc<str>,
    /// Its id now.
    pub new_id: Arc<str>,
    /// The leader before.
    pub old_leader: Option<Arc<str>>,
    /// Whether the client understands `skip_assignment`.
    pub may_skip_assignment: bool,
    /// What the member was before, for the case that the log does not take it.
    pub before: Before,
}

/// What a joining static member has overwritten.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    /// What it offered.
    pub protocols: Vec<super::classic::Protocol>,
    /// How long it could take to join again.
    pub rebalance_timeout_ms: i32,
    /// How long it could be silent.
    pub session_timeout_ms: i32,
}

impl Cx<'_> {
    /// The timers of a new classic group: for joining and for syncing.
    pub fn group_timers(&mut self, group: &Arc<str>) -> (TimerId, TimerId) {
        let join = self.timers.add(Deadline::Join {
            group: group.clone(),
        });
        let sync = self.timers.add(Deadline::Sync {
            group: group.clone(),
        });
        (join, sync)
    }

    /// The timer of a member's session, not running.
    pub fn session_timer(&mut self, group: &Arc<str>, member: &Arc<str>) -> TimerId {
        self.timers.add(Deadline::Session {
            group: group.clone(),
            member: member.clone(),
        })
    }
}
