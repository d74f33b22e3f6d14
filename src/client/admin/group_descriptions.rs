//! What coordinators tell about a group and its members.

use std::sync::Arc;

use super::Admin;
use super::coordinators::{Coordinator, GroupOutcome};
use crate::client::consumer_protocol::{self, assigned_partitions};
use crate::client::error::Refusal;
use crate::client::{ClientError, Connection};
use crate::model::TopicPartition;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::consumer_group_describe::{
    Assignment, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
    DescribedGroup as ConsumerGroup, Member as ConsumerMember,
};
use crate::protocol::message::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup as ClassicGroup,
    DescribedGroupMember as ClassicMember,
};

/// A group and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its id.
    pub group: String,
    /// `classic` or `consumer` (KIP-848).
    pub group_type: &'static str,
    /// What its members speak among each other: `consumer`, `connect`; empty if there never was
    /// a member.
    pub protocol_type: String,
    /// By Kafka's name: `Empty`, `Stable`, `PreparingRebalance`, …
    pub state: String,
    /// What distributes the partitions: the protocol that classic members agreed on, or the
    /// coordinator's own assignor.
    pub assignor: String,
    /// How many times a consumer group has changed; classic groups do not tell.
    pub epoch: Option<i32>,
    /// The epoch that the target assignment was made for.
    pub assignment_epoch: Option<i32>,
    /// Who told all this.
    pub coordinator: Coordinator,
    /// The members, in the coordinator's order.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The id the coordinator knows it by.
    pub member_id: String,
    /// The id in its own configuration, if it is a static member (KIP-345).
    pub instance_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it comes from, as the broker writes it: `/10.0.0.7`.
    pub client_host: String,
    /// How far a member of a consumer group has followed.
    pub epoch: Option<i32>,
    /// The partitions it has, in order; `None` if its protocol is another than the consumers', or
    /// the bytes cannot be read.
    pub assignment: Option<Vec<TopicPartition>>,
    /// The partitions it shall have, in a consumer group.
    pub target: Option<Vec<TopicPartition>>,
}

/// The state of a classic group that is not there, in versions that have no error for it.
const DEAD: &str = "Dead";

impl Admin {
    /// Describes groups, each in the way of its type.
    ///
    /// A coordinator is asked for consumer groups first, where it has them, and for classic ones
    /// what it does not know then. A group that does not exist is GROUP_ID_NOT_FOUND, whatever the
    /// broker's version.
    pub fn describe_groups(
        &self,
        groups: &[&str],
    ) -> Result<Vec<GroupOutcome<GroupDescription>>, ClientError> {
        self.ask_coordinators(groups, "describe groups", describe)
    }
}

fn describe(
    connection: &mut Connection,
    coordinator: &Coordinator,
    groups: &[String],
) -> Result<Vec<GroupOutcome<GroupDescription>>, ClientError> {
    let (mut described, others) = describe_consumer_groups(connection, coordinator, groups)?;
    if !others.is_empty() {
        described.extend(describe_classic_groups(connection, coordinator, &others)?);
    }
    Ok(described)
}

/// The consumer groups among these, and those that are something else or nothing.
type Sorted = (Vec<GroupOutcome<GroupDescription>>, Vec<String>);

fn describe_consumer_groups(
    connection: &mut Connection,
    coordinator: &Coordinator,
    groups: &[String],
) -> Result<Sorted, ClientError> {
    let (mut described, mut others) = (Vec::new(), Vec::new());
    let version = connection.version_of::<ConsumerGroupDescribeRequest>();
    if version.is_err() {
        return Ok((described, groups.to_vec()));
    }
    let request = ConsumerGroupDescribeRequest {
        group_ids: groups.to_vec(),
        include_authorized_operations: false,
    };
    let response = connection.call(&request)?;
    let response: ConsumerGroupDescribeResponse = response.decode()?;
    for group in response.groups {
        match ErrorCode::from_code(group.error_code) {
            // The second is what a broker says that has the API but not the feature.
            ErrorCode::GroupIdNotFound | ErrorCode::UnsupportedVersion => {
                others.push(group.group_id);
            }
            _ => described.push(consumer_group(group, coordinator)),
        }
    }
    Ok((described, others))
}

fn describe_classic_groups(
    connection: &mut Connection,
    coordinator: &Coordinator,
    groups: &[String],
) -> Result<Vec<GroupOutcome<GroupDescription>>, ClientError> {
    let request = DescribeGroupsRequest {
        groups: groups.to_vec(),
        include_authorized_operations: false,
    };
    let response = connection.call(&request)?;
    let decoded: DescribeGroupsResponse<'_> = response.decode()?;
    let outcome = |group: ClassicGroup<'_>| classic_group(group, coordinator);
    Ok(decoded.groups.into_iter().map(outcome).collect())
}

