//! The metadata log's bytes: batches of records, and the control batches among them.
//!
//! Java reads this log strictly: no keys, no headers, one timestamp for a batch, one record
//! after the other (kraft.md §3.4); so it is written that way.

use crate::model::{LeaderEpoch, NodeId, Offset, TimestampMs};
use crate::protocol::message::Message;
use crate::protocol::message::control_record::{LeaderChangeMessage, Voter};
use crate::protocol::message::metadata_record::{self, MetadataRecord};
use crate::protocol::record::{
    BatchBuilder, BatchError, BatchHeader, BatchSpec, Batches, ControlRecord, Record, RecordParts,
    Records, control_batch,
};
use crate::protocol::wire::{Unencodable, Writer};

/// Most records of one operation: Kafka's bound, so that any Kafka controller can replay it.
pub const RECORDS_PER_OPERATION_MAX: usize = 10_000;
/// Most bytes of one batch.
pub const BATCH_BYTES_MAX: usize = 8 << 20;

/// One batch of the metadata log, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataBatch {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// Leader epoch it was written in.
    pub epoch: LeaderEpoch,
    /// When it was written.
    pub timestamp_ms: TimestampMs,
    /// What it holds.
    pub content: BatchContent,
}

/// What a batch of the metadata log holds.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchContent {
    /// Records of the cluster's state.
    Records(Vec<MetadataRecord>),
    /// Markers of the log itself.
    Control(Vec<Marker>),
}

/// A control record: something the log says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Its type: 2 leader change, 3 and 4 header and footer of a snapshot, 5 and 6 version and
    /// voters of the quorum.
    pub kind: i16,
    /// The message of that type.
    pub value: Vec<u8>,
}

/// Bytes that are no metadata log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchesError {
    /// A batch is damaged or cut off.
    #[error("at byte {position}: {error}")]
    Batch {
        /// Where the batch begins.
        position: usize,
        /// What is wrong with it.
        error: BatchError,
    },
    /// A record is none that this version knows.
    #[error("at offset {offset}: {error}")]
    Record {
        /// The record's offset.
        offset: Offset,
        /// What is wrong with it.
        error: metadata_record::RecordError,
    },
    /// A record of a data batch has no value, or one of a control batch no key.
    #[error("at offset {0}: a record is empty")]
    Empty(Offset),
    /// The batch is compressed or has a form that KRaft does not write.
    #[error("at offset {0}: a batch of the metadata log is never compressed")]
    Compressed(Offset),
}

/// Where a batch goes: the log's end, its epoch and the time.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// The controller's epoch.
    pub epoch: LeaderEpoch,
    /// Now.
    pub now_ms: TimestampMs,
}

/// One record's value, in the version that metadata.version 30 writes.
pub fn encode_record(record: &MetadataRecord) -> Result<Vec<u8>, Unencodable> {
    record.encode(record.schema().versions.last)
}

/// Batches of these records from `position` on, each no larger than [`BATCH_BYTES_MAX`]; with the
/// offset after the last record. One operation is one batch as long as it fits.
pub fn encode_batches(
    records: &[MetadataRecord],
    position: Position,
) -> Result<(Vec<u8>, Offset), Unencodable> {
    let mut bytes = Vec::new();
    let mut next_offset = position.base_offset;
    let mut builder = builder_at(position, next_offset);
    for record in records {
        let value = encode_record(record)?;
        let parts = RecordParts {
            value: Some(&value),
            ..RecordParts::default()
        };
        let grown = builder.plain_bytes_with(position.now_ms, &parts);
        if grown > BATCH_BYTES_MAX && !builder.is_empty() {
            let full = std::mem::replace(&mut builder, builder_at(position, next_offset));
            bytes.extend_from_slice(&full.build());
        }
        builder.append(position.now_ms, &parts);
        next_offset += 1;
    }
    if !builder.is_empty() {
        bytes.extend_from_slice(&builder.build());
    }
    Ok((bytes, next_offset))
}

/// The control batch that a controller writes first in its epoch: it is the only voter, elected
/// by itself.
pub fn leader_change_batch(node: NodeId, position: Position) -> Result<Vec<u8>, Unencodable> {
    let me = || {
        vec![Voter {
            voter_id: node,
            ..Voter::default()
        }]
    };
    let message = LeaderChangeMessage {
        version: 0,
        leader_id: node,
        voters: me(),
        granting_voters: me(),
    };
    let value = encode_control(&message)?;
    let marker = ControlRecord::LeaderChange(&value);
    Ok(control_batch(
        spec(position, position.base_offset),
        position.now_ms,
        &marker,
    ))
}

/// Decodes whole batches, each checked by its checksum. Bytes of a batch that is cut off at the
/// end are an error, too: whoever reads a log trims it first.
pub fn decode_batches(bytes: &[u8]) -> Result<Vec<MetadataBatch>, BatchesError> {
    let mut decoded = Vec::new();
    let mut batches = Batches::new(bytes);
    for batch in batches.by_ref() {
        let at = |error| BatchesError::Batch {
            position: batch.position,
            error,
        };
        batch.verify_crc().map_err(at)?;
        decoded.push(decode_batch(&batch.header, batch.body(), batch.position)?);
    }
    match batches.stopped_by() {
        None => Ok(decoded),
        Some(error) => Err(BatchesError::Batch {
            position: batches.position(),
            error,
        }),
    }
}

/// The value of a control record.
pub(super) fn encode_control<'a, M: Message<'a>>(message: &M) -> Result<Vec<u8>, Unencodable> {
    let mut writer = Writer::new();
    message.encode(&mut writer, 0);
    Ok(writer.finish()?.head)
}

/// What the batches of the metadata log say of themselves.
pub(super) fn spec(position: Position, base_offset: Offset) -> BatchSpec {
    BatchSpec {
        base_offset,
        leader_epoch: position.epoch,
        ..BatchSpec::default()
    }
}

fn builder_at(position: Position, base_offset: Offset) -> BatchBuilder {
    BatchBuilder::new(spec(position, base_offset))
}

fn decode_batch(
    header: &BatchHeader,
    body: &[u8],
    position: usize,
) -> Result<MetadataBatch, BatchesError> {
    if header.attributes.is_compressed() {
        return Err(BatchesError::Compressed(header.base_offset));
    }
    let records = Records::new(*header, body)
        .map(|record| record.map_err(|error| BatchesError::Batch { position, error }));
    let content = if header.is_control() {
        let markers = records.map(|record| marker(&record?));
        BatchContent::Control(markers.collect::<Result<_, _>>()?)
    } else {
        let decoded = records.map(|record| decode_record(&record?));
        BatchContent::Records(decoded.collect::<Result<_, _>>()?)
    };
    Ok(MetadataBatch {
        base_offset: header.base_offset,
        last_offset: header.last_offset(),
        epoch: header.leader_epoch,
        timestamp_ms: header.max_timestamp,
        content,
    })
}

fn marker(record: &Record<'_>) -> Result<Marker, BatchesError> {
    let marker = ControlRecord::parse(record).ok_or(BatchesError::Empty(record.offset))?;
    Ok(Marker {
        kind: marker.kind(),
        value: marker.value().into_owned(),
    })
}

fn decode_record(record: &Record<'_>) -> Result<MetadataRecord, BatchesError> {
    let offset = record.offset;
    let value = record.value.ok_or(BatchesError::Empty(offset))?;
    let decoded = MetadataRecord::decode(value);
    let (record, _version) = decoded.map_err(|error| BatchesError::Record { offset, error })?;
    Ok(record)
}
