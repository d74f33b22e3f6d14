//! kill -9 at random moments under load (librdkafka, acks=all, idempotent, several partitions).
//!
//! Every record that is sent is retried until it is acknowledged, so after each round the log of a
//! partition must be exactly what was sent: record `n` at offset `n`. A lost, doubled or misplaced
//! record shifts all that follow it. `KLAMM_ROUNDS` (5; the long form is 100), `KLAMM_SEED`.

mod broker_process;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use broker_process::wire::Wire;
use broker_process::{Broker, seed, setting};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const PARTITIONS: usize = 6;
const TOPIC: &str = "kill-nine";
/// Everything outstanding must be acknowledged this long after the restart.
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// A fresh producer, thus a fresh producer id, every so many rounds.
const ROUNDS_PER_PRODUCER: u64 = 7;

#[test]
fn kill_nine_loses_doubles_and_reorders_nothing() {
    let mut broker = Broker::start(&[]);
    if !broker.is_ours() {
        println!("skipped: an external broker cannot be killed");
        return;
    }
    let mut run = Run::new(&broker);
    let rounds = setting("KLAMM_ROUNDS", 5);
    for round in 0..rounds {
        if round % ROUNDS_PER_PRODUCER == 0 {
            run.fresh_producer();
        }
        run.round(&mut broker, round);
    }
    run.summary(rounds);
    let clean_stop = broker.stop();
    let clean_start = broker.start_again();
    run.verify_from_the_beginning();
    println!("clean stop {clean_stop:.1?}, start after it {clean_start:.1?}");
}

/// What has been sent and verified so far.
struct Run {
    bootstrap: String,
    random: fastrand::Rng,
    payload_seed: u64,
    producer: Option<ThreadedProducer<Ledger>>,
    ledger: Ledger,
    sent: [u64; PARTITIONS],
    verified: [u64; PARTITIONS],
    bytes: u64,
    restarts: Vec<Duration>,
    settles: Vec<Duration>,
}

impl Run {
    fn new(broker: &Broker) -> Self {
        let seed = seed();
        let mut wire = Wire::connect(broker.address()).expect("the broker listens");
        let created = wire.create_topic(TOPIC, PARTITIONS as i32, &[("segment.bytes", "1048576")]);
        let codes: Vec<i16> = created
            .expect("an answer")
            .topics
            .iter()
            .map(|topic| topic.error_code)
            .collect();
        assert_eq!(codes, [0], "the topic is created");
        Self {
            bootstrap: broker.bootstrap(),
            random: fastrand::Rng::with_seed(seed),
            payload_seed: seed,
            producer: None,
            ledger: Ledger::default(),
            sent: [0; PARTITIONS],
            verified: [0; PARTITIONS],
            bytes: 0,
            restarts: Vec::new(),
            settles: Vec::new(),
        }
    }

    fn fresh_producer(&mut self) {
        self.producer = None;
        let codec = ["none", "lz4", "zstd"][self.random.usize(0..3)];
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", codec)
            .set("linger.ms", "1")
            .set("batch.num.messages", "200")
            .set("queue.buffering.max.messages", "3000")
            .set("message.timeout.ms", "0")
            .set("retry.backoff.ms", "20")
            .set("retry.backoff.max.ms", "200")
            .set("reconnect.backoff.ms", "20")
            .set("reconnect.backoff.max.ms", "200")
            .set("log_level", "0")
            .create_with_context(self.ledger.clone());
        self.producer = Some(producer.expect("a producer starts"));
    }

