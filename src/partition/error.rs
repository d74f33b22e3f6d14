//! Why a partition refuses.

use crate::log::{AppendError, ReadError, SequenceError};

/// Why a partition refuses a request; the broker has one map of it to Kafka's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// No such partition on this core: deleted, or never there.
    #[error("the partition does not exist")]
    Unknown,
    /// A write or sync failed earlier, or the disk is full.
    #[error("the partition takes no appends: its storage failed or is full")]
    Storage,
    /// The core's memory is used up by what is not yet on disk.
    #[error("the core's memory is full of records that are not yet on disk")]
    NoMemory,
    /// Larger than a segment.
    #[error("the batch is larger than a segment")]
    TooLarge,
    /// The client's leader epoch is an old one.
    #[error("the leader epoch is older than the current one")]
    FencedLeaderEpoch,
    /// The client's leader epoch is not known here yet.
    #[error("the leader epoch is newer than the current one")]
    UnknownLeaderEpoch,
    /// The offset lies outside of the log.
    #[error("the offset is outside of the log")]
    OffsetOutOfRange,
    /// The sequence does not follow the producer's last one.
    #[error("the producer's sequence has a gap")]
    OutOfOrderSequence,
    /// A newer incarnation of the producer has written.
    #[error("a newer epoch of the producer has written already")]
    InvalidProducerEpoch,
    /// The core that owns the partition is shutting down.
    #[error("the broker is shutting down")]
    ShuttingDown,
}

impl From<SequenceError> for PartitionError {
    fn from(error: SequenceError) -> Self {
        match error {
            SequenceError::OutOfOrder { .. } => Self::OutOfOrderSequence,
            SequenceError::InvalidEpoch { .. } => Self::InvalidProducerEpoch,
        }
    }
}

impl From<AppendError> for PartitionError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Offline | AppendError::DiskFull => Self::Storage,
            AppendError::NoMemory => Self::NoMemory,
            AppendError::TooLarge { .. } => Self::TooLarge,
        }
    }
}

impl From<&ReadError> for PartitionError {
    fn from(error: &ReadError) -> Self {
        match error {
            ReadError::OutOfRange { .. } => Self::OffsetOutOfRange,
            ReadError::Gone | ReadError::Io { .. } | ReadError::Corrupt { .. } => Self::Storage,
        }
    }
}
