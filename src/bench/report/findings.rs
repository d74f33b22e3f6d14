use serde::{Deserialize, Serialize};

use super::Flow;

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
