//! Control records: the markers a log keeps among its data, which consumers never see.
//!
//! A key is a version and a type, both 16 bits. Types 0 and 1 end a transaction (KIP-98), the
//! others belong to KRaft's own log (KIP-595, 630, 853), whose values are messages of their own.

use std::borrow::Cow;

use super::Record;

const KEY_BYTES: usize = 4;
const VERSION: i16 = 0;
const END_TRANSACTION_BYTES: usize = 6;

const ABORT: i16 = 0;
const COMMIT: i16 = 1;
const LEADER_CHANGE: i16 = 2;
const SNAPSHOT_HEADER: i16 = 3;
const SNAPSHOT_FOOTER: i16 = 4;
const KRAFT_VERSION: i16 = 5;
const KRAFT_VOTERS: i16 = 6;

/// What a control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRecord<'a> {
    /// The producer's transaction is void.
    Abort {
        /// Of the transaction coordinator that decided it.
        coordinator_epoch: i32,
    },
    /// The producer's transaction counts.
    Commit {
        /// Of the transaction coordinator that decided it.
        coordinator_epoch: i32,
    },
    /// A `LeaderChangeMessage`.
    LeaderChange(&'a [u8]),
    /// A `SnapshotHeaderRecord`.
    SnapshotHeader(&'a [u8]),
    /// A `SnapshotFooterRecord`.
    SnapshotFooter(&'a [u8]),
    /// A `KRaftVersionRecord`.
    KRaftVersion(&'a [u8]),
    /// A `VotersRecord`.
    KRaftVoters(&'a [u8]),
    /// A type of some later version: to be passed over.
    Unknown {
        /// The type.
        kind: i16,
        /// Whatever came with it.
        value: &'a [u8],
    },
}

impl<'a> ControlRecord<'a> {
    /// Reads a record of a control batch; `None` if its key or value is too short to be one.
    ///
    /// Later versions of key and value are read as the known one, as Kafka reads them.
    pub fn parse(record: &Record<'a>) -> Option<Self> {
        let kind = kind_of(record.key?)?;
        let value = record.value.unwrap_or_default();
        Some(match kind {
            ABORT => Self::Abort {
                coordinator_epoch: coordinator_epoch(value)?,
            },
            COMMIT => Self::Commit {
                coordinator_epoch: coordinator_epoch(value)?,
            },
            LEADER_CHANGE => Self::LeaderChange(value),
            SNAPSHOT_HEADER => Self::SnapshotHeader(value),
            SNAPSHOT_FOOTER => Self::SnapshotFooter(value),
            KRAFT_VERSION => Self::KRaftVersion(value),
            KRAFT_VOTERS => Self::KRaftVoters(value),
            kind => Self::Unknown { kind, value },
        })
    }

    /// The type's number.
    pub fn kind(&self) -> i16 {
        match self {
            Self::Abort { .. } => ABORT,
            Self::Commit { .. } => COMMIT,
            Self::LeaderChange(_) => LEADER_CHANGE,
            Self::SnapshotHeader(_) => SNAPSHOT_HEADER,
            Self::SnapshotFooter(_) => SNAPSHOT_FOOTER,
            Self::KRaftVersion(_) => KRAFT_VERSION,
            Self::KRaftVoters(_) => KRAFT_VOTERS,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// The record's key.
    pub fn key(&self) -> [u8; KEY_BYTES] {
        let [v0, v1] = VERSION.to_be_bytes();
        let [k0, k1] = self.kind().to_be_bytes();
        [v0, v1, k0, k1]
    }

    /// The record's value.
    pub fn value(&self) -> Cow<'a, [u8]> {
        match *self {
            Self::Abort { coordinator_epoch } | Self::Commit { coordinator_epoch } => {
                Cow::Owned(end_transaction(coordinator_epoch).to_vec())
            }
            Self::LeaderChange(value)
            | Self::SnapshotHeader(value)
            | Self::SnapshotFooter(value)
            | Self::KRaftVersion(value)
            | Self::KRaftVoters(value)
            | Self::Unknown { value, .. } => Cow::Borrowed(value),
        }
    }
}

fn kind_of(key: &[u8]) -> Option<i16> {
    let key: &[u8; KEY_BYTES] = key.first_chunk()?;
    let version = i16::from_be_bytes([key[0], key[1]]);
    (version >= VERSION).then_some(i16::from_be_bytes([key[2], key[3]]))
}

fn coordinator_epoch(value: &[u8]) -> Option<i32> {
    let value: &[u8; END_TRANSACTION_BYTES] = value.first_chunk()?;
    let version = i16::from_be_bytes([value[0], value[1]]);
    let epoch = i32::from_be_bytes([value[2], value[3], value[4], value[5]]);
    (version >= VERSION).then_some(epoch)
}

fn end_transaction(coordinator_epoch: i32) -> [u8; END_TRANSACTION_BYTES] {
    let mut value = [0; END_TRANSACTION_BYTES];
    value[..2].copy_from_slice(&VERSION.to_be_bytes());
    value[2..].copy_from_slice(&coordinator_epoch.to_be_bytes());
    value
}
