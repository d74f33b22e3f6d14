//! A member of a classic group. Pure.
//!
//! JoinGroup (twice: the first answer gives the member id, KIP-394), SyncGroup, heartbeats. One of
//! the members leads and assigns. An eager member gives everything up as soon as it hears of a
//! rebalance, a cooperative one only what its next assignment lacks, and joins again then.

use super::assignor::Assignor;
use super::script::{Change, Hands, Membership, Refused, Wanted};
use super::subscription::{
    decode_assignment, decode_owned, encode_assignment, encode_subscription,
};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::heartbeat::HeartbeatRequest;
use crate::protocol::message::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, JoinGroupResponseMember,
};
use crate::protocol::message::leave_group::{LeaveGroupRequest, MemberIdentity};
use crate::protocol::message::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};

const PROTOCOL_TYPE: &str = "consumer";

/// One member.
#[derive(Debug)]
pub(super) struct Classic {
    pub(super) membership: Membership,
    pub(super) member_id: String,
    pub(super) generation: i32,
    pub(super) hands: Hands,
    assignor: Assignor,
    stage: Stage,
    /// What it tells of itself when it joins.
    subscription: Vec<u8>,
    /// What it assigns, if it leads.
    plan: Vec<(String, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Joining,
    Syncing,
    Member,
    Leaving,
    Gone,
}

impl Classic {
    pub(super) fn new(membership: Membership, assignor: Assignor) -> Self {
        Self {
            subscription: encode_subscription(&membership.topic, &[]),
            membership,
            member_id: String::new(),
            generation: -1,
            hands: Hands::default(),
            assignor,
            stage: Stage::Joining,
            plan: Vec::new(),
        }
    }

    pub(super) fn wanted(&self) -> Wanted {
        match (self.hands.wanted(), self.stage) {
            (Some(first), _) => first,
            (None, Stage::Joining) => Wanted::Join,
            (None, Stage::Syncing) => Wanted::Sync,
            (None, Stage::Member) => Wanted::Heartbeat,
            (None, Stage::Leaving) => Wanted::Leave,
            (None, Stage::Gone) => Wanted::Nothing,
        }
    }

    pub(super) fn join_request(&self) -> JoinGroupRequest<'_> {
        JoinGroupRequest {
            group_id: self.membership.group.clone(),
            session_timeout_ms: self.membership.session_timeout_ms,
            rebalance_timeout_ms: self.membership.rebalance_timeout_ms,
            member_id: self.member_id.clone(),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: vec![JoinGroupRequestProtocol {
                name: self.assignor.protocol().to_owned(),
                metadata: &self.subscription,
            }],
            ..Default::default()
        }
    }

