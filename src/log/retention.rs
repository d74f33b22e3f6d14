use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::data_dir::DataDir;
use super::directory;
use super::log::Log;
use super::names::{DELETED_SUFFIX, SegmentFile, with_suffix};
use super::read::ReadError;
use super::scan::{Scanner, Stop};
use super::segment::Segment;
use super::time_index::{self, ENTRY_BYTES};
use crate::model::{Offset, TimestampMs};

/// What retention has to do for a log.
#[derive(Debug)]
pub enum Retention {
    /// Nothing.
    Nothing,
    /// Largest timestamps are not known since the last start: load them, then plan again.
    Load(TimestampsLoad),
    /// These segments go; the log's start has moved already.
    Delete(DeleteSegments),
}

/// Segments whose largest timestamp is to be read from their time index, and the first one's from
/// their first batch.
#[derive(Debug)]
pub struct TimestampsLoad {
    dir: Arc<Path>,
    segments: Vec<(Offset, u32)>,
}

/// What a [`TimestampsLoad`] found, for [`Log::on_timestamps`].
#[derive(Debug)]
pub struct Timestamps(Vec<SegmentTimestamps>);

/// The timestamps of one segment; −1 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SegmentTimestamps {
    base: Offset,
    first_timestamp: TimestampMs,
    max_timestamp: TimestampMs,
    max_timestamp_offset: Offset,
}

/// Segments that are no part of the log any more but still have their files.
#[derive(Debug)]
#[must_use = "the files are still there"]
pub struct DeleteSegments {
    dir: Arc<Path>,
    bases: Vec<Offset>,
    snapshots: Vec<Offset>,
    /// The active segment, whose file must exist before all others are gone.
    active: Offset,
    /// Keeps the log's directory from being deleted meanwhile.
    _in_use: Arc<()>,
}

/// Files that were renamed: remove them after `file.delete.delay.ms`.
#[derive(Debug)]
#[must_use = "remove them after the delay"]
pub struct DeletedSegments(Vec<PathBuf>);

impl Log {
    /// Moves the log's start to `before`; the records below are no longer readable and their
    /// segments go with the next retention. The caller bounds it by the high watermark.
    pub fn delete_records(&mut self, before: Offset) -> Result<Offset, ReadError> {
        if before > self.end.offset || before < 0 {
            return Err(ReadError::OutOfRange {
                offset: before,
                start: self.log_start,
                end: self.end.offset,
            });
        }
        if before > self.log_start {
            self.log_start = before;
            self.epochs.truncate_from_start(before);
            self.epochs_changed = true;
        }
        Ok(self.log_start)
    }

    /// What retention by time, by size and by the log's start has to do now.
    ///
    /// Segments go whole, oldest first, never beyond `high_watermark`. If all of the log is too
    /// old, the active segment is rolled first. Runs every `log.retention.check.interval.ms`.
    pub fn plan_retention(&mut self, now_ms: TimestampMs, high_watermark: Offset) -> Retention {
        if self.anchoring || self.exchanging || !self.on_disk {
            return Retention::Nothing;
        }
        if self.config.delete_retained
            && self.config.retention_ms.is_some()
            && let Some(load) = self.plan_timestamps_load()
        {
            return Retention::Load(load);
        }
        self.roll_expired(now_ms, high_watermark);
        let count = self.deletable(now_ms, high_watermark);
        match count {
            0 => Retention::Nothing,
            _ => Retention::Delete(self.delete_oldest(count)),
        }
    }

    /// The timestamps that are not known since the last start; `None` if all are.
    pub(super) fn plan_timestamps_load(&self) -> Option<TimestampsLoad> {
        let unknown = self.segments.iter().filter(|segment| !segment.marks_known);
        let segments: Vec<_> = unknown
            .map(|s| (s.base_offset, s.time_index.stored()))
            .collect();
        (!segments.is_empty()).then(|| TimestampsLoad {
            dir: self.dir.clone(),
            segments,
        })
    }

    /// The timestamps are loaded.
    pub fn on_timestamps(&mut self, timestamps: Timestamps) {
        for loaded in timestamps.0 {
            let segment = self.segment_mut(loaded.base);
            if let Some(segment) = segment.filter(|s| !s.marks_known) {
                segment.marks.first_timestamp = loaded.first_timestamp;
                segment.marks.max_timestamp = loaded.max_timestamp;
                segment.marks.max_timestamp_offset = loaded.max_timestamp_offset;
                segment.marks_known = true;
            }
        }
    }

    /// Rolls the active segment if even its newest record is too old.
    fn roll_expired(&mut self, now_ms: TimestampMs, high_watermark: Offset) {
        let active = self.active();
        let settled = self.synced.offset == self.end.offset && !self.writing;
        let whole = active.size > 0 && high_watermark >= self.end.offset;
        if settled && whole && self.is_expired(active, now_ms) {
            self.roll(now_ms);
            // All was synced, so the new segment's beginning is: the old one can be finished.
            self.settle_at_end();
        }
    }

    /// How many of the oldest segments go. Unfinished ones stay until they are finished.
    fn deletable(&self, now_ms: TimestampMs, high_watermark: Offset) -> usize {
        let mut total = self.size_bytes();
        let ends = self.segments.iter().skip(1).map(|next| next.base_offset);
        let gone = self.segments.iter().zip(ends).take_while(|(segment, end)| {
            let finished = segment.base_offset < self.anchor.segment_base;
            let goes = *end <= self.log_start
                || self.is_expired(segment, now_ms)
                || self.is_surplus(segment, total);
            total -= u64::from(segment.size);
            finished && goes && *end <= high_watermark
        });
        gone.count()
    }