    /// Load, kill, restart, a little more load, everything acknowledged, everything compared.
    fn round(&mut self, broker: &mut Broker, round: u64) {
        let before = self.sent;
        let stop = AtomicBool::new(false);
        let producer = self.producer.take().expect("made before the first round");
        let mut sent = self.sent;
        let load = Load {
            producer: &producer,
            payload_seed: self.payload_seed,
            random: self.random.fork(),
            stop: &stop,
        };
        thread::scope(|scope| {
            let load = scope.spawn(move || load.run(&mut sent));
            let _stop = StopOnDrop(&stop);
            self.kill_and_restart(broker);
            thread::sleep(Duration::from_millis(self.random.u64(0..300)));
            stop.store(true, Ordering::Relaxed);
            let (sent, bytes) = load.join().expect("the load does not panic");
            self.sent = sent;
            self.bytes += bytes;
        });
        self.settle(&producer, broker);
        self.producer = Some(producer);
        self.verify();
        let count: u64 = self.sent.iter().sum::<u64>() - before.iter().sum::<u64>();
        println!(
            "round {round}: {count} records, restart {:.0?}, all acknowledged {:.0?} later",
            self.restarts.last().expect("restarted"),
            self.settles.last().expect("settled"),
        );
    }

    fn kill_and_restart(&mut self, broker: &mut Broker) {
        thread::sleep(Duration::from_millis(self.random.u64(20..800)));
        broker.kill();
        if self.random.u8(0..5) == 0 {
            // Once more while it recovers.
            broker.spawn();
            thread::sleep(Duration::from_millis(self.random.u64(0..400)));
            broker.kill();
        }
        let started = Instant::now();
        broker.start_again();
        let all: Vec<i32> = (0..PARTITIONS as i32).collect();
        while !self.every_partition_answers(broker, &all) {
            assert!(
                started.elapsed() < SETTLE_MAX,
                "partitions stay away\n{}",
                broker.output()
            );
            thread::sleep(Duration::from_millis(5));
        }
        self.restarts.push(started.elapsed());
    }

    fn every_partition_answers(&self, broker: &Broker, all: &[i32]) -> bool {
        let ends = Wire::connect(broker.address()).and_then(|mut wire| wire.log_ends(TOPIC, all));
        ends.is_ok_and(|ends| ends.iter().all(|&end| end >= 0))
    }

    fn settle(&mut self, producer: &ThreadedProducer<Ledger>, broker: &mut Broker) {
        let started = Instant::now();
        let flushed = producer.flush(SETTLE_MAX);
        broker.assert_running();
        self.ledger.assert_clean(&broker.output());
        assert!(
            flushed.is_ok(),
            "{} records stay unacknowledged\n{}",
            producer.in_flight_count(),
            broker.output()
        );
        self.settles.push(started.elapsed());
        let acknowledged = self.ledger.0.lock().expect("no panic").acknowledged;
        assert_eq!(acknowledged, self.sent, "acknowledged and sent");
    }

    /// Reads what is new since the last round.
    fn verify(&mut self) {
        let consumer = self.consumer(&self.verified);
        while self.verified != self.sent {
            let message = consumer.poll(SETTLE_MAX);
            let Some(message) = message else {
                panic!(
                    "of {:?} sent only {:?} can be read",
                    self.sent, self.verified
                );
            };
            let message = message.expect("no error");
            let partition = message.partition() as usize;
            let number = self.verified[partition];
            assert_eq!(
                message.offset() as u64,
                number,
                "partition {partition}: offsets are dense"
            );
            let payload = payload(self.payload_seed, partition, number);
            assert!(
                message.payload() == Some(&payload),
                "partition {partition} offset {number} holds {}",
                described(message.payload()),
            );
            self.verified[partition] += 1;
        }
        assert!(
            consumer.poll(Duration::from_millis(50)).is_none(),
            "something after the last record"
        );
    }

    fn verify_from_the_beginning(&mut self) {
        self.verified = [0; PARTITIONS];
        self.verify();
    }

    fn consumer(&self, from: &[u64; PARTITIONS]) -> BaseConsumer {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", "unused")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            .create()
            .expect("a consumer starts");
        let mut list = TopicPartitionList::new();
        for (partition, &offset) in (0..).zip(from) {
            list.add_partition_offset(TOPIC, partition, Offset::Offset(offset as i64))
                .expect("a valid offset");
        }
        consumer.assign(&list).expect("assigned");
        consumer
    }

