//! What members of either protocol are tested with.

use std::time::{Duration, Instant};

use super::member::Pace;
use super::settings::{GroupProtocol, GroupSettings};
use crate::client::backoff::Backoff;
use crate::client::{ClientError, Refusal};
use crate::protocol::error_code::ErrorCode;

pub(super) fn refused(code: ErrorCode) -> ClientError {
    let refusal = Refusal {
        code,
        message: None,
    };
    refusal.of("ask")
}

pub(super) fn settings(protocol: GroupProtocol) -> GroupSettings {
    GroupSettings {
        protocol,
        poll_interval_max: Duration::from_secs(60),
        ..GroupSettings::new("g")
    }
}

pub(super) fn pace(settings: &GroupSettings, now: Instant, seed: u64) -> Pace {
    let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    Pace::new(settings, backoff, now, fastrand::Rng::with_seed(seed))
}
