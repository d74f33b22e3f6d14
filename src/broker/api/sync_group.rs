//! SyncGroup (key 14), v0-5
//!
//! Behaviour: the leader of a classic group brings the assignment, everybody is answered with
//!            their part when it is durable. As with JoinGroup the call has its place before the
//!            connection reads on. From version 5 on both names of the protocol must be there,
//!            else INCONSISTENT_GROUP_PROTOCOL.
//! Versions:  v3 static members (KIP-345) · v4 flexible · v5 protocol type and name (KIP-559)
//! Not done:  –

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::by_group::{expect_answer, group_of_member};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::{CloseConnection, Started, decode};
use crate::broker::response::Response;
use crate::coordinator::group::answer::{Answer, SyncAnswer};
use crate::coordinator::group::classic::SyncRequest;
use crate::coordinator::group::coordinator::Call;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::sync_group::{SyncGroupRequest, SyncGroupResponse};

/// The first version that must name the protocol.
const PROTOCOL_FROM: i16 = 5;

/// Puts a member's SyncGroup to the coordinator.
pub(in crate::broker) async fn start(
    cx: &Rc<Context>,
    mut request: Request,
) -> Result<Started, CloseConnection> {
    let frame = std::mem::take(&mut request.frame);
    let message: SyncGroupRequest<'_> = decode(&request, &frame)?;
    let group = match check(cx, &request, &message) {
        Ok(group) => group,
        Err(code) => {
            let response = Response::encode(&request, &response(&SyncAnswer::refused(code)))?;
            return Ok(Started::Ready(response));
        }
    };
    let asked = cx.shards.group(Call::Sync(group, sync_request(message)));
    Ok(Started::Later(Box::pin(async move {
        let answer = match asked.await? {
            Ok(answer) => expect_answer!(answer, Answer::Sync(answer) => answer),
            Err(code) => SyncAnswer::refused(code),
        };
        Ok(Response::encode(&request, &response(&answer))?)
    })))
}

fn check(
    cx: &Context,
    request: &Request,
    message: &SyncGroupRequest<'_>,
) -> Result<Arc<str>, ErrorCode> {
    if !names_its_protocol(message, request.version) {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    group_of_member(cx, request, &message.group_id)
}

fn names_its_protocol(message: &SyncGroupRequest<'_>, version: i16) -> bool {
    version < PROTOCOL_FROM || (message.protocol_type.is_some() && message.protocol_name.is_some())
}

fn sync_request(message: SyncGroupRequest<'_>) -> SyncRequest {
    let assignments = message.assignments.into_iter().map(|part| {
        let assignment = Bytes::copy_from_slice(part.assignment);
        (part.member_id.into(), assignment)
    });
    SyncRequest {
        member_id: message.member_id.into(),
        instance_id: message.group_instance_id.map(Into::into),
        generation: message.generation_id,
        protocol_type: message.protocol_type.map(Into::into),
        protocol_name: message.protocol_name.map(Into::into),
        assignments: assignments.collect(),
    }
}

fn response(answer: &SyncAnswer) -> SyncGroupResponse<'_> {
    SyncGroupResponse {
        error_code: answer.error.code(),
        protocol_type: answer.protocol_type.as_deref().map(str::to_owned),
        protocol_name: answer.protocol_name.as_deref().map(str::to_owned),
        assignment: &answer.assignment,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_version_5_on_the_protocol_is_named() {
        let mut message = SyncGroupRequest {
            protocol_type: Some("consumer".to_owned()),
            ..Default::default()
        };
        assert!(names_its_protocol(&message, 4));
        assert!(!names_its_protocol(&message, 5));
        message.protocol_name = Some("range".to_owned());
        assert!(names_its_protocol(&message, 5));
    }

    #[test]
    fn the_assignment_is_handed_over_as_it_is() {
        let answer = SyncAnswer {
            assignment: Bytes::from_static(b"part"),
            protocol_name: Some("range".into()),
            ..SyncAnswer::refused(ErrorCode::None)
        };
        let response = response(&answer);
        assert_eq!(response.assignment, b"part");
        assert_eq!(response.protocol_name.as_deref(), Some("range"));
    }
}
