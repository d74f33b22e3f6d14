//! A group under everything that may happen to it, in random order: members of both protocols come,
//! go, fall silent and lose answers, topics change, the log fails, the broker restarts.
//!
//! A failure prints its seed. `KLAMM_MODEL_STEPS` makes the walk longer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bench::{Bench, Classic, Consumer, GROUP};
use crate::coordinator::group::answer::{Answer, JoinAnswer};
use crate::coordinator::group::config::GroupConfig;
use crate::coordinator::group::coordinator::{Call, ListedGroup};
use crate::coordinator::group::embedded::assignment_bytes;
use crate::model::{TimestampMs, Uuid};
use crate::protocol::error_code::ErrorCode;

const STEPS_OF_A_WALK: usize = 300;
const STEPS: usize = 6_000;
const MEMBERS_MAX: usize = 6;
const CONSUMER_SESSION_MS: i64 = 45_000;
const CLASSIC_SESSION_MS: i64 = 10_000;

#[test]
fn whatever_happens_a_partition_has_one_owner() {
    let steps = std::env::var("KLAMM_MODEL_STEPS").ok();
    let steps = steps.map_or(STEPS, |steps| steps.parse().expect("a number of steps"));
    for seed in 1..=(steps / STEPS_OF_A_WALK) as u64 {
        let walked = std::panic::catch_unwind(|| Model::new(seed).walk());
        assert!(walked.is_ok(), "seed {seed}");
    }
}

/// Xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// A consumer of the consumer protocol, with a heartbeat that may be under way.
struct New {
    consumer: Consumer,
    waits: Option<u64>,
    /// An answer was lost: it says everything next time.
    says_all: bool,
    /// When it asked last: its session begins before it is answered.
    asked_at: TimestampMs,
    heard_at: TimestampMs,
}

/// A consumer of the classic protocol, where it is in its rebalance.
struct Old {
    member: Classic,
    phase: Phase,
    owned: BTreeSet<(Uuid, i32)>,
    heard_at: TimestampMs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Out,
    Joins(u64),
    Syncs(u64),
    In,
}

