use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use super::derived_files::EPOCHS_FILE;
use super::directory;
use super::durable_points::{Anchor, DurablePoint, LogPoint, Marks};
use super::leader_epoch::LeaderEpochs;
use super::log::Log;
use super::names::SegmentFile;
use super::offset_index::{self, OffsetIndex};
use super::open::{Listing, LogFile, OpenLog, Opened};
use super::plan::FlushMark;
use super::producer_snapshot;
use super::producer_state::Producers;
use super::replay::Replay;
use super::scan::Scanner;
use super::segment::Segment;
use super::time_index::{self, TimeIndex};
use crate::model::{Offset, TimestampMs};

/// What opening a log took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The files were taken as they are.
    pub clean: bool,
    /// Bytes of batches whose checksums were verified.
    pub bytes_verified: u64,
    /// Batches whose checksums were verified.
    pub batches_verified: u64,
    /// Bytes read, those of headers known to be durable among them.
    pub bytes_read: u64,
    /// Bytes after the last valid batch that were cut off, padding not counted.
    pub bytes_cut: u64,
    /// Segments removed because they did not continue the log.
    pub segments_removed: usize,
    /// What the last valid batch was followed by, if that was neither the end nor padding.
    pub found: Option<String>,
    /// The log's end.
    pub log_end: Offset,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.clean {
            return write!(f, "clean, end {}", self.log_end);
        }
        write!(
            f,
            "recovered, end {}: {} batches of {} bytes verified, {} bytes read",
            self.log_end, self.batches_verified, self.bytes_verified, self.bytes_read
        )?;
        if let Some(found) = &self.found {
            write!(f, ", {} bytes cut ({found})", self.bytes_cut)?;
        }
        if self.segments_removed > 0 {
            write!(f, ", {} later segments removed", self.segments_removed)?;
        }
        Ok(())
    }
}

/// Fills a new log with what its directory holds; blocks.
pub(super) fn open(mut log: Log, request: &OpenLog, listing: Listing) -> io::Result<Opened> {
    log.on_disk = true;
    log.snapshots = listing.snapshots;
    remove_old_snapshots(&mut log, listing.segments.first())?;
    let first = listing.segments.first().map_or(0, |file| file.base);
    let point_start = request.point.map_or(0, |point| point.log_start);
    log.log_start = request.log_start.max(point_start).max(first);
    if listing.segments.is_empty() {
        start_empty(&mut log, request.now_ms);
        return Ok(opened(
            log,
            Recovery {
                clean: true,
                ..Recovery::default()
            },
        ));
    }
    log.segments = closed_segments(&log.dir, &listing.segments)?.into();
    let point = request
        .point
        .filter(|point| fits(&log, point).unwrap_or(false));
    let clean = request.clean && open_clean(&mut log, point.as_ref())?;
    let mut recovery = Recovery {
        clean,
        ..Recovery::default()
    };
    if !clean {
        Replay::new(&mut log, request, point, &mut recovery).run()?;
    }
    log.log_start = log.log_start.min(log.end.offset);
    log.epochs.truncate_from_start(log.log_start);
    log.expire_producers(request.now_ms);
    Ok(opened(log, recovery))
}

/// A snapshot before the first segment cannot be brought up to date any more.
fn remove_old_snapshots(log: &mut Log, first: Option<&LogFile>) -> io::Result<()> {
    let first = first.map_or(Offset::MAX, |file| file.base);
    let old = log.snapshots.partition_point(|offset| *offset < first);
    for offset in log.snapshots.drain(..old) {
        fs::remove_file(SegmentFile::Snapshot.path(&log.dir, offset))?;
    }
    Ok(())
}

fn opened(log: Log, mut recovery: Recovery) -> Opened {
    recovery.log_end = log.end.offset;
    if !recovery.clean && (recovery.found.is_some() || recovery.segments_removed > 0) {
        log::warn!("{}: {recovery}", log.name);
    }
    Opened { log, recovery }
}