fn consumer_group(
    group: ConsumerGroup,
    coordinator: &Coordinator,
) -> GroupOutcome<GroupDescription> {
    let refused = Refusal::check(group.error_code, group.error_message.as_deref());
    let description = GroupDescription {
        group: group.group_id,
        group_type: "consumer",
        protocol_type: consumer_protocol::PROTOCOL_TYPE.to_owned(),
        state: group.group_state,
        assignor: group.assignor_name,
        epoch: Some(group.group_epoch),
        assignment_epoch: Some(group.assignment_epoch),
        coordinator: coordinator.clone(),
        members: group.members.into_iter().map(consumer_member).collect(),
    };
    outcome_of(description, refused)
}

fn consumer_member(member: ConsumerMember) -> GroupMember {
    GroupMember {
        member_id: member.member_id,
        instance_id: member.instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        epoch: Some(member.member_epoch),
        assignment: Some(partitions_of(member.assignment)),
        target: Some(partitions_of(member.target_assignment)),
    }
}

fn partitions_of(assignment: Assignment) -> Vec<TopicPartition> {
    let mut partitions = Vec::new();
    for topic in assignment.topic_partitions {
        let name: Arc<str> = topic.topic_name.into();
        let of_topic = |partition| TopicPartition {
            topic: name.clone(),
            partition,
        };
        partitions.extend(topic.partitions.into_iter().map(of_topic));
    }
    partitions.sort();
    partitions
}

fn classic_group(
    group: ClassicGroup<'_>,
    coordinator: &Coordinator,
) -> GroupOutcome<GroupDescription> {
    let code = match group.group_state.as_str() {
        DEAD if group.error_code == 0 => ErrorCode::GroupIdNotFound.code(),
        _ => group.error_code,
    };
    let refused = Refusal::check(code, group.error_message.as_deref());
    let consumers = group.protocol_type == consumer_protocol::PROTOCOL_TYPE;
    let member = |member: ClassicMember<'_>| classic_member(member, consumers);
    let description = GroupDescription {
        group: group.group_id,
        group_type: "classic",
        protocol_type: group.protocol_type,
        state: group.group_state,
        assignor: group.protocol_data,
        epoch: None,
        assignment_epoch: None,
        coordinator: coordinator.clone(),
        members: group.members.into_iter().map(member).collect(),
    };
    outcome_of(description, refused)
}

/// What other protocols than the consumers' put into an assignment is theirs.
fn classic_member(member: ClassicMember<'_>, is_consumer: bool) -> GroupMember {
    let assignment = match is_consumer {
        true => assigned_partitions(member.member_assignment).ok(),
        false => None,
    };
    GroupMember {
        member_id: member.member_id,
        instance_id: member.group_instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        epoch: None,
        assignment,
        target: None,
    }
}

fn outcome_of(
    description: GroupDescription,
    refused: Result<(), Refusal>,
) -> GroupOutcome<GroupDescription> {
    let group = description.group.clone();
    let what = format!("describe group `{group}`");
    let outcome = refused
        .map(|()| description)
        .map_err(|refusal| refusal.of(what));
    GroupOutcome { group, outcome }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Address;
    use crate::protocol::message::consumer_group_describe::TopicPartitions;

    fn coordinator() -> Coordinator {
        Coordinator {
            node: 1,
            address: Address {
                host: "h".to_owned(),
                port: 9092,
            },
        }
    }

    #[test]
    fn a_dead_classic_group_is_not_there() {
        let dead = ClassicGroup {
            group_id: "g".to_owned(),
            group_state: DEAD.to_owned(),
            ..Default::default()
        };
        let outcome = classic_group(dead, &coordinator());
        let code = outcome.outcome.unwrap_err().code();
        assert_eq!(code, Some(ErrorCode::GroupIdNotFound));
    }

    #[test]
    fn assignments_are_read_where_the_protocol_is_the_consumers() {
        let described = |protocol_type: &str, member_assignment: &'static [u8]| {
            let member = ClassicMember {
                member_id: "m".to_owned(),
                member_assignment,
                ..Default::default()
            };
            let group = ClassicGroup {
                group_state: "Stable".to_owned(),
                protocol_type: protocol_type.to_owned(),
                members: vec![member],
                ..Default::default()
            };
            let outcome = classic_group(group, &coordinator());
            outcome.outcome.unwrap().members.remove(0).assignment
        };
        let of_t: &'static [u8] = &[0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 7];
        assert_eq!(described("consumer", of_t).unwrap()[0].partition, 7);
        assert_eq!(described("consumer", &[9]), None);
        assert_eq!(described("connect", of_t), None);
    }

    #[test]
    fn a_consumer_groups_partitions_come_in_order() {
        let assignment = Assignment {
            topic_partitions: vec![TopicPartitions {
                topic_name: "t".to_owned(),
                partitions: vec![3, 1],
                ..Default::default()
            }],
        };
        let shown: Vec<_> = partitions_of(assignment)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(shown, ["t-1", "t-3"]);
    }
}
