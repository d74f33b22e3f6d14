//! The calls of members and administrators.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::answer::{Answer, JoinAnswer, SyncAnswer, Ticket};
use super::super::classic::{JoinRequest, LeaveRequest, State, SyncRequest};
use super::super::effects::Append;
use super::super::stored;
use super::commit::{CommitRequest, FetchRequest};
use super::{Coordinator, Then, Turn, Write};
use crate::model::TimestampMs;
use crate::protocol::error_code::ErrorCode;

/// What a coordinator is asked, of one group each.
#[derive(Clone, Debug)]
pub enum Call {
    /// A member joins.
    Join(Arc<str>, JoinRequest),
    /// A member syncs.
    Sync(Arc<str>, SyncRequest),
    /// A member is alive.
    Heartbeat {
        /// Its group.
        group: Arc<str>,
        /// Who it is.
        member_id: Arc<str>,
        /// Of a static member.
        instance_id: Option<Arc<str>>,
        /// The generation it is in.
        generation: i32,
    },
    /// Members leave.
    Leave(Arc<str>, LeaveRequest),
    /// Offsets are committed.
    Commit(CommitRequest),
    /// Committed offsets are asked for.
    Fetch(FetchRequest),
    /// What administrators see of a group is asked for.
    Describe(Arc<str>),
    /// A group is deleted, its offsets with it.
    Delete(Arc<str>),
    /// Offsets of a group are deleted.
    DeleteOffsets {
        /// Its name.
        group: Arc<str>,
        /// Topics and partitions.
        places: Vec<(Arc<str>, i32)>,
    },
}

impl Call {
    /// The group that it is about.
    pub fn group(&self) -> &Arc<str> {
        match self {
            Self::Join(group, _)
            | Self::Sync(group, _)
            | Self::Heartbeat { group, .. }
            | Self::Leave(group, _)
            | Self::Describe(group)
            | Self::Delete(group)
            | Self::DeleteOffsets { group, .. } => group,
            Self::Commit(request) => &request.group,
            Self::Fetch(request) => &request.group,
        }
    }
}

impl Coordinator {
    /// Takes a call.
    pub fn call(&mut self, ticket: Ticket, call: Call, now: TimestampMs) -> Turn {
        let mut turn = Turn::default();
        match call {
            Call::Join(group, request) => self.join(ticket, group, request, now, &mut turn),
            Call::Sync(group, request) => self.sync(ticket, &group, request, now, &mut turn),
            Call::Heartbeat {
                group,
                member_id,
                instance_id,
                generation,
            } => {
                let mut code = Err(ErrorCode::UnknownMemberId);
                self.with_group(&group, now, &mut turn, |group, cx| {
                    code = group.heartbeat(&member_id, instance_id.as_deref(), generation, cx);
                    Append::Nothing
                });
                let code = code.err().unwrap_or(ErrorCode::None);
                turn.answers.push((ticket, Answer::Heartbeat(code)));
            }
            Call::Leave(group, request) => {
                self.leave(ticket, &group, &request, now, &mut turn);
            }
            Call::Commit(request) => self.commit(ticket, request, now, &mut turn),
            Call::Fetch(request) => self.fetch(ticket, request, &mut turn),
            Call::Describe(group) => {
                let described = Answer::Described(self.describe(&group));
                turn.answers.push((ticket, described));
            }
            Call::Delete(group) => self.delete(ticket, &group, &mut turn),
            Call::DeleteOffsets { group, places } => {
                self.delete_offsets(ticket, &group, &places, &mut turn)
            }
        }
        turn
    }

