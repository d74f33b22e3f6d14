//! LeaveGroup: members go by themselves, or an administrator takes them out.

use std::sync::Arc;

use super::super::effects::{Append, Cx};
use super::{Group, State};
use crate::protocol::error_code::ErrorCode;

/// A LeaveGroup.
#[derive(Clone, Debug)]
pub struct LeaveRequest {
    /// Who leaves; before version 3 one.
    pub members: Vec<Leaving>,
}

/// One that leaves.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Empty when an administrator names a static member.
    pub member_id: Arc<str>,
    /// Of a static member.
    pub instance_id: Option<Arc<str>>,
    /// Why, if it says so (KIP-800).
    pub reason: Option<String>,
}

impl Group {
    /// Takes members out; what became of each, in their order.
    ///
    /// # Errors
    /// `COORDINATOR_NOT_AVAILABLE` for all together.
    pub fn leave(
        &mut self,
        request: &LeaveRequest,
        cx: &mut Cx<'_>,
    ) -> Result<(Vec<ErrorCode>, Append), ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        let leaving = request.members.iter();
        let codes: Vec<_> = leaving.map(|member| self.let_go(member, cx)).collect();
        let gone = request.members.iter().zip(&codes);
        let gone = gone.filter(|(_, code)| **code == ErrorCode::None);
        let names: Vec<_> = gone.map(|(member, _)| member.named()).collect();
        if names.is_empty() {
            return Ok((codes, Append::Nothing));
        }
        let append = match self.state {
            State::Stable | State::CompletingRebalance => {
                self.rebalance_or_complete_join(&format!("left: {}", names.join(", ")), cx)
            }
            State::PreparingRebalance => self.complete_join_if_all_are_there(cx),
            State::Empty | State::Dead => Append::Nothing,
        };
        Ok((codes, append))
    }

    fn let_go(&mut self, leaving: &Leaving, cx: &mut Cx<'_>) -> ErrorCode {
        let instance_id = leaving.instance_id.as_deref();
        let id = if !leaving.member_id.is_empty() {
            leaving.member_id.clone()
        } else {
            let by_name = instance_id.and_then(|name| self.static_members.get(name));
            match by_name {
                Some(id) => id.clone(),
                None => return ErrorCode::UnknownMemberId,
            }
        };
        if self.pending_joins.contains(&id) {
            self.remove_pending_join(&id, cx);
            return ErrorCode::None;
        }
        if let Err(error) = self.check_member(&id, instance_id) {
            return error;
        }
        self.dismiss(&id, cx);
        ErrorCode::None
    }
}

impl Leaving {
    fn named(&self) -> String {
        let name = match (&self.instance_id, self.member_id.is_empty()) {
            (Some(instance_id), true) => instance_id,
            _ => &self.member_id,
        };
        match &self.reason {
            Some(reason) if !reason.is_empty() => format!("{name} ({reason})"),
            _ => name.to_string(),
        }
    }
}
