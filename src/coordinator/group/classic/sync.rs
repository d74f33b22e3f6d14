//! SyncGroup: the leader brings the assignment, everybody else asks for theirs.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::super::answer::{Answer, SyncAnswer, Ticket};
use super::super::effects::{Append, Assignment, Cx};
use super::{Group, Snapshot, State};
use crate::protocol::error_code::ErrorCode;

/// A SyncGroup.
#[derive(Clone, Debug)]
pub struct SyncRequest {
    /// Who asks.
    pub member_id: Arc<str>,
    /// Of a static member.
    pub instance_id: Option<Arc<str>>,
    /// The generation it was told of.
    pub generation: i32,
    /// From version 5 on; must be the group's.
    pub protocol_type: Option<Arc<str>>,
    /// From version 5 on; must be the group's.
    pub protocol_name: Option<Arc<str>>,
    /// The leader's work; empty from others.
    pub assignments: Vec<(Arc<str>, Bytes)>,
}

impl Group {
    /// A member syncs. Answered now, or once the leader's assignment is in the log.
    pub fn sync(&mut self, ticket: Ticket, request: SyncRequest, cx: &mut Cx<'_>) -> Append {
        if let Err(error) = self.check_sync(&request) {
            refuse(ticket, error, cx);
            return Append::Nothing;
        }
        match self.state {
            State::PreparingRebalance => {
                refuse(ticket, ErrorCode::RebalanceInProgress, cx);
                Append::Nothing
            }
            State::CompletingRebalance => self.keep_for_assignment(ticket, request, cx),
            State::Stable => {
                self.pending_syncs.remove(&request.member_id);
                let member = &self.members[&request.member_id];
                let answer = SyncAnswer {
                    error: ErrorCode::None,
                    protocol_type: self.protocol_type.clone(),
                    protocol_name: self.protocol_name.clone(),
                    assignment: member.assignment.clone(),
                };
                cx.answers.push((ticket, Answer::Sync(answer)));
                Append::Nothing
            }
            State::Empty | State::Dead => unreachable!("a member was found in it"),
        }
    }

    /// What is written when the leader has assigned: everybody's part, whatever it left out empty.
    pub fn snapshot_of(&self, assignment: &Assignment) -> Snapshot {
        let parts: HashMap<&str, &Bytes> = assignment
            .assignments
            .iter()
            .map(|(id, bytes)| (&**id, bytes))
            .collect();
        self.snapshot_with(|member| parts.get(&*member.id).copied().cloned().unwrap_or_default())
    }

    fn check_sync(&self, request: &SyncRequest) -> Result<(), ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        self.check_member(&request.member_id, request.instance_id.as_deref())?;
        if request.generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        let is_other = |said: &Option<Arc<str>>, ours: &Option<Arc<str>>| matches!((said, ours), (Some(said), Some(ours)) if said != ours);
        match is_other(&request.protocol_type, &self.protocol_type)
            || is_other(&request.protocol_name, &self.protocol_name)
        {
            true => Err(ErrorCode::InconsistentGroupProtocol),
            false => Ok(()),
        }
    }

    fn keep_for_assignment(
        &mut self,
        ticket: Ticket,
        request: SyncRequest,
        cx: &mut Cx<'_>,
    ) -> Append {
        let member = self.members.get_mut(&request.member_id);
        let member = member.expect("it was checked");
        if let Some(before) = member.syncing.replace(ticket) {
            // Its client has given that one up.
            refuse(before, ErrorCode::RebalanceInProgress, cx);
        }
        self.pending_syncs.remove(&request.member_id);
        if !self.is_leader(&request.member_id) {
            return Append::Nothing;
        }
        log::info!(
            "group {}: {} has assigned generation {} to {} members",
            self.id,
            request.member_id,
            self.generation,
            self.members.len()
        );
        let mut given: HashMap<Arc<str>, Bytes> = request.assignments.into_iter().collect();
        let everybody = self.members.keys();
        let assignments = everybody.map(|id| (id.clone(), given.remove(id).unwrap_or_default()));
        Append::Assignment(Assignment {
            generation: self.generation,
            assignments: assignments.collect(),
        })
    }
}

fn refuse(ticket: Ticket, error: ErrorCode, cx: &mut Cx<'_>) {
    let answer = Answer::Sync(SyncAnswer::refused(error));
    cx.answers.push((ticket, answer));
}
