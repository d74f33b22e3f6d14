//! ConsumerGroupDescribe (key 69), v0-1
//!
//! Behaviour: what a consumer group (KIP-848) is made of: its epochs, members, their parts and what
//!            they shall have. GROUP_ID_NOT_FOUND for a group that is none, or of the classic
//!            protocol. Members that subscribe to a topic that the caller may not describe are not
//!            shown: then the group is TOPIC_AUTHORIZATION_FAILED.
//! Versions:  v1 member types
//! Not done:  –

use super::by_group::{ask_groups, check_group, expect_answer, not_empty};
use super::permissions::group_operations;
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::coordinator::group::answer::Answer;
use crate::coordinator::group::coordinator::{
    Call, DescribedConsumer, DescribedConsumerGroup, NamedTopicPartitions,
};
use crate::metadata::offers_consumer_groups;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::consumer_group_describe::{
    Assignment, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup,
    Member, TopicPartitions,
};
use crate::shard::Said;

/// A member of the classic protocol, and one of the consumer protocol.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

/// Describes consumer groups.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: ConsumerGroupDescribeRequest,
) -> Result<ConsumerGroupDescribeResponse, CloseConnection> {
    let offered = match offers_consumer_groups(&cx.config(), &cx.image()) {
        true => Ok(()),
        false => Err(ErrorCode::UnsupportedVersion),
    };
    let ids = message.group_ids;
    let calls = ids.iter().map(|group| {
        offered?;
        check_group(cx, request, Operation::Describe, group)?;
        Ok(Call::DescribeConsumer(not_empty(group)?))
    });
    let said = ask_groups(cx, calls.collect::<Vec<_>>()).await?;
    let may = |topic: &str| cx.may(request, Operation::Describe, Resource::Topic(topic));
    let groups = ids.into_iter().zip(said).map(|(id, said)| {
        let mut group = group(id, said, &may);
        if message.include_authorized_operations && group.error_code == 0 {
            group.authorized_operations = group_operations(cx, request, &group.group_id);
        }
        group
    });
    Ok(ConsumerGroupDescribeResponse {
        groups: groups.collect(),
        ..Default::default()
    })
}

fn group(id: String, said: Said, may: &dyn Fn(&str) -> bool) -> DescribedGroup {
    let described = match said {
        Ok(answer) => expect_answer!(answer, Answer::ConsumerDescribed(described) => described),
        Err(code) => return refused(id, code, code.to_string()),
    };
    let Some(described) = described else {
        let message = format!("Group {id} not found.");
        return refused(id, ErrorCode::GroupIdNotFound, message);
    };
    match described.members.iter().all(|member| is_known(member, may)) {
        true => shown(id, described),
        false => {
            let code = ErrorCode::TopicAuthorizationFailed;
            let message = "the group has to do with topics that the caller may not describe";
            refused(id, code, message.to_owned())
        }
    }
}

fn is_known(member: &DescribedConsumer, may: &dyn Fn(&str) -> bool) -> bool {
    let parts = member.assigned.iter().chain(&member.target);
    let mut topics = parts.map(|topic| &topic.name).chain(&*member.topics);
    topics.all(|topic| may(topic))
}

fn refused(id: String, code: ErrorCode, message: String) -> DescribedGroup {
    DescribedGroup {
        group_id: id,
        error_code: code.code(),
        error_message: Some(message),
        ..Default::default()
    }
}

fn shown(id: String, described: DescribedConsumerGroup) -> DescribedGroup {
    DescribedGroup {
        group_id: id,
        group_state: described.state.to_owned(),
        group_epoch: described.epoch,
        assignment_epoch: described.assignment_epoch,
        assignor_name: described.assignor.to_owned(),
        members: described.members.into_iter().map(member).collect(),
        ..Default::default()
    }
}

fn member(member: DescribedConsumer) -> Member {
    Member {
        member_id: member.id.to_string(),
        instance_id: member.instance_id.map(|id| id.to_string()),
        rack_id: member.rack_id.map(|id| id.to_string()),
        member_epoch: member.epoch,
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        subscribed_topic_names: member.topics.iter().map(ToString::to_string).collect(),
        subscribed_topic_regex: member.regex.map(|regex| regex.to_string()),
        assignment: assignment(member.assigned),
        target_assignment: assignment(member.target),
        member_type: match member.is_classic {
            true => CLASSIC,
            false => CONSUMER,
        },
    }
}

fn assignment(topics: Vec<NamedTopicPartitions>) -> Assignment {
    let topics = topics.into_iter().map(|topic| TopicPartitions {
        topic_id: topic.topic_id,
        topic_name: topic.name.to_string(),
        partitions: topic.partitions,
    });
    Assignment {
        topic_partitions: topics.collect(),
    }
}
