//! Resident memory, shared memory included, stays under the configured budget plus a stated overhead,
//! whatever clients do: slow readers beside fast writers, huge frames that never finish, responses
//! that nobody reads.
//!
//! `KLAMM_SECONDS` (8): how long the loads last.

mod broker_process;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use broker_process::wire::{Wire, batch, fetch_request, frame, produce_request};
use broker_process::{Broker, setting};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::records::Compression;

const TOPIC: &str = "memory";
const PARTITIONS: i32 = 16;
const CLIENTS: usize = 200;
const BUDGET_BYTES: u64 = 128 << 20;
/// Program text, thread stacks, rings and the heap of a broker that does nothing.
const IDLE_OVERHEAD_BYTES: u64 = 64 << 20;
/// Tasks and their small state.
const OVERHEAD_PER_CONNECTION_BYTES: u64 = 64 << 10;
/// The producers stop there, for the disk's sake.
const PRODUCED_BYTES_MAX: u64 = 2 << 30;

#[test]
fn slow_consumers_and_fast_producers_stay_within_the_budget() {
    let broker = start(&[]);
    fill(&broker, 64 << 20);
    let load = Load::new(broker.address());
    let deadline = Instant::now() + Duration::from_secs(setting("KLAMM_SECONDS", 8));
    let most = thread::scope(|scope| {
        for client in 0..CLIENTS as i32 {
            let load = &load;
            scope.spawn(move || load.produce(client % PARTITIONS));
            scope.spawn(move || load.consume_slowly(client % PARTITIONS));
        }
        let most = most_resident(&broker, deadline);
        load.stop.store(true, Ordering::Relaxed);
        most
    });
    println!(
        "{CLIENTS} producers sent {} MB in {} requests, {CLIENTS} slow consumers took {} MB; at most {} MB resident",
        load.produced.load(Ordering::Relaxed) / 1_000_000,
        load.acknowledged.load(Ordering::Relaxed),
        load.consumed.load(Ordering::Relaxed) / 1_000_000,
        most / 1_000_000,
    );
    assert!(
        load.acknowledged.load(Ordering::Relaxed) > CLIENTS as u64,
        "the producers starve"
    );
    assert!(
        load.consumed.load(Ordering::Relaxed) > 0,
        "the consumers starve"
    );
    assert_within_budget(&broker, most, 2 * CLIENTS as u64);
    assert_serving(&broker);
}

#[test]
fn huge_frames_that_dribble_hold_what_they_have_sent() {
    let broker = start(&[]);
    let before = resident(&broker);
    let mut sockets = declare_huge_frames(&broker);
    let mut sent = 0;
    let mut most = 0;
    let deadline = Instant::now() + Duration::from_secs(setting("KLAMM_SECONDS", 8));
    while Instant::now() < deadline {
        for socket in &mut sockets {
            sent += socket.write(&[b'x'; 512]).unwrap_or(0) as u64;
        }
        assert_serving(&broker);
        most = most.max(resident(&broker));
        thread::sleep(Duration::from_millis(100));
    }
    let grown = most.saturating_sub(before);
    println!(
        "{CLIENTS} clients declared 100 MiB each and sent {} KB together: {} KB more resident",
        sent / 1_000,
        grown / 1_000,
    );
    if broker.is_klamm() {
        assert!(grown <= 2 * sent + CLIENTS as u64 * OVERHEAD_PER_CONNECTION_BYTES);
    }
}

#[test]
fn half_sent_frames_beyond_the_budget_do_not_starve_the_others() {
    let broker = start(&["--set", "klamm.connection.receive.stall.max.ms=2000"]);
    let mut sockets = declare_huge_frames(&broker);
    let piece = vec![b'x'; 1 << 20];
    for socket in &mut sockets {
        socket
            .set_write_timeout(Some(Duration::from_millis(20)))
            .expect("a valid timeout");
        let _ = socket.write_all(&piece);
    }
    let started = Instant::now();
    assert_serving(&broker);
    let waited = started.elapsed();
    let most = resident(&broker);
    println!(
        "{CLIENTS} clients stopped within a huge frame; another one was served after {waited:.1?}, {} MB resident",
        most / 1_000_000
    );
    assert_within_budget(&broker, most, CLIENTS as u64);
}

#[test]
fn a_client_that_never_reads_is_cut_off() {
    let broker = start(&["--set", "klamm.connection.send.stall.max.ms=2000"]);
    if !broker.is_klamm() {
        println!("skipped: Kafka has no such bound");
        return;
    }
    fill(&broker, 64 << 20);
    let before = resident(&broker);
    let mut socket = TcpStream::connect(broker.address()).expect("the broker listens");
    socket
        .set_write_timeout(Some(Duration::from_secs(1)))
        .expect("a valid timeout");
    let request = frame(&fetch_request(TOPIC, 0, 0, 8 << 20), 11, 1);
    let started = Instant::now();
    let mut asked = 0_u64;
    let mut most = before;
    let error = loop {
        match socket.write_all(&request) {
            Ok(()) => asked += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => break error,
        }
        most = most.max(resident(&broker));
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "after {asked} requests still not cut off"
        );
    };
    println!(
        "cut off after {:.1?} and {asked} requests ({error}); {} KB more resident",
        started.elapsed(),
        most.saturating_sub(before) / 1_000,
    );
    assert_within_budget(&broker, most, 1);
    assert_serving(&broker);
}

