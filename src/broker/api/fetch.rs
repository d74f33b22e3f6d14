//! Fetch (key 1), v4-18
//!
//! Behaviour: a long poll: answered at once when there are enough bytes, an error or no wait, else
//! when a watched partition moves, at the latest after the wait. The first partition with records
//! gives at least one whole batch (KIP-74); a wake reads all partitions again; sessions (KIP-227), topic ids, leader epochs (KIP-320)
//! and diverging epochs (KIP-595) as in Kafka. Records are sent from the owner's memory or from
//! the segment's file; nothing is copied into the response.
//! Versions:  7 sessions · 9 leader epochs · 12 flexible, diverging epochs · 13 topic ids
//! Not done:  followers and observers; closest replica (KIP-392); transactions, so that the last
//!            stable offset is the high watermark.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::authorization::{Operation, Resource};
use super::super::codes;
use super::super::context::{Context, Request};
use super::super::dispatch::{CloseConnection, Started, decode};
use super::super::fetch_session::{
    FetchKey, FetchPlan, FetchPosition, FetchState, SessionRequest, TopicKey,
};
use super::super::response::Response;
use crate::metadata::MetadataImage;
use crate::model::{CoreId, Offset, PartitionId, Uuid};
use crate::partition::PartitionError;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::fetch::{
    EpochEndOffset, FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use crate::protocol::wire::RecordsField;
use crate::runtime::Slice;
use crate::shard::{FetchWatch, ReadData, ReadDone, ReadRequest};

/// `isolation_level` of a reader that wants committed transactions only.
const READ_COMMITTED: i8 = 1;

/// A request, merged with its session.
struct Fetch {
    request: Request,
    session_id: i32,
    incremental: bool,
    partitions: Vec<(FetchKey, FetchPosition)>,
    read_committed: bool,
    from_follower: bool,
    bytes_min: usize,
    bytes_max: usize,
    deadline: Instant,
}

/// What one partition is told.
struct Outcome {
    code: ErrorCode,
    high_watermark: Offset,
    log_start: Offset,
    diverging: Option<(i32, Offset)>,
    data: ReadData,
}

pub(in crate::broker) async fn start(
    cx: &Rc<Context>,
    mut request: Request,
) -> Result<Started, CloseConnection> {
    let frame = std::mem::take(&mut request.frame);
    let message: FetchRequest = decode(&request, &frame)?;
    drop(frame);
    let merged = {
        let session = session_request(&message, request.version);
        let new_id = fastrand::i32(1..i32::MAX);
        cx.sessions.borrow_mut().plan(session, cx.now_ms(), new_id)
    };
    let (session_id, incremental, partitions) = match merged {
        FetchPlan::Error(code) => return refuse(&request, code),
        FetchPlan::Full {
            session_id,
            partitions,
        } => (session_id, false, partitions),
        FetchPlan::Incremental {
            session_id,
            partitions,
        } => (session_id, true, partitions),
    };
    let wait = Duration::from_millis(u64::try_from(message.max_wait_ms).unwrap_or(0));
    let bytes = |number: i32| usize::try_from(number).unwrap_or(0);
    let bytes_max = bytes(message.max_bytes).min(cx.config().fetch.response_bytes_max);
    let fetch = Fetch {
        session_id,
        incremental,
        partitions,
        read_committed: message.isolation_level == READ_COMMITTED,
        from_follower: message.replica_id >= 0 || message.replica_state.replica_id >= 0,
        bytes_min: bytes(message.min_bytes).min(bytes_max),
        bytes_max,
        deadline: cx.core.monotonic() + wait,
        request,
    };
    let cx = cx.clone();
    Ok(Started::Later(Box::pin(
        async move { fetch.run(&cx).await },
    )))
}

fn refuse(request: &Request, code: ErrorCode) -> Result<Started, CloseConnection> {
    let response = FetchResponse {
        error_code: code.code(),
        ..Default::default()
    };
    Ok(Started::Ready(Response::encode(request, &response)?))
}

fn session_request(message: &FetchRequest, version: i16) -> SessionRequest {
    let by_topic_id = version >= 13;
    let topic_key = |name: &str, id: Uuid| match by_topic_id {
        true => TopicKey::Id(id),
        false => TopicKey::Name(name.into()),
    };
    let mut partitions = Vec::new();
    for topic in &message.topics {
        let key = topic_key(&topic.topic, topic.topic_id);
        partitions.extend(topic.partitions.iter().map(|wanted| {
            let position = FetchPosition {
                fetch_offset: wanted.fetch_offset,
                partition_bytes_max: wanted.partition_max_bytes,
                current_leader_epoch: wanted.current_leader_epoch,
                last_fetched_epoch: wanted.last_fetched_epoch,
            };
            (
                FetchKey {
                    topic: key.clone(),
                    partition: wanted.partition,
                },
                position,
            )
        }));
    }
    let mut forgotten = Vec::new();
    for topic in &message.forgotten_topics_data {
        let key = topic_key(&topic.topic, topic.topic_id);
        let indexes = topic.partitions.iter();
        forgotten.extend(indexes.map(|&partition| FetchKey {
            topic: key.clone(),
            partition,
        }));
    }
    SessionRequest {
        session_id: message.session_id,
        session_epoch: message.session_epoch,
        by_topic_id,
        partitions,
        forgotten,
    }
}

impl Fetch {
    async fn run(self, cx: &Context) -> Result<Response, CloseConnection> {
        loop {
            let resolved = self.resolve(cx);
            let outcomes = self.read(cx, &resolved).await?;
            let left = self.deadline.saturating_duration_since(cx.core.monotonic());
            if left.is_zero() || self.is_complete(&resolved, &outcomes) {
                return self.respond(cx, outcomes);
            }
            let ids = resolved.iter().filter_map(|id| id.as_ref().ok().copied());
            let seen = ids.zip(outcomes.iter().map(|outcome| outcome.high_watermark));
            let watch = FetchWatch::begin(&cx.shards, seen);
            drop(outcomes);
            watch.wait(left).await;
            // A partition that always has news must not keep the core.
            cx.core.breathe().await;
        }
    }

    /// Whether the answer need not wait: there is enough, something that was read went wrong, or
    /// nothing can be read at all. What was refused unread does not end the wait of the others.
    fn is_complete(
        &self,
        resolved: &[Result<PartitionId, ErrorCode>],
        outcomes: &[Outcome],
    ) -> bool {
        let read = resolved.iter().zip(outcomes).filter(|(id, _)| id.is_ok());
        let mut read = read.map(|(_, outcome)| outcome).peekable();
        if read.peek().is_none() {
            return true;
        }
        let (mut found, mut exceptional) = (0, false);
        for outcome in read {
            found += outcome.data.len();
            exceptional |= outcome.is_exceptional();
        }
        found >= self.bytes_min || exceptional
    }

    /// The partitions as they are called today, each on its own.
    fn resolve(&self, cx: &Context) -> Vec<Result<PartitionId, ErrorCode>> {
        let image = cx.image();
        let one = |key: &FetchKey| self.resolve_one(cx, &image, key);
        self.partitions.iter().map(|(key, _)| one(key)).collect()
    }

    fn resolve_one(
        &self,
        cx: &Context,
        image: &Arc<MetadataImage>,
        key: &FetchKey,
    ) -> Result<PartitionId, ErrorCode> {
        let topic = match &key.topic {
            TopicKey::Id(id) => image.topic_by_id(*id).ok_or(ErrorCode::UnknownTopicId)?,
            TopicKey::Name(name) => image
                .topic(name)
                .ok_or(ErrorCode::UnknownTopicOrPartition)?,
        };
        if !cx.may(&self.request, Operation::Read, Resource::Topic(&topic.name)) {
            return Err(ErrorCode::TopicAuthorizationFailed);
        }
        if self.from_follower {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let partition = topic.partition(key.partition).map(|_| PartitionId {
            topic_id: topic.id,
            index: key.partition,
        });
        partition.ok_or(ErrorCode::UnknownTopicOrPartition)
    }

    /// Reads everything once, each core's share by one call.
    async fn read(
        &self,
        cx: &Context,
        resolved: &[Result<PartitionId, ErrorCode>],
    ) -> Result<Vec<Outcome>, CloseConnection> {
        let mut by_core: BTreeMap<CoreId, (Vec<usize>, Vec<ReadRequest>)> = BTreeMap::new();
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(resolved.len());
        for (at, ((_, position), resolved)) in self.partitions.iter().zip(resolved).enumerate() {
            outcomes.push(None);
            match resolved {
                Err(code) => outcomes[at] = Some(Outcome::refused(*code)),
                Ok(id) => {
                    let (places, requests) = by_core.entry(cx.shards.owner(*id)).or_default();
                    places.push(at);
                    requests.push(self.read_request(cx, *id, position));
                }
            }
        }
        let calls: Vec<_> = by_core
            .into_iter()
            .map(|(core, (places, requests))| (places, cx.shards.read(core, requests)))
            .collect();
        for (places, call) in calls {
            for (place, result) in places.into_iter().zip(call.await?) {
                outcomes[place] = Some(Outcome::from(result));
            }
        }
        let mut outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
        self.trim(&mut outcomes);
        Ok(outcomes)
    }

    fn read_request(
        &self,
        cx: &Context,
        partition: PartitionId,
        position: &FetchPosition,
    ) -> ReadRequest {
        let wanted = usize::try_from(position.partition_bytes_max).unwrap_or(0);
        // When slow readers hold much of the core's memory already, one batch has to do.
        let bytes_max = if cx.sending.is_exhausted() {
            1
        } else {
            wanted.min(self.bytes_max)
        };
        ReadRequest {
            partition,
            offset: position.fetch_offset,
            bytes_max,
            leader_epoch: position.current_leader_epoch,
            last_fetched_epoch: position.last_fetched_epoch,
        }
    }

    /// KIP-74: partitions in order up to the response's size; only the first with records may be
    /// larger than its limits. Later ones are cut, those whose first batch does not fit give
    /// nothing.
    fn trim(&self, outcomes: &mut [Outcome]) {
        let mut left = self.bytes_max;
        let mut first = true;
        for (outcome, (_, position)) in outcomes.iter_mut().zip(&self.partitions) {
            if outcome.data.is_empty() {
                continue;
            }
            if !first {
                let wanted = usize::try_from(position.partition_bytes_max).unwrap_or(0);
                outcome.data.cut(wanted.min(left));
            }
            first = false;
            left = left.saturating_sub(outcome.data.len());
        }
    }

    fn respond(self, cx: &Context, outcomes: Vec<Outcome>) -> Result<Response, CloseConnection> {
        let mut sessions = cx.sessions.borrow_mut();
        let mut answered = Vec::new();
        let mut told: Vec<(&FetchKey, Outcome)> = Vec::with_capacity(outcomes.len());
        for ((key, _), outcome) in self.partitions.iter().zip(outcomes) {
            let news = sessions.must_tell(self.session_id, key, outcome.state());
            if !outcome.data.is_empty() {
                answered.push(key.clone());
            }
            if news || !self.incremental {
                told.push((key, outcome));
            }
        }
        if self.incremental {
            sessions.rotate(self.session_id, &answered);
        }
        drop(sessions);
        let response = self.response(&told);
        let encoded = self.request.head().respond(&response)?;
        let held = told.iter().map(|(_, outcome)| outcome.data.memory_held());
        let lease = cx.sending.lease(encoded.head.len() + held.sum::<usize>());
        let bodies: Vec<Vec<Slice>> = told
            .into_iter()
            .map(|(_, outcome)| slices(outcome.data))
            .collect();
        Ok(Response::with_bodies(encoded, bodies).holding(lease))
    }

    fn response<'a>(&self, told: &'a [(&FetchKey, Outcome)]) -> FetchResponse<'a> {
        let mut responses: Vec<FetchableTopicResponse<'a>> = Vec::new();
        let mut last: Option<&TopicKey> = None;
        for (key, outcome) in told {
            if last != Some(&key.topic) {
                responses.push(topic_response(&key.topic));
                last = Some(&key.topic);
            }
            let topic = responses.last_mut().expect("one was just pushed");
            topic
                .partitions
                .push(self.partition_data(key.partition, outcome));
        }
        FetchResponse {
            session_id: if self.request.version >= 7 {
                self.session_id
            } else {
                0
            },
            responses,
            ..Default::default()
        }
    }

    fn partition_data<'a>(&self, partition_index: i32, outcome: &Outcome) -> PartitionData<'a> {
        let diverging = outcome.diverging.filter(|_| self.request.version >= 12);
        PartitionData {
            partition_index,
            error_code: outcome.code.code(),
            high_watermark: outcome.high_watermark,
            last_stable_offset: outcome.high_watermark,
            log_start_offset: outcome.log_start,
            diverging_epoch: diverging.map_or_else(EpochEndOffset::default, |(epoch, end)| {
                EpochEndOffset {
                    epoch,
                    end_offset: end,
                }
            }),
            aborted_transactions: self.read_committed.then(Vec::new),
            records: Some(RecordsField::Spliced(outcome.data.len())),
            ..Default::default()
        }
    }
}

