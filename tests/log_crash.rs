//! The log against a simple model: random appends, flushes, reads, deletions, clean restarts and
//! crashes that lose or tear everything that was not synced.
//!
//! A failure prints its seed; `KLAMM_SEED=n cargo test --test log_crash` runs that one alone, and
//! `KLAMM_ROUNDS=n` runs more of them.

mod seeds;

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fastrand::Rng;
use klamm::log::{
    DataDir, DurablePoint, Located, Log, LogConfig, NewBatch, OpenError, OpenLog, ReadPlan,
    Retention, Sequence, sync_all,
};
use klamm::model::{Offset, ProducerId, TopicPartition, Uuid};
use klamm::protocol::record::{BatchBuilder, BatchHeader, BatchSpec, RecordParts};
use klamm::runtime::Core;
use seeds::{for_each_seed, on_one_core};

const OPERATIONS: usize = 300;
const TOPIC_ID: Uuid = Uuid::from_u128(0x1234_5678_9abc_def0);

#[test]
fn nothing_durable_is_lost_whatever_happens() {
    for_each_seed(30, run_seed);
}

fn run_seed(seed: u64) {
    on_one_core(move |core, path| async move {
        Run::new(core, &path, seed).run().await;
    });
}

struct Run {
    core: Core,
    path: PathBuf,
    dir: DataDir,
    rng: Rng,
    config: Arc<LogConfig>,
    log: Log,
    model: Model,
    now_ms: i64,
    /// What the last durable-points file says.
    point: Option<DurablePoint>,
    epoch: i32,
}

/// All batches from the log's first segment on, as they must be read.
#[derive(Default)]
struct Model {
    batches: Vec<ModelBatch>,
    log_start: Offset,
    producers: Vec<Producer>,
}

struct ModelBatch {
    header: BatchHeader,
    bytes: Vec<u8>,
}

struct Producer {
    id: ProducerId,
    epoch: i16,
}

impl Run {
    fn new(core: Core, path: &Path, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let config = Arc::new(LogConfig {
            segment_bytes: rng.u32(40_000..400_000),
            index_interval_bytes: rng.u32(100..5_000),
            segment_index_bytes: rng.u32(200..20_000),
            retention_bytes: rng.bool().then(|| rng.u64(50_000..500_000)),
            retention_ms: rng.bool().then(|| rng.i64(20_000..600_000)),
            anchor_interval_bytes: rng.u32(5_000..100_000),
            preallocate_bytes_max: 64 << 10,
            ..LogConfig::default()
        });
        let producers = (0..4).map(|id| Producer { id, epoch: 0 }).collect();
        Self {
            dir: DataDir::new(core.clone(), path.to_owned(), rng.usize(4..20)),
            core,
            path: path.to_owned(),
            log: Log::new(path, name(), TOPIC_ID, config.clone(), 0),
            config,
            rng,
            model: Model {
                producers,
                ..Model::default()
            },
            now_ms: 1_700_000_000_000,
            point: None,
            epoch: 0,
        }
    }

    async fn run(mut self) {
        for _ in 0..OPERATIONS {
            self.now_ms += self.rng.i64(0..3_000);
            match self.rng.u32(0..100) {
                0..50 => self.append(),
                50..70 => self.flush().await,
                70..82 => self.read().await,
                82..86 => self.evict(),
                86..89 => self.anchor().await,
                89..91 => self.remember(),
                91..93 => self.delete_records().await,
                93..95 => self.retention().await,
                95..97 => self.look_up_timestamp().await,
                97 => self.epoch += 1,
                98 => self.close().await,
                _ => self.crash().await,
            }
        }
        self.close().await;
        self.read_all().await;
    }

    fn append(&mut self) {
        for _ in 0..self.rng.usize(1..6) {
            let bytes = self.batch();
            let header = BatchHeader::parse(&bytes).unwrap();
            let batch = NewBatch {
                header: &header,
                leader_epoch: self.epoch,
                now_ms: self.now_ms,
            };
            let at = (self.log.next_position() % 4096) as usize;
            let appended = match self.rng.u32(0..4) {
                0 => {
                    let mut chunk = self.core.arena().allocate(at + bytes.len()).unwrap();
                    chunk.writable(at..at + bytes.len()).copy_from_slice(&bytes);
                    self.log.adopt(chunk, at, batch, |_| {}).ok()
                }
                _ => None,
            };
            let appended = match appended {
                Some(appended) => appended,
                None => self
                    .log
                    .append(self.core.arena(), &bytes, batch, |_| {})
                    .unwrap(),
            };
            self.model.append(appended.base_offset, self.epoch, bytes);
        }
    }

