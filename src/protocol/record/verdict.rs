//! What the records of a batch amount to, record by record as they are passed.

use crate::model::TimestampMs;

use super::rejection::{InvalidBatch, RecordError, RecordFault, Rejections};
use super::walk::Seen;
use super::{BatchHeader, NO_TIMESTAMP, Rules, TimestampType};

/// What the records seen so far amount to.
#[derive(Debug)]
pub(super) struct Verdict {
    base_timestamp: TimestampMs,
    claims_log_append_time: bool,
    pub(super) max_timestamp: TimestampMs,
    wrong_offset_delta: Option<InvalidBatch>,
    rejections: Rejections,
}

impl Verdict {
    pub(super) fn new(header: &BatchHeader) -> Self {
        Self {
            base_timestamp: header.base_timestamp,
            claims_log_append_time: header.timestamp_type() == TimestampType::LogAppendTime,
            max_timestamp: NO_TIMESTAMP,
            wrong_offset_delta: None,
            rejections: Rejections::default(),
        }
    }

    #[inline]
    pub(super) fn look_at(&mut self, seen: Seen, rules: &Rules) {
        let timestamp = self.base_timestamp.wrapping_add(seen.timestamp_delta);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        if seen.offset_delta != seen.index {
            self.note_offset_delta(seen);
        }
        if let Some(fault) = self.fault(seen, timestamp, rules) {
            self.rejections.add(seen.index, fault);
        }
    }

    #[inline]
    fn fault(&self, seen: Seen, timestamp: TimestampMs, rules: &Rules) -> Option<RecordFault> {
        if rules.compacted && !seen.has_key {
            return Some(RecordFault::NoKey);
        }
        if self.claims_log_append_time {
            return Some(RecordFault::LogAppendTime);
        }
        let checked = rules.timestamp_type == TimestampType::CreateTime;
        if checked && timestamp != NO_TIMESTAMP && !is_in_time(timestamp, rules) {
            return Some(RecordFault::Timestamp {
                timestamp,
                earliest: rules.now_ms.saturating_sub(rules.timestamp_before_max_ms),
                latest: rules.now_ms.saturating_add(rules.timestamp_after_max_ms),
            });
        }
        None
    }

    #[cold]
    fn note_offset_delta(&mut self, seen: Seen) {
        self.wrong_offset_delta
            .get_or_insert(InvalidBatch::OffsetDelta {
                index: seen.index,
                offset_delta: seen.offset_delta,
            });
    }

    pub(super) fn check(&mut self) -> Result<(), RecordError> {
        if let Some(wrong) = self.wrong_offset_delta {
            return Err(wrong.into());
        }
        match std::mem::take(&mut self.rejections).into_error() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

#[inline]
fn is_in_time(timestamp: TimestampMs, rules: &Rules) -> bool {
    let age_ms = rules.now_ms.saturating_sub(timestamp);
    age_ms <= rules.timestamp_before_max_ms
        && age_ms.saturating_neg() <= rules.timestamp_after_max_ms
}