    pub(super) fn on_joined(&mut self, response: &JoinGroupResponse<'_>) -> Result<(), Refused> {
        assert_eq!(self.stage, Stage::Joining, "an answer to what was asked");
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::MemberIdRequired => {
                self.member_id.clone_from(&response.member_id);
                return Ok(());
            }
            code => return Err(code),
        }
        self.member_id.clone_from(&response.member_id);
        self.generation = response.generation_id;
        self.plan = match response.leader == response.member_id {
            true => self.planned(&response.members),
            false => Vec::new(),
        };
        self.stage = Stage::Syncing;
        Ok(())
    }

    pub(super) fn sync_request(&self) -> SyncGroupRequest<'_> {
        SyncGroupRequest {
            group_id: self.membership.group.clone(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            protocol_type: Some(PROTOCOL_TYPE.to_owned()),
            protocol_name: Some(self.assignor.protocol().to_owned()),
            assignments: self
                .plan
                .iter()
                .map(|(member_id, bytes)| SyncGroupRequestAssignment {
                    member_id: member_id.clone(),
                    assignment: bytes,
                })
                .collect(),
            ..Default::default()
        }
    }

    pub(super) fn on_synced(&mut self, response: &SyncGroupResponse<'_>) -> Result<(), Refused> {
        assert_eq!(self.stage, Stage::Syncing, "an answer to what was asked");
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::RebalanceInProgress => {
                self.join_again();
                return Ok(());
            }
            code => return Err(code),
        }
        let assigned = decode_assignment(response.assignment).ok_or(ErrorCode::CorruptMessage)?;
        let gives_up = self.hands.owned.iter().any(|own| !assigned.contains(own));
        self.hands.take(assigned, self.membership.reads);
        self.stage = Stage::Member;
        // What a cooperative member gave up can be given to others only in another rebalance.
        if gives_up {
            self.join_again();
        }
        Ok(())
    }

    pub(super) fn heartbeat_request(&self) -> HeartbeatRequest {
        HeartbeatRequest {
            group_id: self.membership.group.as_str().into(),
            generation_id: self.generation,
            member_id: self.member_id.as_str().into(),
            ..Default::default()
        }
    }

    pub(super) fn on_heartbeat(&mut self, code: ErrorCode) -> Result<Change, Refused> {
        match code {
            ErrorCode::None => Ok(Change::None),
            ErrorCode::RebalanceInProgress => {
                if self.assignor.is_eager() {
                    self.hands.take(Vec::new(), self.membership.reads);
                }
                self.join_again();
                Ok(Change::Rebalance)
            }
            code => Err(code),
        }
    }

    pub(super) fn leave(&mut self) {
        self.hands.take(Vec::new(), self.membership.reads);
        self.stage = Stage::Leaving;
    }

    pub(super) fn leave_request(&self) -> LeaveGroupRequest {
        LeaveGroupRequest {
            group_id: self.membership.group.clone(),
            members: vec![MemberIdentity {
                member_id: self.member_id.clone(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    pub(super) fn on_left(&mut self) {
        self.stage = Stage::Gone;
    }

    fn join_again(&mut self) {
        self.stage = Stage::Joining;
        self.subscription = encode_subscription(&self.membership.topic, &self.hands.owned);
    }

    fn planned(&self, members: &[JoinGroupResponseMember<'_>]) -> Vec<(String, Vec<u8>)> {
        let owned = |member: &JoinGroupResponseMember<'_>| {
            let owned = decode_owned(member.metadata).unwrap_or_default();
            (member.member_id.clone(), owned)
        };
        let members = members.iter().map(owned).collect();
        let shares = self.assignor.assign(members, self.membership.partitions);
        let encoded = |(id, share): (String, Vec<i32>)| {
            let bytes = encode_assignment(&self.membership.topic, &share);
            (id, bytes)
        };
        shares.into_iter().map(encoded).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::groups::script::Script;

    fn membership(reads: bool) -> Membership {
        Membership {
            group: "g".to_owned(),
            topic: "t".to_owned(),
            partitions: 4,
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: 60_000,
            reads,
        }
    }

    fn joined(leader: &str, members: &[(&str, &[u8])]) -> JoinGroupResponse<'static> {
        let member = |(id, metadata): &(&str, &[u8])| JoinGroupResponseMember {
            member_id: (*id).to_owned(),
            metadata: metadata.to_vec().leak(),
            ..Default::default()
        };
        JoinGroupResponse {
            generation_id: 3,
            leader: leader.to_owned(),
            member_id: "a".to_owned(),
            members: members.iter().map(member).collect(),
            ..Default::default()
        }
    }

    fn synced(partitions: &[i32]) -> SyncGroupResponse<'static> {
        SyncGroupResponse {
            assignment: encode_assignment("t", partitions).leak(),
            ..Default::default()
        }
    }

    /// A member whose assignment was these partitions, all read from their positions on.
    fn member(assignor: Assignor, partitions: &[i32]) -> Classic {
        let mut member = Classic::new(membership(true), assignor);
        member.on_joined(&joined("b", &[])).unwrap();
        member.on_synced(&synced(partitions)).unwrap();
        member.hands.added.clear();
        assert_eq!(member.wanted(), Wanted::Heartbeat);
        member
    }

    #[test]
    fn joining_takes_an_id_first_and_a_leader_assigns() {
        let mut member = Classic::new(membership(false), Assignor::Range);
        let given = JoinGroupResponse {
            error_code: ErrorCode::MemberIdRequired.code(),
            member_id: "a".to_owned(),
            ..Default::default()
        };
        member.on_joined(&given).unwrap();
        assert_eq!(member.wanted(), Wanted::Join);
        assert_eq!(member.join_request().member_id, "a");
        let mine = encode_subscription("t", &[]);
        member
            .on_joined(&joined("a", &[("a", &mine), ("b", &mine)]))
            .unwrap();
        assert_eq!(member.wanted(), Wanted::Sync);
        let request = member.sync_request();
        let shares = request.assignments.iter();
        let shares: Vec<_> = shares.map(|a| decode_assignment(a.assignment)).collect();
        assert_eq!(shares, [Some(vec![0, 1]), Some(vec![2, 3])]);
        member.on_synced(&synced(&[0, 1])).unwrap();
        assert_eq!(member.wanted(), Wanted::Heartbeat);
        assert_eq!(member.hands.owned, [0, 1]);
    }

    #[test]
    fn an_eager_member_commits_and_gives_up_everything() {
        let mut member = member(Assignor::Range, &[0, 1]);
        let change = member.on_heartbeat(ErrorCode::RebalanceInProgress);
        assert_eq!(change, Ok(Change::Rebalance));
        assert_eq!(member.wanted(), Wanted::Commit);
        assert_eq!(member.hands.revoked, [0, 1]);
        let mut script = Script::Classic(member);
        script.on_committed();
        assert_eq!(script.wanted(), Wanted::Join);
    }

    #[test]
    fn a_cooperative_member_gives_up_what_it_lost_and_joins_again() {
        let mut member = member(Assignor::CooperativeSticky, &[0, 1]);
        member.on_heartbeat(ErrorCode::RebalanceInProgress).unwrap();
        assert_eq!(member.wanted(), Wanted::Join, "it goes on reading");
        let told = decode_owned(&member.subscription);
        assert_eq!(told, Some(vec![0, 1]));
        member.on_joined(&joined("b", &[])).unwrap();
        member.on_synced(&synced(&[0])).unwrap();
        assert_eq!(member.wanted(), Wanted::Commit);
        assert_eq!(member.hands.revoked, [1]);
        member.hands.revoked.clear();
        assert_eq!(member.wanted(), Wanted::Join);
        assert_eq!(decode_owned(&member.subscription), Some(vec![0]));
    }

    #[test]
    fn what_cannot_be_mended_is_told() {
        let mut member = member(Assignor::Range, &[0]);
        let lost = member.on_heartbeat(ErrorCode::UnknownMemberId);
        assert_eq!(lost, Err(ErrorCode::UnknownMemberId));
        member.leave();
        assert_eq!(member.wanted(), Wanted::Commit);
        member.hands.revoked.clear();
        assert_eq!(member.wanted(), Wanted::Leave);
        member.on_left();
        assert_eq!(member.wanted(), Wanted::Nothing);
    }
}
