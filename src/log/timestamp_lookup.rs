use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::data_dir::DataDir;
use super::log::Log;
use super::names::SegmentFile;
use super::offset_index::{self, Spot};
use super::read::ReadError;
use super::scan::{Scanner, Stop};
use super::time_index::{self, TimeSpot};
use crate::model::{LeaderEpoch, Offset, TimestampMs};
use crate::protocol::record::{Batch, Batches, Codec, NO_TIMESTAMP, Records, decompress};
use crate::sys::arena::Chunk;

/// What one batch may decompress to before only its header is believed.
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// A record found by its timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// Its timestamp.
    pub timestamp: TimestampMs,
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the leader that wrote it.
    pub leader_epoch: LeaderEpoch,
}

/// A search for a record by timestamp. It may read and decompress, so it runs on a pool thread.
#[derive(Debug)]
#[must_use = "run it"]
pub struct TimestampLookup {
    dir: Arc<Path>,
    wanted: Wanted,
    log_start: Offset,
    segments: Vec<Candidate>,
    tail: Vec<Chunk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    AtLeast(TimestampMs),
    Largest,
}

/// The part of a segment that is on disk only.
#[derive(Debug)]
struct Candidate {
    base: Offset,
    end_position: u64,
    start: Start,
    /// Entries in its time index file.
    time_entries: u32,
    /// `None` if not known since the last start.
    max_timestamp: Option<TimestampMs>,
}

#[derive(Debug)]
enum Start {
    Position(u32),
    /// By the offset index file.
    Offset {
        offset: Offset,
        entries: u32,
    },
    /// By both index files.
    Timestamp {
        entries: u32,
    },
}

impl Log {
    /// The first record at or after the log's start whose timestamp is at least `target`.
    pub fn plan_timestamp_lookup(&self, target: TimestampMs) -> TimestampLookup {
        self.lookup(Wanted::AtLeast(target))
    }

    /// The first record that has the largest timestamp of the log (KIP-734).
    pub fn plan_largest_timestamp_lookup(&self) -> TimestampLookup {
        self.lookup(Wanted::Largest)
    }

    fn lookup(&self, wanted: Wanted) -> TimestampLookup {
        let cold_segments = match self.tail.start_position() {
            Some((base, _)) => self.segment_at(base) + 1,
            None => self.segments.len(),
        };
        let tail = self.tail.start_offset().map(|first| {
            self.tail
                .read(first, usize::MAX >> 1, self.end.offset, true)
        });
        let candidates = (0..cold_segments).map(|at| self.candidate(at, wanted));
        TimestampLookup {
            dir: self.dir.clone(),
            wanted,
            log_start: self.log_start,
            segments: candidates
                .filter(|segment| segment.end_position > 0)
                .collect(),
            tail: tail.unwrap_or_default(),
        }
    }

    fn candidate(&self, at: usize, wanted: Wanted) -> Candidate {
        let segment = &self.segments[at];
        let offsets = &segment.offset_index;
        let start = match wanted {
            Wanted::AtLeast(target) => match segment.time_index.lookup(target) {
                TimeSpot::Stored { entries } => Start::Timestamp { entries },
                TimeSpot::Offset(offset) => match offsets.lookup(offset) {
                    Spot::Position(position) => Start::Position(position),
                    Spot::Stored { entries } => Start::Offset { offset, entries },
                },
            },
            Wanted::Largest => Start::Position(0),
        };
        Candidate {
            base: segment.base_offset,
            end_position: self.cold_end(at).0,
            start,
            time_entries: segment.time_index.stored(),
            max_timestamp: segment.marks_known.then_some(segment.marks.max_timestamp),
        }
    }
}

impl TimestampLookup {
    /// The record; `None` if no record is new enough. The caller compares it with the end of what
    /// its reader may see.
    pub async fn run(self, dir: &DataDir) -> Result<Option<TimestampOffset>, ReadError> {
        dir.core().blocking(move || self.search()).await
    }

    fn search(&self) -> Result<Option<TimestampOffset>, ReadError> {
        let target = match self.wanted {
            Wanted::AtLeast(target) => target,
            Wanted::Largest => match self.largest()? {
                NO_TIMESTAMP => return Ok(None),
                largest => largest,
            },
        };
        for segment in &self.segments {
            if segment.max_timestamp.is_none_or(|max| max >= target)
                && let Some(found) = self.search_segment(segment, target)?
            {
                return Ok(Some(found));
            }
        }
        let mut batches = self.tail.iter().flat_map(|chunk| Batches::new(chunk));
        Ok(batches.find_map(|batch| self.search_batch(&batch, target)))
    }

