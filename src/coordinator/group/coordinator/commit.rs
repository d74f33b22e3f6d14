//! Committing offsets and fetching them.

use std::sync::Arc;

use super::super::answer::{Answer, FetchedOffset, FetchedTopic, Ticket};
use super::super::classic::State;
use super::super::effects::Append;
use super::super::offsets::Committed;
use super::super::stored;
use super::{Coordinator, Then, Turn, Write};
use crate::model::{LeaderEpoch, Offset, TimestampMs, Uuid};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::group_record::offset::OffsetCommitValue;

/// An OffsetCommit.
#[derive(Clone, Debug)]
pub struct CommitRequest {
    /// Whose offsets.
    pub group: Arc<str>,
    /// Empty from who is no member.
    pub member_id: Arc<str>,
    /// Of a static member.
    pub instance_id: Option<Arc<str>>,
    /// −1 from who is no member.
    pub generation: i32,
    /// Whether the client knows the errors of KIP-848: version 9 on.
    pub knows_new_errors: bool,
    /// After so long they expire, if the client says so: versions 2 to 4.
    pub retention_ms: Option<i64>,
    /// What is committed; topics and partitions exist.
    pub offsets: Vec<OffsetToCommit>,
}

/// One offset.
#[derive(Clone, Debug)]
pub struct OffsetToCommit {
    /// Of which topic.
    pub topic: Arc<str>,
    /// Its id; zero if not known.
    pub topic_id: Uuid,
    /// Of which partition.
    pub partition: i32,
    /// Where to go on.
    pub offset: Offset,
    /// Of the record before; −1 if the client does not say.
    pub leader_epoch: LeaderEpoch,
    /// Whatever the client wants to find again.
    pub metadata: Option<String>,
}

/// An OffsetFetch of one group.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// Whose offsets.
    pub group: Arc<str>,
    /// `None`: all.
    pub topics: Option<Vec<(Arc<str>, Vec<i32>)>>,
    /// Not while a transaction decides (KIP-447).
    pub must_be_stable: bool,
}

impl Coordinator {
    pub(super) fn commit(
        &mut self,
        ticket: Ticket,
        request: CommitRequest,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let count = request.offsets.len();
        if let Err(error) = self.check_commit(&request, now, turn) {
            let answer = Answer::Commit(vec![error; count]);
            turn.answers.push((ticket, answer));
            return;
        }
        let too_long = self.config.offset_metadata_bytes_max;
        let codes = request.offsets.iter().map(|offset| {
            let metadata = offset.metadata.as_deref().unwrap_or_default();
            // Kafka counts UTF-16 units.
            match metadata.encode_utf16().count() > too_long {
                true => ErrorCode::OffsetMetadataTooLarge,
                false => ErrorCode::None,
            }
        });
        let codes: Vec<_> = codes.collect();
        let taken = request.offsets.into_iter().zip(&codes);
        let taken = taken.filter(|(_, code)| **code == ErrorCode::None);
        let expires_at = request
            .retention_ms
            .map(|retention| now.saturating_add(retention));
        let records: Vec<_> = taken
            .map(|(offset, _)| {
                let topic = offset.topic.clone();
                let (partition, value) = (offset.partition, offset.stored(now, expires_at));
                stored::offset_record(&request.group, &topic, partition, Some(value))
            })
            .collect();
        let answer = Answer::Commit(codes);
        if records.is_empty() {
            return self.answer_in_turn(ticket, answer, turn);
        }
        turn.writes.push(Write {
            records,
            then: Then::Answer(ticket, answer),
        });
    }

    fn check_commit(
        &mut self,
        request: &CommitRequest,
        now: TimestampMs,
        turn: &mut Turn,
    ) -> Result<(), ErrorCode> {
        let mut checked = match (request.generation, request.knows_new_errors) {
            // Of nobody's: the group is made with the record.
            (..0, _) => Ok(()),
            (_, true) => Err(ErrorCode::GroupIdNotFound),
            (_, false) => Err(ErrorCode::IllegalGeneration),
        };
        self.with_group(&request.group, now, turn, |group, cx| {
            let instance_id = request.instance_id.as_deref();
            checked = group.check_commit(&request.member_id, instance_id, request.generation, cx);
            Append::Nothing
        });
        checked
    }

    pub(super) fn fetch(&mut self, ticket: Ticket, request: FetchRequest, turn: &mut Turn) {
        let group = &*request.group;
        let is_known = self
            .groups
            .get(group)
            .is_some_and(|group| group.state() != State::Dead);
        let topics = match request.topics {
            Some(topics) => topics
                .into_iter()
                .map(|(topic, partitions)| {
                    let offset = |partition: &i32| {
                        let committed = self.offsets.get(group, &topic, *partition);
                        let committed = committed.filter(|_| is_known);
                        self.fetched(group, &topic, *partition, committed, request.must_be_stable)
                    };
                    let partitions = partitions.iter().map(offset).collect();
                    FetchedTopic { topic, partitions }
                })
                .collect(),
            None if !is_known => Vec::new(),
            None => {
                let all = self.offsets.of_group(group);
                all.map(|(topic, partitions)| {
                    let partitions = partitions.iter().map(|(partition, committed)| {
                        let stable = request.must_be_stable;
                        self.fetched(group, topic, *partition, Some(committed), stable)
                    });
                    FetchedTopic {
                        topic: topic.clone(),
                        partitions: partitions.collect(),
                    }
                })
                .collect()
            }
        };
        self.answer_in_turn(ticket, Answer::Fetch(Ok(topics)), turn);
    }

    fn fetched(
        &self,
        group: &str,
        topic: &str,
        partition: i32,
        committed: Option<&Committed>,
        must_be_stable: bool,
    ) -> FetchedOffset {
        let none = |error| FetchedOffset {
            partition,
            error,
            offset: -1,
            leader_epoch: -1,
            metadata: "".into(),
        };
        if must_be_stable && self.offsets.is_pending(group, topic, partition) {
            return none(ErrorCode::UnstableOffsetCommit);
        }
        let Some(committed) = committed else {
            return none(ErrorCode::None);
        };
        FetchedOffset {
            partition,
            error: ErrorCode::None,
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
            metadata: committed.metadata.clone(),
        }
    }
}

impl OffsetToCommit {
    fn stored(self, now: TimestampMs, expires_at: Option<TimestampMs>) -> OffsetCommitValue {
        OffsetCommitValue {
            offset: self.offset,
            leader_epoch: self.leader_epoch,
            metadata: self.metadata.unwrap_or_default(),
            commit_timestamp: now,
            expire_timestamp: expires_at.unwrap_or(-1),
            topic_id: self.topic_id,
        }
    }
}
