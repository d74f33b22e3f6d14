//! FindCoordinator (key 10).
//!
//! Versions: 1 key types, throttle; 3 flexible; 4 several keys (KIP-699); 5 TRANSACTION_ABORTABLE
//! (KIP-890); 6 share groups (KIP-932).

message! {
    /// Asks for the coordinator of groups (key type 0), transactions (1) or share partitions (2).
    FindCoordinatorRequest: request 10, versions 0..=6, flexible 3.. {
        key: String [0..=3],
        key_type: i8 [1..],
        coordinator_keys: Vec<String> [4..],
    }
}

message! {
    /// The coordinators: one in the top fields up to version 3, a list from 4 on.
    FindCoordinatorResponse: response 10, versions 0..=6, flexible 3.. {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: i16 [0..=3],
        error_message: Option<String> [1..=3, null 1..=3, ignorable],
        node_id: i32 [0..=3],
        host: String [0..=3],
        port: i32 [0..=3],
        coordinators: Vec<Coordinator> [4..],
    }

    /// An element of [`FindCoordinatorResponse::coordinators`].
    Coordinator {
        key: String [4..],
        node_id: i32 [4..],
        host: String [4..],
        port: i32 [4..],
        error_code: i16 [4..],
        error_message: Option<String> [4.., null, ignorable],
    }
}
