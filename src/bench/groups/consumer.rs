//! A member of a consumer group (KIP-848). Pure.
//!
//! The broker assigns; a member heartbeats, gives up what its assignment lacks, takes what is new,
//! and tells at once what it has then.

use super::script::{Change, Hands, Membership, Refused, Wanted};
use crate::model::Uuid;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};

/// The epoch of a member that joins, and of one that leaves.
const JOINING: i32 = 0;
const LEAVING: i32 = -1;

/// One member.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) membership: Membership,
    pub(super) member_id: String,
    pub(super) epoch: i32,
    pub(super) hands: Hands,
    /// How often the broker wants to hear of it.
    pub(super) heartbeat_interval_ms: i32,
    topic_id: Uuid,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Joining,
    /// The assignment has changed; the broker shall hear what is owned now.
    Acknowledging,
    Member,
    Leaving,
    Gone,
}

impl Consumer {
    /// A member that names itself, which it does since version 1; older brokers name it anew.
    pub(super) fn new(membership: Membership, topic_id: Uuid, member_id: String) -> Self {
        Self {
            membership,
            member_id,
            epoch: JOINING,
            hands: Hands::default(),
            heartbeat_interval_ms: 0,
            topic_id,
            stage: Stage::Joining,
        }
    }

    pub(super) fn wanted(&self) -> Wanted {
        match (self.hands.wanted(), self.stage) {
            (Some(first), _) => first,
            (None, Stage::Joining) => Wanted::Join,
            (None, Stage::Acknowledging) => Wanted::Acknowledge,
            (None, Stage::Member) => Wanted::Heartbeat,
            (None, Stage::Leaving) => Wanted::Leave,
            (None, Stage::Gone) => Wanted::Nothing,
        }
    }

    /// The heartbeat of its stage: everything, what it owns, or nothing but that it is there.
    pub(super) fn heartbeat_request(&self) -> ConsumerGroupHeartbeatRequest {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: self.membership.group.as_str().into(),
            member_id: self.member_id.as_str().into(),
            member_epoch: self.epoch,
            ..Default::default()
        };
        match self.stage {
            Stage::Joining => ConsumerGroupHeartbeatRequest {
                rebalance_timeout_ms: self.membership.rebalance_timeout_ms,
                subscribed_topic_names: Some(vec![self.membership.topic.clone()]),
                topic_partitions: Some(Vec::new()),
                ..request
            },
            Stage::Acknowledging => ConsumerGroupHeartbeatRequest {
                topic_partitions: Some(self.owned_by_topic()),
                ..request
            },
            Stage::Leaving => ConsumerGroupHeartbeatRequest {
                member_epoch: LEAVING,
                ..request
            },
            Stage::Member | Stage::Gone => request,
        }
    }

    pub(super) fn on_heartbeat(
        &mut self,
        response: &ConsumerGroupHeartbeatResponse,
    ) -> Result<Change, Refused> {
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {}
            code => return Err(code),
        }
        if let Some(member_id) = &response.member_id {
            self.member_id = String::from(&**member_id);
        }
        let advanced = self.epoch != response.member_epoch;
        self.epoch = response.member_epoch;
        self.heartbeat_interval_ms = response.heartbeat_interval_ms;
        self.stage = Stage::Member;
        let Some(assignment) = &response.assignment else {
            return Ok(change(advanced));
        };
        let own = assignment.topic_partitions.iter();
        let own = own.filter(|topic| topic.topic_id == self.topic_id);
        let assigned: Vec<i32> = own.flat_map(|topic| &topic.partitions).copied().collect();
        if !same(&assigned, &self.hands.owned) {
            self.hands.take(assigned, self.membership.reads);
            self.stage = Stage::Acknowledging;
        }
        Ok(change(advanced || self.stage == Stage::Acknowledging))
    }

    pub(super) fn leave(&mut self) {
        self.hands.take(Vec::new(), self.membership.reads);
        self.stage = Stage::Leaving;
    }

    pub(super) fn on_left(&mut self) {
        self.stage = Stage::Gone;
    }

    fn owned_by_topic(&self) -> Vec<TopicPartitions> {
        match self.hands.owned.is_empty() {
            true => Vec::new(),
            false => vec![TopicPartitions {
                topic_id: self.topic_id,
                partitions: self.hands.owned.clone(),
            }],
        }
    }
}

