use super::durable_points::LogPoint;
use super::log::{Health, Log};
use super::producer_snapshot;
use super::segment::Segment;
use super::tail::NextBatch;
use crate::model::{LeaderEpoch, Offset, TimestampMs};
use crate::protocol::record::{BatchHeader, stamp};
use crate::sys::arena::{Arena, ChunkMut};

/// While the disk is full, one append in so many milliseconds is let through to try again.
const FULL_RETRY_MS: i64 = 1_000;
/// Positions in Kafka's index files are 31 bits wide.
const SEGMENT_BYTES_MAX: usize = i32::MAX as usize;

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// Bytes taken from the arena for it; 0 when there was room. The shard's sign to evict.
    pub extent_bytes: usize,
    /// Whether it began a new segment.
    pub rolled: bool,
}

/// Why a batch was not appended; the log is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// KAFKA_STORAGE_ERROR: an earlier write or sync failed.
    #[error("the partition is offline after a failed write")]
    Offline,
    /// KAFKA_STORAGE_ERROR, for as long as the disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The core's memory is used up: flush, evict, and append again.
    #[error("no memory is left for the batch")]
    NoMemory,
    /// RECORD_LIST_TOO_LARGE: larger than a whole segment may be.
    #[error("the batch has {size} bytes, a segment may have {max}")]
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// Bytes of a segment.
        max: usize,
    },
}

/// A batch to append.
#[derive(Clone, Copy, Debug)]
pub struct NewBatch<'a> {
    /// Its header as it is to be in the log, but for base offset and leader epoch.
    pub header: &'a BatchHeader,
    /// The epoch of the leader that appends it.
    pub leader_epoch: LeaderEpoch,
    /// The wall clock.
    pub now_ms: TimestampMs,
}

impl Log {
    /// Appends a batch that was validated: one copy, then `patch`, then offset and epoch are set.
    ///
    /// `bytes` is exactly one batch of `batch.header.size_bytes()`; `patch` may change what
    /// validation found to change. Nothing of it is visible or written yet.
    pub fn append(
        &mut self,
        arena: &Arena,
        bytes: &[u8],
        batch: NewBatch<'_>,
        patch: impl FnOnce(&mut [u8]),
    ) -> Result<Appended, AppendError> {
        assert_eq!(bytes.len(), batch.header.size_bytes(), "exactly one batch");
        self.admit(bytes.len(), batch.now_ms)?;
        let header = self.placed(batch);
        let rolls = self.rolls(&header, batch.now_ms);
        let next = self.next_batch(&header, rolls, batch.now_ms);
        let reserved = self.tail.reserve(arena, next);
        let extent_bytes = reserved.map_err(|_| AppendError::NoMemory)?;
        self.tail.place(bytes.len()).copy_from_slice(bytes);
        Ok(self.complete(&header, rolls, batch.now_ms, extent_bytes, patch))
    }

    /// Appends a batch that was received in place: `chunk` holds it from `at` on, nothing of the
    /// chunk is sealed, and `at` is congruent to [`Log::next_position`] modulo 4,096.
    ///
    /// Gives the chunk back when the batch cannot be taken as it lies: the end of the log has
    /// moved meanwhile, or the batch begins a new segment. The caller then copies it by
    /// [`Log::append`], which also tells about errors.
    pub fn adopt(
        &mut self,
        chunk: ChunkMut,
        at: usize,
        batch: NewBatch<'_>,
        patch: impl FnOnce(&mut [u8]),
    ) -> Result<Appended, ChunkMut> {
        let size = batch.header.size_bytes();
        let header = self.placed(batch);
        let rolls = self.rolls(&header, batch.now_ms);
        let next = self.next_batch(&header, rolls, batch.now_ms);
        let fits = (at as u64) % 4096 == next.position % 4096 && chunk.capacity() >= at + size;
        if !fits || chunk.sealed() != 0 || self.admit(size, batch.now_ms).is_err() {
            return Err(chunk);
        }
        let extent_bytes = chunk.capacity();
        self.tail.adopt(chunk, at, next);
        Ok(self.complete(&header, rolls, batch.now_ms, extent_bytes, patch))
    }

    fn admit(&mut self, size: usize, now_ms: TimestampMs) -> Result<(), AppendError> {
        let max = (self.config.segment_bytes as usize).min(SEGMENT_BYTES_MAX);
        if size > max {
            return Err(AppendError::TooLarge { size, max });
        }
        match self.health {
            Health::Online => Ok(()),
            Health::Offline => Err(AppendError::Offline),
            Health::Full { since_ms } if now_ms - since_ms < FULL_RETRY_MS => {
                Err(AppendError::DiskFull)
            }
            Health::Full { .. } => {
                self.health = Health::Full { since_ms: now_ms };
                Ok(())
            }
        }
    }

    fn placed(&self, batch: NewBatch<'_>) -> BatchHeader {
        BatchHeader {
            base_offset: self.end.offset,
            leader_epoch: batch.leader_epoch,
            ..*batch.header
        }
    }

    fn rolls(&self, header: &BatchHeader, now_ms: TimestampMs) -> bool {
        let last_offset = header.last_offset();
        self.active()
            .should_roll(header, last_offset, &self.config, now_ms)
    }

    fn next_batch(&self, header: &BatchHeader, rolls: bool, now_ms: TimestampMs) -> NextBatch {
        let (segment_base, position) = match rolls {
            true => (self.end.offset, 0),
            false => (self.end.segment_base, u64::from(self.end.position)),
        };
        NextBatch {
            segment_base,
            position,
            base_offset: header.base_offset,
            size: header.size_bytes(),
            now_ms,
        }
    }

    /// The bytes lie in their place: stamps, seals and counts them.
    fn complete(
        &mut self,
        header: &BatchHeader,
        rolled: bool,
        now_ms: TimestampMs,
        extent_bytes: usize,
        patch: impl FnOnce(&mut [u8]),
    ) -> Appended {
        if rolled {
            self.roll(now_ms);
        }
        let place = self.tail.place(header.size_bytes());
        patch(place);
        stamp(place, header.base_offset, header.leader_epoch);
        self.tail.seal(header);
        self.on_appended(header);
        Appended {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            extent_bytes,
            rolled,
        }
    }

    /// Begins a new segment at the log's end.
    pub(super) fn roll(&mut self, now_ms: TimestampMs) {
        self.active_mut().index_max_timestamp();
        let mut segment = Segment::new(self.end.offset, now_ms);
        if !self.producers.is_empty() || !self.snapshots.is_empty() {
            segment.base_snapshot = Some(producer_snapshot::encode(&self.producers));
        }
        self.segments.push_back(segment);
        self.end = LogPoint::at_base(self.end.offset);
    }

    pub(super) fn on_appended(&mut self, header: &BatchHeader) {
        let size = header.size_bytes() as u32;
        let config = self.config.clone();
        self.active_mut().on_batch(header, size, &config);
        self.begin_epoch(header.leader_epoch);
        self.producers.append(header);
        self.end = LogPoint {
            segment_base: self.end.segment_base,
            offset: header.next_offset(),
            position: self.end.position + size,
            last_batch_position: self.end.position,
            last_batch_crc: header.crc,
        };
    }
}