    fn largest(&self) -> Result<TimestampMs, ReadError> {
        let mut largest = NO_TIMESTAMP;
        for segment in &self.segments {
            let of_segment = match segment.max_timestamp {
                Some(known) => known,
                None => self
                    .last_time_entry(segment)
                    .map_err(|error| segment.failed(error))?,
            };
            largest = largest.max(of_segment);
        }
        let batches = self.tail.iter().flat_map(|chunk| Batches::new(chunk));
        let in_tail = batches.map(|batch| batch.header.max_timestamp).max();
        Ok(largest.max(in_tail.unwrap_or(NO_TIMESTAMP)))
    }

    fn search_segment(
        &self,
        segment: &Candidate,
        target: TimestampMs,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        let failed = |error| segment.failed(error);
        let start = self.start_position(segment, target).map_err(failed)?;
        let path = SegmentFile::Log.path(&self.dir, segment.base);
        let mut scanner = Scanner::open(&path, start, segment.end_position).map_err(failed)?;
        loop {
            let found = match scanner.next_header() {
                Ok(found) => found,
                Err(Stop::Limit | Stop::Padding) => return Ok(None),
                Err(stop) => return Err(segment.stopped(stop, scanner.position())),
            };
            if found.header.max_timestamp < target || found.header.last_offset() < self.log_start {
                continue;
            }
            let bytes = scanner.batch(&found);
            let bytes = bytes.map_err(|stop| segment.stopped(stop, found.position))?;
            let record = Batches::new(bytes).find_map(|batch| self.search_batch(&batch, target));
            if record.is_some() {
                return Ok(record);
            }
        }
    }

    /// The first record of a batch that is new enough and not before the log's start.
    fn search_batch(&self, batch: &Batch<'_>, target: TimestampMs) -> Option<TimestampOffset> {
        let header = &batch.header;
        if header.max_timestamp < target || header.last_offset() < self.log_start {
            return None;
        }
        let found = |(offset, timestamp)| TimestampOffset {
            timestamp,
            offset,
            leader_epoch: header.leader_epoch,
        };
        let fits = |&(offset, timestamp): &(Offset, TimestampMs)| {
            timestamp >= target && offset >= self.log_start
        };
        let Ok(codec) = header.codec() else {
            return Some(found((header.base_offset, header.max_timestamp)));
        };
        let plain;
        let body = match codec {
            Codec::None => batch.body(),
            codec => match decompress(codec, batch.body(), DECOMPRESSED_BYTES_MAX) {
                Ok(bytes) => {
                    plain = bytes;
                    &plain[..]
                }
                Err(_) => return Some(found((header.base_offset, header.max_timestamp))),
            },
        };
        let records = Records::new(*header, body).map_while(Result::ok);
        records
            .map(|record| (record.offset, record.timestamp))
            .find(fits)
            .map(found)
    }

    fn start_position(&self, segment: &Candidate, target: TimestampMs) -> io::Result<u64> {
        let (offset, entries) = match segment.start {
            Start::Position(position) => return Ok(u64::from(position)),
            Start::Offset { offset, entries } => (offset, entries as usize),
            Start::Timestamp { entries } => {
                let path = SegmentFile::TimeIndex.path(&self.dir, segment.base);
                let bytes = fs::read(path)?;
                let entries = (0..entries as usize)
                    .map_while(|at| time_index::decode(segment.base, &bytes, at));
                let below = entries.take_while(|entry| entry.timestamp <= target).last();
                (below.map_or(segment.base, |entry| entry.offset), usize::MAX)
            }
        };
        let bytes = fs::read(SegmentFile::OffsetIndex.path(&self.dir, segment.base))?;
        let entries = entries.min(bytes.len() / offset_index::ENTRY_BYTES);
        let entries = (0..entries).map_while(|at| offset_index::decode(segment.base, &bytes, at));
        let below = entries.take_while(|entry| entry.offset <= offset).last();
        Ok(below.map_or(0, |entry| u64::from(entry.position)))
    }

    fn last_time_entry(&self, segment: &Candidate) -> io::Result<TimestampMs> {
        let Some(last) = (segment.time_entries as usize).checked_sub(1) else {
            return Ok(NO_TIMESTAMP);
        };
        let bytes = fs::read(SegmentFile::TimeIndex.path(&self.dir, segment.base))?;
        let entry = time_index::decode(segment.base, &bytes, last);
        Ok(entry.map_or(NO_TIMESTAMP, |entry| entry.timestamp))
    }
}

impl Candidate {
    fn failed(&self, source: io::Error) -> ReadError {
        match source.kind() {
            io::ErrorKind::NotFound => ReadError::Gone,
            _ => ReadError::Io {
                base: self.base,
                source,
            },
        }
    }

    fn stopped(&self, stop: Stop, position: u64) -> ReadError {
        match stop {
            Stop::Io(source) => self.failed(source),
            _ => ReadError::Corrupt {
                base: self.base,
                position,
            },
        }
    }
}
