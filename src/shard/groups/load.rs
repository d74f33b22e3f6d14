//! A coordinator's state from its partition's log, in stretches, beside everything else the core
//! does.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::super::group_config::group_config;
use super::super::message::{ReadData, ReadRequest};
use super::super::{CoreGone, Owned, Shards};
use super::Host;
use super::figures::LOAD_SLOW;
use super::topics::ImageTopics;
use crate::coordinator::group::coordinator::{Coordinator, Walk, Write};
use crate::coordinator::group::offsets::NO_PRODUCER;
use crate::coordinator::group::record::{Decoded, GroupRecord, RecordError};
use crate::metadata::Changes;
use crate::model::{Offset, PartitionId, Uuid};
use crate::partition::PartitionError;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::record::{
    Batch, BatchError, BatchHeader, Batches, Codec, CompressionError, ControlRecord, Records,
    decompress,
};

/// So much is read at once; a single batch may be larger.
const STRETCH_BYTES: usize = 2 << 20;
/// A compressed batch of ours may hold so much; Kafka's own are a hundredth of it.
const PLAIN_BYTES_MAX: usize = 256 << 20;

/// So often a load offers a write while there is no memory, and waits so long in between.
const APPEND_TRIES: usize = 50;
const APPEND_AGAIN: Duration = Duration::from_millis(100);

