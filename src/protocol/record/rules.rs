//! What a topic asks of a batch, and the checks that need no look at the records.

use crate::model::TimestampMs;

use super::header::{LENGTH, MAGIC_BYTE, OLD_LENGTH_MIN, i32_at};
use super::rejection::{InvalidBatch, RecordError};
use super::{
    Attributes, Batch, BatchError, BatchHeader, Codec, Compression, LENGTH_PREFIX_BYTES, MAGIC,
    TimestampType,
};

/// From this version of Produce on, zstd may be used (KIP-110).
const ZSTD_PRODUCE_VERSION: i16 = 7;

/// What a topic asks of a batch, and what the request was.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// `max.message.bytes`: the largest batch, header and length prefix included.
    pub max_message_bytes: usize,
    /// Version of the Produce request.
    pub produce_version: i16,
    /// Whether the topic is compacted, so that every record needs a key.
    pub compacted: bool,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how old a record may be.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far in the future a record may be (KIP-937).
    pub timestamp_after_max_ms: i64,
    /// The broker's clock.
    pub now_ms: TimestampMs,
    /// `compression.type` and its level.
    pub compression: TargetCompression,
    /// klamm's own bound on what one batch may decompress to.
    pub decompressed_bytes_max: usize,
}

/// How the topic wants its batches compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetCompression {
    /// As the producer sent them.
    #[default]
    Producer,
    /// With this codec: batches of another one are compressed anew.
    Fixed(Compression),
}

/// The one whole batch of the field. As in Kafka an incomplete batch behind it is cut off.
pub(super) fn only_batch<'a>(records: &'a [u8], rules: &Rules) -> Result<Batch<'a>, RecordError> {
    let header = BatchHeader::parse(records).map_err(|error| match error {
        BatchError::Truncated { .. } => InvalidBatch::NoBatch.into(),
        BatchError::Magic(magic @ 0..=1) => InvalidBatch::OldMagic(magic).into(),
        error => RecordError::Corrupt(error),
    })?;
    let Some((bytes, rest)) = records.split_at_checked(header.size_bytes()) else {
        return Err(InvalidBatch::NoBatch.into());
    };
    if rules.produce_version < ZSTD_PRODUCE_VERSION && header.codec() == Ok(Codec::Zstd) {
        return Err(RecordError::ZstdTooEarly {
            produce_version: rules.produce_version,
        });
    }
    check_no_second(rest)?;
    Ok(Batch {
        position: 0,
        header,
        bytes,
    })
}

pub(super) fn check_size(size_bytes: usize, rules: &Rules) -> Result<(), RecordError> {
    let max_message_bytes = rules.max_message_bytes;
    if size_bytes <= max_message_bytes {
        Ok(())
    } else {
        Err(RecordError::TooLarge {
            size_bytes,
            max_message_bytes,
        })
    }
}

pub(super) fn known_codec(attributes: Attributes) -> Result<Codec, RecordError> {
    attributes.codec().map_err(|error| match error {
        BatchError::Codec(id) => RecordError::UnknownCodec(id),
        other => RecordError::Corrupt(other),
    })
}

pub(super) fn check_header(header: &BatchHeader) -> Result<(), InvalidBatch> {
    if header.last_offset_delta < 0 {
        return Err(InvalidBatch::LastOffsetDelta(header.last_offset_delta));
    }
    if header.record_count <= 0 {
        return Err(InvalidBatch::RecordCount(header.record_count));
    }
    if header.last_offset_delta != header.record_count - 1 {
        return Err(InvalidBatch::CountMismatch {
            last_offset_delta: header.last_offset_delta,
            record_count: header.record_count,
        });
    }
    if header.is_control() {
        return Err(InvalidBatch::ControlBatch);
    }
    if header.has_producer() && header.base_sequence < 0 {
        return Err(InvalidBatch::Sequence {
            producer_id: header.producer_id,
            base_sequence: header.base_sequence,
        });
    }
    Ok(())
}

/// Whether what follows the one batch of a request is too little to be another, as Kafka counts.
fn check_no_second(rest: &[u8]) -> Result<(), RecordError> {
    if rest.len() < LENGTH_PREFIX_BYTES {
        return Ok(());
    }
    let length = i32_at(rest, LENGTH);
    if length < OLD_LENGTH_MIN {
        return Err(RecordError::Corrupt(BatchError::Length(length)));
    }
    let Some(magic) = rest.get(MAGIC_BYTE) else {
        return Ok(());
    };
    if *magic as i8 != MAGIC && *magic > 1 {
        return Err(RecordError::Corrupt(BatchError::Magic(*magic as i8)));
    }
    if rest.len() - LENGTH_PREFIX_BYTES < length as usize {
        return Ok(());
    }
    Err(InvalidBatch::MoreThanOneBatch.into())
}
