//! FindCoordinator (key 10), v0-6
//!
//! Behaviour: no coordinator exists yet: every key is answered COORDINATOR_NOT_AVAILABLE, after
//!            the question whether its sender may ask for it. Clients try again until they give
//!            up. A type that is not known is INVALID_REQUEST, so are share partitions before v6.
//! Versions:  v1 key types · v3 flexible · v4 several keys (KIP-699) · v6 share partitions
//! Not done:  groups, transactions and share groups

use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};

/// The first version with several keys.
const KEYS_FROM: i16 = 4;
/// The first version that may ask for share partitions.
const SHARES_FROM: i16 = 6;

/// Answers that there is none.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: FindCoordinatorRequest,
) -> Result<FindCoordinatorResponse, CloseConnection> {
    let code = |key: &str| refusal(cx, request, message.key_type, key);
    if request.version >= KEYS_FROM {
        let keys = message.coordinator_keys.iter();
        let coordinators = keys.map(|key| absent(key, code(key))).collect();
        return Ok(FindCoordinatorResponse {
            coordinators,
            ..Default::default()
        });
    }
    let code = code(&message.key);
    Ok(FindCoordinatorResponse {
        error_code: code.code(),
        error_message: Some(code.to_string()),
        node_id: -1,
        port: -1,
        ..Default::default()
    })
}

fn refusal(cx: &Context, request: &Request, key_type: i8, key: &str) -> ErrorCode {
    let (operation, resource, refused) = match key_type {
        0 => (
            Operation::Describe,
            Resource::Group(key),
            ErrorCode::GroupAuthorizationFailed,
        ),
        1 => (
            Operation::Describe,
            Resource::TransactionalId(key),
            ErrorCode::TransactionalIdAuthorizationFailed,
        ),
        2 if request.version >= SHARES_FROM => (
            Operation::ClusterAction,
            Resource::Cluster,
            ErrorCode::ClusterAuthorizationFailed,
        ),
        _ => return ErrorCode::InvalidRequest,
    };
    if cx.may(request, operation, resource) {
        ErrorCode::CoordinatorNotAvailable
    } else {
        refused
    }
}

fn absent(key: &str, code: ErrorCode) -> Coordinator {
    Coordinator {
        key: key.to_owned(),
        node_id: -1,
        host: String::new(),
        port: -1,
        error_code: code.code(),
        error_message: Some(code.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_coordinator_is_nowhere() {
        let coordinator = absent("group", ErrorCode::CoordinatorNotAvailable);
        assert_eq!((coordinator.node_id, coordinator.port), (-1, -1));
        assert_eq!(
            (coordinator.host.as_str(), coordinator.error_code),
            ("", 15)
        );
    }
}