/// A log from which no coordinator can be made.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Partition(#[from] PartitionError),
    #[error(transparent)]
    CoreGone(#[from] CoreGone),
    #[error("reading it: {0}")]
    Io(#[from] std::io::Error),
    #[error("a batch after offset {after}: {error}")]
    Batch { after: Offset, error: BatchError },
    #[error("the batch at offset {base}: {error}")]
    Compression {
        base: Offset,
        error: CompressionError,
    },
    #[error("at offset {offset}: {error}")]
    Record { offset: Offset, error: RecordError },
    #[error("it ends at {reached} instead of {end}")]
    Short { reached: Offset, end: Offset },
}

/// What was read.
#[derive(Debug, Default)]
struct Loaded {
    records: u64,
    bytes: u64,
    /// Records of kinds that are not known: share and streams groups, or a later Kafka's.
    unknown: u64,
}

impl Owned {
    /// Takes up the coordinator of a partition that this core leads. One without records answers
    /// at once.
    pub(super) fn host_group(
        &self,
        shards: &Shards,
        partition: PartitionId,
        changes: Arc<Changes>,
    ) {
        let coordinator = {
            let state = self.state.borrow();
            Coordinator::new(group_config(&state.config, &state.image))
        };
        let (start, end) = {
            let state = self.state.borrow();
            let log = state.partitions[&partition].log();
            (log.log_start(), log.log_end())
        };
        let mut hosted = self.groups.hosted.borrow_mut();
        if start == end {
            let host = Host::Ready(Box::new(coordinator));
            hosted.hosts.insert(partition, host);
            drop(hosted);
            return self.configure_groups(partition);
        }
        let deleted = HashSet::new();
        hosted.hosts.insert(partition, Host::Loading { deleted });
        let (owned, shards) = (self.clone(), shards.clone());
        let begun = self.core.monotonic();
        self.groups.loads.borrow_mut().begin(begun);
        self.core.spawn(async move {
            let deleted = &changes.topics_deleted_before;
            owned
                .load(&shards, partition, coordinator, start..end, deleted)
                .await;
            owned.on_loaded(begun);
        });
    }

    async fn load(
        &self,
        shards: &Shards,
        partition: PartitionId,
        mut coordinator: Coordinator,
        range: Range<Offset>,
        deleted_before: &BTreeSet<Uuid>,
    ) {
        let begun = self.core.monotonic();
        let loaded = self.read_groups(shards, partition, &mut coordinator, range);
        let host = match loaded.await {
            Ok(loaded) => {
                let took = begun.elapsed();
                let level = match took > LOAD_SLOW {
                    true => log::Level::Info,
                    false => log::Level::Debug,
                };
                log::log!(
                    level,
                    "{partition}: {} records of groups ({} bytes, {} of unknown kinds) in {took:.1?}",
                    loaded.records,
                    loaded.bytes,
                    loaded.unknown,
                );
                self.forget_lost(partition, &mut coordinator, deleted_before)
                    .await;
                Host::Ready(Box::new(coordinator))
            }
            Err(error) => {
                log::error!("{partition}: its groups cannot be loaded: {error}");
                Host::Failed
            }
        };
        let mut hosted = self.groups.hosted.borrow_mut();
        // Its topic may have been deleted meanwhile.
        let Some(Host::Loading { deleted }) = hosted.hosts.remove(&partition) else {
            return;
        };
        hosted.hosts.insert(partition, host);
        drop(hosted);
        self.configure_groups(partition);
        self.act(partition, |coordinator, _, now_ms| {
            coordinator.begin(now_ms)
        });
        self.act(partition, |coordinator, _, _| {
            coordinator.forget_topics(&deleted)
        });
    }

    /// Lets go offsets of topics that are not there any more, before anybody can ask for them. The
    /// metadata that is asked is whole: the first that a core takes is of the end of its log.
    pub(super) async fn forget_lost(
        &self,
        partition: PartitionId,
        coordinator: &mut Coordinator,
        deleted: &BTreeSet<Uuid>,
    ) {
        let (mut walk, mut count) = (Some(Walk::default()), 0);
        while let Some(from) = walk.take() {
            let image = self.state.borrow().image.clone();
            let (turn, next) = coordinator.forget_lost(&from, &ImageTopics(&image), deleted);
            for write in turn.writes {
                let now_ms = self.core.now_ms();
                match self.append_patiently(partition, &write).await {
                    Ok(base) => {
                        count += write.records.len();
                        coordinator.appended(write, base, now_ms);
                    }
                    Err(error) => {
                        // They stay until the next start.
                        log::error!("{partition}: offsets of topics that are gone stay: {error:?}");
                        let refused = coordinator.refused(write, error, now_ms);
                        assert!(refused.answers.is_empty(), "nobody could ask anything yet");
                        return;
                    }
                }
            }
            walk = next;
            self.core.breathe().await;
        }
        if count > 0 {
            log::info!("{partition}: let {count} offsets of topics go that are gone");
        }
    }

    /// Upkeep may not use the reserve of memory, and can wait: nobody can ask anything yet.
    async fn append_patiently(
        &self,
        partition: PartitionId,
        write: &Write,
    ) -> Result<Offset, ErrorCode> {
        let mut tries_left = APPEND_TRIES;
        loop {
            tries_left -= 1;
            match self.append_group_records(partition, write) {
                Err(ErrorCode::CoordinatorNotAvailable) if tries_left > 0 => {
                    self.core.sleep(APPEND_AGAIN).await;
                }
                appended => return appended,
            }
        }
    }

    async fn read_groups(
        &self,
        shards: &Shards,
        partition: PartitionId,
        coordinator: &mut Coordinator,
        range: Range<Offset>,
    ) -> Result<Loaded, LoadError> {
        let mut loaded = Loaded::default();
        let mut offset = range.start;
        while offset < range.end {
            let Some(bytes) = self.stretch(shards, partition, offset).await? else {
                // Compaction has left nothing beyond.
                break;
            };
            loaded.bytes += bytes.len() as u64;
            let after = offset;
            let mut batches = Batches::new(&bytes);
            for batch in &mut batches {
                self.replay_batch(coordinator, &batch, &mut loaded).await?;
                offset = batch.header.last_offset() + 1;
            }
            match batches.stopped_by() {
                // Cut off where the stretch ends.
                None | Some(BatchError::Truncated { .. }) => {}
                Some(error) => return Err(LoadError::Batch { after, error }),
            }
            if offset == after {
                let end = range.end;
                return Err(LoadError::Short {
                    reached: offset,
                    end,
                });
            }
        }
        Ok(loaded)
    }

    /// The bytes of batches from the one with `offset` on; the last may be cut off. `None` if there
    /// are none.
    async fn stretch(
        &self,
        shards: &Shards,
        partition: PartitionId,
        offset: Offset,
    ) -> Result<Option<Vec<u8>>, LoadError> {
        let request = ReadRequest {
            partition,
            offset,
            bytes_max: STRETCH_BYTES,
            leader_epoch: -1,
            last_fetched_epoch: -1,
        };
        let mut answers = shards.read(self.core.id(), vec![request]).await?;
        let done = answers.pop().expect("an answer for each partition")?;
        Ok(match done.data {
            ReadData::Empty => None,
            ReadData::Memory(chunks) => {
                let chunks: Vec<&[u8]> = chunks.iter().map(|chunk| &**chunk).collect();
                Some(chunks.concat())
            }
            ReadData::File(range) => {
                let file = self.core.disk().reader(&range.file);
                Some(file.read_vec(range.bytes as usize, range.position).await?)
            }
        })
    }

    async fn replay_batch(
        &self,
        coordinator: &mut Coordinator,
        batch: &Batch<'_>,
        loaded: &mut Loaded,
    ) -> Result<(), LoadError> {
        let header = batch.header;
        let plain;
        let body = match header.attributes.codec() {
            Ok(Codec::None) => batch.body(),
            codec => {
                let codec = codec.expect("a batch in the log was validated");
                let base = header.base_offset;
                let error = |error| LoadError::Compression { base, error };
                plain = decompress(codec, batch.body(), PLAIN_BYTES_MAX).map_err(error)?;
                &plain
            }
        };
        let now_ms = self.core.now_ms();
        for record in Records::new(header, body) {
            let after = header.base_offset;
            let record = record.map_err(|error| LoadError::Batch { after, error })?;
            loaded.records += 1;
            if header.attributes.is_control() {
                end_transaction(coordinator, &header, ControlRecord::parse(&record));
                continue;
            }
            let Some(key) = record.key else { continue };
            let offset = record.offset;
            match GroupRecord::decode(key, record.value) {
                Ok(Decoded::Record(record)) => {
                    coordinator.load(offset, producer_of(&header), &record, now_ms);
                }
                Ok(Decoded::UnknownType(_)) => loaded.unknown += 1,
                Err(error) => return Err(LoadError::Record { offset, error }),
            }
            if loaded.records.is_multiple_of(64) {
                self.core.breathe().await;
            }
        }
        Ok(())
    }
}

fn end_transaction(
    coordinator: &mut Coordinator,
    header: &BatchHeader,
    marker: Option<ControlRecord<'_>>,
) {
    match marker {
        Some(ControlRecord::Commit { .. }) => coordinator.load_end(header.producer_id, true),
        Some(ControlRecord::Abort { .. }) => coordinator.load_end(header.producer_id, false),
        _ => {}
    }
}

fn producer_of(header: &BatchHeader) -> i64 {
    match header.attributes.is_transactional() {
        true => header.producer_id,
        false => NO_PRODUCER,
    }
}
