//! What cores say to each other: the one enum of calls a shard answers, and its replies.

use std::sync::Arc;

use crate::coordinator::group::answer::Answer;
use crate::coordinator::group::coordinator::{Call, ListedGroup};
use crate::log::{FileRange, FoundEntry, LoadedDir};
use crate::metadata::{Changes, MetadataImage};
use crate::model::{LeaderEpoch, Offset, PartitionId, TimestampMs};
use crate::partition::{PartitionError, Promise, Watcher};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::record::{BatchHeader, Validated};
use crate::sys::arena::{Chunk, ChunkMut};

use super::control::{ControlCall, ControlReply};
use super::groups::GroupFigures;
use super::journal_replay::{JournalError, JournalReport};
use super::topics::{LogPositions, OpenReport};

/// A slice in memory counts as at least so much of the arena.
const HELD_MIN: usize = 64 << 10;

/// What a shard is asked; each is answered by the reply of the same name.
#[derive(Debug)]
pub enum ShardCall {
    /// Append batches; answered when their promise is kept.
    Append(AppendCall),
    /// Read records of some partitions.
    Read(Vec<ReadRequest>),
    /// Tell the home core when one of these moves; no reply.
    Watch(WatchCall),
    /// The fetch has been answered; no reply.
    Unwatch(Watcher, Vec<PartitionId>),
    /// A watched partition moved; no reply.
    Fired(u64),
    /// Look offsets up.
    Offsets(Vec<OffsetQuery>),
    /// Where leader epochs end (KIP-101).
    EpochEnds(Vec<EpochQuery>),
    /// Move log starts up.
    DeleteRecords(Vec<(PartitionId, Offset)>),
    /// How large the partitions of this core are.
    Sizes,
    /// Open the logs of this core that were found on disk.
    Open(Arc<MetadataImage>, Arc<LoadedDir>),
    /// Bring these to the logs that were opened.
    Replay(Vec<FoundEntry>),
    /// Make durable what was brought, then lead the logs that were opened.
    Lead,
    /// Make the core's journal, with generations beyond this one; no reply.
    BeginJournal(u64),
    /// Where the logs of this core stand.
    Positions,
    /// A new image of the metadata.
    Publish(Publication),
    /// Something for the controller; core 0 only.
    Control(ControlCall),
    /// Something for the coordinator of a group, which this core has.
    Group(Call),
    /// The groups of this core.
    ListGroups(GroupFilter),
    /// What the coordinators of this core count.
    GroupFigures,
    /// Finish what is under way, then close the logs.
    Close,
}

/// What a shard answers.
#[derive(Debug)]
pub enum ShardReply {
    /// In the order of the call.
    Append(Vec<Result<AppendDone, PartitionError>>),
    /// In the order of the call.
    Read(Vec<Result<ReadDone, PartitionError>>),
    /// In the order of the call.
    Offsets(Vec<Result<OffsetFound, PartitionError>>),
    /// In the order of the call: epoch and its end, −1 and −1 if unknown.
    EpochEnds(Vec<Result<(LeaderEpoch, Offset), PartitionError>>),
    /// In the order of the call: the new log start.
    DeleteRecords(Vec<Result<Offset, PartitionError>>),
    /// Every partition of the core.
    Sizes(Vec<(PartitionId, u64)>),
    /// The image is in force on this core.
    Published,
    /// From the controller.
    Control(ControlReply),
    /// What was opened.
    Open(OpenReport),
    /// What the entries came to.
    Replayed(Result<JournalReport, JournalError>),
    /// All opened logs are led.
    Led(Result<(), JournalError>),
    /// Where the logs stand.
    Positions(Vec<LogPositions>),
    /// From a group's coordinator; the error if there is none here, or not yet.
    Group(Result<Answer, ErrorCode>),
    /// The groups of this core; the error if some are not loaded yet.
    Groups(Result<Vec<ListedGroup>, ErrorCode>),
    /// What the coordinators of this core count.
    GroupFigures(GroupFigures),
    /// All logs are closed.
    Closed(Vec<LogPositions>),
}

