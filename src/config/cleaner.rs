//! How compaction goes about its work.

use super::layers::Settings;

/// Compaction of all topics that ask for it; what one of them asks is in its own settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanerConfig {
    /// `log.cleaner.enable`.
    pub enabled: bool,
    /// `log.cleaner.backoff.ms`.
    pub backoff_ms: u64,
    /// `log.cleaner.dedupe.buffer.size`, over all cores.
    pub map_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`.
    pub map_load_factor: f64,
    /// `log.cleaner.io.max.bytes.per.second`, over all cores.
    pub bytes_per_second_max: f64,
}

impl CleanerConfig {
    pub(super) fn read(settings: &Settings) -> Self {
        let number = |name| settings.value(name).and_then(|value| value.number());
        let double = |name| settings.value(name).and_then(|value| value.double());
        let enabled = settings.value("log.cleaner.enable");
        Self {
            enabled: enabled.and_then(|value| value.boolean()).unwrap_or(true),
            backoff_ms: number("log.cleaner.backoff.ms").map_or(0, i64::unsigned_abs),
            map_bytes: number("log.cleaner.dedupe.buffer.size")
                .and_then(|bytes| usize::try_from(bytes).ok())
                .unwrap_or(0),
            map_load_factor: double("log.cleaner.io.buffer.load.factor").unwrap_or(0.9),
            bytes_per_second_max: double("log.cleaner.io.max.bytes.per.second")
                .unwrap_or(f64::MAX)
                .max(1.0),
        }
    }
}
