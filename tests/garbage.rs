//! Malformed frames of all kinds over TCP: whatever comes, the broker goes on serving everybody else.
//!
//! `KLAMM_FRAMES` (10,000), `KLAMM_SEED`. Against Apache Kafka some frames draw an answer where klamm
//! closes the connection and the other way round; the test demands only what both must do.

mod broker_process;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use broker_process::wire::{Wire, batch, fetch_request, frame, produce_request};
use broker_process::{Broker, seed, setting};
use bytes::Bytes;
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DescribeConfigsRequest,
    FindCoordinatorRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest,
    ListOffsetsRequest, MetadataRequest,
};
use kafka_protocol::records::Compression;

const TOPIC: &str = "garbage";
/// Connections left open behind us with their garbage in them.
const OPEN_MAX: usize = 64;
/// A healthy client looks in this often.
const PROBE_EVERY: u64 = 250;
/// What all that garbage may leave resident.
const RESIDENT_GROWTH_MAX: u64 = 256 << 20;

#[test]
fn ten_thousand_malformed_frames_leave_the_broker_serving() {
    let mut broker = Broker::start(&[]);
    let mut random = fastrand::Rng::with_seed(seed());
    let mut healthy = Healthy::new(broker.address());
    let valid = valid_frames();
    let before = broker.is_klamm().then(|| broker.usage().resident_bytes);
    let mut open = VecDeque::new();
    let frames = setting("KLAMM_FRAMES", 10_000);
    let mut counts = [0_u64; KINDS.len()];
    for number in 0..frames {
        let kind = random.usize(0..KINDS.len());
        counts[kind] += 1;
        let garbage = (KINDS[kind].1)(&mut random, &valid);
        open.push_back(throw(broker.address(), &garbage, random.bool()));
        if open.len() > OPEN_MAX {
            open.pop_front();
        }
        if number % PROBE_EVERY == 0 {
            healthy.probe(&format!("after frame {number}"));
        }
    }
    drop(open);
    healthy.probe("in the end");
    Healthy::new(broker.address()).probe("on a new connection");
    broker.assert_running();
    for ((name, _), count) in KINDS.iter().zip(counts) {
        println!("{count:6} {name}");
    }
    if let Some(before) = before {
        let grown = broker.usage().resident_bytes.saturating_sub(before);
        println!("resident memory grew by {} KB", grown / 1_000);
        assert!(grown < RESIDENT_GROWTH_MAX);
    }
}

/// These must end the connection, soon and without anything else happening.
#[test]
fn hostile_sizes_close_the_connection() {
    let broker = Broker::start(&[]);
    let huge_array = [
        &[0, 3, 0, 1, 0, 0, 0, 9, 0, 1, b'x'][..],
        &[0xff, 0xff, 0xff, 0xf0],
    ]
    .concat();
    let cases: &[(&str, Vec<u8>)] = &[
        ("a negative size", (-1_i32).to_be_bytes().to_vec()),
        ("a size of 2 GiB", i32::MAX.to_be_bytes().to_vec()),
        (
            "a size over socket.request.max.bytes",
            104_857_601_i32.to_be_bytes().to_vec(),
        ),
        ("a size of 0", vec![0; 4]),
        ("a size of 3", vec![0, 0, 0, 3, 0, 18, 0]),
        (
            "an unknown API",
            sized(&[0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff]),
        ),
        (
            "a negative API",
            sized(&[0xff, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff]),
        ),
        ("Metadata of two billion topics", sized(&huge_array)),
        (
            "Produce version 99",
            sized(&[0, 0, 0, 99, 0, 0, 0, 1, 0xff, 0xff]),
        ),
        (
            "a client id beyond the frame",
            sized(&[0, 18, 0, 0, 0, 0, 0, 1, 0x7f, 0xff]),
        ),
    ];
    for (name, bytes) in cases {
        let mut socket = TcpStream::connect(broker.address()).expect("the broker listens");
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a valid timeout");
        let _ = socket.write_all(bytes);
        let mut answer = Vec::new();
        let ended = socket.read_to_end(&mut answer);
        let timed_out = ended.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        assert!(
            !timed_out,
            "{name}: still open after ten seconds, {} bytes came",
            answer.len()
        );
    }
    Healthy::new(broker.address()).probe("in the end");
}

type Draw = fn(&mut fastrand::Rng, &[Vec<u8>]) -> Vec<u8>;

