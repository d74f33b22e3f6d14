//! The thread that sends: it does what the state says is next.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::Identity;
use super::node::NodeLink;
use super::state::{Answer, Parcel, Work};
use super::{Acks, Shared};
use crate::client::backoff::Backoff;
use crate::client::cluster::lock;
use crate::client::error::Refusal;
use crate::client::{AutoCreate, ClientError, Target};
use crate::model::NodeId;
use crate::protocol::message::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use crate::protocol::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::protocol::wire::RecordsField;

/// The longest sleep: expired records are looked for at least so often.
const SLEEP_MAX: Duration = Duration::from_millis(500);

pub(super) struct Sender {
    shared: Arc<Shared>,
    links: HashMap<NodeId, NodeLink>,
    /// Pauses between failed attempts to learn leaders or to get a producer id.
    backoff: Backoff,
}

impl Sender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let backoff = shared.cluster.backoff();
        Self {
            shared,
            links: HashMap::new(),
            backoff,
        }
    }

    /// Works until the producer is dropped.
    pub(super) fn run(mut self) {
        loop {
            match self.next_work() {
                Work::Send(node, parcels) => self.send(node, parcels),
                Work::Identity => self.get_identity(),
                Work::Metadata(topics) => self.get_metadata(&topics),
                Work::Wait(_) => {}
                Work::Stop => break,
            }
        }
        for link in self.links.into_values() {
            link.close();
        }
    }

    /// What to do, after a sleep if that is what to do first.
    fn next_work(&self) -> Work {
        let mut state = lock(&self.shared.state);
        let now = Instant::now();
        let expired = state.expire(now);
        if !expired.is_empty() {
            drop(state);
            self.shared.report(expired);
            return Work::Wait(None);
        }
        let work = state.next_work(now);
        if let Work::Wait(until) = work {
            let sleep = until.map_or(SLEEP_MAX, |until| until.saturating_duration_since(now));
            drop(self.shared.work.wait_timeout(state, sleep.min(SLEEP_MAX)));
        }
        work
    }

    fn send(&mut self, node: NodeId, mut parcels: Vec<Parcel>) {
        for parcel in &mut parcels {
            parcel.batch.build();
        }
        let link = match self.link(node) {
            Ok(link) => link,
            Err(error) => return self.shared.finish(node, unsent(parcels), Some(&error)),
        };
        match link.send(&parcels) {
            Ok(Some(expected)) => link.expect(expected, parcels),
            Ok(None) => self.shared.finish(node, stored_unseen(parcels), None),
            Err(error) => {
                self.links.remove(&node);
                self.shared.finish(node, lost(parcels), Some(&error));
            }
        }
    }

    fn link(&mut self, node: NodeId) -> Result<&mut NodeLink, ClientError> {
        if self.links.get(&node).is_some_and(NodeLink::is_broken) {
            self.links.remove(&node);
        }
        match self.links.entry(node) {
            std::collections::hash_map::Entry::Occupied(link) => Ok(link.into_mut()),
            std::collections::hash_map::Entry::Vacant(place) => {
                Ok(place.insert(NodeLink::open(node, self.shared.clone())?))
            }
        }
    }

    fn get_metadata(&mut self, topics: &[Arc<str>]) {
        let names: Vec<&str> = topics.iter().map(|name| &**name).collect();
        match self.shared.cluster.refresh(&names, AutoCreate::Never) {
            Ok(wrong) => {
                for (topic, refusal) in wrong {
                    self.shared
                        .trouble(&refusal.of(format!("find topic `{topic}`")));
                }
                self.shared.learn(&self.shared.cluster.metadata());
            }
            Err(error) => self.shared.trouble(&error),
        }
        self.pause_lookups();
    }

    fn get_identity(&mut self) {
        match self.ask_for_identity() {
            Ok(identity) => {
                self.backoff.reset();
                lock(&self.shared.state).on_identity(identity);
            }
            Err(error @ ClientError::Unsupported { .. }) => {
                log::warn!("going on without idempotence, a retry may write twice: {error}");
                lock(&self.shared.state).give_up_idempotence();
            }
            Err(error) => {
                self.shared.trouble(&error);
                self.pause_lookups();
            }
        }
    }

    fn ask_for_identity(&self) -> Result<Identity, ClientError> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            // Only transactions have a timeout; Kafka's own producer sends this much here.
            transaction_timeout_ms: i32::MAX,
            ..Default::default()
        };
        let response = self.shared.cluster.ask_once(Target::Any, &request)?;
        let response: InitProducerIdResponse = response.decode()?;
        Refusal::check(response.error_code, None)
            .map_err(|refusal| refusal.of("get a producer id"))?;
        Ok(Identity {
            producer_id: response.producer_id,
            epoch: response.producer_epoch,
        })
    }

    /// Lookups that did not help are not repeated at once.
    fn pause_lookups(&mut self) {
        let pause = self.backoff.next_delay(fastrand::u32(..));
        lock(&self.shared.state).pause_lookups(Instant::now() + pause);
    }
}

/// The request that carries these parcels; the batches themselves follow as bodies.
pub(super) fn produce_request<'a>(
    acks: Acks,
    timeout: Duration,
    parcels: &'a [Parcel],
) -> ProduceRequest<'a> {
    let mut topics: Vec<TopicProduceData<'a>> = Vec::new();
    for parcel in parcels {
        let data = PartitionProduceData {
            index: parcel.partition.partition,
            records: Some(RecordsField::Spliced(parcel.batch.bytes().len())),
        };
        match topics.last_mut() {
            Some(topic) if topic.name == &*parcel.partition.topic => {
                topic.partition_data.push(data)
            }
            _ => topics.push(TopicProduceData {
                name: &parcel.partition.topic,
                topic_id: parcel.topic_id,
                partition_data: vec![data],
            }),
        }
    }
    ProduceRequest {
        transactional_id: None,
        acks: acks.number(),
        timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
        topic_data: topics,
    }
}

pub(super) fn lost(parcels: Vec<Parcel>) -> Vec<(Parcel, Answer)> {
    parcels
        .into_iter()
        .map(|parcel| (parcel, Answer::Lost))
        .collect()
}

fn unsent(parcels: Vec<Parcel>) -> Vec<(Parcel, Answer)> {
    parcels
        .into_iter()
        .map(|parcel| (parcel, Answer::Unsent))
        .collect()
}

/// With acks 0 nobody tells where the records went.
fn stored_unseen(parcels: Vec<Parcel>) -> Vec<(Parcel, Answer)> {
    parcels
        .into_iter()
        .map(|parcel| (parcel, Answer::Stored(-1)))
        .collect()
}