fn topic_response<'a>(key: &'a TopicKey) -> FetchableTopicResponse<'a> {
    let (topic, topic_id) = match key {
        TopicKey::Name(name) => (&**name, Uuid::ZERO),
        TopicKey::Id(id) => ("", *id),
    };
    FetchableTopicResponse {
        topic,
        topic_id,
        ..Default::default()
    }
}

fn slices(data: ReadData) -> Vec<Slice> {
    match data {
        ReadData::Empty => Vec::new(),
        ReadData::Memory(chunks) => chunks.into_iter().map(Slice::Chunk).collect(),
        ReadData::File(range) => {
            vec![Slice::File {
                file: range.file,
                position: range.position,
                len: range.bytes,
            }]
        }
    }
}

impl Outcome {
    fn refused(code: ErrorCode) -> Self {
        Self {
            code,
            high_watermark: -1,
            log_start: -1,
            diverging: None,
            data: ReadData::Empty,
        }
    }

    fn is_exceptional(&self) -> bool {
        !self.code.is_none() || self.diverging.is_some()
    }

    fn state(&self) -> FetchState {
        FetchState {
            high_watermark: self.high_watermark,
            log_start_offset: self.log_start,
            record_bytes: self.data.len(),
            exceptional: self.is_exceptional(),
        }
    }
}

impl From<Result<ReadDone, PartitionError>> for Outcome {
    fn from(result: Result<ReadDone, PartitionError>) -> Self {
        match result {
            Ok(done) => Self {
                code: ErrorCode::None,
                high_watermark: done.high_watermark,
                log_start: done.log_start,
                diverging: done.diverging,
                data: done.data,
            },
            Err(error) => Self::refused(codes::of_partition(error)),
        }
    }
}
