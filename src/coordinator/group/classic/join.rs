//! JoinGroup: a member comes, comes back, or takes part in a rebalance.

use std::sync::Arc;

use super::super::answer::{Answer, JoinAnswer, Ticket};
use super::super::config::{MEMBERS_BYTES_MAX, NEW_MEMBER_JOIN_TIMEOUT_MS};
use super::super::effects::{Append, Before, Cx, Replacement};
use super::member::{names_bytes, protocols_bytes};
use super::{Group, Member, Protocol, State, answer_sync, put_off};
use crate::coordinator::group::answer::SyncAnswer;
use crate::protocol::error_code::ErrorCode;

/// A JoinGroup, with what the broker knows of who sends it.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// Empty: the member has none yet.
    pub member_id: Arc<str>,
    /// The id it gets if it has none: unique, made of its `client.id` or instance id.
    pub new_member_id: Arc<str>,
    /// Of a static member.
    pub instance_id: Option<Arc<str>>,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Where it calls from.
    pub client_host: Arc<str>,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// How long it may take to join again; before version 1 the session timeout.
    pub rebalance_timeout_ms: i32,
    /// For instance `consumer`.
    pub protocol_type: Arc<str>,
    /// What it offers, each name once, the preferred first.
    pub protocols: Vec<Protocol>,
    /// Why it joins, if it says so (KIP-800).
    pub reason: Option<String>,
    /// From version 4 on a member learns its id before it joins (KIP-394).
    pub must_know_its_id: bool,
    /// From version 9 on (KIP-814).
    pub may_skip_assignment: bool,
}

impl Group {
    /// A member joins. Answered now or when the rebalance is through.
    pub fn join(&mut self, ticket: Ticket, request: JoinRequest, cx: &mut Cx<'_>) -> Append {
        if !self.has_room_for(&request.member_id, cx.config.members_max) {
            // The member may be one of those that the group had before it was made smaller.
            self.dismiss(&request.member_id, cx);
            refuse(ticket, "".into(), ErrorCode::GroupMaxSizeReached, cx);
            return Append::Nothing;
        }
        let id = request.member_id.clone();
        if self.state == State::Dead {
            refuse(ticket, id, ErrorCode::CoordinatorNotAvailable, cx);
            return Append::Nothing;
        }
        if !self.supports(&request.protocol_type, &request.protocols) {
            refuse(ticket, id, ErrorCode::InconsistentGroupProtocol, cx);
            return Append::Nothing;
        }
        if !self.has_memory_for(&request) {
            refuse(ticket, id, ErrorCode::GroupMaxSizeReached, cx);
            return Append::Nothing;
        }
        match (id.is_empty(), &request.instance_id) {
            (true, Some(instance_id)) => match self.static_members.get(instance_id).cloned() {
                Some(old_id) => self.replace(old_id, ticket, request, cx),
                None => self.add(request.new_member_id.clone(), ticket, request, cx),
            },
            (true, None) if request.must_know_its_id => self.give_id(ticket, &request, cx),
            (true, None) => self.add(request.new_member_id.clone(), ticket, request, cx),
            // Static members are never told to come back with an id.
            (false, Some(_)) if self.pending_joins.contains(&id) => {
                refuse(ticket, id, ErrorCode::UnknownServerError, cx);
                Append::Nothing
            }
            (false, _) if self.pending_joins.contains(&id) => {
                self.remove_pending_join(&id, cx);
                self.add(id, ticket, request, cx)
            }
            (false, _) => self.rejoin(ticket, request, cx),
        }
    }

    /// A rebalance counts who has joined, so that the last to join are turned away.
    fn has_room_for(&self, id: &str, members_max: usize) -> bool {
        let known = self.members.get(id);
        match self.state {
            State::Empty | State::Dead => true,
            State::PreparingRebalance => {
                known.is_some_and(|member| member.joining.is_some()) || self.joining < members_max
            }
            State::CompletingRebalance | State::Stable => {
                known.is_some() || self.members.len() < members_max
            }
        }
    }

    /// Whether the group can hold what a member says; what it said before goes. Who says no more than
    /// that always may, whatever the log has of the group.
    fn has_memory_for(&self, request: &JoinRequest) -> bool {
        let before = self.members.get(self.known_id(request));
        let before = before.map_or(0, |member| {
            protocols_bytes(&member.protocols) + member.names_bytes()
        });
        let bytes = self.said_bytes - before + request.said_bytes();
        let fits = bytes <= MEMBERS_BYTES_MAX.max(self.said_bytes);
        if !fits {
            log::warn!(
                "group {}: turns {} away: with it the members' subscriptions have {bytes} bytes, and \
                 {MEMBERS_BYTES_MAX} may be; split the group, or have its members offer less",
                self.id,
                request.client_id
            );
        }
        fits
    }

