//! A cap in bytes per second. Pure.

/// Time lost is made up for up to so much, microseconds.
const CREDIT_US_MAX: f64 = 200_000.0;

/// When the next bytes may be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    bytes_per_second: f64,
    next_us: f64,
}

impl Pace {
    pub(super) fn new(bytes_per_second: f64) -> Self {
        assert!(bytes_per_second > 0.0, "a cap of nothing is no pace");
        Self {
            bytes_per_second,
            next_us: 0.0,
        }
    }

    /// Begins a phase, without credit.
    pub(super) fn begin(&mut self, start_us: u64) {
        self.next_us = start_us as f64;
    }

    /// So many bytes have arrived.
    pub(super) fn on_moved(&mut self, now_us: u64, bytes: u64) {
        let earliest = now_us as f64 - CREDIT_US_MAX;
        self.next_us = self.next_us.max(earliest) + bytes as f64 / self.bytes_per_second * 1e6;
    }

    pub(super) fn ready_us(&self) -> u64 {
        self.next_us as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cap_is_kept_and_a_little_lost_time_made_up_for() {
        let mut pace = Pace::new(1e6);
        pace.begin(1_000);
        pace.on_moved(1_000, 500_000);
        assert_eq!(pace.ready_us(), 501_000);
        pace.on_moved(600_000, 100_000);
        assert_eq!(pace.ready_us(), 601_000);
        pace.on_moved(10_000_000, 100_000);
        assert_eq!(pace.ready_us(), 9_900_000);
    }
}
