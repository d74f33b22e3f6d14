//! Values of the control records in KRaft's logs and snapshots.
//!
//! The value is the bare message, which Kafka writes and reads at version 0; its own `version`
//! field says 0 too.

use crate::model::Uuid;

message! {
    /// A leader has been elected (type 2).
    LeaderChangeMessage: data, versions 0..=1, flexible 0.. {
        version: i16,
        leader_id: i32,
        voters: Vec<Voter>,
        granting_voters: Vec<Voter>,
    }

    /// An element of [`LeaderChangeMessage::voters`].
    Voter {
        voter_id: i32,
        voter_directory_id: Uuid [1..],
    }
}

message! {
    /// First in a snapshot (type 3).
    SnapshotHeaderRecord: data, versions 0..=0, flexible 0.. {
        version: i16,
        last_contained_log_timestamp: i64,
    }
}

message! {
    /// Last in a snapshot (type 4).
    SnapshotFooterRecord: data, versions 0..=0, flexible 0.. {
        version: i16,
    }
}

message! {
    /// The finalized kraft.version (type 5).
    KRaftVersionRecord: data, versions 0..=0, flexible 0.. {
        version: i16,
        kraft_version: i16,
    }
}

message! {
    /// The end of a transaction, committed (type 1) or aborted (type 0); in logs of data.
    EndTxnMarker: data, versions 0..=0 {
        coordinator_epoch: i32,
    }
}
