//! What keeps a member alive: heartbeats and commits, and who may make them.

use super::{Group, State};
use crate::coordinator::group::effects::Cx;
use crate::protocol::error_code::ErrorCode;

impl Group {
    /// Whether a request of a member is from who it says it is.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, and `FENCED_INSTANCE_ID` for a static member that was replaced.
    pub fn check_member(&self, id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if **current != *id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        match self.members.contains_key(id) {
            true => Ok(()),
            false => Err(ErrorCode::UnknownMemberId),
        }
    }

    /// A heartbeat.
    ///
    /// # Errors
    /// As [`Group::check_member`]; `ILLEGAL_GENERATION`, and `REBALANCE_IN_PROGRESS` when the
    /// member is to join again.
    pub fn heartbeat(
        &mut self,
        id: &str,
        instance_id: Option<&str>,
        generation: i32,
        cx: &mut Cx<'_>,
    ) -> Result<(), ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        self.check_member(id, instance_id)?;
        if generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        match self.state {
            State::Empty | State::Dead => Err(ErrorCode::UnknownMemberId),
            State::PreparingRebalance => {
                self.put_off_session(id, cx);
                Err(ErrorCode::RebalanceInProgress)
            }
            State::CompletingRebalance | State::Stable => {
                self.put_off_session(id, cx);
                Ok(())
            }
        }
    }

    /// Whether a commit of offsets may be taken, and the session that it keeps alive.
    ///
    /// # Errors
    /// As [`Group::heartbeat`], but that a rebalance that is being prepared does not matter: its
    /// members commit before they join again.
    pub fn check_commit(
        &mut self,
        id: &str,
        instance_id: Option<&str>,
        generation: i32,
        cx: &mut Cx<'_>,
    ) -> Result<(), ErrorCode> {
        match self.state {
            State::Dead => return Err(ErrorCode::CoordinatorNotAvailable),
            // From the admin client, or a consumer that assigns itself.
            State::Empty if generation < 0 => return Ok(()),
            _ => {}
        }
        if generation < 0 && id.is_empty() && instance_id.is_none() {
            return match self.is_empty() {
                true => Ok(()),
                false => Err(ErrorCode::UnknownMemberId),
            };
        }
        self.check_member(id, instance_id)?;
        if generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if self.state == State::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        self.put_off_session(id, cx);
        Ok(())
    }
}
