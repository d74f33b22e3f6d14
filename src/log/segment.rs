use std::path::{Path, PathBuf};

use super::config::LogConfig;
use super::durable_points::Marks;
use super::names::SegmentFile;
use super::offset_index::{OffsetEntry, OffsetIndex};
use super::time_index::{TimeEntry, TimeIndex};
use crate::model::{Offset, TimestampMs};
use crate::protocol::record::BatchHeader;

/// One segment of a log: what is known of its file without looking at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) base_offset: Offset,
    /// Bytes of batches, whether written or not; the file may be longer (padding, preallocation).
    pub(super) size: u32,
    /// Bytes the file has on disk; 0 while there is no file.
    pub(super) allocated: u64,
    /// When the segment was begun, by this machine's clock.
    pub(super) created_ms: TimestampMs,
    pub(super) marks: Marks,
    /// Whether `marks` speaks for all batches; false after a start that did not look.
    pub(super) marks_known: bool,
    pub(super) offset_index: OffsetIndex,
    pub(super) time_index: TimeIndex,
    /// The producers' state at the segment's base, until it is written.
    pub(super) base_snapshot: Option<Vec<u8>>,
}

impl Segment {
    /// A segment that has no batch and no file yet.
    pub(super) fn new(base_offset: Offset, now_ms: TimestampMs) -> Self {
        Self {
            base_offset,
            size: 0,
            allocated: 0,
            created_ms: now_ms,
            marks: Marks::NONE,
            marks_known: true,
            offset_index: OffsetIndex::new(base_offset, 0),
            time_index: TimeIndex::new(base_offset, 0, -1),
            base_snapshot: None,
        }
    }

    pub(super) fn path(&self, dir: &Path) -> PathBuf {
        SegmentFile::Log.path(dir, self.base_offset)
    }

    /// Whether a batch must go to a new segment; Kafka's `shouldRoll`.
    pub(super) fn should_roll(
        &self,
        header: &BatchHeader,
        last_offset: Offset,
        config: &LogConfig,
        now_ms: TimestampMs,
    ) -> bool {
        if self.size == 0 {
            return false;
        }
        let too_large = self.size as usize + header.size_bytes() > config.segment_bytes as usize;
        let index_full = self.offset_index.is_full(config.segment_index_bytes)
            || self.time_index.is_full(config.segment_index_bytes);
        let too_far = last_offset - self.base_offset > Offset::from(i32::MAX);
        let waited = self.waited_ms(header.max_timestamp, now_ms);
        too_large || index_full || too_far || waited > config.segment_ms - self.jitter_ms(config)
    }

    /// Adds a batch of `size` bytes at the end: marks and index entries.
    pub(super) fn on_batch(&mut self, header: &BatchHeader, size: u32, config: &LogConfig) {
        let last_offset = header.last_offset();
        if self.size == 0 {
            self.marks.first_timestamp = header.max_timestamp;
        }
        // A batch that compaction emptied still tells a timestamp, but no record has it.
        if header.record_count > 0 && header.max_timestamp > self.marks.max_timestamp {
            self.marks.max_timestamp = header.max_timestamp;
            self.marks.max_timestamp_offset = last_offset;
        }
        if self.marks.bytes_since_entry > config.index_interval_bytes {
            self.offset_index.push(OffsetEntry {
                offset: last_offset,
                position: self.size,
            });
            self.index_max_timestamp();
            self.marks.bytes_since_entry = 0;
        }
        self.size += size;
        self.marks.bytes_since_entry += size;
    }

    /// Adds the largest timestamp to the time index, as at roll and close.
    pub(super) fn index_max_timestamp(&mut self) {
        self.time_index.maybe_push(TimeEntry {
            timestamp: self.marks.max_timestamp,
            offset: self.marks.max_timestamp_offset,
        });
    }

    /// How long the segment's first batch has waited: in record time if it has a timestamp.
    fn waited_ms(&self, timestamp: TimestampMs, now_ms: TimestampMs) -> i64 {
        if self.marks.first_timestamp >= 0 {
            timestamp.saturating_sub(self.marks.first_timestamp)
        } else {
            now_ms.saturating_sub(self.created_ms)
        }
    }

