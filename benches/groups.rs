//! One consumer group of thousands of members (KIP-848) on its coordinator: how long a step of its
//! core takes while they come, when all stay, and when one goes.
//!
//! `cargo bench --bench groups [-- MEMBERS PARTITIONS]`; 10,000 of each if it is not said. A step is
//! all that happens at once: the call, its records as a batch, and what follows from them. What is
//! left to the pool is not in it, and named beside it. Time is played: members come one per
//! millisecond, and are heard of when they were told to be.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::env;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use klamm::coordinator::group::answer::{Answer, ConsumerHeartbeatAnswer, Ticket};
use klamm::coordinator::group::config::GroupConfig;
use klamm::coordinator::group::consumer::heartbeat::{HeartbeatRequest, JOINS, LEAVES};
use klamm::coordinator::group::consumer::reconcile::Target;
use klamm::coordinator::group::consumer::topics::Topics;
use klamm::coordinator::group::coordinator::{Assigned, Call, Coordinator, Turn};
use klamm::coordinator::group::record::GroupRecord;
use klamm::model::{Offset, TimestampMs, Uuid};
use klamm::protocol::error_code::ErrorCode;
use klamm::protocol::record::{BatchBuilder, BatchSpec, RecordParts};

const GROUP: &str = "all-of-them";
const TOPIC: &str = "orders";
const TOPIC_ID: Uuid = Uuid::from_u128(7);
const DEFAULT_COUNT: u32 = 10_000;
/// What the records of an append wait for: the disk.
const FLUSH_MS: i64 = 2;
/// A group that is not settled by then never will be.
const SETTLED_MS_MAX: i64 = 600_000;

fn main() {
    // Cargo says `--bench`, and `--test` where benches are only to be tried.
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_trial = arguments.iter().any(|one| one == "--test");
    let mut counts = arguments.iter().filter_map(|one| one.parse().ok());
    let default = if is_trial { 20 } else { DEFAULT_COUNT };
    let members = counts.next().unwrap_or(default);
    let partitions = counts.next().unwrap_or(default);
    println!("{members} members, {partitions} partitions\n");
    let mut stage = Stage::new(partitions);
    stage.all_come(members);
    stage.report("all come, until the group is stable");
    stage.all_stay(2);
    stage.report("all stay");
    stage.one_goes();
    stage.report("one goes, until the group is stable");
    stage.restart();
    stage.report("the coordinator begins again");
}

/// A coordinator with a log, a clock and the members of one group.
struct Stage {
    coordinator: Coordinator,
    topics: OneTopic,
    now: TimestampMs,
    log: Vec<GroupRecord>,
    /// Ends of the log, with the time when the disk has them.
    flushes: VecDeque<(TimestampMs, Offset)>,
    /// Assignments of the pool, with the time when they come back.
    jobs: VecDeque<(TimestampMs, Assigned)>,
    members: Vec<Member>,
    /// Who is to be heard of when.
    beats: BinaryHeap<Reverse<(TimestampMs, usize)>>,
    /// How long the steps of each kind took.
    steps: BTreeMap<&'static str, Vec<Duration>>,
}

struct Member {
    id: Arc<str>,
    epoch: i32,
    owned: Target,
    /// It has not said so yet.
    owned_is_news: bool,
}

struct OneTopic {
    name: Arc<str>,
    partitions: u32,
}

impl Topics for OneTopic {
    fn by_name(&self, name: &str) -> Option<(Uuid, u32)> {
        (name == TOPIC).then_some((TOPIC_ID, self.partitions))
    }

    fn name_of(&self, id: Uuid) -> Option<Arc<str>> {
        (id == TOPIC_ID).then(|| self.name.clone())
    }

    fn visit_names(&self, visit: &mut dyn FnMut(&Arc<str>)) {
        visit(&self.name);
    }

    fn version(&self) -> i64 {
        1
    }
}

