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

    /// The round counts: it is durable, or written where that will do.
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::log::journal::round::{RoundHeader, round_bytes};
    use crate::log::plan::{FlushError, FlushPlan, Stage, Written};
    use crate::log::test_batches::{bytes, header};
    use crate::log::{Failed, LogConfig, NewBatch, Status};
    use crate::model::{TopicPartition, Uuid};

    fn log() -> Log {
        let name = TopicPartition {
            topic: "t".into(),
            partition: 4,
        };
        let config = LogConfig {
            segment_bytes: 100_000,
            ..LogConfig::default()
        };
        Log::new(Path::new("data"), name, Uuid::ZERO, Arc::new(config), 0)
    }

    fn append(log: &mut Log, arena: &Arena, records: i32) {
        let header = header(log.log_end(), records);
        let batch = NewBatch {
            header: &header,
            leader_epoch: 0,
            now_ms: 0,
        };
        log.append(arena, &bytes(&header), batch, |_| {}).unwrap();
    }

    fn write(log: &mut Log, plan: FlushPlan) {
        let files = plan.writes.iter();
        log.on_written(Written {
            mark: plan.mark,
            new_partition: plan.new_partition,
            files: files.map(|w| (w.base, w.create, w.allocate_to)).collect(),
            head: None,
        });
    }

    fn flush(log: &mut Log, arena: &Arena) {
        let plan = log.plan_flush(arena).unwrap();
        write(log, plan);
        let sync = log.plan_sync().unwrap();
        log.on_synced(sync.done());
    }

    /// The round's entry and its batches.
    fn journal(log: &mut Log) -> (Entry, Vec<u8>) {
        let pending = log.journal_bytes().unwrap();
        let mut buffer = vec![0; round_bytes(1, pending)];
        let mut round = RoundWriter::new(&mut buffer);
        log.journal(&mut round);
        round.finish(1, 0, 0);
        let header = RoundHeader::parse(&buffer).unwrap();
        let (entry, range) = header.entries(&buffer).unwrap().remove(0);
        (entry, buffer[range].to_vec())
    }

    /// A log with ten records synced in its segment.
    fn begun(arena: &Arena) -> Log {
        let mut log = log();
        append(&mut log, arena, 10);
        assert_eq!(log.journal_bytes(), None, "there is no file yet");
        flush(&mut log, arena);
        log
    }

    #[test]
    fn entries_follow_each_other_from_the_durable_end() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut log = begun(&arena);
        assert_eq!(log.journal_bytes(), None, "nothing is to be done");
        append(&mut log, &arena, 10);
        append(&mut log, &arena, 20);
        let (entry, bytes) = journal(&mut log);
        assert_eq!((entry.base_offset, entry.position), (10, 161));
        assert_eq!(bytes.len(), 161 + 261);
        append(&mut log, &arena, 30);
        assert_eq!(log.durable_end(), 10);
        log.on_journaled();
        assert_eq!((log.durable_end(), log.synced_end()), (40, 10));
        let (entry, _) = journal(&mut log);
        assert_eq!((entry.base_offset, entry.position), (40, 161 + 161 + 261));
        log.on_journaled();
        assert!(log.is_behind() && !log.is_dirty());
        assert_eq!(log.evict_oldest(70), 0, "the segment lacks it");
        flush(&mut log, &arena);
        assert!(!log.is_behind());
        assert_eq!((log.durable_end(), log.synced_end()), (70, 70));
        assert!(log.evict_oldest(70) > 0);
    }

    #[test]
    fn large_appends_and_new_segments_are_written_at_once() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut log = begun(&arena);
        append(&mut log, &arena, 7_000);
        assert_eq!(log.journal_bytes(), None, "70,000 bytes");
        flush(&mut log, &arena);
        append(&mut log, &arena, 5_000);
        assert_eq!(log.segment_count(), 2);
        assert_eq!(log.journal_bytes(), None, "the segment has no file");
        flush(&mut log, &arena);
        append(&mut log, &arena, 10);
        assert_eq!(log.journal_bytes(), Some(161));
    }

    #[test]
    fn a_segment_write_under_way_does_not_matter() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut log = begun(&arena);
        append(&mut log, &arena, 10);
        let plan = log.plan_flush(&arena).unwrap();
        append(&mut log, &arena, 10);
        let (entry, bytes) = journal(&mut log);
        assert_eq!((entry.base_offset, bytes.len()), (10, 322));
        log.on_journaled();
        write(&mut log, plan);
        assert_eq!((log.durable_end(), log.is_behind()), (30, true));
        let sync = log.plan_sync().unwrap();
        log.on_synced(sync.done());
        assert_eq!((log.durable_end(), log.synced_end()), (30, 20));
    }

    #[test]
    fn a_full_disk_takes_back_nothing_that_a_round_has() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut log = begun(&arena);
        append(&mut log, &arena, 10);
        journal(&mut log);
        append(&mut log, &arena, 10);
        drop(log.plan_flush(&arena).unwrap());
        let error = FlushError {
            path: "data/t-4".into(),
            source: std::io::ErrorKind::StorageFull.into(),
            stage: Stage::Space,
        };
        let failed = log.on_failed(&error, 0);
        assert_eq!(failed, Failed::DiskFull { dropped_from: 20 });
        log.on_journaled();
        assert_eq!((log.durable_end(), log.log_end()), (20, 20));
        assert!(log.is_behind() && log.status() == Status::DiskFull);
        flush(&mut log, &arena);
        assert_eq!((log.status(), log.synced_end()), (Status::Online, 20));
        append(&mut log, &arena, 10);
        assert_eq!(log.journal_bytes(), None, "the file may hold other batches");
        flush(&mut log, &arena);
        append(&mut log, &arena, 9_990);
        assert_eq!(log.segment_count(), 2);
        append(&mut log, &arena, 10);
        assert_eq!(log.segment_count(), 3);
        flush(&mut log, &arena);
        append(&mut log, &arena, 10);
        assert!(log.journal_bytes().is_some(), "a new segment");
    }

    #[test]
    fn a_failed_round_is_final() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut log = begun(&arena);
        append(&mut log, &arena, 10);
        journal(&mut log);
        let error = FlushError {
            path: "data/klamm-journal-0-0".into(),
            source: std::io::ErrorKind::Other.into(),
            stage: Stage::Journal,
        };
        assert_eq!(log.on_failed(&error, 0), Failed::Offline);
        assert!(!log.is_busy() && log.journal_bytes().is_none());
        assert_eq!(log.durable_end(), 10);
    }

    #[test]
    fn replay_skips_what_is_known_and_refuses_gaps() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut before = begun(&arena);
        append(&mut before, &arena, 10);
        append(&mut before, &arena, 20);
        let (entry, bytes) = journal(&mut before);
        before.on_journaled();
        append(&mut before, &arena, 5);
        let (later, later_bytes) = journal(&mut before);

        let mut log = begun(&arena);
        let gap = log.replay(&arena, &later, &later_bytes, 0).unwrap();
        assert_eq!(gap, Replayed::Gap { log_end: 10 });
        let replayed = log.replay(&arena, &entry, &bytes, 0).unwrap();
        assert_eq!(replayed, Replayed::Appended(2));
        let again = log.replay(&arena, &entry, &bytes, 0).unwrap();
        assert_eq!(again, Replayed::Appended(0));
        let replayed = log.replay(&arena, &later, &later_bytes, 0).unwrap();
        assert_eq!(replayed, Replayed::Appended(1));
        let at = |log: &Log| (log.end.offset, log.end.position);
        assert_eq!(at(&log), at(&before));
        let elsewhere = Entry {
            position: later.position + 1,
            ..later
        };
        let mut log = begun(&arena);
        log.replay(&arena, &entry, &bytes, 0).unwrap();
        let gap = log.replay(&arena, &elsewhere, &later_bytes, 0).unwrap();
        assert_eq!(gap, Replayed::Gap { log_end: 40 });
        assert!(log.replay(&arena, &later, &later_bytes[..50], 0).is_err());
    }
}
