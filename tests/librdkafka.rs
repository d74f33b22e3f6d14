//! librdkafka (through the rdkafka crate) against the built broker: every codec and acks, read back
//! byte by byte.

mod broker_process;

use std::time::{Duration, Instant};

use broker_process::{Broker, seed, setting};
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::{Arc, Mutex};

const PARTITIONS: i32 = 3;
const WAIT: Duration = Duration::from_secs(30);

#[test]
fn every_codec_and_acks_comes_back_byte_by_byte() {
    let broker = Broker::start(&[]);
    let mut plan = Plan::new(&broker);
    plan.create_topic();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        // "all" first: a fresh topic may refuse its first record, which only acks other than 0 tell.
        for acks in ["all", "1", "0"] {
            plan.produce(codec, acks, false);
        }
        plan.produce(codec, "all", true);
    }
    plan.read_back();
    plan.seek_by_timestamp();
    plan.grow_and_delete();
}

#[derive(Clone, Debug, PartialEq)]
struct Sent {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp: i64,
}

struct Plan {
    bootstrap: String,
    topic: String,
    random: fastrand::Rng,
    clock: i64,
    /// In the order in which each partition must hold them.
    sent: [Vec<Sent>; PARTITIONS as usize],
}

impl Plan {
    fn new(broker: &Broker) -> Self {
        let seed = seed();
        Self {
            bootstrap: broker.bootstrap(),
            topic: format!("librdkafka-{seed:016x}"),
            random: fastrand::Rng::with_seed(seed),
            clock: 1_700_000_000_000,
            sent: Default::default(),
        }
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("an admin client starts")
    }

    fn create_topic(&self) {
        let topic = NewTopic::new(&self.topic, PARTITIONS, TopicReplication::Fixed(1))
            .set("retention.ms", "-1");
        let admin = self.admin();
        let created = block_on(admin.create_topics([&topic], &AdminOptions::new()));
        assert_eq!(created.expect("an answer"), [Ok(self.topic.clone())]);
        let again = block_on(admin.create_topics([&topic], &AdminOptions::new()));
        let refusal = Err((self.topic.clone(), RDKafkaErrorCode::TopicAlreadyExists));
        assert_eq!(again.expect("an answer"), [refusal]);
    }

    fn produce(&mut self, codec: &str, acks: &str, idempotent: bool) {
        let acknowledged = Acknowledged::default();
        let producer: ThreadedProducer<_> = self
            .client()
            .set("compression.type", codec)
            .set("acks", acks)
            .set("enable.idempotence", idempotent.to_string())
            .set("linger.ms", "10")
            .set("message.max.bytes", "1048588")
            .create_with_context(acknowledged.clone())
            .expect("a producer starts");
        let ends = self.ends();
        for (partition, record) in self.draw_records() {
            send(&producer, &self.topic, partition, &record);
            self.sent[partition as usize].push(record);
        }
        producer.flush(WAIT).expect("everything is sent in time");
        let mut offsets = acknowledged.0.lock().expect("no panic").clone();
        if acks != "0" {
            offsets.sort_unstable();
            assert_eq!(offsets, self.offsets_since(ends), "{codec} acks={acks}");
        }
        self.await_ends(&format!("{codec} acks={acks} idempotent={idempotent}"));
    }

    fn draw_records(&mut self) -> Vec<(i32, Sent)> {
        let mut sizes = vec![0, 1, 100, 1_000, 16_384, 100_000, 900_000];
        sizes.extend((0..setting("KLAMM_RECORDS", 30)).map(|_| self.random.usize(0..300)));
        let mut values = vec![None];
        values.extend(sizes.into_iter().map(|size| Some(self.value(size))));
        values
            .into_iter()
            .map(|value| (self.random.i32(0..PARTITIONS), self.record(value)))
            .collect()
    }

    fn record(&mut self, value: Option<Vec<u8>>) -> Sent {
        self.clock += self.random.i64(1..50);
        let key = match self.random.u8(0..3) {
            0 => None,
            1 => Some(b"key".to_vec()),
            _ => Some(self.bytes(16)),
        };
        let headers = [
            ("null".to_owned(), None),
            ("empty".to_owned(), Some(Vec::new())),
            ("twice".to_owned(), Some(vec![1])),
            ("twice".to_owned(), Some(vec![0, 255])),
        ];
        Sent {
            key,
            value,
            headers: headers[..self.random.usize(0..=4)].to_vec(),
            timestamp: self.clock,
        }
    }

    /// Half of them compress well, half not at all.
    fn value(&mut self, size: usize) -> Vec<u8> {
        if self.random.bool() {
            return self.bytes(size);
        }
        b"the same words again and again; "
            .iter()
            .copied()
            .cycle()
            .take(size)
            .collect()
    }

    fn bytes(&mut self, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        self.random.fill(&mut bytes);
        bytes
    }

