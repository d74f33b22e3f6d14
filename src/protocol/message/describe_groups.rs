//! DescribeGroups (key 15), of classic groups.
//!
//! Versions: 3 authorized operations (KIP-430); 4 static members (KIP-345); 5 flexible; 6
//! GROUP_ID_NOT_FOUND (KIP-1043).

message! {
    /// Which groups to describe.
    DescribeGroupsRequest: request 15, versions 0..=6, flexible 5.. {
        groups: Vec<String>,
        include_authorized_operations: bool [3..],
    }
}

message! {
    /// The groups and their members.
    DescribeGroupsResponse<'a>: response 15, versions 0..=6, flexible 5.. {
        throttle_time_ms: i32 [1.., ignorable],
        groups: Vec<DescribedGroup<'a>>,
    }

    /// An element of [`DescribeGroupsResponse::groups`].
    DescribedGroup<'a> {
        error_code: i16,
        error_message: Option<String> [6.., null, default null],
        group_id: String,
        group_state: String,
        protocol_type: String,
        protocol_data: String,
        members: Vec<DescribedGroupMember<'a>>,
        authorized_operations: i32 [3.., default i32::MIN],
    }

    /// An element of [`DescribedGroup::members`].
    DescribedGroupMember<'a> {
        member_id: String,
        group_instance_id: Option<String> [4.., null, default null, ignorable],
        client_id: String,
        client_host: String,
        member_metadata: &'a [u8],
        member_assignment: &'a [u8],
    }
}
