//! Many partitions at once: how long first writes, a clean restart and a recovery take, and what
//! an idle partition costs.
//!
//! `cargo test --release --test log_many -- --ignored --nocapture` prints the figures.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use klamm::log::{DataDir, DurablePoint, Log, LogConfig, NewBatch, OpenLog, anchor_all, sync_all};
use klamm::model::{PartitionId, TopicPartition, Uuid};
use klamm::protocol::record::{BatchBuilder, BatchHeader, BatchSpec, RecordParts};
use klamm::runtime::sync::join_all;
use klamm::runtime::{Core, CoreOptions, run_on_cores};

/// Kafka's limit for one request.
const PARTITIONS: i32 = 9_900;
const CORES: usize = 2;
const TOPIC_ID: Uuid = Uuid::from_u128(0x77 << 90);

#[test]
#[ignore = "a measurement"]
fn many_partitions() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = dir.path().to_owned();
    run_on_cores(CORES, &CoreOptions::default(), move |core| {
        measure(core, path.clone())
    });
}

async fn measure(core: Core, path: PathBuf) {
    let dir = DataDir::new(core.clone(), path.clone(), 256);
    let config = Arc::new(LogConfig::default());
    let rss = resident_kib();
    let began = Instant::now();
    let mut logs: Vec<Log> = own(&core)
        .map(|index| Log::new(&path, name(index), TOPIC_ID, config.clone(), 0))
        .collect();
    logs.iter_mut().for_each(|log| append(&core, log));
    flush(&core, &dir, &mut logs).await;
    tell(&core, "first write of each, durable", began);
    let began = Instant::now();
    logs.iter_mut().for_each(|log| append(&core, log));
    flush(&core, &dir, &mut logs).await;
    tell(&core, "second write of each, durable", began);
    evict(&mut logs);
    eprintln!(
        "core {}: {} bytes a log on the stack",
        core.id(),
        size_of::<Log>()
    );
    let per_log = (resident_kib() - rss) * 1024 / i64::from(PARTITIONS);
    eprintln!(
        "core {}: about {per_log} bytes resident for each idle log",
        core.id()
    );
    let points: Vec<_> = logs.iter().map(Log::durable_point).collect();
    let began = Instant::now();
    let mut logs = open(&core, &dir, &config, false, points).await;
    tell(&core, "recovery with durable points", began);
    let began = Instant::now();
    logs.iter_mut().for_each(|log| append(&core, log));
    flush(&core, &dir, &mut logs).await;
    tell(&core, "third write of each, its block read first", began);
    let began = Instant::now();
    let plans = logs
        .iter_mut()
        .map(|log| log.plan_close().expect("it was written"));
    let closing = anchor_all(&dir, plans.collect());
    for (log, anchored) in logs.iter_mut().zip(closing.await) {
        log.on_anchored(anchored.unwrap());
    }
    tell(&core, "clean close", began);
    let points = logs.iter().map(Log::durable_point).collect();
    let began = Instant::now();
    open(&core, &dir, &config, true, points).await;
    tell(&core, "clean start", began);
    let began = Instant::now();
    let none = own(&core).map(|_| None).collect();
    open(&core, &dir, &config, false, none).await;
    tell(&core, "recovery without durable points", began);
}

fn own(core: &Core) -> impl Iterator<Item = i32> {
    let id = core.id();
    (0..PARTITIONS).filter(move |index| {
        let partition = PartitionId {
            topic_id: TOPIC_ID,
            index: *index,
        };
        partition.owner_core(CORES) == id
    })
}

fn append(core: &Core, log: &mut Log) {
    let mut builder = BatchBuilder::new(BatchSpec {
        producer_id: 5,
        producer_epoch: 0,
        base_sequence: log.log_end() as i32,
        ..BatchSpec::default()
    });
    let parts = RecordParts {
        value: Some(&[7; 100]),
        ..RecordParts::default()
    };
    builder.append(1_700_000_000_000, &parts);
    let bytes = builder.build();
    let batch = NewBatch {
        header: &BatchHeader::parse(&bytes).unwrap(),
        leader_epoch: 0,
        now_ms: 0,
    };
    log.append(core.arena(), &bytes, batch, |_| {}).unwrap();
}

async fn flush(core: &Core, dir: &DataDir, logs: &mut [Log]) {
    let plans: Vec<_> = logs
        .iter_mut()
        .map(|log| log.plan_flush(core.arena()).unwrap())
        .collect();
    let written = join_all(plans.into_iter().map(|plan| plan.write(dir)).collect()).await;
    for (log, written) in logs.iter_mut().zip(written) {
        log.on_written(written.unwrap());
    }
    let plans = logs
        .iter_mut()
        .map(|log| log.plan_sync().unwrap())
        .collect();
    for (log, synced) in logs.iter_mut().zip(sync_all(dir, plans).await) {
        log.on_synced(synced.unwrap());
    }
}

fn evict(logs: &mut [Log]) {
    for log in logs {
        let below = log.log_end();
        while log.evict_oldest(below) > 0 {}
        assert_eq!(log.memory_bytes(), 0);
    }
}

async fn open(
    core: &Core,
    dir: &DataDir,
    config: &Arc<LogConfig>,
    clean: bool,
    points: Vec<Option<DurablePoint>>,
) -> Vec<Log> {
    let request = |(index, point)| OpenLog {
        name: name(index),
        topic_id: Some(TOPIC_ID),
        config: config.clone(),
        clean,
        point,
        recovery_point: 0,
        log_start: 0,
        cleaned_to: None,
        now_ms: 1_700_000_000_000,
    };
    let requests: Vec<_> = own(core).zip(points).map(request).collect();
    let pieces = requests
        .chunks(256)
        .map(|piece| Log::open_many(dir, piece.to_vec()));
    let opened = join_all(pieces.collect()).await.into_iter().flatten();
    opened.map(|opened| opened.unwrap().log).collect()
}

fn name(index: i32) -> TopicPartition {
    TopicPartition {
        topic: "many".into(),
        partition: index,
    }
}

fn tell(core: &Core, what: &str, began: Instant) {
    eprintln!("core {}: {what}: {:?}", core.id(), began.elapsed());
}

fn resident_kib() -> i64 {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