/// A directory without segments: nothing of it was ever acknowledged, or all was deleted.
fn start_empty(log: &mut Log, now_ms: TimestampMs) {
    let base = log.log_start;
    log.segments = [Segment::new(base, now_ms)].into();
    settle(log, LogPoint::at_base(base), Anchor::at_base(base, false));
}

/// Everything up to `end` is durable.
pub(super) fn settle(log: &mut Log, end: LogPoint, anchor: Anchor) {
    log.end = end;
    log.settle_at_end();
    log.anchor = anchor;
}

impl Log {
    /// Everything up to the end is written and synced.
    pub(super) fn settle_at_end(&mut self) {
        let end = self.end;
        (self.written, self.durable, self.synced) = (end, end, end);
        self.kept = FlushMark {
            point: end,
            marks: self.active().marks,
        };
    }
}

/// Segments as their files' lengths tell, as Kafka takes them.
fn closed_segments(dir: &Path, files: &[LogFile]) -> io::Result<Vec<Segment>> {
    files.iter().map(|file| closed_segment(dir, file)).collect()
}

fn closed_segment(dir: &Path, file: &LogFile) -> io::Result<Segment> {
    let LogFile { base, bytes, .. } = *file;
    let too_large = |_| io::Error::new(io::ErrorKind::InvalidData, "a segment beyond 2 GiB");
    let offsets = file_bytes(&SegmentFile::OffsetIndex.path(dir, base))?;
    let times = file_bytes(&SegmentFile::TimeIndex.path(dir, base))?;
    let offset_entries = (offsets / offset_index::ENTRY_BYTES as u64) as u32;
    let time_entries = (times / time_index::ENTRY_BYTES as u64) as u32;
    let mut segment = Segment::new(base, file.modified_ms);
    segment.size = i32::try_from(bytes).map_err(too_large)? as u32;
    segment.allocated = bytes.max(1);
    segment.marks_known = false;
    segment.offset_index = OffsetIndex::new(base, offset_entries);
    segment.time_index = TimeIndex::new(base, time_entries, -1);
    Ok(segment)
}

