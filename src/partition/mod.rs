//! One partition as its leader sees it: its log, its high watermark, and who waits for it.
//!
//! Nothing here waits: a borrow of a partition begins and ends inside one call. What touches the
//! disk is planned by the log, run by the shard, and brought back.

mod error;
mod purgatory;

pub use error::PartitionError;
pub use purgatory::{Promise, Purgatory};

use crate::log::{Appended, Log, NewBatch, Sequence, Status};
use crate::model::{CoreId, LeaderEpoch, Offset, TimestampMs};
use crate::protocol::record::{BatchHeader, NO_TIMESTAMP};
use crate::sys::arena::{Arena, ChunkMut};

/// Which end of the log consumers may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitRule {
    /// What is on stable storage: `klamm.flush=durable`, and always the metadata log.
    Durable,
    /// What is written to the file: `klamm.flush=written`.
    Written,
}

/// A fetch that waits on some core for this partition to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Watcher {
    /// The core whose connection waits.
    pub home: CoreId,
    /// That core's number for the fetch.
    pub fetch: u64,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset after its last record.
    pub end_offset: Offset,
    /// What the response says as LogAppendTimeMs; −1 unless the topic stamps records itself.
    pub log_append_time: TimestampMs,
    /// Bytes newly taken from the core's arena.
    pub extent_bytes: usize,
}

/// What became of a batch that was received in place.
#[derive(Debug)]
pub enum Adoption {
    /// The log has it, or had it already.
    Placed(Placed),
    /// The log ends elsewhere than it did: the memory back, the batch is to be copied.
    Moved(ChunkMut),
}

/// One partition, owned by its core. `W` is how the shard answers a waiting producer.
#[derive(Debug)]
pub struct Partition<W> {
    log: Log,
    leader_epoch: LeaderEpoch,
    high_watermark: Offset,
    commit_rule: CommitRule,
    producers: Purgatory<W>,
    watchers: Vec<Watcher>,
}

impl<W> Partition<W> {
    /// Takes the lead of a log: on one node everything that survived is committed.
    pub fn lead(log: Log, leader_epoch: LeaderEpoch, commit_rule: CommitRule) -> Self {
        let high_watermark = match commit_rule {
            CommitRule::Durable => log.durable_end(),
            CommitRule::Written => log.written_end(),
        };
        Self {
            log,
            leader_epoch,
            high_watermark,
            commit_rule,
            producers: Purgatory::default(),
            watchers: Vec::new(),
        }
    }

    /// The log, to plan with.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The log, to bring results back.
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Gives up the log for deletion; everybody who waits is handed back.
    pub fn into_log(mut self) -> (Log, Vec<W>, Vec<Watcher>) {
        (
            self.log,
            self.producers.take_all(),
            std::mem::take(&mut self.watchers),
        )
    }

    /// Which end of the log consumers may see.
    pub fn commit_rule(&self) -> CommitRule {
        self.commit_rule
    }

    /// The current leader epoch.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// Takes a later leader epoch from the metadata.
    pub fn set_leader_epoch(&mut self, leader_epoch: LeaderEpoch) {
        assert!(
            leader_epoch >= self.leader_epoch,
            "leader epochs never go back"
        );
        self.leader_epoch = leader_epoch;
    }

