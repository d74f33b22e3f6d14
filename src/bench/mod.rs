//! A load for any Kafka broker, made to be believed.

mod report;
mod workload;

pub use report::{
    BUSY_MAX, BrokerCpu, CorruptionCheck, CorruptionOutcome, EndToEndSample, Flow, Lagging,
    Latency, Load, LoadThread, Percentile, Report, Second, SecondLatency, Verdict, Verification,
};
pub use workload::{
    Acks, LaggingReaders, Producers, ReadFrom, Readers, RecordBytes, WeightedBytes, Window,
    Workload, WorkloadError, builtin, builtins,
};

/// The least size of a record's value.
const VALUE_BYTES_MIN: usize = 32;
