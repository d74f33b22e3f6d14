//! Kafka's metadata records (KRaft): the native currency of the controller and of its log.
//!
//! In the log and in snapshots a record's value is a frame version (1), the record's type, its
//! version, each an unsigned varint, and the message, always flexible. Keys are null.

pub mod broker;
pub mod config;
pub mod controller;
pub mod security;
pub mod topic;
pub mod transaction;

use super::Message;
use crate::protocol::schema::Schema;
use crate::protocol::wire::{Malformed, Reader, Unencodable, Writer};

const FRAME_VERSION: u32 = 1;

/// Declares the records and how each is told from its number.
macro_rules! metadata_records {
    ($($variant:ident = $module:ident::$record:ident,)*) => {
        /// One metadata record of any type.
        #[derive(Clone, Debug, PartialEq)]
        pub enum MetadataRecord {
            $(
                #[doc = concat!("See [`", stringify!($module), "::", stringify!($record), "`].")]
                $variant($module::$record),
            )*
        }

        $(
            impl From<$module::$record> for MetadataRecord {
                fn from(record: $module::$record) -> Self {
                    Self::$variant(record)
                }
            }
        )*

        impl MetadataRecord {
            /// The tables of all records.
            pub const SCHEMAS: &'static [&'static Schema] =
                &[$(<$module::$record as Message>::SCHEMA),*];

            /// The record's table.
            pub fn schema(&self) -> &'static Schema {
                match self {
                    $(Self::$variant(_) => <$module::$record as Message>::SCHEMA,)*
                }
            }

            fn encode_body(&self, w: &mut Writer, version: i16) {
                match self {
                    $(Self::$variant(record) => record.encode(w, version),)*
                }
            }

            fn decode_body(
                r: &mut Reader<'_>,
                key: i16,
                version: i16,
            ) -> Result<Self, RecordError> {
                match key {
                    $(<$module::$record as Message>::KEY => {
                        if !<$module::$record as Message>::VERSIONS.contain(version) {
                            return Err(RecordError::UnknownVersion { key, version });
                        }
                        Ok(Self::$variant(Message::decode(r, version)?))
                    })*
                    _ => Err(RecordError::UnknownType { key, version }),
                }
            }
        }
    };
}

metadata_records! {
    RegisterBroker = broker::RegisterBrokerRecord,
    UnregisterBroker = broker::UnregisterBrokerRecord,
    Topic = topic::TopicRecord,
    Partition = topic::PartitionRecord,
    Config = config::ConfigRecord,
    PartitionChange = topic::PartitionChangeRecord,
    FenceBroker = broker::FenceBrokerRecord,
    UnfenceBroker = broker::UnfenceBrokerRecord,
    RemoveTopic = topic::RemoveTopicRecord,
    DelegationToken = security::DelegationTokenRecord,
    UserScramCredential = security::UserScramCredentialRecord,
    FeatureLevel = config::FeatureLevelRecord,
    ClientQuota = config::ClientQuotaRecord,
    ProducerIds = config::ProducerIdsRecord,
    BrokerRegistrationChange = broker::BrokerRegistrationChangeRecord,
    AccessControlEntry = security::AccessControlEntryRecord,
    RemoveAccessControlEntry = security::RemoveAccessControlEntryRecord,
    NoOp = transaction::NoOpRecord,
    ZkMigrationState = transaction::ZkMigrationStateRecord,
    RemoveUserScramCredential = security::RemoveUserScramCredentialRecord,
    BeginTransaction = transaction::BeginTransactionRecord,
    EndTransaction = transaction::EndTransactionRecord,
    AbortTransaction = transaction::AbortTransactionRecord,
    RemoveDelegationToken = security::RemoveDelegationTokenRecord,
    RegisterController = controller::RegisterControllerRecord,
    ClearElr = topic::ClearElrRecord,
    UnregisterController = controller::UnregisterControllerRecord,
}

