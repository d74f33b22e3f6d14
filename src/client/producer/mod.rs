//! A producer: records gather in batches by partition and go to the partitions' leaders.

mod batch;
mod node;
mod partitioner;
mod queue;
mod sender;
mod state;

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::sender::Sender;
use self::state::{Answer, Parcel, Rejection, State};
use super::cluster::lock;
use super::{AutoCreate, ClientError, Cluster};
use crate::model::{NodeId, Offset, TimestampMs, TopicPartition};
use crate::protocol::record::{Codec, Header};

/// How a producer gathers, sends and retries.
#[derive(Clone, Debug)]
pub struct ProducerSettings {
    /// Whose acknowledgement counts.
    pub acks: Acks,
    /// How batches are compressed.
    pub compression: Codec,
    /// Largest batch of one partition, before compression.
    pub batch_bytes_max: usize,
    /// How long a batch waits for more records.
    pub linger: Duration,
    /// Largest request of several batches, before compression.
    pub request_bytes_max: usize,
    /// Memory of all records not yet acknowledged; who sends more waits. No record may be larger.
    pub memory_bytes: usize,
    /// Requests on their way to one broker at once. More than 1 without idempotence may change
    /// the order of records when a request fails and is sent again.
    pub in_flight_max: usize,
    /// Number batches, so that a retry is never written twice (KIP-98); needs [`Acks::All`].
    pub idempotence: bool,
    /// How long a record may wait for its acknowledgement before it is given up.
    pub delivery_timeout: Duration,
    /// The pause before the first retry; it doubles with each.
    pub retry_backoff: Duration,
    /// The longest pause.
    pub retry_backoff_max: Duration,
}

impl Default for ProducerSettings {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            compression: Codec::None,
            batch_bytes_max: 256 << 10,
            linger: Duration::from_millis(5),
            request_bytes_max: 1 << 20,
            memory_bytes: 32 << 20,
            in_flight_max: 5,
            idempotence: true,
            delivery_timeout: Duration::from_secs(120),
            retry_backoff: Duration::from_millis(50),
            retry_backoff_max: Duration::from_secs(1),
        }
    }
}

/// Whose acknowledgement makes a record count as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Every in-sync replica's.
    All,
    /// The leader's.
    Leader,
    /// Nobody's: a record counts as written once it was handed to the system.
    None,
}

impl Acks {
    /// The number in a Produce request.
    fn number(self) -> i16 {
        match self {
            Self::All => -1,
            Self::Leader => 1,
            Self::None => 0,
        }
    }
}

/// A record to send.
#[derive(Clone, Copy, Debug)]
pub struct ProducerRecord<'a> {
    /// Its topic.
    pub topic: &'a Arc<str>,
    /// Its partition; if `None` the key decides, and without a key the load.
    pub partition: Option<i32>,
    /// Its time; now, if `None`.
    pub timestamp: Option<TimestampMs>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: &'a [Header<'a>],
    /// What the delivery report calls it.
    pub tag: u64,
}

/// What became of the records of one batch.
#[derive(Debug)]
pub struct Delivery {
    /// Where they went.
    pub partition: TopicPartition,
    /// The tags of the records, in order.
    pub tags: Vec<u64>,
    /// Bytes of keys, values and headers, before compression.
    pub bytes: usize,
    /// The first record's offset, −1 where the broker did not tell; or why there is none.
    pub outcome: Result<Offset, ClientError>,
}

/// What is told to [`Producer::start`]'s callback; it runs on the producer's threads.
type OnDelivery = dyn Fn(&Delivery) + Send + Sync;

/// Sends records; may be shared by threads.
///
/// One thread gathers requests, compresses and sends; one thread a broker receives. Dropping the
/// producer gives up what is not yet sent, [`Producer::flush`] before that sends it.
pub struct Producer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the producer's threads and its users share.
struct Shared {
    cluster: Arc<Cluster>,
    settings: ProducerSettings,
    state: Mutex<State>,
    /// The sending thread has something to look at.
    work: Condvar,
    /// Memory became free, or everything was sent.
    progress: Condvar,
    on_delivery: Box<OnDelivery>,
}

