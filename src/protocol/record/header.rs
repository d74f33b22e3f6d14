//! The 61-byte header of a batch, and what a broker changes in it.

use crate::model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs};

use super::crc::crc32c;
use super::{BatchError, Codec};

/// Bytes before the records.
pub const BATCH_HEADER_BYTES: usize = 61;
/// Bytes before what the length field counts: base offset and the length itself.
pub const LENGTH_PREFIX_BYTES: usize = 12;
/// The format's number.
pub const MAGIC: i8 = 2;
/// "No timestamp", also the maximum of an empty batch.
pub const NO_TIMESTAMP: TimestampMs = -1;
/// Of a batch that is not idempotent.
pub const NO_PRODUCER_ID: ProducerId = -1;
/// Of a batch that is not idempotent.
pub const NO_PRODUCER_EPOCH: ProducerEpoch = -1;
/// Of a batch that is not idempotent, and of control batches.
pub const NO_SEQUENCE: i32 = -1;
/// Of a batch that no leader has placed yet.
pub const NO_EPOCH: LeaderEpoch = -1;

const BASE_OFFSET: usize = 0;
pub(super) const LENGTH: usize = 8;
const LEADER_EPOCH: usize = 12;
pub(super) const MAGIC_BYTE: usize = 16;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
/// The checksum covers everything from here on.
pub(super) const CHECKED_FROM: usize = ATTRIBUTES;
const LAST_OFFSET_DELTA: usize = 23;
const BASE_TIMESTAMP: usize = 27;
const MAX_TIMESTAMP: usize = 35;
const PRODUCER_ID: usize = 43;
const PRODUCER_EPOCH: usize = 51;
const BASE_SEQUENCE: usize = 53;
const RECORD_COUNT: usize = 57;
const LENGTH_MIN: i32 = (BATCH_HEADER_BYTES - LENGTH_PREFIX_BYTES) as i32;
/// Beyond it the whole batch would not fit Kafka's own 32-bit sizes.
const LENGTH_MAX: i32 = i32::MAX - LENGTH_PREFIX_BYTES as i32;
/// The smallest message of format v0.
pub(super) const OLD_LENGTH_MIN: i32 = 14;

const _: () = assert!(RECORD_COUNT + 4 == BATCH_HEADER_BYTES && LENGTH_MIN == 49);

/// Whose clock a batch's timestamps are from (KIP-32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's, record by record.
    #[default]
    CreateTime,
    /// The broker's at append, one for the whole batch: its maximum timestamp.
    LogAppendTime,
}

/// The attribute bits of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;
    const DEFINED: i16 = 0x7f;

    /// The codec; an error for an id that nobody has defined.
    pub fn codec(self) -> Result<Codec, BatchError> {
        let id = (self.0 & Self::CODEC) as u8;
        Codec::from_id(id).ok_or(BatchError::Codec(id))
    }

    /// Whether any codec is set, known or not.
    pub fn is_compressed(self) -> bool {
        self.0 & Self::CODEC != 0
    }

    /// Whose clock the timestamps are from.
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the records belong to a transaction (KIP-98).
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether this is one of the log's own markers, never shown to consumers.
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp is the time from which tombstones may go (KIP-534).
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// The same without the bits that mean nothing, which Kafka drops whenever it writes them.
    pub fn defined(self) -> Self {
        Self(self.0 & Self::DEFINED)
    }

    /// The same with another codec.
    pub fn with_codec(self, codec: Codec) -> Self {
        Self(self.0 & !Self::CODEC | i16::from(codec.id()))
    }

    /// The same with another timestamp type.
    pub fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(
            Self::LOG_APPEND_TIME,
            timestamp_type == TimestampType::LogAppendTime,
        )
    }

    /// The same, transactional or not.
    pub fn with_transactional(self, transactional: bool) -> Self {
        self.with(Self::TRANSACTIONAL, transactional)
    }

    /// The same, control batch or not.
    pub fn with_control(self, control: bool) -> Self {
        self.with(Self::CONTROL, control)
    }

    /// The same, with a delete horizon for a base timestamp or not.
    pub fn with_delete_horizon(self, delete_horizon: bool) -> Self {
        self.with(Self::DELETE_HORIZON, delete_horizon)
    }

    fn with(self, bit: i16, set: bool) -> Self {
        Self(if set { self.0 | bit } else { self.0 & !bit })
    }
}

