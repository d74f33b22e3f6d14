//! CreateAcls (key 30), v1-3
//!
//! Behaviour: SECURITY_DISABLED for each rule, as in Kafka where no authorizer is configured.
//!            CLUSTER_AUTHORIZATION_FAILED for who may not alter the cluster.
//! Versions:  v2 flexible · v3 resources of type user
//! Not done:  access rules

use super::permissions::no_authorizer;
use crate::broker::authorization::Operation;
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::protocol::message::create_acls::{
    AclCreationResult, CreateAclsRequest, CreateAclsResponse,
};

/// Kafka's text; admin tools show it.
const NO_AUTHORIZER: &str = "No Authorizer is configured.";

/// Creates access rules.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: CreateAclsRequest,
) -> Result<CreateAclsResponse, CloseConnection> {
    let (code, text) = no_authorizer(cx, request, Operation::Alter, NO_AUTHORIZER);
    let result = AclCreationResult {
        error_code: code.code(),
        error_message: Some(text),
    };
    Ok(CreateAclsResponse {
        results: vec![result; message.creations.len()],
        ..Default::default()
    })
}
