//! DescribeAcls (key 29).
//!
//! Versions: 2 flexible; 3 resources of type user.

message! {
    /// Which rules to describe; null matches everything.
    DescribeAclsRequest: request 29, versions 1..=3, flexible 2.. {
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
    /// The rules, by the resources they are about.
    DescribeAclsResponse: response 29, versions 1..=3, flexible 2.. {
        throttle_time_ms: i32,
        error_code: i16,
        error_message: Option<String> [null],
        resources: Vec<DescribeAclsResource>,
    }

    /// An element of [`DescribeAclsResponse::resources`].
    DescribeAclsResource {
        resource_type: i8,
        resource_name: String,
        pattern_type: i8 [1.., default 3],
        acls: Vec<AclDescription>,
    }

    /// An element of [`DescribeAclsResource::acls`].
    AclDescription {
        principal: String,
        host: String,
        operation: i8,
        permission_type: i8,
    }
}