/// The header of a batch, all fields as they stand there (the magic is always 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record the batch was made with.
    pub base_offset: Offset,
    /// Bytes after the length field, at least 49.
    pub length: i32,
    /// Leadership under which the batch was appended; −1 from producers.
    pub leader_epoch: LeaderEpoch,
    /// CRC-32C from the attributes to the end.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: Attributes,
    /// Last offset minus base offset; compaction keeps it even if the last record goes.
    pub last_offset_delta: i32,
    /// What the records' timestamps are relative to.
    pub base_timestamp: TimestampMs,
    /// The highest timestamp of the records, −1 if there is none.
    pub max_timestamp: TimestampMs,
    /// The idempotent producer, or −1.
    pub producer_id: ProducerId,
    /// Its incarnation, or −1.
    pub producer_epoch: ProducerEpoch,
    /// The producer's number of the first record, or −1.
    pub base_sequence: i32,
    /// How many records follow; 0 only after compaction.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`; the records need not be there.
    ///
    /// Checked: the header is whole, the length leaves room for it, the magic is 2. Nothing else:
    /// codec, counts and checksum may still be wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        if bytes.len() > MAGIC_BYTE {
            check_length_and_magic(i32_at(bytes, LENGTH), bytes[MAGIC_BYTE] as i8)?;
        }
        let Some(bytes) = bytes.first_chunk::<BATCH_HEADER_BYTES>() else {
            return Err(BatchError::Truncated {
                have: bytes.len(),
                need: BATCH_HEADER_BYTES,
            });
        };
        Ok(Self {
            base_offset: i64_at(bytes, BASE_OFFSET),
            length: i32_at(bytes, LENGTH),
            leader_epoch: i32_at(bytes, LEADER_EPOCH),
            crc: i32_at(bytes, CRC) as u32,
            attributes: Attributes(i16_at(bytes, ATTRIBUTES)),
            last_offset_delta: i32_at(bytes, LAST_OFFSET_DELTA),
            base_timestamp: i64_at(bytes, BASE_TIMESTAMP),
            max_timestamp: i64_at(bytes, MAX_TIMESTAMP),
            producer_id: i64_at(bytes, PRODUCER_ID),
            producer_epoch: i16_at(bytes, PRODUCER_EPOCH),
            base_sequence: i32_at(bytes, BASE_SEQUENCE),
            record_count: i32_at(bytes, RECORD_COUNT),
        })
    }

    /// The header's own bytes.
    pub fn to_bytes(&self) -> [u8; BATCH_HEADER_BYTES] {
        let mut out = [0; BATCH_HEADER_BYTES];
        put(&mut out, BASE_OFFSET, &self.base_offset.to_be_bytes());
        put(&mut out, LENGTH, &self.length.to_be_bytes());
        put(&mut out, LEADER_EPOCH, &self.leader_epoch.to_be_bytes());
        put(&mut out, MAGIC_BYTE, &MAGIC.to_be_bytes());
        put(&mut out, CRC, &self.crc.to_be_bytes());
        put(&mut out, ATTRIBUTES, &self.attributes.0.to_be_bytes());
        put(
            &mut out,
            LAST_OFFSET_DELTA,
            &self.last_offset_delta.to_be_bytes(),
        );
        put(&mut out, BASE_TIMESTAMP, &self.base_timestamp.to_be_bytes());
        put(&mut out, MAX_TIMESTAMP, &self.max_timestamp.to_be_bytes());
        put(&mut out, PRODUCER_ID, &self.producer_id.to_be_bytes());
        put(&mut out, PRODUCER_EPOCH, &self.producer_epoch.to_be_bytes());
        put(&mut out, BASE_SEQUENCE, &self.base_sequence.to_be_bytes());
        put(&mut out, RECORD_COUNT, &self.record_count.to_be_bytes());
        out
    }

    /// Bytes of the whole batch, header and prefix included.
    pub fn size_bytes(&self) -> usize {
        self.length as usize + LENGTH_PREFIX_BYTES
    }

    /// Offset of the last record the batch was made with.
    pub fn last_offset(&self) -> Offset {
        self.base_offset.wrapping_add(self.last_offset_delta.into())
    }

    /// Offset of the record after this batch.
    pub fn next_offset(&self) -> Offset {
        self.last_offset().wrapping_add(1)
    }

    /// How the records are compressed.
    pub fn codec(&self) -> Result<Codec, BatchError> {
        self.attributes.codec()
    }

    /// Whose clock the timestamps are from.
    pub fn timestamp_type(&self) -> TimestampType {
        self.attributes.timestamp_type()
    }

    /// Whether the records belong to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes.is_transactional()
    }

    /// Whether this is a control batch.
    pub fn is_control(&self) -> bool {
        self.attributes.is_control()
    }

    /// Whether an idempotent producer sent it.
    pub fn has_producer(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// The producer's number of the last record, or −1.
    pub fn last_sequence(&self) -> i32 {
        match self.base_sequence {
            NO_SEQUENCE => NO_SEQUENCE,
            base => increment_sequence(base, self.last_offset_delta),
        }
    }

    /// The number the producer's next batch must begin with; 0 follows 2³¹ − 1.
    pub fn next_sequence(&self) -> i32 {
        increment_sequence(self.last_sequence(), 1)
    }
}

