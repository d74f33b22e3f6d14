//! A group of the classic protocol: members join, one of them assigns, all learn what they got
//! (KIP-62, static members KIP-345, ids before joining KIP-394).
//!
//! Unlike everything else a coordinator knows, a rebalance under way is not in the log: only its
//! outcome is, one snapshot of the whole group, and a broker that restarts in between makes its
//! members begin again. So the operations here change the group themselves, and [`Group::snapshot`]
//! is what is written; a group is restored from that by [`Group::restored`].
//!
//! ```text
//!           join                 all have joined,           the leader has synced
//!   Empty ────────► Preparing ─────or it is late──► Completing ────────────────► Stable
//!     ▲             Rebalance ◄──── a join, a leave, a timeout ──┴──────────────────┘
//!     └── nobody is left ┘
//! ```

mod heartbeat;
mod join;
mod leave;
mod member;
mod pending;
mod rebalance;
mod snapshot;
mod subscription;
mod sync;
#[cfg(test)]
mod tests;

pub use join::JoinRequest;
pub use leave::{LeaveRequest, Leaving};
pub use member::{Member, Protocol};
pub use snapshot::{MemberSnapshot, Snapshot};
pub use sync::SyncRequest;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::answer::{Answer, JoinAnswer, JoinedMember, SyncAnswer};
use super::effects::Cx;
use crate::coordinator::timers::TimerId;
use crate::model::TimestampMs;
use crate::protocol::error_code::ErrorCode;
use member::protocols_bytes;
use pending::PendingJoins;

/// The protocol type of consumers, whose subscriptions the coordinator understands.
pub const CONSUMER: &str = "consumer";

/// Where a group stands in its rebalance. Kafka's names, as clients see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nobody is in it; its offsets may be.
    Empty,
    /// It waits for its members to join.
    PreparingRebalance,
    /// It waits for the leader's assignment.
    CompletingRebalance,
    /// Everybody has an assignment.
    Stable,
    /// It is gone from this coordinator.
    Dead,
}

impl State {
    /// As DescribeGroups and ListGroups name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// A classic group. Owned by the core of its `__consumer_offsets` partition.
#[derive(Debug)]
pub struct Group {
    id: Arc<str>,
    state: State,
    previous: State,
    /// Since when it is in its state; unknown from old records.
    state_since: Option<TimestampMs>,
    generation: i32,
    /// `None`: a simple group, which only holds offsets.
    protocol_type: Option<Arc<str>>,
    protocol_name: Option<Arc<str>>,
    leader: Option<Arc<str>>,
    members: BTreeMap<Arc<str>, Member>,
    /// Member ids by instance id.
    static_members: HashMap<Arc<str>, Arc<str>>,
    pending_joins: PendingJoins,
    pending_syncs: BTreeSet<Arc<str>>,
    /// Members whose JoinGroup waits.
    joining: usize,
    /// How many members offer a protocol.
    supported: HashMap<Arc<str>, usize>,
    /// What the members have said, all together.
    said_bytes: usize,
    /// What consumers subscribe to, if it could be read.
    subscribed: Option<HashSet<Arc<str>>>,
    /// Somebody joined while the first rebalance waits.
    new_member_added: bool,
    join_timer: TimerId,
    sync_timer: TimerId,
    /// What is left of the first rebalance's delay.
    initial_delay: Option<InitialDelay>,
}

/// The first rebalance waits for members that are just being started.
#[derive(Clone, Copy, Debug)]
struct InitialDelay {
    delay_ms: i32,
    remaining_ms: i32,
}

impl Group {
    /// A new group without members.
    pub fn new(id: Arc<str>, cx: &mut Cx<'_>) -> Self {
        let (join_timer, sync_timer) = cx.group_timers(&id);
        Self {
            id,
            state: State::Empty,
            previous: State::Dead,
            state_since: Some(cx.now),
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: HashMap::new(),
            pending_joins: PendingJoins::default(),
            pending_syncs: BTreeSet::new(),
            joining: 0,
            supported: HashMap::new(),
            said_bytes: 0,
            subscribed: None,
            new_member_added: false,
            join_timer,
            sync_timer,
            initial_delay: None,
        }
    }

