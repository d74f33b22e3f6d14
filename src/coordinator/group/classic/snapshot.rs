//! What is in the log of a group: one record with everything.

use std::sync::Arc;

use bytes::Bytes;

use super::{Group, Member, Protocol, State};
use crate::coordinator::group::effects::Cx;
use crate::model::TimestampMs;

/// What is in the log of a group: [`Group::snapshot`], [`Group::restored`].
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// As [`Group::generation`].
    pub generation: i32,
    /// `None` for a simple group.
    pub protocol_type: Option<Arc<str>>,
    /// The chosen protocol.
    pub protocol_name: Option<Arc<str>>,
    /// The leader's id.
    pub leader: Option<Arc<str>>,
    /// Since when the group is in its state.
    pub state_since: Option<TimestampMs>,
    /// Members with their assignments.
    pub members: Vec<MemberSnapshot>,
}

/// A member in a [`Snapshot`].
#[derive(Clone, Debug, PartialEq)]
pub struct MemberSnapshot {
    /// Its id.
    pub id: Arc<str>,
    /// Of a static member.
    pub instance_id: Option<Arc<str>>,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Where it joined from.
    pub client_host: Arc<str>,
    /// How long it may take to join again.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it said for the chosen protocol.
    pub subscription: Bytes,
    /// What the leader gave it.
    pub assignment: Bytes,
}

impl Group {
    /// A group as the log has it. Sessions are not running: [`Group::resume`].
    pub fn restored(id: Arc<str>, snapshot: Snapshot, cx: &mut Cx<'_>) -> Self {
        let mut group = Self::new(id, cx);
        group.state = match snapshot.members.is_empty() {
            true => State::Empty,
            false => State::Stable,
        };
        group.state_since = snapshot.state_since;
        group.generation = snapshot.generation;
        group.protocol_type = snapshot.protocol_type;
        group.protocol_name = snapshot.protocol_name;
        let chosen = group.protocol_name.clone().unwrap_or_else(|| "".into());
        for member in snapshot.members {
            if group.has_one_like(&member) {
                log::error!("group {}: {} is in the log twice", group.id, member.id);
                continue;
            }
            let session = cx.session_timer(&group.id, &member.id);
            group.insert(Member {
                id: member.id,
                instance_id: member.instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                session_timeout_ms: member.session_timeout_ms,
                protocols: vec![Protocol {
                    name: chosen.clone(),
                    metadata: member.subscription,
                }],
                assignment: member.assignment,
                session,
                is_new: false,
                joining: None,
                syncing: None,
            });
        }
        group.leader = snapshot.leader;
        group.subscribed = group.read_subscriptions();
        group
    }

    /// A record that somebody forged may name a member twice.
    fn has_one_like(&self, member: &MemberSnapshot) -> bool {
        let instance_id = member.instance_id.as_ref();
        let is_held = instance_id.is_some_and(|id| self.static_members.contains_key(id));
        is_held || self.members.contains_key(&member.id)
    }

    /// Starts the sessions of a group that was restored, when its coordinator begins to answer.
    pub fn resume(&mut self, cx: &mut Cx<'_>) {
        for member in self.members.values() {
            cx.timers.set(
                member.session,
                cx.now + i64::from(member.session_timeout_ms),
            );
        }
    }

    /// What the log is to hold of the group, with its members' assignments as they are.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_with(|member| member.assignment.clone())
    }

    pub(super) fn snapshot_with(&self, assignment: impl Fn(&Member) -> Bytes) -> Snapshot {
        let chosen = self.protocol_name.as_deref().unwrap_or_default();
        let members = self.members.values().map(|member| MemberSnapshot {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(chosen).cloned().unwrap_or_default(),
            assignment: assignment(member),
        });
        Snapshot {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            state_since: self.state_since,
            members: members.collect(),
        }
    }
}
