//! The state that the metadata log's files come to: the newest snapshot and what follows it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::metadata_log::MetadataError;
use crate::metadata::{
    Loader, SNAPSHOT_HEADER_BYTES_MAX, SnapshotFile, SnapshotId, decode_batches, decode_snapshot,
    snapshot_timestamp,
};
use crate::model::{Offset, Uuid};
use crate::protocol::record::Batches;

/// What the files come to.
pub(super) struct Replayed {
    pub(super) loader: Loader,
    /// Those found, ascending.
    pub(super) snapshots: Vec<SnapshotFile>,
    /// Length of the batches after the newest snapshot.
    pub(super) bytes: u64,
    /// Topics that those batches have deleted.
    pub(super) topics_deleted: BTreeSet<Uuid>,
    /// The offset that comes next.
    next: Offset,
}

/// The newest snapshot and every batch after it, below the log's end. Blocks.
pub(super) fn replay(dir: &Path, end: Offset) -> Result<Replayed, MetadataError> {
    let names = file_names(dir)?;
    let snapshots = found_snapshots(dir, &names)?;
    let loader = match snapshots.last() {
        Some(newest) => load_snapshot(dir, newest.id)?,
        None => Loader::default(),
    };
    let next = loader.image().provenance.last_offset + 1;
    if next > end {
        return Err(MetadataError::Behind {
            end,
            snapshot: next,
        });
    }
    let mut replayed = Replayed {
        loader,
        snapshots,
        bytes: 0,
        topics_deleted: BTreeSet::new(),
        next,
    };
    for name in segments_from(&names, next) {
        let path = dir.join(name);
        let bytes = fs::read(&path).map_err(failed(&path))?;
        replayed.replay_segment(&bytes, end)?;
    }
    Ok(replayed)
}

fn failed(path: &Path) -> impl Fn(io::Error) -> MetadataError {
    move |source| MetadataError::Io {
        path: path.to_owned(),
        source,
    }
}

/// What is in the directory, sorted; nothing if it is not there.
fn file_names(dir: &Path) -> Result<Vec<String>, MetadataError> {
    let mut names = Vec::new();
    if !dir.exists() {
        return Ok(names);
    }
    for entry in fs::read_dir(dir).map_err(failed(dir))? {
        let name = entry.map_err(failed(dir))?.file_name();
        names.extend(name.into_string().ok());
    }
    names.sort();
    Ok(names)
}

fn found_snapshots(dir: &Path, names: &[String]) -> Result<Vec<SnapshotFile>, MetadataError> {
    let ids = names.iter().filter_map(|name| SnapshotId::parse(name));
    let mut found = ids
        .map(|id| {
            let path = dir.join(id.file_name());
            describe(&path, id).map_err(failed(&path))
        })
        .collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|file| file.id);
    Ok(found)
}

fn describe(path: &Path, id: SnapshotId) -> io::Result<SnapshotFile> {
    let file = fs::File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut beginning = Vec::new();
    file.take(SNAPSHOT_HEADER_BYTES_MAX as u64)
        .read_to_end(&mut beginning)?;
    Ok(SnapshotFile {
        id,
        bytes,
        timestamp_ms: snapshot_timestamp(&beginning),
    })
}

fn load_snapshot(dir: &Path, id: SnapshotId) -> Result<Loader, MetadataError> {
    let path = dir.join(id.file_name());
    let bytes = fs::read(&path).map_err(failed(&path))?;
    match decode_snapshot(&bytes, id) {
        Ok(image) => Ok(Loader::new(image)),
        Err(source) => Err(MetadataError::Snapshot { path, source }),
    }
}

/// The segments that may hold `next` or what comes after it, by their names, which are their bases.
fn segments_from(names: &[String], next: Offset) -> impl Iterator<Item = &String> {
    let segments = names
        .iter()
        .filter_map(|name| Some((name.strip_suffix(".log")?.parse::<Offset>().ok()?, name)));
    let segments: Vec<(Offset, &String)> = segments.collect();
    let before = segments.partition_point(|(base, _)| *base <= next);
    let needed = segments.into_iter().skip(before.saturating_sub(1));
    needed.map(|(_, name)| name)
}

