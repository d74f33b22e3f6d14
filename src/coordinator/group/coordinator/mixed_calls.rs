//! The calls of the classic protocol for a consumer group: some of its members still speak it.

use std::sync::Arc;

use super::super::answer::{Answer, JoinAnswer, SyncAnswer, Ticket};
use super::super::classic::{CONSUMER, JoinRequest, LeaveRequest, Leaving, SyncRequest};
use super::super::consumer::change::{bump, remove};
use super::super::consumer::classic_member::{
    self, assignment, find, is_late, must_join_again, protocol_name, supports,
};
use super::super::consumer::group::Group as State;
use super::super::consumer::heartbeat::{Refused, check_static, finish};
use super::super::consumer::tx::Tx;
use super::classic_calls::refuse_join;
use super::consumer_calls::{consumer_write, follow};
use super::kinds::Group;
use super::{AssignmentJob, Coordinator, Then, Topics, Turn};
use crate::model::TimestampMs;
use crate::protocol::error_code::ErrorCode;

impl Coordinator {
    pub(super) fn join_consumer_group(
        &mut self,
        ticket: Ticket,
        id: Arc<str>,
        request: JoinRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        self.see_topics(&id, topics, turn);
        let group = self.consumer_group(&id);
        let is_back = request
            .instance_id
            .as_ref()
            .and_then(|name| group.static_member(name));
        let is_in = is_back.is_some() || group.members().contains_key(&request.member_id);
        let members = group.members().len();
        if !is_in && members >= self.config.consumer.members_max {
            return refuse_join(ticket, "".into(), ErrorCode::GroupMaxSizeReached, turn);
        }
        if !supports(group, &request) {
            let error = ErrorCode::InconsistentGroupProtocol;
            return refuse_join(ticket, request.member_id, error, turn);
        }
        let is_unknown = request.member_id.is_empty();
        if is_unknown && request.instance_id.is_none() && request.must_know_its_id {
            return refuse_join(
                ticket,
                request.new_member_id,
                ErrorCode::MemberIdRequired,
                turn,
            );
        }
        let replaced = is_back.filter(|_| is_unknown).cloned();
        if let Some(old) = replaced
            && !group.members()[&old].profile.is_classic()
            && group.is_classic_without(&old)
            && self.config.consumer.migration.downgrades()
        {
            // The last of the new protocol comes back as one of the classic protocol.
            if members == 1 {
                return self.join_classic(ticket, id, request, now, turn);
            }
            drop(self.downgrade(&id, &old, Then::Nothing, topics, now, turn));
        }
        match self.groups.get(&id) {
            Some(Group::Consumer(_)) => {
                self.join_as_classic_member(ticket, id, request, topics, now, turn);
            }
            _ => self.join_classic(ticket, id, request, now, turn),
        }
    }

    /// The member gets its answer at once: there is no leader to wait for.
    fn join_as_classic_member(
        &mut self,
        ticket: Ticket,
        id: Arc<str>,
        request: JoinRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let member_id = request.member_id.clone();
        let (mut tx, mut job) = (Tx::default(), None);
        let told = self.take_in_classic(&id, request, topics, now, &mut tx, &mut job);
        let session_timeout_ms = self.session_timeout_ms(&id);
        let (Some(Group::Consumer(live)), mut cx) = self.open(&id, now, &mut turn.answers) else {
            unreachable!("its group was just seen");
        };
        let joined = match told {
            Ok(joined) => joined,
            Err(refused) => {
                tx.undo(&mut live.group);
                if job.is_some() {
                    live.assigning = None;
                }
                return refuse_join(ticket, member_id, refused.code, turn);
            }
        };
        live.keep_alive(&joined.member_id, session_timeout_ms, &mut cx);
        follow(live, &tx.records, &mut cx);
        live.expect_step(&joined.member_id, &mut cx);
        turn.jobs.extend(job);
        let answer = Answer::Join(joined);
        match tx.records.is_empty() {
            true => self.answer_settled(&id, ticket, answer, turn),
            false => turn
                .writes
                .push(consumer_write(&id, tx, Then::Answer(ticket, answer))),
        }
    }

    fn take_in_classic(
        &mut self,
        id: &Arc<str>,
        request: JoinRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        tx: &mut Tx,
        job: &mut Option<AssignmentJob>,
    ) -> Result<JoinAnswer, Refused> {
        let Some(Group::Consumer(mut live)) = self.groups.remove(id) else {
            unreachable!("its group was just seen");
        };
        let told = classic_member::join(&mut live.group, request, topics, tx).and_then(|pending| {
            *job = self.assign_if_due(&mut live, topics, now, tx);
            finish(&mut live.group, pending, topics, tx)
        });
        let joined = told.map(|told| {
            let member = &live.group.members()[&told.member_id];
            JoinAnswer {
                error: ErrorCode::None,
                generation: told.epoch,
                protocol_type: Some(CONSUMER.into()),
                protocol_name: protocol_name(member),
                leader: Some("".into()),
                skip_assignment: false,
                member_id: told.member_id,
                members: Vec::new(),
            }
        });
        self.groups.insert(id.clone(), Group::Consumer(live));
        joined
    }