    fn ends(&self) -> [i64; PARTITIONS as usize] {
        self.sent.each_ref().map(|sent| sent.len() as i64)
    }

    fn offsets_since(&self, before: [i64; PARTITIONS as usize]) -> Vec<(i32, i64)> {
        let ends = self.ends();
        let ranges = (0..PARTITIONS).zip(before.into_iter().zip(ends));
        ranges
            .flat_map(|(partition, (from, to))| (from..to).map(move |offset| (partition, offset)))
            .collect()
    }

    /// acks=0 returns before the broker has the records.
    fn await_ends(&self, name: &str) {
        let consumer = self.consumer();
        let deadline = Instant::now() + WAIT;
        loop {
            let ends = [0, 1, 2].map(|partition| {
                consumer
                    .fetch_watermarks(&self.topic, partition, WAIT)
                    .expect("watermarks")
                    .1
            });
            if ends == self.ends() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "after {name}: log ends {ends:?}, sent {:?}",
                self.ends()
            );
        }
    }

    fn consumer(&self) -> BaseConsumer {
        let mut config = self.client();
        config
            .set("group.id", "unused")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error");
        config.create().expect("a consumer starts")
    }

    fn read_back(&self) {
        let consumer = self.consumer();
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition_offset(&self.topic, partition, Offset::Beginning)
                .expect("a valid offset");
        }
        consumer.assign(&list).expect("assigned");
        let mut next = [0; PARTITIONS as usize];
        while next
            .iter()
            .zip(self.ends())
            .any(|(&next, end)| (next as i64) < end)
        {
            let message = consumer
                .poll(WAIT)
                .expect("more records in time")
                .expect("no error");
            let partition = message.partition() as usize;
            let index = next[partition];
            assert_eq!(
                message.offset(),
                index as i64,
                "offsets of partition {partition} are dense"
            );
            let wanted = &self.sent[partition][index];
            assert!(
                received(&message) == *wanted,
                "partition {partition} offset {index}"
            );
            next[partition] += 1;
        }
        assert!(
            consumer.poll(Duration::from_millis(300)).is_none(),
            "nothing after the end"
        );
    }

    fn seek_by_timestamp(&self) {
        let consumer = self.consumer();
        for (partition, sent) in (0..PARTITIONS).zip(&self.sent) {
            for index in [0, sent.len() / 2, sent.len() - 1] {
                let mut asked = TopicPartitionList::new();
                asked
                    .add_partition_offset(
                        &self.topic,
                        partition,
                        Offset::Offset(sent[index].timestamp),
                    )
                    .expect("a valid offset");
                let found = consumer.offsets_for_times(asked, WAIT).expect("an answer");
                assert_eq!(found.elements()[0].offset(), Offset::Offset(index as i64));
                consumer.assign(&found).expect("assigned");
                let message = consumer
                    .poll(WAIT)
                    .expect("a record in time")
                    .expect("no error");
                assert_eq!(message.offset(), index as i64);
            }
        }
    }

    fn grow_and_delete(&self) {
        let admin = self.admin();
        let grown = block_on(
            admin.create_partitions(&[NewPartitions::new(&self.topic, 5)], &AdminOptions::new()),
        );
        assert_eq!(grown.expect("an answer"), [Ok(self.topic.clone())]);
        let metadata = self
            .consumer()
            .fetch_metadata(Some(&self.topic), WAIT)
            .expect("metadata");
        assert_eq!(metadata.topics()[0].partitions().len(), 5);
        let deleted = block_on(admin.delete_topics(&[&self.topic], &AdminOptions::new()));
        assert_eq!(deleted.expect("an answer"), [Ok(self.topic.clone())]);
    }
}

/// Collects what was acknowledged; an error ends the test.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Mutex<Vec<(i32, i64)>>>);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        match result {
            Ok(message) => self
                .0
                .lock()
                .expect("no panic")
                .push((message.partition(), message.offset())),
            Err((error, _)) => panic!("not delivered: {error}"),
        }
    }
}

fn send(producer: &ThreadedProducer<Acknowledged>, topic: &str, partition: i32, record: &Sent) {
    let mut headers = OwnedHeaders::new();
    for (key, value) in &record.headers {
        headers = headers.insert(Header {
            key,
            value: value.as_ref(),
        });
    }
    let mut message = BaseRecord::<[u8], [u8]>::to(topic)
        .partition(partition)
        .timestamp(record.timestamp)
        .headers(headers);
    message.key = record.key.as_deref();
    message.payload = record.value.as_deref();
    producer
        .send(message)
        .map_err(|(error, _)| error)
        .expect("the queue has room");
}

fn received(message: &impl Message) -> Sent {
    let headers = message.headers().map(|headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
            .collect()
    });
    Sent {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        timestamp: message.timestamp().to_millis().expect("a timestamp"),
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}
