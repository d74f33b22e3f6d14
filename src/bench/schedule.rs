//! When records are due in an open loop. Pure.

/// Due times of the bursts of one producer; those of all producers together come evenly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// When the first burst of all is due, microseconds of the run's clock.
    pub(super) start_us: u64,
    /// How long the rate rises before it is full.
    pub(super) ramp_us: u64,
    /// Bursts per second of all producers together.
    pub(super) bursts_per_second: f64,
    /// This producer's number, from 0.
    pub(super) producer: u32,
    /// How many there are.
    pub(super) producers: u32,
}

impl Schedule {
    /// When this producer's burst of this number, from 0, is due.
    pub(super) fn due_us(&self, burst: u64) -> u64 {
        let number = burst * u64::from(self.producers) + u64::from(self.producer);
        self.start_us + (self.seconds_until(number as f64) * 1e6) as u64
    }

    /// How many bursts of this producer are due before `us`.
    pub(super) fn due_before(&self, us: u64) -> u64 {
        let (mut least, mut most) = (0, 1);
        while self.due_us(most) < us {
            (least, most) = (most, most * 2);
        }
        while least < most {
            let middle = (least + most) / 2;
            match self.due_us(middle) < us {
                true => least = middle + 1,
                false => most = middle,
            }
        }
        least
    }

    /// Until the rate is full it rises in proportion to time, so that after `t` seconds of a ramp
    /// of `T` seconds `rate · t² / 2T` are due.
    fn seconds_until(&self, number: f64) -> f64 {
        let (rate, ramp) = (self.bursts_per_second, self.ramp_us as f64 / 1e6);
        let in_ramp = rate * ramp / 2.0;
        match number < in_ramp {
            true => (2.0 * number * ramp / rate).sqrt(),
            false => ramp + (number - in_ramp) / rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(producer: u32, ramp_us: u64) -> Schedule {
        Schedule {
            start_us: 1_000_000,
            ramp_us,
            bursts_per_second: 1000.0,
            producer,
            producers: 4,
        }
    }

    #[test]
    fn producers_take_turns() {
        let due: Vec<_> = (0..4).map(|p| schedule(p, 0).due_us(0)).collect();
        assert_eq!(due, [1_000_000, 1_001_000, 1_002_000, 1_003_000]);
        assert_eq!(schedule(1, 0).due_us(10), 1_041_000);
    }

    #[test]
    fn as_many_are_due_as_the_rate_says() {
        for (ramp_us, in_two_seconds) in [(0, 2000), (2_000_000, 1000), (1_000_000, 1500)] {
            let due: u64 = (0..4)
                .map(|p| schedule(p, ramp_us).due_before(3_000_000))
                .sum();
            assert_eq!(due, in_two_seconds, "ramp of {ramp_us} us");
        }
        assert_eq!(schedule(0, 0).due_before(1_000_000), 0);
        assert_eq!(schedule(0, 0).due_before(1_000_001), 1);
    }

    #[test]
    fn due_times_never_go_back() {
        let schedule = schedule(2, 500_000);
        let due: Vec<_> = (0..2000).map(|burst| schedule.due_us(burst)).collect();
        assert!(due.is_sorted());
    }
}
