//! DescribeConfigs (key 32).
//!
//! Versions: 1 sources and synonyms (KIP-226); 3 types and documentation (KIP-569); 4 flexible.

message! {
    /// Which settings of which resources; null keys mean all.
    DescribeConfigsRequest: request 32, versions 1..=4, flexible 4.. {
        resources: Vec<DescribeConfigsResource>,
        include_synonyms: bool [1..],
        include_documentation: bool [3..],
    }

    /// An element of [`DescribeConfigsRequest::resources`].
    DescribeConfigsResource {
        resource_type: i8,
        resource_name: String,
        configuration_keys: Option<Vec<String>> [null],
    }
}

message! {
    /// The settings with their source and synonyms.
    DescribeConfigsResponse: response 32, versions 1..=4, flexible 4.. {
        throttle_time_ms: i32,
        results: Vec<DescribeConfigsResult>,
    }

    /// An element of [`DescribeConfigsResponse::results`].
    DescribeConfigsResult {
        error_code: i16,
        error_message: Option<String> [null],
        resource_type: i8,
        resource_name: String,
        configs: Vec<DescribeConfigsResourceResult>,
    }

    /// An element of [`DescribeConfigsResult::configs`].
    DescribeConfigsResourceResult {
        name: String,
        value: Option<String> [null],
        read_only: bool,
        config_source: i8 [1.., default -1, ignorable],
        is_sensitive: bool,
        synonyms: Vec<DescribeConfigsSynonym> [1.., ignorable],
        config_type: i8 [3.., ignorable],
        documentation: Option<String> [3.., null, ignorable],
    }

    /// An element of [`DescribeConfigsResourceResult::synonyms`].
    DescribeConfigsSynonym {
        name: String [1..],
        value: Option<String> [1.., null],
        source: i8 [1..],
    }
}
