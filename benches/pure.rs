//! What decides without waiting: messages decoded and encoded, batches appended to memory, fetches
//! planned from it.
//!
//! `cargo bench --bench pure` measures time; `perf/instructions` counts instructions, for which
//! `--once NAME` does one piece of work inside `measured` and `--names` lists them.

use std::env;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::Criterion;
use klamm::log::{Log, LogConfig, NewBatch, ReadPlan};
use klamm::model::{TopicPartition, Uuid};
use klamm::protocol::message::Message;
use klamm::protocol::message::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse, PartitionData,
};
use klamm::protocol::message::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData, TopicProduceResponse,
};
use klamm::protocol::record::{BatchBuilder, BatchHeader, BatchSpec, RecordParts, crc32c};
use klamm::protocol::wire::{Reader, RecordsField, Writer};
use klamm::sys::arena::Arena;

const PRODUCE_VERSION: i16 = 12;
const FETCH_VERSION: i16 = 17;
const PARTITIONS: i32 = 10;
const TOPIC_ID: Uuid = Uuid::from_u128(0x1234_5678);
/// Appends in one piece of work, so that making the log does not count.
const APPENDS: usize = 256;

type Work = Box<dyn FnMut()>;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let named = arguments.iter().position(|one| one == "--once");
    if arguments.iter().any(|one| one == "--names") {
        works().iter().for_each(|(name, _)| println!("{name}"));
    } else if let Some(at) = named {
        once(arguments.get(at + 1).expect("--once needs a name"));
    } else {
        let mut criterion = Criterion::default().configure_from_args();
        for (name, mut work) in works() {
            criterion.bench_function(name, |b| b.iter(&mut work));
        }
        criterion.final_summary();
    }
}

fn once(name: &str) {
    let found = works().into_iter().find(|(one, _)| *one == name);
    let (_, mut work) = found.unwrap_or_else(|| panic!("no work is called {name}; see --names"));
    work();
    measured(&mut work);
}

/// What callgrind looks for.
#[inline(never)]
fn measured(work: &mut Work) {
    work();
}

fn works() -> Vec<(&'static str, Work)> {
    vec![
        ("crc32c_64k", checksum()),
        ("produce_decode", produce_decode()),
        ("produce_encode", produce_encode()),
        ("fetch_decode", fetch_decode()),
        ("fetch_encode", fetch_encode()),
        ("append_256_of_1k", append()),
        ("fetch_plan", plan()),
    ]
}

fn checksum() -> Work {
    let bytes = vec![0x5a; 64 << 10];
    Box::new(move || {
        black_box(crc32c(black_box(&bytes)));
    })
}

/// A request for ten partitions with 1 KiB each.
fn produce_decode() -> Work {
    let batch = batch(1000);
    let partition = |index| PartitionProduceData {
        index,
        records: Some(RecordsField::Borrowed(&batch)),
    };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: "orders",
            partition_data: (0..PARTITIONS).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let bytes = encoded(&request, PRODUCE_VERSION);
    Box::new(move || {
        let mut reader = Reader::new(black_box(&bytes));
        black_box(ProduceRequest::decode(&mut reader, PRODUCE_VERSION).expect("sound"));
    })
}

fn produce_encode() -> Work {
    let partition = |index| PartitionProduceResponse {
        index,
        base_offset: 1_000_000,
        ..Default::default()
    };
    let response = ProduceResponse {
        responses: vec![TopicProduceResponse {
            name: "orders",
            partition_responses: (0..PARTITIONS).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    Box::new(move || {
        black_box(encoded(black_box(&response), PRODUCE_VERSION));
    })
}

fn fetch_decode() -> Work {
    let partition = |partition| FetchPartition {
        partition,
        fetch_offset: 1_000_000,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        topics: vec![FetchTopic {
            topic_id: TOPIC_ID,
            partitions: (0..PARTITIONS).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let bytes = encoded(&request, FETCH_VERSION);
    Box::new(move || {
        let mut reader = Reader::new(black_box(&bytes));
        black_box(FetchRequest::decode(&mut reader, FETCH_VERSION).expect("sound"));
    })
}

/// As a broker answers: the records are spliced in by the sender.
fn fetch_encode() -> Work {
    let partition = |partition_index| PartitionData {
        partition_index,
        high_watermark: 1_000_000,
        records: Some(RecordsField::Spliced(100_000)),
        ..Default::default()
    };
    let response = FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic_id: TOPIC_ID,
            partitions: (0..PARTITIONS).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    Box::new(move || {
        black_box(encoded(black_box(&response), FETCH_VERSION));
    })
}

/// Batches of one record into a new log's memory; nothing is written.
fn append() -> Work {
    let (arena, batch) = (arena(), batch(1000));
    Box::new(move || {
        let mut log = log();
        append_all(&mut log, &arena, &batch, APPENDS);
        black_box(log.log_end());
    })
}

/// One read of 1 MiB from the middle of what is in memory.
fn plan() -> Work {
    let (arena, mut log) = (arena(), log());
    append_all(&mut log, &arena, &batch(1000), 16 * APPENDS);
    let (middle, end) = (log.log_end() / 2, log.log_end());
    Box::new(move || {
        let plan = log.plan_read(black_box(middle), 1 << 20, end, true);
        assert!(matches!(black_box(plan), Ok(ReadPlan::Memory(_))));
    })
}

fn append_all(log: &mut Log, arena: &Arena, batch: &[u8], times: usize) {
    let header = BatchHeader::parse(batch).expect("sound");
    for _ in 0..times {
        let new = NewBatch {
            header: &header,
            leader_epoch: 0,
            now_ms: 0,
        };
        log.append(arena, batch, new, |_| {}).expect("room");
    }
}

fn log() -> Log {
    let name = TopicPartition {
        topic: "orders".into(),
        partition: 0,
    };
    Log::new(
        Path::new("nowhere"),
        name,
        TOPIC_ID,
        Arc::new(LogConfig::default()),
        0,
    )
}

fn arena() -> Arena {
    Arena::new(64 << 20).expect("address space")
}

fn batch(value_bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(BatchSpec::default());
    let value = vec![7; value_bytes];
    let record = RecordParts {
        value: Some(&value),
        ..RecordParts::default()
    };
    builder.append(1_800_000_000_000, &record);
    builder.build()
}

fn encoded<'a>(message: &impl Message<'a>, version: i16) -> Vec<u8> {
    let mut writer = Writer::new();
    message.encode(&mut writer, version);
    writer.finish().expect("this version carries it").head
}
