//! Records about brokers.

use crate::model::Uuid;

message! {
    /// A broker process has registered; a new epoch replaces the old one.
    RegisterBrokerRecord: record 0, versions 0..=4, flexible 0.. {
        broker_id: i32,
        is_migrating_zk_broker: bool [2..],
        incarnation_id: Uuid,
        broker_epoch: i64,
        end_points: Vec<BrokerEndpoint>,
        features: Vec<BrokerFeature>,
        rack: Option<String> [null],
        fenced: bool [default true],
        in_controlled_shutdown: bool [1..],
        log_dirs: Vec<Uuid> [3.., tag 0],
        cordoned_log_dirs: Option<Vec<Uuid>> [4.., tag 1, null, default null],
    }

    /// An element of [`RegisterBrokerRecord::end_points`].
    BrokerEndpoint {
        name: String,
        host: String,
        port: u16,
        security_protocol: i16,
    }

    /// An element of [`RegisterBrokerRecord::features`].
    BrokerFeature {
        name: String,
        min_supported_version: i16,
        max_supported_version: i16,
    }
}

message! {
    /// A broker is gone for good.
    UnregisterBrokerRecord: record 1, versions 0..=0, flexible 0.. {
        broker_id: i32,
        broker_epoch: i64,
    }
}

message! {
    /// A broker may not lead (before metadata.version 6 only).
    FenceBrokerRecord: record 7, versions 0..=0, flexible 0.. {
        id: i32,
        epoch: i64,
    }
}

message! {
    /// A broker may lead again (before metadata.version 6 only).
    UnfenceBrokerRecord: record 8, versions 0..=0, flexible 0.. {
        id: i32,
        epoch: i64,
    }
}

message! {
    /// Parts of a registration have changed; a field at its default has not.
    BrokerRegistrationChangeRecord: record 17, versions 0..=3, flexible 0.. {
        broker_id: i32,
        broker_epoch: i64,
        fenced: i8 [tag 0],
        in_controlled_shutdown: i8 [1.., tag 1],
        log_dirs: Vec<Uuid> [2.., tag 2],
        cordoned_log_dirs: Option<Vec<Uuid>> [3.., tag 3, null, default null],
    }
}
