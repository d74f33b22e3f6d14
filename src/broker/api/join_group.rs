//! JoinGroup (key 11), v0-9
//!
//! Behaviour: a member joins a classic group or takes part in its rebalance, and is answered when
//!            all have joined or the rest is late; the leader is told of all members. The call has
//!            its place in the coordinator's order before the connection reads on; responses that
//!            follow wait for this one, as in Kafka, where the requests do. A member without an id
//!            gets one of its instance id or `client.id` and a random UUID.
//! Versions:  v1 rebalance timeout · v4 MEMBER_ID_REQUIRED (KIP-394) · v5 static members (KIP-345)
//!            · v6 flexible · v7 protocol type (KIP-559) · v8 reason (KIP-800) · v9 skip
//!            assignment (KIP-814)
//! Not done:  the members of a group may say 32 MiB of themselves in all, then GROUP_MAX_SIZE_REACHED;
//!            of ids that nobody joins with a group keeps 4 MiB, the newest

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::by_group::{expect_answer, group_of_member};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::{CloseConnection, Started, decode};
use crate::broker::response::Response;
use crate::coordinator::group::answer::{Answer, JoinAnswer, JoinedMember};
use crate::coordinator::group::classic::{JoinRequest, Protocol};
use crate::coordinator::group::coordinator::Call;
use crate::model::Uuid;
use crate::protocol::message::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, JoinGroupResponseMember,
};

/// The first version with a rebalance timeout of its own.
const REBALANCE_TIMEOUT_FROM: i16 = 1;
/// The first version whose members must know their ids before they join.
const ID_REQUIRED_FROM: i16 = 4;
/// The first version that may leave the protocol's name out.
const PROTOCOL_NULL_FROM: i16 = 7;
/// The first version that a leader may be told in that there is nothing to assign.
const SKIP_ASSIGNMENT_FROM: i16 = 9;

/// So much of a name is put before the UUID of an id, `-…` of 37 bytes.
const NAMED_BYTES_MAX: usize = i16::MAX as usize - 37;

/// Puts a member's JoinGroup to the coordinator.
pub(in crate::broker) async fn start(
    cx: &Rc<Context>,
    mut request: Request,
) -> Result<Started, CloseConnection> {
    let frame = std::mem::take(&mut request.frame);
    let message: JoinGroupRequest<'_> = decode(&request, &frame)?;
    let group = match group_of_member(cx, &request, &message.group_id) {
        Ok(group) => group,
        Err(code) => {
            let refused = JoinAnswer::refused(message.member_id.into(), code);
            let response = Response::encode(&request, &response(request.version, &refused))?;
            return Ok(Started::Ready(response));
        }
    };
    let join = join_request(&request, message, fastrand::u128(..));
    let member_id = join.member_id.clone();
    let asked = cx.shards.group(Call::Join(group, join));
    Ok(Started::Later(Box::pin(async move {
        let answer = match asked.await? {
            Ok(answer) => expect_answer!(answer, Answer::Join(answer) => answer),
            Err(code) => JoinAnswer::refused(member_id, code),
        };
        let response = response(request.version, &answer);
        Ok(Response::encode(&request, &response)?)
    })))
}

fn join_request(request: &Request, message: JoinGroupRequest<'_>, random: u128) -> JoinRequest {
    let client_id = request.client_id.clone().unwrap_or_default();
    let instance_id = message.group_instance_id;
    let named = instance_id.as_deref().unwrap_or(&client_id);
    JoinRequest {
        new_member_id: new_member_id(named, random),
        member_id: message.member_id.into(),
        client_id,
        client_host: request.client_host.clone(),
        session_timeout_ms: message.session_timeout_ms,
        rebalance_timeout_ms: match request.version {
            REBALANCE_TIMEOUT_FROM.. => message.rebalance_timeout_ms,
            _ => message.session_timeout_ms,
        }
        .max(0),
        protocol_type: message.protocol_type.into(),
        protocols: protocols(message.protocols),
        reason: message.reason,
        must_know_its_id: request.version >= ID_REQUIRED_FROM && instance_id.is_none(),
        may_skip_assignment: request.version >= SKIP_ASSIGNMENT_FROM,
        instance_id: instance_id.map(Into::into),
    }
}

