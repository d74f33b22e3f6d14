//! A classic group becomes a consumer group when the first consumer of the new protocol joins it,
//! and a classic one again when the last has gone (KIP-848, migration).
//!
//! Partitions stay where they are: what a leader has assigned is the first target, and the last
//! target is what the leader is said to have assigned.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::classic_member::common_protocol;
use super::group::{ClassicProfile, Group, Profile};
use super::heartbeat::sorted;
use super::member::{Current, Held, Progress};
use super::stored;
use super::topics::Topics;
use crate::coordinator::group::assignor::TopicPartitions;
use crate::coordinator::group::classic::{
    self, CONSUMER, Member, MemberSnapshot, Protocol, Snapshot,
};
use crate::coordinator::group::embedded::{
    EmbeddedSubscription, assignment_bytes, parse_assignment,
};
use crate::coordinator::group::record::GroupRecord;
use crate::model::TimestampMs;

/// What each member offers, by its id.
pub type Offers = BTreeMap<Arc<str>, Vec<Protocol>>;

/// The records that a classic group is as a consumer group; `None` if its members' words cannot be
/// understood.
pub fn upgraded(
    group: &classic::Group,
    topics: &dyn Topics,
    now: TimestampMs,
) -> Option<Vec<GroupRecord>> {
    let id = group.id();
    let epoch = group.generation();
    let chosen = group.protocol_name();
    let mut profiles = Vec::new();
    let mut rest = vec![stored::epoch_record(id, Some((epoch, 0)))];
    for member in group.members() {
        let profile = profile(member, chosen)?;
        profiles.push(stored::profile_record(id, &member.id, Some(&profile)));
        let assigned = by_id(&parse_assignment(&member.assignment)?, topics);
        rest.push(stored::target_record(id, &member.id, Some(&assigned)));
        let current = Current {
            epoch,
            previous_epoch: epoch,
            progress: Progress::Stable,
            assigned: held(&assigned, epoch),
            revoking: Held::new(),
        };
        rest.push(stored::current_record(id, &member.id, Some(&current)));
    }
    rest.push(stored::target_epoch_record(id, Some((epoch, now))));
    profiles.extend(rest);
    Some(profiles)
}

/// A consumer group as a classic one, without a member that goes; with what each member offers.
/// `None` if the members left have no protocol in common.
pub fn downgraded(
    group: &Group,
    except: Option<&str>,
    topics: &dyn Topics,
    now: TimestampMs,
) -> Option<(Snapshot, Offers)> {
    let chosen = common_protocol(group, except)?;
    let mut offers = BTreeMap::new();
    let mut members = Vec::new();
    let stays = group
        .members()
        .iter()
        .filter(|(id, _)| Some(&***id) != except);
    for (id, member) in stays {
        let classic = member.profile.classic.as_ref()?;
        let said = classic.protocols.iter().find(|(name, _)| *name == chosen);
        let (_, subscription) = said?;
        let version = EmbeddedSubscription::parse(subscription)?.version;
        let target = group.target(id).cloned().unwrap_or_default();
        members.push(MemberSnapshot {
            id: id.clone(),
            instance_id: member.profile.instance_id.clone(),
            client_id: member.profile.client_id.clone(),
            client_host: member.profile.client_host.clone(),
            rebalance_timeout_ms: member.profile.rebalance_timeout_ms,
            session_timeout_ms: classic.session_timeout_ms,
            subscription: subscription.clone(),
            assignment: by_name(&target, version, topics),
        });
        let offered = classic.protocols.iter().map(|(name, metadata)| Protocol {
            name: name.clone(),
            metadata: metadata.clone(),
        });
        offers.insert(id.clone(), offered.collect());
    }
    let snapshot = Snapshot {
        generation: group.epoch(),
        protocol_type: Some(CONSUMER.into()),
        protocol_name: Some(chosen),
        leader: members.first().map(|member| member.id.clone()),
        state_since: Some(now),
        members,
    };
    Some((snapshot, offers))
}

fn profile(member: &Member, chosen: Option<&Arc<str>>) -> Option<Profile> {
    let first = member.protocols.first().map(|protocol| &protocol.name);
    let metadata = member.metadata(chosen.or(first)?)?;
    let subscription = EmbeddedSubscription::parse(metadata)?;
    let protocols = member.protocols.iter();
    let protocols = protocols.map(|offered| (offered.name.clone(), offered.metadata.clone()));
    Some(Profile {
        instance_id: member.instance_id.clone(),
        rack_id: subscription.rack_id,
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        topics: sorted(&subscription.topics),
        regex: None,
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        assignor: None,
        classic: Some(Arc::new(ClassicProfile {
            session_timeout_ms: member.session_timeout_ms,
            protocols: protocols.collect(),
        })),
    })
}

fn by_id(assigned: &[(Arc<str>, Vec<i32>)], topics: &dyn Topics) -> TopicPartitions {
    let mut found = TopicPartitions::new();
    for (name, partitions) in assigned {
        if let Some((id, _)) = topics.by_name(name) {
            let of_topic = found.entry(id).or_default();
            of_topic.extend(partitions);
            of_topic.sort_unstable();
            of_topic.dedup();
        }
    }
    found.retain(|_, partitions| !partitions.is_empty());
    found
}

fn by_name(target: &TopicPartitions, version: i16, topics: &dyn Topics) -> bytes::Bytes {
    let lists = target.iter().filter_map(|(topic, partitions)| {
        let name = topics.name_of(*topic)?;
        Some((name, &**partitions))
    });
    assignment_bytes(version, &lists.collect::<Vec<_>>())
}

fn held(assigned: &TopicPartitions, epoch: i32) -> Held {
    let topics = assigned.iter().map(|(topic, partitions)| {
        let partitions = partitions.iter().map(|partition| (*partition, epoch));
        (*topic, partitions.collect())
    });
    topics.collect()
}
