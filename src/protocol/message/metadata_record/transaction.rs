//! Records about the metadata log itself (KIP-868).

message! {
    /// What follows is published only when the transaction ends.
    BeginTransactionRecord: record 23, versions 0..=0, flexible 0.. {
        name: Option<String> [tag 0, null, default null],
    }
}

message! {
    /// The transaction counts.
    EndTransactionRecord: record 24, versions 0..=0, flexible 0.. {}
}

message! {
    /// The transaction never was.
    AbortTransactionRecord: record 25, versions 0..=0, flexible 0.. {
        reason: Option<String> [tag 0, null, default null],
    }
}

message! {
    /// Moves the offset and nothing else.
    NoOpRecord: record 20, versions 0..=0, flexible 0.. {}
}

message! {
    /// How far a migration from ZooKeeper is; only 0 and 3 are left in Kafka 4.
    ZkMigrationStateRecord: record 21, versions 0..=0, flexible 0.. {
        zk_migration_state: i8,
    }
}
