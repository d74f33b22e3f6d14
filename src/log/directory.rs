//! The top of a data directory: everything here blocks, so it runs before the cores start or on
//! a pool thread.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::{self, Checkpoint};
use super::durable_points::{self, DurablePoint, DurablePoints};
use super::journal;
use super::meta_properties::{self, MalformedMeta, MetaProperties};
use super::names::{self, DirectoryName};
use crate::model::{Offset, TopicPartition, Uuid};

/// What a start finds in its data directory.
#[derive(Debug)]
pub struct LoadedDir {
    /// Whose directory it is.
    pub meta: MetaProperties,
    /// Whether the last run closed every log: then the files are trusted as they are.
    pub clean: bool,
    /// The partitions found, `__cluster_metadata-0` among them.
    pub partitions: Vec<PartitionDir>,
    /// Directories whose removal was begun by an earlier run.
    pub leftovers: Vec<PathBuf>,
    /// klamm's own durable points, of all cores of the last run.
    pub points: Arc<DurablePoints>,
    /// Kafka's recovery points; a missing partition counts as 0.
    pub recovery_points: HashMap<TopicPartition, Offset>,
    /// Start offsets above the first segment's base.
    pub log_starts: HashMap<TopicPartition, Offset>,
    /// High watermarks.
    pub high_watermarks: HashMap<TopicPartition, Offset>,
    /// Up to where partitions are compacted.
    pub cleaned: HashMap<TopicPartition, Offset>,
    /// Journals of a run that did not end cleanly, of whatever cores it had.
    pub journals: Vec<PathBuf>,
}

/// One partition's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDir {
    /// The partition its name tells.
    pub name: TopicPartition,
    /// Where it is.
    pub path: PathBuf,
}

/// A data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Nothing was ever written here: it may be formatted.
    #[error("{0} is empty: it must be formatted first")]
    Empty(PathBuf),
    /// Something else lives here.
    #[error(
        "{0} is neither empty nor a data directory (it has no meta.properties); \
         name another directory or empty this one"
    )]
    NotOurs(PathBuf),
    /// `meta.properties` does not make sense.
    #[error("{path}: {source}")]
    Meta {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        source: MalformedMeta,
    },
    /// A directory is named like no partition.
    #[error("{0} is not the directory of a partition; move it away")]
    UnknownDirectory(PathBuf),
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Makes an empty directory a data directory. A `.lock` file and `lost+found` do not count.
pub fn format(path: &Path, meta: &MetaProperties) -> Result<(), DirectoryError> {
    let failed = |source| DirectoryError::Io {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(path).map_err(failed)?;
    if !is_empty(path).map_err(failed)? {
        return Err(DirectoryError::NotOurs(path.to_owned()));
    }
    write_atomic(
        &path.join(meta_properties::FILE_NAME),
        meta.encode().as_bytes(),
    )
    .map_err(failed)
}

/// Reads what the last run left. The caller holds the directory's lock.
///
/// The marker of a clean shutdown is removed before anything else, so that a crash from here on
/// leads to recovery.
pub fn load(path: &Path) -> Result<LoadedDir, DirectoryError> {
    let meta = read_meta(path)?;
    let failed = |source| DirectoryError::Io {
        path: path.to_owned(),
        source,
    };
    let clean = take_clean_marker(path).map_err(failed)?;
    let (partitions, leftovers) = partition_dirs(path)?;
    Ok(LoadedDir {
        meta,
        clean,
        partitions,
        leftovers,
        points: Arc::new(read_points(path).map_err(failed)?),
        recovery_points: read_checkpoint(path, Checkpoint::RecoveryPoint).map_err(failed)?,
        log_starts: read_checkpoint(path, Checkpoint::LogStart).map_err(failed)?,
        high_watermarks: read_checkpoint(path, Checkpoint::HighWatermark).map_err(failed)?,
        cleaned: read_cleaned(path).map_err(failed)?,
        journals: find_journals(path).map_err(failed)?,
    })
}

/// The last act of a clean shutdown, after every log is closed and every checkpoint written.
pub fn mark_clean_shutdown(path: &Path) -> io::Result<()> {
    write_atomic(
        &path.join(CLEAN_SHUTDOWN),
        b"{\"version\":0,\"brokerEpoch\":-1}",
    )
}

/// Renames a partition's directory that no topic of the metadata owns, so that a topic of the same
/// name begins with nothing; what is in it stays for people to look at. Says where it lies now.
pub fn set_stray_aside(path: &Path, name: &TopicPartition, unique: u128) -> io::Result<PathBuf> {
    let aside = path.join(names::stray_dir(name, unique));
    fs::rename(path.join(names::partition_dir(name)), &aside)?;
    sync_dir(path)?;
    Ok(aside)
}

/// Removes the directories of deleted partitions, delay or not: nobody reads them any more.
pub fn purge_deleted(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with("-delete") {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Writes one of Kafka's checkpoints: aside, synced, renamed, the directory synced.
pub fn write_checkpoint(
    path: &Path,
    checkpoint: Checkpoint,
    entries: &[(TopicPartition, Offset)],
) -> io::Result<()> {
    let text = checkpoint::encode(entries);
    write_atomic(&path.join(checkpoint.file_name()), text.as_bytes())
}

/// Writes the durable points of one core.
///
/// `generation` is larger than that of every file written before ([`DurablePoints::generation`]).
pub fn write_durable_points(
    path: &Path,
    core: usize,
    generation: u64,
    points: &[DurablePoint],
) -> io::Result<()> {
    let bytes = durable_points::encode(generation, points);
    write_atomic(&path.join(durable_points::file_name(core)), &bytes)
}

/// Removes the files of cores that no longer exist; after every core has written its own.
pub fn remove_surplus_points(path: &Path, cores: usize) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if core_of(&entry.file_name().to_string_lossy()).is_some_and(|core| core >= cores) {
            fs::remove_file(entry.path())?;
        }
    }
    sync_dir(path)
}

/// Writes a small file aside, syncs it, puts it in place and syncs the directory.
pub(super) fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = aside(path);
    let mut file = File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&aside, path)?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Where a file is written before it takes the place of `path`; removed by the next start.
