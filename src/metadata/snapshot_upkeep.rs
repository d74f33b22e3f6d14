//! When a snapshot is due, and which old ones go: Kafka's SnapshotGenerator and the retention of
//! its KafkaMetadataLog.

use std::fmt;
use std::time::Duration;

use super::snapshot::SnapshotId;
use crate::config::MetadataLogConfig;
use crate::model::{Offset, TimestampMs};

/// Knows how much has been written since the newest snapshot.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotSchedule {
    /// Where the newest snapshot ends, 0 without any.
    end_offset: Offset,
    bytes: u64,
    since_ms: TimestampMs,
}

/// Why a snapshot is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotReason {
    /// `metadata.log.max.record.bytes.between.snapshots`: so many were written since the last.
    Bytes(u64),
    /// `metadata.log.max.snapshot.interval.ms`: so long ago was the last.
    Time(Duration),
}

/// A snapshot on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// What it stands for.
    pub id: SnapshotId,
    /// Its length.
    pub bytes: u64,
    /// The timestamp of the last record in it; `None` if it cannot be read.
    pub timestamp_ms: Option<TimestampMs>,
}

impl fmt::Display for SnapshotReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes} bytes were new"),
            Self::Time(passed) => write!(f, "the last was {passed:.0?} ago"),
        }
    }
}

impl SnapshotSchedule {
    /// The newest snapshot ends at `end_offset`; `bytes` of the log have come after it, and its
    /// time counts from now, as in Kafka.
    pub fn new(end_offset: Offset, bytes: u64, now_ms: TimestampMs) -> Self {
        Self {
            end_offset,
            bytes,
            since_ms: now_ms,
        }
    }

    /// So many bytes were added to the log.
    pub fn on_append(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Why a snapshot of an image that ends at `end_offset` is due, if it is.
    pub fn due(
        &self,
        config: &MetadataLogConfig,
        end_offset: Offset,
        now_ms: TimestampMs,
    ) -> Option<SnapshotReason> {
        if end_offset <= self.end_offset {
            return None;
        }
        if self.bytes >= config.snapshot_interval_bytes {
            return Some(SnapshotReason::Bytes(self.bytes));
        }
        let passed_ms = u64::try_from(now_ms.saturating_sub(self.since_ms)).unwrap_or(0);
        let due = passed_ms >= config.snapshot_interval_ms?;
        due.then(|| SnapshotReason::Time(Duration::from_millis(passed_ms)))
    }

    /// A snapshot of the image that ends at `end_offset` is about to be written. Should that fail,
    /// the next comes when it would have been due anyway.
    pub fn on_snapshot(&mut self, end_offset: Offset, now_ms: TimestampMs) {
        *self = Self::new(end_offset, 0, now_ms);
    }
}

/// The snapshot that the log is to begin with, if the oldest of `snapshots` (ascending) is to go:
/// for their size together with the log's `log_bytes`, or for its age. The newest always stays.
pub fn successor_of_surplus(
    snapshots: &[SnapshotFile],
    log_bytes: u64,
    config: &MetadataLogConfig,
    now_ms: TimestampMs,
) -> Option<SnapshotId> {
    let [oldest, next, ..] = snapshots else {
        return None;
    };
    let total = log_bytes + snapshots.iter().map(|file| file.bytes).sum::<u64>();
    let bytes_max = config.retention_bytes.map(i64::unsigned_abs);
    let too_large = bytes_max.is_some_and(|max| total > max);
    let age_ms = oldest.timestamp_ms.map(|then| now_ms.saturating_sub(then));
    let too_old = age_ms
        .zip(config.retention_ms)
        .is_some_and(|(age, max)| age > max);
    (too_large || too_old).then_some(next.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BrokerConfig;

    fn config() -> MetadataLogConfig {
        MetadataLogConfig {
            snapshot_interval_bytes: 1000,
            snapshot_interval_ms: Some(60_000),
            retention_bytes: Some(500),
            retention_ms: Some(10_000),
            ..BrokerConfig::default().metadata_log
        }
    }

    #[test]
    fn a_snapshot_is_due_by_bytes_or_by_time_if_there_is_something_new() {
        let at = |ms: TimestampMs| 1_700_000_000_000 + ms;
        let mut schedule = SnapshotSchedule::new(10, 400, at(0));
        let due = |schedule: &SnapshotSchedule, end, ms| schedule.due(&config(), end, at(ms));
        assert_eq!(due(&schedule, 11, 59_999), None);
        let hour = SnapshotReason::Time(Duration::from_millis(60_000));
        assert_eq!(due(&schedule, 11, 60_000), Some(hour));
        assert_eq!(due(&schedule, 10, 60_000), None, "nothing new");
        schedule.on_append(599);
        assert_eq!(due(&schedule, 12, 0), None);
        schedule.on_append(1);
        assert_eq!(due(&schedule, 12, 0), Some(SnapshotReason::Bytes(1000)));
        schedule.on_snapshot(12, at(5));
        assert_eq!(due(&schedule, 13, 60_004), None);
        assert_eq!(due(&schedule, 12, 60_005), None);
        let never = MetadataLogConfig {
            snapshot_interval_ms: None,
            ..config()
        };
        assert_eq!(schedule.due(&never, 13, at(1 << 40)), None);
    }

    fn files(of: &[(Offset, u64, TimestampMs)]) -> Vec<SnapshotFile> {
        let file = |&(end_offset, bytes, timestamp_ms): &(Offset, u64, TimestampMs)| SnapshotFile {
            id: SnapshotId {
                end_offset,
                epoch: 1,
            },
            bytes,
            timestamp_ms: Some(timestamp_ms),
        };
        of.iter().map(file).collect()
    }

    #[test]
    fn old_snapshots_go_by_size_and_by_age_but_never_the_newest() {
        type Case<'a> = (&'a [(Offset, u64, TimestampMs)], u64, Option<Offset>);
        let cases: &[Case<'_>] = &[
            (&[], 9999, None),
            (&[(5, 9999, 0)], 9999, None),
            (&[(5, 100, 50_000), (9, 100, 60_000)], 300, None),
            (&[(5, 100, 50_000), (9, 100, 60_000)], 301, Some(9)),
            (&[(5, 1, 49_999), (9, 1, 60_000)], 0, Some(9)),
            (&[(5, 1, 0), (9, 1, 1), (12, 1, 2)], 0, Some(9)),
            (&[(9, 1, 1), (12, 1, 2)], 0, Some(12)),
        ];
        for (snapshots, log_bytes, expected) in cases {
            let next = successor_of_surplus(&files(snapshots), *log_bytes, &config(), 60_000);
            assert_eq!(next.map(|id| id.end_offset), *expected, "{snapshots:?}");
        }
    }

    #[test]
    fn without_limits_everything_stays() {
        let config = MetadataLogConfig {
            retention_bytes: None,
            retention_ms: None,
            ..config()
        };
        let snapshots = files(&[(5, 1 << 40, 0), (9, 1 << 40, 0)]);
        assert_eq!(
            successor_of_surplus(&snapshots, 1 << 40, &config, i64::MAX),
            None
        );
        let mut unreadable = files(&[(5, 1, 0), (9, 1, 0)]);
        unreadable[0].timestamp_ms = None;
        let by_age = MetadataLogConfig {
            retention_ms: Some(1),
            ..config
        };
        assert_eq!(
            successor_of_surplus(&unreadable, 0, &by_age, i64::MAX),
            None
        );
    }
}