/// 0 for a file that does not exist.
fn file_bytes(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Whether the files can be what a durable point speaks of: they reach that far, the last durable
/// batch is the one it names, and the index entries are there.
fn fits(log: &Log, point: &DurablePoint) -> io::Result<bool> {
    let by_base = |base| {
        log.segments
            .iter()
            .find(|segment| segment.base_offset == base)
    };
    let (Some(last), Some(anchored)) = (
        by_base(point.end.segment_base),
        by_base(point.anchor.segment_base),
    ) else {
        return Ok(false);
    };
    let anchor = &point.anchor;
    let long_enough = last.size >= point.end.position
        && anchored.size >= anchor.position
        && anchored.offset_index.stored() >= anchor.offset_entries
        && anchored.time_index.stored() >= anchor.time_entries;
    let ordered = anchor.offset <= point.end.offset && log.partition == point.partition;
    Ok(long_enough && ordered && last_batch_fits(log, &point.end)?)
}

fn last_batch_fits(log: &Log, end: &LogPoint) -> io::Result<bool> {
    if end.position == end.last_batch_position {
        return Ok(end.position == 0 && end.offset == end.segment_base);
    }
    let path = SegmentFile::Log.path(&log.dir, end.segment_base);
    let position = u64::from(end.last_batch_position);
    let mut scanner = Scanner::open(&path, position, u64::from(end.position))?;
    Ok(scanner.next_header().is_ok_and(|found| {
        scanner.position() == u64::from(end.position)
            && found.header.next_offset() == end.offset
            && found.header.crc == end.last_batch_crc
    }))
}

/// Takes the files of a clean shutdown as they are; false if they are not what one leaves.
fn open_clean(log: &mut Log, point: Option<&DurablePoint>) -> io::Result<bool> {
    let Ok(epochs) = read_epochs(&log.dir) else {
        return Ok(false);
    };
    let at_end = point.filter(|point| {
        let active = log.active();
        point.anchor.offset == point.end.offset
            && point.end.segment_base == active.base_offset
            && point.end.position == active.size
    });
    let (end, anchor) = match at_end {
        Some(point) => (point.end, point.anchor),
        None => match end_of_files(log)? {
            Some(found) => found,
            None => return Ok(false),
        },
    };
    if anchor.snapshot {
        let path = SegmentFile::Snapshot.path(&log.dir, anchor.offset);
        let Some(producers) = read_snapshot(&path)? else {
            return Ok(false);
        };
        log.producers = producers;
    }
    log.epochs = epochs;
    restore_active(log, &anchor);
    settle(log, end, anchor);
    Ok(true)
}

/// Puts what an anchor at the log's end says into the active segment.
pub(super) fn restore_active(log: &mut Log, anchor: &Anchor) {
    let active = log.active_mut();
    let newest = anchor.marks.max_timestamp;
    let stored_timestamp = if anchor.time_entries == 0 { -1 } else { newest };
    active.marks = anchor.marks;
    active.marks_known = true;
    active.offset_index = OffsetIndex::new(active.base_offset, anchor.offset_entries);
    active.time_index = TimeIndex::new(active.base_offset, anchor.time_entries, stored_timestamp);
}

/// The end of a cleanly closed log that klamm's own points do not know, as Kafka left it.
fn end_of_files(log: &Log) -> io::Result<Option<(LogPoint, Anchor)>> {
    let active = log.active();
    let path = SegmentFile::Log.path(&log.dir, active.base_offset);
    let mut scanner = Scanner::open(&path, 0, u64::MAX)?;
    let (mut end, mut marks) = (LogPoint::at_base(active.base_offset), Marks::NONE);
    while let Ok(found) = scanner.next_header() {
        if found.position == 0 {
            marks.first_timestamp = found.header.max_timestamp;
        }
        if found.header.max_timestamp > marks.max_timestamp {
            marks.max_timestamp = found.header.max_timestamp;
            marks.max_timestamp_offset = found.header.last_offset();
        }
        end = LogPoint {
            offset: found.header.next_offset(),
            position: scanner.position() as u32,
            last_batch_position: found.position as u32,
            last_batch_crc: found.header.crc,
            ..end
        };
    }
    let exact = end.position == active.size;
    let anchor = Anchor {
        segment_base: active.base_offset,
        offset: end.offset,
        position: end.position,
        offset_entries: active.offset_index.stored(),
        time_entries: active.time_index.stored(),
        marks,
        snapshot: log.snapshots.contains(&end.offset),
    };
    let complete = anchor.snapshot || log.snapshots.is_empty();
    Ok((exact && complete).then_some((end, anchor)))
}

/// The epochs on disk; an empty history without a file.
pub(super) fn read_epochs(dir: &Path) -> io::Result<LeaderEpochs> {
    match fs::read_to_string(dir.join(EPOCHS_FILE)) {
        Ok(text) => LeaderEpochs::decode(&text)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(LeaderEpochs::default()),
        Err(error) => Err(error),
    }
}

/// The producers of a snapshot; `None` if it is missing or damaged.
pub(super) fn read_snapshot(path: &Path) -> io::Result<Option<Producers>> {
    match fs::read(path) {
        Ok(bytes) => Ok(producer_snapshot::decode(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a segment's files; the directory is left to the caller to sync.
pub(super) fn remove_segment(dir: &Path, base: Offset) -> io::Result<()> {
    for kind in [
        SegmentFile::OffsetIndex,
        SegmentFile::TimeIndex,
        SegmentFile::TransactionIndex,
    ] {
        match fs::remove_file(kind.path(dir, base)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::remove_file(SegmentFile::Log.path(dir, base))?;
    directory::sync_dir(dir)
}
