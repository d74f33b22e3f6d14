//! A broker whose disk is full: producers are told, consumers read on, and when space returns an
//! idempotent producer goes on where it was. Nothing acknowledged is lost.
//!
//! Needs `KLAMM_SMALL_DIR` as `log_full` does, so it runs only when asked for, as `.ci/run` does.

mod broker_process;

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use broker_process::Broker;
use broker_process::wire::Wire;
use bytes::Bytes;
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const TOPIC: &str = "full";
/// Of another topic, so that the record numbers of the first are its offsets.
const OTHER: &str = "other";
const PARTITIONS: usize = 3;
const RECORD_BYTES: usize = 10_000;
/// What is beside the data, and removed in the end.
const BALLAST_BYTES: usize = 12 << 20;
/// Without progress for so long, the disk is full.
const STUCK: Duration = Duration::from_secs(3);
const WAIT: Duration = Duration::from_secs(60);
/// KAFKA_STORAGE_ERROR.
const STORAGE_ERROR: i16 = 56;

#[test]
#[ignore = "needs KLAMM_SMALL_DIR, a small file system"]
fn a_full_disk_refuses_serves_heals_and_loses_nothing() {
    let small = env::var("KLAMM_SMALL_DIR").expect("KLAMM_SMALL_DIR names a small file system");
    let ballast = Path::new(&small).join("ballast");
    // So small that there is space for the journals: what they have must not be dropped.
    let journal = ["--set", "klamm.journal.bytes=512KiB"];
    let mut broker = Broker::start_in(Path::new(&small), &journal);
    create(&broker, TOPIC, PARTITIONS as i32);
    create(&broker, OTHER, 1);
    fs::write(&ballast, vec![1; BALLAST_BYTES]).expect("the ballast fits");
    fs::File::open(&ballast).unwrap().sync_all().unwrap();

    let ledger = Ledger::default();
    let producer = producer(&broker, ledger.clone());
    let mut sent = [0; PARTITIONS];
    fill(&producer, &ledger, &mut sent);
    let acknowledged = ledger.acknowledged();
    println!("full with {acknowledged:?} of {sent:?} acknowledged");
    await_refusal(&broker);
    verify(&broker, &acknowledged);

    fs::remove_file(&ballast).expect("the ballast was there");
    let freed = Instant::now();
    producer.flush(WAIT).expect("everything is acknowledged");
    println!(
        "all acknowledged {:.1?} after there was space",
        freed.elapsed()
    );
    await_success(&broker);
    send_more(&producer, &mut sent);
    producer.flush(WAIT).expect("everything is acknowledged");
    assert_eq!(ledger.acknowledged(), sent);
    assert!(ledger.mistakes().is_empty(), "{:#?}", ledger.mistakes());
    verify(&broker, &sent);
    let output = broker.output();
    assert!(output.contains("the disk is full"), "{output}");
    assert!(output.contains("the disk has space again"), "{output}");

    fill_to_the_last_byte(&ballast);
    broker.kill();
    broker.start_again();
    verify(&broker, &sent);
    broker.stop();
    broker.start_again();
    verify(&broker, &sent);
    fs::remove_file(&ballast).expect("the ballast was there");
    await_success(&broker);
    broker.stop();
}

/// A broker that finds the disk like this when it starts must serve all the same.
fn fill_to_the_last_byte(ballast: &Path) {
    let mut file = fs::File::create(ballast).expect("a name takes no new block");
    for piece in [1 << 20, 4096, 1] {
        while file.write_all(&vec![1; piece]).is_ok() {}
    }
    let _ = file.sync_all();
}

fn create(broker: &Broker, topic: &str, partitions: i32) {
    let created = connect(broker).create_topic(topic, partitions, &[]);
    assert_eq!(created.expect("an answer").topics[0].error_code, 0);
}

fn connect(broker: &Broker) -> Wire {
    Wire::connect(broker.address()).expect("the broker listens")
}

/// One that never gives up and may not reorder.
fn producer(broker: &Broker, ledger: Ledger) -> ThreadedProducer<Ledger> {
    ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("enable.idempotence", "true")
        .set("linger.ms", "1")
        .set("batch.num.messages", "5")
        .set("queue.buffering.max.messages", "150")
        .set("message.timeout.ms", "0")
        .set("retry.backoff.ms", "20")
        .set("retry.backoff.max.ms", "200")
        .set("log_level", "0")
        .create_with_context(ledger)
        .expect("a producer starts")
}

