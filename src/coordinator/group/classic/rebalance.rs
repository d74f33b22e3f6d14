//! The course of a rebalance: it is prepared, members join, or are late, the generation begins.

use super::super::answer::{JoinAnswer, SyncAnswer};
use super::super::effects::{Append, Assignment, Cx};
use super::{Group, InitialDelay, State, answer_sync, put_off};
use crate::protocol::error_code::ErrorCode;

/// A rebalance waits so long at least for who has not joined.
const JOIN_WAIT_MS_MIN: i32 = 100;

impl Group {
    /// Something changed: a rebalance begins, or the one under way may be complete.
    pub(super) fn rebalance_or_complete_join(&mut self, why: &str, cx: &mut Cx<'_>) -> Append {
        match self.state {
            State::Empty | State::CompletingRebalance | State::Stable => {
                self.prepare_rebalance(why, cx)
            }
            State::PreparingRebalance => self.complete_join_if_all_are_there(cx),
            State::Dead => Append::Nothing,
        }
    }

    /// Makes everybody join again.
    pub(super) fn prepare_rebalance(&mut self, why: &str, cx: &mut Cx<'_>) -> Append {
        if self.state == State::CompletingRebalance {
            self.drop_assignments(ErrorCode::RebalanceInProgress, cx);
        }
        self.pending_syncs.clear();
        cx.timers.clear(self.sync_timer);
        log::info!(
            "group {}: rebalances, {} in generation {}: {why}",
            self.id,
            self.state.name(),
            self.generation
        );
        if self.state == State::Empty {
            self.begin_initial_delay(cx);
            self.move_to(State::PreparingRebalance, cx.now);
            return Append::Nothing;
        }
        self.move_to(State::PreparingRebalance, cx.now);
        if self.all_have_joined() {
            return self.complete_join(cx);
        }
        self.wait_for_joins(cx);
        Append::Nothing
    }

    /// Of a rebalance under way that is not the first: that one waits for its delay.
    pub(super) fn complete_join_if_all_are_there(&mut self, cx: &mut Cx<'_>) -> Append {
        let waits = self.state == State::PreparingRebalance && self.previous != State::Empty;
        match waits && self.all_have_joined() {
            true => self.complete_join(cx),
            false => Append::Nothing,
        }
    }

    /// The time for joining is over.
    pub fn on_join_deadline(&mut self, cx: &mut Cx<'_>) -> Append {
        if self.state != State::PreparingRebalance {
            return Append::Nothing;
        }
        if let Some(delay) = self.initial_delay.take()
            && self.new_member_added
            && delay.remaining_ms > 0
        {
            self.extend_initial_delay(delay, cx);
            return Append::Nothing;
        }
        self.complete_join(cx)
    }

    /// The time for syncing is over: who has not, is out.
    pub fn on_sync_deadline(&mut self, cx: &mut Cx<'_>) -> Append {
        let waits = matches!(self.state, State::CompletingRebalance | State::Stable);
        if !waits || self.pending_syncs.is_empty() {
            return Append::Nothing;
        }
        let late: Vec<_> = std::mem::take(&mut self.pending_syncs)
            .into_iter()
            .collect();
        for id in &late {
            self.dismiss(id, cx);
        }
        let why = format!("{} did not fetch their assignments", late.join(", "));
        self.prepare_rebalance(&why, cx)
    }

    /// A member, or an id that was given out, was silent for too long.
    pub fn on_session_deadline(&mut self, id: &str, cx: &mut Cx<'_>) -> Append {
        if self.pending_joins.contains(id) {
            self.remove_pending_join(id, cx);
            return match self.state == State::PreparingRebalance && self.all_have_joined() {
                true => self.complete_join(cx),
                false => Append::Nothing,
            };
        }
        let Some(member) = self.members.get(id) else {
            return Append::Nothing;
        };
        if member.is_excused() {
            // Its session begins anew with the answer it waits for.
            return Append::Nothing;
        }
        self.dismiss(id, cx);
        match self.state {
            State::Stable | State::CompletingRebalance => {
                self.prepare_rebalance(&format!("{id} was silent for too long"), cx)
            }
            State::PreparingRebalance if self.all_have_joined() => self.complete_join(cx),
            _ => Append::Nothing,
        }
    }

    /// Takes a member out; its JoinGroup, if one waits, tells it to begin anew.
    pub(super) fn dismiss(&mut self, id: &str, cx: &mut Cx<'_>) {
        let answer = JoinAnswer::refused("".into(), ErrorCode::UnknownMemberId);
        self.answer_join(id, answer, cx);
        if let Some(member) = self.members.get_mut(id) {
            answer_sync(member, SyncAnswer::refused(ErrorCode::UnknownMemberId), cx);
        }
        self.remove(id, cx);
    }

    /// Ends the joining: late members are out, the rest is the new generation.
    fn complete_join(&mut self, cx: &mut Cx<'_>) -> Append {
        cx.timers.clear(self.join_timer);
        self.initial_delay = None;
        self.drop_late_members(cx);
        if !self.members.is_empty() && !self.lead_by_somebody_present() {
            // Static members only, and none has joined: their sessions decide.
            self.wait_for_joins(cx);
            return Append::Nothing;
        }
        self.generation += 1;
        self.pending_syncs.clear();
        if self.members.is_empty() {
            self.protocol_name = None;
            self.subscribed = self.read_subscriptions();
            self.move_to(State::Empty, cx.now);
            log::info!("group {}: empty in generation {}", self.id, self.generation);
            return Append::Group;
        }
        self.protocol_name = Some(self.select_protocol());
        self.subscribed = self.read_subscriptions();
        self.move_to(State::CompletingRebalance, cx.now);
        self.announce_generation(cx);
        Append::Nothing
    }

