//! The calls of the classic protocol. Those for a consumer group go on in `mixed_calls`.

use std::sync::Arc;

use super::super::answer::{Answer, JoinAnswer, SyncAnswer, Ticket};
use super::super::classic::{JoinRequest, LeaveRequest, SyncRequest};
use super::super::effects::Append;
use super::kinds::Group;
use super::{Coordinator, Then, Topics, Turn};
use crate::model::TimestampMs;
use crate::protocol::error_code::ErrorCode;

impl Coordinator {
    pub(super) fn join(
        &mut self,
        ticket: Ticket,
        id: Arc<str>,
        request: JoinRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let timeouts = self.config.session_timeout_ms_min..=self.config.session_timeout_ms_max;
        if !timeouts.contains(&request.session_timeout_ms) {
            return refuse_join(
                ticket,
                request.member_id,
                ErrorCode::InvalidSessionTimeout,
                turn,
            );
        }
        let is_consumer = matches!(self.groups.get(&id), Some(Group::Consumer(_)));
        match is_consumer && !self.groups[&id].is_empty() {
            true => self.join_consumer_group(ticket, id, request, topics, now, turn),
            false => self.join_classic(ticket, id, request, now, turn),
        }
    }

    /// A consumer group that nobody is in, or that nobody stays in, makes room.
    pub(super) fn join_classic(
        &mut self,
        ticket: Ticket,
        id: Arc<str>,
        request: JoinRequest,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let is_new = !matches!(self.groups.get(&id), Some(Group::Classic(_)));
        if is_new && !request.member_id.is_empty() {
            return refuse_join(ticket, request.member_id, ErrorCode::UnknownMemberId, turn);
        }
        let dropped = match is_new {
            true => self.drop_consumer_group(&id, now),
            false => None,
        };
        if is_new {
            self.new_classic(id.clone(), now);
            // That there is such a group is in the log from its first member on; of the member
            // nothing is yet.
            self.with_classic(&id, now, turn, |_, _| Append::Group);
        }
        if let Some((mut records, undo)) = dropped {
            // The one goes and the other comes in one batch.
            let write = turn.writes.last_mut().expect("a new group is written");
            records.append(&mut write.records);
            (write.records, write.undo) = (records, Some(vec![undo]));
        }
        self.with_classic(&id, now, turn, |group, cx| group.join(ticket, request, cx));
    }

    pub(super) fn sync(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        request: SyncRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        match self.groups.get(id) {
            Some(group) if group.is_empty() => {}
            Some(Group::Consumer(_)) => {
                return self.sync_in_consumer_group(ticket, id, &request, topics, now, turn);
            }
            Some(Group::Classic(_)) => {
                return self
                    .with_classic(id, now, turn, |group, cx| group.sync(ticket, request, cx));
            }
            None => {}
        }
        let refused = SyncAnswer::refused(ErrorCode::UnknownMemberId);
        turn.answers.push((ticket, Answer::Sync(refused)));
    }

    /// A member, its instance id if it is static, and the generation it is in.
    pub(super) fn heartbeat(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        who: (&Arc<str>, Option<&str>, i32),
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        if let Some(Group::Consumer(_)) = self.groups.get(id) {
            return self.heartbeat_in_consumer_group(ticket, id, who, now, turn);
        }
        let (member_id, instance_id, generation) = who;
        let mut code = Err(ErrorCode::UnknownMemberId);
        self.with_classic(id, now, turn, |group, cx| {
            code = group.heartbeat(member_id, instance_id, generation, cx);
            Append::Nothing
        });
        let code = code.err().unwrap_or(ErrorCode::None);
        turn.answers.push((ticket, Answer::Heartbeat(code)));
    }

    pub(super) fn leave(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        request: &LeaveRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        if let Some(Group::Consumer(_)) = self.groups.get(id) {
            return self.leave_consumer_group(ticket, id, request, topics, now, turn);
        }
        let mut answer = Answer::Leave(ErrorCode::UnknownMemberId, Vec::new());
        let before = turn.writes.len();
        self.with_classic(id, now, turn, |group, cx| match group.leave(request, cx) {
            Ok((codes, append)) => {
                answer = Answer::Leave(ErrorCode::None, codes);
                append
            }
            Err(error) => {
                answer = Answer::Leave(error, Vec::new());
                Append::Nothing
            }
        });
        match turn.writes[before..].last_mut() {
            // Nobody is left: who left last hears of it when the log has it, as in Kafka.
            Some(write) => {
                assert!(matches!(write.then, Then::Classic(_, Append::Group)));
                write.then = Then::Answer(ticket, answer);
            }
            None => turn.answers.push((ticket, answer)),
        }
    }
}

pub(super) fn refuse_join(ticket: Ticket, id: Arc<str>, error: ErrorCode, turn: &mut Turn) {
    let answer = Answer::Join(JoinAnswer::refused(id, error));
    turn.answers.push((ticket, answer));
}
