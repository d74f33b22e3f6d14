//! The device behind a directory, as the kernel describes it under `/sys`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A whole disk (not its partition) and how the kernel drives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockDevice {
    /// Its name, e.g. `nvme0n1`.
    pub name: String,
    /// Whether the kernel takes its cache for volatile (`write back`), hence flushes it.
    pub volatile_cache: Option<bool>,
    /// Whether the kernel takes it for a disk that turns. Virtual disks often say so wrongly.
    pub rotational: Option<bool>,
    /// The scheduler in use, e.g. `none`.
    pub scheduler: Option<String>,
    /// The schedulers it could use.
    pub schedulers: Vec<String>,
}

impl BlockDevice {
    /// The device that holds `path`; `None` for file systems without one, and where `/sys` is
    /// hidden.
    pub fn holding(path: &Path) -> Option<Self> {
        let device = fs::metadata(path).ok()?.dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let entry = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
        Self::at(&whole_disk(fs::canonicalize(entry).ok()?))
    }

    fn at(dir: &Path) -> Option<Self> {
        let read = |file: &str| fs::read_to_string(dir.join("queue").join(file)).ok();
        let schedulers = read("scheduler").unwrap_or_default();
        Some(Self {
            name: dir.file_name()?.to_str()?.to_owned(),
            volatile_cache: read("write_cache").map(|text| text.trim() == "write back"),
            rotational: read("rotational").map(|text| text.trim() == "1"),
            scheduler: chosen(&schedulers).map(ToOwned::to_owned),
            schedulers: words(&schedulers).map(ToOwned::to_owned).collect(),
        })
    }
}

/// The word in brackets, by which `/sys` marks the choice among several: `a [b] c`.
pub fn chosen(choices: &str) -> Option<&str> {
    let marked = choices
        .split_whitespace()
        .find(|word| word.starts_with('['))?;
    Some(marked.trim_matches(['[', ']']))
}

fn words(choices: &str) -> impl Iterator<Item = &str> {
    choices
        .split_whitespace()
        .map(|word| word.trim_matches(['[', ']']))
}

fn whole_disk(entry: PathBuf) -> PathBuf {
    match entry.parent() {
        Some(disk) if entry.join("partition").exists() => disk.to_owned(),
        _ => entry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_read_through_its_partition() {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = dir.path().join("vda");
        fs::create_dir_all(disk.join("queue")).expect("made");
        fs::create_dir_all(disk.join("vda1")).expect("made");
        fs::write(disk.join("vda1/partition"), "1\n").expect("written");
        fs::write(disk.join("queue/write_cache"), "write back\n").expect("written");
        fs::write(disk.join("queue/rotational"), "0\n").expect("written");
        fs::write(disk.join("queue/scheduler"), "none [mq-deadline]\n").expect("written");
        assert_eq!(whole_disk(disk.join("vda1")), disk);
        assert_eq!(whole_disk(disk.clone()), disk);
        let expected = BlockDevice {
            name: "vda".to_owned(),
            volatile_cache: Some(true),
            rotational: Some(false),
            scheduler: Some("mq-deadline".to_owned()),
            schedulers: vec!["none".to_owned(), "mq-deadline".to_owned()],
        };
        assert_eq!(BlockDevice::at(&disk), Some(expected));
    }

    #[test]
    fn the_choice_stands_in_brackets() {
        assert_eq!(chosen("always [madvise] never\n"), Some("madvise"));
        assert_eq!(chosen("none\n"), None);
    }
}
