//! DeleteGroups (key 42).
//!
//! Versions: 2 flexible; 3 error messages.

message! {
    /// Groups to delete; they must be empty.
    DeleteGroupsRequest: request 42, versions 0..=3, flexible 2.. {
        groups_names: Vec<String>,
    }
}

message! {
    /// What became of each group.
    DeleteGroupsResponse: response 42, versions 0..=3, flexible 2.. {
        throttle_time_ms: i32,
        results: Vec<DeletableGroupResult>,
    }

    /// An element of [`DeleteGroupsResponse::results`].
    DeletableGroupResult {
        group_id: String,
        error_code: i16,
        error_message: Option<String> [3.., null, default null, ignorable],
    }
}