    fn batch(&mut self) -> Vec<u8> {
        let mut spec = BatchSpec::default();
        if self.rng.u32(0..3) > 0 {
            let at = self.rng.usize(..self.model.producers.len());
            let producer = &mut self.model.producers[at];
            if self.rng.u32(0..40) == 0 {
                producer.epoch += 1;
            }
            spec.producer_id = producer.id;
            spec.producer_epoch = producer.epoch;
            let (id, epoch) = (producer.id, producer.epoch);
            let last = self.model.last_batch_of(id);
            let same = last.filter(|batch| batch.header.producer_epoch == epoch);
            spec.base_sequence = same.map_or(0, |batch| batch.header.next_sequence());
        }
        let mut builder = BatchBuilder::new(spec);
        let value_bytes = match self.rng.u32(0..20) {
            0 => self.rng.usize(..9_000),
            1..5 => self.rng.usize(..2_000),
            _ => self.rng.usize(..100),
        };
        let value = vec![self.rng.u8(..); value_bytes];
        for _ in 0..self.rng.usize(1..5) {
            let timestamp = self.now_ms - self.rng.i64(0..10_000);
            let parts = RecordParts {
                value: Some(&value),
                ..RecordParts::default()
            };
            builder.append(timestamp, &parts);
        }
        builder.build()
    }

    /// A flush with appends in between, sometimes without its sync.
    async fn flush(&mut self) {
        let Some(plan) = self.log.plan_flush(self.core.arena()) else {
            return;
        };
        if self.rng.bool() {
            self.append();
        }
        let written = plan.write(&self.dir).await.unwrap();
        if self.rng.bool() {
            self.append();
        }
        self.log.on_written(written);
        if self.rng.u32(0..3) > 0 {
            self.sync().await;
        }
    }

    async fn sync(&mut self) {
        let Some(plan) = self.log.plan_sync() else {
            return;
        };
        if self.rng.bool() {
            self.append();
        }
        let results = sync_all(&self.dir, vec![plan]).await;
        for synced in results {
            self.log.on_synced(synced.unwrap());
        }
    }

    async fn settle(&mut self) {
        while self.log.is_dirty() || self.log.needs_sync() {
            if let Some(plan) = self.log.plan_flush(self.core.arena()) {
                let written = plan.write(&self.dir).await.unwrap();
                self.log.on_written(written);
            }
            self.sync().await;
        }
    }

    fn evict(&mut self) {
        let below = match self.rng.bool() {
            true => self.log.durable_end(),
            false => self.rng.i64(0..=self.log.durable_end()),
        };
        while self.log.evict_oldest(below) > 0 {}
        if self.log.durable_end() == self.log.log_end() && below == self.log.log_end() {
            assert_eq!(self.log.memory_bytes(), 0, "an idle log holds no memory");
        }
    }

    async fn anchor(&mut self) {
        if let Some(plan) = self.log.plan_anchor() {
            if self.rng.bool() {
                self.append();
            }
            let anchored = plan.run(&self.dir).await.unwrap();
            self.log.on_anchored(anchored);
        }
    }

    fn remember(&mut self) {
        self.point = self.log.durable_point();
    }

    async fn delete_records(&mut self) {
        if self.log.durable_end() > self.log.log_start() {
            let before = self.rng.i64(self.log.log_start()..=self.log.durable_end());
            self.model.log_start = self.log.delete_records(before).unwrap();
        }
    }

    async fn retention(&mut self) {
        self.now_ms += self.rng.i64(0..200_000);
        let high_watermark = self.log.durable_end();
        loop {
            match self.log.plan_retention(self.now_ms, high_watermark) {
                Retention::Nothing => break,
                Retention::Load(load) => {
                    let timestamps = load.run(&self.dir).await.unwrap();
                    self.log.on_timestamps(timestamps);
                }
                Retention::Delete(delete) => {
                    let deleted = delete.run(&self.dir).await.unwrap();
                    if self.rng.bool() {
                        deleted.remove(&self.dir).await.unwrap();
                    }
                    self.anchor().await;
                }
            }
        }
        self.model.log_start = self.log.log_start();
    }

