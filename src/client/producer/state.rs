//! All queues of a producer: what to do next, and what an answer means. Pure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Batch, Identity, held_bytes, payload_bytes};
use super::partitioner::Partitioner;
use super::queue::Queue;
use super::{Delivery, ProducerRecord, ProducerSettings};
use crate::client::backoff::Backoff;
use crate::client::error::{ClientError, Refusal};
use crate::client::metadata::Metadata;
use crate::model::{NodeId, Offset, TimestampMs, TopicPartition, Uuid};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::record::{Codec, Compression, RecordParts};

/// The state that the producer's threads share under one lock.
pub(super) struct State {
    /// How many callers wait for everything to be sent, or for memory.
    pub(super) in_a_hurry: usize,
    /// What went wrong last, for the report of a record that waited too long.
    pub(super) last_trouble: Option<String>,
    settings: ProducerSettings,
    topics: HashMap<Arc<str>, Topic>,
    identity: Option<Identity>,
    held_bytes: usize,
    in_flight: HashMap<NodeId, usize>,
    /// Deliveries that the user has not been told of yet.
    unreported: usize,
    lookups_at: Option<Instant>,
    abandoned: bool,
}

struct Topic {
    id: Uuid,
    partitioner: Partitioner,
    queues: Vec<Queue>,
}

/// What the sending thread shall do now.
pub(super) enum Work {
    /// Send these batches, one a partition, to this node.
    Send(NodeId, Vec<Parcel>),
    /// Ask for a producer id.
    Identity,
    /// Ask who leads these topics.
    Metadata(Vec<Arc<str>>),
    /// Sleep until something changes, at most until then.
    Wait(Option<Instant>),
    /// Nobody is interested any more.
    Stop,
}

/// A batch with its destination.
pub(super) struct Parcel {
    pub(super) partition: TopicPartition,
    pub(super) topic_id: Uuid,
    pub(super) batch: Batch,
}

/// What the broker said about one parcel, or that it said nothing.
pub(super) enum Answer {
    Stored(Offset),
    Refused(Refusal),
    /// The connection broke: stored or not, nobody knows.
    Lost,
    /// There was no connection to send it over.
    Unsent,
}

/// Why a record was not taken.
#[derive(Debug)]
pub(super) enum Rejection {
    /// Its topic has not been looked up yet.
    UnknownTopic,
    /// Its topic has no such partition, but so many.
    NoPartition(usize),
    /// The producer's memory is used up for now.
    Full,
    /// It alone is larger than the producer's memory.
    TooLarge(usize),
}

impl State {
    /// The state of a new producer.
    pub(super) fn new(settings: ProducerSettings) -> Self {
        Self {
            in_a_hurry: 0,
            last_trouble: None,
            settings,
            topics: HashMap::new(),
            identity: None,
            held_bytes: 0,
            in_flight: HashMap::new(),
            unreported: 0,
            lookups_at: None,
            abandoned: false,
        }
    }

    /// Takes a record over; says whether the sending thread should be woken.
    pub(super) fn append(
        &mut self,
        now: Instant,
        timestamp: TimestampMs,
        record: &ProducerRecord<'_>,
        random: usize,
    ) -> Result<bool, Rejection> {
        let parts = RecordParts {
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        let bytes = payload_bytes(&parts);
        if held_bytes(bytes) > self.settings.memory_bytes {
            return Err(Rejection::TooLarge(bytes));
        }
        let topic = self
            .topics
            .get_mut(record.topic)
            .ok_or(Rejection::UnknownTopic)?;
        if self.held_bytes > 0 && self.held_bytes + held_bytes(bytes) > self.settings.memory_bytes {
            return Err(Rejection::Full);
        }
        let count = topic.queues.len();
        let index = match record.partition {
            Some(index) => index as usize,
            None => topic
                .partitioner
                .partition(record.key, bytes, count, random),
        };
        let queue = topic
            .queues
            .get_mut(index)
            .ok_or(Rejection::NoPartition(count))?;
        self.held_bytes += held_bytes(bytes);
        let was_idle = queue.is_idle();
        let limits = (
            self.settings.batch_bytes_max,
            compression(self.settings.compression),
        );
        let more = queue.append(now, timestamp, parts, record.tag, limits);
        Ok(more || was_idle)
    }

    /// Whether nothing waits, nothing is in flight, and everything was reported.
    pub(super) fn is_idle(&self) -> bool {
        let mut topics = self.topics.values();
        self.unreported == 0 && topics.all(|topic| topic.queues.iter().all(Queue::is_idle))
    }

    /// Nobody is interested any more in what is not yet sent.
    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
    }

