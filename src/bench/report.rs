//! What a run found out, as it is kept in JSON: everything needed to judge it is in it.

use serde::{Deserialize, Serialize};

use super::workload::Workload;

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

/// What the load cost on its own side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Each load thread.
    pub threads: Vec<LoadThread>,
    /// Whether one of them was so busy that the throughput is the load's, not the broker's.
    pub bottleneck: bool,
}

/// One load thread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadThread {
    /// The core it is pinned to.
    pub core: Option<usize>,
    /// Its processor time over the window's wall time.
    pub busy: f64,
}

/// From this on a thread counts as the bottleneck.
pub const BUSY_MAX: f64 = 0.85;

impl Load {
    /// Judges the threads.
    pub fn of(threads: Vec<LoadThread>) -> Self {
        let bottleneck = threads.iter().any(|thread| thread.busy >= BUSY_MAX);
        Self {
            threads,
            bottleneck,
        }
    }

    /// The busiest thread's share.
    pub fn busiest(&self) -> f64 {
        self.threads.iter().map(|t| t.busy).fold(0.0, f64::max)
    }
}

/// What reading all records of the run back has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// How many records were looked at.
    pub records: u64,
    /// Acknowledged and not there.
    pub lost: u64,
    /// There more than once.
    pub duplicated: u64,
    /// Behind a later one of the same producer and partition.
    pub reordered: u64,
    /// Records, or whole batches, that are not what was sent.
    pub corrupt: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Verification {
    /// Whether every record is there once, in order and intact.
    pub fn is_clean(&self) -> bool {
        self.lost + self.duplicated + self.reordered + self.corrupt == 0
    }
}

/// Whether the broker looks at what it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorruptionCheck {
    /// What became of a batch with a wrong checksum.
    pub wrong_crc: CorruptionOutcome,
    /// What became of a batch whose checksum is right and whose record is malformed.
    pub malformed_record: CorruptionOutcome,
}

impl CorruptionCheck {
    /// Whether both were refused for what they are.
    pub fn is_checking(&self) -> bool {
        let refused =
            |outcome: &CorruptionOutcome| matches!(outcome, CorruptionOutcome::Refused(_));
        refused(&self.wrong_crc) && refused(&self.malformed_record)
    }
}

/// What a broker did with a damaged batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorruptionOutcome {
    /// Refused it with this code, which says why.
    Refused(String),
    /// Took it: it does not check.
    Taken,
    /// Did something else, which proves nothing.
    Unclear(String),
}

/// What the broker's process used in the window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrokerCpu {
    /// Its process.
    pub pid: u32,
    /// Processor time of all its threads.
    pub seconds: f64,
    /// The same per 10⁹ bytes of batches, written and read together.
    pub seconds_per_gb: Option<f64>,
    /// The same per request, produce and fetch together.
    pub us_per_request: Option<f64>,
}

impl BrokerCpu {
    /// From what was used and what was moved by it.
    pub fn of(pid: u32, seconds: f64, moved: Flow) -> Self {
        let per = |count: u64, unit: f64| (count > 0).then(|| seconds * unit / count as f64);
        Self {
            pid,
            seconds,
            seconds_per_gb: per(moved.bytes, 1e9),
            us_per_request: per(moved.requests, 1e6),
        }
    }
}

/// Whether the figures of a run may be used. The load's own limit is [`Load::bottleneck`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They may.
    Valid,
    /// The broker did not keep up with the rate asked for.
    NotSustained {
        /// Records per second that it did.
        achieved: f64,
    },
    /// Something went wrong; figures mean nothing.
    Failed {
        /// What.
        why: String,
    },
}

fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_near_its_limit_is_the_bottleneck() {
        let thread = |busy| LoadThread { core: None, busy };
        assert!(!Load::of(vec![thread(0.2), thread(0.84)]).bottleneck);
        assert!(Load::of(vec![thread(0.85), thread(0.1)]).bottleneck);
    }

    #[test]
    fn broker_cpu_is_given_per_gigabyte_and_request() {
        let moved = Flow {
            bytes: 2_000_000_000,
            requests: 1000,
            ..Flow::default()
        };
        let cpu = BrokerCpu::of(1, 3.0, moved);
        assert_eq!(cpu.seconds_per_gb, Some(1.5));
        assert_eq!(cpu.us_per_request, Some(3000.0));
        assert_eq!(BrokerCpu::of(1, 3.0, Flow::default()).seconds_per_gb, None);
    }

    #[test]
    fn verdicts_are_read_back() {
        for verdict in [
            Verdict::Valid,
            Verdict::NotSustained { achieved: 12.5 },
            Verdict::Failed {
                why: "x".to_owned(),
            },
        ] {
            let text = serde_json::to_string(&verdict).unwrap();
            assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict);
        }
    }
}
