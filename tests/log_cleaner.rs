//! Compaction against a simple model: random keyed batches in every codec, tombstones, idempotent
//! producers, cleanings with little memory, crashes at every step of them.
//!
//! A failure prints its seed; `KLAMM_SEED=n cargo test --test log_cleaner` runs that one alone, and
//! `KLAMM_ROUNDS=n` runs more of them.

mod seeds;

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fastrand::Rng;
use klamm::log::{
    CleanError, Cleaned, CleaningSettings, DataDir, Dirt, DurablePoint, FileRange, Located, Log,
    LogConfig, NewBatch, OpenLog, ReadPlan, Retention, Sequence, Step, sync_all,
};
use klamm::model::{Offset, TopicPartition, Uuid};
use klamm::protocol::record::{
    BatchBuilder, BatchHeader, BatchSpec, Batches, Codec, RecordParts, Records, decompress,
};
use klamm::runtime::Core;
use seeds::{for_each_seed, on_one_core};

const TOPIC_ID: Uuid = Uuid::from_u128(0x1234_5678_9abc_def0);
const ROUNDS: usize = 5;
const START_MS: i64 = 1_700_000_000_000;
const PRODUCERS: usize = 4;

#[test]
fn the_last_value_of_each_key_survives_whatever_happens() {
    for_each_seed(4, run_seed);
}

#[test]
fn damage_makes_a_log_uncleanable_and_changes_nothing() {
    on_a_core(7, async |run| {
        run.fill().await;
        let path = run.files("log").remove(0);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let before = run.listing();
        let error = run.clean().await.unwrap_err();
        assert!(matches!(error, CleanError::Corrupt { .. }), "{error}");
        assert_eq!(run.listing(), before);
        run.log.on_uncleanable();
        let dirt = run.log.dirt(run.now_ms, run.log.log_end());
        assert!(matches!(dirt, Dirt::Nothing));
    });
}

#[test]
fn a_lag_keeps_young_segments_and_hurries_old_ones() {
    on_a_core(11, async |run| {
        run.fill().await;
        let set = |run: &mut Run, change: &dyn Fn(&mut LogConfig)| {
            let mut config = LogConfig::clone(run.log.config());
            change(&mut config);
            run.log.set_config(Arc::new(config));
        };
        let is_due = |run: &Run, now_ms| match run.log.dirt(now_ms, run.log.log_end()) {
            Dirt::Some(dirtiness) => Some(dirtiness.is_due),
            _ => None,
        };
        assert_eq!(is_due(run, run.now_ms), Some(true));
        set(run, &|config| config.min_cleanable_dirty_ratio = 1.0);
        assert_eq!(is_due(run, run.now_ms), Some(false));
        set(run, &|config| config.max_compaction_lag_ms = 3_600_000);
        assert_eq!(is_due(run, run.now_ms), Some(false));
        assert_eq!(is_due(run, run.now_ms + 3_600_000), Some(true));
        set(run, &|config| config.min_compaction_lag_ms = 3_600_000);
        assert_eq!(is_due(run, run.now_ms), None);
        run.reopen(true).await;
        set(run, &|config| config.min_compaction_lag_ms = 1_000);
        let Dirt::Load(load) = run.log.dirt(run.now_ms + 9_000, run.log.log_end()) else {
            panic!("timestamps are not known after a start");
        };
        let timestamps = load.run(&run.dir).await.unwrap();
        run.log.on_timestamps(timestamps);
        assert!(is_due(run, run.now_ms + 9_000).is_some());
        let beyond = run.log.dirt(run.now_ms + 9_000, 0);
        assert!(
            matches!(beyond, Dirt::Nothing),
            "never beyond the high watermark"
        );
    });
}

#[test]
fn gaps_stay_legal_when_the_policy_changes() {
    on_a_core(13, async |run| {
        run.fill().await;
        while run.clean().await.unwrap().is_some() {}
        let records = run.read_all().await;
        let plain = LogConfig {
            compacted: false,
            ..LogConfig::clone(run.log.config())
        };
        run.config = Arc::new(plain);
        run.point = None;
        run.settle().await;
        run.reopen(false).await;
        assert_eq!(run.read_all().await, records, "a crash costs nothing");
    });
}

