//! AlterConfigs (key 33), v0-2
//!
//! Behaviour: each resource gets the settings named and loses all others; the
//!            answer comes when they are in force on every core. What the caller may not change
//!            is TOPIC_AUTHORIZATION_FAILED or CLUSTER_AUTHORIZATION_FAILED.
//!            KAFKA_STORAGE_ERROR for all resources if the disk is full.
//! Versions:  v2 flexible
//! Not done:  levels of the broker's logging

use super::controlled::{ask_controller, take_refused};
use super::permissions::{Caller, config_refusal};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

/// Replaces all settings of resources.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    mut message: AlterConfigsRequest,
) -> Result<AlterConfigsResponse, CloseConnection> {
    let caller = Caller { cx, request };
    let refusal = |kind, name: &str| config_refusal(&caller, kind, name);
    let refused = take_refused(&mut message.resources, |resource| {
        refusal(resource.resource_type, &resource.resource_name).is_none()
    });
    let all: Vec<_> = message.resources.iter().map(named).collect();
    let mut response = ask_controller!(cx, AlterConfigs(message)).unwrap_or_else(|| {
        let failed = |(kind, name)| failed(kind, name, ErrorCode::KafkaStorageError);
        let responses = all.into_iter().map(failed).collect();
        AlterConfigsResponse {
            responses,
            ..Default::default()
        }
    });
    response
        .responses
        .extend(refused.iter().map(named).filter_map(|(kind, name)| {
            let code = refusal(kind, &name)?;
            Some(failed(kind, name, code))
        }));
    Ok(response)
}

fn named(resource: &AlterConfigsResource) -> (i8, String) {
    (resource.resource_type, resource.resource_name.clone())
}

fn failed(kind: i8, name: String, code: ErrorCode) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse {
        error_code: code.code(),
        error_message: Some(code.to_string()),
        resource_type: kind,
        resource_name: name,
    }
}