/// A sequence number further by `increment` (not negative), wrapping from 2³¹ − 1 to 0.
pub fn increment_sequence(sequence: i32, increment: i32) -> i32 {
    sequence.wrapping_add(increment) & i32::MAX
}

/// Places a batch in its partition. Neither field is covered by the checksum.
///
/// `batch` begins at the header and holds at least its first 16 bytes.
pub fn stamp(batch: &mut [u8], base_offset: Offset, leader_epoch: LeaderEpoch) {
    put(batch, BASE_OFFSET, &base_offset.to_be_bytes());
    put(batch, LEADER_EPOCH, &leader_epoch.to_be_bytes());
}

/// Gives a whole batch the broker's time: timestamp type, maximum timestamp, checksum again.
pub fn stamp_log_append_time(batch: &mut [u8], now_ms: TimestampMs) {
    stamp_max_timestamp(batch, TimestampType::LogAppendTime, now_ms);
}

/// Sets timestamp type and maximum timestamp of exactly one whole batch, and its checksum again.
///
/// Nothing is written if nothing changes, so that a damaged batch keeps its wrong checksum.
pub fn stamp_max_timestamp(
    batch: &mut [u8],
    timestamp_type: TimestampType,
    max_timestamp: TimestampMs,
) {
    let before = Attributes(i16_at(batch, ATTRIBUTES));
    let same_time = i64_at(batch, MAX_TIMESTAMP) == max_timestamp;
    if before.timestamp_type() == timestamp_type && same_time {
        return;
    }
    let after = before.defined().with_timestamp_type(timestamp_type);
    put(batch, ATTRIBUTES, &after.0.to_be_bytes());
    put(batch, MAX_TIMESTAMP, &max_timestamp.to_be_bytes());
    let _crc = seal(batch);
}

/// Writes the header into the room kept for it before the records of exactly one whole batch, with
/// the checksum of what is there, and gives that checksum.
pub fn write_header(batch: &mut [u8], header: &BatchHeader) -> u32 {
    put(batch, 0, &header.to_bytes());
    seal(batch)
}

/// Computes the checksum of exactly one whole batch and writes it into the header.
fn seal(batch: &mut [u8]) -> u32 {
    // Over the whole again: combining old and new parts takes five times as long at 1 MB.
    let crc = crc32c(&batch[CHECKED_FROM..]);
    put(batch, CRC, &crc.to_be_bytes());
    crc
}

/// Whether the checksum of exactly one whole batch is right.
pub fn verify_crc(batch: &[u8]) -> Result<(), BatchError> {
    let Some(checked) = batch.get(CHECKED_FROM..) else {
        return Err(BatchError::Truncated {
            have: batch.len(),
            need: BATCH_HEADER_BYTES,
        });
    };
    let stored = i32_at(batch, CRC) as u32;
    let computed = crc32c(checked);
    if stored == computed {
        Ok(())
    } else {
        Err(BatchError::Crc { stored, computed })
    }
}

/// The length is looked at twice so that old formats, whose batches may be shorter, are named.
fn check_length_and_magic(length: i32, magic: i8) -> Result<(), BatchError> {
    if length < OLD_LENGTH_MIN {
        return Err(BatchError::Length(length));
    }
    if magic != MAGIC {
        return Err(BatchError::Magic(magic));
    }
    if (LENGTH_MIN..=LENGTH_MAX).contains(&length) {
        Ok(())
    } else {
        Err(BatchError::Length(length))
    }
}

#[inline]
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("the header is whole")
}

#[inline]
fn i16_at(bytes: &[u8], at: usize) -> i16 {
    i16::from_be_bytes(array_at(bytes, at))
}

#[inline]
pub(super) fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(array_at(bytes, at))
}

#[inline]
fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(array_at(bytes, at))
}

#[inline]
fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}