#[test]
fn what_kafka_knows_of_aborted_transactions_goes_along() {
    on_a_core(19, async |run| {
        run.fill().await;
        let aborted = |run: &Run| -> Vec<u8> {
            let files = run.files("txnindex").into_iter();
            files.flat_map(|path| fs::read(path).unwrap()).collect()
        };
        for (path, fill) in run.files("log").iter().zip(1..4) {
            fs::write(path.with_extension("txnindex"), [fill; 34]).unwrap();
        }
        let before = aborted(run);
        assert_eq!(before.len(), 3 * 34);
        while run.clean().await.unwrap().is_some() {}
        assert_eq!(aborted(run), before);
        assert!(run.files("txnindex").len() < 3, "they went together");
    });
}

#[test]
fn retention_ends_a_cleaning_without_harm() {
    on_a_core(17, async |run| {
        run.fill().await;
        let end = run.log.log_end();
        let begun = run.log.begin_cleaning(run.now_ms, end, run.settings);
        let mut cleaning = Box::new(begun.expect("it is dirty"));
        let exchange = loop {
            let (next, step) = cleaning.step(&run.dir).await.unwrap();
            cleaning = next;
            match step {
                Step::More(_) => {}
                Step::Exchange(exchange) => break exchange,
                Step::Done(_) => panic!("something goes"),
            }
        };
        let config = LogConfig {
            delete_retained: true,
            retention_bytes: Some(0),
            ..LogConfig::clone(&run.config)
        };
        run.log.set_config(Arc::new(config));
        let Retention::Delete(delete) = run.log.plan_retention(run.now_ms, end) else {
            panic!("all finished segments are surplus");
        };
        let deleted = delete.run(&run.dir).await.unwrap();
        assert!(!run.log.begin_exchange(&exchange), "its segments are gone");
        exchange.abandon(&run.dir).await.unwrap();
        cleaning.abandon(&run.dir).await.unwrap();
        deleted.remove(&run.dir).await.unwrap();
        assert!(!run.log.is_busy());
        let left = run.model.split_off(&run.log.log_start());
        assert_eq!(run.read_all().await, left);
    });
}

fn run_seed(seed: u64) {
    on_a_core(seed, Run::run);
}

fn on_a_core(seed: u64, act: impl AsyncFnOnce(&mut Run) + Send + 'static) {
    on_one_core(move |core, path| async move {
        act(&mut Run::new(core, &path, seed)).await;
    });
}

type Key = Vec<u8>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    key: Key,
    value: Option<Vec<u8>>,
    timestamp: i64,
}

struct Run {
    core: Core,
    path: PathBuf,
    dir: DataDir,
    rng: Rng,
    config: Arc<LogConfig>,
    log: Log,
    /// Every record that was ever appended, by its offset.
    model: BTreeMap<Offset, Entry>,
    /// The last batch of each producer.
    last: [Option<BatchHeader>; PRODUCERS],
    now_ms: i64,
    point: Option<DurablePoint>,
    settings: CleaningSettings,
    /// Whether crashes are tried at every step.
    crashes: bool,
}

impl Run {
    fn new(core: Core, path: &Path, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let config = Arc::new(LogConfig {
            segment_bytes: rng.u32(2_000..20_000),
            index_interval_bytes: rng.u32(100..3_000),
            segment_index_bytes: rng.u32(100..5_000),
            anchor_interval_bytes: rng.u32(2_000..50_000),
            preallocate_bytes_max: 64 << 10,
            retention_ms: None,
            delete_retained: false,
            compacted: true,
            delete_retention_ms: rng.i64(0..60_000),
            ..LogConfig::default()
        });
        let settings = CleaningSettings {
            map_bytes: [0, 1 << 20][rng.usize(..2)],
            load_factor: 0.9,
        };
        Self {
            dir: DataDir::new(core.clone(), path.to_owned(), rng.usize(4..20)),
            core,
            path: path.to_owned(),
            log: Log::new(path, name(), TOPIC_ID, config.clone(), START_MS),
            config,
            rng,
            model: BTreeMap::new(),
            last: [None; PRODUCERS],
            now_ms: START_MS,
            point: None,
            settings,
            crashes: false,
        }
    }

