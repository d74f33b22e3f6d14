//! The calls of members and administrators.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::answer::{Answer, Ticket};
use super::super::classic::{JoinRequest, LeaveRequest, State, SyncRequest};
use super::super::consumer::heartbeat::HeartbeatRequest;
use super::super::stored;
use super::commit::{CommitRequest, FetchRequest};
use super::kinds::Group;
use super::{Coordinator, Then, Topics, Turn, Write};
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
    /// A member of the consumer protocol comes, is alive, goes.
    ConsumerHeartbeat(Arc<str>, HeartbeatRequest),
    /// Offsets are committed.
    Commit(CommitRequest),
    /// Committed offsets are asked for.
    Fetch(FetchRequest),
    /// What administrators see of a classic group is asked for.
    Describe(Arc<str>),
    /// What administrators see of a consumer group is asked for.
    DescribeConsumer(Arc<str>),
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
            | Self::ConsumerHeartbeat(group, _)
            | Self::Describe(group)
            | Self::DescribeConsumer(group)
            | Self::Delete(group)
            | Self::DeleteOffsets { group, .. } => group,
            Self::Commit(request) => &request.group,
            Self::Fetch(request) => &request.group,
        }
    }
}

impl Coordinator {
    /// Takes a call.
    pub fn call(
        &mut self,
        ticket: Ticket,
        call: Call,
        topics: &dyn Topics,
        now: TimestampMs,
    ) -> Turn {
        let mut turn = Turn::default();
        match call {
            Call::Join(group, request) => self.join(ticket, group, request, topics, now, &mut turn),
            Call::Sync(group, request) => {
                self.sync(ticket, &group, request, topics, now, &mut turn)
            }
            Call::Heartbeat {
                group,
                member_id,
                instance_id,
                generation,
            } => {
                let who = (&member_id, instance_id.as_deref(), generation);
                self.heartbeat(ticket, &group, who, now, &mut turn);
            }
            Call::Leave(group, request) => {
                self.leave(ticket, &group, &request, topics, now, &mut turn);
            }
            Call::ConsumerHeartbeat(group, request) => {
                self.consumer_heartbeat(ticket, &group, request, topics, now, &mut turn);
            }
            Call::Commit(request) => self.commit(ticket, request, topics, now, &mut turn),
            Call::Fetch(request) => self.fetch(ticket, request, &mut turn),
            Call::Describe(group) => {
                let described = Answer::Described(self.describe(&group));
                turn.answers.push((ticket, described));
            }
            Call::DescribeConsumer(group) => {
                let described = Answer::ConsumerDescribed(self.describe_consumer(&group, topics));
                self.answer_settled(&group, ticket, described, &mut turn);
            }
            Call::Delete(group) => self.delete(ticket, &group, &mut turn),
            Call::DeleteOffsets { group, places } => {
                self.delete_offsets(ticket, &group, &places, &mut turn)
            }
        }
        turn
    }

    fn delete(&mut self, ticket: Ticket, id: &Arc<str>, turn: &mut Turn) {
        let group = match self.groups.get(id) {
            None => Err(ErrorCode::GroupIdNotFound),
            Some(group) if !group.is_empty() => Err(ErrorCode::NonEmptyGroup),
            Some(group) => Ok(group),
        };
        let group = match group {
            Ok(group) => group,
            Err(error) => return turn.answers.push((ticket, Answer::Delete(error))),
        };
        let places = self.offsets.places_of(id).into_iter();
        let mut records: Vec<_> = places
            .map(|(topic, partition)| stored::offset_record(id, &topic, partition, None))
            .collect();
        records.extend(group.tombstones());
        turn.writes.push(Write {
            records,
            then: Then::Answer(ticket, Answer::Delete(ErrorCode::None)),
            undo: None,
        });
    }

    fn delete_offsets(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        places: &[(Arc<str>, i32)],
        turn: &mut Turn,
    ) {
        if let Err(error) = self.check_delete_offsets(id) {
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
            undo: None,
        });
    }

    /// Of consumers, the topics they do not subscribe to may go; of others, nothing while they are
    /// there.
    fn check_delete_offsets(&self, id: &str) -> Result<(), ErrorCode> {
        match self.groups.get(id) {
            None => Err(ErrorCode::GroupIdNotFound),
            Some(Group::Consumer(_)) => Ok(()),
            Some(Group::Classic(group)) => match group.state() {
                State::Dead => Err(ErrorCode::GroupIdNotFound),
                State::Empty => Ok(()),
                _ if group.has_consumers() => Ok(()),
                _ => Err(ErrorCode::NonEmptyGroup),
            },
        }
    }
}
