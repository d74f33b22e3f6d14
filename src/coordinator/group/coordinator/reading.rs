//! What administrators see of groups.

use std::sync::Arc;

use bytes::Bytes;

use super::super::assignor::TopicPartitions;
use super::super::classic::{self, CONSUMER, Member, State};
use super::super::consumer;
use super::super::consumer::heartbeat::as_lists;
use super::kinds::Group;
use super::{Coordinator, Topics};
use crate::model::Uuid;

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its name.
    pub id: Arc<str>,
    /// Empty for a group that only holds offsets.
    pub protocol_type: Arc<str>,
    /// Kafka's name of it.
    pub state: &'static str,
    /// Kafka's name of it.
    pub kind: &'static str,
}

/// A classic group and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedGroup {
    /// Kafka's name of it.
    pub state: &'static str,
    /// Empty for a group that only holds offsets.
    pub protocol_type: Arc<str>,
    /// The chosen protocol; empty unless the group is stable.
    pub protocol: Arc<str>,
    /// By id.
    pub members: Vec<DescribedMember>,
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// Its id.
    pub id: Arc<str>,
    /// Of a static member.
    pub instance_id: Option<Arc<str>>,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Where it joined from.
    pub client_host: Arc<str>,
    /// What it said of itself; empty unless the group is stable.
    pub metadata: Bytes,
    /// What it was given last.
    pub assignment: Bytes,
}

/// A consumer group and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedConsumerGroup {
    /// Kafka's name of it.
    pub state: &'static str,
    /// Rises with everything that may change who has what.
    pub epoch: i32,
    /// The epoch that the target was made for.
    pub assignment_epoch: i32,
    /// Which assignor makes it.
    pub assignor: &'static str,
    /// By id.
    pub members: Vec<DescribedConsumer>,
}

/// A member of a consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedConsumer {
    /// Its id.
    pub id: Arc<str>,
    /// Of a static member.
    pub instance_id: Option<Arc<str>>,
    /// Where it is.
    pub rack_id: Option<Arc<str>>,
    /// The epoch it is at.
    pub epoch: i32,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Where it calls from.
    pub client_host: Arc<str>,
    /// What it subscribes to by name.
    pub topics: Arc<[Arc<str>]>,
    /// What it subscribes to by a regular expression.
    pub regex: Option<Arc<str>>,
    /// What it has.
    pub assigned: Vec<NamedTopicPartitions>,
    /// What it shall have.
    pub target: Vec<NamedTopicPartitions>,
    /// Whether it speaks the classic protocol.
    pub is_classic: bool,
}

/// Partitions of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTopicPartitions {
    /// Its id.
    pub topic_id: Uuid,
    /// Its name.
    pub name: Arc<str>,
    /// Ascending.
    pub partitions: Vec<i32>,
}

impl Coordinator {
    /// Its groups in the order of their names; empty filters mean all, and compare without regard
    /// to case (KIP-518, KIP-848).
    pub fn list(&self, states: &[String], kinds: &[String]) -> Vec<ListedGroup> {
        let wanted = |filter: &[String], name: &str| {
            filter.is_empty() || filter.iter().any(|one| one.eq_ignore_ascii_case(name))
        };
        let listed = self.groups.values().map(|group| ListedGroup {
            id: group.id().clone(),
            protocol_type: match group {
                Group::Classic(group) => group.protocol_type().cloned(),
                Group::Consumer(_) => Some(CONSUMER.into()),
            }
            .unwrap_or_else(|| "".into()),
            state: group.state(),
            kind: group.kind(),
        });
        listed
            .filter(|group| wanted(states, group.state) && wanted(kinds, group.kind))
            .collect()
    }

    /// A classic group, if there is one.
    pub fn describe(&self, id: &str) -> Option<DescribedGroup> {
        match self.groups.get(id)? {
            Group::Classic(group) => Some(described(group)),
            Group::Consumer(_) => None,
        }
    }

    /// A consumer group, if there is one.
    pub fn describe_consumer(
        &self,
        id: &str,
        topics: &dyn Topics,
    ) -> Option<DescribedConsumerGroup> {
        let Group::Consumer(live) = self.groups.get(id)? else {
            return None;
        };
        let group = &live.group;
        let default = self.config.consumer.assignors.first().copied();
        let members = group.members().iter().map(|(id, member)| {
            let target = group.target(id).map(|target| named(target, topics));
            described_consumer(id, member, target.unwrap_or_default(), topics)
        });
        Some(DescribedConsumerGroup {
            state: group.state().name(),
            epoch: group.epoch(),
            assignment_epoch: group.target_epoch(),
            assignor: group.assignor().or(default).unwrap_or_default().name(),
            members: members.collect(),
        })
    }
}

fn described_consumer(
    id: &Arc<str>,
    member: &consumer::group::Member,
    target: Vec<NamedTopicPartitions>,
    topics: &dyn Topics,
) -> DescribedConsumer {
    let profile = &member.profile;
    DescribedConsumer {
        id: id.clone(),
        instance_id: profile.instance_id.clone(),
        rack_id: profile.rack_id.clone(),
        epoch: member.current.epoch,
        client_id: profile.client_id.clone(),
        client_host: profile.client_host.clone(),
        topics: profile.topics.clone(),
        regex: profile.regex.clone(),
        assigned: named(&as_lists(&member.current.assigned), topics),
        target,
        is_classic: profile.is_classic(),
    }
}

/// Topics that are gone have no name to be told.
fn named(partitions: &TopicPartitions, topics: &dyn Topics) -> Vec<NamedTopicPartitions> {
    let named = partitions.iter().filter_map(|(topic_id, partitions)| {
        Some(NamedTopicPartitions {
            topic_id: *topic_id,
            name: topics.name_of(*topic_id)?,
            partitions: partitions.clone(),
        })
    });
    named.collect()
}

/// While a rebalance is under way there is no protocol, and nobody's words for it; the parts of the
/// last generation are told, as by Kafka.
fn described(group: &classic::Group) -> DescribedGroup {
    let is_stable = group.state() == State::Stable;
    let protocol = group.protocol_name().cloned();
    let protocol = protocol.filter(|_| is_stable).unwrap_or_else(|| "".into());
    let member = |member: &Member| DescribedMember {
        id: member.id.clone(),
        instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        metadata: member
            .metadata(&protocol)
            .filter(|_| is_stable)
            .cloned()
            .unwrap_or_default(),
        assignment: member.assignment.clone(),
    };
    DescribedGroup {
        state: group.state().name(),
        protocol_type: group.protocol_type().cloned().unwrap_or_else(|| "".into()),
        members: group.members().map(member).collect(),
        protocol,
    }
}
