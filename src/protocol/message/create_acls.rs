//! CreateAcls (key 30).
//!
//! Versions: 2 flexible; 3 resources of type user.

message! {
    /// Rules to create.
    CreateAclsRequest: request 30, versions 1..=3, flexible 2.. {
        creations: Vec<AclCreation>,
    }

    /// An element of [`CreateAclsRequest::creations`].
    AclCreation {
        resource_type: i8,
        resource_name: String,
        resource_pattern_type: i8 [1.., default 3],
        principal: String,
        host: String,
        operation: i8,
        permission_type: i8,
    }
}

message! {
    /// What became of each rule, in the order of the request.
    CreateAclsResponse: response 30, versions 1..=3, flexible 2.. {
        throttle_time_ms: i32,
        results: Vec<AclCreationResult>,
    }

    /// An element of [`CreateAclsResponse::results`].
    AclCreationResult {
        error_code: i16,
        error_message: Option<String> [null],
    }
}
