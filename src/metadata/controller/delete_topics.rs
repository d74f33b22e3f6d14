//! DeleteTopics, by name and by id.

use std::collections::BTreeSet;

use super::error::{ApiError, code_and_message, too_many_records};
use super::{Controller, Outcome, TopicOperation};
use crate::metadata::batches::RECORDS_PER_OPERATION_MAX;
use crate::metadata::image::TopicImage;
use crate::model::Uuid;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use crate::protocol::message::metadata_record::topic::RemoveTopicRecord;

/// How a request names a topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named<'a> {
    Name(&'a str),
    Id(Uuid),
}

impl Controller<'_> {
    /// DeleteTopics, all versions; `version` decides how a disabled deletion is answered.
    pub fn delete_topics(
        &self,
        request: &DeleteTopicsRequest,
        version: i16,
    ) -> Outcome<DeleteTopicsResponse> {
        let mut deletion = Deletion {
            controller: self,
            responses: Vec::new(),
            ids: Vec::new(),
        };
        let mut named: Vec<_> = request
            .topic_names
            .iter()
            .map(|name| Named::Name(name))
            .collect();
        for topic in &request.topics {
            match how_named(topic) {
                Ok(topic) => named.push(topic),
                Err(message) => {
                    let error = ApiError::invalid_request(message);
                    deletion.respond(topic.name.clone(), topic.topic_id, Err(error));
                }
            }
        }
        let disabled = (!self.config.topics.delete_enabled).then(|| deletion_disabled(version));
        deletion.delete_all(&named, disabled);
        deletion.outcome()
    }
}

fn how_named(topic: &DeleteTopicState) -> Result<Named<'_>, &'static str> {
    match (&topic.name, topic.topic_id) {
        (None, Uuid::ZERO) => Err("Neither topic name nor id were specified."),
        (Some(name), Uuid::ZERO) => Ok(Named::Name(name)),
        (None, id) => Ok(Named::Id(id)),
        (Some(_), _) => Err("You may not specify both topic name and topic id."),
    }
}

/// One request under way.
struct Deletion<'a> {
    controller: &'a Controller<'a>,
    responses: Vec<DeletableTopicResult>,
    ids: Vec<Uuid>,
}

impl Deletion<'_> {
    fn delete_all(&mut self, named: &[Named<'_>], disabled: Option<ApiError>) {
        let mut seen = BTreeSet::new();
        let repeated: BTreeSet<_> = named.iter().filter(|topic| !seen.insert(**topic)).collect();
        for topic in &seen {
            let (name, id) = match *topic {
                Named::Name(name) => (Some(name.to_owned()), Uuid::ZERO),
                Named::Id(id) => (None, id),
            };
            if let Some(error) = &disabled {
                self.respond(name, id, Err(error.clone()));
            } else if repeated.contains(topic) {
                let message = match topic {
                    Named::Name(_) => "Duplicate topic name.",
                    Named::Id(_) => "Duplicate topic id.",
                };
                self.respond(name, id, Err(ApiError::invalid_request(message)));
            } else {
                self.delete(*topic, name, id);
            }
        }
    }

    fn delete(&mut self, named: Named<'_>, name: Option<String>, id: Uuid) {
        match self.resolve(named) {
            Err((known, error)) => self.respond(known.or(name), id, Err(error)),
            Ok((topic_name, topic_id)) if self.ids.contains(&topic_id) => {
                let message = "The provided topic name maps to an ID that was already supplied.";
                let error = ApiError::invalid_request(message);
                self.respond(Some(topic_name), topic_id, Err(error));
            }
            Ok((topic_name, topic_id)) => {
                self.ids.push(topic_id);
                self.respond(Some(topic_name), topic_id, Ok(()));
            }
        }
    }

    /// The topic meant, or an error and the name, if that may be told.
    fn resolve(&self, named: Named<'_>) -> Result<(String, Uuid), (Option<String>, ApiError)> {
        let denied = || ApiError::bare(ErrorCode::TopicAuthorizationFailed);
        let may = |operation, name: &str| self.controller.access.may(operation, name);
        let image = self.controller.image;
        let topic: &TopicImage = match named {
            Named::Name(name) if !may(TopicOperation::Describe, name) => {
                return Err((None, denied()));
            }
            Named::Name(name) => {
                let unknown = || (None, ApiError::bare(ErrorCode::UnknownTopicOrPartition));
                image.topic(name).ok_or_else(unknown)?
            }
            Named::Id(id) => {
                let unknown = || (None, ApiError::bare(ErrorCode::UnknownTopicId));
                image.topic_by_id(id).ok_or_else(unknown)?
            }
        };
        if !may(TopicOperation::Delete, &topic.name) {
            let told = may(TopicOperation::Describe, &topic.name).then(|| topic.name.to_string());
            return Err((told, denied()));
        }
        Ok((topic.name.to_string(), topic.id))
    }

    fn respond(&mut self, name: Option<String>, topic_id: Uuid, result: Result<(), ApiError>) {
        let (error_code, error_message) = code_and_message(&result);
        self.responses.push(DeletableTopicResult {
            name,
            topic_id,
            error_code,
            error_message,
        });
    }

    fn outcome(mut self) -> Outcome<DeleteTopicsResponse> {
        if self.ids.len() > RECORDS_PER_OPERATION_MAX {
            self.ids.clear();
            let (code, message) = code_and_message(&Err(too_many_records()));
            for response in &mut self.responses {
                (response.error_code, response.error_message) = (code, message.clone());
            }
        }
        let record = |id: &Uuid| RemoveTopicRecord { topic_id: *id }.into();
        Outcome {
            records: self.ids.iter().map(record).collect(),
            response: DeleteTopicsResponse {
                throttle_time_ms: 0,
                responses: self.responses,
            },
        }
    }
}

fn deletion_disabled(version: i16) -> ApiError {
    if version < 3 {
        ApiError::invalid_request("Topic deletion is disabled.")
    } else {
        ApiError::bare(ErrorCode::TopicDeletionDisabled)
    }
}