/// Each kind of garbage, by name.
const KINDS: &[(&str, Draw)] = &[
    ("noise without any frame", |random, _| noise(random, 300)),
    ("noise in a frame of the right size", |random, _| {
        let body = noise(random, 400);
        sized(&body)
    }),
    ("a valid header, then noise", |random, _| {
        let key = random.i16(0..93);
        let version = random.i16(0..18);
        header_and(key, version, &noise(random, 300))
    }),
    ("a valid request with bits flipped", |random, valid| {
        let mut bytes = pick(random, valid);
        for _ in 0..random.usize(1..12) {
            let position = random.usize(4..bytes.len());
            bytes[position] ^= 1 << random.u8(0..8);
        }
        bytes
    }),
    (
        "a valid request with a hostile number in it",
        |random, valid| {
            let mut bytes = pick(random, valid);
            let hostile: &[&[u8]] = &[
                &[0x7f, 0xff, 0xff, 0xff],
                &[0xff, 0xff, 0xff, 0xff],
                &[0x80, 0, 0, 0],
                &[0xff, 0xff, 0xff, 0xff, 0x0f],
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                &[0x7f, 0xff],
                &[0xff, 0xff],
            ];
            let number = *random.choice(hostile).expect("not empty");
            let position = random.usize(8..bytes.len());
            let end = bytes.len().min(position + number.len());
            bytes[position..end].copy_from_slice(&number[..end - position]);
            bytes
        },
    ),
    (
        "a valid request cut short, the size true",
        |random, valid| {
            let bytes = pick(random, valid);
            sized(&bytes[4..random.usize(4..bytes.len())])
        },
    ),
    (
        "a valid request cut short, the size a lie",
        |random, valid| {
            let bytes = pick(random, valid);
            bytes[..random.usize(1..bytes.len())].to_vec()
        },
    ),
    ("a valid request with more behind it", |random, valid| {
        let bytes = pick(random, valid);
        let more = noise(random, 100);
        sized(&[&bytes[4..], &more].concat())
    }),
    (
        "a valid request in a version that is not",
        |random, valid| {
            let mut bytes = pick(random, valid);
            bytes[6..8].copy_from_slice(&random.i16(..).to_be_bytes());
            bytes
        },
    ),
    ("a valid request under another key", |random, valid| {
        let mut bytes = pick(random, valid);
        bytes[4..6].copy_from_slice(&random.i16(0..93).to_be_bytes());
        bytes
    }),
    (
        "a declared size from 0 to 2 GiB and a little noise",
        |random, _| {
            let size = if random.bool() {
                random.i32(..)
            } else {
                random.i32(0..120 << 20)
            };
            [&size.to_be_bytes()[..], &noise(random, 200)].concat()
        },
    ),
    ("produce: a batch with bits flipped", |random, _| {
        let mut records = whole_batch(random).to_vec();
        for _ in 0..random.usize(1..6) {
            let position = random.usize(0..records.len());
            records[position] ^= 1 << random.u8(0..8);
        }
        produce(records)
    }),
    (
        "produce: flipped, but the checksum is right",
        |random, _| {
            let mut records = whole_batch(random).to_vec();
            for _ in 0..random.usize(1..6) {
                let position = random.usize(21..records.len());
                records[position] ^= 1 << random.u8(0..8);
            }
            right_checksum(&mut records);
            produce(records)
        },
    ),
    (
        "produce: a compressed body that is noise, checksum right",
        |random, _| {
            let mut records = whole_batch(random).to_vec();
            records[22] = random.u8(0..8);
            random.fill(&mut records[61..]);
            right_checksum(&mut records);
            produce(records)
        },
    ),
    ("produce: cut short or doubled", |random, _| {
        let records = whole_batch(random).to_vec();
        let cut = records[..random.usize(0..records.len())].to_vec();
        produce(if random.bool() {
            cut
        } else {
            [records, cut].concat()
        })
    }),
    ("produce: magic 0 and 1", |random, _| {
        let mut records = whole_batch(random).to_vec();
        records[16] = random.u8(0..2);
        produce(records)
    }),
    ("produce: a bomb of zeros, compressed well", |random, _| {
        let codec = *random.choice(&CODECS).expect("not empty");
        produce(batch(&[Bytes::from(vec![0; 900_000])], codec).to_vec())
    }),
];

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// Sends without waiting for anything; a broker that closes in the middle is fine.
fn throw(address: SocketAddr, garbage: &[u8], end: bool) -> Option<TcpStream> {
    let mut socket = TcpStream::connect(address).expect("the broker accepts");
    let _ = socket.write_all(garbage);
    if end {
        let _ = socket.shutdown(Shutdown::Write);
    }
    Some(socket)
}

/// A client that behaves, on one connection through it all.
struct Healthy {
    wire: Wire,
    written: i64,
}

