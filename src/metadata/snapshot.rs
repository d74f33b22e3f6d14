//! Snapshots: an image as records, in the order that Java writes them, and back.

use super::batches::{
    BatchContent, BatchesError, MetadataBatch, Position, decode_batches, encode_batches,
    encode_control, spec,
};
use super::delta::{Delta, ReplayError};
use super::image::{METADATA_VERSION, MetadataImage, OtherKey, Provenance};
use crate::model::{LeaderEpoch, Offset, TimestampMs};
use crate::protocol::message::Message;
use crate::protocol::message::control_record::{SnapshotFooterRecord, SnapshotHeaderRecord};
use crate::protocol::message::metadata_record::MetadataRecord;
use crate::protocol::message::metadata_record::config::{
    ConfigRecord, FeatureLevelRecord, ProducerIdsRecord,
};
use crate::protocol::message::metadata_record::topic::TopicRecord;
use crate::protocol::record::{Batches, ControlRecord, control_batch};
use crate::protocol::wire::{Reader, Unencodable};

/// Most records of one batch of a snapshot; Java's own number.
const RECORDS_PER_BATCH: usize = 1024;
const SNAPSHOT_HEADER: i16 = 3;
const SNAPSHOT_FOOTER: i16 = 4;
/// A snapshot's first batch, with its header, takes no more of the file.
pub const SNAPSHOT_HEADER_BYTES_MAX: usize = 4096;
const SUFFIX: &str = ".checkpoint";

/// Which part of the log a snapshot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotId {
    /// The offset after the last record it contains.
    pub end_offset: Offset,
    /// The leader epoch of that last record.
    pub epoch: LeaderEpoch,
}

/// Bytes that are no snapshot.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The batches do not decode.
    #[error("snapshot: {0}")]
    Batches(#[from] BatchesError),
    /// The records contradict each other.
    #[error("snapshot: {0}")]
    Replay(#[from] ReplayError),
    /// The header or the footer is missing: it was not written to its end.
    #[error("snapshot: it is not complete")]
    Incomplete,
}

impl SnapshotId {
    /// The snapshot that an image would be.
    pub fn of(image: &MetadataImage) -> Self {
        let Provenance {
            last_offset,
            last_epoch,
            ..
        } = image.provenance;
        Self {
            end_offset: last_offset + 1,
            epoch: last_epoch,
        }
    }

    /// The file's name, as Kafka names it.
    pub fn file_name(self) -> String {
        format!("{:020}-{:010}{SUFFIX}", self.end_offset, self.epoch)
    }

    /// The snapshot a file of this name holds.
    pub fn parse(file_name: &str) -> Option<Self> {
        let (end_offset, epoch) = file_name.strip_suffix(SUFFIX)?.split_once('-')?;
        if end_offset.len() != 20 || epoch.len() != 10 {
            return None;
        }
        Some(Self {
            end_offset: end_offset.parse().ok()?,
            epoch: epoch.parse().ok()?,
        })
    }
}

/// The image as records: features first, metadata.version first of all, then brokers, topics,
/// settings and the rest.
pub fn image_records(image: &MetadataImage) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    records.extend(feature_records(image));
    records.extend(
        image
            .brokers
            .values()
            .map(|broker| broker.to_record().into()),
    );
    records.extend(other_records(image, |key| {
        matches!(key, OtherKey::Controller(_))
    }));
    for topic in image.topics.sorted() {
        let name = topic.name.to_string();
        records.push(
            TopicRecord {
                name,
                topic_id: topic.id,
            }
            .into(),
        );
        let ids = topic.partition_ids().zip(topic.partitions.values());
        records.extend(ids.map(|(id, partition)| partition.to_record(id).into()));
    }
    records.extend(config_records(image));
    records.extend(other_records(image, |key| {
        matches!(key, OtherKey::ClientQuota(..))
    }));
    records.extend(producer_id_records(image));
    records.extend(other_records(image, |key| {
        !matches!(key, OtherKey::Controller(_) | OtherKey::ClientQuota(..))
    }));
    records
}

