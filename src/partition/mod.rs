//! One partition as its leader sees it: its log, its high watermark, and who waits for it.
//!
//! Nothing here waits: a borrow of a partition begins and ends inside one call. What touches the
//! disk is planned by the log, run by the shard, and brought back.

mod error;
mod purgatory;

pub use error::PartitionError;
pub use purgatory::{Promise, Purgatory};

use crate::log::{Appended, Log, NewBatch, Sequence, SequenceError, Status};
use crate::model::{CoreId, LeaderEpoch, Offset, TimestampMs};
use crate::protocol::record::{BatchHeader, NO_TIMESTAMP};
use crate::sys::arena::{Arena, ChunkMut};

/// Which end of the log consumers may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitRule {
    /// What is on stable storage: `klamm.flush=durable`, and always the metadata log.
    Durable,
    /// What is written to the segment or to the journal: `klamm.flush=written`.
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
    /// The first offset that a full disk has dropped since somebody asked.
    dropped_from: Option<Offset>,
}

impl<W> Partition<W> {
    /// Takes the lead of a log: on one node everything that survived is committed.
    pub fn lead(mut log: Log, leader_epoch: LeaderEpoch, commit_rule: CommitRule) -> Self {
        let high_watermark = match commit_rule {
            CommitRule::Durable => log.durable_end(),
            CommitRule::Written => log.written_end(),
        };
        log.begin_epoch(leader_epoch);
        Self {
            log,
            leader_epoch,
            high_watermark,
            commit_rule,
            producers: Purgatory::default(),
            watchers: Vec::new(),
            dropped_from: None,
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
        self.log.begin_epoch(leader_epoch);
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
        self.check_online()?;
        if let Some(placed) = self.duplicate(header, now_ms)? {
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
        self.check_online()?;
        if let Some(placed) = self.duplicate(header, now_ms)? {
            return Ok(Adoption::Placed(placed));
        }
        let batch = self.new_batch(header, now_ms);
        Ok(match self.log.adopt(chunk, at, batch, patch) {
            Ok(appended) => Adoption::Placed(Placed::appended(header, appended)),
            Err(chunk) => Adoption::Moved(chunk),
        })
    }

    fn duplicate(
        &self,
        header: &BatchHeader,
        now_ms: TimestampMs,
    ) -> Result<Option<Placed>, PartitionError> {
        Ok(match self.check_producer(header, now_ms)? {
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

    /// Where the batch stands in its producer's sequence.
    ///
    /// What a full disk dropped leaves gaps that are not the producer's fault: told that the
    /// storage failed, it sends everything again in its order. A producer that is not known may
    /// otherwise begin anywhere; here its first batch may be among those that were dropped.
    fn check_producer(
        &self,
        header: &BatchHeader,
        now_ms: TimestampMs,
    ) -> Result<Sequence, PartitionError> {
        let checked = self.log.check_producer(header);
        if !self.log.was_full_lately(now_ms) {
            return Ok(checked?);
        }
        let begins_late = header.has_producer()
            && header.base_sequence > 0
            && !self.log.knows_producer(header.producer_id);
        match checked {
            Err(SequenceError::OutOfOrder { .. }) => Err(PartitionError::Storage),
            Ok(_) if begins_late => Err(PartitionError::Storage),
            other => Ok(other?),
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

    /// Reacts to a full disk: those whose batches were dropped, at and beyond `dropped_from`, are
    /// to be told. What was written before stays promised; the next sync answers it.
    pub fn on_disk_full(&mut self, dropped_from: Offset) -> Progress<W> {
        let before = self.dropped_from.unwrap_or(dropped_from);
        self.dropped_from = Some(before.min(dropped_from));
        Progress {
            answered: self.producers.take_beyond(dropped_from),
            woken: Vec::new(),
        }
    }

    /// From which offset on a full disk has dropped appends since this was asked last; others may
    /// be there by now.
    pub fn take_dropped(&mut self) -> Option<Offset> {
        self.dropped_from.take()
    }

    /// Reacts to a failed write or sync: everybody who waits is to be told.
    pub fn on_failure(&mut self) -> Progress<W> {
        let answered = self.producers.take_all();
        Progress {
            answered,
            woken: std::mem::take(&mut self.watchers),
        }
    }

    /// Refuses everything once a write or a sync has failed, reads too, as Kafka does: what of the
    /// log is on the disk is not known, and a duplicate would wait for a sync that never comes.
    pub fn check_online(&self) -> Result<(), PartitionError> {
        match self.is_online() {
            true => Ok(()),
            false => Err(PartitionError::Storage),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Failed, FlushError, LogConfig, Stage};
    use crate::model::{TopicPartition, Uuid};
    use crate::protocol::record::{BatchBuilder, BatchSpec, RecordParts};
    use std::path::Path;
    use std::sync::Arc;

    fn partition() -> Partition<&'static str> {
        let name = TopicPartition {
            topic: "t".into(),
            partition: 0,
        };
        let config = Arc::new(LogConfig::default());
        let log = Log::new(Path::new("data"), name, Uuid::ZERO, config, 0);
        Partition::lead(log, 0, CommitRule::Durable)
    }

    /// One record of producer 7.
    fn append(
        partition: &mut Partition<&'static str>,
        arena: &Arena,
        base_sequence: i32,
        now_ms: TimestampMs,
    ) -> Result<Offset, PartitionError> {
        let mut builder = BatchBuilder::new(BatchSpec {
            producer_id: 7,
            producer_epoch: 0,
            base_sequence,
            ..BatchSpec::default()
        });
        builder.append(now_ms, &RecordParts::default());
        let bytes = builder.build();
        let header = BatchHeader::parse(&bytes).unwrap();
        let placed = partition.append(arena, &bytes, &header, now_ms, |_| {});
        placed.map(|placed| placed.base_offset)
    }

    fn fill_the_disk(partition: &mut Partition<&'static str>, arena: &Arena, now_ms: TimestampMs) {
        drop(partition.log_mut().plan_flush(arena).unwrap());
        let error = FlushError {
            path: "data/t-0".into(),
            source: std::io::ErrorKind::StorageFull.into(),
            stage: Stage::Space,
        };
        let failed = partition.log_mut().on_failed(&error, now_ms);
        assert_eq!(failed, Failed::DiskFull { dropped_from: 0 });
    }

    #[test]
    fn what_is_offline_refuses_everything_duplicates_too() {
        let (mut partition, arena) = (partition(), Arena::new(1 << 20).unwrap());
        assert_eq!(append(&mut partition, &arena, 0, 0), Ok(0));
        drop(partition.log_mut().plan_flush(&arena).unwrap());
        let error = FlushError {
            path: "data/t-0".into(),
            source: std::io::ErrorKind::Other.into(),
            stage: Stage::Write,
        };
        let failed = partition.log_mut().on_failed(&error, 0);
        assert_eq!(failed, Failed::Offline);
        for sequence in [0, 1] {
            let refused = append(&mut partition, &arena, sequence, 1);
            assert_eq!(refused, Err(PartitionError::Storage));
        }
        assert_eq!(partition.check_online(), Err(PartitionError::Storage));
    }

    #[test]
    fn an_epoch_that_never_wrote_has_an_end() {
        let mut partition = partition();
        assert_eq!(partition.log().end_offset_for_epoch(0), (0, 0));
        partition.set_leader_epoch(4);
        assert_eq!(partition.log().end_offset_for_epoch(4), (4, 0));
        assert_eq!(partition.log().end_offset_for_epoch(2), (2, 0));
        assert_eq!(partition.log().end_offset_for_epoch(5), (-1, -1));
    }

    #[test]
    fn a_full_disk_breaks_the_promises_of_what_was_dropped_only() {
        let mut partition = partition();
        partition.park(Promise::Committed, 5, "written");
        partition.park(Promise::Committed, 6, "dropped");
        partition.park(Promise::Written, 7, "dropped too");
        let watcher = Watcher { home: 0, fetch: 1 };
        assert!(partition.watch(watcher, 0));
        let progress = partition.on_disk_full(5);
        assert_eq!(progress.answered, ["dropped too", "dropped"]);
        assert!(progress.woken.is_empty(), "there is nothing new to read");
        let progress = partition.on_failure();
        assert_eq!(progress.answered, ["written"]);
        assert_eq!(progress.woken, [watcher]);
    }

    #[test]
    fn a_producer_goes_on_where_the_full_disk_dropped_its_batches() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut partition = partition();
        for sequence in 0..3 {
            assert_eq!(
                append(&mut partition, &arena, sequence, 0),
                Ok(sequence.into())
            );
        }
        fill_the_disk(&mut partition, &arena, 100);
        // Already on their way when the first ones failed.
        for sequence in 3..5 {
            let refused = append(&mut partition, &arena, sequence, 200);
            assert_eq!(refused, Err(PartitionError::Storage));
        }
        let refused = append(&mut partition, &arena, 0, 200);
        assert_eq!(refused, Err(PartitionError::Storage));
        // A second later one batch tries; a gap is still not the producer's fault.
        let refused = append(&mut partition, &arena, 4, 1_200);
        assert_eq!(refused, Err(PartitionError::Storage));
        assert_eq!(append(&mut partition, &arena, 0, 1_200), Ok(0));
        let refused = append(&mut partition, &arena, 1, 1_200);
        assert_eq!(refused, Err(PartitionError::Storage));
        fill_the_disk(&mut partition, &arena, 1_300);
        assert_eq!(append(&mut partition, &arena, 0, 2_300), Ok(0));
    }
}
