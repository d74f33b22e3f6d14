//! The metadata log on core 0: a log like any other, read whole at the start, with snapshots
//! beside it (kraft.md §8.2: a single voter, a new epoch for each run).

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::Shard;
use super::appends::AppendTicket;
use super::log_config::metadata_log_config;
use super::metadata_replay::replay;
use crate::config::BrokerConfig;
use crate::log::{DataDir, LoadedDir, Log, OpenError, OpenLog};
use crate::metadata::{CLUSTER_METADATA, Loader, ReplayError, SnapshotError, SnapshotFile};
use crate::model::{LeaderEpoch, Offset, PartitionId, TopicPartition, Uuid};
use crate::partition::{CommitRule, Partition};

/// The metadata log's partition.
pub(super) const METADATA_PARTITION: PartitionId = PartitionId {
    topic_id: Uuid::METADATA_TOPIC,
    index: 0,
};

/// The controller's state as the last run left it, ready for a new epoch.
pub struct MetadataBoot {
    pub(super) partition: Partition<AppendTicket>,
    pub(super) loader: Loader,
    /// The snapshots found, ascending.
    pub(super) snapshots: Vec<SnapshotFile>,
    /// Length of the log after the newest of them.
    pub(super) bytes_since_snapshot: u64,
    /// Whether the last run closed its logs.
    pub clean: bool,
    /// Topics that were deleted since the newest snapshot: what follows from that may not all be
    /// done.
    pub topics_deleted: BTreeSet<Uuid>,
}

/// The metadata log cannot be read: nothing can be served from this directory.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The log as such.
    #[error("the metadata log: {0}")]
    Open(#[from] OpenError),
    /// One of its files.
    #[error("the metadata log: {path}: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A snapshot.
    #[error("the metadata snapshot {path}: {source}")]
    Snapshot {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: SnapshotError,
    },
    /// Its batches.
    #[error("the metadata log: {0}")]
    Batches(#[from] crate::metadata::BatchesError),
    /// Records are missing between the newest snapshot, or the beginning, and the log's first.
    #[error("the metadata log: offset {expected} is missing, the next one there is {found}")]
    Gap {
        /// The first that is missing.
        expected: Offset,
        /// The first that is there.
        found: Offset,
    },
    /// The log's tail is missing: what would be written next would count as known already.
    #[error("the metadata log ends at {end}, before its newest snapshot, which ends at {snapshot}")]
    Behind {
        /// Where the log ends.
        end: Offset,
        /// Where the snapshot ends.
        snapshot: Offset,
    },
    /// Its records.
    #[error("the metadata log does not replay: {0}")]
    Replay(#[from] ReplayError),
}

/// Opens or begins the metadata log and replays it.
pub async fn open_metadata_log(
    dir: &DataDir,
    config: &Arc<BrokerConfig>,
    found: &LoadedDir,
) -> Result<MetadataBoot, MetadataError> {
    let name = metadata_name();
    let log = open(dir, config, found, &name).await?;
    let path = dir.path().join(name.to_string());
    let end = log.log_end();
    let replayed = dir.core().blocking(move || replay(&path, end)).await?;
    let image_epoch = replayed.loader.image().provenance.last_epoch;
    let epoch = log.last_leader_epoch().unwrap_or(0).max(image_epoch) + 1;
    let partition = Partition::lead(log, epoch, CommitRule::Durable);
    Ok(MetadataBoot {
        partition,
        loader: replayed.loader,
        snapshots: replayed.snapshots,
        bytes_since_snapshot: replayed.bytes,
        clean: found.clean,
        topics_deleted: replayed.topics_deleted,
    })
}

pub(super) fn metadata_name() -> TopicPartition {
    TopicPartition {
        topic: CLUSTER_METADATA.into(),
        partition: 0,
    }
}

async fn open(
    dir: &DataDir,
    config: &Arc<BrokerConfig>,
    found: &LoadedDir,
    name: &TopicPartition,
) -> Result<Log, OpenError> {
    let log_config = metadata_log_config(config);
    let now_ms = dir.core().now_ms();
    let wanted = OpenLog {
        name: name.clone(),
        topic_id: None,
        config: log_config.clone(),
        clean: found.clean,
        point: found.points.get(METADATA_PARTITION).copied(),
        recovery_point: found.recovery_points.get(name).copied().unwrap_or(0),
        log_start: found.log_starts.get(name).copied().unwrap_or(0),
        cleaned_to: found.cleaned.get(name).copied(),
        now_ms,
    };
    let opened = Log::open_many(dir, vec![wanted])
        .await
        .pop()
        .expect("one log, one answer");
    match opened {
        Ok(opened) => Ok(opened.log),
        Err(OpenError::Missing(_)) => Ok(Log::new(
            dir.path(),
            name.clone(),
            Uuid::METADATA_TOPIC,
            log_config,
            now_ms,
        )),
        Err(error) => Err(error),
    }
}

impl Shard {
    pub(super) fn install_metadata_log(&mut self, partition: Partition<AppendTicket>) {
        self.partitions.insert(METADATA_PARTITION, partition);
    }

    /// The end and the epoch of the metadata log: where the controller writes next.
    pub(super) fn metadata_position(&self) -> (Offset, LeaderEpoch) {
        let partition = &self.partitions[&METADATA_PARTITION];
        (partition.log().log_end(), partition.leader_epoch())
    }
}
