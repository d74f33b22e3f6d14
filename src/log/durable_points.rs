use std::collections::HashMap;

use super::fields::Fields;
use crate::model::{Offset, PartitionId, TimestampMs, Uuid};

/// How far one log is known to be on stable storage, and from where its state can be rebuilt.
///
/// A statement about the files at one moment: what it says stays true, later data only adds to it.
/// Recovery checks it against the files and falls back to reading more when it does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurablePoint {
    /// Whose point this is.
    pub partition: PartitionId,
    /// The log's start offset.
    pub log_start: Offset,
    /// The end of the durable part.
    pub(super) end: LogPoint,
    pub(super) anchor: Anchor,
}

/// A place between two batches of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogPoint {
    pub(super) segment_base: Offset,
    /// The offset after the last record before this place.
    pub(super) offset: Offset,
    /// The byte in the segment's file.
    pub(super) position: u32,
    /// Where the segment's last batch before this place begins; equal to `position` for none.
    pub(super) last_batch_position: u32,
    /// The checksum in that batch's header: it tells this log from another at the same place.
    pub(super) last_batch_crc: u32,
}

impl LogPoint {
    /// The beginning of a segment.
    pub(super) fn at_base(segment_base: Offset) -> Self {
        Self {
            segment_base,
            offset: segment_base,
            position: 0,
            last_batch_position: 0,
            last_batch_crc: 0,
        }
    }
}

/// What a segment knows of its batches up to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// Largest timestamp of the segment's first batch; −1 while it has none.
    pub(super) first_timestamp: TimestampMs,
    /// Largest timestamp so far; −1 for none.
    pub(super) max_timestamp: TimestampMs,
    /// The last offset of the batch that has it.
    pub(super) max_timestamp_offset: Offset,
    /// Bytes of batches since the newest index entry.
    pub(super) bytes_since_entry: u32,
}

impl Marks {
    /// Of a segment without batches.
    pub(super) const NONE: Self = Self {
        first_timestamp: -1,
        max_timestamp: -1,
        max_timestamp_offset: -1,
        bytes_since_entry: 0,
    };
}

/// A place whose derived state is on stable storage: index entries below it, epochs, producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) segment_base: Offset,
    pub(super) offset: Offset,
    pub(super) position: u32,
    /// Entries of the segment's offset index that were made before `position`.
    pub(super) offset_entries: u32,
    /// Entries of its time index likewise.
    pub(super) time_entries: u32,
    pub(super) marks: Marks,
    /// Whether the producers are in the snapshot file at `offset`; otherwise there are none.
    pub(super) snapshot: bool,
}

impl Anchor {
    /// The beginning of a segment.
    pub(super) fn at_base(segment_base: Offset, snapshot: bool) -> Self {
        Self {
            segment_base,
            offset: segment_base,
            position: 0,
            offset_entries: 0,
            time_entries: 0,
            marks: Marks::NONE,
            snapshot,
        }
    }
}

/// The points of one file, or of all files of a data directory taken together.
///
/// Each core writes a file of its own. A start reads all of them and takes for each partition the
/// newest word, so that the number of cores may change between two starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurablePoints {
    points: HashMap<PartitionId, (u64, DurablePoint)>,
    generation: u64,
}

impl DurablePoints {
    /// What is known of `partition`.
    pub fn get(&self, partition: PartitionId) -> Option<&DurablePoint> {
        self.points.get(&partition).map(|(_, point)| point)
    }

    /// The largest generation of any file: the next files are written with larger ones.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// All points, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &DurablePoint> {
        self.points.values().map(|(_, point)| point)
    }

    /// Adds the points of a file's bytes; says whether the file was whole.
    pub(super) fn merge(&mut self, bytes: &[u8]) -> bool {
        let Some((generation, points)) = decode(bytes) else {
            return false;
        };
        self.generation = self.generation.max(generation);
        for point in points {
            let known = self.points.get(&point.partition);
            if known.is_none_or(|(newest, _)| *newest < generation) {
                self.points.insert(point.partition, (generation, point));
            }
        }
        true
    }
}

/// Name of the file that core `core` writes; Kafka ignores plain files it does not know.
pub(super) fn file_name(core: usize) -> String {
    format!("{FILE_PREFIX}{core}")
}

/// What the name of every such file begins with.
pub(super) const FILE_PREFIX: &str = "klamm-durable-points-";

const MAGIC: [u8; 8] = *b"klammdp1";
/// Magic, generation, count.
const HEADER_BYTES: usize = 20;
const ENTRY_BYTES: usize = 113;
const CHECKSUM_BYTES: usize = 4;

/// Magic, generation, count, the entries, CRC-32 (IEEE) of all before it; big-endian.
pub(super) fn encode(generation: u64, points: &[DurablePoint]) -> Vec<u8> {
    let bytes = HEADER_BYTES + points.len() * ENTRY_BYTES + CHECKSUM_BYTES;
    let mut out = Vec::with_capacity(bytes);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&generation.to_be_bytes());
    out.extend_from_slice(&(points.len() as u32).to_be_bytes());
    for point in points {
        encode_point(&mut out, point);
    }
    let checksum = crc32fast::hash(&out);
    out.extend_from_slice(&checksum.to_be_bytes());
    out
}