    fn summary(&mut self, rounds: u64) {
        self.restarts.sort_unstable();
        self.settles.sort_unstable();
        println!(
            "{rounds} rounds, {} records, {} MB: nothing lost, doubled or out of order; \
             restart until every partition answers: median {:.0?}, longest {:.0?}; \
             then until all is acknowledged: median {:.0?}, longest {:.0?}",
            self.sent.iter().sum::<u64>(),
            self.bytes / 1_000_000,
            self.restarts[self.restarts.len() / 2],
            self.restarts[self.restarts.len() - 1],
            self.settles[self.settles.len() / 2],
            self.settles[self.settles.len() - 1],
        );
    }
}

/// Sends as fast as the producer's queue takes it until told to stop.
struct Load<'a> {
    producer: &'a ThreadedProducer<Ledger>,
    payload_seed: u64,
    random: fastrand::Rng,
    stop: &'a AtomicBool,
}

impl Load<'_> {
    fn run(mut self, sent: &mut [u64; PARTITIONS]) -> ([u64; PARTITIONS], u64) {
        let mut bytes = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let partition = self.random.usize(0..PARTITIONS);
            let payload = payload(self.payload_seed, partition, sent[partition]);
            if self.send(partition, &payload, sent[partition]) {
                sent[partition] += 1;
                bytes += payload.len() as u64;
            } else {
                thread::sleep(Duration::from_millis(1));
            }
        }
        (*sent, bytes)
    }

    fn send(&self, partition: usize, payload: &[u8], number: u64) -> bool {
        let record = BaseRecord::<(), [u8], usize>::with_opaque_to(TOPIC, number as usize)
            .partition(partition as i32)
            .payload(payload);
        match self.producer.send(record) {
            Ok(()) => true,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => false,
            Err((error, _)) => panic!("the producer gave up: {error}"),
        }
    }
}

/// A failed round must not wait for its load for ever.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What the broker has acknowledged: in order, each record at the offset of its number.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Acknowledged>>);

#[derive(Default)]
struct Acknowledged {
    acknowledged: [u64; PARTITIONS],
    mistakes: Vec<String>,
}

impl Ledger {
    fn assert_clean(&self, output: &str) {
        let ledger = self.0.lock().expect("no panic");
        assert!(
            ledger.mistakes.is_empty(),
            "{:#?}\n{output}",
            &ledger.mistakes[..ledger.mistakes.len().min(10)]
        );
    }
}

impl ClientContext for Ledger {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        // A broker that is gone is what this test is about.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.0
                .lock()
                .expect("no panic")
                .mistakes
                .push(format!("fatal: {error}: {reason}"));
        }
    }
}

impl ProducerContext for Ledger {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let mut ledger = self.0.lock().expect("no panic");
        match result {
            Ok(message) => {
                let partition = message.partition() as usize;
                let wanted = ledger.acknowledged[partition];
                if (number as u64, message.offset() as u64) != (wanted, wanted) {
                    let mistake = format!(
                        "partition {partition}: record {number} acknowledged at {}, next was {wanted}",
                        message.offset()
                    );
                    ledger.mistakes.push(mistake);
                }
                ledger.acknowledged[partition] += 1;
            }
            Err((error, _)) => ledger
                .mistakes
                .push(format!("record {number} failed: {error}")),
        }
    }
}

/// What record `number` of a partition holds: its place in plain bytes, then noise.
fn payload(seed: u64, partition: usize, number: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed ^ ((partition as u64) << 56) ^ number);
    let length = if random.u8(0..50) == 0 {
        random.usize(0..60_000)
    } else {
        random.usize(0..800)
    };
    let mut payload = Vec::with_capacity(16 + length);
    payload.extend((partition as u64).to_be_bytes());
    payload.extend(number.to_be_bytes());
    payload.resize(16 + length, 0);
    random.fill(&mut payload[16..]);
    payload
}

fn described(payload: Option<&[u8]>) -> String {
    match payload {
        Some(bytes) if bytes.len() >= 16 => {
            let number = |from: usize| {
                u64::from_be_bytes(bytes[from..from + 8].try_into().expect("eight bytes"))
            };
            format!(
                "record {} of partition {} ({} bytes)",
                number(8),
                number(0),
                bytes.len()
            )
        }
        other => format!("{other:?}"),
    }
}