impl Stage {
    fn new(partitions: u32) -> Self {
        let mut stage = Self {
            coordinator: Coordinator::new(GroupConfig::default()),
            topics: OneTopic {
                name: TOPIC.into(),
                partitions,
            },
            now: 1_800_000_000_000,
            log: Vec::new(),
            flushes: VecDeque::new(),
            jobs: VecDeque::new(),
            members: Vec::new(),
            beats: BinaryHeap::new(),
            steps: BTreeMap::new(),
        };
        let turn = stage.coordinator.begin(stage.now);
        assert!(turn.writes.is_empty(), "there is nothing yet");
        stage
    }

    fn all_come(&mut self, members: u32) {
        for number in 0..members as usize {
            self.members.push(Member {
                id: format!("consumer-of-orders-{number:08}-4b1e").into(),
                epoch: JOINS,
                owned: Target::new(),
                owned_is_news: true,
            });
            self.beats.push(Reverse((self.now, number)));
            self.pass_to(self.now + 1);
        }
        self.settle();
    }

    fn all_stay(&mut self, times: i64) {
        let interval_ms = GroupConfig::default().consumer.heartbeat_interval_ms;
        let end = self.now + times * i64::from(interval_ms.default);
        self.pass_to(end);
    }

    fn one_goes(&mut self) {
        let number = self.members.len() / 2;
        self.members[number].epoch = LEAVES;
        self.beat("leave", number);
        self.settle();
    }

    /// What the log has, loaded.
    fn restart(&mut self) {
        let mut coordinator = Coordinator::new(GroupConfig::default());
        let began = Instant::now();
        for (offset, record) in (0..).zip(&self.log) {
            coordinator.load(offset, -1, record, self.now);
        }
        self.note("load", began.elapsed());
        self.coordinator = coordinator;
        self.step("begin", |coordinator, _, now| coordinator.begin(now));
        let call = Call::DescribeConsumer(GROUP.into());
        self.step("describe", |coordinator, topics, now| {
            coordinator.call(Ticket(0), call, topics, now)
        });
    }

    /// Until everybody has what they shall have.
    fn settle(&mut self) {
        let end = self.now + SETTLED_MS_MAX;
        while self.state() != "Stable" {
            assert!(self.now < end, "{} after a long time", self.state());
            self.pass_to(self.now + 100);
        }
    }