    async fn run(&mut self) {
        for _ in 0..ROUNDS {
            self.fill().await;
            self.crashes = self.rng.bool();
            let cleaned = self.clean().await.expect("nothing is damaged");
            if let Some(cleaned) = cleaned {
                self.check_clean(&cleaned).await;
            }
            self.check().await;
            if self.rng.bool() {
                let clean_stop = self.rng.bool();
                self.reopen(clean_stop).await;
                self.check().await;
            }
        }
        while self.clean().await.expect("nothing is damaged").is_some() {}
        self.check().await;
    }

    /// Appends for some segments, all of it durable and anchored.
    async fn fill(&mut self) {
        for _ in 0..self.rng.usize(20..150) {
            self.append();
            if self.rng.u32(0..8) == 0 {
                self.settle().await;
            }
        }
        self.settle().await;
        while let Some(plan) = self.log.plan_anchor() {
            let anchored = plan.run(&self.dir).await.unwrap();
            self.log.on_anchored(anchored);
        }
        if self.rng.bool() {
            while self.log.evict_oldest(self.log.log_end()) > 0 {}
        }
        self.point = self.log.durable_point();
    }

    fn append(&mut self) {
        self.now_ms += self.rng.i64(0..500);
        let base = self.log.log_end();
        let producer = self.rng.usize(..PRODUCERS * 2);
        let mut spec = BatchSpec {
            compression: Codec::ALL[self.rng.usize(..5)].into(),
            ..BatchSpec::default()
        };
        if producer < PRODUCERS {
            spec.producer_id = producer as i64;
            spec.producer_epoch = 0;
            let last = self.last[producer].as_ref();
            spec.base_sequence = last.map_or(0, BatchHeader::next_sequence);
        }
        let mut builder = BatchBuilder::new(spec);
        for delta in 0..self.rng.i64(1..8) {
            let entry = self.entry();
            let parts = RecordParts {
                key: Some(&entry.key),
                value: entry.value.as_deref(),
                ..RecordParts::default()
            };
            builder.append(entry.timestamp, &parts);
            self.model.insert(base + delta, entry);
        }
        let bytes = builder.build();
        let header = BatchHeader::parse(&bytes).unwrap();
        let batch = NewBatch {
            header: &header,
            leader_epoch: 0,
            now_ms: self.now_ms,
        };
        let appended = self.log.append(self.core.arena(), &bytes, batch, |_| {});
        let base_offset = appended.unwrap().base_offset;
        if producer < PRODUCERS {
            self.last[producer] = Some(BatchHeader {
                base_offset,
                ..header
            });
        }
    }

    fn entry(&mut self) -> Entry {
        let key = match self.rng.u32(0..10) {
            0 => self.rng.u32(..).to_be_bytes().to_vec(),
            _ => vec![b'k', self.rng.u8(..40)],
        };
        let len = self.rng.usize(..200);
        let value = (0..len).map(|_| self.rng.u8(b'a'..b'f')).collect();
        Entry {
            key,
            value: (self.rng.u32(0..4) > 0).then_some(value),
            timestamp: self.now_ms - self.rng.i64(0..1_000),
        }
    }

    async fn settle(&mut self) {
        while self.log.is_dirty() || self.log.needs_sync() {
            if let Some(plan) = self.log.plan_flush(self.core.arena()) {
                let written = plan.write(&self.dir).await.unwrap();
                self.log.on_written(written);
            }
            let plans = self.log.plan_sync().into_iter().collect();
            for synced in sync_all(&self.dir, plans).await {
                self.log.on_synced(synced.unwrap());
            }
        }
    }

