//! CreateTopics (key 19), v2-7
//!
//! Behaviour: the controller decides and answers with the topics' configurations; the answer
//!            comes when the topics are durable and in force on every core. Topics that the
//!            caller may not create are TOPIC_AUTHORIZATION_FAILED; configurations that the
//!            caller may not read are left out, with that code beside them. KAFKA_STORAGE_ERROR
//!            for all topics if the disk is full.
//! Versions:  v4 defaults (KIP-464) · v5 flexible, configurations (KIP-525) · v7 topic ids
//! Not done:  quotas

use super::controlled::{ask_controller, take_refused};
use super::permissions::may_create;
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::create_topics::{
    CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};

/// Creates topics.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    mut message: CreateTopicsRequest,
) -> Result<CreateTopicsResponse, CloseConnection> {
    let granted = |name: &str| may_create(cx, request, name);
    let refused = take_refused(&mut message.topics, |topic| granted(&topic.name));
    let refused = refused.into_iter().map(|topic| topic.name);
    let names: Vec<String> = message
        .topics
        .iter()
        .map(|topic| topic.name.clone())
        .collect();
    let mut response =
        ask_controller!(cx, CreateTopics(message)).unwrap_or_else(|| CreateTopicsResponse {
            topics: all_failed(names, ErrorCode::KafkaStorageError),
            ..Default::default()
        });
    let may_read = |name: &str| cx.may(request, Operation::DescribeConfigs, Resource::Topic(name));
    for topic in response
        .topics
        .iter_mut()
        .filter(|topic| !may_read(&topic.name))
    {
        withhold_configs(topic);
    }
    response
        .topics
        .extend(all_failed(refused, ErrorCode::TopicAuthorizationFailed));
    Ok(response)
}

fn all_failed(
    names: impl IntoIterator<Item = String>,
    code: ErrorCode,
) -> Vec<CreatableTopicResult> {
    let failed = |name| CreatableTopicResult {
        name,
        error_code: code.code(),
        error_message: Some(code.to_string()),
        configs: Some(Vec::new()),
        ..Default::default()
    };
    names.into_iter().map(failed).collect()
}

fn withhold_configs(topic: &mut CreatableTopicResult) {
    if topic.error_code == ErrorCode::None.code() {
        topic.topic_config_error_code = ErrorCode::TopicAuthorizationFailed.code();
        topic.num_partitions = -1;
        topic.replication_factor = -1;
        topic.configs = Some(Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_are_withheld_from_created_topics_only() {
        let mut created = CreatableTopicResult {
            num_partitions: 3,
            ..Default::default()
        };
        withhold_configs(&mut created);
        assert_eq!(
            (created.topic_config_error_code, created.num_partitions),
            (29, -1)
        );
        let mut failed = all_failed(["a".to_owned()], ErrorCode::KafkaStorageError).remove(0);
        withhold_configs(&mut failed);
        assert_eq!((failed.error_code, failed.topic_config_error_code), (56, 0));
    }
}
