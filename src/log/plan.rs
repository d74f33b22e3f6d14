use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::durable_points::{LogPoint, Marks};
use super::extent::BLOCK_BYTES;
use super::log::{Health, Log, Status, Unsynced};
use super::segment::Segment;
use super::tail::Pieces;
use crate::model::{Offset, TimestampMs, Uuid};
use crate::sys::arena::Arena;

/// A new file begins with so many bytes; each later step doubles it.
const ALLOCATE_BYTES_MIN: u64 = 16 << 10;
/// No step of a log that has met a full disk is larger: others need what little space there is.
const ALLOCATE_BYTES_SCARCE: u64 = 1 << 20;

/// The writes of one flush. Owns its bytes; run by [`FlushPlan::write`].
#[derive(Debug)]
#[must_use = "the log waits for the result"]
pub struct FlushPlan {
    pub(super) dir: Arc<Path>,
    pub(super) topic_id: Uuid,
    /// Whether the partition has no directory yet.
    pub(super) new_partition: bool,
    pub(super) writes: Vec<SegmentWrite>,
    pub(super) mark: FlushMark,
}

/// What one flush writes to one segment's file.
#[derive(Debug)]
pub(super) struct SegmentWrite {
    pub(super) base: Offset,
    pub(super) create: bool,
    pub(super) allocated: u64,
    pub(super) allocate_to: u64,
    /// Whether the first block was written before and is repeated, to go on in it.
    pub(super) repeats_block: bool,
    pub(super) pieces: Pieces,
}

/// The log's end at the moment a flush, or a round of the journal, was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlushMark {
    pub(super) point: LogPoint,
    pub(super) marks: Marks,
}

impl FlushMark {
    /// The beginning of a segment.
    pub(super) fn at_base(segment_base: Offset) -> Self {
        Self {
            point: LogPoint::at_base(segment_base),
            marks: Marks::NONE,
        }
    }
}

/// The result of a flush's writes, for [`Log::on_written`].
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct Written {
    pub(super) mark: FlushMark,
    pub(super) new_partition: bool,
    /// Base, whether new, bytes allocated now.
    pub(super) files: Vec<(Offset, bool, u64)>,
    /// The beginning of the tail's first block, if it was read from the file.
    pub(super) head: Option<Vec<u8>>,
}

/// The files to sync so that all that is written becomes durable; run by
/// [`sync_all`](super::sync_all).
#[derive(Debug)]
#[must_use = "the log waits for the result"]
pub struct SyncPlan {
    pub(super) dir: Arc<Path>,
    pub(super) unsynced: Unsynced,
    mark: LogPoint,
}

/// A sync is done, for [`Log::on_synced`].
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct Synced(LogPoint);

/// A write or a sync failed.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct FlushError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
    /// What failed.
    pub stage: Stage,
}

/// A part of making appends durable that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Creating, growing or writing a file, for lack of space: the log can heal.
    Space,
    /// Creating, growing or writing a file, for any other reason.
    Write,
    /// Syncing: what of the written bytes is on the disk is not known.
    Sync,
    /// Writing or syncing a round of the journal: whether it is on the disk is not known.
    Journal,
    /// Writing derived files: only a recovery takes longer.
    Derived,
    /// Exchanging compacted segments: which names the files have is not known, a start puts it
    /// right.
    Exchange,
}

/// What a failure means for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Whoever waits for anything that is not durable gets KAFKA_STORAGE_ERROR.
    Offline,
    /// Appends at and beyond this offset were dropped: whoever waits for them gets
    /// KAFKA_STORAGE_ERROR. What was written before is unharmed.
    DiskFull {
        /// The log's end now.
        dropped_from: Offset,
    },
}

impl Log {
    /// The writes that bring everything appended so far to the files, what is journaled too.
    ///
    /// `None` if there is nothing to write, if a write is under way (two writes of one block must
    /// never overlap), or if the log is offline.
    pub fn plan_flush(&mut self, arena: &Arena) -> Option<FlushPlan> {
        let whole = self.end.offset == self.written.offset;
        if self.writing || self.health == Health::Offline || whole {
            return None;
        }
        self.writing = true;
        let segments = self.segments.iter();
        let touched = segments.filter(|segment| segment.base_offset >= self.written.segment_base);
        let writes = touched.filter_map(|segment| self.segment_write(arena, segment));
        Some(FlushPlan {
            dir: self.dir.clone(),
            topic_id: self.partition.topic_id,
            new_partition: !self.on_disk,
            writes: writes.collect(),
            mark: FlushMark {
                point: self.end,
                marks: self.active().marks,
            },
        })
    }

