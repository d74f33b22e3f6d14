//! DeleteAcls (key 31).
//!
//! Versions: 2 flexible; 3 resources of type user.

message! {
    /// Which rules to delete; null matches everything.
    DeleteAclsRequest: request 31, versions 1..=3, flexible 2.. {
        filters: Vec<DeleteAclsFilter>,
    }

    /// An element of [`DeleteAclsRequest::filters`].
    DeleteAclsFilter {
        resource_type_filter: i8,
        resource_name_filter: Option<String> [null],
        pattern_type_filter: i8 [1.., default 3],
        principal_filter: Option<String> [null],
        host_filter: Option<String> [null],
        operation: i8,
        permission_type: i8,
    }
}

message! {
    /// What each filter found and what became of it, in the order of the request.
    DeleteAclsResponse: response 31, versions 1..=3, flexible 2.. {
        throttle_time_ms: i32,
        filter_results: Vec<DeleteAclsFilterResult>,
    }

    /// An element of [`DeleteAclsResponse::filter_results`].
    DeleteAclsFilterResult {
        error_code: i16,
        error_message: Option<String> [null],
        matching_acls: Vec<DeleteAclsMatchingAcl>,
    }

    /// An element of [`DeleteAclsFilterResult::matching_acls`].
    DeleteAclsMatchingAcl {
        error_code: i16,
        error_message: Option<String> [null],
        resource_type: i8,
        resource_name: String,
        pattern_type: i8 [1.., default 3],
        principal: String,
        host: String,
        operation: i8,
        permission_type: i8,
    }
}