    /// The id under which who joins is in the group, if it is.
    fn known_id<'a>(&'a self, request: &'a JoinRequest) -> &'a str {
        let instance_id = request.instance_id.as_ref();
        let is_back = instance_id.filter(|_| request.member_id.is_empty());
        let id = is_back.and_then(|instance_id| self.static_members.get(instance_id));
        id.unwrap_or(&request.member_id)
    }

    fn give_id(&mut self, ticket: Ticket, request: &JoinRequest, cx: &mut Cx<'_>) -> Append {
        let id = request.new_member_id.clone();
        let timer = cx.session_timer(&self.id, &id);
        let deadline = cx.now + i64::from(request.session_timeout_ms);
        cx.timers.set(timer, deadline);
        self.pending_joins.add(id.clone(), timer);
        while let Some(session) = self.pending_joins.remove_excess() {
            cx.timers.remove(session);
        }
        refuse(ticket, id, ErrorCode::MemberIdRequired, cx);
        Append::Nothing
    }

    fn add(
        &mut self,
        id: Arc<str>,
        ticket: Ticket,
        request: JoinRequest,
        cx: &mut Cx<'_>,
    ) -> Append {
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type);
        }
        if self.state == State::PreparingRebalance && self.previous == State::Empty {
            self.new_member_added = true;
        }
        let why = format!("{id} joins{}", because(request.reason.as_deref()));
        let session = cx.session_timer(&self.id, &id);
        cx.timers.set(session, cx.now + NEW_MEMBER_JOIN_TIMEOUT_MS);
        self.insert(Member {
            id,
            instance_id: request.instance_id,
            client_id: request.client_id,
            client_host: request.client_host,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: request.protocols,
            assignment: Default::default(),
            session,
            is_new: true,
            joining: Some(ticket),
            syncing: None,
        });
        self.rebalance_or_complete_join(&why, cx)
    }

    /// A member that is known by its id.
    fn rejoin(&mut self, ticket: Ticket, request: JoinRequest, cx: &mut Cx<'_>) -> Append {
        let id = request.member_id.clone();
        if let Err(error) = self.check_member(&id, request.instance_id.as_deref()) {
            refuse(ticket, id, error, cx);
            return Append::Nothing;
        }
        let is_leader = self.is_leader(&id);
        let same = self.members[&id].protocols == request.protocols;
        let why = match self.state {
            State::PreparingRebalance => format!("{id} joins again"),
            // Its answer was lost, or a follower asks for the generation: nothing has changed.
            State::CompletingRebalance if same => return self.tell(&id, ticket, cx),
            State::Stable if same && !is_leader => return self.tell(&id, ticket, cx),
            // The leader knows of what changes the assignment though no member changed.
            State::Stable if is_leader => format!("its leader {id} joins again"),
            State::CompletingRebalance | State::Stable => format!("{id} offers other protocols"),
            State::Empty | State::Dead => {
                refuse(ticket, id, ErrorCode::UnknownMemberId, cx);
                return Append::Nothing;
            }
        };
        let why = why + &because(request.reason.as_deref());
        self.update(&id, ticket, request, cx);
        self.rebalance_or_complete_join(&why, cx)
    }

    fn tell(&mut self, id: &Arc<str>, ticket: Ticket, cx: &mut Cx<'_>) -> Append {
        cx.answers.push((ticket, Answer::Join(self.joined(id))));
        Append::Nothing
    }

    /// Takes what a member says of itself now, and has it wait.
    fn update(&mut self, id: &str, ticket: Ticket, request: JoinRequest, cx: &mut Cx<'_>) {
        // A JoinGroup that it sent before and gave up.
        let gone = JoinAnswer::refused(request.member_id, ErrorCode::RebalanceInProgress);
        self.answer_join(id, gone, cx);
        let mut protocols = request.protocols;
        let member = self.members.get_mut(id).expect("it was checked");
        std::mem::swap(&mut member.protocols, &mut protocols);
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        member.session_timeout_ms = request.session_timeout_ms;
        member.joining = Some(ticket);
        let offered = member.protocols.clone();
        self.joining += 1;
        self.count_protocols(&protocols, -1);
        self.count_protocols(&offered, 1);
    }

    /// A static member comes back without its id: it gets a new one, and the old one is fenced.
    fn replace(
        &mut self,
        old_id: Arc<str>,
        ticket: Ticket,
        request: JoinRequest,
        cx: &mut Cx<'_>,
    ) -> Append {
        let new_id = request.new_member_id.clone();
        let old_leader = self.leader.clone();
        let before = self.rename(&old_id, new_id.clone(), cx);
        let instance_id = self.members[&new_id].instance_id.clone();
        let instance_id = instance_id.expect("only static members are replaced");
        let may_skip_assignment = request.may_skip_assignment;
        let why = format!(
            "static member {instance_id} comes back as {new_id}{}",
            because(request.reason.as_deref())
        );
        self.update(&new_id, ticket, request, cx);
        match self.state {
            State::Stable if self.protocol_name.as_ref() == Some(&self.select_protocol()) => {
                Append::Replacement(Replacement {
                    instance_id,
                    old_id,
                    new_id,
                    old_leader,
                    may_skip_assignment,
                    before,
                })
            }
            State::Stable => self.rebalance_or_complete_join(&why, cx),
            // The leader may be assigning to the old id just now.
            State::CompletingRebalance => self.prepare_rebalance(&why, cx),
            State::PreparingRebalance => self.complete_join_if_all_are_there(cx),
            State::Empty | State::Dead => unreachable!("a member was in it"),
        }
    }

    /// Gives a static member another id; whoever waits under the old one is fenced.
    fn rename(&mut self, old_id: &str, new_id: Arc<str>, cx: &mut Cx<'_>) -> Before {
        let fenced = JoinAnswer::refused(old_id.into(), ErrorCode::FencedInstanceId);
        self.answer_join(old_id, fenced, cx);
        let mut member = self.members.remove(old_id).expect("it is in the group");
        answer_sync(
            &mut member,
            SyncAnswer::refused(ErrorCode::FencedInstanceId),
            cx,
        );
        cx.timers.remove(member.session);
        member.session = cx.session_timer(&self.id, &new_id);
        member.id = new_id.clone();
        put_off(&member, cx);
        if self.is_leader(old_id) {
            self.leader = Some(new_id.clone());
        }
        if self.pending_syncs.remove(old_id) {
            self.pending_syncs.insert(new_id.clone());
        }
        if let Some(instance_id) = &member.instance_id {
            self.static_members
                .insert(instance_id.clone(), new_id.clone());
        }
        let before = Before {
            protocols: member.protocols.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
        };
        self.members.insert(new_id, member);
        before
    }

    /// The log has, or has not, taken a static member's new id.
    pub fn on_replacement(
        &mut self,
        replacement: Replacement,
        result: Result<(), ErrorCode>,
        cx: &mut Cx<'_>,
    ) {
        if !self.members.contains_key(&replacement.new_id) {
            // It was replaced once more, or left, meanwhile.
            return;
        }
        match result {
            Ok(()) => self.welcome_back(&replacement, cx),
            Err(error) => self.take_back(replacement, error, cx),
        }
    }

    fn welcome_back(&mut self, replacement: &Replacement, cx: &mut Cx<'_>) {
        let id = &replacement.new_id;
        let mut answer = self.joined(id);
        if replacement.may_skip_assignment {
            answer.skip_assignment = self.is_leader(id);
        } else {
            // Told that the old id leads, it does not assign anew.
            answer.members.clear();
            answer.leader = replacement.old_leader.clone();
        }
        self.answer_join(id, answer, cx);
        // Its session may have ended while it waited and was excused.
        self.put_off_session(id, cx);
    }

    fn take_back(&mut self, replacement: Replacement, error: ErrorCode, cx: &mut Cx<'_>) {
        let Replacement {
            old_id,
            new_id,
            before,
            old_leader,
            ..
        } = replacement;
        let mut answer = self.joined(&new_id);
        answer.members.clear();
        (answer.error, answer.leader, answer.member_id) = (error, old_leader, "".into());
        self.answer_join(&new_id, answer, cx);
        if self.state != State::Stable {
            // A rebalance goes on with what it offers now; it may come back as it can.
            return;
        }
        let offered = self.rename(&new_id, old_id.clone(), cx).protocols;
        self.count_protocols(&offered, -1);
        self.count_protocols(&before.protocols, 1);
        let member = self.members.get_mut(&old_id).expect("just renamed");
        member.protocols = before.protocols;
        member.rebalance_timeout_ms = before.rebalance_timeout_ms;
        member.session_timeout_ms = before.session_timeout_ms;
        put_off(member, cx);
    }
}

impl JoinRequest {
    /// What the group is to hold of it.
    fn said_bytes(&self) -> usize {
        let instance_id = self.instance_id.as_deref();
        protocols_bytes(&self.protocols)
            + names_bytes(&self.client_id, &self.client_host, instance_id)
    }
}

/// For a log line.
fn because(reason: Option<&str>) -> String {
    match reason {
        Some(reason) if !reason.is_empty() => format!(" ({reason})"),
        _ => String::new(),
    }
}

fn refuse(ticket: Ticket, id: Arc<str>, error: ErrorCode, cx: &mut Cx<'_>) {
    let answer = Answer::Join(JoinAnswer::refused(id, error));
    cx.answers.push((ticket, answer));
}