    fn state(&self) -> &'static str {
        self.coordinator.list(&[], &[])[0].state
    }

    /// What happens until then, in its order.
    fn pass_to(&mut self, end: TimestampMs) {
        while self.now < end {
            if let Some((_, log_end)) = self.flushes.pop_front_if(|(at, _)| *at <= self.now) {
                self.step("durable", |coordinator, _, now| {
                    coordinator.durable(log_end, now)
                });
            } else if let Some((_, assigned)) = self.jobs.pop_front_if(|(at, _)| *at <= self.now) {
                self.step("assigned", |coordinator, _, now| {
                    coordinator.assigned(assigned, now)
                });
            } else if let Some(Reverse((_, number))) = self.next_beat() {
                match self.members[number].epoch {
                    JOINS => self.beat("join", number),
                    LEAVES => {}
                    _ => self.beat("heartbeat", number),
                }
            } else {
                self.tick();
                self.now += 1;
            }
        }
    }

    fn next_beat(&mut self) -> Option<Reverse<(TimestampMs, usize)>> {
        let Reverse((at, _)) = self.beats.peek()?;
        match *at <= self.now {
            true => self.beats.pop(),
            false => None,
        }
    }

    fn tick(&mut self) {
        let mut any = true;
        while any {
            self.step("deadline", |coordinator, topics, now| {
                let turn = coordinator.tick(topics, now);
                any = turn.is_some();
                turn.unwrap_or_default()
            });
        }
    }

    fn beat(&mut self, kind: &'static str, number: usize) {
        let member = &mut self.members[number];
        let joins = member.epoch == JOINS;
        let says = std::mem::take(&mut member.owned_is_news);
        let request = HeartbeatRequest {
            member_id: member.id.clone(),
            epoch: member.epoch,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: joins.then_some(300_000),
            client_id: "orders".into(),
            client_host: "/127.0.0.1".into(),
            topics: joins.then(|| vec![TOPIC.into()]),
            regex: None,
            assignor: None,
            owned: says.then(|| member.owned.clone()),
        };
        let call = Call::ConsumerHeartbeat(GROUP.into(), request);
        self.step(kind, |coordinator, topics, now| {
            coordinator.call(Ticket(number as u64), call, topics, now)
        });
    }

    /// One step of the core, as a shard does it.
    fn step(
        &mut self,
        kind: &'static str,
        act: impl FnOnce(&mut Coordinator, &dyn Topics, TimestampMs) -> Turn,
    ) {
        let mut began = Instant::now();
        let turn = act(&mut self.coordinator, &self.topics, self.now);
        for write in turn.writes {
            let base = self.log.len() as Offset;
            black_box(batch(&write.records, self.now));
            // The copy is the bench's own, for the restart.
            let took = began.elapsed();
            self.log.extend(write.records.iter().cloned());
            began = Instant::now() - took;
            self.coordinator.appended(write, base, self.now);
            let end = self.log.len() as Offset;
            self.flushes.push_back((self.now + FLUSH_MS, end));
        }
        self.note(kind, began.elapsed());
        for job in turn.jobs {
            let began = Instant::now();
            let assigned = job.run();
            let took = began.elapsed();
            self.note("(on the pool)", took);
            let back_at = self.now + took.as_millis() as i64 + 1;
            self.jobs.push_back((back_at, assigned));
        }
        for (ticket, answer) in turn.answers {
            self.hear(ticket, answer);
        }
    }

    fn hear(&mut self, ticket: Ticket, answer: Answer) {
        let Answer::ConsumerHeartbeat(told) = answer else {
            return;
        };
        let number = ticket.0 as usize;
        let member = &mut self.members[number];
        assert_eq!(told.error, ErrorCode::None, "{:?}", told.message);
        if member.epoch == LEAVES {
            return;
        }
        let wait_ms = match member.hear(&told) {
            true => 1,
            false => i64::from(told.heartbeat_interval_ms),
        };
        self.beats.push(Reverse((self.now + wait_ms, number)));
    }

    fn note(&mut self, kind: &'static str, took: Duration) {
        self.steps.entry(kind).or_default().push(took);
    }

    fn report(&mut self, phase: &str) {
        println!("{phase} ({} records in the log)", self.log.len());
        println!("  step                       times      mean       p99       max");
        for (kind, mut took) in std::mem::take(&mut self.steps) {
            took.sort_unstable();
            let sum: Duration = took.iter().sum();
            let p99 = took[(took.len() - 1) * 99 / 100];
            println!(
                "  {kind:<24} {:>7} {:>9} {:>9} {:>9}",
                took.len(),
                ms(sum / took.len() as u32),
                ms(p99),
                ms(took[took.len() - 1]),
            );
        }
        println!();
    }
}

impl Member {
    /// Takes what it was told, and gives up at once what it has to. Whether it has something to say.
    fn hear(&mut self, told: &ConsumerHeartbeatAnswer) -> bool {
        self.epoch = told.epoch;
        let Some(assigned) = &told.assigned else {
            return false;
        };
        let sets = assigned.iter();
        let sets = sets.map(|(topic, some)| (*topic, some.iter().copied().collect()));
        let owned: Target = sets.collect();
        self.owned_is_news = owned != self.owned;
        self.owned = owned;
        self.owned_is_news
    }
}

fn batch(records: &[GroupRecord], now: TimestampMs) -> Vec<u8> {
    let mut builder = BatchBuilder::new(BatchSpec::default());
    for record in records {
        let (key, value) = record.encode().expect("short names");
        let parts = RecordParts {
            key: Some(&key),
            value: value.as_deref(),
            headers: &[],
        };
        builder.append(now, &parts);
    }
    builder.build()
}

fn ms(took: Duration) -> String {
    format!("{:.3} ms", took.as_secs_f64() * 1e3)
}
