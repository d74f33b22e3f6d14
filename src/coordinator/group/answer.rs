//! What the coordinator answers: owned values, which may have waited for others. The broker's file
//! of each API makes its message of them.

use std::sync::Arc;

use bytes::Bytes;

use super::assignor::TopicPartitions;
use super::consumer::heartbeat::Refused;
use super::coordinator::{DescribedConsumerGroup, DescribedGroup};
use crate::model::{LeaderEpoch, Offset};
use crate::protocol::error_code::ErrorCode;

/// Names a call that waits for its answer; the shard that made it knows whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// An answer to a call that may wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To a JoinGroup.
    Join(JoinAnswer),
    /// To a SyncGroup.
    Sync(SyncAnswer),
    /// To a Heartbeat.
    Heartbeat(ErrorCode),
    /// To a LeaveGroup: for all together, and for each in the order of the request.
    Leave(ErrorCode, Vec<ErrorCode>),
    /// To an OffsetCommit, for each in the order of the request.
    Commit(Vec<ErrorCode>),
    /// To an OffsetFetch of one group.
    Fetch(Result<Vec<FetchedTopic>, ErrorCode>),
    /// To the deletion of a group.
    Delete(ErrorCode),
    /// To a description; `None` if there is no such group.
    Described(Option<DescribedGroup>),
    /// To an OffsetDelete: for all together, and for each in the order of the request.
    DeleteOffsets(ErrorCode, Vec<ErrorCode>),
    /// To a ConsumerGroupHeartbeat.
    ConsumerHeartbeat(ConsumerHeartbeatAnswer),
    /// To a ConsumerGroupDescribe of one group; `None` if there is no such consumer group.
    ConsumerDescribed(Option<DescribedConsumerGroup>),
}

/// Of ConsumerGroupHeartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerHeartbeatAnswer {
    /// `ErrorCode::None` with success.
    pub error: ErrorCode,
    /// What is wrong, with an error.
    pub message: Option<String>,
    /// The member's id, which it may hear for the first time.
    pub member_id: Arc<str>,
    /// The epoch it is at; as it was said with a leave; 0 with an error.
    pub epoch: i32,
    /// When it is to be heard of again; 0 with a leave and with an error.
    pub heartbeat_interval_ms: i32,
    /// What it may consume, if that has changed or it has asked.
    pub assigned: Option<TopicPartitions>,
}

/// The offsets of a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchedTopic {
    /// Its name.
    pub topic: Arc<str>,
    /// In the order of the request.
    pub partitions: Vec<FetchedOffset>,
}

/// One offset; −1 where there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchedOffset {
    /// Of which partition.
    pub partition: i32,
    /// `UNSTABLE_OFFSET_COMMIT` while a transaction decides.
    pub error: ErrorCode,
    /// Where to go on.
    pub offset: Offset,
    /// Of the record before; −1 if not known.
    pub leader_epoch: LeaderEpoch,
    /// What the committer left with it.
    pub metadata: Arc<str>,
}

/// Of JoinGroup.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinAnswer {
    /// `ErrorCode::None` with success.
    pub error: ErrorCode,
    /// −1 with an error.
    pub generation: i32,
    /// For instance `consumer`.
    pub protocol_type: Option<Arc<str>>,
    /// The one that all members offer and most prefer.
    pub protocol_name: Option<Arc<str>>,
    /// Empty with an error.
    pub leader: Option<Arc<str>>,
    /// A static leader that came back need not assign anew (KIP-814).
    pub skip_assignment: bool,
    /// The member's id, which it may hear for the first time.
    pub member_id: Arc<str>,
    /// For the leader only.
    pub members: Vec<JoinedMember>,
}

/// A member as the leader is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinedMember {
    /// Its id.
    pub member_id: Arc<str>,
    /// Of a static member.
    pub instance_id: Option<Arc<str>>,
    /// What it said for the chosen protocol.
    pub metadata: Bytes,
}

/// Of SyncGroup.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncAnswer {
    /// `ErrorCode::None` with success.
    pub error: ErrorCode,
    /// With success only.
    pub protocol_type: Option<Arc<str>>,
    /// With success only.
    pub protocol_name: Option<Arc<str>>,
    /// What the leader gave the member; empty with an error.
    pub assignment: Bytes,
}

impl JoinAnswer {
    /// A refusal.
    pub fn refused(member_id: Arc<str>, error: ErrorCode) -> Self {
        Self {
            error,
            generation: -1,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            skip_assignment: false,
            member_id,
            members: Vec::new(),
        }
    }
}

impl Answer {
    /// The same, where the log has not taken what the answer rests on.
    pub fn failed(self, error: ErrorCode) -> Self {
        match self {
            Self::Join(join) => Self::Join(JoinAnswer::refused(join.member_id, error)),
            Self::Sync(_) => Self::Sync(SyncAnswer::refused(error)),
            Self::Heartbeat(_) => Self::Heartbeat(error),
            Self::Leave(_, _) => Self::Leave(error, Vec::new()),
            Self::Commit(codes) => Self::Commit(
                codes
                    .into_iter()
                    .map(|code| match code {
                        ErrorCode::None => error,
                        refused => refused,
                    })
                    .collect(),
            ),
            Self::Fetch(_) => Self::Fetch(Err(error)),
            Self::Delete(_) => Self::Delete(error),
            described @ Self::Described(_) => described,
            Self::DeleteOffsets(_, _) => Self::DeleteOffsets(error, Vec::new()),
            Self::ConsumerHeartbeat(told) => {
                let message = "the coordinator could not store what has changed".to_owned();
                let refused = Refused {
                    code: error,
                    message,
                };
                Self::ConsumerHeartbeat(ConsumerHeartbeatAnswer::refused(told.member_id, refused))
            }
            described @ Self::ConsumerDescribed(_) => described,
        }
    }
}

impl SyncAnswer {
    /// A refusal.
    pub fn refused(error: ErrorCode) -> Self {
        Self {
            error,
            protocol_type: None,
            protocol_name: None,
            assignment: Bytes::new(),
        }
    }
}

impl ConsumerHeartbeatAnswer {
    /// A refusal.
    pub fn refused(member_id: Arc<str>, refused: Refused) -> Self {
        Self {
            error: refused.code,
            message: Some(refused.message),
            member_id,
            epoch: 0,
            heartbeat_interval_ms: 0,
            assigned: None,
        }
    }
}
