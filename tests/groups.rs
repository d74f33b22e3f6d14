//! Consumer groups of librdkafka (through the rdkafka crate) against the built broker: members
//! come, go and die, the broker stops and is killed, and nothing is lost.
//!
//! `KLAMM_TEST_ROUNDS=50` kills the broker that often instead of three times.

mod broker_process;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use broker_process::{Broker, seed};
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const PARTITIONS: i32 = 6;
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn members_share_and_take_over() {
    for assignor in ["range", "roundrobin", "cooperative-sticky"] {
        let broker = Broker::start(&["--set", "group.initial.rebalance.delay.ms=100"]);
        let stage = Stage::new(&broker, assignor);
        stage.produce(0..300);
        let mut members: Vec<Member> = (0..3).map(|_| stage.member()).collect();
        stage.wait("each has its part", || {
            members.iter().all(|member| member.count() == 2)
        });
        members.pop().expect("three are in").leave();
        stage.wait("two have all of it", || {
            members.iter().all(|member| member.count() == 3)
        });
        stage.produce(300..600);
        stage.wait("everything is processed", || stage.processed() == 600);
        members.into_iter().for_each(Member::leave);
        assert_eq!(stage.committed(), stage.ends(), "{assignor}");
    }
}

#[test]
fn a_restart_within_the_session_timeout_moves_nothing() {
    let mut broker = Broker::start(&["--set", "group.initial.rebalance.delay.ms=100"]);
    if !broker.is_ours() {
        return;
    }
    let stage = Stage::new(&broker, "range");
    let members: Vec<Member> = (0..2).map(|_| stage.member()).collect();
    stage.wait("both have their parts", || {
        members.iter().all(|member| member.count() == 3)
    });
    stage.produce(0..60);
    stage.wait("everything is processed", || stage.processed() == 60);
    let rebalances = stage.rebalances();
    for round in 0..2 {
        match round {
            0 => broker.kill(),
            _ => drop(broker.stop()),
        }
        broker.start_again();
        let from = 60 * (round + 1);
        stage.produce(from..from + 60);
        stage.wait("it goes on", || stage.processed() == from + 60);
    }
    thread::sleep(Duration::from_secs(4));
    assert_eq!(stage.rebalances(), rebalances, "nothing moved");
    members.into_iter().for_each(Member::leave);
    assert_eq!(stage.committed(), stage.ends());
}

#[test]
fn no_commit_is_lost_when_the_broker_is_killed_in_rebalances() {
    let rounds =
        std::env::var("KLAMM_TEST_ROUNDS").map_or(3, |text| text.parse().expect("a count"));
    let mut broker = Broker::start(&["--set", "group.initial.rebalance.delay.ms=0"]);
    if !broker.is_ours() {
        return;
    }
    let mut random = fastrand::Rng::with_seed(seed());
    let stage = Stage::new(&broker, "cooperative-sticky");
    let mut members: Vec<Member> = (0..3).map(|_| stage.member()).collect();
    let mut produced = 0;
    for round in 0..rounds {
        stage.produce(produced..produced + 200);
        produced += 200;
        match random.u8(0..3) {
            0 => members.push(stage.member()),
            1 if members.len() > 1 => members.remove(random.usize(0..members.len())).leave_later(),
            _ => {}
        }
        thread::sleep(Duration::from_millis(random.u64(0..1500)));
        broker.kill();
        broker.start_again();
        // Members go on meanwhile: what was confirmed before is asked for after.
        let acked = stage.shared.acked.lock().unwrap().clone();
        let committed = stage.committed();
        for (partition, acked) in &acked {
            let found = committed.get(partition).copied().unwrap_or(-1);
            assert!(
                found >= *acked,
                "round {round}: {acked} was committed for {partition}, {found} is there"
            );
        }
    }
    stage.wait("everything is processed", || stage.processed() == produced);
    members.into_iter().for_each(Member::leave);
    assert_eq!(stage.committed(), stage.ends());
}

/// What all members share.
#[derive(Default)]
struct Shared {
    /// The numbers in the records that were processed.
    processed: Mutex<BTreeSet<usize>>,
    /// By partition, the furthest commit that the broker has confirmed.
    acked: Mutex<BTreeMap<i32, i64>>,
    rebalances: AtomicUsize,
}

/// A topic and a group.
struct Stage {
    bootstrap: String,
    topic: String,
    assignor: &'static str,
    shared: Arc<Shared>,
    producer: BaseProducer,
}