    /// One cleaning, if there is anything to clean.
    async fn clean(&mut self) -> Result<Option<Cleaned>, CleanError> {
        self.now_ms += self.rng.i64(0..100_000);
        let high_watermark = self.log.durable_end();
        let begun = self
            .log
            .begin_cleaning(self.now_ms, high_watermark, self.settings);
        let Some(cleaning) = begun else {
            return Ok(None);
        };
        assert!(self.log.is_busy(), "the directory stays");
        let mut cleaning = Box::new(cleaning);
        loop {
            let (next, step) = cleaning.step(&self.dir).await?;
            cleaning = next;
            match step {
                Step::More(_) => self.crash_copy(|_| {}).await,
                Step::Exchange(exchange) => {
                    self.crash_in_exchange().await;
                    if self.rng.u32(0..20) == 0 {
                        exchange.abandon(&self.dir).await.unwrap();
                        cleaning.abandon(&self.dir).await.unwrap();
                        assert!(!self.listing().iter().any(|name| name.ends_with(".swap")));
                        return Ok(None);
                    }
                    let (planned_after, held) = (self.log.exchanges(), self.range_at(0).await);
                    assert!(self.log.begin_exchange(&exchange));
                    assert_ne!(self.log.exchanges(), planned_after, "such a read is stale");
                    let exchanged = exchange.run(&self.dir).await.unwrap();
                    let deleted = self.log.on_exchanged(exchanged);
                    self.crash_copy(|_| {}).await;
                    if self.rng.bool() {
                        deleted.remove(&self.dir).await.unwrap();
                    }
                    if let Some((range, bytes)) = held {
                        assert_eq!(read_range(&range), bytes, "who has a file keeps it");
                    }
                    self.append();
                }
                Step::Done(cleaned) => {
                    self.log.on_cleaned(cleaned.end);
                    self.settle().await;
                    return Ok(Some(cleaned));
                }
            }
        }
    }

    /// Each moment of an exchange that Kafka's naming knows: the old names go one after the other,
    /// then the new ones come.
    async fn crash_in_exchange(&mut self) {
        if !self.crashes {
            return;
        }
        let swapped = |dir: &Path| -> Vec<PathBuf> {
            let mut swaps = files_of(dir, ".swap");
            swaps.sort_by_key(|path| !path.to_string_lossy().contains(".log."));
            swaps
        };
        let bases = self.bases_exchanged();
        for renamed in 0..=bases.len() {
            self.crash_copy(|dir| {
                for base in &bases[..renamed] {
                    rename_suffix(&dir.join(base), "", ".deleted");
                }
            })
            .await;
        }
        for renamed in 1..=4 {
            self.crash_copy(|dir| {
                for base in &bases {
                    rename_suffix(&dir.join(base), "", ".deleted");
                }
                for swap in swapped(dir).iter().take(renamed) {
                    let name = swap.to_string_lossy();
                    fs::rename(swap, name.strip_suffix(".swap").unwrap()).unwrap();
                }
            })
            .await;
        }
        // Not complete after all: an index was still `.cleaned`.
        self.crash_copy(|dir| {
            for swap in swapped(dir).iter().skip(1) {
                rename_suffix(swap.as_path(), ".swap", ".cleaned");
            }
        })
        .await;
    }

    /// The names of the files that the exchange takes away, in its order.
    fn bases_exchanged(&self) -> Vec<String> {
        let dir = self.path.join("t-0");
        let swap = files_of(&dir, ".log.swap").remove(0);
        let base = offset_of(&swap);
        let bytes = fs::read(&swap).unwrap();
        let end = Batches::new(&bytes).last();
        let end = end.map_or(base + 1, |batch| batch.header.next_offset());
        let mut names: Vec<String> = self
            .listing()
            .into_iter()
            .filter(|name| {
                [".log", ".index", ".timeindex"]
                    .iter()
                    .any(|suffix| name.ends_with(suffix))
                    && (base..end).contains(&offset_of(Path::new(name)))
            })
            .collect();
        names.sort();
        names
    }

    /// What a start after a crash at this moment finds, once `change` was made to the files.
    async fn crash_copy(&mut self, change: impl Fn(&Path)) {
        if !self.crashes || self.rng.u32(0..6) > 0 {
            return;
        }
        let copy = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let to = copy.path().join("t-0");
        fs::create_dir(&to).unwrap();
        for name in self.listing() {
            fs::copy(self.path.join("t-0").join(&name), to.join(&name)).unwrap();
        }
        change(&to);
        let point = self.point.filter(|_| self.rng.bool());
        let dir = DataDir::new(self.core.clone(), copy.path().to_owned(), 8);
        let log = open(&dir, self.request(false, point)).await;
        let left = files_of(&to, "");
        let odd = |path: &&PathBuf| {
            let name = path.to_string_lossy();
            [".swap", ".cleaned", ".deleted"]
                .iter()
                .any(|suffix| name.ends_with(suffix))
        };
        assert_eq!(left.iter().find(odd), None);
        assert!(
            log.log_end() >= self.log.durable_end(),
            "{} segments",
            log.segment_count()
        );
        let mut found = Self {
            core: self.core.clone(),
            path: copy.path().to_owned(),
            dir,
            rng: self.rng.fork(),
            config: self.config.clone(),
            log,
            model: self.model.clone(),
            last: self.last,
            now_ms: self.now_ms,
            point: None,
            settings: self.settings,
            crashes: false,
        };
        found.forget_from_end();
        found.check().await;
    }

