//! A consumer of assigned partitions: no group, no commits; [`group`] puts one of them to the
//! service of a consumer group.

mod aborted;
mod assignment;
mod fetched;
pub(super) mod group;
mod start;
mod steering;
mod worker;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use self::assignment::Assigned;
use self::worker::{Event, Worker};
use super::backoff::Backoff;
use super::{AutoCreate, ClientError, Cluster};
use crate::model::{NodeId, Offset, TimestampMs, TopicPartition};
use crate::protocol::error_code::ErrorCode;

pub use fetched::{ConsumedBatch, Fetched};
use steering::Waker;

/// How a consumer fetches.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// Which records are shown.
    pub isolation: Isolation,
    /// How much a broker gathers before it answers, unless the wait is over.
    pub fetch_bytes_min: i32,
    /// How long a broker waits for that much.
    pub fetch_wait_ms_max: i32,
    /// How much one answer may hold; a single batch may be larger.
    pub fetch_bytes_max: i32,
    /// How much of one partition one answer may hold; a single batch may be larger.
    pub partition_bytes_max: i32,
    /// Whether the checksum of each batch is checked.
    pub check_crc: bool,
    /// The largest batch after decompression.
    pub decompressed_bytes_max: usize,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self {
            isolation: Isolation::ReadUncommitted,
            fetch_bytes_min: 1,
            fetch_wait_ms_max: 500,
            fetch_bytes_max: 16 << 20,
            partition_bytes_max: 2 << 20,
            check_crc: true,
            decompressed_bytes_max: 1 << 30,
        }
    }
}

/// Which records of transactions are shown (KIP-98).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// All of them, up to the high watermark.
    #[default]
    ReadUncommitted,
    /// Those of committed transactions, up to the first one still open.
    ReadCommitted,
}

impl Isolation {
    /// The number in a request.
    pub(super) fn level(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// Where in a partition to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// The oldest record.
    Earliest,
    /// Whatever comes from now on.
    Latest,
    /// So many records before the end, or the oldest one.
    BeforeEnd(u64),
    /// This offset.
    Offset(Offset),
    /// The first record as new as this, or the end.
    Timestamp(TimestampMs),
}

/// Fetches from every leader at once; one thread a broker keeps the next answer coming while
/// the last one is looked at.
#[derive(Debug)]
pub struct Consumer {
    cluster: Arc<Cluster>,
    settings: ConsumerSettings,
    workers: HashMap<NodeId, Worker>,
    events: Receiver<Event>,
    sender: SyncSender<Event>,
    positions: HashMap<TopicPartition, Offset>,
    homes: HashMap<TopicPartition, NodeId>,
    /// Of each partition that is being fetched, its newest assignment.
    tickets: HashMap<TopicPartition, u64>,
    tickets_given: u64,
    paused: HashSet<TopicPartition>,
    homeless: Homeless,
    /// How long a partition may be without a leader.
    patience: Duration,
}

/// What a poll brings.
#[derive(Debug)]
enum Polled {
    Fetched(Fetched),
    /// The partition's position is where no record is; it is no longer fetched.
    OutOfRange(TopicPartition),
    /// Somebody else wants the caller's attention, or the time is over.
    Nothing,
}

/// Partitions whose leader is to be found.
#[derive(Debug)]
struct Homeless {
    partitions: Vec<TopicPartition>,
    since: Instant,
    retry_at: Instant,
    backoff: Backoff,
    last_error: Option<ClientError>,
}

/// How many answers wait for [`Consumer::poll`]; more would only hold memory.
const EVENTS_MAX: usize = 4;

impl Consumer {
    /// Finds the start of each partition and begins to fetch.
    pub fn start(
        cluster: Arc<Cluster>,
        settings: ConsumerSettings,
        assignment: &[(TopicPartition, StartAt)],
    ) -> Result<Self, ClientError> {
        let starts = start::resolve(&cluster, assignment, settings.isolation)?;
        let (sender, events) = mpsc::sync_channel(EVENTS_MAX);
        let now = Instant::now();
        let homeless = Homeless {
            partitions: starts
                .iter()
                .map(|(partition, _)| partition.clone())
                .collect(),
            since: now,
            retry_at: now,
            backoff: cluster.backoff(),
            last_error: None,
        };
        let mut consumer = Self {
            patience: cluster.settings().deadline,
            cluster,
            settings,
            workers: HashMap::new(),
            events,
            sender,
            positions: starts.into_iter().collect(),
            homes: HashMap::new(),
            tickets: HashMap::new(),
            tickets_given: 0,
            paused: HashSet::new(),
            homeless,
        };
        consumer.find_homes(now)?;
        Ok(consumer)
    }