    async fn read(&mut self) {
        if self.log.log_start() == self.log.log_end() {
            return;
        }
        let offset = self.rng.i64(self.log.log_start()..self.log.log_end());
        let bytes_max = self.rng.usize(1..30_000);
        let upper = self.model.some_end(&mut self.rng, offset);
        let at_least_one = self.rng.bool();
        let got = self.bytes_at(offset, bytes_max, upper, at_least_one).await;
        let (first_bytes, all) = self.model.bytes_from(offset, upper);
        assert_eq!(
            got[..],
            all[..got.len()],
            "reading at {offset} below {upper}"
        );
        let fits = first_bytes <= bytes_max || at_least_one;
        assert_eq!(!got.is_empty(), fits, "the first batch comes whole");
        assert!(got.is_empty() || got.len() >= first_bytes.min(all.len()));
        assert!(got.len() <= bytes_max.max(first_bytes));
    }

    async fn read_all(&mut self) {
        let mut offset = self.log.log_start();
        while offset < self.log.log_end() {
            let upper = self.log.log_end();
            let got = self.bytes_at(offset, 100_000, upper, true).await;
            let (_, all) = self.model.bytes_from(offset, upper);
            assert_eq!(got[..], all[..got.len()]);
            let mut at = 0;
            while let Ok(header) = BatchHeader::parse(&got[at..]) {
                at += header.size_bytes();
                if at > got.len() {
                    break;
                }
                offset = header.next_offset();
            }
        }
        assert_eq!(offset, self.log.log_end());
    }

    async fn bytes_at(
        &self,
        offset: Offset,
        bytes_max: usize,
        upper: Offset,
        at_least_one: bool,
    ) -> Vec<u8> {
        match self
            .log
            .plan_read(offset, bytes_max, upper, at_least_one)
            .unwrap()
        {
            ReadPlan::Empty => Vec::new(),
            ReadPlan::Memory(chunks) => chunks.iter().flat_map(|chunk| chunk.to_vec()).collect(),
            ReadPlan::File(cold) => match cold.locate(&self.dir).await.unwrap() {
                Located::Empty => Vec::new(),
                Located::Skip(next) => panic!("no gap at {next}"),
                Located::Range(range) => {
                    let file = range.file.as_fd().try_clone_to_owned().unwrap();
                    let mut bytes = vec![0; range.bytes as usize];
                    fs::File::from(file)
                        .read_exact_at(&mut bytes, range.position)
                        .unwrap();
                    bytes
                }
            },
        }
    }

    async fn look_up_timestamp(&mut self) {
        let target = self.now_ms - self.rng.i64(0..200_000);
        let found = self
            .log
            .plan_timestamp_lookup(target)
            .run(&self.dir)
            .await
            .unwrap();
        let expected = self.model.first_at_or_after(target);
        assert_eq!(found.map(|found| (found.timestamp, found.offset)), expected);
    }

    async fn close(&mut self) {
        self.settle().await;
        if let Some(plan) = self.log.plan_close() {
            let anchored = plan.run(&self.dir).await.unwrap();
            self.log.on_anchored(anchored);
        }
        let closed = self.log.closed();
        if closed.is_none() {
            assert!(!self.log.is_on_disk());
            return;
        }
        self.check_closed_files();
        let forgotten = self.rng.u32(0..4) == 0;
        let point = closed.map(|closed| closed.point).filter(|_| !forgotten);
        let recovery_point = self.log.log_end();
        self.reopen(true, point, recovery_point).await;
        assert_eq!(self.log.log_end(), self.model.end());
        self.point = self.log.durable_point();
    }

    /// Exact lengths: what Kafka takes for granted.
    fn check_closed_files(&self) {
        let logs = self
            .files()
            .into_iter()
            .filter(|path| path.extension().unwrap() == "log");
        let bytes: u64 = logs.map(|path| fs::metadata(path).unwrap().len()).sum();
        assert_eq!(bytes, self.log.size_bytes());
    }

