//! DeleteTopics (key 20).
//!
//! Versions: 4 flexible; 5 error messages, throttling (KIP-599); 6 by name or id (KIP-516).

use crate::model::Uuid;

message! {
    /// Topics to delete: `topic_names` up to version 5, `topics` from 6 on.
    DeleteTopicsRequest: request 20, versions 1..=6, flexible 4.. {
        topics: Vec<DeleteTopicState> [6..],
        topic_names: Vec<String> [0..=5, ignorable],
        timeout_ms: i32,
    }

    /// An element of [`DeleteTopicsRequest::topics`].
    DeleteTopicState {
        name: Option<String> [6.., null, default null],
        topic_id: Uuid [6..],
    }
}

message! {
    /// What became of each topic.
    DeleteTopicsResponse: response 20, versions 1..=6, flexible 4.. {
        throttle_time_ms: i32 [1.., ignorable],
        responses: Vec<DeletableTopicResult>,
    }

    /// An element of [`DeleteTopicsResponse::responses`].
    DeletableTopicResult {
        name: Option<String> [null 6..],
        topic_id: Uuid [6.., ignorable],
        error_code: i16,
        error_message: Option<String> [5.., null, default null, ignorable],
    }
}
