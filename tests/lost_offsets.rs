//! Offsets of a deleted topic stay gone, whenever the broker dies.

mod broker_process;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use broker_process::Broker;
use broker_process::wire::{Wire, text, topic_name};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{
    DeleteTopicsRequest, FindCoordinatorRequest, GroupId, OffsetCommitRequest, OffsetFetchRequest,
};

const OFFSETS: &str = "__consumer_offsets-0";
const GROUP: &str = "billing";
const NONE: i64 = -1;

/// The metadata's log had the deletion and the offsets' log did not: at the next start the offsets
/// were there again, and readers of a new topic of that name began in the middle.
#[test]
fn a_deletion_that_the_offsets_did_not_hear_of_counts() {
    let mut broker = Broker::start(&["--set", "offsets.topic.num.partitions=1"]);
    if !broker.is_klamm() {
        println!("skipped: it exchanges files of a broker of its own");
        return;
    }
    let mut wire = connect(&broker);
    let find = FindCoordinatorRequest::default().with_key(text(GROUP));
    retry(|| wire.ask(&find, 3).expect("an answer").error_code);
    for topic in ["stays", "goes", "is-replaced"] {
        create(&mut wire, topic);
        commit(&mut wire, topic);
    }
    let log = broker.data_dir().join(OFFSETS);
    let before = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    broker.stop();
    copy(&log, before.path());

    broker.start_again();
    let mut wire = connect(&broker);
    delete(&mut wire, "goes");
    delete(&mut wire, "is-replaced");
    create(&mut wire, "is-replaced");
    broker.stop();
    // As after a death between the two logs.
    fs::remove_dir_all(&log).expect("it is removed");
    fs::create_dir(&log).expect("it is made anew");
    copy(before.path(), &log);

    broker.start_again();
    let mut wire = connect(&broker);
    assert_eq!(committed(&mut wire, "stays"), 7);
    assert_eq!(committed(&mut wire, "is-replaced"), NONE);
    create(&mut wire, "goes");
    assert_eq!(committed(&mut wire, "goes"), NONE);
    commit(&mut wire, "goes");
    broker.kill();
    broker.start_again();
    let mut wire = connect(&broker);
    assert_eq!(committed(&mut wire, "goes"), 7, "what is new stays");
    assert_eq!(committed(&mut wire, "stays"), 7);
}

fn connect(broker: &Broker) -> Wire {
    Wire::connect(broker.address()).expect("the broker listens")
}

fn create(wire: &mut Wire, topic: &str) {
    let created = wire.create_topic(topic, 1, &[]).expect("an answer");
    assert_eq!(created.topics[0].error_code, 0);
}

fn delete(wire: &mut Wire, topic: &str) {
    let request = DeleteTopicsRequest::default()
        .with_topic_names(vec![topic_name(topic)])
        .with_timeout_ms(10_000);
    let deleted = wire.ask(&request, 4).expect("an answer");
    assert_eq!(deleted.responses[0].error_code, 0);
}

/// Until the group has a coordinator.
fn commit(wire: &mut Wire, topic: &str) {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(7);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(GROUP)))
        .with_topics(vec![topic]);
    retry(|| {
        let said = wire.ask(&request, 8).expect("an answer");
        said.topics[0].partitions[0].error_code
    });
}

fn committed(wire: &mut Wire, topic: &str) -> i64 {
    let topic = OffsetFetchRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId(text(GROUP)))
        .with_topics(Some(vec![topic]));
    let mut offset = NONE;
    retry(|| {
        let said = wire.ask(&request, 7).expect("an answer");
        if said.error_code == 0 {
            offset = said.topics[0].partitions[0].committed_offset;
        }
        said.error_code
    });
    offset
}

fn retry(mut ask: impl FnMut() -> i16) {
    let begun = Instant::now();
    loop {
        match ask() {
            0 => return,
            code => assert!(begun.elapsed() < Duration::from_secs(20), "error {code}"),
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("it is copied");
    }
}
