//! IncrementalAlterConfigs (key 44, KIP-339).
//!
//! Versions: 1 flexible.

message! {
    /// Settings to set (0), delete (1), append to (2) or subtract from (3).
    IncrementalAlterConfigsRequest: request 44, versions 0..=1, flexible 1.. {
        resources: Vec<AlterConfigsResource>,
        validate_only: bool,
    }

    /// An element of [`IncrementalAlterConfigsRequest::resources`].
    AlterConfigsResource {
        resource_type: i8,
        resource_name: String,
        configs: Vec<AlterableConfig>,
    }

    /// An element of [`AlterConfigsResource::configs`].
    AlterableConfig {
        name: String,
        config_operation: i8,
        value: Option<String> [null],
    }
}

message! {
    /// What became of each resource.
    IncrementalAlterConfigsResponse: response 44, versions 0..=1, flexible 1.. {
        throttle_time_ms: i32,
        responses: Vec<AlterConfigsResourceResponse>,
    }

    /// An element of [`IncrementalAlterConfigsResponse::responses`].
    AlterConfigsResourceResponse {
        error_code: i16,
        error_message: Option<String> [null],
        resource_type: i8,
        resource_name: String,
    }
}
