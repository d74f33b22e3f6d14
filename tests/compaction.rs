//! A compacted topic under librdkafka: keyed records and tombstones, small segments, kill -9 while
//! it is compacted. The log gets small, and of each key the last value is what was sent last.
//!
//! `KLAMM_ROUNDS` (3), `KLAMM_SEED`.

mod broker_process;

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use broker_process::wire::Wire;
use broker_process::{Broker, seed, setting};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const TOPIC: &str = "latest";
const KEYS: u64 = 300;
const RECORDS_PER_ROUND: u64 = 20_000;
const SEGMENT_BYTES: u64 = 1 << 20;
/// Everything must be acknowledged, read or compacted within this time.
const PATIENCE: Duration = Duration::from_secs(90);
const SETTINGS: [&str; 2] = ["--set", "log.cleaner.backoff.ms=100"];

#[test]
fn the_log_gets_small_and_the_last_values_stay() {
    let mut broker = Broker::start(&SETTINGS);
    if !broker.is_ours() {
        println!("skipped: an external broker cannot be killed");
        return;
    }
    create_topic(&broker);
    let mut run = Run {
        seed: seed(),
        sent: 0,
    };
    let (seed, stop) = (run.seed, AtomicBool::new(false));
    let bootstrap = broker.bootstrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| read_until(&stop, &bootstrap, seed));
        let _stop = StopOnDrop(&stop);
        for round in 0..setting("KLAMM_ROUNDS", 3) {
            run.round(&mut broker, round);
        }
        stop.store(true, Ordering::Relaxed);
        let passes = reader.join().expect("the reader does not panic");
        println!("{passes} times read from the beginning meanwhile");
    });
    let stop = broker.stop();
    let start = broker.start_again();
    run.verify(&broker);
    println!("clean stop {stop:.1?}, start after it {start:.1?}");
}

fn create_topic(broker: &Broker) {
    let mut wire = Wire::connect(broker.address()).expect("the broker listens");
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.05"),
        ("delete.retention.ms", "1000"),
        ("file.delete.delay.ms", "200"),
    ];
    let created = wire.create_topic(TOPIC, 1, &configs).expect("an answer");
    assert_eq!(created.topics[0].error_code, 0, "the topic is created");
}

struct Run {
    seed: u64,
    sent: u64,
}

impl Run {
    /// Sends, kills the broker in the middle of it and of compaction, waits until the log is small.
    fn round(&mut self, broker: &mut Broker, round: u64) {
        let codec = ["none", "lz4", "zstd", "gzip", "snappy"][(round % 5) as usize];
        let producer = producer(broker, codec);
        let mut random = fastrand::Rng::with_seed(self.seed ^ round);
        let kills = [
            random.u64(..RECORDS_PER_ROUND),
            random.u64(..RECORDS_PER_ROUND),
        ];
        for number in 0..RECORDS_PER_ROUND {
            self.send(&producer);
            if kills.contains(&number) {
                thread::sleep(Duration::from_millis(random.u64(..300)));
                broker.kill();
                broker.start_again();
            }
        }
        producer.flush(PATIENCE).expect("all is acknowledged");
        let written = self.wait_until_small(broker);
        self.verify(broker);
        println!(
            "round {round} ({codec}): {} records are {written} bytes",
            self.sent
        );
    }

