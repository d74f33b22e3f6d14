//! DeleteAcls (key 31), v1-3
//!
//! Behaviour: SECURITY_DISABLED for each filter, as in Kafka where no authorizer is configured.
//!            CLUSTER_AUTHORIZATION_FAILED for who may not alter the cluster.
//! Versions:  v2 flexible · v3 resources of type user
//! Not done:  access rules

use super::permissions::no_authorizer;
use crate::broker::authorization::Operation;
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::protocol::message::delete_acls::{
    DeleteAclsFilterResult, DeleteAclsRequest, DeleteAclsResponse,
};

/// Kafka's text; admin tools show it.
const NO_AUTHORIZER: &str = "No Authorizer is configured.";

/// Deletes access rules.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: DeleteAclsRequest,
) -> Result<DeleteAclsResponse, CloseConnection> {
    let (code, text) = no_authorizer(cx, request, Operation::Alter, NO_AUTHORIZER);
    let result = DeleteAclsFilterResult {
        error_code: code.code(),
        error_message: Some(text),
        ..Default::default()
    };
    Ok(DeleteAclsResponse {
        filter_results: vec![result; message.filters.len()],
        ..Default::default()
    })
}
