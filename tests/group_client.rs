//! The client as a member of consumer groups, by both protocols: who gets what, that nothing is
//! read twice or never while members come and go, and where a group goes on.
//!
//! Against another broker: `KLAMM_TEST_BOOTSTRAP=127.0.0.1:19092 cargo test --test group_client`.

mod broker_process;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use broker_process::{Broker, seed};
use klamm::client::{
    Acks, Admin, Assignor, AutoCreate, ClientError, Cluster, ClusterSettings, GroupConsumer,
    GroupProtocol, GroupSettings, NewTopic, NoListener, OffsetReset, Producer, ProducerRecord,
    ProducerSettings, RebalanceListener, Subscription,
};
use klamm::model::TopicPartition;

const PARTITIONS: i32 = 6;
const WAIT: Duration = Duration::from_secs(60);

#[test]
fn members_come_and_go_and_every_record_is_read_once() {
    let stage = Stage::new();
    let protocols = [
        GroupProtocol::default(),
        GroupProtocol::Classic(vec![Assignor::RoundRobin]),
        GroupProtocol::Classic(vec![Assignor::Sticky]),
        GroupProtocol::Classic(vec![Assignor::CooperativeSticky]),
        GroupProtocol::Consumer(None),
    ];
    for (index, protocol) in protocols.into_iter().enumerate() {
        stage.come_and_go(index, protocol);
    }
}

#[test]
fn a_group_goes_on_where_it_has_committed() {
    let stage = Stage::new();
    for (index, protocol) in both().into_iter().enumerate() {
        let topic = stage.topic(&format!("go-on-{index}"), 0..100);
        let mut settings = stage.settings(&format!("go-on-{index}"), protocol);
        settings.auto_commit_interval = None;
        let mut consumer = stage.consumer(&settings, &topic);
        let read = read_until(&mut consumer, 100);
        assert_eq!(read.len(), 100);
        consumer.commit().expect("a member may commit");
        let committed = consumer.committed(&partitions(&topic)).expect("committed");
        let sum: i64 = committed.iter().map(|(_, at)| at.offset).sum();
        assert_eq!(sum, 100);
        consumer.close().expect("closes");
        stage.produce(&topic, 100..130);
        let mut consumer = stage.consumer(&settings, &topic);
        let read = read_until(&mut consumer, 30);
        assert_eq!(read.keys().next(), Some(&100), "nothing of before");
        drop(consumer);
        let mut consumer = stage.consumer(&settings, &topic);
        assert_eq!(
            read_until(&mut consumer, 30).len(),
            30,
            "nothing was committed"
        );
        consumer.close().expect("closes");
    }
}

#[test]
fn positions_can_be_moved_and_partitions_paused() {
    let stage = Stage::new();
    let topic = stage.topic("steer", 0..60);
    let settings = stage.settings("steer", GroupProtocol::default());
    let mut consumer = stage.consumer(&settings, &topic);
    read_until(&mut consumer, 60);
    let all = partitions(&topic);
    consumer.pause(&all[1..]);
    for partition in &all {
        consumer.seek(partition, 0).expect("it is assigned");
    }
    let expected = consumer_count(&mut consumer, Duration::from_secs(3));
    assert_eq!(expected.len(), 1, "only one is not paused: {expected:?}");
    consumer.resume(&all[1..]);
    let rest = consumer_count(&mut consumer, Duration::from_secs(3));
    assert_eq!(rest.len(), all.len() - 1);
    let foreign = TopicPartition {
        topic: "other".into(),
        partition: 0,
    };
    assert!(matches!(
        consumer.seek(&foreign, 0),
        Err(ClientError::NotAssigned { .. })
    ));
    consumer.close().expect("closes");
}

#[test]
fn without_a_reset_a_group_must_have_committed() {
    let stage = Stage::new();
    for (index, protocol) in both().into_iter().enumerate() {
        let topic = stage.topic(&format!("none-{index}"), 0..10);
        let mut settings = stage.settings(&format!("none-{index}"), protocol);
        settings.offset_reset = OffsetReset::None;
        let mut consumer = stage.consumer(&settings, &topic);
        let begun = Instant::now();
        let error = loop {
            match consumer.poll(Duration::from_millis(200)) {
                Err(error) => break error,
                Ok(_) => assert!(begun.elapsed() < WAIT, "no error"),
            }
        };
        assert!(
            matches!(error, ClientError::NoCommittedOffset { .. }),
            "{error}"
        );
        drop(consumer);
    }
}