fn decode(bytes: &[u8]) -> Option<(u64, Vec<DurablePoint>)> {
    let (rest, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
    if crc32fast::hash(rest) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let (magic, rest) = rest.split_first_chunk::<8>()?;
    let (generation, rest) = rest.split_first_chunk::<8>()?;
    let (count, entries) = rest.split_first_chunk::<4>()?;
    let count = u32::from_be_bytes(*count) as usize;
    if *magic != MAGIC || count.checked_mul(ENTRY_BYTES) != Some(entries.len()) {
        return None;
    }
    let entries = entries.chunks_exact(ENTRY_BYTES);
    let points: Option<Vec<_>> = entries.map(decode_point).collect();
    Some((u64::from_be_bytes(*generation), points?))
}

fn encode_point(out: &mut Vec<u8>, point: &DurablePoint) {
    let DurablePoint {
        partition,
        log_start,
        end,
        anchor,
    } = point;
    out.extend_from_slice(partition.topic_id.as_bytes());
    out.extend_from_slice(&partition.index.to_be_bytes());
    for offset in [*log_start, end.segment_base, end.offset] {
        out.extend_from_slice(&offset.to_be_bytes());
    }
    for number in [end.position, end.last_batch_position, end.last_batch_crc] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    for number in [
        anchor.segment_base,
        anchor.offset,
        anchor.marks.first_timestamp,
        anchor.marks.max_timestamp,
        anchor.marks.max_timestamp_offset,
    ] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    for number in [
        anchor.position,
        anchor.offset_entries,
        anchor.time_entries,
        anchor.marks.bytes_since_entry,
    ] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.push(anchor.snapshot.into());
}

fn decode_point(entry: &[u8]) -> Option<DurablePoint> {
    let mut fields = Fields(entry);
    let topic_id = Uuid::from_bytes(fields.take()?);
    let index = fields.int()?;
    let log_start = fields.long()?;
    let end = LogPoint {
        segment_base: fields.long()?,
        offset: fields.long()?,
        position: fields.unsigned_int()?,
        last_batch_position: fields.unsigned_int()?,
        last_batch_crc: fields.unsigned_int()?,
    };
    let anchor = decode_anchor(&mut fields)?;
    Some(DurablePoint {
        partition: PartitionId { topic_id, index },
        log_start,
        end,
        anchor,
    })
}

fn decode_anchor(fields: &mut Fields<'_>) -> Option<Anchor> {
    let (segment_base, offset) = (fields.long()?, fields.long()?);
    let mut marks = Marks {
        first_timestamp: fields.long()?,
        max_timestamp: fields.long()?,
        max_timestamp_offset: fields.long()?,
        bytes_since_entry: 0,
    };
    let position = fields.unsigned_int()?;
    let (offset_entries, time_entries) = (fields.unsigned_int()?, fields.unsigned_int()?);
    marks.bytes_since_entry = fields.unsigned_int()?;
    Some(Anchor {
        segment_base,
        offset,
        position,
        offset_entries,
        time_entries,
        marks,
        snapshot: fields.take::<1>()? == [1],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(index: i32, offset: Offset) -> DurablePoint {
        let topic_id = Uuid::from_u128(77);
        DurablePoint {
            partition: PartitionId { topic_id, index },
            log_start: 3,
            end: LogPoint {
                segment_base: 10,
                offset,
                position: 5_000,
                last_batch_position: 4_000,
                last_batch_crc: 0xdead_beef,
            },
            anchor: Anchor::at_base(10, true),
        }
    }

    #[test]
    fn entries_have_their_declared_size() {
        let bytes = encode(1, &[point(0, 20)]);
        assert_eq!(bytes.len(), HEADER_BYTES + ENTRY_BYTES + CHECKSUM_BYTES);
    }

    #[test]
    fn the_newest_file_wins_for_each_partition() {
        let mut points = DurablePoints::default();
        assert!(points.merge(&encode(5, &[point(0, 20), point(1, 20)])));
        assert!(points.merge(&encode(7, &[point(1, 15)])));
        assert!(points.merge(&encode(6, &[point(1, 30), point(2, 30)])));
        let end = |index| points.get(point(index, 0).partition).unwrap().end.offset;
        assert_eq!([end(0), end(1), end(2)], [20, 15, 30]);
        assert_eq!(points.generation(), 7);
    }

    #[test]
    fn a_damaged_file_says_nothing() {
        let bytes = encode(5, &[point(0, 20)]);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(!DurablePoints::default().merge(&damaged), "byte {at}");
            assert!(!DurablePoints::default().merge(&bytes[..at]), "length {at}");
        }
    }
}
