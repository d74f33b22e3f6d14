//! The headers before requests and responses.
//!
//! Kafka's definitions say that the client id keeps its classic length even in the flexible
//! request header, and that an ApiVersions response has the first header always
//! ([`ApiKey::response_header_version`](super::api_key::ApiKey::response_header_version)).

message! {
    /// What stands before every request; version 2 where the request is flexible, else 1.
    RequestHeader<'a>: data, versions 1..=2, flexible 2.. {
        request_api_key: i16,
        request_api_version: i16,
        /// Comes back in the response's header.
        correlation_id: i32,
        client_id: Option<&'a str> [1.., null, classic],
    }
}

message! {
    /// What stands before every response.
    ResponseHeader: data, versions 0..=1, flexible 1.. {
        correlation_id: i32,
    }
}
