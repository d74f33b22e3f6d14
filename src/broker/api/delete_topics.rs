//! DeleteTopics (key 20), v1-6
//!
//! Behaviour: the controller decides; the answer comes when the topics are gone from every core.
//!            Topics that the caller may not delete are TOPIC_AUTHORIZATION_FAILED; one named by
//!            id is told by name only if the caller may describe it. With
//!            `delete.topic.enable=false` all are TOPIC_DELETION_DISABLED (INVALID_REQUEST before
//!            v3). KAFKA_STORAGE_ERROR for all topics if the disk is full.
//! Versions:  v4 flexible · v5 error messages · v6 by name or id (KIP-516)
//! Not done:  quotas

use super::controlled::{ask_controller, take_refused};
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::metadata::MetadataImage;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

/// Deletes topics.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    mut message: DeleteTopicsRequest,
) -> Result<DeleteTopicsResponse, CloseConnection> {
    let image = cx.image();
    let may = |operation, name: &str| cx.may(request, operation, Resource::Topic(name));
    let may_delete = |topic: &DeleteTopicState| {
        name_of(&image, topic).is_none_or(|name| may(Operation::Delete, &name))
    };
    let refused = take_refused(&mut message.topics, may_delete);
    let refused_names = take_refused(&mut message.topic_names, |name| {
        may(Operation::Delete, name)
    });
    let asked = named(&message);
    let mut response = ask_controller!(cx, DeleteTopics(message, request.version))
        .unwrap_or_else(|| all_failed(asked, ErrorCode::KafkaStorageError));
    let tellable = |topic: DeleteTopicState| {
        let name = name_of(&image, &topic).filter(|name| may(Operation::Describe, name));
        DeleteTopicState {
            name: topic.name.or(name),
            topic_id: topic.topic_id,
        }
    };
    let mut refused: Vec<_> = refused.into_iter().map(tellable).collect();
    refused.extend(refused_names.into_iter().map(by_name));
    response
        .responses
        .extend(all_failed(refused, ErrorCode::TopicAuthorizationFailed).responses);
    Ok(response)
}

/// The topic's name as named or, by its id, as it is today.
fn name_of(image: &MetadataImage, topic: &DeleteTopicState) -> Option<String> {
    let known = || {
        image
            .topic_by_id(topic.topic_id)
            .map(|topic| topic.name.to_string())
    };
    topic.name.clone().or_else(known)
}

fn by_name(name: String) -> DeleteTopicState {
    DeleteTopicState {
        name: Some(name),
        ..Default::default()
    }
}

/// The topics that a request names in either way.
fn named(message: &DeleteTopicsRequest) -> Vec<DeleteTopicState> {
    let names = message.topic_names.iter().cloned().map(by_name);
    message.topics.iter().cloned().chain(names).collect()
}

fn all_failed(topics: Vec<DeleteTopicState>, code: ErrorCode) -> DeleteTopicsResponse {
    let failed = |topic: DeleteTopicState| DeletableTopicResult {
        name: topic.name,
        topic_id: topic.topic_id,
        error_code: code.code(),
        error_message: Some(code.to_string()),
    };
    DeleteTopicsResponse {
        responses: topics.into_iter().map(failed).collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uuid;

    #[test]
    fn every_topic_named_is_answered() {
        let id = Uuid::from_u128(1000);
        let message = DeleteTopicsRequest {
            topics: vec![DeleteTopicState {
                name: None,
                topic_id: id,
            }],
            topic_names: vec!["a".to_owned()],
            ..Default::default()
        };
        let response = all_failed(named(&message), ErrorCode::KafkaStorageError);
        let told: Vec<_> = response
            .responses
            .iter()
            .map(|topic| (topic.name.as_deref(), topic.topic_id))
            .collect();
        assert_eq!(told, [(None, id), (Some("a"), Uuid::ZERO)]);
    }
}
