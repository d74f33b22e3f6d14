use std::path::{Path, PathBuf};

use crate::model::{Offset, TopicPartition};

/// What a segment's file holds; the name is the base offset, the suffix says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SegmentFile {
    Log,
    OffsetIndex,
    TimeIndex,
    /// Producer state at an offset, not only at a base.
    Snapshot,
    TransactionIndex,
}

/// Appended to the name of a file that waits for its removal.
pub(super) const DELETED_SUFFIX: &str = ".deleted";
/// Appended to the names of what a cleaning has not completed.
pub(super) const CLEANED_SUFFIX: &str = ".cleaned";
/// Appended to the names of files that are about to take the place of old ones.
pub(super) const SWAP_SUFFIX: &str = ".swap";
/// The name of a directory entry that may be long is cut to this.
const NAME_BYTES_MAX: usize = 255;

impl SegmentFile {
    const ALL: [Self; 5] = [
        Self::Log,
        Self::OffsetIndex,
        Self::TimeIndex,
        Self::Snapshot,
        Self::TransactionIndex,
    ];

    fn suffix(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::OffsetIndex => "index",
            Self::TimeIndex => "timeindex",
            Self::Snapshot => "snapshot",
            Self::TransactionIndex => "txnindex",
        }
    }

    /// `dir/<20 digits>.<suffix>`
    pub(super) fn path(self, dir: &Path, offset: Offset) -> PathBuf {
        dir.join(format!("{offset:020}.{}", self.suffix()))
    }

    /// The kind and offset of a file of this name, if it is a segment's.
    pub(super) fn parse(name: &str) -> Option<(Self, Offset)> {
        let (offset, suffix) = name.split_once('.')?;
        let kind = Self::ALL.into_iter().find(|kind| kind.suffix() == suffix)?;
        let digits = offset.len() == 20 && offset.bytes().all(|byte| byte.is_ascii_digit());
        Some((kind, digits.then(|| offset.parse().ok())??))
    }
}

/// The path with something appended to its name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What a directory within the data directory is, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DirectoryName {
    Partition(TopicPartition),
    /// Removal was begun, or the topic's id did not fit: not a log to serve.
    Leftover,
    Unknown,
}

/// `topic-partition`
pub(super) fn partition_dir(name: &TopicPartition) -> String {
    name.to_string()
}

/// The name under which a deleted partition waits for its removal; `unique` is 32 hex digits.
pub(super) fn deleted_dir(name: &TopicPartition, unique: u128) -> String {
    set_apart(name, unique, "delete")
}

/// The name under which a log lies whose topic the metadata does not know.
pub(super) fn stray_dir(name: &TopicPartition, unique: u128) -> String {
    set_apart(name, unique, "stray")
}

fn set_apart(name: &TopicPartition, unique: u128, why: &str) -> String {
    let suffix = format!("-{}.{unique:032x}-{why}", name.partition);
    let topic_bytes = name.topic.len().min(NAME_BYTES_MAX - suffix.len());
    format!("{}{suffix}", &name.topic[..topic_bytes])
}

/// Reads a directory's name as Kafka does: the partition stands after the last dash.
pub(super) fn parse_dir(name: &str) -> DirectoryName {
    if ["-delete", "-stray", "-future"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
    {
        return DirectoryName::Leftover;
    }
    match split_partition(name) {
        Some(name) => DirectoryName::Partition(name),
        None => DirectoryName::Unknown,
    }
}

fn split_partition(name: &str) -> Option<TopicPartition> {
    let (topic, partition) = name.rsplit_once('-')?;
    let partition = partition.parse().ok().filter(|number| *number >= 0)?;
    let topic = (!topic.is_empty()).then(|| topic.into())?;
    Some(TopicPartition { topic, partition })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition {
            topic: topic.into(),
            partition,
        }
    }

    #[test]
    fn segment_files_are_named_by_twenty_digits() {
        let path = SegmentFile::TimeIndex.path(Path::new("t-0"), 170);
        assert_eq!(path, Path::new("t-0/00000000000000000170.timeindex"));
        let parsed = SegmentFile::parse("00000000000000000170.timeindex");
        assert_eq!(parsed, Some((SegmentFile::TimeIndex, 170)));
        for wrong in [
            "170.log",
            "00000000000000000170.log.deleted",
            "leader-epoch-checkpoint",
        ] {
            assert_eq!(SegmentFile::parse(wrong), None);
        }
    }

    #[test]
    fn directories_are_split_at_the_last_dash() {
        let partition = |topic, number| DirectoryName::Partition(name(topic, number));
        assert_eq!(parse_dir("a-b.c-12"), partition("a-b.c", 12));
        assert_eq!(
            parse_dir("__cluster_metadata-0"),
            partition("__cluster_metadata", 0)
        );
        assert_eq!(parse_dir("remote-log-index-cache"), DirectoryName::Unknown);
        assert_eq!(parse_dir("-1"), DirectoryName::Unknown);
        let gone = deleted_dir(&name("a-b", 3), 0xab);
        assert_eq!(gone, "a-b-3.000000000000000000000000000000ab-delete");
        assert_eq!(parse_dir(&gone), DirectoryName::Leftover);
    }

    #[test]
    fn a_long_topic_is_cut_for_the_suffix() {
        let long = "t".repeat(249);
        assert_eq!(deleted_dir(&name(&long, 3), 1).len(), 255);
    }
}