#[test]
fn a_static_member_finds_its_partitions_after_a_restart() {
    let stage = Stage::new();
    for (index, protocol) in both().into_iter().enumerate() {
        let topic = stage.topic(&format!("static-{index}"), 0..10);
        let settings = |name: &str| GroupSettings {
            instance_id: Some(name.to_owned()),
            ..stage.settings(&format!("static-{index}"), protocol.clone())
        };
        let (mut one, events) = stage.told(&settings("one"), &topic);
        let (mut two, _) = stage.told(&settings("two"), &topic);
        settle(&mut [&mut one, &mut two], &[3, 3]);
        let held: Vec<_> = two.assignment().cloned().collect();
        two.close().expect("closes");
        while events.try_recv().is_ok() {}
        let (mut two, _) = stage.told(&settings("two"), &topic);
        settle(&mut [&mut one, &mut two], &[3, 3]);
        assert_eq!(two.assignment().cloned().collect::<Vec<_>>(), held);
        let moved: Vec<_> = events.try_iter().collect();
        assert!(moved.is_empty(), "nobody else is bothered: {moved:?}");
        one.close().expect("closes");
        two.close().expect("closes");
    }
}

#[test]
fn who_does_not_poll_loses_its_partitions_and_comes_back() {
    let stage = Stage::new();
    for (index, protocol) in both().into_iter().enumerate() {
        let topic = stage.topic(&format!("slow-{index}"), 0..10);
        let group = format!("slow-{index}");
        let settings = GroupSettings {
            poll_interval_max: Duration::from_secs(4),
            ..stage.settings(&group, protocol.clone())
        };
        let (mut slow, events) = stage.told(&settings, &topic);
        let (mut busy, _) = stage.told(&stage.settings(&group, protocol), &topic);
        settle(&mut [&mut slow, &mut busy], &[3, 3]);
        while events.try_recv().is_ok() {}
        settle(&mut [&mut busy], &[6]);
        let before = slow.assignment().count();
        assert_eq!(before, 3, "it does not know yet");
        settle(&mut [&mut slow, &mut busy], &[3, 3]);
        let told: Vec<_> = events.try_iter().collect();
        assert!(
            told.first()
                .is_some_and(|first| first.starts_with("lost 3")),
            "{told:?}"
        );
        slow.close().expect("closes");
        busy.close().expect("closes");
    }
}

#[test]
fn a_subscription_by_regex_takes_up_new_topics() {
    let stage = Stage::new();
    let first = stage.topic("regex-a", 0..10);
    let settings = stage.settings("regex", GroupProtocol::Consumer(None));
    let regex = Subscription::Regex(format!("{}.*", first.trim_end_matches('a')));
    let consumer =
        GroupConsumer::start(stage.cluster.clone(), settings, regex, Box::new(NoListener));
    let mut consumer = consumer.expect("starts");
    assert_eq!(read_until(&mut consumer, 10).len(), 10);
    stage.topic("regex-b", 10..20);
    assert_eq!(read_until(&mut consumer, 10).keys().next(), Some(&10));
    consumer.close().expect("closes");
}

#[test]
fn the_command_commits_and_leaves_when_it_is_interrupted() {
    let stage = Stage::new();
    for protocol in ["classic", "consumer"] {
        let topic = stage.topic(&format!("cli-{protocol}"), 0..50);
        let group = stage.name(&format!("cli-{protocol}"));
        let line = format!(
            "consume {topic} --group {group} --group-protocol {protocol} --from-beginning \
             --commit-interval 1h -b {}",
            stage.bootstrap
        );
        let counted = format!("{line} -n 7");
        let output = klamm(&counted).output().expect("klamm runs");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(
            output.stdout.iter().filter(|byte| **byte == b'\n').count(),
            7
        );
        assert_eq!(stage.committed(&group), 7, "exactly what was shown");
        let mut child = klamm(&line).spawn().expect("klamm runs");
        let stdout = child.stdout.take().expect("piped");
        let shown = BufReader::new(stdout).lines().take(43).count();
        assert_eq!(shown, 43, "the rest");
        interrupt(child.id());
        let output = child.wait_with_output().expect("klamm ends");
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("assigned") && told.contains("0-5"), "{told}");
        assert_eq!(stage.committed(&group), 50);
        assert!(!stage.has_member(&group), "it has left");
    }
}

