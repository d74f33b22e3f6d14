//! ApiVersions (key 18): the first request of nearly every connection.
//!
//! Versions: 3 flexible, client software (KIP-511), features (KIP-584); 4 features with minimum 0
//! (KIP-1022); 5 the cluster and node the client means to reach. The response header stays version
//! 0.

message! {
    /// Asks what the broker speaks.
    ApiVersionsRequest: request 18, versions 0..=5, flexible 3.. {
        client_software_name: String [3.., ignorable],
        client_software_version: String [3.., ignorable],
        cluster_id: Option<String> [5.., null, default null, ignorable],
        node_id: i32 [5.., default -1, ignorable],
    }
}

message! {
    /// Which versions of which APIs the broker speaks, and the features of the cluster.
    ApiVersionsResponse: response 18, versions 0..=5, flexible 3.. {
        error_code: i16,
        api_keys: Vec<ApiVersion>,
        throttle_time_ms: i32 [1.., ignorable],
        supported_features: Vec<SupportedFeatureKey> [3.., tag 0, ignorable],
        finalized_features_epoch: i64 [3.., tag 1, default -1, ignorable],
        finalized_features: Vec<FinalizedFeatureKey> [3.., tag 2, ignorable],
        zk_migration_ready: bool [3.., tag 3, ignorable],
    }

    /// An element of [`ApiVersionsResponse::api_keys`].
    ApiVersion {
        api_key: i16,
        min_version: i16,
        max_version: i16,
    }

    /// An element of [`ApiVersionsResponse::supported_features`].
    SupportedFeatureKey {
        name: String [3..],
        min_version: i16 [3..],
        max_version: i16 [3..],
    }

    /// An element of [`ApiVersionsResponse::finalized_features`].
    FinalizedFeatureKey {
        name: String [3..],
        max_version_level: i16 [3..],
        min_version_level: i16 [3..],
    }
}