impl Stage {
    fn new(broker: &Broker, assignor: &'static str) -> Self {
        let topic = format!("groups-{:016x}", fastrand::u64(..));
        let config = client(&broker.bootstrap());
        let admin: AdminClient<DefaultClientContext> = config.create().expect("an admin client");
        let new = NewTopic::new(&topic, PARTITIONS, TopicReplication::Fixed(1));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let made = runtime.block_on(admin.create_topics([&new], &AdminOptions::new()));
        made.expect("an answer")[0].as_ref().expect("a topic");
        let producer = config.create().expect("a producer");
        Self {
            bootstrap: broker.bootstrap(),
            topic,
            assignor,
            shared: Arc::default(),
            producer,
        }
    }

    fn produce(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let payload = number.to_string();
            let partition = number as i32 % PARTITIONS;
            let record: BaseRecord<'_, (), str> = BaseRecord::to(&self.topic)
                .partition(partition)
                .payload(&payload);
            self.producer.send(record).expect("room in its queue");
        }
        self.producer.flush(PATIENCE).expect("all of it arrives");
    }

    fn member(&self) -> Member {
        let context = Context {
            shared: self.shared.clone(),
        };
        let consumer: BaseConsumer<Context> = client(&self.bootstrap)
            .set("group.id", &self.topic)
            .set("partition.assignment.strategy", self.assignor)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "500")
            .create_with_context(context)
            .expect("a consumer");
        consumer.subscribe(&[&self.topic]).expect("a subscription");
        Member::start(consumer, self.shared.clone())
    }

    fn processed(&self) -> usize {
        self.shared.processed.lock().unwrap().len()
    }

    fn rebalances(&self) -> usize {
        self.shared.rebalances.load(Ordering::Relaxed)
    }

    /// As somebody sees it who is no member.
    fn committed(&self) -> BTreeMap<i32, i64> {
        let reader: BaseConsumer = client(&self.bootstrap)
            .set("group.id", &self.topic)
            .create()
            .expect("a consumer");
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition_range(&self.topic, 0, PARTITIONS - 1);
        let found = reader.committed_offsets(wanted, PATIENCE).expect("offsets");
        let offset = |offset| match offset {
            Offset::Offset(offset) => offset,
            _ => -1,
        };
        let elements = found.elements();
        let offsets = elements
            .iter()
            .map(|one| (one.partition(), offset(one.offset())));
        offsets.collect()
    }

    fn ends(&self) -> BTreeMap<i32, i64> {
        let end = |partition| {
            let client = self.producer.client();
            let marks = client.fetch_watermarks(&self.topic, partition, PATIENCE);
            (partition, marks.expect("watermarks").1)
        };
        (0..PARTITIONS).map(end).collect()
    }

    fn wait(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            let so_far = (self.processed(), self.rebalances());
            assert!(
                begun.elapsed() < PATIENCE,
                "{what}: not after a minute, {so_far:?}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }
}

struct Context {
    shared: Arc<Shared>,
}

impl ClientContext for Context {}

impl ConsumerContext for Context {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, _: &Rebalance<'_>) {
        self.shared.rebalances.fetch_add(1, Ordering::Relaxed);
    }
}

/// A consumer on a thread of its own, which commits whatever it has processed.
struct Member {
    ends: Arc<AtomicBool>,
    assigned: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Member {
    fn start(consumer: BaseConsumer<Context>, shared: Arc<Shared>) -> Self {
        let (ends, assigned) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (until, count) = (ends.clone(), assigned.clone());
        let thread = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                process(&consumer, &shared);
                let assignment = consumer.assignment().map_or(0, |has| has.count());
                count.store(assignment, Ordering::Relaxed);
            }
            consumer.unsubscribe();
            // The last callbacks of the group are served by polls.
            drop(consumer);
        });
        Self {
            ends,
            assigned,
            thread,
        }
    }

    fn count(&self) -> usize {
        self.assigned.load(Ordering::Relaxed)
    }

    fn leave(self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().expect("a member does not panic");
    }

    /// It may take until the broker is back.
    fn leave_later(self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

fn process(consumer: &BaseConsumer<Context>, shared: &Shared) {
    let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
        return;
    };
    let number = std::str::from_utf8(message.payload().expect("a payload"));
    let number = number.expect("text").parse().expect("a number");
    shared.processed.lock().unwrap().insert(number);
    let (partition, next) = (message.partition(), message.offset() + 1);
    if consumer.commit_message(&message, CommitMode::Sync).is_ok() {
        let mut acked = shared.acked.lock().unwrap();
        let last = acked.entry(partition).or_insert(next);
        *last = next.max(*last);
    }
}

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}
