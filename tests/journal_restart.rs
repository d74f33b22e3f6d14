//! Small batches to many partitions go through the journals: kill -9 under that load, restarts on
//! other numbers of cores, and a clean stop after which the segments alone have everything.
//!
//! The journals are so small that their files are drained and begun again all the time.

mod broker_process;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use broker_process::wire::{Wire, batch, produce_request};
use broker_process::{Broker, seed};
use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::records::Compression;
use klamm::protocol::record::{BatchHeader, verify_crc};

const TOPIC: &str = "journal-restart";
const PARTITIONS: usize = 200;
/// Partitions in one produce request.
const PARTITIONS_PER_REQUEST: usize = 50;
const PRODUCE_VERSION: i16 = 8;
const CORES: [&str; 5] = ["2", "1", "2", "2", "1"];
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn what_the_journals_have_comes_back_on_any_number_of_cores() {
    comes_back("klamm.flush=durable");
}

/// A killed process leaves the kernel what it has written.
#[test]
fn what_is_only_written_to_the_journals_comes_back() {
    comes_back("klamm.flush=written");
}

fn comes_back(flush: &str) {
    let arguments = |cores| arguments(cores, flush);
    let mut broker = Broker::start(&arguments(CORES[0]));
    if !broker.is_klamm() {
        println!("skipped: only klamm has journals");
        return;
    }
    let mut random = fastrand::Rng::with_seed(seed());
    let mut wire = Wire::connect(broker.address()).expect("the broker listens");
    let created = wire.create_topic(TOPIC, PARTITIONS as i32, &[]);
    assert_eq!(created.expect("an answer").topics[0].error_code, 0);
    let mut at_least = 0;
    for cores in CORES.into_iter().cycle().skip(1).take(CORES.len()) {
        await_journals(&broker);
        let acknowledged = AtomicU64::new(at_least);
        thread::scope(|scope| {
            let load = scope.spawn(|| produce_until_it_fails(&broker.address(), &acknowledged));
            thread::sleep(Duration::from_millis(random.u64(300..1_500)));
            kill(&broker);
            load.join().expect("the load does not panic");
        });
        broker.kill();
        broker.set_arguments(&arguments(cores));
        broker.start_again();
        let ends = ends(&broker);
        let (least, most) = (ends.iter().min(), ends.iter().max());
        let (least, most) = (*least.expect("some"), *most.expect("some"));
        let acknowledged = acknowledged.into_inner();
        println!("{cores} cores: {acknowledged} rounds acknowledged, ends {least} to {most}");
        assert!(
            least >= acknowledged as i64,
            "{ends:?}\n{}",
            broker.output()
        );
        level(&broker, &ends, most);
        at_least = most as u64;
    }
    await_journals(&broker);
    for _ in 0..20 {
        produce_round(&mut Wire::connect(broker.address()).expect("listens"))
            .expect("acknowledged");
    }
    let end = at_least as i64 + 20;
    assert_eq!(ends(&broker), vec![end; PARTITIONS]);
    broker.stop();
    let output = broker.output();
    output
        .lines()
        .filter(|line| line.contains("journal"))
        .for_each(|line| println!("{line}"));
    check_summary(&output);
    assert_eq!(journals(broker.data_dir()), Vec::<PathBuf>::new());
    for partition in 0..PARTITIONS {
        check_segments(&broker.data_dir().join(format!("{TOPIC}-{partition}")), end);
    }
}

fn arguments<'a>(cores: &'a str, flush: &'a str) -> [&'a str; 10] {
    let journal = "klamm.journal.bytes=1MiB";
    [
        "--cores",
        cores,
        "--memory",
        "128MiB",
        "--set",
        journal,
        "--set",
        "klamm.files.open.max=300",
        "--set",
        flush,
    ]
}

/// The process alone, while another thread still uses the address.
fn kill(broker: &Broker) {
    let pid = broker.pid().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid])
        .status();
    assert!(killed.expect("kill is there").success());
}

