//! JoinGroup (key 11).
//!
//! Versions: 1 rebalance timeout; 4 member ids are given before joining (KIP-394); 5 static members
//! (KIP-345); 6 flexible; 7 protocol type (KIP-559); 8 reason (KIP-800); 9 skip assignment
//! (KIP-814).

message! {
    /// Joins a classic group or takes part in its rebalance.
    JoinGroupRequest<'a>: request 11, versions 0..=9, flexible 6.. {
        group_id: String,
        session_timeout_ms: i32,
        rebalance_timeout_ms: i32 [1.., default -1, ignorable],
        member_id: String,
        group_instance_id: Option<String> [5.., null, default null],
        protocol_type: String,
        protocols: Vec<JoinGroupRequestProtocol<'a>>,
        reason: Option<String> [8.., null, default null, ignorable],
    }

    /// An element of [`JoinGroupRequest::protocols`].
    JoinGroupRequestProtocol<'a> {
        name: String,
        metadata: &'a [u8],
    }
}

message! {
    /// The generation, its leader and, for the leader, its members.
    JoinGroupResponse<'a>: response 11, versions 0..=9, flexible 6.. {
        throttle_time_ms: i32 [2.., ignorable],
        error_code: i16,
        generation_id: i32 [default -1],
        protocol_type: Option<String> [7.., null, default null, ignorable],
        protocol_name: Option<String> [null 7..],
        leader: String,
        skip_assignment: bool [9..],
        member_id: String,
        members: Vec<JoinGroupResponseMember<'a>>,
    }

    /// An element of [`JoinGroupResponse::members`].
    JoinGroupResponseMember<'a> {
        member_id: String,
        group_instance_id: Option<String> [5.., null, default null, ignorable],
        metadata: &'a [u8],
    }
}
