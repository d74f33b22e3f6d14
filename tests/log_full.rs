//! A disk that is full: producers get an error, readers go on, and it heals.
//!
//! Needs `KLAMM_SMALL_DIR`, a directory on a small file system of its own, for example an image of
//! 40 MiB made by `truncate` and `mkfs.ext4` and mounted with `-o loop`, so it runs only when asked
//! for (`cargo test --test log_full -- --ignored`), as `.ci/run` does.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use klamm::log::{
    AppendError, DataDir, Failed, Located, Log, LogConfig, NewBatch, OpenLog, ReadPlan, Stage,
    Status, sync_all,
};
use klamm::model::{Offset, TopicPartition, Uuid};
use klamm::protocol::record::{BatchBuilder, BatchHeader, BatchSpec, RecordParts};
use klamm::runtime::{Core, CoreOptions, block_on_one_core};

#[test]
#[ignore = "needs KLAMM_SMALL_DIR, a small file system"]
fn a_full_disk_refuses_serves_and_heals() {
    let small = env::var("KLAMM_SMALL_DIR").expect("KLAMM_SMALL_DIR names a small file system");
    let dir = tempfile::tempdir_in(small).unwrap();
    let path = dir.path().to_owned();
    block_on_one_core(CoreOptions::default(), |core| fill_and_heal(core, path));
}

async fn fill_and_heal(core: Core, path: PathBuf) {
    let dir = DataDir::new(core.clone(), path.clone(), 8);
    let mut log = Log::new(&path, name(), Uuid::ZERO, Arc::default(), 0);
    fs::write(path.join("ballast"), vec![1; 8 << 20]).unwrap();
    fs::File::open(path.join("ballast"))
        .unwrap()
        .sync_all()
        .unwrap();
    let mut acknowledged = 0;
    let refused = loop {
        append(&core, &mut log, 1_000).unwrap();
        match flush(&core, &dir, &mut log).await {
            Ok(()) => acknowledged = log.durable_end(),
            Err(refused) => break refused,
        }
    };
    eprintln!("full after {acknowledged} records: {refused:?}");
    assert_eq!(
        refused,
        Failed::DiskFull {
            dropped_from: acknowledged
        }
    );
    assert_eq!(log.log_end(), acknowledged);
    while log.evict_oldest(acknowledged) > 0 {}
    read(&dir, &log, 0).await;
    read(&dir, &log, acknowledged / 2).await;
    assert_eq!(append(&core, &mut log, 1_001), Err(AppendError::DiskFull));
    for again in 1..5 {
        append(&core, &mut log, 1_000 + again * 2_000).unwrap();
        assert_eq!(flush(&core, &dir, &mut log).await, Err(refused));
        assert_eq!(log.status(), Status::DiskFull);
    }
    fs::remove_file(path.join("ballast")).unwrap();
    for again in 0..10 {
        append(&core, &mut log, 20_000 + again).unwrap();
        flush(&core, &dir, &mut log).await.unwrap();
    }
    assert_eq!(log.status(), Status::Online);
    let end = log.durable_end();
    assert_eq!(end, acknowledged + 10);
    let log = recover(&dir, log).await;
    assert_eq!(log.log_end(), end);
    read(&dir, &log, end - 5).await;
}

fn append(core: &Core, log: &mut Log, now_ms: i64) -> Result<Offset, AppendError> {
    let mut builder = BatchBuilder::new(BatchSpec::default());
    let parts = RecordParts {
        value: Some(&[3; 40_000]),
        ..RecordParts::default()
    };
    builder.append(now_ms, &parts);
    let bytes = builder.build();
    let batch = NewBatch {
        header: &BatchHeader::parse(&bytes).unwrap(),
        leader_epoch: 0,
        now_ms,
    };
    log.append(core.arena(), &bytes, batch, |_| {})
        .map(|appended| appended.base_offset)
}

async fn flush(core: &Core, dir: &DataDir, log: &mut Log) -> Result<(), Failed> {
    let plan = log
        .plan_flush(core.arena())
        .expect("something was appended");
    match plan.write(dir).await {
        Ok(written) => log.on_written(written),
        Err(error) => {
            assert_eq!(error.stage, Stage::Space, "{error}");
            return Err(log.on_failed(&error, 1_000));
        }
    }
    let plan = log.plan_sync().expect("something was written");
    for synced in sync_all(dir, vec![plan]).await {
        log.on_synced(synced.unwrap());
    }
    Ok(())
}

async fn read(dir: &DataDir, log: &Log, offset: Offset) {
    let plan = log.plan_read(offset, 1_000, log.log_end(), true).unwrap();
    let ReadPlan::File(cold) = plan else {
        panic!("evicted");
    };
    let Located::Range(range) = cold.locate(dir).await.unwrap() else {
        panic!("there is a batch");
    };
    assert!(range.bytes > 40_000);
}

async fn recover(dir: &DataDir, log: Log) -> Log {
    let request = OpenLog {
        name: name(),
        topic_id: None,
        config: Arc::new(LogConfig::default()),
        clean: false,
        point: log.durable_point(),
        recovery_point: 0,
        log_start: 0,
        cleaned_to: None,
        now_ms: 0,
    };
    drop(log);
    let opened = Log::open_many(dir, vec![request]).await.remove(0).unwrap();
    eprintln!("{}", opened.recovery);
    opened.log
}

fn name() -> TopicPartition {
    TopicPartition {
        topic: "full".into(),
        partition: 0,
    }
}
