//! Starts and kills: how long until the first record is accepted, what an idle broker needs, and
//! how long a killed one takes until every partition answers.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use klamm::client::{
    Acks, Admin, Cluster, ClusterSettings, Consumer, ConsumerSettings, NewTopic, Producer,
    ProducerRecord, ProducerSettings, StartAt,
};
use klamm::model::TopicPartition;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::accounting;
use crate::args::Args;
use crate::broker::{Broker, Circumstances};
use crate::columns::{self, Column, KAFKA, KLAMM};
use crate::interrupt;
use crate::load::{Length, Load, Request};
use crate::state::State;

/// What was seen of one broker.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Lifecycle {
    /// From exec on an empty directory to the first record accepted with acks=all, each start.
    pub(crate) first_record_ms: Vec<f64>,
    /// Resident memory some seconds after that.
    pub(crate) idle_resident_bytes: u64,
    /// What lay on the disk at each kill.
    pub(crate) killed_with_bytes: u64,
    /// From kill -9 and exec until each partition took a record and gave the last one back, with
    /// what the page cache held.
    pub(crate) after_kill_warm_ms: Vec<f64>,
    /// The same after the caches were dropped; empty where that is not allowed.
    pub(crate) after_kill_cold_ms: Vec<f64>,
}

const STARTS: usize = 5;
const KILLS: usize = 3;
const PARTITIONS: i32 = 18;
const TOPIC: &str = "lifecycle";
const FILL_SECONDS_MAX: u64 = 180;

/// The result of a column.
pub(crate) fn file_name(column: &Column) -> String {
    format!("lifecycle-{}.json", column.key)
}

/// Measures klamm and Kafka as shipped, unless it has been done.
pub(crate) fn run(state: &State, args: &Args) -> Outcome<()> {
    for column in [&KLAMM, &KAFKA] {
        if state.read::<Lifecycle>(&file_name(column)).is_none() {
            let seen = look(column, args)?;
            state.write(&file_name(column), &seen)?;
        }
    }
    Ok(())
}

fn look(column: &'static Column, args: &Args) -> Outcome<Lifecycle> {
    let mut seen = Lifecycle::default();
    let process = columns::process(column.process, args);
    for _ in 0..STARTS {
        interrupt::check()?;
        let mut broker = Broker::exec(&process, args, &Circumstances::default())?;
        broker.await_answer()?;
        first_record(&broker.address)?;
        seen.first_record_ms.push(ms_since(broker.begun));
        sleep(Duration::from_secs(2));
        seen.idle_resident_bytes = accounting::resident_bytes(broker.pid());
    }
    eprintln!(
        "compare: {}: first record after {:?} ms",
        column.title, seen.first_record_ms
    );
    kills(column, args, &mut seen)?;
    Ok(seen)
}

fn kills(column: &'static Column, args: &Args, seen: &mut Lifecycle) -> Outcome<()> {
    let process = columns::process(column.process, args);
    let mut broker = Broker::start(&process, args)?;
    let megabytes = args.kill_backlog_mb();
    eprintln!("compare: {}: filling {megabytes} MB", column.title);
    seen.killed_with_bytes = fill(column, &broker, megabytes, args)?;
    let can_drop = fs::write(DROP_CACHES, "1").is_ok();
    for kill in 0..KILLS * if can_drop { 2 } else { 1 } {
        interrupt::check()?;
        let cold = kill >= KILLS;
        let ends = every_partition(&broker.address)?;
        broker.kill()?;
        if cold {
            let _ = Command::new("sync").status();
            fs::write(DROP_CACHES, "3")?;
        }
        let with = Circumstances {
            on_old_data: true,
            memory_bytes_max: None,
        };
        broker = Broker::exec(&process, args, &with)?;
        broker.await_answer()?;
        let found = every_partition(&broker.address)?;
        let ms = ms_since(broker.begun);
        assert_continues(&ends, &found)?;
        match cold {
            true => seen.after_kill_cold_ms.push(ms),
            false => seen.after_kill_warm_ms.push(ms),
        }
        eprintln!(
            "compare: {}: all answer {ms:.0} ms after kill -9",
            column.title
        );
    }
    Ok(())
}

const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