impl MetadataRecord {
    /// A record's value in this version.
    pub fn encode(&self, version: i16) -> Result<Vec<u8>, Unencodable> {
        let mut w = Writer::new();
        w.uvarint(FRAME_VERSION);
        w.uvarint(self.schema().kind.key() as u32);
        w.uvarint(version as u32);
        self.encode_body(&mut w, version);
        Ok(w.finish()?.head)
    }

    /// Reads a record's value, which must be nothing but the record: itself and its version.
    pub fn decode(value: &[u8]) -> Result<(Self, i16), RecordError> {
        let mut r = Reader::new(value);
        let frame_version = r.uvarint()?;
        if frame_version != FRAME_VERSION {
            return Err(RecordError::UnknownFrame(frame_version));
        }
        let (key, version) = (short(&mut r)?, short(&mut r)?);
        let record = Self::decode_body(&mut r, key, version)?;
        r.expect_end()?;
        Ok((record, version))
    }
}

/// A metadata record that cannot be read; whoever replays the log must stop there, for what
/// follows may rest on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not framed as any Kafka known to us does.
    #[error("frame version {0} of a metadata record is not known")]
    UnknownFrame(u32),
    /// A type of a later Kafka.
    #[error("metadata record type {key} (version {version}) is not known")]
    UnknownType {
        /// The type.
        key: i16,
        /// Its version.
        version: i16,
    },
    /// A version of a later Kafka.
    #[error("version {version} of metadata record type {key} is not known")]
    UnknownVersion {
        /// The type.
        key: i16,
        /// Its version.
        version: i16,
    },
    /// The bytes are not a record.
    #[error("metadata record: {0}")]
    Malformed(#[from] Malformed),
}

/// Types and versions beyond an `i16` are as unknown as its largest number.
fn short(r: &mut Reader<'_>) -> Result<i16, Malformed> {
    r.uvarint()
        .map(|number| i16::try_from(number).unwrap_or(i16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uuid;

    #[test]
    fn a_topic_record_is_framed_as_kafka_frames_it() {
        let record = MetadataRecord::from(topic::TopicRecord {
            name: "foo".into(),
            topic_id: Uuid::METADATA_TOPIC,
        });
        let value = record.encode(0).unwrap();
        let mut expected = vec![1, 2, 0, 4, b'f', b'o', b'o'];
        expected.extend_from_slice(Uuid::METADATA_TOPIC.as_bytes());
        expected.push(0);
        assert_eq!(value, expected);
        assert_eq!(MetadataRecord::decode(&value), Ok((record, 0)));
    }

    #[test]
    fn an_unchanged_partition_is_its_id_and_no_tags() {
        let change = topic::PartitionChangeRecord {
            partition_id: 7,
            ..Default::default()
        };
        let value = MetadataRecord::from(change.clone()).encode(2).unwrap();
        assert_eq!(value.len(), 3 + 4 + 16 + 1);
        let emptied = topic::PartitionChangeRecord {
            isr: Some(vec![]),
            leader: -1,
            ..change
        };
        let value = MetadataRecord::from(emptied).encode(2).unwrap();
        assert_eq!(value[23..], [2, 0, 1, 1, 1, 4, 0xff, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn what_is_not_known_is_told_apart() {
        let decode = |bytes: &[u8]| MetadataRecord::decode(bytes).unwrap_err();
        assert_eq!(decode(&[0, 2, 0]), RecordError::UnknownFrame(0));
        assert_eq!(
            decode(&[1, 6, 0]),
            RecordError::UnknownType { key: 6, version: 0 }
        );
        assert_eq!(
            decode(&[1, 2, 9]),
            RecordError::UnknownVersion { key: 2, version: 9 }
        );
        assert!(matches!(
            decode(&[1, 20, 0, 0, 0]),
            RecordError::Malformed(_)
        ));
        assert!(matches!(decode(&[]), RecordError::Malformed(_)));
    }
}
