use std::collections::HashMap;

use super::cleaning::{Cleaning, CleaningSettings};
use super::filter::{Filter, Rules};
use super::offset_map::OffsetMap;
use super::source::Source;
use crate::log::log::{Log, Status};
use crate::log::retention::TimestampsLoad;
use crate::log::segment::Segment;
use crate::model::{Offset, TimestampMs};

/// What a look at a log found.
#[derive(Debug)]
pub enum Dirt {
    /// Nothing can be cleaned.
    Nothing,
    /// Timestamps are not known since the last start: load them, then look again.
    Load(TimestampsLoad),
    /// So much can.
    Some(Dirtiness),
}

/// How much of a log can be cleaned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dirtiness {
    /// Bytes of the segments that no cleaning has seen, and that one may.
    pub dirty_bytes: u64,
    /// Their share of all segments that may be cleaned.
    pub ratio: f64,
    /// Whether that is more than `min.cleanable.dirty.ratio`, or `max.compaction.lag.ms` is over.
    pub is_due: bool,
}

impl Log {
    /// What a cleaning could do now; `high_watermark` bounds it.
    pub fn dirt(&self, now_ms: TimestampMs, high_watermark: Offset) -> Dirt {
        if !self.may_be_cleaned() {
            return Dirt::Nothing;
        }
        if self.config.has_compaction_lag()
            && let Some(load) = self.plan_timestamps_load()
        {
            return Dirt::Load(load);
        }
        let cleanable = self.cleanable(now_ms, high_watermark);
        let first_dirty = self.first_dirty();
        let bytes = |wanted: &dyn Fn(&Source) -> bool| -> u64 {
            let wanted = cleanable.iter().filter(|source| wanted(source));
            wanted.map(|source| u64::from(source.bytes)).sum()
        };
        let dirty_bytes = bytes(&|source| source.end > first_dirty);
        if dirty_bytes == 0 {
            return Dirt::Nothing;
        }
        let clean_bytes = bytes(&|source| source.base < first_dirty);
        let ratio = dirty_bytes as f64 / (dirty_bytes + clean_bytes) as f64;
        let is_due = ratio > self.config.min_cleanable_dirty_ratio || self.is_overdue(now_ms);
        Dirt::Some(Dirtiness {
            dirty_bytes,
            ratio,
            is_due,
        })
    }

    /// Everything that a cleaning needs; `None` if there is nothing to clean.
    pub fn begin_cleaning(
        &self,
        now_ms: TimestampMs,
        high_watermark: Offset,
        settings: CleaningSettings,
    ) -> Option<Cleaning> {
        let sources = self.cleanable(now_ms, high_watermark);
        let (first_dirty, clean_end) = (self.first_dirty(), sources.last()?.end);
        if !self.may_be_cleaned() || clean_end <= first_dirty {
            return None;
        }
        let keys_max = (clean_end - first_dirty) as u64;
        let map = OffsetMap::new(settings.map_bytes, settings.load_factor, keys_max);
        let rules = Rules {
            first_dirty,
            clean_end,
            last_of_producers: self.last_of_producers(),
            now_ms,
            delete_retention_ms: self.config.delete_retention_ms,
        };
        Some(Cleaning::new(
            self,
            sources,
            first_dirty,
            Filter::new(map, rules),
        ))
    }

    /// The log is clean up to there.
    pub fn on_cleaned(&mut self, cleaned_to: Offset) {
        self.cleaned_to = Some(cleaned_to);
    }

    /// Up to where the log was cleaned, for Kafka's checkpoint; `None` if it never was.
    pub fn cleaned_to(&self) -> Option<Offset> {
        self.cleaned_to
    }

    /// The log cannot be cleaned: it is left alone until the next start.
    pub fn on_uncleanable(&mut self) {
        self.uncleanable = true;
    }

    /// Whether the log had something that no cleaning gets past.
    pub fn is_uncleanable(&self) -> bool {
        self.uncleanable
    }

    fn may_be_cleaned(&self) -> bool {
        let sound = !self.uncleanable && self.status() == Status::Online;
        sound && self.config.compacted && self.on_disk && !self.exchanging
    }

    /// A checkpoint from before the log's start or beyond its end says nothing.
    fn first_dirty(&self) -> Offset {
        let known = self.cleaned_to;
        let known = known.filter(|offset| (self.log_start..=self.end.offset).contains(offset));
        known.unwrap_or(self.log_start)
    }

    /// The segments that a cleaning may touch, from the first one on.
    fn cleanable(&self, now_ms: TimestampMs, high_watermark: Offset) -> Vec<Source> {
        let (first_dirty, bound) = (self.first_dirty(), high_watermark.min(self.synced.offset));
        let ends = self.segments.iter().skip(1).map(|next| next.base_offset);
        let sources = self.segments.iter().zip(ends);
        let sources = sources.take_while(|(segment, end)| {
            let finished = segment.base_offset < self.anchor.segment_base;
            let old_enough = *end <= first_dirty || !self.is_young(segment, now_ms);
            finished && *end <= bound && old_enough
        });
        sources
            .map(|(segment, end)| Source::of(segment, end))
            .collect()
    }

    fn is_young(&self, segment: &Segment, now_ms: TimestampMs) -> bool {
        let lag_ms = self.config.min_compaction_lag_ms;
        lag_ms > 0 && segment.marks.max_timestamp > now_ms.saturating_sub(lag_ms)
    }

    /// Whether a finished segment that was never cleaned has waited for too long.
    fn is_overdue(&self, now_ms: TimestampMs) -> bool {
        let first_dirty = self.first_dirty();
        let since_ms = now_ms.saturating_sub(self.config.max_compaction_lag_ms);
        let ends = self.segments.iter().skip(1).map(|next| next.base_offset);
        let mut dirty = self.segments.iter().zip(ends);
        dirty.any(|(segment, end)| {
            let first_timestamp = segment.marks.first_timestamp;
            end > first_dirty && first_timestamp > 0 && first_timestamp < since_ms
        })
    }

    fn last_of_producers(&self) -> HashMap<i64, Offset> {
        let producers = self.producers.iter();
        let last = producers.filter_map(|(id, one)| Some((id, one.last_batch()?.last_offset)));
        last.collect()
    }
}
