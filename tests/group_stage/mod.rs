//! A topic and a group of librdkafka's members on it: each processes what it is given, commits it
//! and tells what happened to it.
//!
//! A failed test prints the story: assignments, refused commits and lost messages of every member
//! in the order of time. `KLAMM_TEST_DEBUG=cgrp,broker` adds what librdkafka logs with that `debug`,
//! and tells the story of tests that pass, too.

mod commits;
mod member;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::broker_process::Broker;
use commits::Commits;
pub(crate) use member::{Member, Protocol};
use story::Story;

pub(crate) const PARTITIONS: i32 = 6;
const PATIENCE: Duration = Duration::from_secs(60);

/// A topic and a group of the same name.
pub(crate) struct Stage {
    bootstrap: String,
    topic: String,
    shared: Arc<Shared>,
    producer: BaseProducer,
}

/// What all members share.
#[derive(Default)]
struct Shared {
    /// The numbers in the records that were processed.
    processed: Mutex<BTreeSet<usize>>,
    commits: Commits,
    rebalances: AtomicUsize,
    members: AtomicUsize,
    story: Story,
}

impl Stage {
    pub(crate) fn new(broker: &Broker) -> Self {
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
            shared: Arc::default(),
            producer,
        }
    }

    pub(crate) fn produce(&self, numbers: Range<usize>) {
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

    /// A member more, which begins at once.
    pub(crate) fn member(&self, protocol: Protocol) -> Member {
        Member::start(&self.bootstrap, &self.topic, protocol, &self.shared)
    }

    /// How many records were processed, each counted once.
    pub(crate) fn processed(&self) -> usize {
        self.shared.processed.lock().unwrap().len()
    }

    /// How often a member was given or lost something.
    pub(crate) fn rebalances(&self) -> usize {
        self.shared.rebalances.load(Ordering::Relaxed)
    }

    /// That the broker has every commit that it has confirmed, unless another took its place.
    pub(crate) fn assert_nothing_lost(&self) {
        let asked = Instant::now();
        let found = self.committed();
        let lost = self.shared.commits.lost(&found, asked);
        assert!(lost.is_none(), "{}", lost.unwrap_or_default());
    }

    /// The group's offsets as somebody sees them who is no member.
    pub(crate) fn committed(&self) -> BTreeMap<i32, i64> {
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

    /// The end of each partition's log.
    pub(crate) fn ends(&self) -> BTreeMap<i32, i64> {
        let end = |partition| {
            let client = self.producer.client();
            let marks = client.fetch_watermarks(&self.topic, partition, PATIENCE);
            (partition, marks.expect("watermarks").1)
        };
        (0..PARTITIONS).map(end).collect()
    }

    pub(crate) fn wait(&self, what: &str, mut holds: impl FnMut() -> bool) {
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

    /// Adds a line to the story that a failed test prints.
    pub(crate) fn tell(&self, what: &str) {
        self.shared.story.tell(what);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if thread::panicking() || librdkafka_debug().is_some() {
            eprintln!("what happened:\n{}", self.shared.story.text());
        }
    }
}

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        // With every loss of the broker they would wait longer before they look for it, up to 10 s.
        .set("reconnect.backoff.max.ms", "300");
    config
}

fn librdkafka_debug() -> Option<String> {
    std::env::var("KLAMM_TEST_DEBUG").ok()
}
