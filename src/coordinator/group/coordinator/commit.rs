//! Committing offsets and fetching them.

use std::sync::Arc;

use super::super::answer::{Answer, FetchedOffset, FetchedTopic, Ticket};
use super::super::consumer::group::Group as ConsumerState;
use super::super::effects::Append;
use super::super::offsets::Committed;
use super::super::stored;
use super::kinds::Group;
use super::{Coordinator, Then, Topics, Turn, Write};
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
    /// Or the member epoch; −1 from who is no member.
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
    /// Who asks, if it says so: version 9 on.
    pub member_id: Option<Arc<str>>,
    /// The epoch it is at; −1 if it does not say.
    pub member_epoch: i32,
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
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) {
        let count = request.offsets.len();
        if let Err(error) = self.check_commit(&request, topics, now, turn) {
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
            undo: None,
        });
    }

    fn check_commit(
        &mut self,
        request: &CommitRequest,
        topics: &dyn Topics,
        now: TimestampMs,
        turn: &mut Turn,
    ) -> Result<(), ErrorCode> {
        if let Some(Group::Consumer(live)) = self.groups.get(&request.group) {
            return check_consumer_commit(&live.group, request, topics);
        }
        let mut checked = match (request.generation, request.knows_new_errors) {
            // Of nobody's: the group is made with the record.
            (..0, _) => Ok(()),
            (_, true) => Err(ErrorCode::GroupIdNotFound),
            (_, false) => Err(ErrorCode::IllegalGeneration),
        };
        self.with_classic(&request.group, now, turn, |group, cx| {
            let instance_id = request.instance_id.as_deref();
            checked = group.check_commit(&request.member_id, instance_id, request.generation, cx);
            Append::Nothing
        });
        checked
    }

    pub(super) fn fetch(&mut self, ticket: Ticket, request: FetchRequest, turn: &mut Turn) {
        if let Err(error) = self.check_fetch(&request) {
            turn.answers.push((ticket, Answer::Fetch(Err(error))));
            return;
        }
        let group = &*request.group;
        let is_known = self.groups.contains_key(group);
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

    /// Who says that it is a member of a consumer group must be one, at its epoch.
    fn check_fetch(&self, request: &FetchRequest) -> Result<(), ErrorCode> {
        let Some(Group::Consumer(live)) = self.groups.get(&request.group) else {
            return Ok(());
        };
        let Some(member_id) = &request.member_id else {
            return match request.member_epoch < 0 {
                true => Ok(()),
                false => Err(ErrorCode::UnknownMemberId),
            };
        };
        let member = live.group.members().get(member_id);
        let member = member.ok_or(ErrorCode::UnknownMemberId)?;
        match (
            request.member_epoch == member.current.epoch,
            member.profile.is_classic(),
        ) {
            (true, _) => Ok(()),
            (false, true) => Err(ErrorCode::IllegalGeneration),
            (false, false) => Err(ErrorCode::StaleMemberEpoch),
        }
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

/// Whether a commit may be taken for a consumer group: from a member at its epoch, or at an older
/// one for what it had then (KIP-1251); while nobody is in it, from who is no member.
fn check_consumer_commit(
    group: &ConsumerState,
    request: &CommitRequest,
    topics: &dyn Topics,
) -> Result<(), ErrorCode> {
    let epoch = request.generation;
    if epoch < 0 && group.members().is_empty() {
        return Ok(());
    }
    let member = group.members().get(&request.member_id);
    let member = member.ok_or(ErrorCode::UnknownMemberId)?;
    if !member.profile.is_classic() && !request.knows_new_errors {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let mut offsets = request.offsets.iter();
    let may = epoch == member.current.epoch
        || offsets.all(|offset| {
            let topic_id = match offset.topic_id.is_zero() {
                false => Some(offset.topic_id),
                true => topics.by_name(&offset.topic).map(|(id, _)| id),
            };
            let may = |id| member.current.may_commit(id, offset.partition, epoch);
            topic_id.is_some_and(may)
        });
    match (may, member.profile.is_classic()) {
        (true, _) => Ok(()),
        (false, true) => Err(ErrorCode::IllegalGeneration),
        (false, false) => Err(ErrorCode::StaleMemberEpoch),
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
