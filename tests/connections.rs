//! Bounds of connections over TCP: of one address, of the whole broker, and what happens beyond.

mod broker_process;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use broker_process::Broker;
use broker_process::wire::{Wire, fetch_request, frame};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ApiVersionsRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, OffsetCommitRequest, SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;

/// Long enough for a broker that would answer to have answered.
const SILENCE: Duration = Duration::from_millis(700);
/// Kafka's code of it.
const UNKNOWN_MEMBER_ID: i16 = 25;

#[test]
fn an_address_over_its_bound_is_closed_until_a_connection_ends() {
    let broker = Broker::start(&["--set", "max.connections.per.ip=3"]);
    if !broker.is_ours() {
        return;
    }
    let mut inside: Vec<Wire> = (0..3).map(|_| answered(&broker)).collect();
    for _ in 0..10 {
        let mut further = connect(&broker);
        assert!(further.api_versions().is_err(), "a fourth is closed");
    }
    inside.iter_mut().for_each(|wire| {
        wire.api_versions().expect("those inside stay");
    });
    inside.pop();
    inside.push(answered(&broker));
    assert!(broker.output().contains("max.connections.per.ip (3)"));
}

/// As many as may wait for being sent, and some more, in one segment: each way in which the reader
/// and the sender of a connection can come one behind the other.
#[test]
fn answers_keep_the_order_of_their_requests() {
    for pending_max in [1, 2, 64] {
        let setting = format!("klamm.connection.responses.pending.max={pending_max}");
        let broker = Broker::start(&["--set", &setting]);
        if !broker.is_ours() {
            return;
        }
        let mut wire = answered(&broker);
        wire.create_topic("empty", 1, &[]).expect("a topic");
        for count in (1..8).chain(pending_max..pending_max + 8) {
            assert_eq!(answers(&mut wire, count), (0..count).collect::<Vec<_>>());
        }
    }
}

/// The correlation ids of the answers to so many requests that are sent together. Every fifth is a
/// fetch, which only begins when all before it are answered.
fn answers(wire: &mut Wire, count: i32) -> Vec<i32> {
    let mut together = Vec::new();
    for number in 0..count {
        together.extend(match number % 5 {
            4 => frame(&fetch_request("empty", 0, 0, 1 << 20), 11, number),
            _ => frame(&ApiVersionsRequest::default(), 0, number),
        });
    }
    wire.socket().write_all(&together).expect("sent");
    let mut answer = |_| {
        let answer = wire.receive_frame().expect("an answer");
        i32::from_be_bytes(answer[..4].try_into().expect("four bytes"))
    };
    (0..count).map(&mut answer).collect()
}

/// Kafka takes nothing more from a connection before it has answered, so a member may commit right
/// behind the sync that gives it its partitions.
#[test]
fn a_commit_waits_for_the_sync_before_it() {
    let broker = Broker::start(&["--set", "group.initial.rebalance.delay.ms=0"]);
    if !broker.is_ours() {
        return;
    }
    let (mut leader, mut follower) = (answered(&broker), answered(&broker));
    leader.create_topic("t", 1, &[]).expect("a topic");
    await_coordinator(&mut leader);
    let first = join(&mut leader, "");
    follower.send(&join_request(""), 3).expect("sent");
    // Only while a rebalance is prepared is there something for the leader to join.
    std::thread::sleep(SILENCE);
    let leading = join(&mut leader, &first.member_id);
    let member = follower.receive::<JoinGroupRequest>(3).expect("joined");
    assert_eq!((leading.generation_id, member.generation_id), (2, 2));

    follower.send(&sync_request(&member, &[]), 2).expect("sent");
    follower.send(&commit_request(&member), 6).expect("sent");
    std::thread::sleep(SILENCE);
    let ids = [&leading.member_id, &member.member_id];
    let synced = leader
        .ask(&sync_request(&leading, &ids), 2)
        .expect("synced");
    assert_eq!(synced.error_code, 0);
    let synced = follower.receive::<SyncGroupRequest>(2).expect("synced");
    assert_eq!(
        (synced.error_code, &synced.assignment[..]),
        (0, &b"part"[..])
    );
    let committed = follower
        .receive::<OffsetCommitRequest>(6)
        .expect("committed");
    assert_eq!(committed.topics[0].partitions[0].error_code, 0);
}

