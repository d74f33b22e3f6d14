//! DescribeAcls (key 29), v1-3
//!
//! Behaviour: SECURITY_DISABLED, as in Kafka where no authorizer is configured.
//!            CLUSTER_AUTHORIZATION_FAILED for who may not describe the cluster.
//! Versions:  v2 flexible · v3 resources of type user
//! Not done:  access rules

use super::permissions::no_authorizer;
use crate::broker::authorization::Operation;
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::protocol::message::describe_acls::{DescribeAclsRequest, DescribeAclsResponse};

/// Kafka's text; admin tools show it.
const NO_AUTHORIZER: &str = "No Authorizer is configured on the broker";

/// Describes access rules.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    _message: DescribeAclsRequest,
) -> Result<DescribeAclsResponse, CloseConnection> {
    let (code, text) = no_authorizer(cx, request, Operation::Describe, NO_AUTHORIZER);
    Ok(DescribeAclsResponse {
        error_code: code.code(),
        error_message: Some(text),
        ..Default::default()
    })
}
