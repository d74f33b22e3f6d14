//! AlterConfigs (key 33): replaces all settings of a resource; see IncrementalAlterConfigs.
//!
//! Versions: 2 flexible.

message! {
    /// The settings each resource shall have, and no others.
    AlterConfigsRequest: request 33, versions 0..=2, flexible 2.. {
        resources: Vec<AlterConfigsResource>,
        validate_only: bool,
    }

    /// An element of [`AlterConfigsRequest::resources`].
    AlterConfigsResource {
        resource_type: i8,
        resource_name: String,
        configs: Vec<AlterableConfig>,
    }

    /// An element of [`AlterConfigsResource::configs`].
    AlterableConfig {
        name: String,
        value: Option<String> [null],
    }
}

message! {
    /// What became of each resource.
    AlterConfigsResponse: response 33, versions 0..=2, flexible 2.. {
        throttle_time_ms: i32,
        responses: Vec<AlterConfigsResourceResponse>,
    }

    /// An element of [`AlterConfigsResponse::responses`].
    AlterConfigsResourceResponse {
        error_code: i16,
        error_message: Option<String> [null],
        resource_type: i8,
        resource_name: String,
    }
}
