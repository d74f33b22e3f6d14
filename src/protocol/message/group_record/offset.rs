//! Records about committed offsets, of groups of either kind.

use crate::model::Uuid;

message! {
    /// Names an offset as the first brokers that kept offsets in a topic did.
    LegacyOffsetCommitKey: record 0, versions 0..=0 {
        group: String,
        topic: String,
        partition: i32,
    }
}

message! {
    /// How far a group has consumed, as the first brokers that kept offsets in a topic wrote it.
    LegacyOffsetCommitValue: record 0, versions 0..=0 {
        offset: i64,
        metadata: String,
        commit_timestamp: i64,
    }
}

message! {
    /// Names the offset of a group in a partition.
    OffsetCommitKey: record 1, versions 0..=0 {
        group: String,
        topic: String,
        partition: i32,
    }
}

message! {
    /// How far a group has consumed. Times are milliseconds since the Unix epoch, −1 for none.
    ///
    /// Versions: 1 alone has a time of expiry, which clients may still ask for; 3 leader epochs
    /// (KIP-320); 4 flexible.
    OffsetCommitValue: record 1, versions 0..=4, flexible 4.. {
        /// The offset to go on from.
        offset: i64,
        /// Of the record before that offset; −1 if the client did not say.
        leader_epoch: i32 [3.., default -1, ignorable],
        /// Whatever the client wants to find again.
        metadata: String,
        commit_timestamp: i64,
        expire_timestamp: i64 [1..=1, default -1, ignorable],
        /// Zero if the committer did not know it.
        topic_id: Uuid [4.., tag 0, ignorable],
    }
}

impl From<LegacyOffsetCommitKey> for OffsetCommitKey {
    fn from(key: LegacyOffsetCommitKey) -> Self {
        Self {
            group: key.group,
            topic: key.topic,
            partition: key.partition,
        }
    }
}

impl From<LegacyOffsetCommitValue> for OffsetCommitValue {
    fn from(value: LegacyOffsetCommitValue) -> Self {
        Self {
            offset: value.offset,
            metadata: value.metadata,
            commit_timestamp: value.commit_timestamp,
            ..Self::default()
        }
    }
}