    /// The next answer of any partition, waiting for it at most so long.
    ///
    /// An error ends the consumer: what passes by itself is retried inside, until the cluster's
    /// deadline.
    pub fn poll(&mut self, wait: Duration) -> Result<Option<Fetched>, ClientError> {
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.poll_once(left)? {
                Polled::Fetched(fetched) => return Ok(Some(fetched)),
                Polled::OutOfRange(partition) => self.go_back_in_range(partition)?,
                Polled::Nothing if Instant::now() >= deadline => return Ok(None),
                Polled::Nothing => {}
            }
        }
    }

    /// The next thing that happens, within so long.
    fn poll_once(&mut self, wait: Duration) -> Result<Polled, ClientError> {
        let deadline = Instant::now() + wait;
        loop {
            let now = Instant::now();
            if self.homeless.is_due(now) {
                self.find_homes(now)?;
            }
            let until = self.homeless.wake_at(deadline);
            match self
                .events
                .recv_timeout(until.saturating_duration_since(now))
            {
                Ok(Event::Woken) => return Ok(Polled::Nothing),
                Ok(event) => match self.on_event(event)? {
                    Polled::Nothing => {}
                    polled => return Ok(polled),
                },
                Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                    return Ok(Polled::Nothing);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("we hold a sender ourselves"),
            }
        }
    }

    fn on_event(&mut self, event: Event) -> Result<Polled, ClientError> {
        match event {
            Event::Fetched(fetched, ticket) if self.is_current(&fetched.partition, ticket) => {
                let position = self.positions.get_mut(&fetched.partition);
                *position.expect("what is fetched has a position") = fetched.next_offset;
                return Ok(Polled::Fetched(fetched));
            }
            Event::Lost(partition, ticket, error) if self.is_current(&partition, ticket) => {
                return self.on_lost(vec![partition], error);
            }
            Event::Fetched(..) | Event::Lost(..) | Event::Woken => {}
            Event::Ended(node, error) => {
                self.workers.remove(&node);
                let lost = self.homes.iter().filter(|(_, home)| **home == node);
                let lost = lost.map(|(partition, _)| partition.clone()).collect();
                return self.on_lost(lost, error);
            }
        }
        Ok(Polled::Nothing)
    }

    fn is_current(&self, partition: &TopicPartition, ticket: u64) -> bool {
        self.tickets.get(partition) == Some(&ticket)
    }

    /// The offset after the last batch that was given out.
    pub fn position(&self, partition: &TopicPartition) -> Offset {
        self.positions.get(partition).copied().unwrap_or(0)
    }

    /// Positions are right here: what a worker fetched before it lost a partition came earlier.
    fn on_lost(
        &mut self,
        partitions: Vec<TopicPartition>,
        error: ClientError,
    ) -> Result<Polled, ClientError> {
        for partition in &partitions {
            self.homes.remove(partition);
            self.tickets.remove(partition);
        }
        if error.code() == Some(ErrorCode::OffsetOutOfRange) {
            let lost = partitions.into_iter().next();
            return Ok(lost.map_or(Polled::Nothing, Polled::OutOfRange));
        }
        if !error.is_retriable() {
            return Err(error);
        }
        log::debug!("consumer lost {} partitions: {error}", partitions.len());
        self.homeless.add(partitions, Some(error));
        Ok(Polled::Nothing)
    }

    fn go_back_in_range(&mut self, partition: TopicPartition) -> Result<(), ClientError> {
        let lost = [(partition.clone(), self.position(&partition))];
        let back = start::back_in_range(&self.cluster, &lost)?;
        self.positions.extend(back);
        self.homeless.add(vec![partition], None);
        Ok(())
    }

