//! ConsumerGroupHeartbeat, and what becomes of members that are not heard of.

use std::sync::Arc;

use super::super::answer::{Answer, ConsumerHeartbeatAnswer, Ticket};
use super::super::config::REGEX_REFRESH_INTERVAL_MS_MIN;
use super::super::consumer::LEFT_FOR_A_WHILE;
use super::super::consumer::change;
use super::super::consumer::heartbeat::{
    self, HeartbeatRequest, JOINS, LEAVES, Refused, Told, check, check_leave, fence, finish,
    leave_for_a_while, steady,
};
use super::super::consumer::live::Live;
use super::super::consumer::tx::Tx;
use super::super::effects::Cx;
use super::super::record::GroupRecord;
use super::conversion::Successor;
use super::kinds::Group;
use super::replay::Undo;
use super::{AssignmentJob, Coordinator, Then, Topics, Turn, Write};
use crate::model::TimestampMs;
use crate::protocol::error_code::ErrorCode;

impl Coordinator {
    pub(super) fn consumer_heartbeat(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        request: HeartbeatRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let member_id = request.member_id.clone();
        let checked = check(id, &request, &self.config.consumer.assignors);
        if checked.is_ok() && self.consumer_steady(ticket, id, &request, now, turn) {
            return;
        }
        self.see_topics(id, topics, turn);
        let done = checked.and_then(|()| match request.epoch {
            LEAVES | LEFT_FOR_A_WHILE => {
                self.consumer_leave(ticket, id, &request, topics, now, turn)
            }
            _ => self.consumer_step(ticket, id, request, topics, now, turn),
        });
        if let Err(refused) = done {
            let answer = ConsumerHeartbeatAnswer::refused(member_id, refused);
            turn.answers
                .push((ticket, Answer::ConsumerHeartbeat(answer)));
        }
    }

    /// A session is over.
    pub(super) fn on_consumer_session(
        &mut self,
        id: &Arc<str>,
        member: &Arc<str>,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let is_in = match self.groups.get(id) {
            Some(Group::Consumer(live)) => live.group.members().contains_key(member),
            _ => false,
        };
        if is_in {
            log::info!("group {id}: {member} was silent for too long");
            self.remove_consumer(id, member, Then::Nothing, topics, now, turn);
        }
    }

    /// A member has not done in time what it was asked for.
    pub(super) fn on_consumer_step(
        &mut self,
        id: &Arc<str>,
        member: &Arc<str>,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let is_late = match self.groups.get(id) {
            Some(Group::Consumer(live)) => live
                .group
                .members()
                .get(member)
                .is_some_and(|found| found.profile.is_classic() || found.is_asked_to_revoke()),
            _ => false,
        };
        if is_late {
            log::info!("group {id}: {member} did not do in time what it was asked for");
            self.remove_consumer(id, member, Then::Nothing, topics, now, turn);
        }
    }

    /// Takes a member out. If only classic members are left, the group is one of theirs again.
    pub(super) fn remove_consumer(
        &mut self,
        id: &Arc<str>,
        member: &Arc<str>,
        then: Then,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let then = match self.downgrade(id, member, then, topics, now, turn) {
            Ok(()) => return,
            Err(then) => then,
        };
        let (Some(Group::Consumer(live)), mut cx) = self.open(id, now, &mut turn.answers) else {
            unreachable!("its group was just seen");
        };
        let mut tx = Tx::default();
        fence(&mut live.group, member, topics, &mut tx);
        live.forget(member, &mut cx);
        turn.writes.push(consumer_write(id, tx, then));
    }

    /// A heartbeat that says nothing new from a member that has all of its part. Whether it is
    /// one: it is answered then.
    fn consumer_steady(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        request: &HeartbeatRequest,
        now: TimestampMs,
        turn: &mut Turn,
    ) -> bool {
        let settled = self.settled;
        let session_timeout_ms = self.session_timeout_ms(id);
        let regex_interval_ms = i64::from(self.config.consumer.regex_refresh_interval_ms);
        let (Some(Group::Consumer(live)), mut cx) = self.open(id, now, &mut turn.answers) else {
            return false;
        };
        if live.topics_are_unseen || must_look_up(live, regex_interval_ms, now) {
            return false;
        }
        let Some(told) = steady(&live.group, request) else {
            return false;
        };
        live.put_off_session(&told.member_id, session_timeout_ms, &mut cx);
        let is_settled = live.last_write <= settled;
        let answer = self.told(id, told);
        self.answer_if_settled(is_settled, ticket, answer, turn);
        true
    }

