//! What every load of groups stands on: a topic, names, coordinators, connections.

use std::sync::Arc;
use std::time::Duration;

use super::classic::Classic;
use super::consumer::Consumer;
use super::link::Link;
use super::script::{GroupProtocol, Membership, Script};
use crate::bench::BenchError;
use crate::bench::broker_cpu;
use crate::bench::phase::Clock;
use crate::bench::report::LoadThread;
use crate::bench::topic::BenchTopic;
use crate::client::{Admin, Cluster};
use crate::model::{NodeId, Uuid};
use crate::sys::thread::{processor_time, raise_descriptor_limit};

/// Answers to members fit into this; larger ones make more room.
pub(super) const ANSWER_BYTES: usize = 2 * 1024;
const SESSION_TIMEOUT_MS: i32 = 45_000;
const REBALANCE_TIMEOUT_MS: i32 = 60_000;
/// What one request to delete groups names at most.
const DELETED_AT_ONCE_MAX: usize = 500;

/// Topic and groups of one run, all named after the run.
pub(super) struct Ground {
    pub(super) cluster: Arc<Cluster>,
    pub(super) topic: BenchTopic,
    pub(super) clock: Clock,
    pub(super) groups: Vec<String>,
    /// Who coordinates each group.
    coordinators: Vec<NodeId>,
}

impl Ground {
    /// Makes the topic, and waits until every group has a coordinator.
    pub(super) fn new(
        cluster: &Arc<Cluster>,
        kind: &str,
        partitions: u32,
        groups: u32,
    ) -> Result<Self, BenchError> {
        raise_descriptor_limit().map_err(BenchError::local("raise the limit of descriptors"))?;
        let name = format!("bench-{kind}-{:08x}", fastrand::u32(..));
        let topic = BenchTopic::create(cluster, &name, partitions, Vec::new())?;
        let groups = group_names(&name, groups);
        let coordinators = coordinators(cluster, &groups).inspect_err(|_| {
            // The reason is told; a topic that stays besides is not worth another.
            let _ = topic.delete();
        })?;
        Ok(Self {
            cluster: cluster.clone(),
            topic,
            clock: Clock::start(),
            groups,
            coordinators,
        })
    }

    /// A connection to the coordinator of a group.
    pub(super) fn link(&self, group: usize) -> Result<Link, BenchError> {
        let connection = self.cluster.open(self.coordinators[group])?;
        Link::new(connection, ANSWER_BYTES)
    }

    /// A new member of a group.
    pub(super) fn script(&self, group: usize, protocol: GroupProtocol, reads: bool) -> Script {
        let membership = Membership {
            group: self.groups[group].clone(),
            topic: self.topic.name().to_owned(),
            partitions: self.topic.partitions() as i32,
            session_timeout_ms: SESSION_TIMEOUT_MS,
            rebalance_timeout_ms: REBALANCE_TIMEOUT_MS,
            reads,
        };
        match protocol.assignor() {
            Some(assignor) => Script::Classic(Classic::new(membership, assignor)),
            None => {
                let member_id = Uuid::from_random(fastrand::u128(..)).to_string();
                Script::Consumer(Consumer::new(membership, self.topic.id(), member_id))
            }
        }
    }

    /// Removes groups and topic; what the broker will not delete expires on its own.
    pub(super) fn clear(&self) -> Result<(), BenchError> {
        let admin = Admin::new(self.cluster.clone());
        let names: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        for some in names.chunks(DELETED_AT_ONCE_MAX) {
            for deleted in admin.delete_groups(some)? {
                if let Err(error) = deleted.outcome {
                    log::debug!("group {} stays: {error}", deleted.group);
                }
            }
        }
        self.topic.delete()
    }
}

/// The groups of a run.
pub(super) fn group_names(run: &str, count: u32) -> Vec<String> {
    (0..count)
        .map(|number| format!("{run}-{number:05}"))
        .collect()
}

fn coordinators(cluster: &Arc<Cluster>, groups: &[String]) -> Result<Vec<NodeId>, BenchError> {
    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
    let found = Admin::new(cluster.clone()).find_coordinators(&names)?;
    let nodes = found.into_iter().map(|found| Ok(found.outcome?.node));
    nodes.collect()
}

/// Processor time of the broker and of this thread, since it was made.
pub(super) struct Spent {
    pid: Option<u32>,
    core: Option<usize>,
    broker: Duration,
    own: Duration,
    begun_us: u64,
}

impl Spent {
    pub(super) fn begin(
        pid: Option<u32>,
        core: Option<usize>,
        now_us: u64,
    ) -> Result<Self, BenchError> {
        Ok(Self {
            pid,
            core,
            broker: broker_time(pid)?,
            own: processor_time(),
            begun_us: now_us,
        })
    }

    /// How busy this thread was.
    pub(super) fn load(&self, now_us: u64) -> LoadThread {
        let own = processor_time().saturating_sub(self.own);
        let wall_us = now_us.saturating_sub(self.begun_us).max(1);
        LoadThread {
            core: self.core,
            busy: own.as_micros() as f64 / wall_us as f64,
        }
    }

    /// The broker's process and what it used, seconds.
    pub(super) fn broker(&self) -> Result<Option<(u32, f64)>, BenchError> {
        let used = broker_time(self.pid)?.saturating_sub(self.broker);
        Ok(self.pid.map(|pid| (pid, used.as_secs_f64())))
    }
}

fn broker_time(pid: Option<u32>) -> Result<Duration, BenchError> {
    pid.map_or(Ok(Duration::ZERO), broker_cpu::used_by)
}