impl Replayed {
    fn replay_segment(&mut self, bytes: &[u8], end: Offset) -> Result<(), MetadataError> {
        for batch in Batches::new(bytes) {
            let (base, last) = (batch.header.base_offset, batch.header.last_offset());
            if base >= end {
                break;
            }
            if last < self.next {
                continue;
            }
            if base > self.next {
                return Err(MetadataError::Gap {
                    expected: self.next,
                    found: base,
                });
            }
            for decoded in decode_batches(batch.bytes)? {
                let changes = self.loader.apply(&decoded)?;
                let deleted = changes.topics_deleted.into_keys();
                self.topics_deleted.extend(deleted);
            }
            self.next = last + 1;
            self.bytes += batch.bytes.len() as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{MetadataImage, Position, encode_batches, encode_snapshot};
    use crate::model::Uuid;
    use crate::protocol::message::metadata_record::MetadataRecord;
    use crate::protocol::message::metadata_record::topic::{
        PartitionRecord, RemoveTopicRecord, TopicRecord,
    };

    /// Offsets per segment: a topic comes, the one before it goes.
    const SEGMENT_LEN: Offset = 6;
    const SEGMENTS: Offset = 4;
    const END: Offset = SEGMENT_LEN * SEGMENTS;
    const NOW_MS: i64 = 1_700_000_000_000;

    /// The files of a log of [`SEGMENTS`] segments, and what each prefix of it comes to.
    struct Made {
        segments: Vec<(String, Vec<u8>)>,
        images: Vec<MetadataImage>,
    }

    impl Made {
        fn new() -> Self {
            let mut loader = Loader::default();
            let mut images = vec![MetadataImage::clone(loader.image())];
            let mut segments: Vec<(String, Vec<u8>)> = Vec::new();
            for offset in 0..END {
                let position = Position {
                    base_offset: offset,
                    epoch: 3,
                    now_ms: NOW_MS + offset,
                };
                let (bytes, _) = encode_batches(&[record(offset)], position).unwrap();
                for batch in decode_batches(&bytes).unwrap() {
                    loader.apply(&batch).unwrap();
                }
                images.push(MetadataImage::clone(loader.image()));
                if offset % SEGMENT_LEN == 0 {
                    segments.push((format!("{offset:020}.log"), Vec::new()));
                }
                segments.last_mut().unwrap().1.extend(bytes);
            }
            Self { segments, images }
        }

        fn snapshot(&self, end_offset: Offset) -> (String, Vec<u8>) {
            let image = &self.images[end_offset as usize];
            let bytes = encode_snapshot(image, NOW_MS).unwrap();
            (SnapshotId::of(image).file_name(), bytes)
        }

        fn replay(
            &self,
            first_segment: usize,
            snapshots: &[Offset],
        ) -> Result<Replayed, MetadataError> {
            let dir = tempfile::tempdir().unwrap();
            let snapshots = snapshots.iter().map(|end| self.snapshot(*end));
            let segments = self.segments[first_segment..].iter().cloned();
            let unfinished = [
                (format!("{:020}-{:010}.checkpoint.tmp", END, 3), vec![1]),
                (format!("{:020}.log.deleted", 0), vec![2]),
            ];
            for (name, bytes) in snapshots.chain(segments).chain(unfinished) {
                fs::write(dir.path().join(name), bytes).unwrap();
            }
            replay(dir.path(), END)
        }
    }

    fn record(offset: Offset) -> MetadataRecord {
        let topic_id = |number: Offset| Uuid::from_random(number as u128 + 1000);
        let number = offset / 2;
        if offset % 2 == 0 {
            TopicRecord {
                name: format!("topic-{number}"),
                topic_id: topic_id(number),
            }
            .into()
        } else if number == 0 {
            TopicRecord {
                name: "stays".to_owned(),
                topic_id: topic_id(999),
            }
            .into()
        } else {
            RemoveTopicRecord {
                topic_id: topic_id(number - 1),
            }
            .into()
        }
    }

    #[test]
    fn every_state_between_the_steps_of_a_clean_up_comes_to_the_same() {
        let made = Made::new();
        let states: &[(usize, &[Offset])] = &[
            (0, &[]),
            (0, &[7]),
            (0, &[7, 15]),
            (1, &[7, 15]),
            (1, &[15]),
            (2, &[7, 15]),
            (2, &[15]),
            (2, &[13, 15, END]),
            (3, &[END]),
            (4, &[END]),
            (0, &[12]),
            (2, &[12]),
        ];
        for (first_segment, snapshots) in states {
            let replayed = made.replay(*first_segment, snapshots).unwrap();
            let state = format!("from segment {first_segment} with {snapshots:?}");
            assert_eq!(
                **replayed.loader.image(),
                made.images[END as usize],
                "{state}"
            );
            assert_eq!(replayed.next, END);
            let found = replayed.snapshots.iter();
            let found: Vec<_> = found
                .map(|file| (file.id.end_offset, file.timestamp_ms))
                .collect();
            let expected = snapshots.iter().map(|end| (*end, Some(NOW_MS + end - 1)));
            assert_eq!(found, expected.collect::<Vec<_>>(), "{state}");
            let newest = snapshots.last().copied().unwrap_or(0);
            assert_eq!(replayed.bytes == 0, newest == END, "{state}");
        }
    }

    #[test]
    fn topics_that_the_batches_delete_are_named() {
        let topic_id = Uuid::from_random(7);
        let name = "t".to_owned();
        let records: [MetadataRecord; 3] = [
            TopicRecord { name, topic_id }.into(),
            PartitionRecord {
                topic_id,
                replicas: vec![1],
                isr: vec![1],
                leader: 1,
                ..PartitionRecord::default()
            }
            .into(),
            RemoveTopicRecord { topic_id }.into(),
        ];
        let mut log = Vec::new();
        for (base_offset, record) in (0..).zip(records) {
            let position = Position {
                base_offset,
                epoch: 3,
                now_ms: NOW_MS,
            };
            log.extend(encode_batches(&[record], position).unwrap().0);
        }
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(format!("{:020}.log", 0)), log).unwrap();
        let deleted = |end| replay(dir.path(), end).unwrap().topics_deleted;
        assert_eq!(deleted(2), BTreeSet::new());
        assert_eq!(deleted(3), BTreeSet::from([topic_id]));
    }

    #[test]
    fn missing_records_are_no_metadata() {
        let made = Made::new();
        let said = |first_segment, snapshots: &[Offset]| {
            let replayed = made.replay(first_segment, snapshots);
            replayed.err().expect("records are missing").to_string()
        };
        let gap = "the metadata log: offset 0 is missing, the next one there is 6";
        assert_eq!(said(1, &[]), gap);
        let gap = "the metadata log: offset 7 is missing, the next one there is 12";
        assert_eq!(said(2, &[7]), gap);
        let dir = tempfile::tempdir().unwrap();
        let (name, bytes) = made.snapshot(15);
        fs::write(dir.path().join(name), bytes).unwrap();
        let behind = "the metadata log ends at 9, before its newest snapshot, which ends at 15";
        assert_eq!(replay(dir.path(), 9).err().unwrap().to_string(), behind);
    }
}