/// Which groups are wanted; empty lists mean all.
#[derive(Clone, Debug, Default)]
pub struct GroupFilter {
    /// In one of these states.
    pub states: Vec<String>,
    /// Of one of these types (KIP-848).
    pub kinds: Vec<String>,
}

/// Batches of one request for the partitions of one core.
#[derive(Debug)]
pub struct AppendCall {
    /// When to answer; `None` for acks=0: the reply comes as soon as the batches are taken.
    pub promise: Option<Promise>,
    /// In the order of the request.
    pub batches: Vec<AppendBatch>,
}

/// One validated batch.
#[derive(Debug)]
pub struct AppendBatch {
    /// Where it goes.
    pub partition: PartitionId,
    /// The batch's bytes; more may follow that are not part of it.
    pub bytes: BatchBytes,
    /// What validation found.
    pub validated: Validated,
}

/// A batch as it came from a connection.
#[derive(Debug)]
pub enum BatchBytes {
    /// A part of a request, to be copied into the log's tail. Any core's memory.
    Shared(Chunk),
    /// In memory of its own, of this core, received for the position where the log ended then.
    InPlace {
        /// The memory, nothing of it sealed.
        chunk: ChunkMut,
        /// Where the batch begins in it.
        at: usize,
    },
}

impl Default for BatchBytes {
    fn default() -> Self {
        Self::Shared(Chunk::empty())
    }
}

/// A batch has been appended, or was there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendDone {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// −1 unless the topic stamps records itself.
    pub log_append_time: TimestampMs,
    /// First offset that can be read.
    pub log_start: Offset,
}

/// What to read of one partition.
#[derive(Clone, Copy, Debug)]
pub struct ReadRequest {
    /// Which one.
    pub partition: PartitionId,
    /// From where on.
    pub offset: Offset,
    /// At most this much, but for the first batch.
    pub bytes_max: usize,
    /// What the client believes; −1 for no check.
    pub leader_epoch: LeaderEpoch,
    /// Epoch of the client's last record; −1 for no check (KIP-595).
    pub last_fetched_epoch: LeaderEpoch,
}

/// What was read.
#[derive(Debug)]
pub struct ReadDone {
    /// Consumers see what lies below.
    pub high_watermark: Offset,
    /// First offset that can be read.
    pub log_start: Offset,
    /// The records.
    pub data: ReadData,
    /// Where the client's last epoch really ended, if it has records that are not here.
    pub diverging: Option<(LeaderEpoch, Offset)>,
}

/// Where records are.
#[derive(Debug)]
pub enum ReadData {
    /// There are none.
    Empty,
    /// In this core's memory; readable on any core.
    Memory(Vec<Chunk>),
    /// In a segment's file.
    File(FileRange),
}

impl ReadData {
    /// How many bytes there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Memory(chunks) => chunks.iter().map(|chunk| chunk.len()).sum(),
            Self::File(range) => range.bytes as usize,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how much of a core's arena is kept from eviction by this: a slice keeps the whole
    /// run of batches that it is a part of.
    pub fn memory_held(&self) -> usize {
        match self {
            Self::Memory(chunks) => chunks.iter().map(|chunk| chunk.len().max(HELD_MIN)).sum(),
            Self::Empty | Self::File(_) => 0,
        }
    }

    /// Leaves at most `bytes_max` bytes, or none if not even the first batch fits.
    pub fn cut(&mut self, bytes_max: usize) {
        if self.len() <= bytes_max {
            return;
        }
        match self {
            Self::Empty => {}
            Self::Memory(chunks) if first_batch_bytes(chunks) <= bytes_max => {
                cut_chunks(chunks, bytes_max);
            }
            Self::File(range) if range.first_batch_bytes as usize <= bytes_max => {
                range.bytes = u32::try_from(bytes_max).expect("less than it was");
            }
            Self::Memory(_) | Self::File(_) => *self = Self::Empty,
        }
    }
}

