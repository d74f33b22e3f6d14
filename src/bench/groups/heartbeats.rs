//! What it costs a broker that groups are there: members that do nothing but heartbeat.

use std::net::TcpStream;
use std::sync::Arc;

use super::counts::Counts;
use super::ground::{Ground, Spent};
use super::member::Member;
use super::report::{GroupCpu, HeartbeatReport};
use super::settings::{GroupObserver, GroupRun, HeartbeatWorkload};
use super::stage::{Actor, Stage};
use crate::bench::{BenchError, LoadThread, Step, Verdict};
use crate::client::Cluster;

/// Nothing more settles for so long: the run has failed.
const PATIENCE_US: u64 = 180_000_000;
/// How long members may take to leave; who does not is forgotten by the broker.
const LEAVING_US_MAX: u64 = 60_000_000;
const PROGRESS_US: u64 = 250_000;
/// So much of the heartbeats that were due must have been answered.
const SUSTAINED_SHARE: f64 = 0.98;

impl Actor for Member {
    type Shared = Counts;

    fn streams(&self) -> Vec<&TcpStream> {
        Self::streams(self)
    }

    fn on_ready(
        &mut self,
        link: usize,
        now_us: u64,
        counts: &mut Counts,
    ) -> Result<(), BenchError> {
        Self::on_ready(self, link, now_us, counts)
    }

    fn on_due(&mut self, now_us: u64, _: &mut Counts) -> Result<(), BenchError> {
        Self::on_due(self, now_us)
    }

    fn due_us(&self) -> Option<u64> {
        Self::due_us(self)
    }
}

/// Joins all groups, waits until they are at rest, and measures a window of heartbeats.
pub fn run_heartbeats(
    cluster: &Arc<Cluster>,
    workload: &HeartbeatWorkload,
    run: &GroupRun,
    observer: &mut dyn GroupObserver,
) -> Result<HeartbeatReport, BenchError> {
    workload.check()?;
    let ground = Ground::new(cluster, "heartbeats", workload.members, workload.groups)?;
    let stage = Stage::new(ground.clock, run.core)?;
    let mut load = Heartbeats {
        workload,
        run,
        ground: &ground,
        stage,
        counts: Counts::new(0),
        observer,
    };
    let report = load.connect().and_then(|()| load.measure());
    let cleared = load.leave().and_then(|()| ground.clear());
    report.and_then(|report| cleared.map(|()| report))
}

struct Heartbeats<'a> {
    workload: &'a HeartbeatWorkload,
    run: &'a GroupRun,
    ground: &'a Ground,
    stage: Stage<Member>,
    counts: Counts,
    observer: &'a mut dyn GroupObserver,
}

