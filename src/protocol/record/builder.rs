//! Making batches: by clients, by the metadata log, and for tests.

use crate::model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs};

use super::compression::Compressor;
use super::control::ControlRecord;
use super::header::write_header;
use super::records::{put_record, record_bytes};
use super::{
    Attributes, BATCH_HEADER_BYTES, BatchHeader, Compression, LENGTH_PREFIX_BYTES, NO_EPOCH,
    NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, RecordParts, TimestampType,
};

/// What a batch says of itself beside its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSpec {
    /// Offset of the first record; 0 from producers.
    pub base_offset: Offset,
    /// Leadership that writes it; −1 from producers.
    pub leader_epoch: LeaderEpoch,
    /// How the records are compressed.
    pub compression: Compression,
    /// Whose clock the timestamps are from.
    pub timestamp_type: TimestampType,
    /// The idempotent producer, or −1.
    pub producer_id: ProducerId,
    /// Its incarnation, or −1.
    pub producer_epoch: ProducerEpoch,
    /// Its number of the first record, or −1.
    pub base_sequence: i32,
    /// Whether the records belong to a transaction.
    pub transactional: bool,
    /// Whether the records are the log's own markers.
    pub control: bool,
}

impl Default for BatchSpec {
    /// What a plain producer sends: offset 0, no epoch, no compression, not idempotent.
    fn default() -> Self {
        Self {
            base_offset: 0,
            leader_epoch: NO_EPOCH,
            compression: Compression::default(),
            timestamp_type: TimestampType::CreateTime,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            transactional: false,
            control: false,
        }
    }
}

/// Collects records into one batch, compressing as they come.
#[derive(Debug)]
pub struct BatchBuilder {
    spec: BatchSpec,
    body: Compressor,
    /// One record at a time, before it is compressed.
    record: Vec<u8>,
    plain_bytes: usize,
    record_count: i32,
    base_timestamp: TimestampMs,
    max_timestamp: TimestampMs,
}

impl BatchBuilder {
    /// An empty batch.
    pub fn new(spec: BatchSpec) -> Self {
        Self {
            spec,
            body: Compressor::new(spec.compression, vec![0; BATCH_HEADER_BYTES]),
            record: Vec::new(),
            plain_bytes: BATCH_HEADER_BYTES,
            record_count: 0,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
        }
    }

    /// Adds a record at the next offset.
    pub fn append(&mut self, timestamp: TimestampMs, record: &RecordParts<'_>) {
        if self.record_count == 0 {
            self.base_timestamp = timestamp;
        }
        self.record.clear();
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        put_record(&mut self.record, timestamp_delta, self.record_count, record);
        self.body.write(&self.record);
        self.plain_bytes += self.record.len();
        self.record_count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
    }

    /// How many records there are.
    pub fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Whether there is no record yet.
    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// Bytes of the batch without compression; exact if it has no codec.
    pub fn plain_bytes(&self) -> usize {
        self.plain_bytes
    }

    /// Bytes of the batch without compression if this record were in it too.
    pub fn plain_bytes_with(&self, timestamp: TimestampMs, record: &RecordParts<'_>) -> usize {
        let base_timestamp = match self.record_count {
            0 => timestamp,
            _ => self.base_timestamp,
        };
        let timestamp_delta = timestamp.wrapping_sub(base_timestamp);
        self.plain_bytes + record_bytes(timestamp_delta, self.record_count, record)
    }

    /// The batch, checksum and all.
    ///
    /// # Panics
    /// If no record was appended: a producer has no empty batches.
    pub fn build(self) -> Vec<u8> {
        assert!(self.record_count > 0, "a batch has records");
        let header = self.header();
        let mut bytes = self.body.finish();
        let length = (bytes.len() - LENGTH_PREFIX_BYTES) as i32;
        let _crc = write_header(&mut bytes, &BatchHeader { length, ..header });
        bytes
    }

    fn header(&self) -> BatchHeader {
        let spec = &self.spec;
        BatchHeader {
            base_offset: spec.base_offset,
            length: 0,
            leader_epoch: spec.leader_epoch,
            crc: 0,
            attributes: Attributes::default()
                .with_codec(spec.compression.codec)
                .with_timestamp_type(spec.timestamp_type)
                .with_transactional(spec.transactional)
                .with_control(spec.control),
            last_offset_delta: self.record_count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: spec.producer_id,
            producer_epoch: spec.producer_epoch,
            base_sequence: spec.base_sequence,
            record_count: self.record_count,
        }
    }
}

/// A batch of the records given, all with one timestamp.
pub fn build_batch<'a>(
    spec: BatchSpec,
    timestamp: TimestampMs,
    records: impl IntoIterator<Item = RecordParts<'a>>,
) -> Vec<u8> {
    let mut builder = BatchBuilder::new(spec);
    for record in records {
        builder.append(timestamp, &record);
    }
    builder.build()
}

/// A control batch of one marker; `spec.control` is set, and compression left out, by itself.
pub fn control_batch(
    spec: BatchSpec,
    timestamp: TimestampMs,
    marker: &ControlRecord<'_>,
) -> Vec<u8> {
    let spec = BatchSpec {
        control: true,
        compression: Compression::default(),
        ..spec
    };
    let (key, value) = (marker.key(), marker.value());
    let record = RecordParts {
        key: Some(&key),
        value: Some(&value),
        headers: &[],
    };
    build_batch(spec, timestamp, [record])
}