    fn is_expired(&self, segment: &Segment, now_ms: TimestampMs) -> bool {
        let retention = self
            .config
            .retention_ms
            .filter(|_| self.config.delete_retained);
        let newest = match segment.marks.max_timestamp {
            ..0 => segment.created_ms,
            timestamp => timestamp,
        };
        retention.is_some_and(|retention_ms| now_ms.saturating_sub(newest) > retention_ms)
    }

    fn is_surplus(&self, segment: &Segment, total: u64) -> bool {
        let retention = self
            .config
            .retention_bytes
            .filter(|_| self.config.delete_retained);
        retention.is_some_and(|bytes| total.saturating_sub(u64::from(segment.size)) >= bytes)
    }

    fn delete_oldest(&mut self, count: usize) -> DeleteSegments {
        let gone: Vec<_> = self.segments.drain(..count).collect();
        let first = self.segments[0].base_offset;
        while self
            .tail
            .oldest()
            .is_some_and(|extent| extent.segment_base < first)
        {
            self.tail.evict_oldest();
        }
        self.log_start = self.log_start.max(first);
        self.epochs.truncate_from_start(self.log_start);
        self.epochs_changed = true;
        let kept = self.snapshots.partition_point(|offset| *offset < first);
        let kept = self.snapshots.split_off(kept);
        DeleteSegments {
            snapshots: std::mem::replace(&mut self.snapshots, kept),
            dir: self.dir.clone(),
            bases: gone.iter().map(|segment| segment.base_offset).collect(),
            active: self.active().base_offset,
            _in_use: self.files_in_use.clone(),
        }
    }
}

impl TimestampsLoad {
    /// Reads the last entry of each time index, and each first header.
    pub async fn run(self, dir: &DataDir) -> io::Result<Timestamps> {
        dir.core().blocking(move || self.load()).await
    }

    fn load(&self) -> io::Result<Timestamps> {
        let newest = |&(base, entries): &(Offset, u32)| {
            let path = SegmentFile::TimeIndex.path(&self.dir, base);
            let at = (entries as usize).checked_sub(1);
            let bytes = at.map(|_| fs::read(path)).transpose()?.unwrap_or_default();
            let usable = bytes.len() - bytes.len() % ENTRY_BYTES;
            let last = (usable / ENTRY_BYTES).checked_sub(1);
            let entry = last.and_then(|at| time_index::decode(base, &bytes, at));
            Ok(SegmentTimestamps {
                base,
                first_timestamp: self.first_timestamp(base)?,
                max_timestamp: entry.map_or(-1, |entry| entry.timestamp),
                max_timestamp_offset: entry.map_or(-1, |entry| entry.offset),
            })
        };
        self.segments
            .iter()
            .map(newest)
            .collect::<io::Result<_>>()
            .map(Timestamps)
    }

    fn first_timestamp(&self, base: Offset) -> io::Result<TimestampMs> {
        let path = SegmentFile::Log.path(&self.dir, base);
        let mut scanner = Scanner::open(&path, 0, u64::MAX)?;
        match scanner.next_header() {
            Ok(found) => Ok(found.header.max_timestamp),
            Err(Stop::Io(error)) => Err(error),
            Err(_) => Ok(-1),
        }
    }
}

impl DeleteSegments {
    /// Renames the files, so that readers under way are not hurt.
    pub async fn run(self, dir: &DataDir) -> io::Result<DeletedSegments> {
        for base in &self.bases {
            dir.forget(&self.dir, *base);
        }
        dir.core().blocking(move || self.rename()).await
    }

    /// The oldest goes first: a crash in between leaves a log without a gap.
    fn rename(&self) -> io::Result<DeletedSegments> {
        let active = SegmentFile::Log.path(&self.dir, self.active);
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(active)?;
        directory::sync_dir(&self.dir)?;
        let snapshots = self.snapshots.iter();
        let snapshots = snapshots.map(|offset| SegmentFile::Snapshot.path(&self.dir, *offset));
        let renamed: io::Result<Vec<_>> = snapshots.map(mark_deleted).collect();
        let mut renamed: Vec<_> = renamed?.into_iter().flatten().collect();
        for base in &self.bases {
            for kind in [
                SegmentFile::Log,
                SegmentFile::OffsetIndex,
                SegmentFile::TimeIndex,
                SegmentFile::TransactionIndex,
            ] {
                renamed.extend(mark_deleted(kind.path(&self.dir, *base))?);
            }
        }
        directory::sync_dir(&self.dir)?;
        Ok(DeletedSegments(renamed))
    }
}

impl DeletedSegments {
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        Self(files)
    }

    /// Removes the files.
    pub async fn remove(self, dir: &DataDir) -> io::Result<()> {
        let remove = move || self.0.iter().try_for_each(remove_file);
        dir.core().blocking(remove).await
    }
}

/// The whole log may have been deleted meanwhile.
fn remove_file(path: &PathBuf) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Gives a file the name under which it waits for its removal; `None` if there is no such file.
pub(super) fn mark_deleted(path: PathBuf) -> io::Result<Option<PathBuf>> {
    let renamed = with_suffix(&path, DELETED_SUFFIX);
    match fs::rename(&path, &renamed) {
        Ok(()) => Ok(Some(renamed)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
