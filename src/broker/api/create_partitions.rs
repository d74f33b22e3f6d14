//! CreatePartitions (key 37), v0-3
//!
//! Behaviour: the controller decides; the answer comes when the partitions are in force on every
//!            core. Topics that the caller may not alter are TOPIC_AUTHORIZATION_FAILED.
//!            KAFKA_STORAGE_ERROR for all topics if the disk is full.
//! Versions:  v2 flexible · v3 throttling (KIP-599)
//! Not done:  quotas; more partitions for `__consumer_offsets`, whose groups would be looked for
//!            elsewhere: INVALID_REQUEST

use super::controlled::{ask_controller, take_refused};
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopicResult,
};

/// Adds partitions to topics.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    mut message: CreatePartitionsRequest,
) -> Result<CreatePartitionsResponse, CloseConnection> {
    let granted = |name: &str| cx.may(request, Operation::Alter, Resource::Topic(name));
    let refused = take_refused(&mut message.topics, |topic| granted(&topic.name));
    let refused = refused.into_iter().map(|topic| topic.name);
    let names: Vec<String> = message
        .topics
        .iter()
        .map(|topic| topic.name.clone())
        .collect();
    let mut response = ask_controller!(cx, CreatePartitions(message)).unwrap_or_else(|| {
        let results = all_failed(names, ErrorCode::KafkaStorageError);
        CreatePartitionsResponse {
            results,
            ..Default::default()
        }
    });
    response
        .results
        .extend(all_failed(refused, ErrorCode::TopicAuthorizationFailed));
    Ok(response)
}

fn all_failed(
    names: impl IntoIterator<Item = String>,
    code: ErrorCode,
) -> Vec<CreatePartitionsTopicResult> {
    let failed = |name| CreatePartitionsTopicResult {
        name,
        error_code: code.code(),
        error_message: Some(code.to_string()),
    };
    names.into_iter().map(failed).collect()
}