/// Writes the backlog with the load tool, into a topic that stays; how many bytes it became.
fn fill(column: &'static Column, broker: &Broker, megabytes: u64, args: &Args) -> Outcome<u64> {
    make_topic(&patient(&broker.address)?, TOPIC, PARTITIONS)?;
    let extra = format!("--partitions {PARTITIONS} --bytes-max-mb {megabytes}");
    let extra: Vec<String> = extra.split(' ').map(str::to_owned).collect();
    let request = Request {
        workload: "large-batches",
        extra: &extra,
        column,
        address: &broker.address,
        verify: false,
        topic: Some(TOPIC),
        length: Some(Length {
            warmup_seconds: 0,
            seconds: FILL_SECONDS_MAX,
        }),
    };
    let mut load = Load::start(&request, args)?;
    for step in ["ready", "done", "verified"] {
        load.await_step(step)?;
        if step != "verified" {
            load.go_on()?;
        }
    }
    Ok(load.report()?.produced.bytes)
}

/// Makes a topic and waits until a record of it is accepted.
fn first_record(address: &str) -> Outcome<()> {
    let cluster = patient(address)?;
    make_topic(&cluster, "first", 1)?;
    produce(&cluster, "first", 1).map(drop)
}

fn make_topic(cluster: &Arc<Cluster>, name: &str, partitions: i32) -> Outcome<()> {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        ..NewTopic::default()
    };
    for made in Admin::new(cluster.clone()).create_topics(&[topic], false)? {
        made.outcome?;
    }
    Ok(())
}

/// Writes one record to each partition and reads it back; where they went.
fn every_partition(address: &str) -> Outcome<Vec<i64>> {
    let cluster = patient(address)?;
    let offsets = produce(&cluster, TOPIC, PARTITIONS)?;
    let assignment: Vec<(TopicPartition, StartAt)> = (0..PARTITIONS)
        .map(|index| (partition(index), StartAt::BeforeEnd(1)))
        .collect();
    let mut consumer = Consumer::start(cluster, ConsumerSettings::default(), &assignment)?;
    let mut missing = PARTITIONS;
    while missing > 0 {
        let fetched = consumer.poll(Duration::from_secs(60))?;
        let fetched = fetched.ok_or("a partition gives nothing back")?;
        let last = offsets[fetched.partition.partition as usize];
        if fetched.next_offset == last + 1 {
            missing -= 1;
        }
    }
    Ok(offsets)
}

/// One record for each partition, acks=all; their offsets.
fn produce(cluster: &Arc<Cluster>, topic: &str, partitions: i32) -> Outcome<Vec<i64>> {
    let offsets = Arc::new(Mutex::new(vec![
        Err("no answer".to_owned());
        partitions as usize
    ]));
    let answered = offsets.clone();
    let settings = ProducerSettings {
        acks: Acks::All,
        linger: Duration::ZERO,
        retry_backoff: Duration::from_millis(5),
        ..ProducerSettings::default()
    };
    let producer = Producer::start(cluster.clone(), settings, move |delivery| {
        let outcome = delivery.outcome.as_ref().map(|offset| *offset);
        let mut answered = answered.lock().expect("no holder panics");
        answered[delivery.partition.partition as usize] = outcome.map_err(ToString::to_string);
    });
    let topic = Arc::from(topic);
    for index in 0..partitions {
        producer.send(&ProducerRecord {
            topic: &topic,
            partition: Some(index),
            timestamp: None,
            key: None,
            value: Some(b"one record"),
            headers: &[],
            tag: 0,
        })?;
    }
    producer.flush();
    let offsets = offsets.lock().expect("no holder panics").clone();
    Ok(offsets.into_iter().collect::<Result<_, String>>()?)
}

/// Nothing acknowledged before the kill may be gone, nothing may be there twice.
fn assert_continues(before: &[i64], after: &[i64]) -> Outcome<()> {
    match before
        .iter()
        .zip(after)
        .all(|(before, after)| *after == before + 1)
    {
        true => Ok(()),
        false => Err(format!("offsets before the kill {before:?}, after it {after:?}").into()),
    }
}

fn patient(address: &str) -> Outcome<Arc<Cluster>> {
    let settings = ClusterSettings {
        deadline: Duration::from_secs(120),
        retry_backoff: Duration::from_millis(5),
        ..ClusterSettings::default()
    };
    Ok(Cluster::connect(address, settings)?)
}

fn ms_since(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

fn partition(index: i32) -> TopicPartition {
    TopicPartition {
        topic: TOPIC.into(),
        partition: index,
    }
}