/// An id that no other member has, in the form of Kafka's: a UUID as Java writes it. All names fit a
/// string of Kafka's as they come; with the UUID behind it a long one has to be cut.
fn new_member_id(named: &str, random: u128) -> Arc<str> {
    let id = Uuid::from_random(random).as_u128();
    let named = &named[..named.floor_char_boundary(NAMED_BYTES_MAX)];
    format!(
        "{named}-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        id >> 96,
        (id >> 80) & 0xffff,
        (id >> 64) & 0xffff,
        (id >> 48) & 0xffff,
        id & 0xffff_ffff_ffff,
    )
    .into()
}

/// Each name once, as first given.
fn protocols(offered: Vec<JoinGroupRequestProtocol<'_>>) -> Vec<Protocol> {
    let mut seen: HashSet<Arc<str>> = HashSet::new();
    let protocols = offered.into_iter().map(|protocol| Protocol {
        name: protocol.name.into(),
        metadata: Bytes::copy_from_slice(protocol.metadata),
    });
    protocols
        .filter(|protocol| seen.insert(protocol.name.clone()))
        .collect()
}

fn response(version: i16, answer: &JoinAnswer) -> JoinGroupResponse<'_> {
    let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    let name = text(&answer.protocol_name);
    JoinGroupResponse {
        error_code: answer.error.code(),
        generation_id: answer.generation,
        protocol_type: text(&answer.protocol_type),
        protocol_name: match version {
            PROTOCOL_NULL_FROM.. => name,
            _ => Some(name.unwrap_or_default()),
        },
        leader: text(&answer.leader).unwrap_or_default(),
        skip_assignment: version >= SKIP_ASSIGNMENT_FROM && answer.skip_assignment,
        member_id: answer.member_id.to_string(),
        members: answer.members.iter().map(member).collect(),
        ..Default::default()
    }
}

fn member(member: &JoinedMember) -> JoinGroupResponseMember<'_> {
    JoinGroupResponseMember {
        member_id: member.member_id.to_string(),
        group_instance_id: member.instance_id.as_deref().map(str::to_owned),
        metadata: &member.metadata,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error_code::ErrorCode;

    #[test]
    fn member_ids_end_with_a_uuid_as_java_writes_it() {
        assert_eq!(
            &*new_member_id("consumer-1", 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            "consumer-1-01234567-89ab-4def-8123-456789abcdef"
        );
    }

    /// It could be put neither into a response nor into the log.
    #[test]
    fn member_ids_are_strings_of_kafkas_whatever_the_client_is_called() {
        let longest = i16::MAX as usize;
        let id = new_member_id(&"a".repeat(longest), 1);
        assert_eq!(id.len(), longest);
        let id = new_member_id(&"é".repeat(longest / 2), 1);
        assert!(id.len() <= longest && id.starts_with("éé"));
        let fits = "a".repeat(longest - 37);
        assert!(new_member_id(&fits, 1).starts_with(&fits));
    }

    #[test]
    fn a_protocol_offered_twice_counts_as_first_offered() {
        let offered = [("range", b"1"), ("sticky", b"2"), ("range", b"3")];
        let offered = offered.map(|(name, metadata)| JoinGroupRequestProtocol {
            name: name.to_owned(),
            metadata,
        });
        let names: Vec<_> = protocols(offered.into())
            .into_iter()
            .map(|protocol| (protocol.name.to_string(), protocol.metadata))
            .collect();
        let expected = [("range", &b"1"[..]), ("sticky", &b"2"[..])];
        let expected = expected.map(|(name, bytes)| (name.to_owned(), Bytes::from(bytes)));
        assert_eq!(names, expected);
    }

    #[test]
    fn a_refusal_fits_every_version() {
        let refused = JoinAnswer::refused("m".into(), ErrorCode::UnknownMemberId);
        let old = response(6, &refused);
        assert_eq!(old.protocol_name.as_deref(), Some(""));
        assert_eq!((old.generation_id, old.leader.as_str()), (-1, ""));
        assert_eq!(response(7, &refused).protocol_name, None);
    }

    #[test]
    fn only_who_understands_it_is_told_to_skip_the_assignment() {
        let mut answer = JoinAnswer::refused("m".into(), ErrorCode::None);
        answer.skip_assignment = true;
        assert!(!response(8, &answer).skip_assignment);
        assert!(response(9, &answer).skip_assignment);
    }
}
