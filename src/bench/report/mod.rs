//! What a run found out, as it is kept in JSON: everything needed to judge it is in it.

mod findings;
mod latency;

use serde::{Deserialize, Serialize};

use super::workload::Workload;

pub use findings::{
    BUSY_MAX, BrokerCpu, CorruptionCheck, CorruptionOutcome, Load, LoadThread, Verdict,
    Verification,
};
pub use latency::{EndToEndSample, Latency, Percentile, Second, SecondLatency};

/// One run of one workload against one broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// klamm's version, whose load this was.
    pub version: String,
    /// What was run, overrides included.
    pub workload: Workload,
    /// The brokers as they were given.
    pub bootstrap: String,
    /// When the window began, milliseconds since 1970.
    pub started_ms: i64,
    /// From the window's begin until the last answer to what was sent in it.
    pub seconds: f64,
    /// What was acknowledged of what was sent in the window (with acks 0: what was sent).
    pub produced: Flow,
    /// What `[readers]` received in the window, all of them together.
    pub consumed: Flow,
    /// Bytes of batches per second of each reader.
    pub reader_rates: Vec<f64>,
    /// Whether `readers.mb_per_second` was what held the readers back; `None` without such a cap.
    pub reader_cap_reached: Option<bool>,
    /// The readers of `[lagging]`.
    pub lagging: Option<Lagging>,
    /// Whether the rate asked for was kept; `None` in a closed loop, which asks for none.
    pub sustained: Option<bool>,
    /// From a record's due time to its acknowledgement; in a closed loop a record is due when its
    /// request is sent. `None` if nothing was acknowledged or the rate was not sustained.
    pub produce_latency: Option<Latency>,
    /// From a record's due time to its arrival at a reader at the tail.
    pub end_to_end_latency: Option<Latency>,
    /// Which records [`Report::end_to_end_latency`] looked at.
    pub end_to_end_sample: Option<EndToEndSample>,
    /// The window second by second.
    pub series: Vec<Second>,
    /// How busy the load itself was.
    pub load: Load,
    /// What reading everything back found; `None` if it was not done.
    pub verification: Option<Verification>,
    /// Whether the broker refuses damaged batches; `None` if it was not tried.
    pub corruption_check: Option<CorruptionCheck>,
    /// Processor time of the broker, if its process was named.
    pub broker_cpu: Option<BrokerCpu>,
    /// Whether the figures may be used.
    pub verdict: Verdict,
}

impl Report {
    /// Acknowledged records per second.
    pub fn records_per_second(&self) -> f64 {
        self.produced.records_per_second(self.seconds)
    }

    /// All that went through the broker in the window: written, read, and read by laggards.
    pub fn moved(&self) -> Flow {
        let lagging = self.lagging.as_ref().map(|lagging| lagging.flow);
        self.produced + self.consumed + lagging.unwrap_or_default()
    }
}

/// How much went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Records.
    pub records: u64,
    /// Bytes of the batches as they are on the wire, headers included.
    pub bytes: u64,
    /// Bytes of keys and values before compression; 0 where readers do not know them, because
    /// sizes vary or there are keys.
    pub payload_bytes: u64,
    /// Record batches.
    pub batches: u64,
    /// Requests, empty answers to a fetch included.
    pub requests: u64,
}

impl Flow {
    /// Records per second.
    pub fn records_per_second(&self, seconds: f64) -> f64 {
        per_second(self.records, seconds)
    }

    /// Bytes of batches per second.
    pub fn bytes_per_second(&self, seconds: f64) -> f64 {
        per_second(self.bytes, seconds)
    }

    /// Bytes of keys and values per second.
    pub fn payload_bytes_per_second(&self, seconds: f64) -> f64 {
        per_second(self.payload_bytes, seconds)
    }

    /// Record batches per second.
    pub fn batches_per_second(&self, seconds: f64) -> f64 {
        per_second(self.batches, seconds)
    }

    /// Requests per second.
    pub fn requests_per_second(&self, seconds: f64) -> f64 {
        per_second(self.requests, seconds)
    }
}

impl std::ops::Add for Flow {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            bytes: self.bytes + other.bytes,
            payload_bytes: self.payload_bytes + other.payload_bytes,
            batches: self.batches + other.batches,
            requests: self.requests + other.requests,
        }
    }
}

impl std::ops::AddAssign for Flow {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Flow {
    fn sum<I: Iterator<Item = Self>>(flows: I) -> Self {
        flows.fold(Self::default(), |sum, flow| sum + flow)
    }
}

/// What readers of old records got beside everything else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lagging {
    /// All of them together.
    pub flow: Flow,
    /// Bytes of batches per second of each.
    pub rates: Vec<f64>,
    /// The cap of each, in megabytes (10⁶) per second; `None` if there was none.
    pub mb_per_second: Option<f64>,
    /// Whether each was held back by its cap (at least 98 % of it), not by the broker.
    pub cap_reached: Option<bool>,
    /// How often the oldest record was begun with again.
    pub rounds: u64,
}

fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}