fn start(more: &[&str]) -> Broker {
    let budget = BUDGET_BYTES.to_string();
    let arguments = [&["--memory", budget.as_str()], more].concat();
    let broker = Broker::start(&arguments);
    let mut wire = Wire::connect(broker.address()).expect("the broker listens");
    wire.create_topic(TOPIC, PARTITIONS, &[("segment.bytes", "67108864")])
        .expect("an answer");
    for partition in 0..PARTITIONS {
        while wire.log_ends(TOPIC, &[partition]).expect("an answer") == [-1] {}
    }
    broker
}

/// Writes so many bytes over the partitions.
fn fill(broker: &Broker, bytes: usize) {
    let mut wire = Wire::connect(broker.address()).expect("the broker listens");
    let records = noise_batch(512 << 10);
    for index in 0..bytes / records.len() {
        let partition = index as i32 % PARTITIONS;
        let request = produce_request(TOPIC, 1, vec![(partition, records.clone())]);
        let answer = wire.ask(&request, 8).expect("an answer");
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    }
}

fn noise_batch(bytes: usize) -> Bytes {
    let mut noise = vec![0; bytes];
    fastrand::fill(&mut noise);
    batch(&[noise.into()], Compression::None)
}

struct Load {
    address: SocketAddr,
    records: Bytes,
    stop: AtomicBool,
    produced: AtomicU64,
    acknowledged: AtomicU64,
    consumed: AtomicU64,
}

impl Load {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            records: noise_batch(64 << 10),
            stop: AtomicBool::new(false),
            produced: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            consumed: AtomicU64::new(0),
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Four requests in flight, as fast as they are answered.
    fn produce(&self, partition: i32) {
        let Ok(mut wire) = Wire::connect(self.address) else {
            return;
        };
        let request = produce_request(TOPIC, -1, vec![(partition, self.records.clone())]);
        let mut in_flight = 0;
        while !self.stopped() && self.produced.load(Ordering::Relaxed) < PRODUCED_BYTES_MAX {
            if wire.send(&request, 8).is_err() {
                return;
            }
            self.produced
                .fetch_add(self.records.len() as u64, Ordering::Relaxed);
            in_flight += 1;
            if in_flight == 4 {
                in_flight -= 1;
                self.note_acknowledgement(&mut wire);
            }
        }
    }

    fn note_acknowledgement(&self, wire: &mut Wire) {
        let answer = wire.receive::<ProduceRequest>(8);
        if answer.is_ok_and(|answer| answer.responses[0].partition_responses[0].error_code == 0) {
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks for eight megabytes and takes four kilobytes at a time.
    fn consume_slowly(&self, partition: i32) {
        let Ok(mut wire) = Wire::connect(self.address) else {
            return;
        };
        let mut buffer = [0; 4096];
        let request: BytesMut = frame(&fetch_request(TOPIC, partition, 0, 8 << 20), 11, 1);
        wire.socket()
            .set_read_timeout(Some(Duration::from_millis(500)))
            .expect("a valid timeout");
        while !self.stopped() {
            let _ = wire.socket().write(&request);
            for _ in 0..20 {
                let Ok(taken) = wire.socket().read(&mut buffer) else {
                    break;
                };
                self.consumed.fetch_add(taken as u64, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn declare_huge_frames(broker: &Broker) -> Vec<TcpStream> {
    let produce_header = [0, 0, 0, 8, 0, 0, 0, 1, 0, 1, b'd'];
    (0..CLIENTS)
        .map(|_| {
            let mut socket = TcpStream::connect(broker.address()).expect("the broker accepts");
            socket
                .write_all(&(100_i32 << 20).to_be_bytes())
                .expect("sent");
            socket.write_all(&produce_header).expect("sent");
            socket
        })
        .collect()
}

fn most_resident(broker: &Broker, deadline: Instant) -> u64 {
    let mut most = 0;
    while Instant::now() < deadline {
        most = most.max(resident(broker));
        thread::sleep(Duration::from_millis(20));
    }
    most
}

fn resident(broker: &Broker) -> u64 {
    if broker.is_ours() {
        broker.usage().resident_bytes
    } else {
        0
    }
}

fn assert_within_budget(broker: &Broker, most: u64, connections: u64) {
    let bound = BUDGET_BYTES + IDLE_OVERHEAD_BYTES + connections * OVERHEAD_PER_CONNECTION_BYTES;
    let message = format!(
        "{most} bytes resident, the bound is {bound}\n{}",
        broker.output()
    );
    assert!(!broker.is_klamm() || most <= bound, "{message}");
}

/// A client that behaves writes a record and reads it.
fn assert_serving(broker: &Broker) {
    let mut wire = Wire::connect(broker.address()).expect("the broker listens");
    let end = wire.log_ends(TOPIC, &[0]).expect("an answer")[0];
    let records = batch(&[Bytes::from_static(b"still serving")], Compression::None);
    let answer = wire
        .ask(&produce_request(TOPIC, -1, vec![(0, records)]), 8)
        .expect("an answer");
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    let fetched = wire.fetch(TOPIC, 0, end, 1 << 20).expect("an answer");
    assert_eq!(fetched.responses[0].partitions[0].error_code, 0);
}
