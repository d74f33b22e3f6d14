//! One partition on a real file: appends with a group's write and sync, and finding old records.
//!
//! `cargo bench --bench log`. The files lie under `target/`.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use klamm::log::{DataDir, Log, LogConfig, NewBatch, ReadPlan, sync_all};
use klamm::model::{TopicPartition, Uuid};
use klamm::protocol::record::{BatchBuilder, BatchHeader, BatchSpec, RecordParts};
use klamm::runtime::{Core, CoreOptions, block_on_one_core};

const TOPIC_ID: Uuid = Uuid::from_u128(0x1234_5678);
const OPEN_FILES: usize = 16;
/// Batches of 16 KiB that an index is made of: four entries each would be at most.
const INDEXED: usize = 1000;

criterion_group!(benches, group_commit, cold_reads);
criterion_main!(benches);

/// Appends of one group, its write and its sync: as one turn of a core's flush does it.
fn group_commit(c: &mut Criterion) {
    let mut group = c.benchmark_group("append and commit");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(2));
    for (batches, value_bytes) in [(1, 900), (64, 900), (1, 60_000), (16, 60_000)] {
        let batch = batch(value_bytes);
        group.throughput(Throughput::Bytes((batches * batch.len()) as u64));
        let name = BenchmarkId::new(batches.to_string(), batch.len());
        group.bench_function(name, |b| {
            b.iter_custom(|times| {
                on_a_core(|core, dir| commit(core, dir, times, batches, batch.clone()))
            });
        });
    }
}

/// What a fetch of old records asks first: the index in memory, then the file.
fn cold_reads(c: &mut Criterion) {
    let mut group = c.benchmark_group("cold read");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(2));
    group.bench_function("index lookup", |b| {
        b.iter_custom(|times| on_a_core(|core, dir| lookups(core, dir, times)));
    });
    group.bench_function("locate in the file", |b| {
        b.iter_custom(|times| on_a_core(|core, dir| locates(core, dir, times)));
    });
}

fn on_a_core<F: Future<Output = Duration>>(
    work: impl FnOnce(Core, PathBuf) -> F + Send,
) -> Duration {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let path = dir.path().to_owned();
    block_on_one_core(CoreOptions::default(), |core| work(core, path))
}

async fn commit(core: Core, path: PathBuf, times: u64, batches: usize, batch: Vec<u8>) -> Duration {
    let dir = DataDir::new(core.clone(), path.clone(), OPEN_FILES);
    let mut log = log(&path);
    let mut took = Duration::ZERO;
    for _ in 0..times {
        let began = Instant::now();
        append(&core, &mut log, &batch, batches);
        flush(&core, &dir, &mut log).await;
        took += began.elapsed();
        evict(&mut log);
    }
    took
}

async fn lookups(core: Core, path: PathBuf, times: u64) -> Duration {
    let dir = DataDir::new(core.clone(), path.clone(), OPEN_FILES);
    let log = cold(&core, &dir, &path).await;
    let began = Instant::now();
    for time in 0..times {
        black_box(plan(&log, time));
    }
    began.elapsed()
}

async fn locates(core: Core, path: PathBuf, times: u64) -> Duration {
    let dir = DataDir::new(core.clone(), path.clone(), OPEN_FILES);
    let log = cold(&core, &dir, &path).await;
    let began = Instant::now();
    for time in 0..times {
        let ReadPlan::File(read) = plan(&log, time) else {
            panic!("it is cold")
        };
        black_box(read.locate(&dir).await.expect("found"));
    }
    began.elapsed()
}

fn plan(log: &Log, time: u64) -> ReadPlan {
    let offset = (time * 7919) as i64 % log.log_end();
    log.plan_read(black_box(offset), 1 << 20, log.log_end(), true)
        .expect("in range")
}

/// A log of which nothing is in memory but its index.
async fn cold(core: &Core, dir: &DataDir, path: &Path) -> Log {
    let (mut log, batch) = (log(path), batch(16_000));
    for _ in 0..INDEXED / 100 {
        append(core, &mut log, &batch, 100);
        flush(core, dir, &mut log).await;
        evict(&mut log);
    }
    log
}

fn log(path: &Path) -> Log {
    let name = TopicPartition {
        topic: "orders".into(),
        partition: 0,
    };
    Log::new(path, name, TOPIC_ID, Arc::new(LogConfig::default()), 0)
}

fn append(core: &Core, log: &mut Log, batch: &[u8], batches: usize) {
    let header = BatchHeader::parse(batch).expect("sound");
    for _ in 0..batches {
        let new = NewBatch {
            header: &header,
            leader_epoch: 0,
            now_ms: 0,
        };
        log.append(core.arena(), batch, new, |_| {}).expect("room");
    }
}

async fn flush(core: &Core, dir: &DataDir, log: &mut Log) {
    let written = log
        .plan_flush(core.arena())
        .expect("something to write")
        .write(dir)
        .await;
    log.on_written(written.expect("written"));
    let plan = log.plan_sync().expect("something to sync");
    let synced = sync_all(dir, vec![plan]).await.pop().expect("one answer");
    log.on_synced(synced.expect("synced"));
}

fn evict(log: &mut Log) {
    while log.evict_oldest(log.log_end()) > 0 {}
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
