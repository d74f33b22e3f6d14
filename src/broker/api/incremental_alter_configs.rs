//! IncrementalAlterConfigs (key 44), v0-1
//!
//! Behaviour: settings are set, deleted, appended to or subtracted from (KIP-339); the
//!            answer comes when they are in force on every core. What the caller may not change
//!            is TOPIC_, GROUP_ or CLUSTER_AUTHORIZATION_FAILED.
//!            KAFKA_STORAGE_ERROR for all resources if the disk is full.
//! Versions:  v1 flexible
//! Not done:  levels of the broker's logging

use super::config_resources::{answers, take_forbidden, without_storage};
use super::controlled::ask_controller;
use super::permissions::Caller;
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::protocol::message::incremental_alter_configs::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

/// Changes single settings of resources.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    mut message: IncrementalAlterConfigsRequest,
) -> Result<IncrementalAlterConfigsResponse, CloseConnection> {
    let forbidden = take_forbidden(&Caller { cx, request }, &mut message.resources);
    let unwritten = without_storage(&message.resources);
    let answer = ask_controller!(cx, IncrementalAlterConfigs(message));
    let mut response = answer.unwrap_or_else(|| IncrementalAlterConfigsResponse {
        responses: answers(unwritten),
        ..Default::default()
    });
    response.responses.extend(answers(forbidden));
    Ok(response)
}
