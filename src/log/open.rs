use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::cleaner;
use super::config::LogConfig;
use super::data_dir::DataDir;
use super::directory;
use super::durable_points::DurablePoint;
use super::log::Log;
use super::names::{self, SegmentFile};
use super::recovery::{self, Recovery};
use crate::model::{Offset, TimestampMs, TopicPartition, Uuid};

/// A log to open, and what the data directory says of it.
#[derive(Clone, Debug)]
pub struct OpenLog {
    /// The partition, by its directory's name.
    pub name: TopicPartition,
    /// The topic's id; `None` takes whatever `partition.metadata` says.
    pub topic_id: Option<Uuid>,
    /// What the log keeps to.
    pub config: Arc<LogConfig>,
    /// Whether the last run closed its logs ([`LoadedDir::clean`](super::LoadedDir::clean)).
    pub clean: bool,
    /// klamm's durable point; `None` only costs time.
    pub point: Option<DurablePoint>,
    /// Kafka's recovery point, 0 if there is none.
    pub recovery_point: Offset,
    /// The start offset of the checkpoint, 0 if there is none.
    pub log_start: Offset,
    /// Up to where the log is compacted, by Kafka's checkpoint; `None` if it does not say.
    pub cleaned_to: Option<Offset>,
    /// The wall clock.
    pub now_ms: TimestampMs,
}

/// An open log and what it took.
#[derive(Debug)]
pub struct Opened {
    /// The log; all of it is durable, nothing in memory.
    pub log: Log,
    /// What was read, cut and removed.
    pub recovery: Recovery,
}

/// A log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no directory: [`Log::new`] makes one with its first flush.
    #[error("{0} does not exist")]
    Missing(PathBuf),
    /// The directory belongs to another topic of the same name: not to be served, nor removed
    /// without asking (Kafka calls it stray).
    #[error("{path} belongs to topic id {found}, not to {wanted}")]
    TopicId {
        /// The directory.
        path: PathBuf,
        /// The id in its `partition.metadata`.
        found: Uuid,
        /// The id asked for.
        wanted: Uuid,
    },
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl Log {
    /// Opens logs on a pool thread, one after the other; after a crash what was read is synced
    /// before any of them is given out, so that all of it is durable.
    ///
    /// Some hundred logs a call are a good measure: several calls run side by side.
    pub async fn open_many(dir: &DataDir, logs: Vec<OpenLog>) -> Vec<Result<Opened, OpenError>> {
        let path = dir.path().to_owned();
        let open = move || -> Vec<_> { logs.iter().map(|log| open(&path, log)).collect() };
        let mut opened = dir.core().blocking(open).await;
        let recovered =
            |opened: &Result<Opened, _>| matches!(opened, Ok(one) if !one.recovery.clean);
        if opened.iter().any(recovered)
            && let Err(error) = dir.core().disk().sync_file_system(dir.path()).await
        {
            for one in opened.iter_mut().filter(|one| recovered(one)) {
                *one = Err(io_error(
                    dir.path(),
                    io::Error::new(error.kind(), error.to_string()),
                ));
            }
        }
        opened
    }
}

/// What a partition's directory holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The `.log` files, ascending.
    pub(super) segments: Vec<LogFile>,
    /// Offsets of the producer snapshots, ascending.
    pub(super) snapshots: Vec<Offset>,
}

/// One `.log` file; ordered by its base offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogFile {
    pub(super) base: Offset,
    pub(super) bytes: u64,
    pub(super) modified_ms: TimestampMs,
}

/// Opens one log; blocks.
pub(super) fn open(data_dir: &Path, request: &OpenLog) -> Result<Opened, OpenError> {
    let path = data_dir.join(names::partition_dir(&request.name));
    let topic_id = topic_id(&path, request)?;
    match cleaner::finish_exchanges(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error(&path, error));
        }
        _ => {}
    }
    let listing = list(&path)?;
    let mut log = Log::new(
        data_dir,
        request.name.clone(),
        topic_id,
        request.config.clone(),
        request.now_ms,
    );
    log.cleaned_to = request.cleaned_to;
    recovery::open(log, request, listing).map_err(|source| io_error(&path, source))
}

fn topic_id(path: &Path, request: &OpenLog) -> Result<Uuid, OpenError> {
    let found = directory::read_partition_metadata(path).map_err(|error| io_error(path, error))?;
    match (found, request.topic_id) {
        (Some(found), Some(wanted)) if found != wanted => Err(OpenError::TopicId {
            path: path.to_owned(),
            found,
            wanted,
        }),
        (found, wanted) => Ok(wanted.or(found).unwrap_or(Uuid::ZERO)),
    }
}

/// Lists the directory and removes what an earlier run left half done.
fn list(path: &Path) -> Result<Listing, OpenError> {
    let failed = |error| io_error(path, error);
    let mut listing = Listing::default();
    let entries = fs::read_dir(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => OpenError::Missing(path.to_owned()),
        _ => failed(error),
    })?;
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        match SegmentFile::parse(&name) {
            Some((SegmentFile::Log, base)) => {
                listing
                    .segments
                    .push(log_file(&entry, base).map_err(failed)?);
            }
            Some((SegmentFile::Snapshot, offset)) => listing.snapshots.push(offset),
            Some(_) => {}
            None if is_leftover(&name) => fs::remove_file(entry.path()).map_err(failed)?,
            None => {}
        }
    }
    listing.segments.sort_unstable();
    listing.snapshots.sort_unstable();
    Ok(listing)
}

fn log_file(entry: &fs::DirEntry, base: Offset) -> io::Result<LogFile> {
    let metadata = entry.metadata()?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
    Ok(LogFile {
        base,
        bytes: metadata.len(),
        modified_ms: modified.unwrap_or_default().as_millis() as TimestampMs,
    })
}

fn is_leftover(name: &str) -> bool {
    let suffixes = [names::DELETED_SUFFIX, names::CLEANED_SUFFIX, ".tmp"];
    suffixes.iter().any(|suffix| name.ends_with(suffix))
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        path: path.to_owned(),
        source,
    }
}
