//! Measurements for those checks whose cure can be weighed without making it.

use std::hint::black_box;
use std::time::Instant;

use crate::probe::{self, Fetch, FetchBy, Latency, Options, ProbeError};

const CLOCK_READINGS: u32 = 100_000;

/// What was measured; takes about a second.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// What each way of sending costs.
    pub sending: Vec<Fetch>,
    /// What a data sync takes.
    pub sync_us: Option<Latency>,
    /// Whether a cache seems to answer it, and why.
    pub sync_cached: Option<(Option<bool>, String)>,
    /// Reading the clock once, in nanoseconds.
    pub clock_ns: f64,
}

impl Measured {
    /// Measures all; blocks.
    ///
    /// # Errors
    /// Those of the probe.
    pub fn take(options: &Options) -> Result<Self, ProbeError> {
        let (sync_us, cached, why) = probe::sync_latency(options)?;
        Ok(Self {
            sending: probe::sending_costs(options)?,
            sync_us: Some(sync_us),
            sync_cached: Some((cached, why)),
            clock_ns: clock_ns(),
        })
    }

    /// Processor seconds per gigabyte of the larger responses by one way, if it is there.
    pub(super) fn sending_cost(&self, path: FetchBy) -> Option<f64> {
        let of_path = self.sending.iter().filter(|fetch| fetch.path == path);
        let largest = of_path.max_by_key(|fetch| fetch.response_bytes)?;
        Some(largest.cpu_seconds_per_gb)
    }
}

fn clock_ns() -> f64 {
    let began = Instant::now();
    for _ in 0..CLOCK_READINGS {
        black_box(Instant::now());
    }
    began.elapsed().as_nanos() as f64 / f64::from(CLOCK_READINGS)
}