/// A broker, and topics and groups of this test's own.
struct Stage {
    _broker: Broker,
    bootstrap: String,
    cluster: Arc<Cluster>,
    prefix: String,
}

impl Stage {
    fn new() -> Self {
        let broker = Broker::start(&[]);
        let bootstrap = broker.bootstrap();
        let settings = ClusterSettings::default();
        let cluster = Cluster::connect(&bootstrap, settings).expect("the broker answers");
        Self {
            _broker: broker,
            bootstrap,
            cluster,
            prefix: format!("group-client-{:08x}", seed() as u32),
        }
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn topic(&self, name: &str, numbers: std::ops::Range<u64>) -> String {
        let name = self.name(name);
        let topic = NewTopic {
            name: name.clone(),
            partitions: Some(PARTITIONS),
            replication_factor: None,
            configs: Vec::new(),
        };
        let created = Admin::new(self.cluster.clone()).create_topics(&[topic], false);
        created.expect("created")[0]
            .outcome
            .as_ref()
            .expect("created");
        // The broker may need a moment until it tells of what it has created.
        let begun = Instant::now();
        while self.cluster.topic(&name, AutoCreate::Never).is_err() {
            assert!(begun.elapsed() < WAIT, "{name} does not come about");
            thread::sleep(Duration::from_millis(50));
        }
        self.produce(&name, numbers);
        name
    }

    fn produce(&self, topic: &str, numbers: std::ops::Range<u64>) {
        let settings = ProducerSettings {
            acks: Acks::All,
            ..ProducerSettings::default()
        };
        let producer = Producer::start(self.cluster.clone(), settings, |_| {});
        let topic: Arc<str> = topic.into();
        for number in numbers {
            let (value, partition) = (number.to_string(), (number % 6) as i32);
            let record = ProducerRecord {
                topic: &topic,
                partition: Some(partition),
                timestamp: None,
                key: None,
                value: Some(value.as_bytes()),
                headers: &[],
                tag: number,
            };
            producer.send(&record).expect("taken");
        }
        producer.flush();
    }

    fn settings(&self, group: &str, protocol: GroupProtocol) -> GroupSettings {
        GroupSettings {
            protocol,
            offset_reset: OffsetReset::Earliest,
            session_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_millis(500),
            ..GroupSettings::new(self.name(group))
        }
    }

    fn consumer(&self, settings: &GroupSettings, topic: &str) -> GroupConsumer {
        self.with_listener(settings, topic, Box::new(NoListener))
    }

    /// A consumer and what its listener was told: `assigned 3`, `revoked 1`, `lost 2`.
    fn told(&self, settings: &GroupSettings, topic: &str) -> (GroupConsumer, Receiver<String>) {
        let (sender, told) = mpsc::channel();
        let consumer = self.with_listener(settings, topic, Box::new(Teller(sender)));
        (consumer, told)
    }

    fn with_listener(
        &self,
        settings: &GroupSettings,
        topic: &str,
        listener: Box<dyn RebalanceListener>,
    ) -> GroupConsumer {
        let topics = Subscription::Topics(vec![topic.to_owned()]);
        GroupConsumer::start(self.cluster.clone(), settings.clone(), topics, listener)
            .expect("a member starts")
    }

    fn come_and_go(&self, index: usize, protocol: GroupProtocol) {
        let topic = self.topic(&format!("flow-{index}"), 0..0);
        let settings = self.settings(&format!("flow-{index}"), protocol.clone());
        let tally = Arc::new(Mutex::new(BTreeMap::new()));
        let start = |_| Member::start(self.consumer(&settings, &topic), tally.clone());
        let mut members: Vec<Member> = (0..2).map(start).collect();
        for round in 0..6_u64 {
            self.produce(&topic, round * 1000..(round + 1) * 1000);
            thread::sleep(Duration::from_millis(700));
            match round {
                1 | 2 => members.push(start(0)),
                3 | 4 => members.remove(0).stop(),
                _ => {}
            }
        }
        let begun = Instant::now();
        while tally.lock().unwrap().len() < 6000 && begun.elapsed() < WAIT {
            thread::sleep(Duration::from_millis(50));
        }
        members.into_iter().for_each(Member::stop);
        let tally = tally.lock().unwrap();
        assert_eq!(tally.len(), 6000, "{protocol:?}: some were never read");
        let twice = tally.values().filter(|count| **count > 1).count();
        assert_eq!(twice, 0, "{protocol:?}: {twice} were read more than once");
    }

    /// The sum of what the group has committed.
    fn committed(&self, group: &str) -> i64 {
        let offsets = Admin::new(self.cluster.clone()).committed_offsets(group, true);
        let offsets = offsets.expect("committed offsets");
        offsets
            .into_iter()
            .map(|one| one.outcome.expect("an offset").offset)
            .sum()
    }

    fn has_member(&self, group: &str) -> bool {
        let described = Admin::new(self.cluster.clone()).describe_groups(&[group]);
        let described = described.expect("described").remove(0).outcome;
        described.is_ok_and(|group| !group.members.is_empty())
    }
}

struct Teller(Sender<String>);

impl Teller {
    fn tell(&self, what: &str, partitions: &[TopicPartition]) {
        let _ = self.0.send(format!("{what} {}", partitions.len()));
    }
}

impl RebalanceListener for Teller {
    fn on_revoked(&mut self, _: &mut GroupConsumer, partitions: &[TopicPartition]) {
        self.tell("revoked", partitions);
    }