    /// What was appended and not yet written is lost.
    fn forget_from_end(&mut self) {
        let end = self.log.log_end();
        let lost = self.model.split_off(&end);
        if !lost.is_empty() {
            self.last = [None; PRODUCERS];
        }
    }

    async fn reopen(&mut self, clean: bool) {
        self.settle().await;
        if clean && let Some(plan) = self.log.plan_close() {
            let anchored = plan.run(&self.dir).await.unwrap();
            self.log.on_anchored(anchored);
            self.point = self.log.durable_point();
        }
        let point = self.point.filter(|_| self.rng.bool());
        let request = self.request(clean, point);
        self.dir = DataDir::new(self.core.clone(), self.path.clone(), 8);
        let end = self.log.log_end();
        self.log = open(&self.dir, request).await;
        assert_eq!(self.log.log_end(), end);
    }

    fn request(&self, clean: bool, point: Option<DurablePoint>) -> OpenLog {
        OpenLog {
            name: name(),
            topic_id: Some(TOPIC_ID),
            config: self.config.clone(),
            clean,
            point,
            recovery_point: match clean {
                true => self.log.log_end(),
                false => 0,
            },
            log_start: 0,
            cleaned_to: self.log.cleaned_to(),
            now_ms: self.now_ms,
        }
    }

    /// Everything that compaction promises, and every way to read.
    async fn check(&mut self) {
        let found = self.read_all().await;
        for (offset, entry) in &found {
            assert_eq!(
                self.model.get(offset),
                Some(entry),
                "the record at {offset}"
            );
        }
        let last = |records: &BTreeMap<Offset, Entry>| -> BTreeMap<Key, Vec<u8>> {
            let mut last = BTreeMap::new();
            for entry in records.values() {
                match &entry.value {
                    Some(value) => drop(last.insert(entry.key.clone(), value.clone())),
                    None => drop(last.remove(&entry.key)),
                }
            }
            last
        };
        assert_eq!(last(&found), last(&self.model));
        self.check_single_reads(&found).await;
        self.check_timestamps(&found).await;
        self.check_producers();
    }

    async fn check_single_reads(&mut self, found: &BTreeMap<Offset, Entry>) {
        for _ in 0..20 {
            let offset = self.rng.i64(0..self.log.log_end());
            let Some(bytes) = self.bytes_at(offset).await else {
                assert_eq!(found.range(offset..).next(), None);
                continue;
            };
            let first = Batches::new(&bytes).next().expect("a whole batch");
            assert!(first.header.last_offset() >= offset);
            let next = found.range(offset..).next();
            let skips = next.is_some_and(|next| *next.0 < first.header.base_offset);
            assert!(!skips, "reading at {offset} skips {next:?}");
        }
    }

    async fn check_timestamps(&mut self, found: &BTreeMap<Offset, Entry>) {
        for _ in 0..10 {
            let target = START_MS + self.rng.i64(0..(self.now_ms - START_MS).max(1));
            let lookup = self.log.plan_timestamp_lookup(target);
            let record = lookup.run(&self.dir).await.unwrap();
            let mut records = found.iter();
            let expected = records.find(|(_, entry)| entry.timestamp >= target);
            assert_eq!(
                record.map(|record| (record.offset, record.timestamp)),
                expected.map(|(offset, entry)| (*offset, entry.timestamp)),
                "at or after {target}"
            );
        }
        let largest = self.log.plan_largest_timestamp_lookup();
        let largest = largest.run(&self.dir).await.unwrap();
        let expected = found.values().map(|entry| entry.timestamp).max();
        assert_eq!(largest.map(|record| record.timestamp), expected);
    }

    fn check_producers(&self) {
        for last in self.last.iter().flatten() {
            let next = BatchHeader {
                base_sequence: last.next_sequence(),
                ..*last
            };
            assert_eq!(self.log.check_producer(&next), Ok(Sequence::New));
            let again = self.log.check_producer(last);
            let Ok(Sequence::Duplicate { base_offset, .. }) = again else {
                panic!("the last batch is known, not {again:?}");
            };
            assert_eq!(base_offset, last.base_offset);
        }
    }

