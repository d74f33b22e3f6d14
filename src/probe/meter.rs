//! Time and processor time of the calling thread, and what they make per gigabyte and request.

use std::time::{Duration, Instant};

use super::kernel_threads;
use super::rig::Rig;
use crate::sys::thread::processor_time;

/// A running measurement of the thread that began it.
pub(super) struct Meter {
    kernel: Option<Duration>,
    processor: Duration,
    began: Instant,
}

/// What a piece of work took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    pub(super) elapsed: Duration,
    pub(super) processor: Duration,
    /// Of kernel threads above their idle use, in seconds.
    pub(super) kernel_s: Option<f64>,
}

impl Meter {
    pub(super) fn begin() -> Self {
        Self {
            kernel: kernel_threads::total(),
            processor: processor_time(),
            began: Instant::now(),
        }
    }

    pub(super) fn end(&self, rig: &Rig<'_>) -> Spent {
        let (elapsed, processor) = (self.began.elapsed(), processor_time() - self.processor);
        let kernel = self.kernel.zip(kernel_threads::total());
        let used = kernel.map(|(before, after)| after.saturating_sub(before));
        Spent {
            elapsed,
            processor,
            kernel_s: used.and_then(|used| rig.idle.beyond(used, elapsed)),
        }
    }
}

impl Spent {
    pub(super) fn bytes_per_second(&self, bytes: u64) -> u64 {
        rate(bytes, self.elapsed)
    }

    pub(super) fn cpu_seconds_per_gb(&self, bytes: u64) -> f64 {
        per_gb(self.processor.as_secs_f64(), bytes)
    }

    pub(super) fn kernel_cpu_seconds_per_gb(&self, bytes: u64) -> Option<f64> {
        self.kernel_s.map(|seconds| per_gb(seconds, bytes))
    }

    pub(super) fn us_per_request(&self, requests: u64) -> f64 {
        round(
            self.processor.as_secs_f64() * 1e6 / requests.max(1) as f64,
            2,
        )
    }
}

/// Bytes a second.
pub(super) fn rate(bytes: u64, elapsed: Duration) -> u64 {
    (bytes as f64 / elapsed.as_secs_f64().max(1e-9)) as u64
}

/// Digits beyond what was measured would only be noise in the JSON.
pub(super) fn round(value: f64, digits: i32) -> f64 {
    let unit = 10f64.powi(digits);
    (value * unit).round() / unit
}

fn per_gb(seconds: f64, bytes: u64) -> f64 {
    round(seconds * 1e9 / bytes.max(1) as f64, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_per_gigabyte_and_request() {
        let spent = Spent {
            elapsed: Duration::from_secs(2),
            processor: Duration::from_millis(500),
            kernel_s: Some(0.25),
        };
        assert_eq!(spent.bytes_per_second(1_000_000_000), 500_000_000);
        assert_eq!(spent.cpu_seconds_per_gb(1_000_000_000), 0.5);
        assert_eq!(spent.kernel_cpu_seconds_per_gb(500_000_000), Some(0.5));
        assert_eq!(spent.us_per_request(1000), 500.0);
        assert_eq!(spent.us_per_request(0), 500_000.0);
    }
}
