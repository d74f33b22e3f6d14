//! A closed log read by Kafka's own `kafka-dump-log`.
//!
//! Needs `KLAMM_KAFKA_LIBS`, a directory with Kafka's jars and their dependencies, and `java` on the
//! path, so it runs only when asked for, as `.ci/run` does:
//!
//! `KLAMM_KAFKA_LIBS=$(tests/clients/java/fetch-kafka.sh) cargo test --test log_dump -- --ignored`

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use klamm::log::{DataDir, Log, LogConfig, NewBatch, sync_all};
use klamm::model::{TopicPartition, Uuid};
use klamm::protocol::record::{BatchBuilder, BatchHeader, BatchSpec, RecordParts};
use klamm::runtime::{Core, CoreOptions, block_on_one_core};

const RECORDS: i64 = 6_000;

#[test]
#[ignore = "needs KLAMM_KAFKA_LIBS, Kafka's jars"]
fn kafka_reads_a_closed_log() {
    let libs = env::var("KLAMM_KAFKA_LIBS").expect("KLAMM_KAFKA_LIBS names Kafka's jars");
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = dir.path().to_owned();
    block_on_one_core(CoreOptions::default(), |core| write_and_close(core, path));
    let partition = dir.path().join("dumped-7");
    for (suffix, expected) in [("log", 4), ("index", 4), ("timeindex", 4), ("snapshot", 4)] {
        let files = files(&partition, suffix);
        assert!(files.len() >= expected, "{} .{suffix} files", files.len());
        for file in files {
            check(suffix, &dump(&libs, &file));
        }
    }
    let epochs = fs::read_to_string(partition.join("leader-epoch-checkpoint")).unwrap();
    assert_eq!(epochs, format!("0\n2\n3 0\n4 {}\n", RECORDS / 2));
}

fn check(suffix: &str, said: &str) {
    for complaint in ["Exception", "ismatch", "isvalid: false", "Found", "Corrupt"] {
        assert!(!said.contains(complaint), "{said}");
    }
    // Of a segment that does not begin at 0 the tool says that -1 is followed by its base.
    let mut gaps = said
        .lines()
        .filter(|line| line.contains(" is followed by "));
    assert!(gaps.all(|line| line.trim().starts_with("-1 ")), "{said}");
    let mark = match suffix {
        "log" => "baseOffset:",
        "index" => "offset:",
        "timeindex" => "timestamp:",
        _ => "producerId:",
    };
    assert!(said.contains(mark), "{said}");
}

async fn write_and_close(core: Core, path: PathBuf) {
    let dir = DataDir::new(core.clone(), path.clone(), 8);
    let config = Arc::new(LogConfig {
        segment_bytes: 200_000,
        ..LogConfig::default()
    });
    let name = TopicPartition {
        topic: "dumped".into(),
        partition: 7,
    };
    let mut log = Log::new(&path, name, Uuid::from_u128(5 << 90), config, 0);
    while log.log_end() < RECORDS {
        append(&core, &mut log);
        if log.log_end() % 500 == 0 {
            settle(&core, &dir, &mut log).await;
        }
    }
    settle(&core, &dir, &mut log).await;
    let plan = log.plan_close().expect("there is something to close");
    let anchored = plan.run(&dir).await.unwrap();
    log.on_anchored(anchored);
    assert!(log.closed().is_some());
}

fn append(core: &Core, log: &mut Log) {
    let base = log.log_end();
    let mut builder = BatchBuilder::new(BatchSpec {
        producer_id: base / 100 % 3,
        producer_epoch: 1,
        base_sequence: 0,
        ..BatchSpec::default()
    });
    for record in 0..10 {
        let value = format!("record {}", base + record).repeat(8);
        let parts = RecordParts {
            value: Some(value.as_bytes()),
            ..RecordParts::default()
        };
        builder.append(1_700_000_000_000 + base * 7, &parts);
    }
    let bytes = builder.build();
    let batch = NewBatch {
        header: &BatchHeader::parse(&bytes).unwrap(),
        leader_epoch: if base < RECORDS / 2 { 3 } else { 4 },
        now_ms: 0,
    };
    log.append(core.arena(), &bytes, batch, |_| {}).unwrap();
}

async fn settle(core: &Core, dir: &DataDir, log: &mut Log) {
    while let Some(plan) = log.plan_flush(core.arena()) {
        let written = plan.write(dir).await.unwrap();
        log.on_written(written);
        let plan = log.plan_sync().expect("something was written");
        for synced in sync_all(dir, vec![plan]).await {
            log.on_synced(synced.unwrap());
        }
        if let Some(plan) = log.plan_anchor() {
            let anchored = plan.run(dir).await.unwrap();
            log.on_anchored(anchored);
        }
    }
}

fn files(dir: &Path, suffix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == suffix)
    });
    files.sort();
    files
}

fn dump(libs: &str, file: &Path) -> String {
    let output = Command::new("java")
        .args(["-Xmx256m", "-cp", &format!("{libs}/*")])
        .arg("org.apache.kafka.tools.DumpLogSegments")
        .args(["--deep-iteration", "--files"])
        .arg(file)
        .output()
        .expect("java is on the path");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said + &String::from_utf8_lossy(&output.stderr)
}