    /// Below the end of a cleaning each key is there once; tombstones may come on top.
    async fn check_clean(&mut self, cleaned: &Cleaned) {
        let found = self.read_all().await;
        let mut seen = BTreeMap::new();
        for (offset, entry) in found.range(..cleaned.end) {
            let before = seen.insert(entry.key.clone(), *offset);
            assert_eq!(before, None, "{:?} at {offset} again", entry.key);
        }
        assert!(cleaned.segments_after <= cleaned.segments_before);
    }

    async fn read_all(&self) -> BTreeMap<Offset, Entry> {
        let mut records = BTreeMap::new();
        let mut offset = self.log.log_start();
        while offset < self.log.log_end() {
            let Some(bytes) = self.bytes_at(offset).await else {
                break;
            };
            let before = offset;
            for batch in Batches::new(&bytes) {
                batch.verify_crc().expect("a right checksum");
                let header = batch.header;
                assert!(header.last_offset() >= offset, "batches rise");
                let codec = header.codec().unwrap();
                let plain = decompress(codec, batch.body(), 1 << 20).unwrap();
                for record in Records::new(header, &plain) {
                    let record = record.expect("a whole record");
                    let entry = Entry {
                        key: record.key.unwrap().to_vec(),
                        value: record.value.map(<[u8]>::to_vec),
                        timestamp: record.timestamp,
                    };
                    let double = records.insert(record.offset, entry);
                    assert_eq!(double, None, "offset {} twice", record.offset);
                }
                offset = header.next_offset();
            }
            assert!(offset > before, "a read at {before} gets on");
        }
        records
    }

    /// What a consumer at `offset` gets; `None` for nothing.
    async fn bytes_at(&self, mut offset: Offset) -> Option<Vec<u8>> {
        for _ in 0..3 {
            let end = self.log.log_end();
            match self.log.plan_read(offset, 5_000, end, true).unwrap() {
                ReadPlan::Empty => return None,
                ReadPlan::Memory(chunks) => {
                    return Some(chunks.iter().flat_map(|chunk| chunk.to_vec()).collect());
                }
                ReadPlan::File(cold) => match cold.locate(&self.dir).await.unwrap() {
                    Located::Empty => return None,
                    Located::Skip(next) => offset = next,
                    Located::Range(range) => return Some(read_range(&range)),
                },
            }
        }
        panic!("a read at {offset} is sent from segment to segment");
    }

    /// A part of a file that a reader is about to send, and what is in it.
    async fn range_at(&self, offset: Offset) -> Option<(FileRange, Vec<u8>)> {
        let end = self.log.log_end();
        let Ok(ReadPlan::File(cold)) = self.log.plan_read(offset, 5_000, end, true) else {
            return None;
        };
        match cold.locate(&self.dir).await.unwrap() {
            Located::Range(range) => Some((range.clone(), read_range(&range))),
            _ => None,
        }
    }

    fn listing(&self) -> Vec<String> {
        let files = files_of(&self.path.join("t-0"), "");
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        files.iter().map(name).collect()
    }

    fn files(&self, extension: &str) -> Vec<PathBuf> {
        files_of(&self.path.join("t-0"), &format!(".{extension}"))
    }
}

async fn open(dir: &DataDir, request: OpenLog) -> Log {
    let opened = Log::open_many(dir, vec![request]).await.pop().unwrap();
    opened.expect("it opens").log
}

fn read_range(range: &FileRange) -> Vec<u8> {
    let file = range.file.as_fd().try_clone_to_owned().unwrap();
    let mut bytes = vec![0; range.bytes as usize];
    let file = fs::File::from(file);
    file.read_exact_at(&mut bytes, range.position).unwrap();
    bytes
}

fn name() -> TopicPartition {
    TopicPartition {
        topic: "t".into(),
        partition: 0,
    }
}

fn files_of(dir: &Path, suffix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    paths.sort();
    paths
}

fn offset_of(path: &Path) -> Offset {
    let name = path.file_name().unwrap().to_string_lossy();
    name[..20].parse().unwrap()
}

fn rename_suffix(path: &Path, from: &str, to: &str) {
    let name = path.to_string_lossy();
    let stem = name.strip_suffix(from).unwrap();
    fs::rename(path, format!("{stem}{to}")).unwrap();
}
