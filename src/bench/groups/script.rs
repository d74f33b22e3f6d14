//! What a member of a group does next, whichever protocol it speaks. Pure.

use serde::{Deserialize, Serialize};

use super::assignor::Assignor;
use super::classic::Classic;
use super::consumer::Consumer;
use crate::protocol::error_code::ErrorCode;

/// How the members of a group agree on who reads what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupProtocol {
    /// JoinGroup, SyncGroup and Heartbeat; everybody gives up everything before a rebalance.
    ClassicEager,
    /// The same, with two rebalances in which only what moves is given up (KIP-429).
    ClassicCooperative,
    /// ConsumerGroupHeartbeat; the broker assigns (KIP-848).
    Consumer,
}

impl GroupProtocol {
    /// As reports and options name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClassicEager => "classic-eager",
            Self::ClassicCooperative => "classic-cooperative",
            Self::Consumer => "consumer",
        }
    }

    /// The rules of the leader, where a member leads.
    pub(super) fn assignor(self) -> Option<Assignor> {
        match self {
            Self::ClassicEager => Some(Assignor::Range),
            Self::ClassicCooperative => Some(Assignor::CooperativeSticky),
            Self::Consumer => None,
        }
    }
}

/// What a member does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Join the group: JoinGroup, or a first heartbeat that says everything.
    Join,
    /// Get the assignment of the generation.
    Sync,
    /// Commit how far the partitions were read that are given up.
    Commit,
    /// Ask how far the partitions were read that are new.
    Positions,
    /// Tell the coordinator at once what is owned now.
    Acknowledge,
    /// Stay in the group: a heartbeat when its time has come.
    Heartbeat,
    /// Leave the group.
    Leave,
    /// Nothing more: it has left.
    Nothing,
}

/// What an answer has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that others would see.
    None,
    /// A rebalance has begun, or the assignment has changed.
    Rebalance,
}

/// What all members of a group have in common.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) partitions: i32,
    pub(super) session_timeout_ms: i32,
    pub(super) rebalance_timeout_ms: i32,
    /// Whether partitions are really read: committed before they go, asked for when they come.
    pub(super) reads: bool,
}

/// One member.
#[derive(Debug)]
pub(super) enum Script {
    Classic(Classic),
    Consumer(Consumer),
}

impl Script {
    pub(super) fn wanted(&self) -> Wanted {
        match self {
            Self::Classic(member) => member.wanted(),
            Self::Consumer(member) => member.wanted(),
        }
    }

    pub(super) fn membership(&self) -> &Membership {
        match self {
            Self::Classic(member) => &member.membership,
            Self::Consumer(member) => &member.membership,
        }
    }

    /// Its id, and its generation or epoch.
    pub(super) fn identity(&self) -> (&str, i32) {
        match self {
            Self::Classic(member) => (&member.member_id, member.generation),
            Self::Consumer(member) => (&member.member_id, member.epoch),
        }
    }

    fn hands(&self) -> &Hands {
        match self {
            Self::Classic(member) => &member.hands,
            Self::Consumer(member) => &member.hands,
        }
    }

    /// The partitions it has.
    pub(super) fn owned(&self) -> &[i32] {
        &self.hands().owned
    }

    /// Partitions that it has to give up, once their positions are committed.
    pub(super) fn revoked(&self) -> &[i32] {
        &self.hands().revoked
    }

    /// Partitions whose positions it does not know yet.
    pub(super) fn added(&self) -> &[i32] {
        &self.hands().added
    }

    /// What was revoked is committed.
    pub(super) fn on_committed(&mut self) {
        match self {
            Self::Classic(member) => member.hands.revoked.clear(),
            Self::Consumer(member) => member.hands.revoked.clear(),
        }
    }

    /// The positions of what was added are known.
    pub(super) fn on_positions(&mut self) {
        match self {
            Self::Classic(member) => member.hands.added.clear(),
            Self::Consumer(member) => member.hands.added.clear(),
        }
    }

    /// It shall leave.
    pub(super) fn leave(&mut self) {
        match self {
            Self::Classic(member) => member.leave(),
            Self::Consumer(member) => member.leave(),
        }
    }

    /// Its request to leave was answered.
    pub(super) fn on_left(&mut self) {
        match self {
            Self::Classic(member) => member.on_left(),
            Self::Consumer(member) => member.on_left(),
        }
    }
}

/// The partitions of a member, and what is between it and having exactly those.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hands {
    pub(super) owned: Vec<i32>,
    pub(super) revoked: Vec<i32>,
    pub(super) added: Vec<i32>,
}

impl Hands {
    /// Takes over an assignment; what is revoked and added comes only if partitions are read.
    pub(super) fn take(&mut self, assigned: Vec<i32>, reads: bool) {
        if reads {
            let lost = self.owned.iter().filter(|owned| !assigned.contains(owned));
            self.revoked = lost.copied().collect();
            let gained = assigned.iter().filter(|new| !self.owned.contains(new));
            self.added = gained.copied().collect();
        }
        self.owned = assigned;
    }

    /// What must be done before anything else.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        match (self.revoked.is_empty(), self.added.is_empty()) {
            (false, _) => Some(Wanted::Commit),
            (true, false) => Some(Wanted::Positions),
            (true, true) => None,
        }
    }
}

/// An answer that a member does not get over; what a coordinator that is not ready says is tried
/// again by who talks to it.
pub(super) type Refused = ErrorCode;