impl Healthy {
    fn new(address: SocketAddr) -> Self {
        let mut wire = Wire::connect(address).expect("the broker listens");
        wire.create_topic(TOPIC, 1, &[]).expect("an answer");
        wire.create_topic("healthy", 1, &[]).expect("an answer");
        let mut healthy = Self { wire, written: 0 };
        healthy.written = healthy.end();
        healthy
    }

    fn end(&mut self) -> i64 {
        loop {
            let ends = self.wire.log_ends("healthy", &[0]).expect("an answer");
            if ends[0] >= 0 {
                return ends[0];
            }
        }
    }

    fn probe(&mut self, when: &str) {
        self.wire
            .api_versions()
            .unwrap_or_else(|error| panic!("{when}: {error}"));
        let records = batch(&[Bytes::from(when.to_owned())], Compression::None);
        let request = produce_request("healthy", -1, vec![(0, records)]);
        let answer = self
            .wire
            .ask(&request, 8)
            .unwrap_or_else(|error| panic!("{when}: produce: {error}"));
        let answer = &answer.responses[0].partition_responses[0];
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (0, self.written),
            "{when}: produce"
        );
        let fetched = self
            .wire
            .fetch("healthy", 0, self.written, 1 << 20)
            .unwrap_or_else(|error| panic!("{when}: fetch: {error}"));
        let data = &fetched.responses[0].partitions[0];
        let text = data.records.as_deref().unwrap_or_default();
        assert!(
            text.windows(when.len())
                .any(|window| window == when.as_bytes()),
            "{when}: fetch"
        );
        self.written += 1;
    }
}

/// One well-formed request of many kinds.
fn valid_frames() -> Vec<Vec<u8>> {
    let records = batch(
        &[Bytes::from_static(b"a"), Bytes::from_static(b"bc")],
        Compression::None,
    );
    vec![
        frame(&ApiVersionsRequest::default(), 3, 1).to_vec(),
        frame(&MetadataRequest::default().with_topics(None), 9, 2).to_vec(),
        frame(
            &MetadataRequest::default().with_topics(Some(vec![Default::default()])),
            12,
            2,
        )
        .to_vec(),
        frame(
            &produce_request(TOPIC, -1, vec![(0, records.clone())]),
            8,
            3,
        )
        .to_vec(),
        frame(
            &produce_request(TOPIC, 1, vec![(0, records.clone()), (7, records)]),
            10,
            4,
        )
        .to_vec(),
        frame(&fetch_request(TOPIC, 0, 0, 1 << 20), 11, 5).to_vec(),
        frame(&fetch_request(TOPIC, 0, 0, 1 << 20), 12, 6).to_vec(),
        frame(&ListOffsetsRequest::default(), 5, 7).to_vec(),
        frame(
            &CreateTopicsRequest::default().with_topics(vec![Default::default()]),
            7,
            8,
        )
        .to_vec(),
        frame(
            &DescribeConfigsRequest::default().with_resources(vec![Default::default()]),
            4,
            9,
        )
        .to_vec(),
        frame(
            &IncrementalAlterConfigsRequest::default().with_resources(vec![Default::default()]),
            1,
            10,
        )
        .to_vec(),
        frame(
            &DeleteRecordsRequest::default().with_topics(vec![Default::default()]),
            2,
            11,
        )
        .to_vec(),
        frame(&FindCoordinatorRequest::default(), 4, 12).to_vec(),
        frame(&InitProducerIdRequest::default(), 4, 13).to_vec(),
    ]
}

fn pick(random: &mut fastrand::Rng, valid: &[Vec<u8>]) -> Vec<u8> {
    random.choice(valid).expect("not empty").clone()
}

fn noise(random: &mut fastrand::Rng, length_max: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.usize(0..length_max)];
    random.fill(&mut bytes);
    bytes
}

fn sized(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

fn header_and(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let header = [
        &key.to_be_bytes()[..],
        &version.to_be_bytes(),
        &[0, 0, 0, 5, 0, 1, b'g'],
    ]
    .concat();
    sized(&[&header[..], body].concat())
}

fn whole_batch(random: &mut fastrand::Rng) -> Bytes {
    let values: Vec<Bytes> = (0..random.usize(1..20))
        .map(|_| Bytes::from(noise(random, 60)))
        .collect();
    batch(&values, *random.choice(&CODECS).expect("not empty"))
}

fn produce(records: Vec<u8>) -> Vec<u8> {
    frame(
        &produce_request(TOPIC, -1, vec![(0, records.into())]),
        8,
        99,
    )
    .to_vec()
}

/// Kafka's batch checksum: CRC-32C of everything from byte 21 on.
fn right_checksum(records: &mut [u8]) {
    let checksum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &records[21..]);
    records[17..21].copy_from_slice(&(checksum as u32).to_be_bytes());
}