    /// A share of the jitter that the segment's own base decides.
    fn jitter_ms(&self, config: &LogConfig) -> i64 {
        let limit = config.segment_jitter_ms.min(config.segment_ms).max(0);
        let mixed = (self.base_offset as u64 ^ self.created_ms as u64)
            .wrapping_add(1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((u128::from(mixed) * limit as u128) >> 64) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::offset_index::Spot;
    use crate::log::test_batches::header;
    use crate::log::time_index::TimeSpot;

    fn config() -> LogConfig {
        LogConfig {
            segment_bytes: 10_000,
            segment_ms: 1_000,
            index_interval_bytes: 1_000,
            ..LogConfig::default()
        }
    }

    fn batch(base_offset: Offset, max_timestamp: TimestampMs, size: usize) -> BatchHeader {
        let mut header = header(base_offset, 10);
        header.max_timestamp = max_timestamp;
        header.length = size as i32 - 12;
        header
    }

    fn segment(batches: &[(TimestampMs, usize)]) -> Segment {
        let mut segment = Segment::new(100, 0);
        let mut base = 100;
        for (timestamp, size) in batches {
            let header = batch(base, *timestamp, *size);
            segment.on_batch(&header, *size as u32, &config());
            base = header.next_offset();
        }
        segment
    }

    fn rolls(segment: &Segment, timestamp: TimestampMs, size: usize) -> bool {
        let header = batch(0, timestamp, size);
        segment.should_roll(&header, 200, &config(), 50)
    }

    #[test]
    fn an_empty_segment_takes_anything() {
        assert!(!rolls(&segment(&[]), i64::MAX, 1_000_000));
    }

    #[test]
    fn size_counts_the_incoming_batch() {
        let segment = segment(&[(5, 9_000)]);
        assert!(!rolls(&segment, 5, 1_000));
        assert!(rolls(&segment, 5, 1_001));
    }

    #[test]
    fn age_is_measured_in_record_time_from_the_first_batch() {
        let segment = segment(&[(500, 100), (900, 100)]);
        assert!(!rolls(&segment, 1_500, 100));
        assert!(rolls(&segment, 1_501, 100));
        assert!(!rolls(&segment, -1, 100));
    }

    #[test]
    fn without_timestamps_the_clock_decides() {
        let segment = segment(&[(-1, 100)]);
        let header = batch(0, -1, 100);
        assert!(!segment.should_roll(&header, 200, &config(), 1_000));
        assert!(segment.should_roll(&header, 200, &config(), 1_001));
    }

    #[test]
    fn a_far_offset_and_a_full_index_roll() {
        let one = segment(&[(5, 100)]);
        let header = batch(0, 5, 100);
        let far = 100 + i64::from(i32::MAX);
        assert!(!one.should_roll(&header, far, &config(), 50));
        assert!(one.should_roll(&header, far + 1, &config(), 50));
        let small = LogConfig {
            segment_index_bytes: 24,
            ..config()
        };
        let indexed = segment(&[(5, 1_100), (6, 1_100), (7, 10)]);
        assert!(indexed.should_roll(&header, 200, &small, 50));
    }

    #[test]
    fn jitter_stays_below_its_limit() {
        let jittery = LogConfig {
            segment_jitter_ms: 300,
            ..config()
        };
        for base in 0..100 {
            let jitter = Segment::new(base * 1_000, 77).jitter_ms(&jittery);
            assert!((0..300).contains(&jitter));
        }
    }

    #[test]
    fn entries_are_made_before_the_batch_that_follows_enough_bytes() {
        let segment = segment(&[(5, 600), (9, 600), (7, 600), (8, 600)]);
        // The third batch begins at 1,200, after more than 1,000 bytes.
        assert_eq!(segment.offset_index.entries(), 1);
        assert_eq!(segment.offset_index.lookup(129), Spot::Position(1_200));
        assert_eq!(segment.time_index.lookup(9), TimeSpot::Offset(119));
        assert_eq!(segment.marks.bytes_since_entry, 1_200);
    }
}
