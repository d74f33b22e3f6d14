//! Many partitions in one request: created, each written, restarted cleanly and after kill -9.
//!
//! `KLAMM_PARTITIONS` (1,000; Kafka's own limit for one request is 9,900). Times, memory and
//! descriptors are printed; only absurd values fail.

mod broker_process;

use std::io;
use std::time::{Duration, Instant};

use broker_process::wire::{Wire, batch, produce_request};
use broker_process::{Broker, Usage, setting};
use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::records::Compression;

const TOPIC: &str = "many-partitions";
/// Partitions in one produce request.
const PARTITIONS_PER_REQUEST: usize = 100;
/// Requests under way on the one connection.
const REQUESTS_IN_FLIGHT: usize = 5;
/// The last version that names topics by name and needs no more than the crate encodes.
const PRODUCE_VERSION: i16 = 8;
const SANITY: Duration = Duration::from_secs(300);
/// Kafka took 28 KB (its heap); ten times that would be a leak.
const BYTES_PER_PARTITION_MAX: u64 = 300_000;

#[test]
fn many_partitions_are_created_written_and_restarted() {
    let mut broker = Broker::start(&[]);
    if !broker.is_ours() {
        println!("skipped: an external broker cannot be restarted");
        return;
    }
    let partitions = setting("KLAMM_PARTITIONS", 1_000);
    let all: Vec<i32> = (0..partitions as i32).collect();
    let before = broker.usage();

    let started = Instant::now();
    create(&broker, partitions);
    println!(
        "{partitions} partitions: create answered after {:.2?}",
        started.elapsed()
    );
    write_each(&broker, &all);
    let writable = started.elapsed();
    println!("create -> each written (acks=all): {writable:.2?}");
    assert!(writable < SANITY);
    print_usage(
        "after the first record of each",
        before,
        broker.usage(),
        partitions,
    );

    println!("clean stop: {:.2?}", broker.stop());
    restart(&mut broker, &all, 1, "start after a clean stop");
    print_usage("after a clean restart", before, broker.usage(), partitions);
    let again = Instant::now();
    write_each(&broker, &all);
    println!("each written again: {:.2?}", again.elapsed());

    broker.kill();
    restart(&mut broker, &all, 2, "start after kill -9");
    let again = Instant::now();
    write_each(&broker, &all);
    println!("each written once more: {:.2?}", again.elapsed());
    assert_eq!(ends(&broker, &all).expect("an answer"), vec![3; all.len()]);
    print_usage("in the end", before, broker.usage(), partitions);

    let deleting = Instant::now();
    delete(&broker);
    println!("delete answered after {:.2?}", deleting.elapsed());
}

fn create(broker: &Broker, partitions: u64) {
    let mut wire = Wire::connect(broker.address()).expect("the broker listens");
    let response = wire
        .create_topic(TOPIC, partitions as i32, &[])
        .expect("an answer");
    assert_eq!(
        response.topics[0].error_code, 0,
        "{:?}",
        response.topics[0].error_message
    );
}

fn delete(broker: &Broker) {
    use kafka_protocol::messages::DeleteTopicsRequest;
    let mut wire = Wire::connect(broker.address()).expect("the broker listens");
    let names = vec![broker_process::wire::topic_name(TOPIC)];
    let request = DeleteTopicsRequest::default()
        .with_topic_names(names)
        .with_timeout_ms(60_000);
    let response = wire.ask(&request, 4).expect("an answer");
    assert_eq!(response.responses[0].error_code, 0);
}

/// One small batch to every partition, again to those that were not ready yet.
fn write_each(broker: &Broker, all: &[i32]) {
    let records = batch(&[Bytes::from_static(&[b'x'; 100])], Compression::None);
    let started = Instant::now();
    let mut missing = all.to_vec();
    while !missing.is_empty() {
        let mut wire = Wire::connect(broker.address()).expect("the broker listens");
        missing = write(&mut wire, &missing, &records).unwrap_or(missing);
        assert!(
            started.elapsed() < SANITY,
            "{} partitions cannot be written\n{}",
            missing.len(),
            broker.output()
        );
    }
}

/// Returns the partitions that answered an error.
fn write(wire: &mut Wire, partitions: &[i32], records: &Bytes) -> io::Result<Vec<i32>> {
    let mut refused = Vec::new();
    let chunks: Vec<_> = partitions.chunks(PARTITIONS_PER_REQUEST).collect();
    for index in 0..chunks.len() + REQUESTS_IN_FLIGHT {
        if let Some(chunk) = chunks.get(index) {
            let data = chunk
                .iter()
                .map(|&partition| (partition, records.clone()))
                .collect();
            wire.send(&produce_request(TOPIC, -1, data), PRODUCE_VERSION)?;
        }
        if (REQUESTS_IN_FLIGHT..chunks.len() + REQUESTS_IN_FLIGHT).contains(&index) {
            refused.extend(refused_of(wire)?);
        }
    }
    Ok(refused)
}

fn refused_of(wire: &mut Wire) -> io::Result<Vec<i32>> {
    let response = wire.receive::<ProduceRequest>(PRODUCE_VERSION)?;
    let answers = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses);
    Ok(answers
        .filter(|answer| answer.error_code != 0)
        .map(|answer| answer.index)
        .collect())
}

/// Starts the broker and waits until every partition tells the log end that it must have.
fn restart(broker: &mut Broker, all: &[i32], end: i64, what: &str) {
    let started = Instant::now();
    let answering = broker.start_again();
    let wanted = vec![end; all.len()];
    loop {
        let ends = ends(broker, all).unwrap_or_default();
        if ends == wanted {
            break;
        }
        let behind = ends.iter().filter(|&&found| found != end).count();
        assert!(
            started.elapsed() < SANITY,
            "{behind} partitions stay behind\n{}",
            broker.output()
        );
    }
    println!(
        "{what}: first answer {answering:.2?}, every partition {:.2?}",
        started.elapsed()
    );
}

fn ends(broker: &Broker, all: &[i32]) -> io::Result<Vec<i64>> {
    let mut wire = Wire::connect(broker.address())?;
    let mut ends = Vec::with_capacity(all.len());
    for chunk in all.chunks(2_000) {
        ends.extend(wire.log_ends(TOPIC, chunk)?);
    }
    Ok(ends)
}

fn print_usage(when: &str, before: Usage, now: Usage, partitions: u64) {
    let bytes = now.resident_bytes.saturating_sub(before.resident_bytes) / partitions;
    let descriptors = now.descriptors.saturating_sub(before.descriptors);
    println!(
        "{when}: {} MB resident (+{} KB a partition), {} descriptors (+{:.2} a partition)",
        now.resident_bytes / 1_000_000,
        bytes / 1_000,
        now.descriptors,
        descriptors as f64 / partitions as f64,
    );
    assert!(bytes < BYTES_PER_PARTITION_MAX, "{bytes} bytes a partition");
}