    fn join(
        &mut self,
        ticket: Ticket,
        id: Arc<str>,
        request: JoinRequest,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let timeouts = self.config.session_timeout_ms_min..=self.config.session_timeout_ms_max;
        if !timeouts.contains(&request.session_timeout_ms) {
            let refused = JoinAnswer::refused(request.member_id, ErrorCode::InvalidSessionTimeout);
            turn.answers.push((ticket, Answer::Join(refused)));
            return;
        }
        let is_new = !self.groups.contains_key(&id);
        if is_new && !request.member_id.is_empty() {
            let refused = JoinAnswer::refused(request.member_id, ErrorCode::UnknownMemberId);
            turn.answers.push((ticket, Answer::Join(refused)));
            return;
        }
        if is_new {
            // That there is such a group is in the log from its first member on; of the member
            // nothing is yet.
            self.new_group(id.clone(), now);
            let snapshot = self.groups[&id].snapshot();
            turn.writes.push(Write {
                records: vec![stored::group_record(&id, snapshot)],
                then: Then::Classic(id.clone(), Append::Nothing),
            });
        }
        self.with_group(&id, now, turn, |group, cx| group.join(ticket, request, cx));
    }

    fn sync(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        request: SyncRequest,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let is_there = self.groups.get(id).is_some_and(|group| !group.is_empty());
        if !is_there {
            let refused = SyncAnswer::refused(ErrorCode::UnknownMemberId);
            turn.answers.push((ticket, Answer::Sync(refused)));
            return;
        }
        self.with_group(id, now, turn, |group, cx| group.sync(ticket, request, cx));
    }

    fn leave(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        request: &LeaveRequest,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let mut answer = Answer::Leave(ErrorCode::UnknownMemberId, Vec::new());
        self.with_group(id, now, turn, |group, cx| match group.leave(request, cx) {
            Ok((codes, append)) => {
                answer = Answer::Leave(ErrorCode::None, codes);
                append
            }
            Err(error) => {
                answer = Answer::Leave(error, Vec::new());
                Append::Nothing
            }
        });
        turn.answers.push((ticket, answer));
    }

    fn delete(&mut self, ticket: Ticket, id: &Arc<str>, turn: &mut Turn) {
        let refused = match self.groups.get(id).map(super::classic::Group::state) {
            None | Some(State::Dead) => Some(ErrorCode::GroupIdNotFound),
            Some(State::Empty) => None,
            Some(_) => Some(ErrorCode::NonEmptyGroup),
        };
        if let Some(error) = refused {
            turn.answers.push((ticket, Answer::Delete(error)));
            return;
        }
        let places = self.offsets.places_of(id).into_iter();
        let mut records: Vec<_> = places
            .map(|(topic, partition)| stored::offset_record(id, &topic, partition, None))
            .collect();
        records.push(stored::group_tombstone(id));
        turn.writes.push(Write {
            records,
            then: Then::Answer(ticket, Answer::Delete(ErrorCode::None)),
        });
    }

    fn delete_offsets(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        places: &[(Arc<str>, i32)],
        turn: &mut Turn,
    ) {
        let refused = match self.groups.get(id) {
            None => Some(ErrorCode::GroupIdNotFound),
            Some(group) if group.state() == State::Dead => Some(ErrorCode::GroupIdNotFound),
            Some(group) if !group.is_empty() && !group.has_consumers() => {
                Some(ErrorCode::NonEmptyGroup)
            }
            Some(_) => None,
        };
        if let Some(error) = refused {
            let answer = Answer::DeleteOffsets(error, Vec::new());
            turn.answers.push((ticket, answer));
            return;
        }
        let group = &self.groups[id];
        let codes = places
            .iter()
            .map(|(topic, _)| match group.subscribes_to(topic) {
                true => ErrorCode::GroupSubscribedToTopic,
                false => ErrorCode::None,
            });
        let codes: Vec<_> = codes.collect();
        let known: HashSet<_> = self.offsets.places_of(id).into_iter().collect();
        let gone = places.iter().zip(&codes);
        let gone = gone.filter(|(place, code)| **code == ErrorCode::None && known.contains(*place));
        let records: Vec<_> = gone
            .map(|((topic, partition), _)| stored::offset_record(id, topic, *partition, None))
            .collect();
        let answer = Answer::DeleteOffsets(ErrorCode::None, codes);
        if records.is_empty() {
            return self.answer_in_turn(ticket, answer, turn);
        }
        turn.writes.push(Write {
            records,
            then: Then::Answer(ticket, answer),
        });
    }
}