    /// The writes of a flush are done.
    pub fn on_written(&mut self, written: Written) {
        assert!(self.writing, "a flush was under way");
        self.writing = false;
        if self.health == Health::Offline {
            return;
        }
        if let Health::Full { since_ms } = self.health {
            self.healed_ms = Some(since_ms);
            log::info!("{}: the disk has space again, appends are taken", self.name);
            self.health = Health::Online;
        }
        self.on_disk = true;
        self.unsynced.partition |= written.new_partition;
        for (base, new, allocated) in written.files {
            self.on_file_written(base, new, allocated);
        }
        if let Some(head) = written.head {
            self.tail.on_head_read(head);
        }
        self.written = written.mark.point;
        self.keep(written.mark);
    }

    /// What is written counts as durable: `klamm.flush=written` promises no more. So the journal
    /// goes on where the last write ended, and not where the last sync did.
    pub fn rely_on_writes(&mut self) {
        if self.written.offset > self.durable.offset {
            self.durable = self.written;
        }
    }

    /// Appends up to `mark` are no longer taken back.
    pub(super) fn keep(&mut self, mark: FlushMark) {
        if mark.point.offset >= self.kept.point.offset {
            self.kept = mark;
            self.producers.settle(mark.point.offset);
        }
    }

    /// The files to sync; `None` if there are none or a sync is under way.
    ///
    /// Later writes may go on meanwhile: they are not part of it.
    pub fn plan_sync(&mut self) -> Option<SyncPlan> {
        if self.syncing || self.health == Health::Offline || !self.needs_sync() {
            return None;
        }
        self.syncing = true;
        Some(SyncPlan {
            dir: self.dir.clone(),
            unsynced: std::mem::take(&mut self.unsynced),
            mark: self.written,
        })
    }

    /// A sync is done: what was written when it was planned is durable.
    pub fn on_synced(&mut self, synced: Synced) {
        assert!(self.syncing, "a sync was under way");
        self.syncing = false;
        if self.health == Health::Offline {
            return;
        }
        self.synced = synced.0;
        if self.synced.offset > self.durable.offset {
            self.durable = self.synced;
        }
        self.promote_anchor();
    }

    /// A write or a sync failed; logs it once and says what became of the log.
    pub fn on_failed(&mut self, error: &FlushError, now_ms: TimestampMs) -> Failed {
        match error.stage {
            Stage::Sync => self.syncing = false,
            Stage::Space | Stage::Write => self.writing = false,
            Stage::Journal => self.journaling = None,
            Stage::Derived => self.anchoring = false,
            Stage::Exchange => self.exchanging = false,
        }
        if error.stage == Stage::Space && self.health != Health::Offline {
            return self.on_disk_full(error, now_ms);
        }
        if self.health != Health::Offline {
            log::error!(
                "{}: OFFLINE until restart, a write or sync failed: {error}",
                self.name
            );
        }
        self.health = Health::Offline;
        Failed::Offline
    }

    fn on_disk_full(&mut self, error: &FlushError, now_ms: TimestampMs) -> Failed {
        self.drop_unwritten();
        if self.health == Health::Online {
            log::error!(
                "{}: the disk is full, appends are refused: {error}",
                self.name
            );
        }
        self.health = Health::Full { since_ms: now_ms };
        Failed::DiskFull {
            dropped_from: self.end.offset,
        }
    }

    fn segment_write(&self, arena: &Arena, segment: &Segment) -> Option<SegmentWrite> {
        let base = segment.base_offset;
        let from = match base == self.written.segment_base {
            true => self.written.position,
            false => 0,
        };
        if segment.size == from {
            return None;
        }
        let pieces = self.tail.pieces(arena, base, u64::from(from));
        let needed = u64::from(segment.size).next_multiple_of(BLOCK_BYTES as u64);
        let active = base == self.end.segment_base;
        Some(SegmentWrite {
            base,
            create: segment.allocated == 0,
            allocated: segment.allocated,
            allocate_to: match active {
                true => self.allocation(segment.allocated, needed),
                false => needed.max(segment.allocated),
            },
            repeats_block: !u64::from(from).is_multiple_of(BLOCK_BYTES as u64),
            pieces,
        })
    }

