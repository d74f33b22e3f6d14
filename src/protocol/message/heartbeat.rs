//! Heartbeat (key 12).
//!
//! Versions: 3 static members (KIP-345); 4 flexible.

use std::sync::Arc;

message! {
    /// Keeps a member in its classic group.
    HeartbeatRequest: request 12, versions 0..=4, flexible 4.. {
        group_id: Arc<str>,
        generation_id: i32,
        member_id: Arc<str>,
        group_instance_id: Option<String> [3.., null, default null],
    }
}

message! {
    /// Whether the member is still in, and whether a rebalance runs.
    HeartbeatResponse: response 12, versions 0..=4, flexible 4.. {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: i16,
    }
}