    /// Asks who leads the homeless partitions and sends them there.
    fn find_homes(&mut self, now: Instant) -> Result<(), ClientError> {
        if let Err(error) = self.refresh() {
            self.homeless.last_error = Some(error);
        }
        let metadata = self.cluster.metadata();
        let mut found: HashMap<NodeId, Vec<Assigned>> = HashMap::new();
        for partition in std::mem::take(&mut self.homeless.partitions) {
            let leader = metadata.leader(&partition);
            match leader.zip(metadata.topic(&partition.topic)) {
                Some((leader, topic)) => {
                    self.tickets_given += 1;
                    self.tickets.insert(partition.clone(), self.tickets_given);
                    found.entry(leader).or_default().push(Assigned {
                        position: self.position(&partition),
                        partition,
                        topic_id: topic.id,
                        ticket: self.tickets_given,
                    });
                }
                None => self.homeless.partitions.push(partition),
            }
        }
        for (node, assigned) in found {
            self.settle(node, assigned);
        }
        self.homeless.after_attempt(now, self.patience)
    }

    fn refresh(&self) -> Result<(), ClientError> {
        let partitions = self.homeless.partitions.iter();
        let mut names: Vec<&str> = partitions.map(|partition| &*partition.topic).collect();
        names.sort_unstable();
        names.dedup();
        let wrong = self.cluster.refresh(&names, AutoCreate::Never)?;
        match wrong.into_iter().next() {
            Some((topic, refusal)) => Err(refusal.of(format!("find topic `{topic}`"))),
            None => Ok(()),
        }
    }

    fn settle(&mut self, node: NodeId, assigned: Vec<Assigned>) {
        let worker = match self.workers.remove(&node) {
            Some(worker) => Ok(worker),
            None => Worker::start(&self.cluster, node, &self.settings, self.sender.clone()),
        };
        let partitions: Vec<_> = assigned.iter().map(|a| a.partition.clone()).collect();
        match worker {
            Ok(worker) => {
                self.homes
                    .extend(partitions.into_iter().map(|partition| (partition, node)));
                worker.assign(assigned);
                self.workers.insert(node, worker);
            }
            Err(error) => self.homeless.partitions_stay(partitions, error),
        }
    }
}

impl Homeless {
    /// Takes partitions in; without an error they may go on at once.
    fn add(&mut self, partitions: Vec<TopicPartition>, error: Option<ClientError>) {
        if self.partitions.is_empty() {
            self.since = Instant::now();
            self.retry_at = match error {
                Some(_) => self.since + self.backoff.next_delay(fastrand::u32(..)),
                None => self.since,
            };
        }
        self.partitions.extend(partitions);
        self.last_error = error.or(self.last_error.take());
    }

    /// An attempt to find them a home has failed.
    fn partitions_stay(&mut self, partitions: Vec<TopicPartition>, error: ClientError) {
        self.partitions.extend(partitions);
        self.last_error = Some(error);
    }

    fn is_due(&self, now: Instant) -> bool {
        !self.partitions.is_empty() && self.retry_at <= now
    }

    fn wake_at(&self, deadline: Instant) -> Instant {
        match self.partitions.is_empty() {
            true => deadline,
            false => deadline.min(self.retry_at),
        }
    }

    /// Plans the next attempt, or gives up.
    fn after_attempt(&mut self, now: Instant, patience: Duration) -> Result<(), ClientError> {
        if self.partitions.is_empty() {
            self.backoff.reset();
            self.last_error = None;
            return Ok(());
        }
        self.retry_at = now + self.backoff.next_delay(fastrand::u32(..));
        match self.last_error.take() {
            Some(last) if now.duration_since(self.since) >= patience => {
                Err(ClientError::Deadline {
                    what: format!("go on reading {}", self.partitions[0]),
                    after: patience,
                    last: Box::new(last),
                })
            }
            last => {
                self.last_error = last;
                Ok(())
            }
        }
    }
}