pub(super) fn aside(path: &Path) -> PathBuf {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".tmp");
    aside.into()
}

/// Syncs the entries of a directory.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";

fn read_meta(path: &Path) -> Result<MetaProperties, DirectoryError> {
    let failed = |source| DirectoryError::Io {
        path: path.to_owned(),
        source,
    };
    let text = match fs::read_to_string(path.join(meta_properties::FILE_NAME)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(unformatted(path).unwrap_or_else(failed));
        }
        Err(error) => return Err(failed(error)),
    };
    MetaProperties::decode(&text).map_err(|source| DirectoryError::Meta {
        path: path.to_owned(),
        source,
    })
}

fn unformatted(path: &Path) -> io::Result<DirectoryError> {
    if !path.exists() || is_empty(path)? {
        Ok(DirectoryError::Empty(path.to_owned()))
    } else {
        Ok(DirectoryError::NotOurs(path.to_owned()))
    }
}

fn is_empty(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if name != ".lock" && name != "lost+found" {
            return Ok(false);
        }
    }
    Ok(true)
}

fn take_clean_marker(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path.join(CLEAN_SHUTDOWN)) {
        Ok(()) => sync_dir(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn partition_dirs(path: &Path) -> Result<(Vec<PartitionDir>, Vec<PathBuf>), DirectoryError> {
    let failed = |source| DirectoryError::Io {
        path: path.to_owned(),
        source,
    };
    let (mut partitions, mut leftovers) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if !entry.file_type().map_err(failed)?.is_dir() || name == "lost+found" {
            continue;
        }
        let path = entry.path();
        match names::parse_dir(&name.to_string_lossy()) {
            DirectoryName::Partition(name) => partitions.push(PartitionDir { name, path }),
            DirectoryName::Leftover => leftovers.push(path),
            DirectoryName::Unknown => return Err(DirectoryError::UnknownDirectory(path)),
        }
    }
    Ok((partitions, leftovers))
}

fn read_points(path: &Path) -> io::Result<DurablePoints> {
    let mut points = DurablePoints::default();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if core_of(&entry.file_name().to_string_lossy()).is_none() {
            continue;
        }
        if !points.merge(&fs::read(entry.path())?) {
            log::warn!(
                "{}: damaged, recovery will read more",
                entry.path().display()
            );
        }
    }
    Ok(points)
}