fn change(changed: bool) -> Change {
    match changed {
        true => Change::Rebalance,
        false => Change::None,
    }
}

/// Whether both hold the same partitions, in whichever order.
fn same(one: &[i32], other: &[i32]) -> bool {
    one.len() == other.len() && one.iter().all(|partition| other.contains(partition))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::consumer_group_heartbeat::Assignment;

    const TOPIC: Uuid = Uuid::from_u128(77);

    fn member() -> Consumer {
        let membership = Membership {
            group: "g".to_owned(),
            topic: "t".to_owned(),
            partitions: 4,
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: 60_000,
            reads: true,
        };
        Consumer::new(membership, TOPIC, "m".to_owned())
    }

    fn answer(epoch: i32, partitions: Option<&[i32]>) -> ConsumerGroupHeartbeatResponse {
        let assignment = |partitions: &[i32]| Assignment {
            topic_partitions: vec![TopicPartitions {
                topic_id: TOPIC,
                partitions: partitions.to_vec(),
            }],
        };
        ConsumerGroupHeartbeatResponse {
            member_epoch: epoch,
            heartbeat_interval_ms: 5_000,
            assignment: partitions.map(assignment),
            ..Default::default()
        }
    }

    #[test]
    fn a_member_joins_with_everything_and_acknowledges_what_it_gets() {
        let mut member = member();
        assert_eq!(member.wanted(), Wanted::Join);
        let request = member.heartbeat_request();
        assert_eq!(request.member_epoch, 0);
        assert_eq!(request.topic_partitions, Some(Vec::new()));
        let change = member.on_heartbeat(&answer(1, Some(&[0, 1])));
        assert_eq!(change, Ok(Change::Rebalance));
        assert_eq!(member.wanted(), Wanted::Positions);
        member.hands.added.clear();
        assert_eq!(member.wanted(), Wanted::Acknowledge);
        let owned = member.heartbeat_request().topic_partitions.unwrap();
        assert_eq!(owned[0].partitions, [0, 1]);
        let change = member.on_heartbeat(&answer(1, None));
        assert_eq!(change, Ok(Change::None));
        assert_eq!(member.wanted(), Wanted::Heartbeat);
        assert_eq!(member.heartbeat_request().topic_partitions, None);
    }

    #[test]
    fn what_is_revoked_is_committed_before_it_is_acknowledged() {
        let mut member = member();
        member.on_heartbeat(&answer(1, Some(&[0, 1]))).unwrap();
        member.hands.added.clear();
        member.on_heartbeat(&answer(1, None)).unwrap();
        member.on_heartbeat(&answer(1, Some(&[1, 2]))).unwrap();
        assert_eq!(member.wanted(), Wanted::Commit);
        assert_eq!(member.hands.revoked, [0]);
        member.hands.revoked.clear();
        assert_eq!(member.wanted(), Wanted::Positions);
        member.hands.added.clear();
        assert_eq!(member.wanted(), Wanted::Acknowledge);
    }

    #[test]
    fn the_same_assignment_in_another_order_changes_nothing_but_the_epoch() {
        let mut member = member();
        member.on_heartbeat(&answer(1, Some(&[0, 1]))).unwrap();
        member.hands.added.clear();
        member.on_heartbeat(&answer(1, None)).unwrap();
        let change = member.on_heartbeat(&answer(2, Some(&[1, 0])));
        assert_eq!(change, Ok(Change::Rebalance));
        assert_eq!(member.wanted(), Wanted::Heartbeat);
        let fenced = ConsumerGroupHeartbeatResponse {
            error_code: ErrorCode::FencedMemberEpoch.code(),
            ..Default::default()
        };
        let refused = member.on_heartbeat(&fenced);
        assert_eq!(refused, Err(ErrorCode::FencedMemberEpoch));
    }

    #[test]
    fn leaving_has_an_epoch_of_its_own() {
        let mut member = member();
        member.on_heartbeat(&answer(1, Some(&[]))).unwrap();
        member.leave();
        assert_eq!(member.wanted(), Wanted::Leave);
        assert_eq!(member.heartbeat_request().member_epoch, -1);
        member.on_left();
        assert_eq!(member.wanted(), Wanted::Nothing);
    }
}
