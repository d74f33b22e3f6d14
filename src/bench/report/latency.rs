use serde::{Deserialize, Serialize};

use super::Flow;

/// How long something took, of all that happened in the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many samples there are; records that are due together and sent together are one.
    pub count: u64,
    /// The shortest, microseconds.
    pub min_us: u64,
    /// The mean, microseconds.
    pub mean_us: f64,
    /// The longest, microseconds.
    pub max_us: u64,
    /// 50, 75, 90, 95, 99, 99.9 and 99.99.
    pub percentiles: Vec<Percentile>,
    /// All of it: HdrHistogram's V2 encoding, deflated, in base64.
    pub histogram: String,
}

impl Latency {
    /// One of the percentiles in microseconds, if there were enough samples for it.
    pub fn at(&self, percentile: f64) -> Option<u64> {
        let found = self.percentiles.iter();
        found
            .filter(|p| (p.percentile - percentile).abs() < 1e-9)
            .find_map(|p| p.us)
    }
}

/// One percentile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Percentile {
    /// Which one: 99.9.
    pub percentile: f64,
    /// Microseconds; `None` if fewer than 100 samples lie beyond it.
    pub us: Option<u64>,
}

/// Which records end-to-end latency was measured of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndToEndSample {
    /// All of them.
    EveryRecord,
    /// The first of each burst: those of a burst are due together.
    FirstOfBurst,
    /// The first of each batch; in a closed loop all of a batch are due at once.
    FirstOfBatch,
}

/// One second of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Which one, from 0; the last may be cut.
    pub second: u32,
    /// What was acknowledged in it.
    pub produced: Flow,
    /// What `[readers]` received in it.
    pub consumed: Flow,
    /// What `[lagging]` received in it.
    pub lagging: Flow,
    /// Latency of what was acknowledged in it.
    pub produce_us: SecondLatency,
    /// Latency of what arrived in it.
    pub end_to_end_us: SecondLatency,
}

/// Percentiles of one second, in microseconds, under the same rule as those of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondLatency {
    /// The median.
    pub p50: Option<u64>,
    /// 99 of 100.
    pub p99: Option<u64>,
    /// 999 of 1000.
    pub p999: Option<u64>,
    /// The longest.
    pub max: Option<u64>,
}