    pub(super) fn sync_in_consumer_group(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        request: &SyncRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let session_timeout_ms = self.session_timeout_ms(id);
        let (Some(Group::Consumer(live)), mut cx) = self.open(id, now, &mut turn.answers) else {
            unreachable!("its group was just seen");
        };
        let synced = check_sync(&live.group, request).map(|()| {
            let member = &live.group.members()[&request.member_id];
            SyncAnswer {
                error: ErrorCode::None,
                protocol_type: Some(CONSUMER.into()),
                protocol_name: protocol_name(member),
                assignment: assignment(member, topics),
            }
        });
        let member_id = &request.member_id;
        match synced {
            Ok(synced) => {
                live.on_step(member_id, &mut cx);
                live.keep_alive(member_id, session_timeout_ms, &mut cx);
                self.answer_settled(id, ticket, Answer::Sync(synced), turn);
            }
            Err(error) => {
                if error == ErrorCode::RebalanceInProgress {
                    live.expect_step_if_none(member_id, &mut cx);
                }
                let answer = Answer::Sync(SyncAnswer::refused(error));
                turn.answers.push((ticket, answer));
            }
        }
    }

    pub(super) fn heartbeat_in_consumer_group(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        who: (&Arc<str>, Option<&str>, i32),
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let (member_id, instance_id, generation) = who;
        let session_timeout_ms = self.session_timeout_ms(id);
        let (Some(Group::Consumer(live)), mut cx) = self.open(id, now, &mut turn.answers) else {
            unreachable!("its group was just seen");
        };
        let code = match find(&live.group, member_id, instance_id, Some(generation)) {
            Err(error) => error,
            Ok(_) => {
                live.keep_alive(member_id, session_timeout_ms, &mut cx);
                match must_join_again(&live.group, member_id) {
                    false => ErrorCode::None,
                    true => {
                        live.expect_step_if_none(member_id, &mut cx);
                        ErrorCode::RebalanceInProgress
                    }
                }
            }
        };
        turn.answers.push((ticket, Answer::Heartbeat(code)));
    }

    pub(super) fn leave_consumer_group(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        request: &LeaveRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let (Some(Group::Consumer(live)), mut cx) = self.open(id, now, &mut turn.answers) else {
            unreachable!("its group was just seen");
        };
        let mut tx = Tx::default();
        let leaving = request.members.iter();
        let codes = leaving.map(|leaving| match named(&live.group, leaving) {
            Ok(member) => {
                remove(&mut live.group, &member, &mut tx);
                live.forget(&member, &mut cx);
                ErrorCode::None
            }
            Err(error) => error,
        });
        let codes: Vec<_> = codes.collect();
        let answer = Answer::Leave(ErrorCode::None, codes);
        if tx.records.is_empty() {
            return turn.answers.push((ticket, answer));
        }
        bump(&mut live.group, "members leave", topics, &mut tx);
        turn.writes
            .push(consumer_write(id, tx, Then::Answer(ticket, answer)));
    }

    fn consumer_group(&self, id: &str) -> &State {
        match self.groups.get(id) {
            Some(Group::Consumer(live)) => &live.group,
            _ => unreachable!("its group was just seen"),
        }
    }
}

fn check_sync(group: &State, request: &SyncRequest) -> Result<(), ErrorCode> {
    let instance_id = request.instance_id.as_deref();
    let member = find(
        group,
        &request.member_id,
        instance_id,
        Some(request.generation),
    )?;
    let is_other =
        |said: &Option<Arc<str>>, ours: Option<&str>| said.is_some() && said.as_deref() != ours;
    let name = protocol_name(member);
    if is_other(&request.protocol_type, Some(CONSUMER))
        || is_other(&request.protocol_name, name.as_deref())
    {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    match is_late(group, member) {
        true => Err(ErrorCode::RebalanceInProgress),
        false => Ok(()),
    }
}

/// The member that is to leave, of either protocol: an administrator may name a static one by its
/// instance id.
fn named(group: &State, leaving: &Leaving) -> Result<Arc<str>, ErrorCode> {
    let id = match &leaving.instance_id {
        None => leaving.member_id.clone(),
        Some(instance_id) => {
            let holder = group.static_member(instance_id);
            let holder = holder.ok_or(ErrorCode::UnknownMemberId)?.clone();
            if !leaving.member_id.is_empty() {
                check_static(group, &leaving.member_id, instance_id)
                    .map_err(|refused| refused.code)?;
            }
            holder
        }
    };
    match group.members().contains_key(&id) {
        true => Ok(id),
        false => Err(ErrorCode::UnknownMemberId),
    }
}