    /// What to do now.
    pub(super) fn next_work(&mut self, now: Instant) -> Work {
        if self.abandoned {
            return Work::Stop;
        }
        let survey = self.survey(now);
        let lookups_allowed = self.lookups_at.is_none_or(|at| at <= now);
        if survey.wants_identity && lookups_allowed {
            return Work::Identity;
        }
        if !survey.leaderless.is_empty() && lookups_allowed {
            return Work::Metadata(survey.leaderless);
        }
        let longest_waiting = survey.ready.iter().min_by_key(|ready| ready.since);
        match longest_waiting.map(|ready| ready.leader) {
            Some(node) => Work::Send(node, self.take(node, survey.ready)),
            None if survey.wants_identity || !survey.leaderless.is_empty() => {
                Work::Wait(earlier(survey.next, self.lookups_at))
            }
            None => Work::Wait(survey.next),
        }
    }

    /// Learns partitions and leaders.
    pub(super) fn on_metadata(&mut self, metadata: &Metadata) {
        for (name, known) in metadata.topics() {
            let stick_bytes = self.settings.batch_bytes_max;
            let topic = self.topics.entry(name.clone()).or_insert_with(|| Topic {
                id: known.id,
                partitioner: Partitioner::new(stick_bytes),
                queues: Vec::new(),
            });
            topic.id = known.id;
            let backoff =
                Backoff::new(self.settings.retry_backoff, self.settings.retry_backoff_max);
            while topic.queues.len() < known.partitions.len() {
                topic.queues.push(Queue::new(backoff.clone()));
            }
            for (queue, partition) in topic.queues.iter_mut().zip(&known.partitions) {
                queue.leader = partition.leader;
            }
        }
    }

    /// Nothing is looked up before then.
    pub(super) fn pause_lookups(&mut self, until: Instant) {
        self.lookups_at = Some(until);
    }

    /// The broker has named us.
    pub(super) fn on_identity(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    /// The broker gives no producer ids.
    pub(super) fn give_up_idempotence(&mut self) {
        self.settings.idempotence = false;
    }

    /// The user was told of so many batches.
    pub(super) fn on_reported(&mut self, deliveries: usize) {
        self.unreported -= deliveries;
    }

    /// One request to this node was answered, or died.
    pub(super) fn on_request_done(&mut self, node: NodeId) {
        *self.in_flight.entry(node).or_insert(1) -= 1;
    }

    /// What became of one parcel; a report for the user unless it will be sent again.
    pub(super) fn on_answer(
        &mut self,
        now: Instant,
        mut parcel: Parcel,
        answer: Answer,
        random: u32,
    ) -> Option<Delivery> {
        let queue = self.topics.get_mut(&parcel.partition.topic)?;
        let queue = queue.queues.get_mut(parcel.partition.partition as usize)?;
        match verdict(&answer, queue, &parcel.batch) {
            Verdict::Stored(offset) => {
                queue.on_done(&parcel.batch);
                return Some(self.deliver(parcel, Ok(offset)));
            }
            Verdict::GiveUp(refusal) => {
                queue.on_given_up(&parcel.batch);
                let error = ClientError::produce(&parcel.partition, refusal);
                return Some(self.deliver(parcel, Err(error)));
            }
            Verdict::Again {
                leader_moved,
                broken,
                in_doubt,
            } => {
                if leader_moved {
                    queue.leader = None;
                }
                if broken {
                    queue.break_sequence();
                }
                parcel.batch.in_doubt = in_doubt;
                queue.put_back(parcel.batch, now, random);
            }
        }
        None
    }

    /// Gives up what has waited for longer than the delivery timeout.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Delivery> {
        let Some(deadline) = now.checked_sub(self.settings.delivery_timeout) else {
            return Vec::new();
        };
        let mut expired = Vec::new();
        for (name, topic) in &mut self.topics {
            for (index, queue) in topic.queues.iter_mut().enumerate() {
                let partition = |batch| Parcel {
                    partition: TopicPartition {
                        topic: name.clone(),
                        partition: index as i32,
                    },
                    topic_id: topic.id,
                    batch,
                };
                expired.extend(queue.expire(deadline).into_iter().map(partition));
            }
        }
        let timeout = self.settings.delivery_timeout;
        let trouble = self.last_trouble.clone();
        let late = |parcel: &Parcel| ClientError::DeliveryTimeout {
            partition: parcel.partition.clone(),
            timeout,
            in_doubt: parcel.batch.in_doubt,
            last: trouble.clone(),
        };
        expired
            .into_iter()
            .map(|parcel| {
                let error = late(&parcel);
                self.deliver(parcel, Err(error))
            })
            .collect()
    }

