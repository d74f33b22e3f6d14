//! How many commits a broker takes: groups without members, on a few connections.

use std::net::TcpStream;
use std::sync::Arc;

use super::counts::Counts;
use super::ground::{Ground, Spent};
use super::heartbeats::Progress;
use super::link::{Framed, Link};
use super::report::{CommitReport, GroupCpu};
use super::requests::{commit_code, committed};
use super::settings::{CommitWorkload, GroupObserver, GroupRun};
use super::stage::{Actor, Stage};
use crate::bench::{BenchError, Step};
use crate::client::Cluster;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::offset_commit::{OffsetCommitRequest, OffsetCommitResponse};

/// A coordinator that is still loading is asked again so much later.
const LOADING_PAUSE_US: u64 = 100_000;

/// Commits until the time is over or every group has had its rounds.
///
/// Topic and groups stay if they shall be asked later (`keep`).
pub fn run_commits(
    cluster: &Arc<Cluster>,
    workload: &CommitWorkload,
    run: &GroupRun,
    keep: bool,
    observer: &mut dyn GroupObserver,
) -> Result<CommitReport, BenchError> {
    workload.check()?;
    let ground = Ground::new(cluster, "commits", workload.partitions, workload.groups)?;
    let report = commit(&ground, workload, run, observer);
    let cleared = match keep {
        true => Ok(()),
        false => ground.clear(),
    };
    report.and_then(|report| cleared.map(|()| report))
}

fn commit(
    ground: &Ground,
    workload: &CommitWorkload,
    run: &GroupRun,
    observer: &mut dyn GroupObserver,
) -> Result<CommitReport, BenchError> {
    let mut stage = Stage::new(ground.clock, run.core)?;
    let mut counts = Counts::new(0);
    for number in 0..workload.connections.min(workload.groups) {
        stage.add(Committer::new(ground, workload, number)?)?;
    }
    observer.on_step(Step::Ready)?;
    let start_us = stage.now_us();
    let end_us = start_us + (workload.seconds * 1e6) as u64;
    counts.begin(start_us);
    let spent = Spent::begin(run.broker_pid, run.core, start_us)?;
    let mut progress = Progress::default();
    for number in 0..stage.actors().len() {
        stage.tell(number, |committer| committer.begin(start_us));
    }
    let done = |committer: &Committer| committer.is_done();
    while stage.now_us() < end_us && !stage.actors().iter().all(done) {
        stage.turn(&mut counts)?;
        let what = || format!("{} commits", counts.commits);
        progress.check(stage.now_us(), counts.commits as usize, what, observer)?;
    }
    let now_us = stage.now_us();
    let (load, broker) = (spent.load(now_us), spent.broker()?);
    observer.on_step(Step::Done)?;
    let complete = stage.actors().iter().all(done);
    Ok(CommitReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        workload: workload.clone(),
        bootstrap: run.bootstrap.clone(),
        topic: ground.topic.name().to_owned(),
        topic_id: ground.topic.id().to_string(),
        seconds: (now_us - start_us) as f64 / 1e6,
        commits: counts.commits,
        offsets: counts.commits * u64::from(workload.partitions),
        last_offset: (complete && workload.rounds > 0).then(|| workload.rounds as i64 - 1),
        commit_latency: counts.commit.report(),
        load,
        broker_cpu: broker.map(|(pid, used)| GroupCpu::of(pid, used, counts.commits)),
    })
}

/// One connection that commits for its groups in turn.
struct Committer {
    link: Link,
    groups: Vec<CommitFrame>,
    next: usize,
    round: u64,
    rounds_max: u64,
    /// Between commits, if a rate is kept.
    interval_us: u64,
    offset_us: u64,
    next_us: Option<u64>,
}

/// The commit of one group, framed once.
struct CommitFrame {
    group: String,
    framed: Framed,
    /// Where the offsets stand.
    places: Vec<usize>,
}

