//! The metadata log on core 0: a log like any other, read whole at the start, with snapshots
//! beside it (kraft.md §8.2: a single voter, a new epoch for each run).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Shard;
use super::appends::AppendTicket;
use super::log_config::metadata_log_config;
use crate::config::BrokerConfig;
use crate::log::{DataDir, LoadedDir, Log, OpenError, OpenLog};
use crate::metadata::{
    CLUSTER_METADATA, Loader, ReplayError, SnapshotError, SnapshotId, decode_batches,
    decode_snapshot,
};
use crate::model::{LeaderEpoch, Offset, PartitionId, TopicPartition, Uuid};
use crate::partition::{CommitRule, Partition};
use crate::protocol::record::Batches;

/// The metadata log's partition.
pub(super) const METADATA_PARTITION: PartitionId = PartitionId {
    topic_id: Uuid::METADATA_TOPIC,
    index: 0,
};

/// The controller's state as the last run left it, ready for a new epoch.
pub struct MetadataBoot {
    pub(super) partition: Partition<AppendTicket>,
    pub(super) loader: Loader,
    /// Whether the last run closed its logs.
    pub clean: bool,
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
    let loader = dir.core().blocking(move || replay(&path, end)).await?;
    let image_epoch = loader.image().provenance.last_epoch;
    let epoch = log.last_leader_epoch().unwrap_or(0).max(image_epoch) + 1;
    let partition = Partition::lead(log, epoch, CommitRule::Durable);
    Ok(MetadataBoot {
        partition,
        loader,
        clean: found.clean,
    })
}

fn metadata_name() -> TopicPartition {
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

/// The newest snapshot and every batch after it, below the log's end. Blocks.
fn replay(dir: &Path, end: Offset) -> Result<Loader, MetadataError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| MetadataError::Io { path, source }
    };
    if !dir.exists() {
        return Ok(Loader::default());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed(dir))? {
        let name = entry.map_err(failed(dir))?.file_name();
        names.extend(name.into_string().ok());
    }
    names.sort();
    let mut loader = newest_snapshot(dir, &names)?;
    for name in names.iter().filter(|name| name.ends_with(".log")) {
        let path = dir.join(name);
        let bytes = fs::read(&path).map_err(failed(&path))?;
        replay_segment(&mut loader, &bytes, end)?;
    }
    Ok(loader)
}

fn newest_snapshot(dir: &Path, names: &[String]) -> Result<Loader, MetadataError> {
    let snapshots = names
        .iter()
        .filter_map(|name| SnapshotId::parse(name).map(|id| (id, name)));
    let Some((id, name)) = snapshots.max_by_key(|(id, _)| (id.end_offset, id.epoch)) else {
        return Ok(Loader::default());
    };
    let path = dir.join(name);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(MetadataError::Io { path, source }),
    };
    match decode_snapshot(&bytes, id) {
        Ok(image) => Ok(Loader::new(image)),
        Err(source) => Err(MetadataError::Snapshot { path, source }),
    }
}

fn replay_segment(loader: &mut Loader, bytes: &[u8], end: Offset) -> Result<(), MetadataError> {
    for batch in Batches::new(bytes) {
        let known = batch.header.last_offset() <= loader.image().provenance.last_offset;
        if batch.header.base_offset >= end {
            break;
        }
        if !known || loader.in_transaction() {
            for decoded in decode_batches(batch.bytes)? {
                loader.apply(&decoded)?;
            }
        }
    }
    Ok(())
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