    /// Consumers see what lies below.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Checks the epoch that a client believes in (KIP-320); −1 asks for no check.
    pub fn check_epoch(&self, claimed: LeaderEpoch) -> Result<(), PartitionError> {
        match claimed {
            -1 => Ok(()),
            claimed if claimed < self.leader_epoch => Err(PartitionError::FencedLeaderEpoch),
            claimed if claimed > self.leader_epoch => Err(PartitionError::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// Appends a validated batch, or finds that it is there already (KIP-98).
    ///
    /// `bytes` is exactly the batch; `patch` sets what validation found to set.
    pub fn append(
        &mut self,
        arena: &Arena,
        bytes: &[u8],
        header: &BatchHeader,
        now_ms: TimestampMs,
        patch: impl FnOnce(&mut [u8]),
    ) -> Result<Placed, PartitionError> {
        if let Some(placed) = self.duplicate(header)? {
            return Ok(placed);
        }
        let batch = self.new_batch(header, now_ms);
        let appended = self.log.append(arena, bytes, batch, patch)?;
        Ok(Placed::appended(header, appended))
    }

    /// As [`Partition::append`] for a batch that was received in place: `chunk` holds it from `at`
    /// on, nothing of the chunk is sealed. No copy.
    pub fn adopt(
        &mut self,
        chunk: ChunkMut,
        at: usize,
        header: &BatchHeader,
        now_ms: TimestampMs,
        patch: impl FnOnce(&mut [u8]),
    ) -> Result<Adoption, PartitionError> {
        if let Some(placed) = self.duplicate(header)? {
            return Ok(Adoption::Placed(placed));
        }
        let batch = self.new_batch(header, now_ms);
        Ok(match self.log.adopt(chunk, at, batch, patch) {
            Ok(appended) => Adoption::Placed(Placed::appended(header, appended)),
            Err(chunk) => Adoption::Moved(chunk),
        })
    }

    fn duplicate(&self, header: &BatchHeader) -> Result<Option<Placed>, PartitionError> {
        Ok(match self.log.check_producer(header)? {
            Sequence::New => None,
            Sequence::Duplicate {
                base_offset,
                last_offset,
                timestamp,
            } => Some(Placed::duplicate(
                header,
                base_offset,
                last_offset,
                timestamp,
            )),
        })
    }

    fn new_batch<'a>(&self, header: &'a BatchHeader, now_ms: TimestampMs) -> NewBatch<'a> {
        NewBatch {
            header,
            leader_epoch: self.leader_epoch,
            now_ms,
        }
    }

    /// Whether a batch that ends at `end` has come as far as `promise` says.
    pub fn keeps(&self, promise: Promise, end: Offset) -> bool {
        match promise {
            Promise::Written => self.log.written_end() >= end,
            Promise::Committed => self.high_watermark >= end,
        }
    }

    /// Parks a producer until [`Partition::keeps`] is true of its batch.
    pub fn park(&mut self, promise: Promise, end: Offset, waiter: W) {
        self.producers.park(promise, end, waiter);
    }

    /// Reacts to a write or a sync: moves the high watermark, hands out who is to be answered.
    pub fn on_progress(&mut self) -> Progress<W> {
        let committed_end = match self.commit_rule {
            CommitRule::Durable => self.log.durable_end(),
            CommitRule::Written => self.log.written_end(),
        };
        let moved = committed_end > self.high_watermark;
        self.high_watermark = self.high_watermark.max(committed_end);
        let mut answered = self.producers.take_written(self.log.written_end());
        answered.extend(self.producers.take_committed(self.high_watermark));
        let woken = if moved {
            std::mem::take(&mut self.watchers)
        } else {
            Vec::new()
        };
        Progress { answered, woken }
    }

    /// Reacts to a failed write or sync: everybody who waits is to be told.
    pub fn on_failure(&mut self) -> Progress<W> {
        let answered = self.producers.take_all();
        Progress {
            answered,
            woken: std::mem::take(&mut self.watchers),
        }
    }

    /// Whether the log takes appends.
    pub fn is_online(&self) -> bool {
        self.log.status() != Status::Offline
    }

    /// Registers a fetch that saw `seen` as high watermark; false if there is news already.
    pub fn watch(&mut self, watcher: Watcher, seen: Offset) -> bool {
        let waits = self.high_watermark <= seen && self.is_online();
        if waits {
            self.watchers.push(watcher);
        }
        waits
    }

    /// Forgets a fetch that has been answered.
    pub fn unwatch(&mut self, watcher: Watcher) {
        if let Some(at) = self.watchers.iter().position(|other| *other == watcher) {
            self.watchers.swap_remove(at);
        }
    }
}

/// Who is to be told after a partition moved.
#[derive(Debug)]
#[must_use = "somebody waits for it"]
pub struct Progress<W> {
    /// Producers whose promise is kept, or broken for good.
    pub answered: Vec<W>,
    /// Fetches that may find something now.
    pub woken: Vec<Watcher>,
}

impl Placed {
    fn appended(header: &BatchHeader, appended: Appended) -> Self {
        Self {
            base_offset: appended.base_offset,
            end_offset: appended.last_offset + 1,
            log_append_time: log_append_time(header, header.max_timestamp),
            extent_bytes: appended.extent_bytes,
        }
    }

    fn duplicate(
        header: &BatchHeader,
        base_offset: Offset,
        last_offset: Offset,
        timestamp: TimestampMs,
    ) -> Self {
        Self {
            base_offset,
            end_offset: last_offset + 1,
            log_append_time: log_append_time(header, timestamp),
            extent_bytes: 0,
        }
    }
}

fn log_append_time(header: &BatchHeader, stamped: TimestampMs) -> TimestampMs {
    use crate::protocol::record::TimestampType;
    match header.timestamp_type() {
        TimestampType::LogAppendTime => stamped,
        TimestampType::CreateTime => NO_TIMESTAMP,
    }
}