impl Producer {
    /// Starts a producer; `on_delivery` is told what became of every record.
    pub fn start(
        cluster: Arc<Cluster>,
        settings: ProducerSettings,
        on_delivery: impl Fn(&Delivery) + Send + Sync + 'static,
    ) -> Self {
        let settings = ProducerSettings {
            idempotence: settings.idempotence && settings.acks == Acks::All,
            ..settings
        };
        let shared = Arc::new(Shared {
            cluster,
            state: Mutex::new(State::new(settings.clone())),
            settings,
            work: Condvar::new(),
            progress: Condvar::new(),
            on_delivery: Box::new(on_delivery),
        });
        let sender = Sender::new(shared.clone());
        let thread = std::thread::Builder::new().name("producer".to_owned());
        let thread = thread.spawn(move || sender.run());
        Self {
            shared,
            thread: Some(thread.expect("the system can start a thread")),
        }
    }

    /// Takes a record over; waits while the producer's memory is used up.
    ///
    /// An error says that the record was not taken; what becomes of a record that was is told to
    /// the delivery callback.
    pub fn send(&self, record: &ProducerRecord<'_>) -> Result<(), ClientError> {
        let timestamp = record.timestamp.unwrap_or_else(now_ms);
        loop {
            let mut state = lock(&self.shared.state);
            let appended = state.append(Instant::now(), timestamp, record, fastrand::usize(..));
            match appended {
                Ok(wake) => {
                    drop(state);
                    if wake {
                        self.shared.work.notify_one();
                    }
                    return Ok(());
                }
                Err(Rejection::Full) => self.wait_for_memory(state),
                Err(Rejection::UnknownTopic) => {
                    drop(state);
                    self.learn_topic(record.topic)?;
                }
                Err(Rejection::NoPartition(partitions)) => {
                    return Err(ClientError::NoPartition {
                        topic: record.topic.to_string(),
                        partition: record.partition.unwrap_or(-1),
                        partitions,
                    });
                }
                Err(Rejection::TooLarge(bytes)) => {
                    return Err(ClientError::RecordTooLarge {
                        bytes,
                        bytes_max: self.shared.settings.memory_bytes,
                    });
                }
            }
        }
    }

    /// Sends what waits at once, and returns when every record is acknowledged or given up.
    pub fn flush(&self) {
        let mut state = lock(&self.shared.state);
        state.in_a_hurry += 1;
        self.shared.work.notify_one();
        while !state.is_idle() {
            state = self.shared.wait(state);
        }
        state.in_a_hurry -= 1;
    }

    fn wait_for_memory(&self, mut state: MutexGuard<'_, State>) {
        state.in_a_hurry += 1;
        self.shared.work.notify_one();
        state = self.shared.wait(state);
        state.in_a_hurry -= 1;
    }

    fn learn_topic(&self, topic: &str) -> Result<(), ClientError> {
        self.shared.cluster.topic(topic, AutoCreate::Allowed)?;
        self.shared.learn(&self.shared.cluster.metadata());
        Ok(())
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        lock(&self.shared.state).abandon();
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Takes the leaders over that the cluster knows.
    fn learn(&self, metadata: &super::Metadata) {
        lock(&self.state).on_metadata(metadata);
        self.work.notify_one();
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let waited = self.progress.wait(state);
        waited.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// One request is over: batches are done, given up, or go back to their queues.
    fn finish(&self, node: NodeId, answers: Vec<(Parcel, Answer)>, error: Option<&ClientError>) {
        if let Some(error) = error {
            self.trouble(error);
        }
        let now = Instant::now();
        let mut state = lock(&self.state);
        state.on_request_done(node);
        let deliver = |(parcel, answer)| state.on_answer(now, parcel, answer, fastrand::u32(..));
        let deliveries = answers.into_iter().filter_map(deliver).collect();
        drop(state);
        self.work.notify_one();
        self.report(deliveries);
    }

    /// Remembers why records wait, for those that will have waited too long.
    fn trouble(&self, error: &ClientError) {
        log::debug!("producer: {error}");
        lock(&self.state).last_trouble = Some(error.to_string());
    }

    /// Tells the user, and then whoever waits for progress.
    fn report(&self, deliveries: Vec<Delivery>) {
        for delivery in &deliveries {
            (self.on_delivery)(delivery);
        }
        lock(&self.state).on_reported(deliveries.len());
        self.progress.notify_all();
    }
}

fn now_ms() -> TimestampMs {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as TimestampMs)
}
