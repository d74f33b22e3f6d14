//! What is measured with groups.

use serde::{Deserialize, Serialize};

use super::script::GroupProtocol;
use crate::bench::{BenchError, Step, WorkloadError};

/// Groups that do nothing but stay: heartbeats, and commits if wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeartbeatWorkload {
    /// How members agree.
    pub protocol: GroupProtocol,
    /// How many groups.
    pub groups: u32,
    /// Members of each, on a connection of its own each.
    pub members: u32,
    /// How often a classic member heartbeats; the others are told by the broker.
    pub heartbeat_ms: u32,
    /// How often each member commits its one partition; 0 for never.
    pub commit_ms: u32,
    /// So many groups join at a time.
    pub joining_max: u32,
    /// Heartbeats before the window.
    pub warmup_seconds: f64,
    /// The window.
    pub seconds: f64,
}

/// Groups without members whose offsets are committed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommitWorkload {
    /// How many groups.
    pub groups: u32,
    /// Offsets of each commit, one for each partition of the topic.
    pub partitions: u32,
    /// How many connections commit, each for its share of the groups, one commit at a time.
    pub connections: u32,
    /// Commits per second of all together; 0 for as many as are answered.
    pub rate: u32,
    /// How often each group commits; 0 for as often as the time allows.
    pub rounds: u64,
    /// At most so long.
    pub seconds: f64,
}

/// A member that joins a group which reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RebalanceWorkload {
    /// How members agree.
    pub protocol: GroupProtocol,
    /// Members before one more joins.
    pub members: u32,
    /// Partitions of the topic.
    pub partitions: u32,
    /// How often a classic member heartbeats; the others are told by the broker.
    pub heartbeat_ms: u32,
    /// A record is written to each partition so often.
    pub record_ms: u32,
    /// The group reads so long undisturbed before each join.
    pub steady_seconds: f64,
    /// How often a member joins, and leaves again.
    pub rounds: u32,
}

/// How a load of groups is run.
#[derive(Clone, Debug)]
pub struct GroupRun {
    /// The brokers as they were given, for the report.
    pub bootstrap: String,
    /// The core of the load's one thread; `None` for any.
    pub core: Option<usize>,
    /// The broker's process, if its processor time shall be told.
    pub broker_pid: Option<u32>,
}

/// Who watches a load of groups.
pub trait GroupObserver {
    /// A step is reached; the run goes on when this returns.
    fn on_step(&mut self, step: Step) -> Result<(), BenchError>;

    /// How far it is, a few times a second.
    fn on_progress(&mut self, line: &str);
}

impl HeartbeatWorkload {
    /// Whether it can be run; the first thing that is wrong.
    pub fn check(&self) -> Result<(), WorkloadError> {
        positive("groups", self.groups)?;
        positive("members", self.members)?;
        positive("heartbeat-ms", self.heartbeat_ms)?;
        positive("joining", self.joining_max)?;
        long_enough("seconds", self.seconds)
    }
}

impl CommitWorkload {
    /// Whether it can be run; the first thing that is wrong.
    pub fn check(&self) -> Result<(), WorkloadError> {
        positive("groups", self.groups)?;
        positive("partitions", self.partitions)?;
        positive("connections", self.connections)?;
        long_enough("seconds", self.seconds)
    }
}

impl RebalanceWorkload {
    /// Whether it can be run; the first thing that is wrong.
    pub fn check(&self) -> Result<(), WorkloadError> {
        positive("members", self.members)?;
        positive("heartbeat-ms", self.heartbeat_ms)?;
        positive("record-ms", self.record_ms)?;
        positive("rounds", self.rounds)?;
        match self.partitions > self.members {
            true => Ok(()),
            false => Err(WorkloadError::Value {
                field: "partitions",
                value: self.partitions.to_string(),
                why: "must be more than members, so that the one that joins gets some".to_owned(),
            }),
        }
    }
}

fn positive(field: &'static str, value: u32) -> Result<(), WorkloadError> {
    match value > 0 {
        true => Ok(()),
        false => Err(WorkloadError::Value {
            field,
            value: value.to_string(),
            why: "must be at least 1".to_owned(),
        }),
    }
}

fn long_enough(field: &'static str, seconds: f64) -> Result<(), WorkloadError> {
    match seconds > 0.0 && seconds <= 86_400.0 {
        true => Ok(()),
        false => Err(WorkloadError::Value {
            field,
            value: seconds.to_string(),
            why: "must be above 0 and at most 86400".to_owned(),
        }),
    }
}