    /// How far a file of `allocated` bytes shall reach so that `needed` bytes fit: it grows in
    /// doubling steps, so that writes rarely extend it and small partitions stay small.
    fn allocation(&self, allocated: u64, needed: u64) -> u64 {
        if needed <= allocated || self.status() == Status::DiskFull {
            return needed.max(allocated);
        }
        let step_max = match self.healed_ms {
            Some(_) => ALLOCATE_BYTES_SCARCE.min(self.config.preallocate_bytes_max.into()),
            None => self.config.preallocate_bytes_max.into(),
        };
        let step_max = step_max.max(ALLOCATE_BYTES_MIN);
        let step = allocated.clamp(ALLOCATE_BYTES_MIN, step_max);
        let segment_bytes = u64::from(self.config.segment_bytes);
        let grown = (allocated + step).min(segment_bytes.next_multiple_of(BLOCK_BYTES as u64));
        grown.max(needed)
    }

    fn on_file_written(&mut self, base: Offset, new: bool, allocated: u64) {
        if let Some(segment) = self.segment_mut(base) {
            segment.allocated = allocated;
        }
        match self
            .unsynced
            .segments
            .iter_mut()
            .find(|known| known.0 == base)
        {
            Some(known) => known.1 |= new,
            None => self.unsynced.segments.push((base, new)),
        }
    }

    /// Takes back every append that no write has brought to the file and no round to the journal.
    ///
    /// The write that failed may have left some of it in the file. A recovery would take that for
    /// the log, and not what the journal has at these offsets: so the journal gets nothing more of
    /// this segment, nor of one that was begun already.
    fn drop_unwritten(&mut self) {
        let FlushMark { point: end, marks } = self.kept;
        self.journal_from = self.journal_from.max(self.end.offset + 1);
        self.tail.truncate(end.offset);
        while self.active().base_offset > end.segment_base {
            self.segments.pop_back();
        }
        let active = self.active_mut();
        active.size = end.position;
        active.marks = marks;
        active.offset_index.truncate_recent(end.position);
        active.time_index.truncate_recent(end.offset);
        self.epochs.truncate_from_end(end.offset);
        self.producers.take_back(end.offset);
        self.pending_anchor
            .take_if(|anchor| anchor.offset > end.offset);
        self.end = end;
    }
}

impl SyncPlan {
    /// How many files it has to sync.
    pub fn file_count(&self) -> usize {
        let news = usize::from(self.unsynced.segments.iter().any(|(_, new)| *new));
        self.unsynced.segments.len() + news + 3 * usize::from(self.unsynced.partition)
    }

    /// The result, once everything is synced by whatever means.
    pub(super) fn done(self) -> Synced {
        Synced(self.mark)
    }
}

impl FlushPlan {
    /// Bytes that will be written.
    pub fn bytes(&self) -> usize {
        let chunks = self.writes.iter().flat_map(|write| &write.pieces.chunks);
        chunks.map(|chunk| chunk.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::test_batches::{bytes, header};
    use crate::log::{AppendError, LogConfig, NewBatch, Sequence};
    use crate::model::TopicPartition;

    fn log(arena: &Arena) -> Log {
        let name = TopicPartition {
            topic: "t".into(),
            partition: 0,
        };
        let config = LogConfig {
            segment_bytes: 1_000,
            index_interval_bytes: 100,
            ..LogConfig::default()
        };
        let mut log = Log::new(Path::new("data"), name, Uuid::ZERO, Arc::new(config), 0);
        for sequence in 0..3 {
            append(&mut log, arena, sequence * 10, 0).unwrap();
        }
        log
    }

    fn append(
        log: &mut Log,
        arena: &Arena,
        base_sequence: i32,
        now_ms: TimestampMs,
    ) -> Result<Offset, AppendError> {
        let mut header = header(0, 10);
        (header.producer_id, header.producer_epoch) = (7, 0);
        header.base_sequence = base_sequence;
        let batch = NewBatch {
            header: &header,
            leader_epoch: now_ms as i32,
            now_ms,
        };
        let appended = log.append(arena, &bytes(&header), batch, |_| {});
        appended.map(|appended| appended.base_offset)
    }

    fn written(plan: FlushPlan) -> Written {
        Written {
            mark: plan.mark,
            new_partition: plan.new_partition,
            files: plan
                .writes
                .iter()
                .map(|w| (w.base, w.create, w.allocate_to))
                .collect(),
            head: None,
        }
    }

    fn failed(stage: Stage) -> FlushError {
        FlushError {
            path: PathBuf::from("data/t-0"),
            source: io::ErrorKind::StorageFull.into(),
            stage,
        }
    }

    #[test]
    fn one_write_at_a_time_and_the_sync_covers_what_was_written() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut log = log(&arena);
        let plan = log.plan_flush(&arena).unwrap();
        assert!(plan.new_partition && plan.writes[0].create);
        append(&mut log, &arena, 30, 0).unwrap();
        assert!(log.plan_flush(&arena).is_none());
        log.on_written(written(plan));
        assert_eq!(
            (log.written_end(), log.durable_end(), log.log_end()),
            (30, 0, 40)
        );
        let sync = log.plan_sync().unwrap();
        let plan = log.plan_flush(&arena).unwrap();
        assert!(!plan.new_partition && !plan.writes[0].create);
        log.on_written(written(plan));
        log.on_synced(sync.done());
        assert_eq!((log.written_end(), log.durable_end()), (40, 30));
        assert!(log.needs_sync());
    }

    #[test]
    fn a_full_disk_takes_back_what_was_not_written_and_heals() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut log = log(&arena);
        let plan = log.plan_flush(&arena).unwrap();
        log.on_written(written(plan));
        let before = format!("{:?} {:?} {:?}", log.segments, log.producers, log.epochs);
        for sequence in 3..9 {
            append(&mut log, &arena, sequence * 10, 50).unwrap();
        }
        assert!(log.segment_count() > 1, "a roll is taken back too");
        let plan = log.plan_flush(&arena).unwrap();
        append(&mut log, &arena, 90, 60).unwrap();
        drop(plan);
        let verdict = log.on_failed(&failed(Stage::Space), 100);
        assert_eq!(verdict, Failed::DiskFull { dropped_from: 30 });
        assert_eq!(
            format!("{:?} {:?} {:?}", log.segments, log.producers, log.epochs),
            before
        );
        assert_eq!((log.status(), log.log_end()), (Status::DiskFull, 30));
        assert_eq!(
            append(&mut log, &arena, 30, 900),
            Err(AppendError::DiskFull)
        );
        assert_eq!(append(&mut log, &arena, 30, 1_100), Ok(30));
        assert_eq!(
            append(&mut log, &arena, 40, 1_200),
            Err(AppendError::DiskFull)
        );
        let plan = log.plan_flush(&arena).unwrap();
        log.on_written(written(plan));
        assert_eq!(log.status(), Status::Online);
        assert_eq!(append(&mut log, &arena, 40, 1_300), Ok(40));
        assert!(log.was_full_lately(11_000) && !log.was_full_lately(11_200));
    }

