//! ConsumerGroupHeartbeat (key 68), v0-1
//!
//! Behaviour: a member of a consumer group (KIP-848) comes, says what has changed, gets its part of
//!            the partitions, goes. Answered when what it changed is durable; at once if it changed
//!            nothing. Where the protocol is not offered it is UNSUPPORTED_VERSION, as in Kafka.
//! Versions:  v1 regular expressions, ids chosen by clients (KIP-1082)
//! Not done:  regular expressions see topics that their member may not. Of Unicode they know the
//!            general categories, Latin and Common; one that compiles to more than a MiB is refused.
//!            The rack is kept and not assigned by, as in Kafka. The members of a group may say 32 MiB
//!            of themselves in all, with the topics that their expressions stand for (3 MiB each), then
//!            GROUP_MAX_SIZE_REACHED

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::by_group::{check_group_of_member, expect_answer};
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::{CloseConnection, Started, decode};
use crate::broker::response::Response;
use crate::coordinator::group::answer::{Answer, ConsumerHeartbeatAnswer};
use crate::coordinator::group::consumer::heartbeat::{HeartbeatRequest, Refused};
use crate::coordinator::group::consumer::reconcile::Target;
use crate::coordinator::group::coordinator::Call;
use crate::metadata::offers_consumer_groups;
use crate::model::Uuid;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use crate::shard::Said;

/// The first version whose members choose their own ids.
const OWN_ID_FROM: i16 = 1;
/// A message may have a name in it that its peer chose: it is cut, so that it is a string of Kafka's
/// (32,767 bytes) whatever is put into it.
const ERROR_MESSAGE_BYTES_MAX: usize = 2_000;
/// The member epoch of one that joins.
const JOINS: i32 = 0;

/// Puts a member's heartbeat to the coordinator.
pub(in crate::broker) async fn start(
    cx: &Rc<Context>,
    mut request: Request,
) -> Result<Started, CloseConnection> {
    let frame = std::mem::take(&mut request.frame);
    let message: ConsumerGroupHeartbeatRequest = decode(&request, &frame)?;
    if let Err(refused) = check(cx, &request, &message) {
        let refused = response(ConsumerHeartbeatAnswer::refused(message.member_id, refused));
        return Ok(Started::Ready(Response::encode(&request, &refused)?));
    }
    let group = message.group_id.clone();
    let heartbeat = heartbeat(&request, message);
    let member_id = heartbeat.member_id.clone();
    match cx
        .shards
        .group(Call::ConsumerHeartbeat(group, heartbeat))
        .now()
    {
        Ok(said) => Ok(Started::Ready(answer(&request, member_id, said)?)),
        Err(asked) => Ok(Started::Later(Box::pin(async move {
            answer(&request, member_id, asked.await?)
        }))),
    }
}

fn answer(request: &Request, member_id: Arc<str>, said: Said) -> Result<Response, CloseConnection> {
    let answer = match said {
        Ok(answer) => expect_answer!(answer, Answer::ConsumerHeartbeat(answer) => answer),
        Err(code) => ConsumerHeartbeatAnswer::refused(member_id, refusal(code)),
    };
    Ok(Response::encode(request, &response(answer))?)
}

fn check(
    cx: &Context,
    request: &Request,
    message: &ConsumerGroupHeartbeatRequest,
) -> Result<(), Refused> {
    if !offers_consumer_groups(&cx.config(), &cx.image()) {
        return Err(refusal(ErrorCode::UnsupportedVersion));
    }
    check_group_of_member(cx, request, &message.group_id).map_err(refusal)?;
    let mut topics = message.subscribed_topic_names.iter().flatten();
    let may = |topic: &String| cx.may(request, Operation::Describe, Resource::Topic(topic));
    match topics.all(may) {
        true => Ok(()),
        false => Err(refusal(ErrorCode::TopicAuthorizationFailed)),
    }
}

fn refusal(code: ErrorCode) -> Refused {
    Refused {
        code,
        message: code.to_string(),
    }
}

fn heartbeat(request: &Request, message: ConsumerGroupHeartbeatRequest) -> HeartbeatRequest {
    let text = |text: Option<String>| text.map(Arc::from);
    let has_no_id = message.member_id.is_empty() && message.member_epoch == JOINS;
    let topics = message.subscribed_topic_names;
    HeartbeatRequest {
        member_id: match has_no_id && request.version < OWN_ID_FROM {
            true => Uuid::from_random(fastrand::u128(..)).to_string().into(),
            false => message.member_id,
        },
        epoch: message.member_epoch,
        instance_id: text(message.instance_id),
        rack_id: text(message.rack_id),
        rebalance_timeout_ms: Some(message.rebalance_timeout_ms).filter(|timeout| *timeout != -1),
        client_id: request.client_id.clone().unwrap_or_default(),
        client_host: request.client_host.clone(),
        topics: topics.map(|topics| topics.into_iter().map(Arc::from).collect()),
        regex: text(message.subscribed_topic_regex),
        assignor: text(message.server_assignor),
        owned: message.topic_partitions.map(target),
    }
}

fn target(topics: Vec<TopicPartitions>) -> Target {
    let mut target = Target::new();
    for topic in topics {
        let partitions: BTreeSet<i32> = topic.partitions.into_iter().collect();
        target.entry(topic.topic_id).or_default().extend(partitions);
    }
    target
}

fn response(answer: ConsumerHeartbeatAnswer) -> ConsumerGroupHeartbeatResponse {
    let is_refused = answer.error != ErrorCode::None;
    let assigned = answer.assigned.map(|assigned| {
        let topics = assigned
            .into_iter()
            .map(|(topic_id, partitions)| TopicPartitions {
                topic_id,
                partitions,
            });
        Assignment {
            topic_partitions: topics.collect(),
        }
    });
    ConsumerGroupHeartbeatResponse {
        error_code: answer.error.code(),
        error_message: answer.message.map(cut),
        member_id: (!is_refused).then_some(answer.member_id),
        member_epoch: answer.epoch,
        heartbeat_interval_ms: answer.heartbeat_interval_ms,
        assignment: assigned,
        ..Default::default()
    }
}

fn cut(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(ERROR_MESSAGE_BYTES_MAX));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It could not be encoded, and the connection was closed.
    #[test]
    fn what_a_refusal_says_is_cut() {
        let refused = |message: String| {
            let refused = Refused {
                code: ErrorCode::UnsupportedAssignor,
                message,
            };
            response(ConsumerHeartbeatAnswer::refused("m".into(), refused)).error_message
        };
        assert_eq!(refused("short".to_owned()).as_deref(), Some("short"));
        let cut = refused(format!("a{}", "é".repeat(20_000))).expect("it says why");
        assert_eq!(cut.len(), ERROR_MESSAGE_BYTES_MAX - 1);
        assert!(cut.ends_with('é'));
    }
}
