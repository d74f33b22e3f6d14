//! AlterConfigs (key 33), v0-2
//!
//! Behaviour: each resource gets the settings named and loses all others; the
//!            answer comes when they are in force on every core. What the caller may not change
//!            is TOPIC_, GROUP_ or CLUSTER_AUTHORIZATION_FAILED.
//!            KAFKA_STORAGE_ERROR for all resources if the disk is full.
//! Versions:  v2 flexible
//! Not done:  levels of the broker's logging

use super::config_resources::{answers, take_forbidden, without_storage};
use super::controlled::ask_controller;
use super::permissions::Caller;
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::protocol::message::alter_configs::{AlterConfigsRequest, AlterConfigsResponse};

/// Replaces all settings of resources.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    mut message: AlterConfigsRequest,
) -> Result<AlterConfigsResponse, CloseConnection> {
    let forbidden = take_forbidden(&Caller { cx, request }, &mut message.resources);
    let unwritten = without_storage(&message.resources);
    let answer = ask_controller!(cx, AlterConfigs(message));
    let mut response = answer.unwrap_or_else(|| AlterConfigsResponse {
        responses: answers(unwritten),
        ..Default::default()
    });
    response.responses.extend(answers(forbidden));
    Ok(response)
}
