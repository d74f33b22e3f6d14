//! From our errors to Kafka's codes: the one place where that is decided.
//!
//! A code is chosen by what clients do with it. No arm stands for "the rest": a new error has to
//! be given its code here before it compiles.

use crate::partition::PartitionError;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::record::RecordError;

/// What a client is told of a partition's refusal.
///
/// `NoMemory` is NOT_ENOUGH_REPLICAS: of the retriable codes it is the one that both the Java
/// client and librdkafka take as "nothing was written, the leader is right, try again soon".
/// `Storage` and `ShuttingDown` are codes after which both ask for the metadata anew before they
/// try again.
pub(super) fn of_partition(error: PartitionError) -> ErrorCode {
    match error {
        PartitionError::Unknown => ErrorCode::UnknownTopicOrPartition,
        PartitionError::Storage => ErrorCode::KafkaStorageError,
        PartitionError::NoMemory => ErrorCode::NotEnoughReplicas,
        PartitionError::TooLarge => ErrorCode::RecordListTooLarge,
        PartitionError::FencedLeaderEpoch => ErrorCode::FencedLeaderEpoch,
        PartitionError::UnknownLeaderEpoch => ErrorCode::UnknownLeaderEpoch,
        PartitionError::OffsetOutOfRange => ErrorCode::OffsetOutOfRange,
        PartitionError::OutOfOrderSequence => ErrorCode::OutOfOrderSequenceNumber,
        PartitionError::InvalidProducerEpoch => ErrorCode::InvalidProducerEpoch,
        PartitionError::ShuttingDown => ErrorCode::NotLeaderOrFollower,
    }
}

/// What a producer is told of a batch that validation refused.
pub(super) fn of_record(error: &RecordError) -> ErrorCode {
    match error {
        RecordError::Corrupt(_) => ErrorCode::CorruptMessage,
        RecordError::TooLarge { .. } | RecordError::TooLargeDecompressed { .. } => {
            ErrorCode::MessageTooLarge
        }
        RecordError::ZstdTooEarly { .. } | RecordError::UnknownCodec(_) => {
            ErrorCode::UnsupportedCompressionType
        }
        RecordError::Invalid(_) => ErrorCode::InvalidRecord,
        RecordError::Rejected(rejected) if rejected.invalid_timestamp => {
            ErrorCode::InvalidTimestamp
        }
        RecordError::Rejected(_) => ErrorCode::InvalidRecord,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_retriable_and_what_may_not_is_not() {
        for passing in [
            PartitionError::Unknown,
            PartitionError::Storage,
            PartitionError::NoMemory,
            PartitionError::ShuttingDown,
        ] {
            assert!(of_partition(passing).is_retriable(), "{passing}");
        }
        for lasting in [
            PartitionError::TooLarge,
            PartitionError::InvalidProducerEpoch,
        ] {
            assert!(!of_partition(lasting).is_retriable(), "{lasting}");
        }
    }
}
