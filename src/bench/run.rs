//! A whole run: topic, prefill, warm-up, window, verification, report.

use std::sync::Arc;
use std::time::Duration;

use super::BenchError;
use super::broker_cpu;
use super::corruption::check_corruption;
use super::crew::Crew;
use super::judge::{Facts, report};
use super::phase::{Clock, Part, Phase, Progress};
use super::report::{Report, Verification};
use super::setup::Setup;
use super::topic::BenchTopic;
use super::verify::{Sent, verify};
use super::workload::Workload;
use crate::client::Cluster;
use crate::protocol::record::Codec;

/// How a workload is run.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// The brokers as they were given, for the report.
    pub bootstrap: String,
    /// Load threads.
    pub threads: usize,
    /// Cores they are pinned to, in turn; empty for no pinning.
    pub cores: Vec<usize>,
    /// Megabytes (10⁶) of compressed batches prepared for all producers together.
    pub prepared_mb: u64,
    /// Whether everything is read back and checked.
    pub verify: bool,
    /// Use this topic, which exists, instead of making one.
    pub topic: Option<String>,
    /// Leave the topic that was made.
    pub keep_topic: bool,
    /// The broker's process, if its processor time shall be told.
    pub broker_pid: Option<u32>,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Everything is set up and warm, nothing is on its way; the window begins when this returns.
    Ready,
    /// Every answer to what was sent in the window has arrived.
    Done,
    /// Everything was read back, if that was asked for.
    Verified,
}

/// Who watches a run.
pub trait Observer {
    /// A step is reached; the run goes on when this returns.
    fn on_step(&mut self, step: Step) -> Result<(), BenchError>;

