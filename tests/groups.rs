//! Consumer groups of librdkafka (through the rdkafka crate) against the built broker: members of
//! either protocol come, go and die, the broker stops and is killed, and nothing is lost.
//!
//! `KLAMM_TEST_ROUNDS=50` kills the broker that often instead of three times.

mod broker_process;
mod group_stage;

use std::thread;
use std::time::Duration;

use broker_process::{Broker, seed, setting};
use fastrand::Rng;
use group_stage::{Member, PARTITIONS, Protocol, Stage};

/// Members of the consumer protocol are to be as lively as the classic ones here, whose session
/// ends after 10 s.
const SETTINGS: &[&str] = &[
    "group.initial.rebalance.delay.ms=0",
    "group.consumer.migration.policy=bidirectional",
    "group.consumer.session.timeout.ms=10000",
    "group.consumer.min.session.timeout.ms=1000",
    "group.consumer.heartbeat.interval.ms=500",
    "group.consumer.min.heartbeat.interval.ms=100",
];

#[test]
fn members_share_and_take_over() {
    let classic = ["range", "roundrobin", "cooperative-sticky"].map(Protocol::Classic);
    for protocol in classic.into_iter().chain([Protocol::Consumer]) {
        let broker = start();
        let stage = Stage::new(&broker);
        stage.produce(0..300);
        let mut members: Vec<Member> = (0..3).map(|_| stage.member(protocol)).collect();
        await_shares(&stage, &members);
        members.pop().expect("three are in").leave();
        await_shares(&stage, &members);
        stage.produce(300..600);
        stage.wait("everything is processed", || stage.processed() == 600);
        members.into_iter().for_each(Member::leave);
        assert_eq!(stage.committed(), stage.ends(), "{protocol:?}");
    }
}

#[test]
fn a_restart_within_the_session_timeout_moves_nothing_of_classic_members() {
    a_restart_moves_nothing([Protocol::Classic("range"); 2]);
}

#[test]
fn a_restart_within_the_session_timeout_moves_nothing_of_consumer_members() {
    a_restart_moves_nothing([Protocol::Consumer; 2]);
}

#[test]
fn a_restart_within_the_session_timeout_moves_nothing_of_mixed_members() {
    a_restart_moves_nothing([Protocol::Classic("range"), Protocol::Consumer]);
}

fn a_restart_moves_nothing(protocols: [Protocol; 2]) {
    let mut broker = start();
    if !broker.is_ours() {
        return;
    }
    let stage = Stage::new(&broker);
    let members = protocols.map(|protocol| stage.member(protocol));
    await_shares(&stage, &members);
    stage.produce(0..60);
    stage.wait("everything is processed", || stage.processed() == 60);
    let rebalances = stage.rebalances();
    for round in 0..2 {
        match round {
            0 => broker.kill(),
            _ => drop(broker.stop()),
        }
        stage.tell("the broker is gone");
        broker.start_again();
        stage.tell("the broker is back");
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
    no_commit_is_lost(&[Protocol::Classic("cooperative-sticky")]);
}

#[test]
fn no_commit_is_lost_when_the_broker_is_killed_in_rebalances_of_consumer_members() {
    no_commit_is_lost(&[Protocol::Consumer]);
}

#[test]
fn no_commit_is_lost_when_the_broker_is_killed_in_rebalances_of_mixed_members() {
    no_commit_is_lost(&[Protocol::Classic("cooperative-sticky"), Protocol::Consumer]);
}

#[test]
fn no_commit_is_lost_when_the_broker_is_killed_in_rebalances_of_mixed_eager_members() {
    no_commit_is_lost(&[Protocol::Classic("range"), Protocol::Consumer]);
}

/// Chance takes each member's protocol from these.
fn no_commit_is_lost(protocols: &[Protocol]) {
    let rounds = setting("KLAMM_TEST_ROUNDS", 3);
    let mut random = Rng::with_seed(seed());
    let mut broker = start();
    if !broker.is_ours() {
        return;
    }
    let stage = Stage::new(&broker);
    let any = |random: &mut Rng| *random.choice(protocols).expect("one at least");
    let mut members: Vec<Member> = (0..3).map(|_| stage.member(any(&mut random))).collect();
    let mut produced = 0;
    for round in 0..rounds {
        stage.produce(produced..produced + 200);
        produced += 200;
        match random.u8(0..3) {
            0 => members.push(stage.member(any(&mut random))),
            1 if members.len() > 1 => members.remove(random.usize(0..members.len())).leave_later(),
            _ => {}
        }
        thread::sleep(Duration::from_millis(random.u64(0..1500)));
        stage.tell(&format!("round {round}: the broker is killed"));
        broker.kill();
        broker.start_again();
        stage.tell(&format!("round {round}: the broker is back"));
        stage.assert_nothing_lost();
    }
    stage.wait("everything is processed", || stage.processed() == produced);
    members.into_iter().for_each(Member::leave);
    stage.assert_nothing_lost();
    // A commit that was held back may have come last: whoever comes now goes on from there.
    let last = stage.member(protocols[0]);
    let ends = stage.ends();
    stage.wait("everything is committed", || stage.committed() == ends);
    last.leave();
}

fn start() -> Broker {
    let arguments: Vec<&str> = SETTINGS.iter().flat_map(|set| ["--set", set]).collect();
    Broker::start(&arguments)
}

fn await_shares(stage: &Stage, members: &[Member]) {
    let share = PARTITIONS as usize / members.len();
    stage.wait("each has its part", || {
        members.iter().all(|member| member.count() == share)
    });
}
