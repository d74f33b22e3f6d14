//! Directories that belong to no topic of today are set aside at the start: neither served, nor
//! removed, nor taken for a later topic of the same name.

mod broker_process;

use std::fs;
use std::path::{Path, PathBuf};

use broker_process::Broker;
use broker_process::wire::Wire;
use bytes::Bytes;

const TOPIC: &str = "kept";
const UNKNOWN: &str = "unknown";
const PARTITIONS: i32 = 2;

#[test]
fn directories_of_no_topic_are_set_aside() {
    let mut broker = Broker::start(&[]);
    if !broker.is_klamm() {
        println!("skipped: a broker of somebody else cannot be given directories");
        return;
    }
    create(&broker, TOPIC);
    (0..PARTITIONS).for_each(|partition| produce(&broker, TOPIC, partition, "before"));
    broker.stop();
    plant_strays(broker.data_dir());

    broker.start_again();
    assert_eq!(values(&broker, TOPIC, 0), 1, "the untouched partition");
    assert_eq!(values(&broker, TOPIC, 1), 0, "its log is of another topic");
    let output = broker.output();
    for name in [format!("{TOPIC}-1"), format!("{UNKNOWN}-0")] {
        let aside = the_stray(broker.data_dir(), &name);
        assert!(aside.join("00000000000000000000.log").exists());
        let told = |line: &str| line.contains(&name) && line.contains(aside.to_str().unwrap());
        assert!(output.lines().any(told), "{name} is not told:\n{output}");
    }

    create(&broker, UNKNOWN);
    assert_eq!(values(&broker, UNKNOWN, 0), 0, "a new topic begins empty");
    produce(&broker, UNKNOWN, 0, "after");
    produce(&broker, TOPIC, 1, "after");
    broker.kill();
    broker.start_again();
    for (topic, partition) in [(TOPIC, 0), (TOPIC, 1), (UNKNOWN, 0)] {
        assert_eq!(values(&broker, topic, partition), 1, "{topic}-{partition}");
    }
    assert_eq!(strays(broker.data_dir()).len(), 2, "no more than planted");
}

/// (a) A directory whose topic the metadata does not know; (b) one of another topic's id.
fn plant_strays(data_dir: &Path) {
    let (known, unknown) = (
        data_dir.join(format!("{TOPIC}-0")),
        data_dir.join(format!("{UNKNOWN}-0")),
    );
    fs::create_dir(&unknown).unwrap();
    for entry in fs::read_dir(known).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, unknown.join(from.file_name().unwrap())).unwrap();
    }
    let metadata = data_dir.join(format!("{TOPIC}-1/partition.metadata"));
    fs::write(metadata, "version: 0\ntopic_id: MkU3OEVBNTcwNTJENDM2Qg").unwrap();
}

fn strays(data_dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data_dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_stray = |path: &PathBuf| path.to_str().unwrap().ends_with("-stray");
    entries.filter(is_stray).collect()
}

fn the_stray(data_dir: &Path, name: &str) -> PathBuf {
    let prefix = format!("{name}.");
    let named = |path: &PathBuf| {
        let file_name = path.file_name().unwrap().to_str().unwrap();
        file_name.starts_with(&prefix)
    };
    let mut found = strays(data_dir).into_iter().filter(named);
    let stray = found.next().expect("set aside");
    assert!(found.next().is_none(), "once");
    stray
}

fn create(broker: &Broker, topic: &str) {
    let created = connect(broker).create_topic(topic, PARTITIONS, &[]);
    assert_eq!(created.expect("an answer").topics[0].error_code, 0);
}

fn produce(broker: &Broker, topic: &str, partition: i32, value: &'static str) {
    let value = Bytes::from_static(value.as_bytes());
    let produced = connect(broker).produce(topic, partition, value);
    assert_eq!(produced.expect("an answer"), 0);
}

/// How many records can be read: the log's end, if a fetch from the beginning brings any.
fn values(broker: &Broker, topic: &str, partition: i32) -> i64 {
    let mut wire = connect(broker);
    let end = wire.log_ends(topic, &[partition]).expect("an answer")[0];
    let fetched = wire
        .fetch(topic, partition, 0, 1_000_000)
        .expect("an answer");
    let answer = &fetched.responses[0].partitions[0];
    assert_eq!(answer.error_code, 0, "{topic}-{partition}");
    let records = answer.records.as_ref();
    assert_eq!(records.is_some_and(|bytes| !bytes.is_empty()), end > 0);
    end
}

fn connect(broker: &Broker) -> Wire {
    Wire::connect(broker.address()).expect("the broker listens")
}
