//! Batches of hundreds of kilobytes, which a core receives straight into the log's memory: alone on
//! their partition, against each other, between small ones and across rolled segments. All come
//! back byte by byte, from memory, from the files, and after a kill.

mod broker_process;

use std::thread;
use std::time::Duration;

use broker_process::{Broker, seed, setting};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const SETTINGS: [&str; 4] = [
    "--set",
    "log.segment.bytes=8388608",
    "--set",
    "num.partitions=3",
];
const WAIT: Duration = Duration::from_secs(60);
const TOPIC: &str = "large";
/// The partition of each producer: two have one of their own, two share one.
const PARTITION_OF: [i32; 4] = [0, 1, 2, 2];

#[test]
fn large_batches_come_back_byte_by_byte() {
    let mut broker = Broker::start(&SETTINGS);
    let sent = Sent::to(&broker);
    sent.read_back();
    if broker.is_ours() {
        broker.kill();
        broker.start_again();
        sent.read_back();
    }
}

#[test]
fn on_their_own_core_they_are_received_in_place() {
    let mut broker = Broker::start(&[&SETTINGS[..], &["--cores", "1"]].concat());
    if !broker.is_klamm() {
        return;
    }
    let sent = Sent::to(&broker);
    sent.read_back();
    broker.stop();
    assert!(received_in_place(&broker.output()) > 0);
    broker.start_again();
    sent.read_back();
}

/// What the cores said when they closed.
fn received_in_place(output: &str) -> u64 {
    let line = output.lines().find(|line| line.contains("in place"));
    let (before, _) = line
        .and_then(|line| line.split_once(" of them"))
        .expect(output);
    let number = before.rsplit(' ').next();
    number.expect("a word").parse().expect("a number")
}

/// What was produced, with what it can be told from.
struct Sent {
    bootstrap: String,
    seed: u64,
    records: u32,
}

impl Sent {
    fn to(broker: &Broker) -> Self {
        let sent = Self {
            bootstrap: broker.bootstrap(),
            seed: seed(),
            records: setting("KLAMM_RECORDS", 1_500) as u32,
        };
        create(&sent.bootstrap);
        thread::scope(|scope| {
            for number in 0..PARTITION_OF.len() as u32 {
                let sent = &sent;
                scope.spawn(move || produce(&sent.bootstrap, sent.seed, number, sent.records));
            }
        });
        sent
    }

    fn read_back(&self) {
        read_back(&self.bootstrap, self.seed, self.records);
    }
}

fn create(bootstrap: &str) {
    let consumer = consumer(bootstrap);
    let known = consumer.fetch_metadata(Some(TOPIC), WAIT);
    known.expect("the topic is created by being asked for");
}

/// Sends `records` records with a burst here and a pause there, so that batches differ in size.
fn produce(bootstrap: &str, seed: u64, number: u32, records: u32) {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("linger.ms", "20")
        .set("enable.idempotence", number.is_multiple_of(2).to_string())
        .set("acks", "all")
        .set("queue.buffering.max.kbytes", "1000000")
        .set("allow.auto.create.topics", "true")
        .create()
        .expect("a producer starts");
    let mut random = fastrand::Rng::with_seed(seed ^ u64::from(number));
    for sequence in 0..records {
        let value = value(seed, number, sequence);
        let record = BaseRecord::<(), [u8]>::to(TOPIC)
            .partition(PARTITION_OF[number as usize])
            .payload(&value);
        producer
            .send(record)
            .map_err(|(error, _)| error)
            .expect("the queue has room");
        if random.u32(0..200) == 0 {
            thread::sleep(Duration::from_millis(30));
        }
    }
    producer.flush(WAIT).expect("everything is sent in time");
    assert_eq!(producer.in_flight_count(), 0);
}

/// A record names its producer and place, the rest follows from those.
fn value(seed: u64, number: u32, sequence: u32) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed ^ u64::from(number) << 40 ^ u64::from(sequence));
    let size = match random.u8(0..10) {
        0 => random.usize(0..100),
        1 => random.usize(50_000..300_000),
        _ => random.usize(1_000..20_000),
    };
    let mut bytes = vec![0; 8 + size];
    random.fill(&mut bytes[8..]);
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes[4..8].copy_from_slice(&sequence.to_be_bytes());
    bytes
}

fn read_back(bootstrap: &str, seed: u64, records: u32) {
    let consumer = consumer(bootstrap);
    let mut list = TopicPartitionList::new();
    for partition in 0..3 {
        list.add_partition_offset(TOPIC, partition, Offset::Beginning)
            .expect("a valid offset");
    }
    consumer.assign(&list).expect("assigned");
    let mut offsets = [0; 3];
    let mut next = [0; PARTITION_OF.len()];
    for _ in 0..records as usize * PARTITION_OF.len() {
        let message = consumer.poll(WAIT).expect("more records in time");
        let message = message.expect("no error");
        let partition = message.partition() as usize;
        assert_eq!(message.offset(), offsets[partition], "offsets are dense");
        offsets[partition] += 1;
        let payload = message.payload().expect("a value");
        let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().expect("4 bytes"));
        let (number, sequence) = (word(0), word(4));
        assert_eq!(sequence, next[number as usize], "of producer {number}");
        next[number as usize] += 1;
        assert!(
            payload == value(seed, number, sequence),
            "producer {number}, record {sequence}"
        );
    }
    assert_eq!(next, [records; PARTITION_OF.len()]);
}

fn consumer(bootstrap: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .set("allow.auto.create.topics", "true")
        .create()
        .expect("a consumer starts")
}