    /// Any other heartbeat.
    fn consumer_step(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        request: HeartbeatRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) -> Result<(), Refused> {
        let Successor {
            mut live,
            mut records,
            succeeds,
        } = self.consumer_group_for(id, request.epoch == JOINS, topics, now)?;
        let (mut tx, mut job) = (Tx::default(), None);
        let told = self.take_in(&mut live, request, topics, now, &mut tx, &mut job);
        let told = match told {
            Ok(told) => told,
            Err(refused) => {
                // What it has found with the expressions looked up is taken back, too.
                live.regexes_are_stale |= !tx.records.is_empty();
                tx.undo(&mut live.group);
                if job.is_some() {
                    live.assigning = None;
                }
                if !succeeds {
                    self.groups.insert(id.clone(), Group::Consumer(live));
                }
                return Err(refused);
            }
        };
        let mut undo = Vec::new();
        if succeeds {
            // Who waits in a classic group begins again in this one.
            let before =
                self.take_group(id, ErrorCode::RebalanceInProgress, now, &mut turn.answers);
            undo.push(Undo::Swap(id.clone(), before));
        }
        let session_timeout_ms = self.session_timeout_ms(id);
        let (_, mut cx) = self.open(id, now, &mut turn.answers);
        if succeeds {
            live.resume(session_timeout_ms, &mut cx);
        }
        live.keep_alive(&told.member_id, session_timeout_ms, &mut cx);
        follow(&mut live, &tx.records, &mut cx);
        self.groups.insert(id.clone(), Group::Consumer(live));
        turn.jobs.extend(job);
        let answer = self.told(id, told);
        records.append(&mut tx.records);
        if records.is_empty() {
            self.answer_settled(id, ticket, answer, turn);
            return Ok(());
        }
        if !succeeds {
            undo.push(Undo::Consumer(id.clone(), tx.before));
        }
        turn.writes.push(Write {
            records,
            then: Then::Answer(ticket, answer),
            undo: Some(undo),
        });
        Ok(())
    }

    /// What a heartbeat changes, from the member's words to its next step.
    fn take_in(
        &mut self,
        live: &mut Live,
        request: HeartbeatRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        tx: &mut Tx,
        job: &mut Option<AssignmentJob>,
    ) -> Result<Told, Refused> {
        let limits = &self.config.consumer;
        if must_look_up(live, i64::from(limits.regex_refresh_interval_ms), now) {
            let are_all = change::refresh_regexes(&mut live.group, topics, now, tx);
            live.regexes_are_stale = !are_all;
            // The next heartbeat goes on with the rest, without waiting.
            if are_all {
                live.regexes_at = now;
            }
        }
        let members_max = limits.members_max;
        let group = &mut live.group;
        let pending = heartbeat::heartbeat(group, request, members_max, topics, now, tx)?;
        *job = self.assign_if_due(live, topics, now, tx);
        finish(&mut live.group, pending, topics, tx)
    }

    fn consumer_leave(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        request: &HeartbeatRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) -> Result<(), Refused> {
        let (Some(Group::Consumer(live)), mut cx) = self.open(id, now, &mut turn.answers) else {
            return Err(no_consumer_group(id));
        };
        check_leave(&live.group, request)?;
        let member = &request.member_id;
        let answer = Answer::ConsumerHeartbeat(ConsumerHeartbeatAnswer {
            error: ErrorCode::None,
            message: None,
            member_id: member.clone(),
            epoch: request.epoch,
            heartbeat_interval_ms: 0,
            assigned: None,
        });
        let then = Then::Answer(ticket, answer);
        if request.epoch == LEAVES {
            self.remove_consumer(id, member, then, topics, now, turn);
            return Ok(());
        }
        let mut tx = Tx::default();
        leave_for_a_while(&mut live.group, member, &mut tx);
        live.on_step(member, &mut cx);
        turn.writes.push(consumer_write(id, tx, then));
        Ok(())
    }

    fn told(&self, id: &str, told: Told) -> Answer {
        Answer::ConsumerHeartbeat(ConsumerHeartbeatAnswer {
            error: ErrorCode::None,
            message: None,
            member_id: told.member_id,
            epoch: told.epoch,
            heartbeat_interval_ms: self.heartbeat_interval_ms(id),
            assigned: told.assigned,
        })
    }
}

/// Changes that a consumer group has made already.
pub(super) fn consumer_write(id: &Arc<str>, tx: Tx, then: Then) -> Write {
    Write {
        records: tx.records,
        then,
        undo: Some(vec![Undo::Consumer(id.clone(), tx.before)]),
    }
}

/// Starts and ends the deadlines of members that records are about.
pub(super) fn follow(live: &mut Live, records: &[GroupRecord], cx: &mut Cx<'_>) {
    for record in records {
        match record {
            GroupRecord::ConsumerGroupMemberMetadata { key, value: None }
                if !live.group.members().contains_key(&*key.member_id) =>
            {
                live.forget(&key.member_id, cx);
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment {
                key,
                value: Some(_),
            } => {
                let id = live.group.members().get_key_value(&*key.member_id);
                if let Some(id) = id.map(|(id, _)| id.clone()) {
                    live.see_to_revocation(&id, cx);
                }
            }
            _ => {}
        }
    }
}

pub(super) fn no_consumer_group(id: &str) -> Refused {
    Refused {
        code: ErrorCode::GroupIdNotFound,
        message: format!("there is no consumer group {id}"),
    }
}

/// Whether a group's regular expressions are to be looked up anew: topics have changed, or it is
/// long ago; and not so soon after the last time that it would be felt.
fn must_look_up(live: &Live, interval_ms: i64, now: TimestampMs) -> bool {
    let has_any = live.group.used_regexes().next().is_some();
    if !has_any || now < live.regexes_at + REGEX_REFRESH_INTERVAL_MS_MIN {
        return false;
    }
    live.regexes_are_stale || now >= live.regexes_at + interval_ms
}