struct Model {
    dice: Dice,
    bench: Bench,
    new: Vec<New>,
    old: Vec<Old>,
    born: usize,
    /// The group's last durable epoch, while it is a consumer group.
    epoch: i32,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut config = GroupConfig {
            initial_rebalance_delay_ms: 500,
            ..GroupConfig::default()
        };
        if seed.is_multiple_of(2) {
            config.consumer.assignment_interval_ms.default = 0;
        }
        if seed.is_multiple_of(3) {
            config.consumer.inline_assignment_max = 0;
        }
        Self {
            dice: Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed)),
            bench: Bench::new(config),
            new: Vec::new(),
            old: Vec::new(),
            born: 0,
            epoch: 0,
        }
    }

    fn walk(mut self) {
        for _ in 0..STEPS_OF_A_WALK {
            self.step();
            self.check_owners();
            self.check_log();
        }
        self.come_to_rest();
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..4 => self.add_new(),
            4..7 => self.add_old(),
            7 => self.leave_new(),
            8 => self.bounce(),
            9..11 => self.leave_old(),
            11..13 => self.crash(),
            13..15 => self.change_topics(),
            15..17 => self.bench.is_prompt = false,
            17..20 => self.become_durable(),
            20..21 => self.lose(),
            21..22 => self.bench.is_full = true,
            22..25 => self.bench.is_full = false,
            25..26 => self.restart(),
            26..28 => self.commit(),
            28..40 => self.pass(),
            40..80 => self.some_new(),
            _ => self.some_old(),
        }
    }

    fn add_new(&mut self) {
        if self.new.len() >= MEMBERS_MAX {
            return;
        }
        self.born += 1;
        let topics: &[&str] = [&["a"][..], &["a", "b"], &["b"]][self.dice.below(3)];
        let mut consumer = Consumer::new(&format!("new{}", self.born), topics);
        consumer.regex = (self.dice.below(3) == 0).then(|| "[ac]".into());
        consumer.instance_id =
            (self.dice.below(3) == 0).then(|| format!("instance{}", self.born).into());
        self.new.push(New {
            consumer,
            waits: None,
            says_all: false,
            asked_at: self.bench.now,
            heard_at: self.bench.now,
        });
    }

    fn add_old(&mut self) {
        if self.old.len() < MEMBERS_MAX {
            self.old.push(Old {
                member: Classic::new(&["a"]),
                phase: Phase::Out,
                owned: BTreeSet::new(),
                heard_at: self.bench.now,
            });
        }
    }

    fn leave_new(&mut self) {
        if let Some(one) = self.pick_new() {
            let mut gone = self.new.remove(one).consumer;
            gone.epoch = -1;
            self.bench
                .call(Call::ConsumerHeartbeat(GROUP.into(), gone.request()));
        }
    }

    /// A static member is started anew: it leaves for a while, and is back under another id.
    fn bounce(&mut self) {
        let Some(one) = self.pick_new() else {
            return;
        };
        let one = &mut self.new[one];
        if one.consumer.instance_id.is_none() || one.consumer.epoch <= 0 {
            return;
        }
        one.consumer.epoch = -2;
        let call = Call::ConsumerHeartbeat(GROUP.into(), one.consumer.request());
        self.bench.call(call);
        self.born += 1;
        one.consumer.begin_anew();
        one.consumer.id = format!("new{}", self.born).into();
        one.waits = None;
    }

    fn leave_old(&mut self) {
        if let Some(one) = self.pick_old() {
            let gone = self.old.remove(one);
            self.bench.leave(&gone.member);
        }
    }

    /// Nobody hears of it any more.
    fn crash(&mut self) {
        match self.dice.below(2) {
            0 => drop(self.pick_new().map(|one| self.new.remove(one))),
            _ => drop(self.pick_old().map(|one| self.old.remove(one))),
        }
    }

    fn change_topics(&mut self) {
        let cluster = &mut self.bench.cluster;
        match self.dice.below(4) {
            0 => {
                let partitions = &mut cluster.topics.get_mut("a").expect("it stays").1;
                *partitions = (*partitions + 1).min(12);
            }
            1 => drop(cluster.topics.remove("b")),
            2 => cluster.create("b", 3),
            _ if cluster.topics.contains_key("c") => {}
            _ => cluster.create("c", 2),
        }
        self.bench.refresh();
    }

    fn become_durable(&mut self) {
        self.bench.is_prompt = true;
        self.bench.sync_log();
    }

    fn lose(&mut self) {
        self.epoch = 0;
        self.bench.lose();
    }

    /// Whoever waits does so in vain.
    fn restart(&mut self) {
        self.epoch = 0;
        self.bench.restart();
        for one in &mut self.new {
            one.says_all |= one.waits.take().is_some();
        }
        for one in &mut self.old {
            if matches!(one.phase, Phase::Joins(_) | Phase::Syncs(_)) {
                one.phase = Phase::Out;
            }
        }
    }

    /// Who has not been answered for a session knows that it is out; what has been answered before
    /// that has been heard.
    fn pass(&mut self) {
        self.hear_all();
        let ms = [100, 1_000, 3_000, 3_000, 20_000][self.dice.below(5)];
        self.give_up(ms);
        self.bench.pass(ms);
        self.see_who_is_out();
    }

    /// Who did not give up in time what it had to is out, and hears of that with its next
    /// heartbeat; until then its commits are refused.
    fn see_who_is_out(&mut self) {
        let group = self
            .bench
            .coordinator
            .describe_consumer(GROUP, &self.bench.cluster);
        let members: BTreeSet<Arc<str>> = group
            .iter()
            .flat_map(|group| group.members.iter().map(|member| member.id.clone()))
            .collect();
        for one in &mut self.new {
            if !members.contains(&one.consumer.id) && one.consumer.epoch > 0 {
                one.consumer.begin_anew();
                one.waits = None;
            }
        }
    }

    fn hear_all(&mut self) {
        let answers = &self.bench.answers;
        let is_there = |ticket: u64| answers.contains_key(&ticket);
        let new = (0..self.new.len()).filter(|one| self.new[*one].waits.is_some_and(is_there));
        let old = (0..self.old.len()).filter(|one| match self.old[*one].phase {
            Phase::Syncs(ticket) => is_there(ticket),
            Phase::Joins(_) | Phase::In | Phase::Out => false,
        });
        let (new, old): (Vec<_>, Vec<_>) = (new.collect(), old.collect());
        new.into_iter().for_each(|one| self.step_new(one));
        old.into_iter().for_each(|one| self.step_old(one));
    }

    fn give_up(&mut self, ms: i64) {
        let end = self.bench.now + ms;
        for one in &mut self.new {
            if end - one.heard_at >= CONSUMER_SESSION_MS {
                one.consumer.begin_anew();
                one.waits = None;
            }
        }
        for one in &mut self.old {
            if one.phase == Phase::In && end - one.heard_at >= CLASSIC_SESSION_MS {
                one.owned.clear();
                one.phase = Phase::Out;
            }
        }
    }

    fn some_new(&mut self) {
        if let Some(one) = self.pick_new() {
            self.step_new(one);
        }
    }

    fn step_new(&mut self, one: usize) {
        let loses_answer = self.dice.below(12) == 0;
        let one = &mut self.new[one];
        if one.waits.is_none() {
            let mut request = one.consumer.request();
            if one.says_all {
                request.rebalance_timeout_ms = Some(60_000);
                request.topics = Some(one.consumer.topics.clone());
                request.regex = one.consumer.regex.clone();
            }
            one.asked_at = self.bench.now;
            one.waits = Some(
                self.bench
                    .call(Call::ConsumerHeartbeat(GROUP.into(), request)),
            );
        }
        let ticket = one.waits.expect("just asked");
        let Some(answer) = self.bench.answers.remove(&ticket) else {
            return;
        };
        one.waits = None;
        let Answer::ConsumerHeartbeat(told) = answer else {
            panic!("{answer:?} to a heartbeat");
        };
        match told.error {
            ErrorCode::None if loses_answer => one.says_all = true,
            // It asks again, of whoever is the coordinator then.
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => one.says_all = true,
            _ => {
                one.says_all = false;
                one.heard_at = one.asked_at;
                one.consumer.hear(&told);
            }
        }
    }

    fn some_old(&mut self) {
        if let Some(one) = self.pick_old() {
            self.step_old(one);
        }
    }

    fn step_old(&mut self, one: usize) {
        let (bench, one) = (&mut self.bench, &mut self.old[one]);
        match one.phase {
            Phase::Out => {
                one.owned.clear();
                one.phase = Phase::Joins(bench.join(&one.member));
            }
            Phase::Joins(ticket) => {
                if let Some(told) = bench.joined(ticket) {
                    one.on_joined(told, bench);
                }
            }
            Phase::Syncs(ticket) => {
                if let Some(told) = bench.synced(ticket) {
                    one.phase = match told.error {
                        ErrorCode::None => Phase::In,
                        _ => Phase::Out,
                    };
                    one.heard_at = bench.now;
                    one.member.take(&told);
                    one.own(bench);
                }
            }
            Phase::In => one.beat(bench),
        }
    }

    /// What a member has just been told that it has, it may commit.
    fn commit(&mut self) {
        if self.bench.is_full || !self.bench.is_prompt {
            return;
        }
        let Some(one) = self.pick_new() else {
            return;
        };
        self.step_new(one);
        let one = &self.new[one];
        let is_fresh = one.heard_at == self.bench.now && !one.says_all && one.waits.is_none();
        let Some((topic, partitions)) = one.consumer.owned.iter().next() else {
            return;
        };
        let name = self
            .bench
            .cluster
            .topics
            .iter()
            .find(|(_, (id, _))| id == topic);
        let (Some((name, _)), true, Some(partition)) = (name, is_fresh, partitions.first()) else {
            return;
        };
        let (id, epoch, name) = (one.consumer.id.clone(), one.consumer.epoch, name.clone());
        let mut commit = |id: &str, epoch: i32| {
            let ticket = self.bench.commit(id, epoch, &name, *partition);
            self.bench.committed(ticket).expect("durable at once")
        };
        assert_eq!(
            commit(&id, epoch),
            ErrorCode::None,
            "{id} commits what it has"
        );
        assert_eq!(commit(&id, epoch + 1), ErrorCode::StaleMemberEpoch);
        assert_eq!(commit("nobody", epoch), ErrorCode::UnknownMemberId);
    }

    fn check_owners(&self) {
        let mut owners: BTreeMap<(Uuid, i32), &str> = BTreeMap::new();
        for one in &self.new {
            for (topic, partitions) in &one.consumer.owned {
                for partition in partitions {
                    let other = owners.insert((*topic, *partition), &one.consumer.id);
                    assert_eq!(other, None, "{topic}-{partition} is {}'s", one.consumer.id);
                }
            }
        }
        for one in &self.old {
            for place in &one.owned {
                let other = owners.insert(*place, &one.member.id);
                assert_eq!(other, None, "{place:?} is {}'s", one.member.id);
            }
        }
    }

    /// What has been written says what there is.
    fn check_log(&mut self) {
        let bench = &self.bench;
        if !matches!(bench.state(), Some(("consumer", _))) {
            self.epoch = 0;
        }
        if bench.durable < bench.log.len() {
            return;
        }
        let now = bench.coordinator.describe_consumer(GROUP, &bench.cluster);
        let epoch = now.as_ref().map_or(0, |group| group.epoch);
        assert!(now.is_none() || epoch >= self.epoch, "epochs never go back");
        self.epoch = epoch;
        if self.dice.below(8) > 0 {
            return;
        }
        let loaded = bench.loaded();
        assert_eq!(loaded.describe_consumer(GROUP, &bench.cluster), now);
        // A classic group of whose first record the log was too full is there all the same.
        let kind = |listed: &[ListedGroup]| listed.first().map(|group| group.kind);
        let (kept, is) = (
            kind(&loaded.list(&[], &[])),
            kind(&bench.coordinator.list(&[], &[])),
        );
        assert!(
            kept == is || kept.is_none() && is == Some("classic"),
            "{kept:?} is {is:?}"
        );
        assert_eq!(
            loaded.figures().offsets,
            bench.coordinator.figures().offsets
        );
    }

    /// Left alone for a while, everybody is in and has its part.
    fn come_to_rest(&mut self) {
        (self.bench.is_full, self.bench.is_prompt) = (false, true);
        self.bench.sync_log();
        // Those that have crashed are out after a session.
        for _ in 0..60 {
            self.give_up(2_000);
            self.bench.pass(2_000);
            self.see_who_is_out();
            for one in 0..self.new.len() {
                self.step_new(one);
            }
            for one in 0..self.old.len() {
                self.step_old(one);
                self.step_old(one);
            }
            self.check_owners();
            self.check_log();
        }
        let is_empty = self.new.is_empty() && self.old.is_empty();
        let settled: &[_] = match is_empty {
            true => &["Empty"],
            false => &["Stable"],
        };
        if let Some((_, state)) = self.bench.state() {
            assert!(settled.contains(&state), "{:?}", self.bench.state());
        }
    }

    fn pick_new(&mut self) -> Option<usize> {
        (!self.new.is_empty()).then(|| self.dice.below(self.new.len()))
    }

    fn pick_old(&mut self) -> Option<usize> {
        (!self.old.is_empty()).then(|| self.dice.below(self.old.len()))
    }
}