    fn deliver(&mut self, parcel: Parcel, outcome: Result<Offset, ClientError>) -> Delivery {
        self.held_bytes -= parcel.batch.held_bytes;
        self.unreported += 1;
        Delivery {
            partition: parcel.partition,
            bytes: parcel.batch.payload_bytes,
            tags: parcel.batch.tags,
            outcome,
        }
    }

    /// Looks at every queue once.
    fn survey(&mut self, now: Instant) -> Survey {
        let mut survey = Survey::default();
        let linger = match self.in_a_hurry {
            0 => self.settings.linger,
            _ => Duration::ZERO,
        };
        for (name, topic) in &mut self.topics {
            for (index, queue) in topic.queues.iter_mut().enumerate() {
                queue.settle(self.identity);
                if self.settings.idempotence && queue.wants_identity(self.identity) {
                    survey.wants_identity = true;
                    continue;
                }
                let Some(at) = queue.ready_at(linger, self.settings.batch_bytes_max) else {
                    continue;
                };
                match queue.leader {
                    _ if at > now => survey.next = earlier(survey.next, Some(at)),
                    None => survey.leaderless.push(name.clone()),
                    Some(leader)
                        if self.in_flight.get(&leader) >= Some(&self.settings.in_flight_max) => {}
                    Some(leader) => survey.ready.push(Ready {
                        leader,
                        since: at,
                        bytes: queue.next_bytes(),
                        topic: name.clone(),
                        index,
                    }),
                }
            }
        }
        survey.leaderless.dedup();
        survey
    }

    /// One batch of each ready partition of this node, the longest waiting first, as many as a
    /// request may hold.
    fn take(&mut self, node: NodeId, mut ready: Vec<Ready>) -> Vec<Parcel> {
        ready.retain(|ready| ready.leader == node);
        ready.sort_by_key(|ready| ready.since);
        let mut parcels = Vec::new();
        let mut bytes = 0;
        for ready in ready {
            bytes += ready.bytes;
            if !parcels.is_empty() && bytes > self.settings.request_bytes_max {
                break;
            }
            parcels.extend(self.take_one(ready));
        }
        *self.in_flight.entry(node).or_default() += 1;
        parcels
    }

    fn take_one(&mut self, ready: Ready) -> Option<Parcel> {
        let topic = self.topics.get_mut(&ready.topic)?;
        let batch = topic.queues[ready.index].take(self.identity)?;
        Some(Parcel {
            partition: TopicPartition {
                topic: ready.topic,
                partition: ready.index as i32,
            },
            topic_id: topic.id,
            batch,
        })
    }
}

/// What a look at every queue found.
#[derive(Default)]
struct Survey {
    ready: Vec<Ready>,
    leaderless: Vec<Arc<str>>,
    wants_identity: bool,
    /// When the next queue becomes ready by time alone.
    next: Option<Instant>,
}

struct Ready {
    leader: NodeId,
    since: Instant,
    bytes: usize,
    topic: Arc<str>,
    index: usize,
}

enum Verdict {
    Stored(Offset),
    GiveUp(Refusal),
    Again {
        leader_moved: bool,
        /// The sequence can only go on under a new identity.
        broken: bool,
        in_doubt: bool,
    },
}

/// What an answer means for a batch, as the Java producer reads it.
fn verdict(answer: &Answer, queue: &Queue, batch: &Batch) -> Verdict {
    let refusal = match answer {
        Answer::Stored(offset) => return Verdict::Stored(*offset),
        Answer::Lost => return again(true, false, true),
        Answer::Unsent => return again(true, false, batch.in_doubt),
        Answer::Refused(refusal) => refusal,
    };
    match refusal.code {
        ErrorCode::DuplicateSequenceNumber => Verdict::Stored(-1),
        // An earlier batch is missing; if it is not even on its way, it never will arrive.
        ErrorCode::OutOfOrderSequenceNumber => {
            again(false, !queue.has_earlier(batch.ordinal), false)
        }
        ErrorCode::UnknownProducerId | ErrorCode::InvalidProducerEpoch => again(false, true, false),
        code if code.is_retriable() => again(refusal.is_stale_metadata(), false, batch.in_doubt),
        _ => Verdict::GiveUp(refusal.clone()),
    }
}

fn again(leader_moved: bool, broken: bool, in_doubt: bool) -> Verdict {
    Verdict::Again {
        leader_moved,
        broken,
        in_doubt,
    }
}

fn compression(codec: Codec) -> Compression {
    Compression { codec, level: None }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests;
