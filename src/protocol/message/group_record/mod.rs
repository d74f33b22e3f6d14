//! Records of `__consumer_offsets`: what a group coordinator keeps of its groups.
//!
//! A record's key is its type, 16 bits, and the key's fields, never flexible; its value is the
//! value's version, 16 bits, and the value's fields. A null value, a tombstone, says that nothing
//! is kept under the key any more. Versions stay as they are; new fields come as tagged ones, so
//! that an older broker can still read the records (KIP-915).

pub mod classic;
pub mod consumer;
pub mod offset;

use super::Message;
use crate::protocol::schema::Schema;

macro_rules! schemas_of {
    ($($module:ident: $($message:ident),*;)*) => {
        /// The tables of all keys and values.
        pub const SCHEMAS: &[&Schema] =
            &[$($(<$module::$message as Message>::SCHEMA,)*)*];
    };
}

schemas_of! {
    offset: LegacyOffsetCommitKey, LegacyOffsetCommitValue, OffsetCommitKey, OffsetCommitValue;
    classic: GroupMetadataKey, GroupMetadataValue;
    consumer: ConsumerGroupMetadataKey, ConsumerGroupMetadataValue,
        ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue,
        ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue,
        ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue,
        ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue,
        ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
        ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue;
}
