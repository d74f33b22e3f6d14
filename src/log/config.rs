use crate::model::TimestampMs;

/// What the owner of a log decides about it; the values of Kafka's topic configs.
///
/// Shared by all partitions of a topic; exchanged as a whole when a config changes.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is rolled before it would grow beyond this.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment is rolled when its first record is older than this, in record time.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: at most this much is taken off `segment_ms`, so that the partitions of
    /// a topic do not roll together.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: a segment is rolled when one of its indexes would grow beyond this.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: about one index entry for so many bytes of records.
    pub index_interval_bytes: u32,
    /// `retention.ms`; `None` keeps records for ever.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`; `None` sets no limit.
    pub retention_bytes: Option<u64>,
    /// Whether `cleanup.policy` contains `delete`: without it retention does not apply.
    pub delete_retained: bool,
    /// Whether `cleanup.policy` contains `compact`: then offsets may have gaps.
    pub compacted: bool,
    /// `min.cleanable.dirty.ratio`: a log is compacted once more than this part of it is dirty.
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`: a segment with a younger record is not compacted.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: a segment that began longer ago is compacted, however clean the
    /// rest is.
    pub max_compaction_lag_ms: i64,
    /// `delete.retention.ms`: how long a tombstone stays after the compaction that saw it first.
    pub delete_retention_ms: i64,
    /// `file.delete.delay.ms`: how long a deleted segment's files stay for readers under way.
    pub file_delete_delay_ms: u64,
    /// `producer.id.expiration.ms`: a producer silent for so long is forgotten.
    pub producer_expiration_ms: i64,
    /// After so many bytes the state derived from the log (index entries, producers) is written
    /// down: it bounds what recovery has to read, and the index entries kept in memory.
    pub anchor_interval_bytes: u32,
    /// Largest step by which a segment's file grows ahead of its data.
    pub preallocate_bytes_max: u32,
}

impl Default for LogConfig {
    /// Kafka's defaults.
    fn default() -> Self {
        const DAY_MS: i64 = 24 * 3600 * 1000;
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * DAY_MS,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: Some(7 * DAY_MS),
            retention_bytes: None,
            delete_retained: true,
            compacted: false,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: DAY_MS,
            file_delete_delay_ms: 60_000,
            producer_expiration_ms: DAY_MS,
            anchor_interval_bytes: 16 << 20,
            preallocate_bytes_max: 64 << 20,
        }
    }
}

impl LogConfig {
    /// Whether compaction asks for the age of records.
    pub(super) fn has_compaction_lag(&self) -> bool {
        self.min_compaction_lag_ms > 0 || self.max_compaction_lag_ms < i64::MAX
    }

    /// Whether a producer that last wrote at `last` is forgotten at `now`.
    pub(super) fn producer_expired(&self, last: TimestampMs, now: TimestampMs) -> bool {
        now.saturating_sub(last) >= self.producer_expiration_ms
    }
}