    /// What the members of a group that was restored offer, where more is known than the log has.
    pub fn take_offers(&mut self, offers: BTreeMap<Arc<str>, Vec<Protocol>>) {
        for (id, offered) in offers {
            if let Some(member) = self.members.get_mut(&id) {
                let before = std::mem::replace(&mut member.protocols, offered.clone());
                self.count_protocols(&offered, 1);
                self.count_protocols(&before, -1);
            }
        }
    }

    /// Gives back the timers of a group that goes, and answers who waits.
    pub fn end(&mut self, error: ErrorCode, cx: &mut Cx<'_>) {
        for member in self.members.values_mut() {
            cx.timers.remove(member.session);
            answer_join(member, JoinAnswer::refused(member.id.clone(), error), cx);
            answer_sync(member, SyncAnswer::refused(error), cx);
        }
        for session in self.pending_joins.sessions() {
            cx.timers.remove(session);
        }
        cx.timers.remove(self.join_timer);
        cx.timers.remove(self.sync_timer);
        self.state = State::Dead;
    }

    /// Its name.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when it is in its state, if that is known.
    pub fn state_since(&self) -> Option<TimestampMs> {
        self.state_since
    }

    /// Rises with every rebalance.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// For instance `consumer`; `None` for a simple group.
    pub fn protocol_type(&self) -> Option<&Arc<str>> {
        self.protocol_type.as_ref()
    }

    /// The chosen protocol of this generation.
    pub fn protocol_name(&self) -> Option<&Arc<str>> {
        self.protocol_name.as_ref()
    }

    /// Its members, by id.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    /// It only holds offsets that were committed without joining.
    pub fn is_simple(&self) -> bool {
        self.protocol_type.is_none() && self.is_empty() && self.pending_joins.is_empty()
    }

    /// Whether its members are consumers.
    pub fn has_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// What its consumers subscribe to, if that could be read.
    pub fn subscribed(&self) -> Option<&HashSet<Arc<str>>> {
        self.subscribed.as_ref()
    }

    /// Whether a topic is subscribed to; to be on the safe side where that cannot be read.
    pub fn subscribes_to(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.has_consumers(),
        }
    }

    fn put_off_session(&mut self, id: &str, cx: &mut Cx<'_>) {
        if let Some(member) = self.members.get(id) {
            put_off(member, cx);
        }
    }

    fn is_leader(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    /// Everybody who is, or is about to be, in the group waits for the new generation.
    fn all_have_joined(&self) -> bool {
        self.joining == self.members.len() && self.pending_joins.is_empty()
    }

    /// The longest that a member may take to join again.
    fn rebalance_timeout_ms(&self) -> i32 {
        let timeouts = self.members.values();
        let timeouts = timeouts.map(|member| member.rebalance_timeout_ms);
        timeouts.max().unwrap_or(0)
    }

    fn move_to(&mut self, state: State, now: TimestampMs) {
        let allowed: &[State] = match state {
            State::PreparingRebalance => &[State::Stable, State::CompletingRebalance, State::Empty],
            State::CompletingRebalance | State::Empty => &[State::PreparingRebalance],
            State::Stable => &[State::CompletingRebalance],
            State::Dead => &[],
        };
        assert!(
            allowed.contains(&self.state),
            "group {} goes from {:?} to {state:?}",
            self.id,
            self.state
        );
        (self.previous, self.state) = (self.state, state);
        self.state_since = Some(now);
    }

    /// Whether a member that offers these could be in the group.
    fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols
                .iter()
                .any(|offered| self.all_offer(&offered.name))
    }

    fn all_offer(&self, protocol: &str) -> bool {
        self.supported.get(protocol).copied().unwrap_or(0) == self.members.len()
    }