/// Every core has made its files.
fn await_journals(broker: &Broker) {
    let started = Instant::now();
    while journals(broker.data_dir()).len() < 2 {
        assert!(
            started.elapsed() < PATIENCE,
            "no journal\n{}",
            broker.output()
        );
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(300));
}

fn journals(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .expect("readable")
        .map(|entry| entry.expect("an entry").path());
    let is_journal = |path: &PathBuf| path.to_string_lossy().contains("klamm-journal-");
    entries.filter(is_journal).collect()
}

/// One small batch for every partition again and again; counts the rounds that were acknowledged.
fn produce_until_it_fails(address: &std::net::SocketAddr, acknowledged: &AtomicU64) {
    let Ok(mut wire) = Wire::connect(*address) else {
        return;
    };
    while produce_round(&mut wire).is_ok() {
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

fn produce_round(wire: &mut Wire) -> io::Result<()> {
    let all: Vec<i32> = (0..PARTITIONS as i32).collect();
    produce_to(wire, &all)
}

fn produce_to(wire: &mut Wire, partitions: &[i32]) -> io::Result<()> {
    let records = batch(&[Bytes::from_static(&[b'j'; 200])], Compression::None);
    let mut requests = 0;
    for chunk in partitions.chunks(PARTITIONS_PER_REQUEST) {
        let data = chunk.iter().map(|partition| (*partition, records.clone()));
        wire.send(&produce_request(TOPIC, -1, data.collect()), PRODUCE_VERSION)?;
        requests += 1;
    }
    for _ in 0..requests {
        let response = wire.receive::<ProduceRequest>(PRODUCE_VERSION)?;
        let answers = &response.responses[0].partition_responses;
        if answers.iter().any(|answer| answer.error_code != 0) {
            return Err(io::Error::other("refused"));
        }
    }
    Ok(())
}

/// Brings every partition to the same end.
fn level(broker: &Broker, ends: &[i64], end: i64) {
    let mut wire = Wire::connect(broker.address()).expect("the broker listens");
    for next in *ends.iter().min().expect("some")..end {
        let short = (0..).zip(ends).filter(|(_, end)| **end <= next);
        let short: Vec<i32> = short.map(|(partition, _)| partition).collect();
        produce_to(&mut wire, &short).expect("acknowledged");
    }
}

fn ends(broker: &Broker) -> Vec<i64> {
    let all: Vec<i32> = (0..PARTITIONS as i32).collect();
    let started = Instant::now();
    loop {
        let ends = Wire::connect(broker.address()).and_then(|mut wire| wire.log_ends(TOPIC, &all));
        match ends {
            Ok(ends) if ends.iter().all(|end| *end >= 0) => return ends,
            _ => assert!(started.elapsed() < PATIENCE, "{}", broker.output()),
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The journals were used.
fn check_summary(output: &str) {
    let lines = output.lines().filter(|line| line.contains("journal: "));
    let rounds = lines.filter_map(|line| {
        let counted = line.split("journal: ").nth(1)?;
        counted.split(' ').next()?.parse::<u64>().ok()
    });
    assert!(rounds.sum::<u64>() > 10, "{output}");
}

/// The segments hold all offsets up to the end and nothing behind them.
fn check_segments(dir: &Path, end: i64) {
    let paths = fs::read_dir(dir)
        .expect("readable")
        .map(|entry| entry.expect("an entry").path());
    let mut logs: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    logs.sort();
    let mut next = 0;
    for path in logs {
        let bytes = fs::read(&path).expect("readable");
        let mut at = 0;
        while at < bytes.len() {
            let header = BatchHeader::parse(&bytes[at..]).expect("a batch");
            assert_eq!(header.base_offset, next, "{}", path.display());
            verify_crc(&bytes[at..at + header.size_bytes()]).expect("whole");
            next = header.next_offset();
            at += header.size_bytes();
        }
    }
    assert_eq!(next, end, "{}", dir.display());
}