    /// Everything that was not synced is lost, torn or kept, sector by sector.
    async fn crash(&mut self) {
        let durable_end = self.log.durable_end();
        if self.log.durable_point().is_none() && self.rng.bool() {
            let _ = fs::remove_dir_all(self.path.join("t-0"));
        }
        let mut later = false;
        for path in self
            .files()
            .into_iter()
            .filter(|path| path.extension().unwrap() == "log")
        {
            let from = self.durable_bytes(&path, durable_end);
            let bytes = fs::metadata(&path).unwrap().len();
            if from < bytes {
                self.tear(&path, from, bytes, later);
                later = true;
            }
        }
        self.damage_derived_files();
        let point = match self.rng.u32(0..4) {
            0 => None,
            _ => self.point,
        };
        let recovery_point = self.log.recovery_point();
        let before = self.model.end();
        self.reopen(false, point, recovery_point).await;
        let end = self.log.log_end();
        assert!(
            end >= durable_end,
            "durable up to {durable_end}, recovered to {end}"
        );
        assert!(end <= before);
        self.model.truncate(end);
        assert_eq!(
            self.model.end().max(self.model.log_start),
            end,
            "cut between two batches"
        );
        let batches = self.model.batches.iter();
        let read = self.log.size_bytes();
        let held = batches.filter(|batch| batch.header.base_offset >= self.model.log_start);
        assert!(
            read >= held.map(|batch| batch.bytes.len() as u64).sum(),
            "no gap"
        );
        self.check_producers();
        self.read_all().await;
    }

    /// How many bytes of a segment's file are durable: its whole batches below the durable end.
    fn durable_bytes(&self, path: &Path, durable_end: Offset) -> u64 {
        let bytes = fs::read(path).unwrap();
        let mut at = 0;
        while let Ok(header) = BatchHeader::parse(&bytes[at..]) {
            if header.next_offset() > durable_end || at + header.size_bytes() > bytes.len() {
                break;
            }
            at += header.size_bytes();
        }
        at as u64
    }

    fn tear(&mut self, path: &Path, from: u64, bytes: u64, later: bool) {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        let keep = self.rng.u32(0..4) == 0 && !later;
        let mut at = from;
        while at < bytes && !keep {
            let end = (at / 512 * 512 + 512).min(bytes);
            let sector = match self.rng.u32(0..3) {
                0 => None,
                1 => Some(vec![0; (end - at) as usize]),
                _ => Some((at..end).map(|_| self.rng.u8(..)).collect()),
            };
            if let Some(sector) = sector {
                file.write_all_at(&sector, at).unwrap();
            }
            at = end;
        }
        if self.rng.bool() {
            file.set_len(self.rng.u64(from..=bytes)).unwrap();
        }
        if later && from == 0 && self.rng.bool() {
            fs::remove_file(path).unwrap();
        }
    }

    /// What lies beyond the last anchor in an index was never synced: garbage may follow.
    fn damage_derived_files(&mut self) {
        for path in self.files() {
            let index = path
                .extension()
                .is_some_and(|e| e == "index" || e == "timeindex");
            let base = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse::<Offset>().ok());
            if index && base.unwrap() >= self.log.recovery_point() && self.rng.u32(0..3) == 0 {
                let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
                let bytes = file.metadata().unwrap().len();
                file.write_all_at(&vec![0xff; self.rng.usize(..100)], bytes)
                    .unwrap();
            }
        }
    }

    async fn reopen(&mut self, clean: bool, point: Option<DurablePoint>, recovery_point: Offset) {
        self.dir = DataDir::new(self.core.clone(), self.path.clone(), 8);
        let request = OpenLog {
            name: name(),
            topic_id: Some(TOPIC_ID),
            config: self.config.clone(),
            clean,
            point,
            recovery_point,
            log_start: self.model.log_start,
            cleaned_to: None,
            now_ms: self.now_ms,
        };
        self.log = match Log::open_many(&self.dir, vec![request]).await.remove(0) {
            Ok(opened) => {
                assert!(!clean || opened.recovery.clean, "{}", opened.recovery);
                opened.log
            }
            Err(OpenError::Missing(_)) => Log::new(
                &self.path,
                name(),
                TOPIC_ID,
                self.config.clone(),
                self.now_ms,
            ),
            Err(error) => panic!("{error}"),
        };
        self.model.log_start = self.log.log_start();
    }

    /// The next batch of each producer is new, its last one a duplicate.
    fn check_producers(&self) {
        for producer in &self.model.producers {
            let Some(last) = self.model.last_batch_of(producer.id) else {
                continue;
            };
            let mut next = last.header;
            next.base_sequence = last.header.next_sequence();
            assert_eq!(self.log.check_producer(&next), Ok(Sequence::New));
            if last.header.base_offset >= self.log.log_start() {
                let checked = self.log.check_producer(&last.header);
                let Ok(Sequence::Duplicate { base_offset, .. }) = checked else {
                    panic!("{checked:?} for the last batch of {}", producer.id);
                };
                assert_eq!(base_offset, last.header.base_offset);
            }
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path.join("t-0")) else {
            return Vec::new();
        };
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some());
        files.sort();
        files
    }
}

