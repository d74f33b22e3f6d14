//! How long to wait before trying again. Pure.

use std::time::Duration;

/// Delays that double from one attempt to the next, up to a ceiling (KIP-580), each cut by up to
/// a fifth at random so that clients that failed together do not return together.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    ceiling: Duration,
    attempts: u32,
}

impl Backoff {
    /// Delays from `first` up to `ceiling`.
    pub(crate) fn new(first: Duration, ceiling: Duration) -> Self {
        Self {
            first,
            ceiling,
            attempts: 0,
        }
    }

    /// The delay before the next attempt; `random` is any random number.
    pub(crate) fn next_delay(&mut self, random: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.attempts.min(16));
        self.attempts += 1;
        let delay = doubled.min(self.ceiling);
        delay - delay * (random % 201) / 1000
    }

    /// The last attempt succeeded: start over.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_ceiling() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(1000));
        let delays: Vec<_> = (0..6).map(|_| backoff.next_delay(0).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(backoff.next_delay(200), ms(800));
        backoff.reset();
        assert_eq!(backoff.next_delay(0), ms(100));
    }

    #[test]
    fn a_thousand_attempts_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        for random in 0..1000 {
            assert!(backoff.next_delay(random) <= Duration::from_secs(60));
        }
    }
}
