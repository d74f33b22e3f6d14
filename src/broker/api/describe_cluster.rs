//! DescribeCluster (key 60), v0-2
//!
//! Behaviour: the brokers with the endpoint of the listener the request came in on; the controller
//!            is this broker, which takes what is meant for one. Asked for controllers, a broker
//!            answers MISMATCHED_ENDPOINT_TYPE, asked for anything else UNSUPPORTED_ENDPOINT_TYPE.
//! Versions:  v1 endpoint types (KIP-919) · v2 fenced brokers (KIP-1073)
//! Not done:  –

use super::nodes::{Node, nodes};
use super::permissions::cluster_operations;
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

/// The endpoint type of brokers.
const BROKERS: i8 = 1;
/// The endpoint type of controllers.
const CONTROLLERS: i8 = 2;

/// Describes the cluster.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: DescribeClusterRequest,
) -> Result<DescribeClusterResponse, CloseConnection> {
    if let Some(refused) = refusal(message.endpoint_type) {
        return Ok(refused);
    }
    let nodes = nodes(cx, request, &cx.image());
    let told = nodes
        .into_iter()
        .filter(|node| message.include_fenced_brokers || !node.fenced);
    Ok(DescribeClusterResponse {
        cluster_id: cx.identity.cluster_id.clone(),
        controller_id: cx.identity.node_id,
        brokers: told.map(broker).collect(),
        cluster_authorized_operations: match message.include_cluster_authorized_operations {
            true => cluster_operations(cx, request),
            false => i32::MIN,
        },
        ..Default::default()
    })
}

fn refusal(endpoint_type: i8) -> Option<DescribeClusterResponse> {
    let (code, text) = match endpoint_type {
        BROKERS => return None,
        CONTROLLERS => (
            ErrorCode::MismatchedEndpointType,
            "this endpoint is a broker's, the request asks for controllers".to_owned(),
        ),
        other => (
            ErrorCode::UnsupportedEndpointType,
            format!("no endpoint has type {other}"),
        ),
    };
    Some(DescribeClusterResponse {
        error_code: code.code(),
        error_message: Some(text),
        ..Default::default()
    })
}

fn broker(node: Node) -> DescribeClusterBroker {
    DescribeClusterBroker {
        broker_id: node.id,
        host: node.host,
        port: node.port,
        rack: node.rack,
        is_fenced: node.fenced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_tells_of_brokers_only() {
        let code = |endpoint_type| refusal(endpoint_type).map(|refused| refused.error_code);
        assert_eq!(
            [code(1), code(2), code(0), code(3)],
            [None, Some(114), Some(115), Some(115)]
        );
    }
}