impl Model {
    fn append(&mut self, base_offset: Offset, epoch: i32, mut bytes: Vec<u8>) {
        assert_eq!(base_offset, self.end());
        klamm::protocol::record::stamp(&mut bytes, base_offset, epoch);
        let header = BatchHeader::parse(&bytes).unwrap();
        self.batches.push(ModelBatch { header, bytes });
    }

    fn end(&self) -> Offset {
        self.batches
            .last()
            .map_or(0, |batch| batch.header.next_offset())
    }

    fn truncate(&mut self, end: Offset) {
        self.batches.retain(|batch| batch.header.base_offset < end);
        for producer in 0..self.producers.len() {
            let id = self.producers[producer].id;
            let epoch = self
                .last_batch_of(id)
                .map(|batch| batch.header.producer_epoch);
            self.producers[producer].epoch = epoch.unwrap_or(self.producers[producer].epoch);
        }
    }

    fn last_batch_of(&self, id: ProducerId) -> Option<&ModelBatch> {
        self.batches
            .iter()
            .rev()
            .find(|batch| batch.header.producer_id == id)
    }

    /// A batch's end beyond `offset`.
    fn some_end(&self, rng: &mut Rng, offset: Offset) -> Offset {
        let above = self
            .batches
            .partition_point(|batch| batch.header.next_offset() <= offset);
        self.batches[rng.usize(above..self.batches.len())]
            .header
            .next_offset()
    }

    /// Size of the batch that holds `offset`, and all bytes from its beginning on below `upper`.
    fn bytes_from(&self, offset: Offset, upper: Offset) -> (usize, Vec<u8>) {
        let above = self
            .batches
            .partition_point(|batch| batch.header.next_offset() <= offset);
        let below = self
            .batches
            .partition_point(|batch| batch.header.next_offset() <= upper);
        let bytes = self.batches[above..below]
            .iter()
            .flat_map(|batch| batch.bytes.clone());
        (self.batches[above].bytes.len(), bytes.collect())
    }

    fn first_at_or_after(&self, target: i64) -> Option<(i64, Offset)> {
        let batches = self.batches.iter();
        let batches = klamm_batches(batches.filter(|b| b.header.max_timestamp >= target));
        let mut records = batches.filter(|(_, offset)| *offset >= self.log_start);
        records.find(|(timestamp, _)| *timestamp >= target)
    }
}

/// Timestamp and offset of every record.
fn klamm_batches<'a>(
    batches: impl Iterator<Item = &'a ModelBatch>,
) -> impl Iterator<Item = (i64, Offset)> {
    batches.flat_map(|batch| {
        let whole = klamm::protocol::record::Batches::new(&batch.bytes)
            .next()
            .unwrap();
        let body = whole.body();
        let records = klamm::protocol::record::Records::new(whole.header, body);
        let found: Vec<_> = records.map(|record| record.unwrap()).collect();
        found
            .into_iter()
            .map(|record| (record.timestamp, record.offset))
            .collect::<Vec<_>>()
    })
}

fn name() -> TopicPartition {
    TopicPartition {
        topic: "t".into(),
        partition: 0,
    }
}