    fn send(&mut self, producer: &ThreadedProducer<DefaultProducerContext>) {
        let (key, value) = record(self.seed, self.sent);
        loop {
            let record = BaseRecord::<[u8], [u8]>::to(TOPIC).partition(0).key(&key);
            let record = match &value {
                Some(value) => record.payload(value),
                None => record,
            };
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => panic!("the producer gave up: {error}"),
            }
        }
        self.sent += 1;
    }

    /// The last value of each key and the active segment, as every finished one is compacted.
    fn wait_until_small(&self, broker: &Broker) -> u64 {
        let began = Instant::now();
        loop {
            let bytes = log_bytes(broker);
            if bytes < 2 * SEGMENT_BYTES {
                return bytes;
            }
            let late = began.elapsed() > PATIENCE;
            assert!(!late, "{bytes} bytes are left\n{}", broker.output());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What is read is what was sent, in order, and ends with the same last values.
    fn verify(&self, broker: &Broker) {
        let consumer = consumer(&broker.bootstrap());
        let (mut found, mut next) = (HashMap::new(), 0);
        while next < self.sent {
            let message = consumer.poll(PATIENCE).expect("more is to come");
            let message = message.expect("no error");
            let offset = message.offset() as u64;
            assert!(offset >= next, "{offset} after {next}");
            let (key, value) = record(self.seed, offset);
            assert_eq!(message.key(), Some(&key[..]), "the key at {offset}");
            assert_eq!(message.payload(), value.as_deref(), "the value at {offset}");
            note(&mut found, key, value);
            next = offset + 1;
        }
        let mut wanted = HashMap::new();
        for number in 0..self.sent {
            let (key, value) = record(self.seed, number);
            note(&mut wanted, key, value);
        }
        assert_eq!(found.len(), wanted.len());
        assert!(found == wanted, "the last values");
    }
}

/// Reads from the beginning again and again: whatever is exchanged meanwhile, what comes is what
/// was sent, in order, and so is what a time finds. Says how often it came to the end.
fn read_until(stop: &AtomicBool, bootstrap: &str, seed: u64) -> u64 {
    let mut passes = 0;
    while !stop.load(Ordering::Relaxed) {
        let consumer = consumer(bootstrap);
        let (mut next, mut oldest_ms) = (0, None);
        while let Some(message) = consumer.poll(Duration::from_millis(300)) {
            let message = match message {
                Ok(message) => message,
                // The broker is down.
                Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure,
                )) => break,
                Err(error) => panic!("reading at {next}: {error}"),
            };
            let offset = message.offset() as u64;
            assert!(offset >= next, "{offset} after {next}");
            let (key, value) = record(seed, offset);
            assert_eq!(message.key(), Some(&key[..]), "the key at {offset}");
            assert_eq!(message.payload(), value.as_deref(), "the value at {offset}");
            oldest_ms = oldest_ms.or(message.timestamp().to_millis());
            next = offset + 1;
        }
        passes += u64::from(next > 0);
        if let Some(at_ms) = oldest_ms
            && let Ok(found) = consumer.offsets_for_timestamp(at_ms, Duration::from_secs(5))
        {
            let found = &found.elements()[0];
            assert_eq!(found.error(), Ok(()), "an offset for {at_ms}");
        }
    }
    passes
}

/// A failed round must not wait for its reader for ever.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn note(values: &mut HashMap<Vec<u8>, Vec<u8>>, key: Vec<u8>, value: Option<Vec<u8>>) {
    match value {
        Some(value) => drop(values.insert(key, value)),
        None => drop(values.remove(&key)),
    }
}

/// Record `number`: a key of a few, and noise or nothing.
fn record(seed: u64, number: u64) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut random = fastrand::Rng::with_seed(seed ^ (number << 20));
    let key = format!("key-{}", random.u64(..KEYS)).into_bytes();
    let mut value = vec![0; random.usize(..500)];
    random.fill(&mut value);
    (key, (random.u8(..10) > 0).then_some(value))
}

fn log_bytes(broker: &Broker) -> u64 {
    let dir = broker.data_dir().join(format!("{TOPIC}-0"));
    let entries = fs::read_dir(dir).expect("the partition's directory");
    let logs = entries.map(|entry| entry.expect("an entry"));
    let logs = logs.filter(|entry| entry.path().extension().is_some_and(|end| end == "log"));
    // A file may be renamed meanwhile.
    logs.filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum()
}

fn producer(broker: &Broker, codec: &str) -> ThreadedProducer<DefaultProducerContext> {
    ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", codec)
        .set("linger.ms", "2")
        .set("batch.num.messages", "100")
        .set("queue.buffering.max.messages", "2000")
        .set("message.timeout.ms", "0")
        .set("retry.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "200")
        .set("log_level", "0")
        .create()
        .expect("a producer starts")
}

fn consumer(bootstrap: &str) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true")
        .set("log_level", "0")
        .create()
        .expect("a consumer starts");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, Offset::Offset(0))
        .expect("a valid offset");
    consumer.assign(&list).expect("assigned");
    consumer
}
