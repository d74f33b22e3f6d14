//! Why a produced batch was refused, as far as Kafka's answer tells causes apart.

use std::fmt;

use thiserror::Error;

use crate::model::{Offset, ProducerId, TimestampMs};

use super::{BatchError, Codec};

/// So many rejected records are told one by one; the rest is counted.
const LISTED_MAX: usize = 100;

/// Why a produced batch was refused. Each variant says which code Kafka answers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// CORRUPT_MESSAGE (retriable): damaged on its way.
    #[error("{0}")]
    Corrupt(BatchError),
    /// MESSAGE_TOO_LARGE: above the topic's `max.message.bytes`; producers split and try again.
    #[error("batch of {size_bytes} bytes exceeds max.message.bytes = {max_message_bytes}")]
    TooLarge {
        /// The whole batch, as sent or as compressed anew.
        size_bytes: usize,
        /// The topic's bound.
        max_message_bytes: usize,
    },
    /// MESSAGE_TOO_LARGE: klamm's own bound; a smaller batch stays below it.
    #[error("batch decompresses to more than {bytes_max} bytes")]
    TooLargeDecompressed {
        /// The bound.
        bytes_max: usize,
    },
    /// UNSUPPORTED_COMPRESSION_TYPE: zstd before Produce v7.
    #[error("zstd needs Produce v7, the request is v{produce_version}")]
    ZstdTooEarly {
        /// What the request was.
        produce_version: i16,
    },
    /// UNSUPPORTED_COMPRESSION_TYPE (Kafka: UNKNOWN_SERVER_ERROR): a codec nobody has defined.
    #[error("unknown compression codec {0}")]
    UnknownCodec(u8),
    /// INVALID_RECORD: the batch as a whole is not what a producer may send.
    #[error("{0}")]
    Invalid(#[from] InvalidBatch),
    /// INVALID_RECORD or INVALID_TIMESTAMP, with the records that are at fault.
    #[error("{0}")]
    Rejected(RejectedRecords),
}

/// What is wrong with a batch as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidBatch {
    /// Nothing, or not even one whole batch.
    #[error("no whole record batch")]
    NoBatch,
    /// A message set of before KIP-98; clients since 2017 send batches.
    #[error("message format v{0} is no longer accepted")]
    OldMagic(i8),
    /// A partition gets one batch per request.
    #[error("more than one record batch")]
    MoreThanOneBatch,
    /// Offsets are the broker's to give.
    #[error("base offset {0} is not 0")]
    BaseOffset(Offset),
    /// The batch would end before it begins.
    #[error("last offset delta {0} is negative")]
    LastOffsetDelta(i32),
    /// No record, or fewer.
    #[error("record count {0} is not positive")]
    RecordCount(i32),
    /// Count and offsets tell different numbers of records.
    #[error("last offset delta {last_offset_delta} does not fit {record_count} records")]
    CountMismatch {
        /// What the offsets say, plus one.
        last_offset_delta: i32,
        /// What the count says.
        record_count: i32,
    },
    /// Markers are the broker's to write.
    #[error("control batches are not for clients to write")]
    ControlBatch,
    /// An idempotent producer numbers its batches.
    #[error("producer {producer_id} sent no sequence number but {base_sequence}")]
    Sequence {
        /// Who sent it.
        producer_id: ProducerId,
        /// What it sent.
        base_sequence: i32,
    },
    /// Records that do not end where they say, or not as many as the header counts.
    #[error("{0}")]
    Malformed(BatchError),
    /// A record's offset is not that of its place.
    #[error("record {index} has offset delta {offset_delta}")]
    OffsetDelta {
        /// The record's place.
        index: i32,
        /// What it says.
        offset_delta: i32,
    },
    /// The body is not what its codec allows.
    #[error("{0} data is malformed")]
    Compression(Codec),
    /// An lz4 frame whose blocks refer to each other: Java consumers could not read it.
    #[error("lz4 frame of dependent blocks")]
    DependentBlocks,
}

/// The records for which a batch was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRecords {
    /// Whether any of them was refused for its timestamp: the code is INVALID_TIMESTAMP then.
    pub invalid_timestamp: bool,
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub listed: Vec<RejectedRecord>,
}

impl fmt::Display for RejectedRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records are not acceptable", self.count)?;
        let first = self.listed.first();
        first.map_or(Ok(()), |record| {
            write!(f, ", the first at {}: {}", record.index, record.fault)
        })
    }
}

/// One record that was refused (`RecordErrors` of the answer, KIP-467).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Its place in the batch.
    pub index: i32,
    /// Why; its text is the answer's message.
    pub fault: RecordFault,
}

/// Why one record was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordFault {
    /// A compacted topic keeps records by their keys.
    #[error("a compacted topic takes no record without a key")]
    NoKey,
    /// Too old, or too far in the future.
    #[error("timestamp {timestamp} is not within {earliest} and {latest}")]
    Timestamp {
        /// The record's.
        timestamp: TimestampMs,
        /// The earliest allowed.
        earliest: TimestampMs,
        /// The latest allowed.
        latest: TimestampMs,
    },
    /// The broker's time is the broker's to give.
    #[error("a producer may not set the timestamp type LogAppendTime")]
    LogAppendTime,
}

/// Collects rejected records, bounded however many there are.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    invalid_timestamp: bool,
    count: usize,
    listed: Vec<RejectedRecord>,
}

impl Rejections {
    #[cold]
    pub(super) fn add(&mut self, index: i32, fault: RecordFault) {
        self.invalid_timestamp |= fault != RecordFault::NoKey;
        self.count += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(RejectedRecord { index, fault });
        }
    }

    pub(super) fn into_error(self) -> Option<RecordError> {
        (self.count > 0).then_some(RecordError::Rejected(RejectedRecords {
            invalid_timestamp: self.invalid_timestamp,
            count: self.count,
            listed: self.listed,
        }))
    }
}
