//! How long nobody reads a partition when a member joins its group.

use std::net::TcpStream;
use std::sync::Arc;

use super::counts::Counts;
use super::fetcher::Fetcher;
use super::ground::{Ground, Spent};
use super::heartbeats::{Progress, settles};
use super::link::Link;
use super::member::Member;
use super::report::{RebalanceReport, RebalanceRound};
use super::settings::{GroupObserver, GroupRun, RebalanceWorkload};
use super::stage::{Actor, Stage};
use super::ticker::Ticker;
use crate::bench::frames::Route;
use crate::bench::{BenchError, LoadThread, Step, Verdict};
use crate::client::Cluster;

/// Answers to a fetch fit into this.
const FETCHED_BYTES: usize = 64 * 1024;
/// So much is written to each partition before anybody reads: the first records of a partition
/// make files, the first kilobytes entries of indexes, in all partitions at once.
const FIRST_WRITES: u64 = 100;
const FIRST_WRITE_US: u64 = 10_000;
/// How long members may take to leave; who does not is forgotten by the broker.
const LEAVING_US_MAX: u64 = 20_000_000;

/// A group that reads while its topic is written to; a member joins and leaves again, several
/// times.
pub fn run_rebalance(
    cluster: &Arc<Cluster>,
    workload: &RebalanceWorkload,
    run: &GroupRun,
    observer: &mut dyn GroupObserver,
) -> Result<RebalanceReport, BenchError> {
    workload.check()?;
    let ground = Ground::new(cluster, "rebalance", workload.partitions, 1)?;
    // A partition that cannot be read yet would look like a pause.
    ground.topic.ends()?;
    let mut load = Rebalance {
        workload,
        run,
        ground: &ground,
        stage: Stage::new(ground.clock, run.core)?,
        counts: Counts::new(workload.partitions as usize),
        observer,
    };
    let report = load.set_up().and_then(|()| load.measure());
    let cleared = load.leave().and_then(|()| ground.clear());
    report.and_then(|report| cleared.map(|()| report))
}

/// Who takes part.
enum Part {
    Member(Box<Member>),
    Ticker(Box<Ticker>),
}

impl Part {
    /// While the group formed writes may have been missed.
    fn forget_misses(&mut self) {
        if let Self::Ticker(ticker) = self {
            ticker.missed = 0;
        }
    }

    fn ticker(&self) -> Option<&Ticker> {
        match self {
            Self::Ticker(ticker) => Some(ticker),
            Self::Member(_) => None,
        }
    }

    fn member(&self) -> Option<&Member> {
        match self {
            Self::Member(member) => Some(member),
            Self::Ticker(_) => None,
        }
    }
}

impl Actor for Part {
    type Shared = Counts;

    fn streams(&self) -> Vec<&TcpStream> {
        match self {
            Self::Member(member) => member.streams(),
            Self::Ticker(ticker) => vec![ticker.stream()],
        }
    }

    fn on_ready(
        &mut self,
        link: usize,
        now_us: u64,
        counts: &mut Counts,
    ) -> Result<(), BenchError> {
        match self {
            Self::Member(member) => member.on_ready(link, now_us, counts),
            Self::Ticker(ticker) => ticker.on_ready(),
        }
    }

    fn on_due(&mut self, now_us: u64, _: &mut Counts) -> Result<(), BenchError> {
        match self {
            Self::Member(member) => member.on_due(now_us),
            Self::Ticker(ticker) => ticker.on_due(now_us),
        }
    }

    fn due_us(&self) -> Option<u64> {
        match self {
            Self::Member(member) => member.due_us(),
            Self::Ticker(ticker) => Some(ticker.due_us()),
        }
    }
}

struct Rebalance<'a> {
    workload: &'a RebalanceWorkload,
    run: &'a GroupRun,
    ground: &'a Ground,
    /// The members, the last of which comes and goes, then who writes.
    stage: Stage<Part>,
    counts: Counts,
    observer: &'a mut dyn GroupObserver,
}

