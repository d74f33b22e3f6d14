//! DescribeCluster (key 60, KIP-700).
//!
//! Versions: 1 endpoint types (KIP-919); 2 fenced brokers (KIP-1073).

message! {
    /// Asks for the brokers (endpoint type 1) or the controllers (2).
    DescribeClusterRequest: request 60, versions 0..=2, flexible 0.. {
        include_cluster_authorized_operations: bool,
        endpoint_type: i8 [1.., default 1],
        include_fenced_brokers: bool [2..],
    }
}

message! {
    /// The nodes of the cluster.
    DescribeClusterResponse: response 60, versions 0..=2, flexible 0.. {
        throttle_time_ms: i32,
        error_code: i16,
        error_message: Option<String> [null, default null],
        endpoint_type: i8 [1.., default 1],
        cluster_id: String,
        controller_id: i32 [default -1],
        brokers: Vec<DescribeClusterBroker>,
        cluster_authorized_operations: i32 [default i32::MIN],
    }

    /// An element of [`DescribeClusterResponse::brokers`].
    DescribeClusterBroker {
        broker_id: i32,
        host: String,
        port: i32,
        rack: Option<String> [null, default null],
        is_fenced: bool [2..],
    }
}
