//! The connection to one broker: written by the sending thread, read by a thread of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::sender::{lost, produce_request};
use super::state::{Answer, Parcel};
use super::{Acks, Shared};
use crate::client::error::Refusal;
use crate::client::{ClientError, Expected, RequestSender, Response, ResponseReceiver};
use crate::model::{NodeId, Uuid};
use crate::protocol::message::produce::{PartitionProduceResponse, ProduceResponse};

/// One broker; as many requests are on their way as the state allows.
pub(super) struct NodeLink {
    sender: RequestSender,
    answers: mpsc::Sender<Sent>,
    broken: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
}

/// A request whose answer is to come.
struct Sent {
    expected: Expected,
    parcels: Vec<Parcel>,
}

/// The reading side, on its thread.
struct Reader {
    node: NodeId,
    receiver: ResponseReceiver,
    broken: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

impl NodeLink {
    /// Connects and starts the reading thread.
    pub(super) fn open(node: NodeId, shared: Arc<Shared>) -> Result<Self, ClientError> {
        let (sender, receiver) = shared.cluster.open(node)?.split();
        let (answers, sent) = mpsc::channel();
        let broken = Arc::new(AtomicBool::new(false));
        let reader = Reader {
            node,
            receiver,
            broken: broken.clone(),
            shared: shared.clone(),
        };
        let thread = std::thread::Builder::new().name(format!("producer-node-{node}"));
        let thread = thread.spawn(move || reader.run(&sent));
        Ok(Self {
            sender,
            answers,
            broken,
            thread: thread.expect("the system can start a thread"),
            shared,
        })
    }

    /// Whether the reader has given this connection up.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Sends one Produce request; with acks 0 no answer is to be expected.
    pub(super) fn send(&mut self, parcels: &[Parcel]) -> Result<Option<Expected>, ClientError> {
        let acks = self.shared.settings.acks;
        let timeout = self.shared.cluster.settings().connection.request_timeout;
        let request = produce_request(acks, timeout, parcels);
        let bodies: Vec<&[u8]> = parcels.iter().map(|parcel| parcel.batch.bytes()).collect();
        let expected = self.sender.send(&request, &bodies)?;
        Ok((acks != Acks::None).then_some(expected))
    }

    /// Leaves the parcels to the reader, until their answer comes.
    pub(super) fn expect(&self, expected: Expected, parcels: Vec<Parcel>) {
        let sent = Sent { expected, parcels };
        self.answers
            .send(sent)
            .expect("the reader outlives its channel");
    }

    /// Ends the connection and its thread.
    pub(super) fn close(self) {
        drop(self.answers);
        self.sender.shut_down();
        // A panic of the thread was reported when it happened.
        let _ = self.thread.join();
    }
}

impl Reader {
    fn run(mut self, sent: &mpsc::Receiver<Sent>) {
        while let Ok(Sent { expected, parcels }) = sent.recv() {
            if self.broken.load(Ordering::Relaxed) {
                self.shared.finish(self.node, lost(parcels), None);
                continue;
            }
            match self.receiver.receive(expected) {
                Ok(response) => self.on_response(&response, parcels),
                Err(error) => self.on_error(&error, parcels),
            }
        }
    }

    fn on_response(&self, response: &Response, parcels: Vec<Parcel>) {
        match response.decode::<ProduceResponse<'_>>() {
            Ok(decoded) => {
                let answers = answers(&decoded, response.version(), parcels);
                self.shared.finish(self.node, answers, None);
            }
            Err(error) => self.on_error(&error, parcels),
        }
    }

    fn on_error(&self, error: &ClientError, parcels: Vec<Parcel>) {
        self.broken.store(true, Ordering::Relaxed);
        self.shared.finish(self.node, lost(parcels), Some(error));
    }
}

/// The first version that names topics by id alone (KIP-516).
const BY_TOPIC_ID: i16 = 13;

/// Which answer belongs to which parcel; one that is missing counts as lost.
fn answers(
    response: &ProduceResponse<'_>,
    version: i16,
    parcels: Vec<Parcel>,
) -> Vec<(Parcel, Answer)> {
    let mut found: HashMap<(&str, Uuid, i32), Answer> = HashMap::new();
    for topic in &response.responses {
        for partition in &topic.partition_responses {
            let place = (topic.name, topic.topic_id, partition.index);
            found.insert(place, answer(partition));
        }
    }
    let mut answers = Vec::with_capacity(parcels.len());
    for parcel in &parcels {
        let index = parcel.partition.partition;
        let place = match version {
            BY_TOPIC_ID.. => ("", parcel.topic_id, index),
            _ => (&*parcel.partition.topic, Uuid::ZERO, index),
        };
        answers.push(found.remove(&place).unwrap_or(Answer::Lost));
    }
    parcels.into_iter().zip(answers).collect()
}

fn answer(partition: &PartitionProduceResponse<'_>) -> Answer {
    let of_record = partition.record_errors.first();
    let message = of_record.and_then(|error| error.batch_index_error_message);
    match Refusal::check(partition.error_code, message.or(partition.error_message)) {
        Ok(()) => Answer::Stored(partition.base_offset),
        Err(refusal) => Answer::Refused(refusal),
    }
}