fn first_batch_bytes(chunks: &[Chunk]) -> usize {
    let header = chunks.first().map(|first| BatchHeader::parse(first));
    match header {
        Some(Ok(header)) => header.size_bytes(),
        _ => unreachable!("memory holds whole batches"),
    }
}

fn cut_chunks(chunks: &mut Vec<Chunk>, bytes_max: usize) {
    let mut left = bytes_max;
    for chunk in chunks.iter_mut() {
        if chunk.len() > left {
            *chunk = chunk.slice(0..left);
        }
        left -= chunk.len();
    }
    chunks.retain(|chunk| !chunk.is_empty());
}

/// A fetch that waits for news.
#[derive(Debug)]
pub struct WatchCall {
    /// Who waits.
    pub watcher: Watcher,
    /// The partitions, with the high watermark that the fetch saw.
    pub seen: Vec<(PartitionId, Offset)>,
}

/// Which offset of a partition is wanted (ListOffsets).
#[derive(Clone, Copy, Debug)]
pub struct OffsetQuery {
    /// Of which partition.
    pub partition: PartitionId,
    /// What the client believes; −1 for no check.
    pub leader_epoch: LeaderEpoch,
    /// Which one.
    pub target: OffsetTarget,
}

/// The offsets that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetTarget {
    /// The first that can be read.
    Earliest,
    /// The high watermark.
    Latest,
    /// Of the record with the largest timestamp (KIP-734).
    MaxTimestamp,
    /// Of the first record at or after a time.
    Timestamp(TimestampMs),
    /// What was copied to tiered storage last: nothing, there is none (KIP-1005, KIP-1023).
    Tiered,
}

/// An offset, its record's timestamp and leader epoch; −1 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetFound {
    /// The offset.
    pub offset: Offset,
    /// The timestamp.
    pub timestamp: TimestampMs,
    /// The epoch in which the record was written.
    pub leader_epoch: LeaderEpoch,
}

impl OffsetFound {
    /// The answer where nothing is found; it is no error.
    pub const NOTHING: Self = Self {
        offset: -1,
        timestamp: -1,
        leader_epoch: -1,
    };
}

/// Where an epoch ends.
#[derive(Clone, Copy, Debug)]
pub struct EpochQuery {
    /// Of which partition.
    pub partition: PartitionId,
    /// What the client believes; −1 for no check.
    pub current_leader_epoch: LeaderEpoch,
    /// The epoch asked about.
    pub leader_epoch: LeaderEpoch,
}

/// A new image, as one core after the other takes it.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The whole.
    pub image: Arc<MetadataImage>,
    /// What is new in it.
    pub changes: Arc<Changes>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::record::BATCH_HEADER_BYTES;

    fn chunk(batch_bytes: usize, len: usize) -> Chunk {
        let mut bytes = vec![0; len];
        bytes[8..12].copy_from_slice(&(batch_bytes as i32 - 12).to_be_bytes());
        bytes[16] = 2;
        Chunk::from_vec(bytes)
    }

    fn cut(mut data: ReadData, bytes_max: usize) -> usize {
        data.cut(bytes_max);
        data.len()
    }

    #[test]
    fn a_cut_leaves_the_first_batch_whole_or_nothing() {
        let first = BATCH_HEADER_BYTES + 39;
        let data = || ReadData::Memory(vec![chunk(first, 150), chunk(first, 100)]);
        assert_eq!(cut(data(), 300), 250);
        assert_eq!(cut(data(), 200), 200);
        assert_eq!(cut(data(), 150), 150);
        assert_eq!(cut(data(), first), first);
        assert_eq!(cut(data(), first - 1), 0);
        assert_eq!(cut(ReadData::Empty, 0), 0);
    }
}