impl Committer {
    fn new(ground: &Ground, workload: &CommitWorkload, number: u32) -> Result<Self, BenchError> {
        let (count, all) = (
            workload.connections.min(workload.groups),
            ground.groups.len(),
        );
        let own = (number as usize..all).step_by(count as usize);
        let link = ground.link(number as usize)?;
        let groups = own.map(|group| CommitFrame::new(ground, &link, group));
        let interval_us = match workload.rate {
            0 => 0,
            rate => u64::from(count) * 1_000_000 / u64::from(rate),
        };
        Ok(Self {
            groups: groups.collect::<Result<_, BenchError>>()?,
            link,
            next: 0,
            round: 0,
            rounds_max: match workload.rounds {
                0 => u64::MAX,
                rounds => rounds,
            },
            interval_us,
            offset_us: interval_us * u64::from(number) / u64::from(count),
            next_us: None,
        })
    }

    fn begin(&mut self, start_us: u64) {
        self.next_us = Some(start_us + self.offset_us);
    }

    fn is_done(&self) -> bool {
        self.round == self.rounds_max && self.link.waiting() == 0
    }

    fn send(&mut self, now_us: u64) -> Result<(), BenchError> {
        let due_us = match self.interval_us {
            0 => now_us,
            _ => self.next_us.unwrap_or(now_us),
        };
        self.next_us = Some(due_us + self.interval_us);
        let frame = &mut self.groups[self.next];
        frame.set(self.round as i64);
        self.link.send(&mut frame.framed, due_us)
    }

    /// The group whose commit was answered, and the next one's turn.
    fn advance(&mut self) {
        self.next += 1;
        if self.next == self.groups.len() {
            self.next = 0;
            self.round += 1;
        }
    }
}

impl Actor for Committer {
    type Shared = Counts;

    fn streams(&self) -> Vec<&TcpStream> {
        vec![self.link.stream()]
    }

    fn on_ready(&mut self, _: usize, now_us: u64, counts: &mut Counts) -> Result<(), BenchError> {
        self.link.move_bytes()?;
        let Some(answer) = self.link.next_answer()? else {
            return Ok(());
        };
        let asked = answer.asked;
        match commit_code(&answer.decode::<OffsetCommitResponse>()?) {
            ErrorCode::None => {}
            // Kafka loads a partition of offsets after it has named its coordinator.
            ErrorCode::CoordinatorLoadInProgress => {
                self.next_us = Some(now_us + LOADING_PAUSE_US);
                return Ok(());
            }
            code => {
                return Err(BenchError::Group {
                    doing: "commit offsets",
                    group: self.groups[self.next].group.clone(),
                    code,
                });
            }
        }
        counts.on_commit(now_us, asked.due_us);
        self.advance();
        Ok(())
    }

    fn on_due(&mut self, now_us: u64, _: &mut Counts) -> Result<(), BenchError> {
        self.send(now_us)
    }

    fn due_us(&self) -> Option<u64> {
        let busy = self.link.waiting() > 0 || self.round == self.rounds_max;
        self.next_us.filter(|_| !busy)
    }
}

/// Stands for the offsets when a commit is framed; no other field of it can hold this.
const MARK: i64 = 0x6d61_726b_0000_0000;

impl CommitFrame {
    fn new(ground: &Ground, link: &Link, group: usize) -> Result<Self, BenchError> {
        let partitions = 0..ground.topic.partitions() as i32;
        let marked: Vec<(i32, i64)> = partitions.map(|p| (p, MARK + i64::from(p))).collect();
        let request = OffsetCommitRequest {
            group_id: ground.groups[group].clone(),
            generation_id_or_member_epoch: -1,
            topics: vec![committed(ground.topic.name(), ground.topic.id(), &marked)],
            ..Default::default()
        };
        let framed = link.framed(&request)?;
        let mut from = 0;
        let place = |(_, mark): &(i32, i64)| {
            let mark = mark.to_be_bytes();
            let found = framed.bytes[from..].windows(8).position(|w| w == mark);
            from += found.expect("each offset is in the request") + 8;
            from - 8
        };
        Ok(Self {
            group: ground.groups[group].clone(),
            places: marked.iter().map(place).collect(),
            framed,
        })
    }

    fn set(&mut self, offset: i64) {
        for place in &self.places {
            self.framed.bytes[*place..*place + 8].copy_from_slice(&offset.to_be_bytes());
        }
    }
}
