//! Records about settings, quotas, features and blocks of producer ids.

message! {
    /// A setting of a resource: type 2 topic, 4 broker, 16 client metrics, 32 group; null deletes
    /// it.
    ConfigRecord: record 4, versions 0..=0, flexible 0.. {
        resource_type: i8,
        resource_name: String,
        name: String,
        value: Option<String> [null],
    }
}

message! {
    /// A quota of an entity.
    ClientQuotaRecord: record 14, versions 0..=0, flexible 0.. {
        entity: Vec<EntityData>,
        key: String,
        value: f64,
        remove: bool,
    }

    /// An element of [`ClientQuotaRecord::entity`].
    EntityData {
        entity_type: String,
        entity_name: Option<String> [null],
    }
}

message! {
    /// A feature is finalized at a level; 0 removes it.
    FeatureLevelRecord: record 12, versions 0..=0, flexible 0.. {
        name: String,
        feature_level: i16,
    }
}

message! {
    /// Producer ids below the next one are given out.
    ProducerIdsRecord: record 15, versions 0..=0, flexible 0.. {
        broker_id: i32,
        broker_epoch: i64 [default -1],
        next_producer_id: i64,
    }
}