impl Old {
    fn on_joined(&mut self, told: JoinAnswer, bench: &mut Bench) {
        self.phase = Phase::Out;
        match told.error {
            ErrorCode::MemberIdRequired => self.member.id = told.member_id,
            ErrorCode::UnknownMemberId => self.member.id = "".into(),
            ErrorCode::None => {
                self.heard_at = bench.now;
                (self.member.id, self.member.generation) =
                    (told.member_id.clone(), told.generation);
                let partitions = bench.cluster.topics["a"].1 as i32;
                let given = divided(&told, partitions);
                self.phase = Phase::Syncs(bench.sync(&self.member, given));
            }
            _ => {}
        }
    }

    fn beat(&mut self, bench: &mut Bench) {
        let code = bench.classic_beat(&self.member);
        match code {
            ErrorCode::None => self.heard_at = bench.now,
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => {
                self.phase = Phase::Out;
            }
            ErrorCode::UnknownMemberId => {
                self.member.id = "".into();
                self.phase = Phase::Out;
            }
            other => panic!("{other:?} to a heartbeat"),
        }
        if self.phase == Phase::Out {
            self.owned.clear();
        }
    }

    fn own(&mut self, bench: &Bench) {
        self.owned.clear();
        if self.phase == Phase::In {
            for (name, partitions) in &self.member.owned {
                let (id, _) = bench.cluster.topics[name];
                self.owned
                    .extend(partitions.iter().map(|partition| (id, *partition)));
            }
        }
    }
}

/// What a leader makes of its members.
fn divided(told: &JoinAnswer, partitions: i32) -> Vec<(Arc<str>, bytes::Bytes)> {
    let count = told.members.len() as i32;
    let parts = (0..).zip(&told.members).map(|(place, member)| {
        let part: Vec<i32> = (0..partitions).filter(|one| one % count == place).collect();
        let bytes = assignment_bytes(1, &[("a".into(), &part)]);
        (member.member_id.clone(), bytes)
    });
    parts.collect()
}
