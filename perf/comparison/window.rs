//! One measured window of one workload on one broker.

use std::thread::sleep;
use std::time::Duration;

use klamm::bench::Report;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::accounting::{self, Cost, Reading};
use crate::args::Args;
use crate::broker::Broker;
use crate::calibration;
use crate::load::{Load, Request};

/// How long a broker is watched doing nothing before each window, in slices: what it finishes
/// just then, a compilation or a deletion, falls into few of them.
const IDLE_SLICE: Duration = Duration::from_millis(100);
const IDLE_SLICES: usize = 7;

/// What a window showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Window {
    /// The row of the tables it belongs to.
    pub(crate) label: String,
    /// The column's key.
    pub(crate) column: String,
    /// Windows of one round are a pair.
    pub(crate) round: usize,
    /// Where broker and load ran, `BROKER:LOAD`.
    pub(crate) cores: String,
    /// The state of the host, by the name that was given.
    pub(crate) host: String,
    /// A fixed piece of work beside it, millions of rounds a second, before and after.
    pub(crate) speed: [f64; 2],
    /// Processor seconds of the broker, idle taken off.
    pub(crate) own_seconds: f64,
    /// Processor seconds of kernel threads until all was written, idle taken off.
    pub(crate) kernel_seconds: f64,
    /// Bytes that the device was told to write until then.
    pub(crate) device_bytes: u64,
    /// The most memory of the control group, page cache included.
    pub(crate) memory_peak_bytes: Option<u64>,
    /// Resident memory at the end.
    pub(crate) resident_bytes: u64,
    /// The command of the load.
    pub(crate) command: String,
    /// What the load saw.
    pub(crate) report: Report,
}

impl Window {
    /// Runs one.
    pub(crate) fn measure(
        label: &str,
        round: usize,
        idle_counts: bool,
        request: &Request<'_>,
        broker: &Broker,
        args: &Args,
    ) -> Outcome<Self> {
        let mut load = Load::start(request, args)?;
        load.await_step("ready")?;
        accounting::settle(&broker.data);
        sleep(Duration::from_millis(200));
        let before = calibration::speed();
        let idle = idle(broker)?;
        broker.group.reset_memory_peak();
        let begun = Reading::take(broker, &broker.data)?;
        load.go_on()?;
        load.await_step("done")?;
        accounting::settle(&broker.data);
        let ended = Reading::take(broker, &broker.data)?;
        let memory_peak_bytes = broker.group.memory_peak_bytes();
        let resident_bytes = accounting::resident_bytes(broker.pid());
        let after = calibration::speed();
        load.go_on()?;
        load.await_step("verified")?;
        let cost = match idle_counts {
            true => ended.since(&begun),
            false => ended.since(&begun).minus_idle(idle),
        };
        let command = load.command.clone();
        Ok(Self {
            label: label.to_owned(),
            column: request.column.key.to_owned(),
            round,
            cores: args.cores.clone(),
            host: args.host.clone(),
            speed: [before, after],
            own_seconds: cost.own_seconds,
            kernel_seconds: cost.kernel_seconds,
            device_bytes: cost.device_bytes,
            memory_peak_bytes,
            resident_bytes,
            command,
            report: load.report()?,
        })
    }

    /// What the broker alone spent on a byte; where there are none, in all.
    pub(crate) fn own_cost(&self) -> f64 {
        self.own_seconds / self.bytes().max(1) as f64
    }

    /// Processor seconds in all.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.own_seconds + self.kernel_seconds
    }

    /// Bytes that went through, on the wire; what readers at the tail read was written just before.
    pub(crate) fn bytes(&self) -> u64 {
        let lagging = self.report.lagging.as_ref();
        self.report.produced.bytes.max(self.report.consumed.bytes)
            + lagging.map_or(0, |lagging| lagging.flow.bytes)
    }

    /// Bytes a second.
    pub(crate) fn throughput(&self) -> f64 {
        self.bytes() as f64 / self.report.seconds
    }

    /// Processor seconds for a GB.
    pub(crate) fn cpu_per_gb(&self) -> f64 {
        self.cpu_seconds() / (self.bytes() as f64 / 1e9)
    }

    /// Processor microseconds for a produce request.
    pub(crate) fn cpu_us_per_request(&self) -> f64 {
        self.cpu_seconds() * 1e6 / self.report.produced.requests as f64
    }

    /// Whether the load put as many records into a request as were due by then.
    pub(crate) fn chooses_requests(&self) -> bool {
        let producers = &self.report.workload.producers;
        let most = producers
            .batch_records
            .max(producers.partitions_per_request);
        self.report.workload.is_open_loop() && most > producers.burst_records
    }

    /// Records written a second; read, where none were written.
    pub(crate) fn records_per_second(&self) -> f64 {
        let records = self
            .report
            .produced
            .records
            .max(self.report.consumed.records);
        records as f64 / self.report.seconds
    }

    /// A percentile of the time to the answer, microseconds, if there were samples enough.
    pub(crate) fn produce_us(&self, percentile: f64) -> Option<f64> {
        let latency = self.report.produce_latency.as_ref()?;
        latency.at(percentile).map(|us| us as f64)
    }

    /// The same from due to read.
    pub(crate) fn end_to_end_us(&self, percentile: f64) -> Option<f64> {
        let latency = self.report.end_to_end_latency.as_ref()?;
        latency.at(percentile).map(|us| us as f64)
    }

    /// The busiest thread of the load.
    pub(crate) fn load_busy(&self) -> f64 {
        self.report.load.busiest()
    }

    /// The machine's speed around it.
    pub(crate) fn machine_speed(&self) -> f64 {
        (self.speed[0] + self.speed[1]) / 2.0
    }
}

/// What goes on anyway: the middle of the slices.
fn idle(broker: &Broker) -> Outcome<Cost> {
    let mut before = Reading::take(broker, &broker.data)?;
    let mut slices = Vec::new();
    for _ in 0..IDLE_SLICES {
        sleep(IDLE_SLICE);
        let now = Reading::take(broker, &broker.data)?;
        slices.push(now.since(&before));
        before = now;
    }
    Ok(Cost::middle(&slices))
}