fn find_journals(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with(journal::FILE_PREFIX)
        {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn core_of(name: &str) -> Option<usize> {
    name.strip_prefix(durable_points::FILE_PREFIX)?.parse().ok()
}

/// A damaged checkpoint counts as empty, as in Kafka: it costs time or a repeated cut, no data.
fn read_checkpoint(
    path: &Path,
    checkpoint: Checkpoint,
) -> io::Result<HashMap<TopicPartition, Offset>> {
    let file = path.join(checkpoint.file_name());
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(error),
    };
    let entries = checkpoint::decode(&String::from_utf8_lossy(&bytes));
    let entries = entries.unwrap_or_else(|error| {
        log::warn!("{}: {error}, taken as empty", file.display());
        Vec::new()
    });
    Ok(entries.into_iter().collect())
}

/// What is said of a partition that is younger than the checkpoint was meant for an earlier one of
/// the same name.
fn read_cleaned(path: &Path) -> io::Result<HashMap<TopicPartition, Offset>> {
    let mut cleaned = read_checkpoint(path, Checkpoint::Cleaner)?;
    let modified = |file: PathBuf| fs::metadata(file).and_then(|found| found.modified()).ok();
    let written = modified(path.join(Checkpoint::Cleaner.file_name()));
    cleaned.retain(|name, _| {
        let dir = path.join(names::partition_dir(name));
        modified(dir.join(PARTITION_METADATA)).is_some_and(|begun| Some(begun) <= written)
    });
    Ok(cleaned)
}

/// The topic id of a partition's directory; `None` without a `partition.metadata` file.
pub(super) fn read_partition_metadata(dir: &Path) -> io::Result<Option<Uuid>> {
    match fs::read_to_string(dir.join(PARTITION_METADATA)) {
        Ok(text) => decode_partition_metadata(&text).map(Some).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "malformed partition.metadata")
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Name of the file that ties a partition's directory to a topic id.
pub(super) const PARTITION_METADATA: &str = "partition.metadata";

/// The text of `partition.metadata`.
pub(super) fn encode_partition_metadata(topic_id: Uuid) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

fn decode_partition_metadata(text: &str) -> Option<Uuid> {
    let mut lines = text.lines();
    let version = lines.next()?.strip_prefix("version: ")?;
    let topic_id = lines.next()?.strip_prefix("topic_id: ")?;
    (version == "0").then(|| topic_id.trim().parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> MetaProperties {
        MetaProperties {
            cluster_id: "MkU3OEVBNTcwNTJENDM2Qg".to_owned(),
            node_id: 1,
            directory_id: Uuid::from_u128(1 << 90),
        }
    }

    #[test]
    fn only_an_empty_directory_is_formatted() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(load(dir.path()), Err(DirectoryError::Empty(_))));
        format(dir.path(), &meta()).unwrap();
        assert_eq!(load(dir.path()).unwrap().meta, meta());
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("letter.txt"), "dear").unwrap();
        assert!(matches!(
            load(other.path()),
            Err(DirectoryError::NotOurs(_))
        ));
        let refused = format(other.path(), &meta());
        assert!(matches!(refused, Err(DirectoryError::NotOurs(_))));
    }

    #[test]
    fn a_clean_shutdown_is_believed_once() {
        let dir = tempfile::tempdir().unwrap();
        format(dir.path(), &meta()).unwrap();
        assert!(!load(dir.path()).unwrap().clean);
        mark_clean_shutdown(dir.path()).unwrap();
        assert!(load(dir.path()).unwrap().clean);
        assert!(!load(dir.path()).unwrap().clean);
    }

    #[test]
    fn partitions_and_checkpoints_are_found() {
        let dir = tempfile::tempdir().unwrap();
        format(dir.path(), &meta()).unwrap();
        fs::create_dir(dir.path().join("t-3")).unwrap();
        fs::create_dir(dir.path().join("t-4.00ff-delete")).unwrap();
        let name = TopicPartition {
            topic: "t".into(),
            partition: 3,
        };
        write_checkpoint(dir.path(), Checkpoint::LogStart, &[(name.clone(), 9)]).unwrap();
        let loaded = load(dir.path()).unwrap();
        assert_eq!(loaded.partitions[0].name, name);
        assert_eq!(loaded.leftovers.len(), 1);
        assert_eq!(loaded.log_starts[&name], 9);
        fs::create_dir(dir.path().join("unknown")).unwrap();
        let error = load(dir.path()).unwrap_err();
        assert!(matches!(error, DirectoryError::UnknownDirectory(_)));
    }

    #[test]
    fn partition_metadata_is_kafkas_43_bytes() {
        let topic_id = Uuid::from_u128(1 << 99);
        let text = encode_partition_metadata(topic_id);
        assert_eq!(text.len(), 43);
        assert_eq!(decode_partition_metadata(&text), Some(topic_id));
        assert_eq!(decode_partition_metadata("version: 1\n"), None);
    }
}
