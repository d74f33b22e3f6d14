//! The records that a group's state is made of, as bytes of `__consumer_offsets` and back.
//!
//! Written are the versions that Kafka 4.3 writes, so that it can take over the topic; read is
//! every version that it reads. Pure: batches and offsets are the caller's.

use crate::protocol::message::Message;
use crate::protocol::message::group_record::classic::{GroupMetadataKey, GroupMetadataValue};
use crate::protocol::message::group_record::consumer::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey,
    ConsumerGroupPartitionMetadataValue, ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue,
};
use crate::protocol::message::group_record::offset::{
    LegacyOffsetCommitKey, LegacyOffsetCommitValue, OffsetCommitKey, OffsetCommitValue,
};
use crate::protocol::schema::Schema;
use crate::protocol::wire::{Malformed, Reader, Unencodable, Writer};

/// The one version that keys have.
const KEY_VERSION: i16 = 0;
/// The one version of [`OffsetCommitValue`] that has a time of expiry.
const EXPIRING_OFFSET_VERSION: i16 = 1;
const NO_TIMESTAMP: i64 = -1;

/// Declares the records and how each is told from its type.
macro_rules! group_records {
    ($($(#[$doc:meta])* $variant:ident = $key:ident, $value:ident;)*) => {
        /// One record of a group's state.
        #[derive(Clone, Debug, PartialEq)]
        pub enum GroupRecord {
            $(
                $(#[$doc])*
                $variant {
                    /// What the record is about.
                    key: $key,
                    /// What holds from here on; `None`, a tombstone, if nothing does any more.
                    value: Option<$value>,
                },
            )*
        }

        impl GroupRecord {
            /// The table of the record's value; its number is the record's type.
            pub fn schema(&self) -> &'static Schema {
                match self {
                    $(Self::$variant { .. } => <$value as Message>::SCHEMA,)*
                }
            }

            /// Whether nothing holds any more of what it is about.
            pub fn is_tombstone(&self) -> bool {
                match self {
                    $(Self::$variant { value, .. } => value.is_none(),)*
                }
            }

            fn encode_in(
                &self,
                version: i16,
            ) -> Result<(Vec<u8>, Option<Vec<u8>>), Unencodable> {
                match self {
                    $(Self::$variant { key, value } => encode_pair(key, value.as_ref(), version),)*
                }
            }

            /// The record of this type; `None` for a type that is not in the list.
            fn decode_listed(
                kind: i16,
                key: &mut Reader<'_>,
                value: Option<&[u8]>,
            ) -> Result<Option<Self>, RecordError> {
                match kind {
                    $(<$key as Message>::KEY => {
                        let (key, value) = decode_pair(key, value)?;
                        Ok(Some(Self::$variant { key, value }))
                    })*
                    _ => Ok(None),
                }
            }
        }
    };
}

group_records! {
    /// How far a group has consumed a partition (type 1; read from type 0, too).
    OffsetCommit = OffsetCommitKey, OffsetCommitValue;
    /// A classic group and its members (type 2).
    GroupMetadata = GroupMetadataKey, GroupMetadataValue;
    /// A consumer group's epoch (type 3, KIP-848).
    ConsumerGroupMetadata = ConsumerGroupMetadataKey, ConsumerGroupMetadataValue;
    /// The topics a consumer group is subscribed to (type 4), no longer written by Kafka.
    ConsumerGroupPartitionMetadata =
        ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue;
    /// A consumer group's member (type 5).
    ConsumerGroupMemberMetadata =
        ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue;
    /// The epoch of a consumer group's target assignment (type 6).
    ConsumerGroupTargetAssignmentMetadata =
        ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue;
    /// The partitions a member shall have (type 7).
    ConsumerGroupTargetAssignmentMember =
        ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue;
    /// The partitions a member has (type 8).
    ConsumerGroupCurrentMemberAssignment =
        ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue;
    /// The topics a regular expression stands for (type 16).
    ConsumerGroupRegularExpression =
        ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue;
}

/// What a record of `__consumer_offsets` turned out to be.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "it lives from the log to the replay; a box would cost every record an allocation"
)]
pub enum Decoded {
    /// One that is part of a group's state.
    Record(GroupRecord),
    /// One of this type, of which we know nothing: share and streams groups, or a later Kafka's.
    /// Kafka passes over what it does not know, and so must whoever loads groups.
    UnknownType(i16),
}

/// A record of a known type that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The key does not hold what its type says, or is too short to have one.
    #[error("key of a group record: {0}")]
    Key(Malformed),
    /// The value does not hold what its version says, or is too short to have one.
    #[error("value of a group record of type {kind}: {error}")]
    Value {
        /// The record's type.
        kind: i16,
        /// What is wrong; positions count from the value's first byte.
        error: Malformed,
    },
    /// A version of a later Kafka.
    #[error("version {version} of group record type {kind} is not known")]
    UnknownVersion {
        /// The record's type.
        kind: i16,
        /// Its value's version.
        version: i16,
    },
}