    /// Static members keep their place until their session is over.
    fn drop_late_members(&mut self, cx: &mut Cx<'_>) {
        let late = self.members.values();
        let late = late.filter(|member| member.joining.is_none() && member.instance_id.is_none());
        let late: Vec<_> = late.map(|member| member.id.clone()).collect();
        for id in &late {
            self.dismiss(id, cx);
        }
        if !late.is_empty() {
            log::info!(
                "group {}: did not join in time: {}",
                self.id,
                late.join(", ")
            );
        }
    }

    /// Whether there is a leader that has joined; elects one if need be.
    fn lead_by_somebody_present(&mut self) -> bool {
        let has_joined = |id: &str| {
            let member = self.members.get(id);
            member.is_some_and(|member| member.joining.is_some())
        };
        if self.leader.as_deref().is_some_and(has_joined) {
            return true;
        }
        let mut present = self.members.values();
        let present = present.find(|member| member.joining.is_some());
        let Some(member) = present else {
            return false;
        };
        self.leader = Some(member.id.clone());
        true
    }

    fn announce_generation(&mut self, cx: &mut Cx<'_>) {
        log::info!(
            "group {}: generation {} with {} members, led by {}",
            self.id,
            self.generation,
            self.members.len(),
            self.leader.as_deref().unwrap_or("nobody")
        );
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            let answer = self.joined(&id);
            self.answer_join(&id, answer, cx);
            let member = self.members.get_mut(&id).expect("just named");
            member.is_new = false;
            put_off(member, cx);
            self.pending_syncs.insert(id);
        }
        let deadline = cx.now + i64::from(self.rebalance_timeout_ms());
        cx.timers.set(self.sync_timer, deadline);
    }

    /// However little time its members claim to need: absent static ones are waited for again
    /// and again.
    fn wait_for_joins(&mut self, cx: &mut Cx<'_>) {
        let timeout_ms = self.rebalance_timeout_ms().max(JOIN_WAIT_MS_MIN);
        let deadline = cx.now + i64::from(timeout_ms);
        cx.timers.set(self.join_timer, deadline);
    }

    fn begin_initial_delay(&mut self, cx: &mut Cx<'_>) {
        let delay_ms = cx.config.initial_rebalance_delay_ms;
        let remaining_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms).max(0);
        self.set_initial_delay(delay_ms, remaining_ms, cx);
    }

    fn extend_initial_delay(&mut self, delay: InitialDelay, cx: &mut Cx<'_>) {
        self.new_member_added = false;
        let delay_ms = cx.config.initial_rebalance_delay_ms.min(delay.remaining_ms);
        let remaining_ms = (delay.remaining_ms - delay.delay_ms).max(0);
        self.set_initial_delay(delay_ms, remaining_ms, cx);
    }

    fn set_initial_delay(&mut self, delay_ms: i32, remaining_ms: i32, cx: &mut Cx<'_>) {
        self.initial_delay = Some(InitialDelay {
            delay_ms,
            remaining_ms,
        });
        cx.timers.set(self.join_timer, cx.now + i64::from(delay_ms));
    }

    /// The log has, or has not, taken the leader's assignment.
    pub fn on_assignment(
        &mut self,
        assignment: Assignment,
        result: Result<(), ErrorCode>,
        cx: &mut Cx<'_>,
    ) -> Append {
        let still =
            self.state == State::CompletingRebalance && self.generation == assignment.generation;
        if !still {
            // Somebody joined or left meanwhile, and whoever waited was told so.
            return Append::Nothing;
        }
        match result {
            Ok(()) => {
                self.give(assignment, cx);
                self.move_to(State::Stable, cx.now);
                Append::Nothing
            }
            Err(error) => {
                self.drop_assignments(error, cx);
                self.rebalance_or_complete_join("the assignment could not be stored", cx)
            }
        }
    }

    fn give(&mut self, assignment: Assignment, cx: &mut Cx<'_>) {
        for (id, bytes) in assignment.assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = bytes;
            }
        }
        for member in self.members.values_mut() {
            let answer = SyncAnswer {
                error: ErrorCode::None,
                protocol_type: self.protocol_type.clone(),
                protocol_name: self.protocol_name.clone(),
                assignment: member.assignment.clone(),
            };
            if answer_sync(member, answer, cx) {
                put_off(member, cx);
            }
        }
    }

    fn drop_assignments(&mut self, error: ErrorCode, cx: &mut Cx<'_>) {
        for member in self.members.values_mut() {
            member.assignment.clear();
            if answer_sync(member, SyncAnswer::refused(error), cx) {
                put_off(member, cx);
            }
        }
    }

    /// A group that was brought back, or was a consumer group, has everybody join again.
    pub fn rebalance_anew(&mut self, cx: &mut Cx<'_>) -> Append {
        match self.state {
            State::Stable => self.prepare_rebalance("its protocol has changed", cx),
            _ => Append::Nothing,
        }
    }

    /// A group that was loaded has more members than it may have now: the last to join again are
    /// turned away.
    pub fn shrink(&mut self, cx: &mut Cx<'_>) -> Append {
        match self.state {
            State::Stable => self.prepare_rebalance("it has more members than it may have", cx),
            _ => Append::Nothing,
        }
    }
}
