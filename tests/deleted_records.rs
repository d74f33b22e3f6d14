//! Records whose deletion was answered stay deleted, whatever becomes of the process.

mod broker_process;

use std::thread;
use std::time::{Duration, Instant};

use broker_process::Broker;
use broker_process::wire::Wire;
use bytes::Bytes;

const TOPIC: &str = "deleted-records";
/// Each is a batch.
const RECORDS: i64 = 300;
/// OFFSET_OUT_OF_RANGE.
const OUT_OF_RANGE: i16 = 1;

/// Kafka's checkpoint of the log starts is written once a minute: a kill before that brought
/// deleted records back.
#[test]
fn kill_nine_right_after_the_answer_brings_nothing_back() {
    let mut broker = Broker::start(&[]);
    if !broker.is_klamm() {
        println!("skipped: only klamm promises this, and only a broker of our own can be killed");
        return;
    }
    fill(&broker);
    for (before, expected) in [(3, 3), (77, 77), (78, 78), (-1, RECORDS)] {
        let mut wire = connect(&broker);
        let deleted = wire.delete_records(TOPIC, 0, before).expect("an answer");
        broker.kill();
        assert_eq!(deleted, 0);
        broker.start_again();
        assert_eq!(log_start(&broker), expected);
        assert_eq!(fetch_error(&broker, expected - 1), OUT_OF_RANGE);
        assert_eq!(fetch_error(&broker, expected), 0);
    }
}

/// Each deletion waits for a write of the core's file, but they share writes.
#[test]
fn many_deletions_share_their_writes() {
    let mut broker = Broker::start(&[]);
    if !broker.is_klamm() {
        println!("skipped: only klamm promises this, and only a broker of our own can be killed");
        return;
    }
    fill(&broker);
    let begun = Instant::now();
    thread::scope(|scope| {
        for first in 1..=20 {
            let mut wire = connect(&broker);
            scope.spawn(move || {
                for before in (first..=RECORDS).step_by(100) {
                    let deleted = wire.delete_records(TOPIC, 0, before).expect("an answer");
                    assert_eq!(deleted, 0);
                }
            });
        }
    });
    println!("60 deletions by 20 clients took {:.2?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(10));
    broker.kill();
    broker.start_again();
    assert_eq!(log_start(&broker), 220, "the largest of all");
}

fn fill(broker: &Broker) {
    let mut wire = connect(broker);
    let created = wire.create_topic(TOPIC, 1, &[]).expect("an answer");
    assert_eq!(created.topics[0].error_code, 0);
    for _ in 0..RECORDS {
        let value = Bytes::from_static(b"a record");
        assert_eq!(wire.produce(TOPIC, 0, value).expect("an answer"), 0);
    }
}

fn connect(broker: &Broker) -> Wire {
    Wire::connect(broker.address()).expect("the broker listens")
}

fn log_start(broker: &Broker) -> i64 {
    let mut wire = connect(broker);
    wire.log_start(TOPIC, 0).expect("an answer")
}

fn fetch_error(broker: &Broker, offset: i64) -> i16 {
    let mut wire = connect(broker);
    let fetched = wire.fetch(TOPIC, 0, offset, 1_000).expect("an answer");
    fetched.responses[0].partitions[0].error_code
}