impl Heartbeats<'_> {
    fn connect(&mut self) -> Result<(), BenchError> {
        let all = self.workload.groups * self.workload.members;
        for group in 0..self.workload.groups as usize {
            for _ in 0..self.workload.members {
                let script = self.ground.script(group, self.workload.protocol, false);
                let interval_us = u64::from(self.workload.heartbeat_ms) * 1000;
                let link = self.ground.link(group)?;
                let member = Member::new(script, link, self.ground.topic.id(), interval_us);
                self.stage.add(member)?;
            }
            let connected = (group + 1) as u32 * self.workload.members;
            self.observer
                .on_progress(&format!("connecting: {connected} of {all} members"));
        }
        Ok(())
    }

    fn measure(&mut self) -> Result<HeartbeatReport, BenchError> {
        let begun_us = self.stage.now_us();
        self.join()?;
        let joined_seconds = (self.stage.now_us() - begun_us) as f64 / 1e6;
        self.spread();
        self.stay(self.workload.warmup_seconds, "warm-up")?;
        self.observer.on_step(Step::Ready)?;
        // Who watches may have taken its time, in which nobody was heard of.
        let start_us = self.spread();
        self.counts.begin(start_us);
        let spent = Spent::begin(self.run.broker_pid, self.run.core, start_us)?;
        self.stay(self.workload.seconds, "window")?;
        let end_us = self.stage.now_us();
        let (load, broker) = (spent.load(end_us), spent.broker()?);
        self.observer.on_step(Step::Done)?;
        Ok(self.report(
            joined_seconds,
            (end_us - start_us) as f64 / 1e6,
            load,
            broker,
        ))
    }

    /// A few groups at a time: each has to wait for its own members only, and the broker is never
    /// asked by all at once.
    fn join(&mut self) -> Result<(), BenchError> {
        let (groups, members) = (
            self.workload.groups as usize,
            self.workload.members as usize,
        );
        let (mut next, mut joining, mut settled) = (0, Vec::new(), 0);
        let mut progress = Progress::default();
        while settled < groups {
            while joining.len() < self.workload.joining_max as usize && next < groups {
                for member in next * members..(next + 1) * members {
                    self.stage.tell(member, Member::begin);
                }
                joining.push(next);
                next += 1;
            }
            self.stage.turn(&mut self.counts)?;
            let before = joining.len();
            let actors = self.stage.actors();
            joining.retain(|group| {
                !settles(
                    actors[group * members..(group + 1) * members].iter(),
                    members,
                )
            });
            settled += before - joining.len();
            let what = || format!("{settled} of {groups} groups are at rest");
            progress.check(self.stage.now_us(), settled, what, self.observer)?;
        }
        Ok(())
    }

    /// Heartbeats of all members come evenly from now on; when that is.
    fn spread(&mut self) -> u64 {
        let start_us = self.stage.now_us();
        let count = self.stage.actors().len() as u64;
        let commit_us = u64::from(self.workload.commit_ms) * 1000;
        for number in 0..count {
            let after = |interval_us: u64| start_us + interval_us * number / count;
            self.stage.tell(number as usize, |member| {
                let first_us = after(member.interval_us());
                let commits = (commit_us > 0).then(|| (after(commit_us), commit_us));
                member.set_times(first_us, commits);
            });
        }
        start_us
    }

    fn stay(&mut self, seconds: f64, what: &str) -> Result<(), BenchError> {
        let start_us = self.stage.now_us();
        let end_us = start_us + (seconds * 1e6) as u64;
        let mut shown_us = start_us;
        while self.stage.now_us() < end_us {
            self.stage.turn(&mut self.counts)?;
            let now_us = self.stage.now_us();
            if now_us >= shown_us + PROGRESS_US {
                shown_us = now_us;
                let passed = (now_us - start_us) / 1_000_000;
                let heartbeats = self.counts.heartbeats;
                self.observer
                    .on_progress(&format!("{what} {passed} s: {heartbeats} heartbeats"));
            }
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), BenchError> {
        for member in 0..self.stage.actors().len() {
            self.stage.tell(member, Member::leave);
        }
        let end_us = self.stage.now_us() + LEAVING_US_MAX;
        let gone = |member: &Member| member.is_gone();
        while !self.stage.actors().iter().all(gone) && self.stage.now_us() < end_us {
            self.stage.turn(&mut self.counts)?;
        }
        Ok(())
    }

    fn report(
        &self,
        joined_seconds: f64,
        seconds: f64,
        load: LoadThread,
        broker: Option<(u32, f64)>,
    ) -> HeartbeatReport {
        let counts = &self.counts;
        let interval_us = self.stage.actors()[0].interval_us() as f64;
        let due = self.stage.actors().len() as f64 * seconds * 1e6 / interval_us;
        let answered = counts.heartbeats as f64;
        let verdict = match (counts.rebalances, answered >= due * SUSTAINED_SHARE - 1.0) {
            (0, true) => Verdict::Valid,
            (0, false) => Verdict::NotSustained {
                achieved: answered / seconds,
            },
            (rebalances, _) => Verdict::Failed {
                why: format!("{rebalances} answers told of a rebalance"),
            },
        };
        let requests = counts.heartbeats + counts.commits;
        HeartbeatReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            workload: self.workload.clone(),
            bootstrap: self.run.bootstrap.clone(),
            heartbeat_ms: interval_us / 1000.0,
            joined_seconds,
            seconds,
            heartbeats: counts.heartbeats,
            heartbeat_latency: counts.heartbeat.report(),
            commits: counts.commits,
            commit_latency: counts.commit.report(),
            rebalances: counts.rebalances,
            load,
            broker_cpu: broker.map(|(pid, used)| GroupCpu::of(pid, used, requests)),
            verdict,
        }
    }
}

/// Whether a group has nothing left to do: all are members of the same generation, have something,
/// and together everything.
pub(super) fn settles<'a>(
    mut members: impl Iterator<Item = &'a Member>,
    partitions: usize,
) -> bool {
    let (mut owned, mut generation) = (0, None);
    let sound = members.all(|member| {
        let own = member.script.owned().len();
        owned += own;
        let (_, its) = member.script.identity();
        own > 0 && member.is_at_rest() && *generation.get_or_insert(its) == its
    });
    sound && owned == partitions
}

/// Says how far it is, and fails when it goes no further.
#[derive(Default)]
pub(super) struct Progress {
    shown_us: u64,
    reached: usize,
    reached_us: Option<u64>,
}

impl Progress {
    pub(super) fn check(
        &mut self,
        now_us: u64,
        reached: usize,
        what: impl Fn() -> String,
        observer: &mut dyn GroupObserver,
    ) -> Result<(), BenchError> {
        let since_us = *self.reached_us.get_or_insert(now_us);
        if reached != self.reached {
            (self.reached, self.reached_us) = (reached, Some(now_us));
        } else if now_us - since_us > PATIENCE_US {
            return Err(BenchError::Unsettled {
                what: what(),
                seconds: PATIENCE_US / 1_000_000,
            });
        }
        if now_us >= self.shown_us + PROGRESS_US {
            self.shown_us = now_us;
            observer.on_progress(&what());
        }
        Ok(())
    }
}
