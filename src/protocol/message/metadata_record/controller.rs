//! Records about controllers.

use crate::model::Uuid;

message! {
    /// A controller process has registered.
    RegisterControllerRecord: record 27, versions 0..=0, flexible 0.. {
        controller_id: i32,
        incarnation_id: Uuid,
        zk_migration_ready: bool,
        end_points: Vec<ControllerEndpoint>,
        features: Vec<ControllerFeature>,
    }

    /// An element of [`RegisterControllerRecord::end_points`].
    ControllerEndpoint {
        name: String,
        host: String,
        port: u16,
        security_protocol: i16,
    }

    /// An element of [`RegisterControllerRecord::features`].
    ControllerFeature {
        name: String,
        min_supported_version: i16,
        max_supported_version: i16,
    }
}

message! {
    /// A controller is gone for good (metadata.version 33).
    UnregisterControllerRecord: record 29, versions 0..=0, flexible 0.. {
        controller_id: i32,
    }
}
