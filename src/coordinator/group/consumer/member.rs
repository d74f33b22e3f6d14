//! A member of a consumer group and the partitions it has.

use std::collections::BTreeMap;

use crate::model::Uuid;

/// Partitions of topics, each with the member epoch at which it was given: a commit of an older
/// epoch is of somebody else (KIP-1251).
pub type Held = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// Where a member is on its way to the target assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// It has what it shall have.
    Stable,
    /// It has to give something up first, and to say so.
    Unrevoked,
    /// It waits for what others have not given up yet.
    Unreleased,
    /// Of a later Kafka; it has to begin anew.
    Unknown,
}

impl Progress {
    /// As the log has it.
    pub fn code(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::Unrevoked => 1,
            Self::Unreleased => 2,
            Self::Unknown => 127,
        }
    }

    /// What the log has.
    pub fn from_code(code: i8) -> Self {
        match code {
            0 => Self::Stable,
            1 => Self::Unrevoked,
            2 => Self::Unreleased,
            _ => Self::Unknown,
        }
    }
}

/// What a member has, and at which epoch. One record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// The epoch it is at.
    pub epoch: i32,
    /// The one before: its response may have been lost.
    pub previous_epoch: i32,
    /// Where it is on its way.
    pub progress: Progress,
    /// What it may consume.
    pub assigned: Held,
    /// What it has to give up; nobody else gets it before.
    pub revoking: Held,
}

impl Current {
    /// Of a member that has just joined.
    pub fn new() -> Self {
        Self {
            epoch: 0,
            previous_epoch: -1,
            progress: Progress::Stable,
            assigned: Held::new(),
            revoking: Held::new(),
        }
    }

    /// Whether it has all of the target of this epoch.
    pub fn has_reached(&self, target_epoch: i32) -> bool {
        self.progress == Progress::Stable && self.epoch == target_epoch
    }

    /// Whether a commit for a partition may be taken from a client at `epoch`: one that has not
    /// heard of its last epoch yet may commit what it had before (KIP-1251).
    pub fn may_commit(&self, topic: Uuid, partition: i32, epoch: i32) -> bool {
        let of = |held: &Held| held.get(&topic)?.get(&partition).copied();
        let given = of(&self.assigned).or_else(|| of(&self.revoking));
        epoch == self.epoch || epoch < self.epoch && given.is_some_and(|given| given <= epoch)
    }
}

impl Default for Current {
    fn default() -> Self {
        Self::new()
    }
}