    /// Something begins that may take a while: `prefill`, `warm-up`, `window`, …
    fn on_begin(&mut self, what: &'static str);

    /// How far it is; called a few times a second.
    fn on_progress(&mut self, what: &'static str, progress: Progress);
}

/// Batches prepared beforehand that the warm-up may use.
const WARMUP_SHARE: f64 = 0.25;
/// A prefill that takes longer has failed.
const PREFILL_MAX: Duration = Duration::from_secs(3600);
/// All threads have heard of a phase before it begins.
const LEAD_US: u64 = 2_000;

/// Runs a workload against a cluster and reports. The topic made for it is deleted whatever comes.
pub fn run(
    cluster: &Arc<Cluster>,
    workload: &Workload,
    settings: &RunSettings,
    observer: &mut dyn Observer,
) -> Result<Report, BenchError> {
    workload.check()?;
    // A process that is not there is said now, not after the prefill.
    settings
        .broker_pid
        .map_or(Ok(Duration::ZERO), broker_cpu::used_by)?;
    let name = format!("bench-{}-{:08x}", workload.name, fastrand::u32(..));
    let checked = match settings.verify {
        true => Some(check_corruption(cluster, &format!("{name}-corruption"))?),
        false => None,
    };
    observer.on_begin("making the topic");
    let topic = match &settings.topic {
        Some(topic) => BenchTopic::open(cluster, topic, None)?,
        None => BenchTopic::create(cluster, &name, workload.partitions, configs(workload))?,
    };
    let workload = &Workload {
        partitions: topic.partitions(),
        ..workload.clone()
    };
    workload.check()?;
    let measured =
        Measuring::new(&topic, workload, settings).and_then(|measuring| measuring.run(observer));
    if !settings.keep_topic {
        let deleted = topic.delete();
        if measured.is_ok() {
            deleted?;
        }
    }
    measured.map(|report| Report {
        corruption_check: checked,
        ..report
    })
}

fn configs(workload: &Workload) -> Vec<(String, String)> {
    let configs = workload.topic_configs.iter();
    configs
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

struct Measuring<'a> {
    settings: &'a RunSettings,
    setup: Setup<'a>,
    crew: Crew,
}

impl<'a> Measuring<'a> {
    fn new(
        topic: &'a BenchTopic,
        workload: &'a Workload,
        settings: &'a RunSettings,
    ) -> Result<Self, BenchError> {
        let clock = Clock::start();
        let setup = Setup {
            workload,
            topic,
            clock,
            run: fastrand::u32(..),
            starts: topic.ends()?,
        };
        let crew = Crew::start(settings.threads, &settings.cores, clock)?;
        Ok(Self {
            settings,
            setup,
            crew,
        })
    }

    fn run(mut self, observer: &mut dyn Observer) -> Result<Report, BenchError> {
        self.prefill(observer)?;
        self.enlist(observer)?;
        self.warm_up(observer)?;
        let cpu_before = self.broker_cpu()?;
        observer.on_step(Step::Ready)?;
        let phase = self.window_phase();
        let started_ms = self.setup.clock.timestamp(phase.start_us);
        let outcomes = self.crew.run(&phase, "window", observer)?;
        let cpu_after = self.broker_cpu()?;
        observer.on_step(Step::Done)?;
        let sequences = self.crew.finish()?;
        let sent = Sent {
            run: self.setup.run,
            starts: self.setup.starts.clone(),
            acknowledged: self.by_number(sequences),
        };
        let verification = self.verify(&sent, observer)?;
        observer.on_step(Step::Verified)?;
        let facts = Facts {
            workload: self.setup.workload,
            bootstrap: &self.settings.bootstrap,
            sample: self.setup.sample(),
            started_ms,
            window_us: phase.stop_us().saturating_sub(phase.start_us),
            broker_cpu: self
                .settings
                .broker_pid
                .map(|pid| (pid, cpu_after.saturating_sub(cpu_before))),
            verification,
        };
        Ok(report(facts, outcomes))
    }

    fn prefill(&mut self, observer: &mut dyn Observer) -> Result<(), BenchError> {
        let megabytes = self.setup.workload.prefill_mb;
        if megabytes == 0 {
            return Ok(());
        }
        self.crew.add(vec![self.setup.prefill()?])?;
        let bytes_max = Some(megabytes * 1_000_000);
        let length_us = PREFILL_MAX.as_micros() as u64;
        let phase = Phase::new(Part::Prefill, self.soon(), length_us, bytes_max, 1);
        self.crew.run(&Arc::new(phase), "prefill", observer)?;
        Ok(())
    }

    /// Opens all connections of the load.
    fn enlist(&mut self, observer: &mut dyn Observer) -> Result<(), BenchError> {
        if self.setup.workload.producers.codec != Codec::None {
            observer.on_begin("compressing batches");
        }
        let pools = self.setup.pools(self.settings.prepared_mb * 1_000_000);
        let ends = self.setup.topic.ends()?;
        self.crew.add(self.setup.producers(pools)?)?;
        self.crew.add(self.setup.readers(&ends)?)?;
        self.crew.add(self.setup.idle()?)
    }

    fn warm_up(&mut self, observer: &mut dyn Observer) -> Result<(), BenchError> {
        let window = &self.setup.workload.window;
        let ramp_us = match self.setup.workload.is_open_loop() {
            true => (window.ramp_seconds * 1e6) as u64,
            false => 0,
        };
        let length_us = ramp_us + (window.warmup_seconds * 1e6) as u64;
        if length_us == 0 {
            return Ok(());
        }
        let mut phase = self.load_phase(length_us, None);
        phase.ramp_us = ramp_us;
        phase.prepared_share = WARMUP_SHARE;
        self.crew.run(&Arc::new(phase), "warm-up", observer)?;
        Ok(())
    }

    fn window_phase(&self) -> Arc<Phase> {
        let window = &self.setup.workload.window;
        let bytes_max = (window.bytes_max_mb > 0).then(|| window.bytes_max_mb * 1_000_000);
        Arc::new(self.load_phase((window.seconds * 1e6) as u64, bytes_max))
    }

    fn load_phase(&self, length_us: u64, bytes_max: Option<u64>) -> Phase {
        let producers = self.setup.workload.producers.count as usize;
        Phase::new(Part::Load, self.soon(), length_us, bytes_max, producers)
    }

    fn soon(&self) -> u64 {
        self.setup.clock.now_us() + LEAD_US
    }

    fn broker_cpu(&self) -> Result<Duration, BenchError> {
        let pid = self.settings.broker_pid;
        pid.map_or(Ok(Duration::ZERO), broker_cpu::used_by)
    }

    /// The crew knows producers in no order, the verification by their numbers.
    fn by_number(&self, sequences: Vec<(u32, Vec<u64>)>) -> Vec<Vec<u64>> {
        let mut by_number = vec![Vec::new(); self.setup.producer_count()];
        for (number, counts) in sequences {
            by_number[number as usize] = counts;
        }
        by_number
    }

    fn verify(
        &self,
        sent: &Sent,
        observer: &mut dyn Observer,
    ) -> Result<Option<Verification>, BenchError> {
        if !self.settings.verify {
            return Ok(None);
        }
        observer.on_begin("verifying");
        verify(self.setup.topic, sent).map(Some)
    }
}