    #[test]
    fn a_failed_sync_is_final_and_the_log_stays_readable() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut log = log(&arena);
        let plan = log.plan_flush(&arena).unwrap();
        log.on_written(written(plan));
        let sync = log.plan_sync().unwrap();
        append(&mut log, &arena, 30, 0).unwrap();
        let plan = log.plan_flush(&arena).unwrap();
        drop(sync);
        assert_eq!(log.on_failed(&failed(Stage::Sync), 0), Failed::Offline);
        assert!(log.is_busy(), "the write goes on");
        log.on_written(written(plan));
        assert!(!log.is_busy());
        assert_eq!((log.written_end(), log.durable_end()), (30, 0));
        assert_eq!(
            append(&mut log, &arena, 40, 9_999),
            Err(AppendError::Offline)
        );
        assert!(log.plan_flush(&arena).is_none() && log.plan_sync().is_none());
        let read = log.plan_read(0, 100, 10, true);
        assert!(matches!(read, Ok(crate::log::ReadPlan::Memory(_))));
    }

    #[test]
    fn a_duplicate_is_known_before_it_is_durable() {
        let arena = Arena::new(1 << 20).unwrap();
        let log = log(&arena);
        let mut again = header(0, 10);
        (again.producer_id, again.producer_epoch, again.base_sequence) = (7, 0, 10);
        let Ok(Sequence::Duplicate { last_offset, .. }) = log.check_producer(&again) else {
            panic!("a duplicate");
        };
        assert_eq!(last_offset, 19);
        assert!(last_offset >= log.durable_end());
    }

    #[test]
    fn files_grow_in_doubling_steps() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut log = log(&arena);
        log.config = Arc::new(LogConfig::default());
        assert_eq!(log.allocation(0, 4_096), 16 << 10);
        assert_eq!(log.allocation(16 << 10, 16 << 10), 16 << 10);
        assert_eq!(log.allocation(16 << 10, 20 << 10), 32 << 10);
        assert_eq!(log.allocation(16 << 10, 1 << 20), 1 << 20);
        assert_eq!(log.allocation(512 << 20, (512 << 20) + 4_096), 576 << 20);
        assert_eq!(log.allocation(1 << 30, 1 << 30), 1 << 30);
        log.health = Health::Full { since_ms: 0 };
        assert_eq!(
            log.allocation(32 << 20, (32 << 20) + 4_096),
            (32 << 20) + 4_096
        );
        (log.health, log.healed_ms) = (Health::Online, Some(0));
        assert_eq!(log.allocation(32 << 20, (32 << 20) + 4_096), 33 << 20);
    }
}