    fn on_assigned(&mut self, _: &mut GroupConsumer, partitions: &[TopicPartition]) {
        self.tell("assigned", partitions);
    }

    fn on_lost(&mut self, _: &mut GroupConsumer, partitions: &[TopicPartition]) {
        self.tell("lost", partitions);
    }
}

/// A member on a thread of its own, which counts what it reads.
struct Member {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Member {
    fn start(mut consumer: GroupConsumer, tally: Arc<Mutex<BTreeMap<u64, u32>>>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let read = read_some(&mut consumer, Duration::from_millis(100));
                let mut tally = tally.lock().unwrap();
                for number in read {
                    *tally.entry(number).or_default() += 1;
                }
            }
            consumer.close().expect("a last commit");
        });
        Self { stop, thread }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the member did not panic");
    }
}

fn both() -> [GroupProtocol; 2] {
    [GroupProtocol::default(), GroupProtocol::Consumer(None)]
}

fn partitions(topic: &str) -> Vec<TopicPartition> {
    let of = |partition| TopicPartition {
        topic: topic.into(),
        partition,
    };
    (0..PARTITIONS).map(of).collect()
}

fn read_some(consumer: &mut GroupConsumer, wait: Duration) -> Vec<u64> {
    let Some(fetched) = consumer.poll(wait).expect("polls") else {
        return Vec::new();
    };
    let mut numbers = Vec::new();
    for batch in fetched.batches() {
        for record in batch.expect("a batch").records() {
            let value = record.expect("a record").value.expect("a value");
            let text = std::str::from_utf8(value).expect("text");
            numbers.push(text.parse().expect("a number"));
        }
    }
    numbers
}

fn read_until(consumer: &mut GroupConsumer, count: usize) -> BTreeMap<u64, u32> {
    let begun = Instant::now();
    let mut read = BTreeMap::new();
    while read.len() < count && begun.elapsed() < WAIT {
        for number in read_some(consumer, Duration::from_millis(200)) {
            *read.entry(number).or_default() += 1;
        }
    }
    read
}

/// The partitions that records come of within this time.
fn consumer_count(consumer: &mut GroupConsumer, time: Duration) -> Vec<i32> {
    let begun = Instant::now();
    let mut seen = std::collections::BTreeSet::new();
    while begun.elapsed() < time {
        let fetched = consumer.poll(Duration::from_millis(100)).expect("polls");
        seen.extend(fetched.map(|fetched| fetched.partition.partition));
    }
    seen.into_iter().collect()
}

/// Polls until each member holds so many partitions.
fn settle(members: &mut [&mut GroupConsumer], counts: &[usize]) {
    let begun = Instant::now();
    loop {
        for member in members.iter_mut() {
            member.poll(Duration::from_millis(20)).expect("polls");
        }
        let held: Vec<_> = members.iter().map(|one| one.assignment().count()).collect();
        if held == counts {
            return;
        }
        assert!(begun.elapsed() < WAIT, "{held:?} instead of {counts:?}");
    }
}

fn klamm(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
    command
        .args(line.split_whitespace())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn interrupt(pid: u32) {
    let told = Command::new("sh")
        .args(["-c", "kill -INT \"$0\"", &pid.to_string()])
        .status();
    assert!(told.expect("sh is there").success());
}
