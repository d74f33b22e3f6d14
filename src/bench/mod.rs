//! A load for any Kafka broker, made to be believed.
//!
//! [`run()`] makes a topic, writes the prefill, warms up, runs the window and reads everything back;
//! a [`Report`] tells what came of it. What makes it believable:
//!
//! - **Due times.** In an open loop every record has a due time on a schedule that does not wait for
//!   the broker; latency is answer minus due time, so a stall cannot hide (no coordinated omission).
//!   In a closed loop a record is due when its request is built. Records that are due together and
//!   go together are one sample.
//! - **No figure without ground.** A rate that was not sustained has no percentile at all; a
//!   percentile needs 100 samples beyond it; a load thread busy for 85 % of the window or more is
//!   named as the bottleneck.
//! - **Phases.** Between prefill, warm-up and window nothing is on its way. A phase ends when every
//!   answer to what was sent in it is there, and rates are over the time until the last one.
//! - **Every record proves itself.** Its value holds run, producer, sequence, due time and a checksum
//!   over all of it; afterwards all partitions are read from where they ended before the run, and
//!   what is lost, doubled, reordered or changed fails the run. Any error answer ends it at once.
//! - **A cheap load.** One event loop per thread over non-blocking sockets; requests are framed once
//!   and patched in place, so that a large batch costs its checksum and a write; what is compressed
//!   is compressed before the window.
//!
//! From the bottom: `value`, `template`, `frames` make bytes; `schedule`, `open`, `source`, `pool`
//! decide what is sent; `socket`, `producer`, `reader` move it; `thread`, `crew` run them; `meter`,
//! `latency`, `judge` count and judge; `topic`, `setup`, `verify`, `corruption`, `run` are the rest.
//!
//! [`groups`] are loads of their own: members of consumer groups instead of records.
//!
//! Not there yet: TLS, SASL, transactions, topics led by several brokers.

mod answers;
mod broker_cpu;
pub mod charts;
mod corruption;
mod crew;
mod error;
mod frames;
pub mod groups;
mod judge;
mod latency;
mod meter;
mod open;
mod pace;
mod phase;
mod pool;
mod producer;
mod reader;
mod report;
mod run;
mod schedule;
mod setup;
mod slot;
mod socket;
mod source;
mod template;
mod thread;
mod topic;
mod tracker;
mod value;
mod verify;
mod workload;

pub use corruption::check_corruption;
pub use error::BenchError;
pub use latency::percentile_distribution;
pub use phase::Progress;
pub use report::{
    BUSY_MAX, BrokerCpu, CorruptionCheck, CorruptionOutcome, EndToEndSample, Flow, Lagging,
    Latency, Load, LoadThread, Percentile, Report, Second, SecondLatency, Verdict, Verification,
};
pub use run::{Observer, RunSettings, Step, run};
pub use workload::{
    Acks, LaggingReaders, Producers, ReadFrom, Readers, RecordBytes, WeightedBytes, Window,
    Workload, WorkloadError, builtin, builtins,
};

/// The least size of a record's value.
const VALUE_BYTES_MIN: usize = value::STAMP_BYTES;