/// Sends until nothing moves any more.
fn fill(producer: &ThreadedProducer<Ledger>, ledger: &Ledger, sent: &mut [u64; PARTITIONS]) {
    let mut moved = (Instant::now(), 0);
    while moved.0.elapsed() < STUCK {
        let partition = fastrand::usize(0..PARTITIONS);
        if !send(producer, partition, sent) {
            thread::sleep(Duration::from_millis(2));
        }
        let total = ledger.acknowledged().iter().sum();
        if total > moved.1 {
            moved = (Instant::now(), total);
        }
    }
}

fn send_more(producer: &ThreadedProducer<Ledger>, sent: &mut [u64; PARTITIONS]) {
    for number in 0..100 {
        assert!(
            send(producer, number % PARTITIONS, sent),
            "the queue is empty"
        );
    }
}

/// False when the producer's queue is full.
fn send(
    producer: &ThreadedProducer<Ledger>,
    partition: usize,
    sent: &mut [u64; PARTITIONS],
) -> bool {
    let payload = payload(partition, sent[partition]);
    let record = BaseRecord::<(), [u8], usize>::with_opaque_to(TOPIC, sent[partition] as usize)
        .partition(partition as i32)
        .payload(&payload);
    match producer.send(record) {
        Ok(()) => sent[partition] += 1,
        Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => return false,
        Err((error, _)) => panic!("the producer gave up: {error}"),
    }
    true
}

/// A plain producer is told what is the matter, again and again.
fn await_refusal(broker: &Broker) {
    let begun = Instant::now();
    let mut refusals = 0;
    while refusals < 3 {
        match produce_other(broker) {
            STORAGE_ERROR => refusals += 1,
            other => assert_eq!(other, 0, "what was already allocated may be used up first"),
        }
        assert!(begun.elapsed() < WAIT, "the disk never gets full");
    }
}

/// One try a second reaches the disk.
fn await_success(broker: &Broker) {
    let begun = Instant::now();
    while produce_other(broker) != 0 {
        assert!(begun.elapsed() < WAIT, "the other topic stays refused");
        thread::sleep(Duration::from_millis(100));
    }
}

fn produce_other(broker: &Broker) -> i16 {
    let value = Bytes::from(vec![7; 100_000]);
    let produced = connect(broker).produce(OTHER, 0, value);
    produced.expect("an answer")
}

/// The logs are exactly what was acknowledged, and perhaps a little more of what was sent.
fn verify(broker: &Broker, acknowledged: &[u64; PARTITIONS]) {
    for (partition, &count) in acknowledged.iter().enumerate() {
        let consumer = consumer(broker, partition);
        for number in 0..count {
            let message = consumer.poll(WAIT).expect("a record").expect("no error");
            assert_eq!(message.offset() as u64, number, "partition {partition}");
            let expected = payload(partition, number);
            assert!(
                message.payload() == Some(&expected),
                "partition {partition} offset {number} holds another record"
            );
        }
    }
}

fn consumer(broker: &Broker, partition: usize) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true")
        .create()
        .expect("a consumer starts");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, partition as i32, Offset::Offset(0))
        .expect("a valid offset");
    consumer.assign(&list).expect("assigned");
    consumer
}

/// What the broker has acknowledged: each record at the offset of its number, none failed.
#[derive(Clone, Default)]
struct Ledger {
    acknowledged: Arc<[AtomicU64; PARTITIONS]>,
    mistakes: Arc<Mutex<Vec<String>>>,
}

impl Ledger {
    fn acknowledged(&self) -> [u64; PARTITIONS] {
        std::array::from_fn(|partition| self.acknowledged[partition].load(Ordering::SeqCst))
    }

    fn mistakes(&self) -> Vec<String> {
        self.mistakes.lock().expect("no panic").clone()
    }

    fn mistake(&self, what: String) {
        self.mistakes.lock().expect("no panic").push(what);
    }
}

impl ClientContext for Ledger {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.mistake(format!("fatal: {error}: {reason}"));
        }
    }
}

impl ProducerContext for Ledger {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        match result {
            Ok(message) => {
                let acknowledged = &self.acknowledged[message.partition() as usize];
                let wanted = acknowledged.fetch_add(1, Ordering::SeqCst);
                if (number as u64, message.offset() as u64) != (wanted, wanted) {
                    self.mistake(format!(
                        "record {number} is at {}, next was {wanted}",
                        message.offset()
                    ));
                }
            }
            Err((error, _)) => self.mistake(format!("record {number} failed: {error}")),
        }
    }
}

/// What record `number` of a partition holds: its place in plain bytes, then noise.
fn payload(partition: usize, number: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(((partition as u64) << 56) ^ number);
    let mut payload = vec![0; RECORD_BYTES];
    payload[..8].copy_from_slice(&number.to_be_bytes());
    random.fill(&mut payload[8..]);
    payload
}
