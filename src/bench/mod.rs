//! A load for any Kafka broker, made to be believed.

mod answers;
mod broker_cpu;
pub mod charts;
mod corruption;
mod crew;
mod error;
mod frames;
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
