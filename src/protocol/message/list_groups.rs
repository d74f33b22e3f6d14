//! ListGroups (key 16).
//!
//! Versions: 3 flexible; 4 states (KIP-518); 5 types (KIP-848).

message! {
    /// Which groups to list; empty filters mean all.
    ListGroupsRequest: request 16, versions 0..=5, flexible 3.. {
        states_filter: Vec<String> [4..],
        types_filter: Vec<String> [5..],
    }
}

message! {
    /// The groups this broker coordinates.
    ListGroupsResponse: response 16, versions 0..=5, flexible 3.. {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: i16,
        groups: Vec<ListedGroup>,
    }

    /// An element of [`ListGroupsResponse::groups`].
    ListedGroup {
        group_id: String,
        protocol_type: String,
        group_state: String [4.., ignorable],
        group_type: String [5.., ignorable],
    }
}
