//! SyncGroup (key 14).
//!
//! Versions: 3 static members (KIP-345); 4 flexible; 5 protocol type and name (KIP-559).

message! {
    /// Brings the leader's assignments, asks for the member's own.
    SyncGroupRequest<'a>: request 14, versions 0..=5, flexible 4.. {
        group_id: String,
        generation_id: i32,
        member_id: String,
        group_instance_id: Option<String> [3.., null, default null],
        protocol_type: Option<String> [5.., null, default null, ignorable],
        protocol_name: Option<String> [5.., null, default null, ignorable],
        assignments: Vec<SyncGroupRequestAssignment<'a>>,
    }

    /// An element of [`SyncGroupRequest::assignments`].
    SyncGroupRequestAssignment<'a> {
        member_id: String,
        assignment: &'a [u8],
    }
}

message! {
    /// The member's assignment.
    SyncGroupResponse<'a>: response 14, versions 0..=5, flexible 4.. {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: i16,
        protocol_type: Option<String> [5.., null, default null, ignorable],
        protocol_name: Option<String> [5.., null, default null, ignorable],
        assignment: &'a [u8],
    }
}