/// A whole snapshot of the image. Its batches begin at offset 0, as in any snapshot; the epoch is
/// that of the image.
pub fn encode_snapshot(image: &MetadataImage, now_ms: TimestampMs) -> Result<Vec<u8>, Unencodable> {
    let epoch = image.provenance.last_epoch;
    let mut position = Position {
        base_offset: 0,
        epoch,
        now_ms,
    };
    let header = SnapshotHeaderRecord {
        version: 0,
        last_contained_log_timestamp: image.provenance.last_timestamp_ms,
    };
    let value = encode_control(&header)?;
    let mut bytes = marker_batch(position, &ControlRecord::SnapshotHeader(&value));
    position.base_offset += 1;
    for records in image_records(image).chunks(RECORDS_PER_BATCH) {
        let (batches, next_offset) = encode_batches(records, position)?;
        bytes.extend_from_slice(&batches);
        position.base_offset = next_offset;
    }
    let value = encode_control(&SnapshotFooterRecord { version: 0 })?;
    bytes.extend_from_slice(&marker_batch(
        position,
        &ControlRecord::SnapshotFooter(&value),
    ));
    Ok(bytes)
}

/// The timestamp of the last record that a snapshot stands for, from the file's first bytes.
pub fn snapshot_timestamp(beginning: &[u8]) -> Option<TimestampMs> {
    let first = Batches::new(beginning).next()?;
    let batches = decode_batches(first.bytes).ok()?;
    header_of(&batches)
        .ok()
        .map(|header| header.last_contained_log_timestamp)
}

/// The image of a whole snapshot.
pub fn decode_snapshot(bytes: &[u8], id: SnapshotId) -> Result<MetadataImage, SnapshotError> {
    let batches = decode_batches(bytes)?;
    let last_timestamp_ms = check_complete(&batches)?;
    let mut delta = Delta::new(&MetadataImage::default());
    for batch in &batches {
        if let BatchContent::Records(records) = &batch.content {
            records.iter().try_for_each(|record| delta.replay(record))?;
        }
    }
    let provenance = Provenance {
        last_offset: id.end_offset - 1,
        last_epoch: id.epoch,
        last_timestamp_ms,
    };
    Ok(delta.finish(provenance).0)
}

/// The timestamp of the last record the snapshot stands for, if header and footer are there.
fn check_complete(batches: &[MetadataBatch]) -> Result<TimestampMs, SnapshotError> {
    find_marker(batches.last(), SNAPSHOT_FOOTER).ok_or(SnapshotError::Incomplete)?;
    header_of(batches).map(|header| header.last_contained_log_timestamp)
}

fn header_of(batches: &[MetadataBatch]) -> Result<SnapshotHeaderRecord, SnapshotError> {
    let header = find_marker(batches.first(), SNAPSHOT_HEADER).ok_or(SnapshotError::Incomplete)?;
    let header = SnapshotHeaderRecord::decode(&mut Reader::new(header), 0);
    header.map_err(|_| SnapshotError::Incomplete)
}

fn find_marker(batch: Option<&MetadataBatch>, kind: i16) -> Option<&[u8]> {
    let BatchContent::Control(markers) = &batch?.content else {
        return None;
    };
    let found = markers.iter().find(|marker| marker.kind == kind);
    found.map(|marker| &marker.value[..])
}

fn marker_batch(position: Position, marker: &ControlRecord<'_>) -> Vec<u8> {
    control_batch(
        spec(position, position.base_offset),
        position.now_ms,
        marker,
    )
}

fn feature_records(image: &MetadataImage) -> Vec<MetadataRecord> {
    let record = |(name, level): (&String, &i16)| {
        FeatureLevelRecord {
            name: name.clone(),
            feature_level: *level,
        }
        .into()
    };
    let is_version = |(name, _): &(&String, &i16)| *name == METADATA_VERSION;
    let (first, rest): (Vec<_>, Vec<_>) = image.features.iter().partition(is_version);
    first.into_iter().chain(rest).map(record).collect()
}

fn config_records(image: &MetadataImage) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    for (resource, configs) in image.configs.iter() {
        records.extend(configs.iter().map(|(name, value)| {
            let record = ConfigRecord {
                resource_type: resource.kind.number(),
                resource_name: resource.name.clone(),
                name: name.clone(),
                value: Some(value.clone()),
            };
            record.into()
        }));
    }
    records
}

fn producer_id_records(image: &MetadataImage) -> Option<MetadataRecord> {
    let next_producer_id = image.next_producer_id;
    let record = ProducerIdsRecord {
        broker_id: -1,
        broker_epoch: -1,
        next_producer_id,
    };
    (next_producer_id >= 0).then(|| record.into())
}

fn other_records(
    image: &MetadataImage,
    wanted: impl Fn(&OtherKey) -> bool,
) -> impl Iterator<Item = MetadataRecord> {
    let others = image.others.iter().filter(move |(key, _)| wanted(key));
    others.map(|(_, record)| record.clone())
}
