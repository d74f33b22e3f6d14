//! What a log gives to the journal, and what it takes back from one.

use super::round::{Entry, RoundWriter};
use crate::log::log::{Health, Log};
use crate::log::plan::FlushMark;
use crate::log::tail::NextBatch;
use crate::model::{Offset, TimestampMs};
use crate::protocol::record::{BatchError, BatchHeader};
use crate::sys::arena::Arena;

/// From so many bytes on a write of their own is as cheap, and saves writing them twice.
const JOURNALED_BYTES_MAX: usize = 64 << 10;
/// A log that is so far behind is destaged without waiting for the end of a journal file.
const BEHIND_BYTES_MAX: u32 = 64 << 10;

/// What became of an entry that recovery brought to its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// So many of its batches were appended; the others were there.
    Appended(usize),
    /// It begins beyond the log's end: what lies between is lost.
    Gap {
        /// Where the log ends.
        log_end: Offset,
    },
}

/// An entry could not be brought to its log.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Flush, evict and bring it again.
    #[error("no memory is left for the batch")]
    NoMemory,
    /// The round's checksum was right, what is in it is not.
    #[error("an entry of the journal holds no whole batches: {0}")]
    Batch(#[from] BatchError),
}

impl Log {
    /// How many bytes of appends the next round of the journal may take, after the one under way;
    /// `None` if they go, or went, to their segment.
    pub fn journal_bytes(&self) -> Option<usize> {
        let base = self.active().base_offset;
        let file_is_durable = self.synced.segment_base == base && self.synced.position > 0;
        let may = self.health == Health::Online && file_is_durable && base >= self.journal_from;
        let from = self.journaling.map_or(self.durable, |mark| mark.point);
        if !may || from.offset >= self.end.offset || from.segment_base != base {
            return None;
        }
        let pending = (self.end.position - from.position) as usize;
        (pending < JOURNALED_BYTES_MAX).then_some(pending)
    }

    /// Puts everything appended and not durable into a round, as one entry; its end.
    ///
    /// # Panics
    /// Where [`Log::journal_bytes`] has none, and while a round is under way.
    pub fn journal(&mut self, round: &mut RoundWriter<'_>) -> Offset {
        let bytes = self.journal_bytes().expect("it was asked before");
        assert!(self.journaling.is_none(), "one round at a time");
        let from = self.durable;
        assert_eq!(from.segment_base, self.end.segment_base, "one segment");
        let entry = Entry {
            partition: self.partition,
            segment_base: from.segment_base,
            position: from.position,
            base_offset: from.offset,
            bytes: bytes as u32,
        };
        let place = round.add(&entry);
        self.tail
            .copy(from.segment_base, from.position.into(), place);
        let mark = FlushMark {
            point: self.end,
            marks: self.active().marks,
        };
        self.journaling = Some(mark);
        self.keep(mark);
        mark.point.offset
    }

    /// The round is durable.
    pub fn on_journaled(&mut self) {
        let mark = self.journaling.take().expect("a round was under way");
        if self.health != Health::Offline && mark.point.offset > self.durable.offset {
            self.durable = mark.point;
        }
    }

    /// Records below this are synced in their segments.
    pub fn synced_end(&self) -> Offset {
        self.synced.offset
    }

    /// Whether the journal has what the segment's file lacks.
    pub fn is_behind(&self) -> bool {
        self.durable.offset > self.written.offset
    }

    /// Whether it is so far behind that a write of its own is worth while.
    pub fn is_far_behind(&self) -> bool {
        self.is_behind() && self.durable.position - self.written.position >= BEHIND_BYTES_MAX
    }

    /// Appends what of an entry the log lacks, exactly as it was; the log is not in use yet.
    pub fn replay(
        &mut self,
        arena: &Arena,
        entry: &Entry,
        bytes: &[u8],
        now_ms: TimestampMs,
    ) -> Result<Replayed, ReplayError> {
        let (mut at, mut appended) = (0, 0);
        while at < bytes.len() {
            let header = BatchHeader::parse(&bytes[at..])?;
            let (size, have) = (header.size_bytes(), bytes.len() - at);
            if size > have {
                return Err(BatchError::Truncated { have, need: size }.into());
            }
            if header.base_offset >= self.end.offset {
                if !self.continues(entry, at, &header) {
                    let log_end = self.end.offset;
                    return Ok(Replayed::Gap { log_end });
                }
                self.replay_batch(arena, &header, &bytes[at..at + size], now_ms)?;
                appended += 1;
            }
            at += size;
        }
        Ok(Replayed::Appended(appended))
    }

    fn continues(&self, entry: &Entry, at: usize, header: &BatchHeader) -> bool {
        header.base_offset == self.end.offset
            && entry.segment_base == self.end.segment_base
            && entry.position as usize + at == self.end.position as usize
    }

    fn replay_batch(
        &mut self,
        arena: &Arena,
        header: &BatchHeader,
        bytes: &[u8],
        now_ms: TimestampMs,
    ) -> Result<(), ReplayError> {
        let next = NextBatch {
            segment_base: self.end.segment_base,
            position: self.end.position.into(),
            base_offset: header.base_offset,
            size: bytes.len(),
            now_ms,
        };
        let reserved = self.tail.reserve(arena, next);
        reserved.map_err(|_| ReplayError::NoMemory)?;
        self.tail.place(bytes.len()).copy_from_slice(bytes);
        self.tail.seal(header);
        self.on_appended(header);
        Ok(())
    }
}
