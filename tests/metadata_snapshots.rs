//! A broker that is stopped and killed over and over, with a metadata snapshot after nearly every
//! change: topics survive, deleted ones stay away, and the files stay few.

mod broker_process;

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use broker_process::wire::{Wire, topic_name};
use broker_process::{Broker, setting};
use kafka_protocol::messages::{DeleteTopicsRequest, MetadataRequest};

const SETTINGS: &[&str] = &[
    "--set",
    "metadata.log.max.record.bytes.between.snapshots=500",
    "--set",
    "metadata.max.retention.bytes=1",
    "--set",
    "internal.metadata.log.segment.bytes=4096",
];

#[test]
fn topics_survive_restarts_and_the_metadata_files_stay_few() {
    let mut broker = Broker::start(SETTINGS);
    if !broker.is_klamm() {
        return;
    }
    let rounds = setting("KLAMM_ROUNDS", 8);
    let mut first_offsets = Vec::new();
    for round in 0..rounds {
        let mut wire = Wire::connect(broker.address()).expect("the kernel accepts");
        assert_eq!(topics(&mut wire), expected(round), "round {round}");
        change(&mut wire, round);
        assert_eq!(topics(&mut wire), expected(round + 1), "round {round}");
        await_snapshot(&broker);
        if round % 2 == 0 {
            broker.kill();
        } else {
            broker.stop();
        }
        first_offsets.extend(files(&broker, ".log").first().cloned());
        broker.start_again();
    }
    let (snapshots, segments) = (files(&broker, ".checkpoint"), files(&broker, ".log"));
    assert!(snapshots.len() <= 2, "{snapshots:?}");
    assert!(segments.len() <= 4, "{segments:?}");
    let moved = first_offsets.windows(2).filter(|pair| pair[0] < pair[1]);
    assert!(
        moved.count() >= 2,
        "the log's beginning moves: {first_offsets:?}"
    );
}

/// Many topics come, and those of the round before go, but for one.
fn change(wire: &mut Wire, round: u64) {
    for number in 0..20 {
        let created = wire.create_topic(&name(round, number), 1, &[]);
        let code = created.expect("an answer").topics[0].error_code;
        assert_eq!(code, 0, "{}", name(round, number));
    }
    let Some(before) = round.checked_sub(1) else {
        return;
    };
    let gone = (1..20).map(|number| topic_name(&name(before, number)));
    let request = DeleteTopicsRequest::default()
        .with_topic_names(gone.collect())
        .with_timeout_ms(60_000);
    let deleted = wire.ask(&request, 4).expect("an answer");
    assert!(deleted.responses.iter().all(|topic| topic.error_code == 0));
}

fn expected(rounds: u64) -> Vec<String> {
    let kept = (0..rounds).map(|round| name(round, 0));
    let newest = rounds.checked_sub(1).into_iter();
    let newest = newest.flat_map(|round| (1..20).map(move |number| name(round, number)));
    let mut all: Vec<String> = kept.chain(newest).collect();
    all.sort();
    all
}

fn name(round: u64, number: u64) -> String {
    format!("round-{round:03}-topic-{number:02}")
}

fn topics(wire: &mut Wire) -> Vec<String> {
    let request = MetadataRequest::default().with_topics(None);
    let response = wire.ask(&request, 8).expect("an answer");
    let names = response.topics.into_iter().filter_map(|topic| topic.name);
    let mut names: Vec<String> = names.map(|name| name.to_string()).collect();
    names.sort();
    names
}

/// A snapshot follows within about a second, and then the older ones go.
fn await_snapshot(broker: &Broker) {
    let before = files(broker, ".checkpoint");
    let begun = Instant::now();
    while files(broker, ".checkpoint").last() == before.last() {
        assert!(begun.elapsed() < Duration::from_secs(20), "no new snapshot");
        sleep(Duration::from_millis(20));
    }
    // At a different moment each time: a kill meets any step of the clean-up.
    sleep(Duration::from_millis(fastrand::u64(0..60)));
}

/// Names with this ending in the metadata log's directory, ascending.
fn files(broker: &Broker, ending: &str) -> Vec<String> {
    let dir = broker.data_dir().join("__cluster_metadata-0");
    let entries = fs::read_dir(dir).expect("the metadata log is there");
    let names = entries.map(|entry| entry.expect("readable").file_name());
    let mut names: Vec<String> = names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(ending))
        .collect();
    names.sort();
    names
}