impl Rebalance<'_> {
    fn set_up(&mut self) -> Result<(), BenchError> {
        for number in 0..=self.workload.members {
            let member = self.member(number)?;
            self.stage.add(Part::Member(Box::new(member)))?;
        }
        let (link, route) = self.connect()?;
        let (now_us, clock) = (self.stage.now_us(), self.ground.clock);
        let ticker = Ticker::new(
            link,
            &route,
            self.workload.partitions as i32,
            u64::from(self.workload.record_ms) * 1000,
            clock.timestamp(now_us),
            now_us + FIRST_WRITE_US,
        );
        self.stage.add(Part::Ticker(Box::new(ticker)))?;
        self.write_first()?;
        for number in 0..self.workload.members as usize {
            self.tell(number, Member::begin);
        }
        self.rest(self.workload.members as usize, "the group forms")
    }

    fn write_first(&mut self) -> Result<(), BenchError> {
        let mut progress = Progress::default();
        loop {
            self.stage.turn(&mut self.counts)?;
            let tickers = self.stage.actors().iter().filter_map(Part::ticker);
            let answered = tickers.map(|ticker| ticker.answered).sum::<u64>();
            if answered >= FIRST_WRITES {
                return Ok(());
            }
            let what = || format!("{answered} of {FIRST_WRITES} first writes are answered");
            let now_us = self.stage.now_us();
            progress.check(now_us, answered as usize, what, self.observer)?;
        }
    }

    fn measure(&mut self) -> Result<RebalanceReport, BenchError> {
        self.observer.on_step(Step::Ready)?;
        let begun_us = self.stage.now_us();
        let spent = Spent::begin(self.run.broker_pid, self.run.core, begun_us)?;
        self.stage
            .tell(self.workload.members as usize + 1, Part::forget_misses);
        let rounds = (0..self.workload.rounds).map(|_| self.round());
        let rounds = rounds.collect::<Result<Vec<_>, _>>()?;
        let now_us = self.stage.now_us();
        self.observer.on_step(Step::Done)?;
        let seconds = (now_us - begun_us) as f64 / 1e6;
        Ok(self.report(rounds, spent.load(now_us), seconds))
    }

    /// A member joins, which is measured, and leaves again.
    fn round(&mut self) -> Result<RebalanceRound, BenchError> {
        let joiner = self.workload.members as usize;
        self.spread();
        self.steady(self.workload.steady_seconds)?;
        self.counts.pauses.take_moves();
        let begun_us = self.stage.now_us();
        self.tell(joiner, Member::begin);
        let settled_us = self
            .rest(joiner + 1, "a member joins")
            .map(|()| self.stage.now_us())?;
        let moves = self.counts.pauses.take_moves();
        self.tell(joiner, Member::leave);
        while !self.stage.actors()[joiner]
            .member()
            .is_none_or(Member::is_gone)
        {
            self.stage.turn(&mut self.counts)?;
        }
        self.rest(joiner, "it leaves again")?;
        let script = self.ground.script(0, self.workload.protocol, true);
        self.tell(joiner, |member| member.become_new(script));
        Ok(RebalanceRound {
            settled_us: settled_us - begun_us,
            moves,
        })
    }

    /// Heartbeats come evenly, as those of members that have not all just joined.
    fn spread(&mut self) {
        let (start_us, count) = (self.stage.now_us(), u64::from(self.workload.members));
        for number in 0..count {
            self.tell(number as usize, |member| {
                member.set_times(start_us + member.interval_us() * number / count, None);
            });
        }
    }

    /// Until the first so many members are at rest, and every partition was read from since.
    fn rest(&mut self, members: usize, what: &str) -> Result<(), BenchError> {
        let mut progress = Progress::default();
        let mut settled_us = None;
        loop {
            self.stage.turn(&mut self.counts)?;
            let now_us = self.stage.now_us();
            match settled_us {
                _ if !self.settles(members) => settled_us = None,
                None => settled_us = Some(now_us),
                Some(us) if self.counts.pauses.all_since(us) => return Ok(()),
                Some(_) => {}
            }
            let what = || format!("{what}: the group is not at rest");
            progress.check(
                now_us,
                usize::from(settled_us.is_some()),
                what,
                self.observer,
            )?;
        }
    }

    fn settles(&self, members: usize) -> bool {
        let members = self.stage.actors()[..members].iter();
        settles(
            members.filter_map(Part::member),
            self.workload.partitions as usize,
        )
    }

    fn steady(&mut self, seconds: f64) -> Result<(), BenchError> {
        let end_us = self.stage.now_us() + (seconds * 1e6) as u64;
        while self.stage.now_us() < end_us {
            self.stage.turn(&mut self.counts)?;
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), BenchError> {
        for number in 0..self.stage.actors().len() {
            self.tell(number, Member::leave);
        }
        let end_us = self.stage.now_us() + LEAVING_US_MAX;
        let gone = |part: &Part| part.member().is_none_or(Member::is_gone);
        while !self.stage.actors().iter().all(gone) && self.stage.now_us() < end_us {
            self.stage.turn(&mut self.counts)?;
        }
        Ok(())
    }

    fn member(&self, number: u32) -> Result<Member, BenchError> {
        let (link, route) = self.connect()?;
        let fetcher = Fetcher::new(number, link, route);
        let script = self.ground.script(0, self.workload.protocol, true);
        let interval_us = u64::from(self.workload.heartbeat_ms) * 1000;
        let topic_id = self.ground.topic.id();
        let member = Member::new(script, self.ground.link(0)?, topic_id, interval_us);
        Ok(member.reading(fetcher))
    }

    fn connect(&self) -> Result<(Link, Route), BenchError> {
        let topic = &self.ground.topic;
        let connection = self.ground.cluster.open(topic.leader())?;
        let route = topic.route(&connection)?;
        Ok((Link::new(connection, FETCHED_BYTES)?, route))
    }

    fn tell(&mut self, number: usize, change: impl FnOnce(&mut Member)) {
        self.stage.tell(number, |part| match part {
            Part::Member(member) => change(member),
            Part::Ticker(_) => {}
        });
    }

    fn report(
        &self,
        rounds: Vec<RebalanceRound>,
        load: LoadThread,
        seconds: f64,
    ) -> RebalanceReport {
        let actors = self.stage.actors();
        let interval_us = actors
            .iter()
            .find_map(Part::member)
            .map_or(0, Member::interval_us);
        let missed: u64 = actors
            .iter()
            .filter_map(Part::ticker)
            .map(|t| t.missed)
            .sum();
        let (repeated, skipped) = (self.counts.pauses.repeated, self.counts.pauses.skipped);
        let rate = 1000.0 / f64::from(self.workload.record_ms);
        let verdict = match (repeated + skipped, missed) {
            (0, 0) => Verdict::Valid,
            (0, missed) => Verdict::NotSustained {
                achieved: rate * (1.0 - missed as f64 / (seconds * rate)).max(0.0),
            },
            _ => Verdict::Failed {
                why: format!("{repeated} records came twice, {skipped} never"),
            },
        };
        RebalanceReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            workload: self.workload.clone(),
            bootstrap: self.run.bootstrap.clone(),
            heartbeat_ms: interval_us as f64 / 1000.0,
            rounds,
            repeated,
            skipped,
            uncommitted: self.counts.uncommitted,
            missed_writes: missed,
            load,
            verdict,
        }
    }
}