/// Its topic is made when it is asked for first, and then loaded.
fn await_coordinator(wire: &mut Wire) {
    let begun = Instant::now();
    let asked = FindCoordinatorRequest::default().with_key("g".into());
    let beat = HeartbeatRequest::default().with_group_id(GroupId("g".into()));
    let there = |wire: &mut Wire| {
        let found = wire.ask(&asked, 2).expect("an answer").error_code;
        let beaten = wire.ask(&beat, 2).expect("an answer").error_code;
        (found, beaten) == (0, UNKNOWN_MEMBER_ID)
    };
    while !there(wire) {
        assert!(begun.elapsed() < Duration::from_secs(30), "no coordinator");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn join(wire: &mut Wire, member_id: &str) -> JoinGroupResponse {
    let joined = wire.ask(&join_request(member_id), 3).expect("joined");
    assert_eq!(joined.error_code, 0);
    joined
}

fn join_request(member_id: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default().with_name("p".into());
    JoinGroupRequest::default()
        .with_group_id(GroupId("g".into()))
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_member_id(member_id.to_owned().into())
        .with_protocol_type("test".into())
        .with_protocols(vec![protocol])
}

fn sync_request(joined: &JoinGroupResponse, members: &[&StrBytes]) -> SyncGroupRequest {
    let assignments = members.iter().map(|member_id| {
        SyncGroupRequestAssignment::default()
            .with_member_id((*member_id).clone())
            .with_assignment("part".into())
    });
    SyncGroupRequest::default()
        .with_group_id(GroupId("g".into()))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_assignments(assignments.collect())
}

fn commit_request(joined: &JoinGroupResponse) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(7);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName("t".into()))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(GroupId("g".into()))
        .with_generation_id_or_member_epoch(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_topics(vec![topic])
}

#[test]
fn an_override_counts_for_its_address() {
    let overrides = "max.connections.per.ip.overrides=10.1.2.3:9,127.0.0.1:2";
    let broker = Broker::start(&["--set", "max.connections.per.ip=0", "--set", overrides]);
    if !broker.is_ours() {
        return;
    }
    let _inside = (answered(&broker), answered(&broker));
    assert!(
        connect(&broker).api_versions().is_err(),
        "a third is closed"
    );
}

#[test]
fn beyond_the_brokers_bound_connections_wait() {
    let broker = Broker::start(&["--set", "max.connections=2"]);
    if !broker.is_ours() {
        return;
    }
    let mut inside = vec![answered(&broker), answered(&broker)];
    let mut waiting: Vec<Wire> = (0..4).map(|_| connect(&broker)).collect();
    for wire in &mut waiting {
        assert!(is_silent(wire), "no place yet");
    }
    // Everybody gets a turn, though in no certain order: the cores take turns by chance.
    let mut done = 0;
    while !waiting.is_empty() {
        inside.remove(0);
        let at = eventually_served(&mut waiting);
        inside.push(waiting.remove(at));
        done += 1;
    }
    assert_eq!(done, 4);
    inside.iter_mut().for_each(|wire| {
        wire.api_versions().expect("inside by now");
    });
}

/// Those that wait have asked already; the position of the first that is answered.
fn eventually_served(waiting: &mut [Wire]) -> usize {
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        for (at, wire) in waiting.iter_mut().enumerate() {
            set_patience(wire.socket(), Duration::from_millis(50));
            if wire.receive_frame().is_ok() {
                set_patience(wire.socket(), Duration::from_secs(20));
                return at;
            }
        }
    }
    panic!("nobody is let in although a connection has ended");
}

/// Asks, and is not answered.
fn is_silent(wire: &mut Wire) -> bool {
    let request = kafka_protocol::messages::ApiVersionsRequest::default();
    wire.send(&request, 0).expect("the kernel takes it");
    set_patience(wire.socket(), SILENCE);
    let kind = wire.receive_frame().map_err(|error| error.kind()).err();
    matches!(
        kind,
        Some(std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
    )
}

fn set_patience(socket: &TcpStream, patience: Duration) {
    let set = socket.set_read_timeout(Some(patience));
    set.expect("a socket takes a time limit");
}

fn connect(broker: &Broker) -> Wire {
    Wire::connect(broker.address()).expect("the kernel accepts")
}

/// The connection of the start's own check may still count for a moment.
fn answered(broker: &Broker) -> Wire {
    let begun = std::time::Instant::now();
    loop {
        let mut wire = connect(broker);
        match wire.api_versions() {
            Ok(_) => return wire,
            Err(error) if begun.elapsed() > Duration::from_secs(20) => panic!("{error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[test]
fn a_fetch_whose_client_is_gone_holds_nothing() {
    let broker = Broker::start(&[]);
    if !broker.is_klamm() {
        return;
    }
    let mut keeper = answered(&broker);
    let created = keeper.create_topic("quiet", 1, &[]).expect("an answer");
    assert_eq!(created.topics[0].error_code, 0);
    let before = broker.usage().descriptors;
    for _ in 0..50 {
        let waiting = fetch_request("quiet", 0, 0, 1 << 20)
            .with_max_wait_ms(i32::MAX)
            .with_min_bytes(1 << 20);
        let mut wire = answered(&broker);
        // The second one waits behind the first.
        for _ in 0..2 {
            wire.send(&waiting, 8).expect("sent");
        }
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while broker.usage().descriptors > before + 5 {
        assert!(Instant::now() < deadline, "the connections stay open");
        std::thread::sleep(SILENCE / 10);
    }
    keeper.api_versions().expect("it serves");
}
