//! LeaveGroup (key 13).
//!
//! Versions: 3 several members, static ones too (KIP-345); 4 flexible; 5 reason (KIP-800).

message! {
    /// Members that leave a classic group: one in the top field up to version 2, a list from 3 on.
    LeaveGroupRequest: request 13, versions 0..=5, flexible 4.. {
        group_id: String,
        member_id: String [0..=2],
        members: Vec<MemberIdentity> [3..],
    }

    /// An element of [`LeaveGroupRequest::members`].
    MemberIdentity {
        member_id: String [3..],
        group_instance_id: Option<String> [3.., null, default null],
        reason: Option<String> [5.., null, default null, ignorable],
    }
}

message! {
    /// What became of each member.
    LeaveGroupResponse: response 13, versions 0..=5, flexible 4.. {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: i16,
        members: Vec<MemberResponse> [3..],
    }

    /// An element of [`LeaveGroupResponse::members`].
    MemberResponse {
        member_id: String [3..],
        group_instance_id: Option<String> [3.., null],
        error_code: i16 [3..],
    }
}
