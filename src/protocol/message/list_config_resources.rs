//! ListConfigResources (key 74, KIP-1142); version 0 was ListClientMetricsResources (KIP-714).
//!
//! Versions: 1 types of resources.

message! {
    /// Which types of resources to list; none means all, in version 0 client metrics only.
    ListConfigResourcesRequest: request 74, versions 0..=1, flexible 0.. {
        resource_types: Vec<i8> [1..],
    }
}

message! {
    /// The resources that have settings.
    ListConfigResourcesResponse: response 74, versions 0..=1, flexible 0.. {
        throttle_time_ms: i32,
        error_code: i16,
        config_resources: Vec<ConfigResource>,
    }

    /// An element of [`ListConfigResourcesResponse::config_resources`].
    ConfigResource {
        resource_name: String,
        resource_type: i8 [1.., default 16, ignorable],
    }
}
