use std::io;
use std::path::Path;
use std::sync::Arc;

use super::log::Log;
use super::offset_index::Spot;
use super::segment::Segment;
use crate::model::Offset;
use crate::runtime::SharedFile;
use crate::sys::arena::Chunk;

/// How a read is answered.
#[derive(Debug)]
pub enum ReadPlan {
    /// There is nothing at the offset below the bound yet, or the first batch is too large.
    Empty,
    /// From memory: the batch that holds the offset and what follows, in order.
    Memory(Vec<Chunk>),
    /// From a file; where in it is found by [`ColdRead::locate`].
    File(ColdRead),
}

/// A read of what is no longer in memory: durable, whole, and never changing.
#[derive(Debug)]
#[must_use = "locate it"]
pub struct ColdRead {
    pub(super) dir: Arc<Path>,
    pub(super) base: Offset,
    pub(super) spot: Spot,
    /// The byte after what may be read: the batches in memory, or the segment's end.
    pub(super) end_position: u64,
    /// Where to go on if nothing is found in this segment.
    pub(super) end_offset: Offset,
    pub(super) offset: Offset,
    pub(super) upper: Offset,
    pub(super) bytes_max: usize,
    pub(super) at_least_one: bool,
}

/// Where a cold read's batches are.
#[derive(Debug)]
pub enum Located {
    /// In this part of a file.
    Range(FileRange),
    /// Nothing below the bound, or the first batch is too large.
    Empty,
    /// The segment has no batch at or beyond the offset: plan again from this one.
    Skip(Offset),
}

/// A part of a segment's file: begins with the batch that holds the asked offset, ends below the
/// bound, never reaches padding. Stays readable when the segment is deleted.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file, for any core.
    pub file: SharedFile,
    /// First byte.
    pub position: u64,
    /// How many bytes.
    pub bytes: u32,
    /// How many of them are the first batch's.
    pub first_batch_bytes: u32,
}

/// A read that cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// OFFSET_OUT_OF_RANGE.
    #[error("offset {offset} is not within {start} to {end}")]
    OutOfRange {
        /// What was asked for.
        offset: Offset,
        /// The log's start.
        start: Offset,
        /// The log's end.
        end: Offset,
    },
    /// The segment was deleted since the read was planned: plan again.
    #[error("the segment was deleted meanwhile")]
    Gone,
    /// KAFKA_STORAGE_ERROR.
    #[error("reading the segment at {base}: {source}")]
    Io {
        /// The segment.
        base: Offset,
        /// What the system said.
        source: io::Error,
    },
    /// CORRUPT_MESSAGE: no batch begins where one must.
    #[error("the segment at {base} is damaged at byte {position}")]
    Corrupt {
        /// The segment.
        base: Offset,
        /// Where in its file.
        position: u64,
    },
}

impl Log {
    /// Plans a read of batches from the one that holds `offset` on, below `upper` (the end of what
    /// the reader may see; a batch's base).
    ///
    /// At most `bytes_max` bytes, cut anywhere; with `at_least_one` the first batch comes whole
    /// even if it is larger, without it a first batch that does not fit leaves nothing.
    pub fn plan_read(
        &self,
        offset: Offset,
        bytes_max: usize,
        upper: Offset,
        at_least_one: bool,
    ) -> Result<ReadPlan, ReadError> {
        let (start, end) = (self.log_start, self.end.offset);
        if offset < start || offset > end {
            return Err(ReadError::OutOfRange { offset, start, end });
        }
        let upper = upper.min(end);
        if offset >= upper || (bytes_max == 0 && !at_least_one) {
            return Ok(ReadPlan::Empty);
        }
        if self
            .tail
            .start_offset()
            .is_some_and(|first| first <= offset)
        {
            let slices = self.tail.read(offset, bytes_max, upper, at_least_one);
            return Ok(match slices.is_empty() {
                true => ReadPlan::Empty,
                false => ReadPlan::Memory(slices),
            });
        }
        let at = self.first_filled(self.segment_at(offset));
        let (end_position, end_offset) = self.cold_end(at);
        Ok(ReadPlan::File(ColdRead {
            dir: self.dir.clone(),
            base: self.segments[at].base_offset,
            spot: self.segments[at].offset_index.lookup(offset),
            end_position,
            end_offset,
            offset,
            upper,
            bytes_max,
            at_least_one,
        }))
    }

    /// The first segment from `at` on that has a batch: compaction leaves some without any.
    fn first_filled(&self, at: usize) -> usize {
        let mut filled = self.segments.range(at..).take_while(|s| s.size == 0);
        (at + filled.by_ref().count()).min(self.segments.len() - 1)
    }

    /// The index of the segment that holds `offset`, or would.
    pub(super) fn segment_at(&self, offset: Offset) -> usize {
        let after = self
            .segments
            .partition_point(|segment| segment.base_offset <= offset);
        after.saturating_sub(1)
    }

    /// Where the part of a segment ends that is only on disk: the byte and the offset.
    pub(super) fn cold_end(&self, at: usize) -> (u64, Offset) {
        let segment: &Segment = &self.segments[at];
        match (self.tail.start_position(), self.tail.start_offset()) {
            (Some((base, position)), Some(offset)) if base == segment.base_offset => {
                (position, offset)
            }
            _ => {
                let next = self.segments.get(at + 1);
                let end = next.map_or(self.end.offset, |next| next.base_offset);
                (u64::from(segment.size), end)
            }
        }
    }
}
