//! What administrators see of groups.

use std::sync::Arc;

use bytes::Bytes;

use super::super::classic::{Group, Member, State};
use super::Coordinator;

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
    /// What it has; empty unless the group is stable.
    pub assignment: Bytes,
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
            protocol_type: group.protocol_type().cloned().unwrap_or_else(|| "".into()),
            state: group.state().name(),
            kind: "Classic",
        });
        listed
            .filter(|group| wanted(states, group.state) && wanted(kinds, group.kind))
            .collect()
    }

    /// A classic group, if there is one.
    pub fn describe(&self, id: &str) -> Option<DescribedGroup> {
        self.groups.get(id).map(described)
    }
}

/// While a rebalance is under way, nobody's part is settled.
fn described(group: &Group) -> DescribedGroup {
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
        assignment: match is_stable {
            true => member.assignment.clone(),
            false => Bytes::new(),
        },
    };
    DescribedGroup {
        state: group.state().name(),
        protocol_type: group.protocol_type().cloned().unwrap_or_else(|| "".into()),
        members: group.members().map(member).collect(),
        protocol,
    }
}