impl GroupRecord {
    /// The group that it is about.
    pub fn group(&self) -> &str {
        match self {
            Self::OffsetCommit { key, .. } => &key.group,
            Self::GroupMetadata { key, .. } => &key.group,
            Self::ConsumerGroupMetadata { key, .. } => &key.group_id,
            Self::ConsumerGroupPartitionMetadata { key, .. } => &key.group_id,
            Self::ConsumerGroupMemberMetadata { key, .. } => &key.group_id,
            Self::ConsumerGroupTargetAssignmentMetadata { key, .. } => &key.group_id,
            Self::ConsumerGroupTargetAssignmentMember { key, .. } => &key.group_id,
            Self::ConsumerGroupCurrentMemberAssignment { key, .. } => &key.group_id,
            Self::ConsumerGroupRegularExpression { key, .. } => &key.group_id,
        }
    }

    /// The record's key, and its value unless it is a tombstone.
    ///
    /// Fails if a text is longer than Kafka's 32,767 bytes: a member id may be, which is made from
    /// a client's own id.
    pub fn encode(&self) -> Result<(Vec<u8>, Option<Vec<u8>>), Unencodable> {
        self.encode_in(self.written_version())
    }

    /// Reads a record, whose key and value must be nothing but the record.
    ///
    /// Whatever the bytes are, no more memory is taken than [`Reader`] allows for them.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Decoded, RecordError> {
        let mut r = Reader::new(key);
        let kind = r
            .array()
            .map(i16::from_be_bytes)
            .map_err(RecordError::Key)?;
        let record = match kind {
            <LegacyOffsetCommitKey as Message>::KEY => Some(legacy_offset_commit(&mut r, value)?),
            kind => Self::decode_listed(kind, &mut r, value)?,
        };
        Ok(record.map_or(Decoded::UnknownType(kind), Decoded::Record))
    }

    /// The last version, except where an older one says more.
    fn written_version(&self) -> i16 {
        match self {
            Self::OffsetCommit {
                value: Some(value), ..
            } if value.expire_timestamp != NO_TIMESTAMP => EXPIRING_OFFSET_VERSION,
            record => record.schema().versions.last,
        }
    }
}

fn encode_pair<'k, 'v, K: Message<'k>, V: Message<'v>>(
    key: &K,
    value: Option<&V>,
    version: i16,
) -> Result<(Vec<u8>, Option<Vec<u8>>), Unencodable> {
    let key = encode_after(K::KEY, key, KEY_VERSION)?;
    let value = value
        .map(|value| encode_after(version, value, version))
        .transpose()?;
    Ok((key, value))
}

/// A message behind the number that says how to read it: a key's type, a value's version.
fn encode_after<'a, M: Message<'a>>(
    number: i16,
    message: &M,
    version: i16,
) -> Result<Vec<u8>, Unencodable> {
    let mut w = Writer::new();
    w.put(&number.to_be_bytes());
    message.encode(&mut w, version);
    Ok(w.finish()?.head)
}

fn legacy_offset_commit(
    key: &mut Reader<'_>,
    value: Option<&[u8]>,
) -> Result<GroupRecord, RecordError> {
    let (key, value) = decode_pair::<LegacyOffsetCommitKey, LegacyOffsetCommitValue>(key, value)?;
    Ok(GroupRecord::OffsetCommit {
        key: key.into(),
        value: value.map(Into::into),
    })
}

/// The key's fields, which follow its type, and the value.
fn decode_pair<'k, 'v, K: Message<'k>, V: Message<'v>>(
    key: &mut Reader<'k>,
    value: Option<&'v [u8]>,
) -> Result<(K, Option<V>), RecordError> {
    let key = decode_to_end(key, KEY_VERSION).map_err(RecordError::Key)?;
    let value = value.map(decode_value).transpose()?;
    Ok((key, value))
}

fn decode_value<'a, V: Message<'a>>(bytes: &'a [u8]) -> Result<V, RecordError> {
    let kind = V::KEY;
    let malformed = |error| RecordError::Value { kind, error };
    let mut r = Reader::new(bytes);
    let version = r.array().map(i16::from_be_bytes).map_err(malformed)?;
    if !V::VERSIONS.contain(version) {
        return Err(RecordError::UnknownVersion { kind, version });
    }
    decode_to_end(&mut r, version).map_err(malformed)
}

fn decode_to_end<'a, M: Message<'a>>(r: &mut Reader<'a>, version: i16) -> Result<M, Malformed> {
    let message = M::decode(r, version)?;
    r.expect_end()?;
    Ok(message)
}

#[cfg(test)]
mod tests;