    /// The protocol that most members prefer of those that all offer; the first by name of equals.
    fn select_protocol(&self) -> Arc<str> {
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.members.values() {
            let vote = member.vote(|name| self.all_offer(name));
            *votes
                .entry(vote.expect("who joined offers what all offer"))
                .or_default() += 1;
        }
        let most = votes.into_iter().rev().max_by_key(|(_, count)| *count);
        most.expect("there are members").0.clone()
    }

    fn insert(&mut self, member: Member) {
        if let Some(instance_id) = &member.instance_id {
            let before = self
                .static_members
                .insert(instance_id.clone(), member.id.clone());
            assert!(before.is_none(), "an instance id has one member");
        }
        self.count_protocols(&member.protocols, 1);
        self.said_bytes += member.names_bytes();
        self.joining += usize::from(member.joining.is_some());
        self.leader.get_or_insert_with(|| member.id.clone());
        self.members.insert(member.id.clone(), member);
    }

    /// Takes a member out; its calls have been answered.
    fn remove(&mut self, id: &str, cx: &mut Cx<'_>) {
        if let Some(member) = self.members.remove(id) {
            cx.timers.remove(member.session);
            self.count_protocols(&member.protocols, -1);
            self.said_bytes -= member.names_bytes();
            self.joining -= usize::from(member.joining.is_some());
            if let Some(instance_id) = &member.instance_id {
                self.static_members.remove(instance_id);
            }
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.remove_pending_join(id, cx);
        self.pending_syncs.remove(id);
    }

    fn remove_pending_join(&mut self, id: &str, cx: &mut Cx<'_>) {
        if let Some(session) = self.pending_joins.remove(id) {
            cx.timers.remove(session);
        }
    }

    fn count_protocols(&mut self, protocols: &[Protocol], by: isize) {
        let bytes = protocols_bytes(protocols);
        let said = self.said_bytes.checked_add_signed(by * bytes as isize);
        self.said_bytes = said.expect("what is said is counted in before it is counted out");
        for protocol in protocols {
            let count = self.supported.entry(protocol.name.clone()).or_default();
            *count = count
                .checked_add_signed(by)
                .expect("protocols are counted in before they are counted out");
            if *count == 0 {
                self.supported.remove(&protocol.name);
            }
        }
    }

    /// Answers a member's JoinGroup, if one waits.
    fn answer_join(&mut self, id: &str, answer: JoinAnswer, cx: &mut Cx<'_>) {
        if let Some(member) = self.members.get_mut(id)
            && answer_join(member, answer, cx)
        {
            self.joining -= 1;
        }
    }

    /// The current generation, as a member is told of it.
    fn joined(&self, id: &Arc<str>) -> JoinAnswer {
        let members = self.members.values();
        let chosen = self.protocol_name.as_deref().unwrap_or_default();
        let members = members.map(|member| JoinedMember {
            member_id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(chosen).cloned().unwrap_or_default(),
        });
        JoinAnswer {
            error: ErrorCode::None,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            skip_assignment: false,
            member_id: id.clone(),
            members: match self.is_leader(id) {
                true => members.collect(),
                false => Vec::new(),
            },
        }
    }
}

fn put_off(member: &Member, cx: &mut Cx<'_>) {
    let deadline = cx.now + i64::from(member.session_timeout_ms);
    cx.timers.set(member.session, deadline);
}

fn answer_join(member: &mut Member, answer: JoinAnswer, cx: &mut Cx<'_>) -> bool {
    let ticket = member.joining.take();
    let answered = ticket.map(|ticket| (ticket, Answer::Join(answer)));
    cx.answers.extend(answered);
    ticket.is_some()
}

fn answer_sync(member: &mut Member, answer: SyncAnswer, cx: &mut Cx<'_>) -> bool {
    let ticket = member.syncing.take();
    let answered = ticket.map(|ticket| (ticket, Answer::Sync(answer)));
    cx.answers.extend(answered);
    ticket.is_some()
}
