//! The journal against a simple model: random appends, rounds, destaging, flushes, full disks, clean
//! restarts and crashes that tear whatever was not synced, of logs that change their cores; with a
//! sync of each round, and with one of many rounds later.
//!
//! A failure prints its seed; `KLAMM_SEED=n cargo test --test journal_crash` runs that one alone,
//! and `KLAMM_ROUNDS=n` runs more of them.

mod seeds;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fastrand::Rng;
use klamm::log::{
    DataDir, DurablePoint, FlushError, FoundEntry, Journal, JournalReader, Located, Log, LogConfig,
    NewBatch, OpenError, OpenLog, ReadPlan, Replayed, RoundPlan, Stage, Status, Syncing, Written,
    remove_journals, settle_all, sync_all,
};
use klamm::model::{Offset, TopicPartition, Uuid};
use klamm::protocol::record::{BatchBuilder, BatchHeader, BatchSpec, RecordParts};
use klamm::runtime::Core;
use seeds::{for_each_seed, on_one_core};

const OPERATIONS: usize = 400;
const LOGS: usize = 6;
const CORES: usize = 2;
const FILE_BYTES: u64 = 512 << 10;
const TOPIC_ID: Uuid = Uuid::from_u128(0x1234_5678_9abc_def0);

#[test]
fn nothing_durable_is_lost_whatever_happens() {
    for_each_seed(20, run_seed);
}

fn run_seed(seed: u64) {
    on_one_core(move |core, path| async move {
        let mut run = Run::new(core, &path, seed).await;
        for _ in 0..OPERATIONS {
            run.step().await;
        }
        run.close().await;
    });
}

/// Each round is cut off at every block, and what was whole before the cut must be there.
#[test]
fn every_cut_leaves_the_rounds_before_it() {
    on_one_core(|core, path| async move {
        let mut run = Run::new(core.clone(), &path, 1).await;
        run.first_flushes().await;
        let file = path.join("klamm-journal-0-0");
        let (mut ends, mut sizes) = (vec![run.ends()], vec![4096]);
        for _ in 0..6 {
            for log in 0..LOGS {
                run.append(log);
            }
            let plan = run.plan_round(0).expect("something is small");
            plan.write().await.unwrap();
            run.on_round(0);
            ends.push(run.ends());
            sizes.push(used_blocks(&file) * 4096);
        }
        let whole = fs::read(&file).unwrap();
        let kept = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        copy_dir(&path, kept.path());
        for cut in (0..sizes[6] + 4096).step_by(4096) {
            fs::remove_dir_all(&path).unwrap();
            copy_dir(kept.path(), &path);
            let mut bytes = whole.clone();
            bytes[cut..].fill(0);
            fs::write(&file, bytes).unwrap();
            run.logs_again(false, true).await;
            run.replay().await;
            let rounds = sizes.iter().skip(1).filter(|size| **size <= cut).count();
            let found = run.ends();
            for log in (0..LOGS).filter(|log| run.logs[*log].owner == 0) {
                assert_eq!(found[log], ends[rounds][log], "cut at {cut}");
            }
        }
    });
}

/// Blocks before the last one that is not all zeros, and that one.
fn used_blocks(file: &Path) -> usize {
    let bytes = fs::read(file).unwrap();
    let blocks: Vec<_> = bytes.chunks(4096).collect();
    let last = blocks
        .iter()
        .rposition(|block| block.iter().any(|byte| *byte != 0));
    last.map_or(0, |at| at + 1)
}

struct Run {
    core: Core,
    path: PathBuf,
    dir: DataDir,
    rng: Rng,
    config: Arc<LogConfig>,
    logs: Vec<Known>,
    journals: Vec<Journal>,
    generation: u64,
    syncing: Syncing,
    /// Up to where each journal file was synced, in which of its fillings.
    synced_rounds: HashMap<PathBuf, (u64, u64)>,
    /// The logs in the round that each core has under way, and where in its file.
    rounds: Vec<Vec<usize>>,
    now_ms: i64,
}

/// A log and what must be in it.
struct Known {
    log: Log,
    owner: usize,
    batches: Vec<(BatchHeader, Vec<u8>)>,
    log_start: Offset,
    /// What the last lazy sync covered.
    safe_end: Offset,
    /// A full disk took something back in this run: the file may hold more than was kept.
    dropped: bool,
    point: Option<DurablePoint>,
}

impl Run {
    async fn new(core: Core, path: &Path, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let config = Arc::new(LogConfig {
            segment_bytes: rng.u32(30_000..200_000),
            index_interval_bytes: rng.u32(100..5_000),
            anchor_interval_bytes: rng.u32(5_000..100_000),
            preallocate_bytes_max: 64 << 10,
            ..LogConfig::default()
        });
        let mut run = Self {
            dir: DataDir::new(core.clone(), path.to_owned(), rng.usize(4..20)),
            core,
            path: path.to_owned(),
            logs: Vec::new(),
            config,
            syncing: [Syncing::EachRound, Syncing::Later][rng.usize(..2)],
            synced_rounds: HashMap::new(),
            rng,
            journals: Vec::new(),
            generation: 0,
            rounds: vec![Vec::new(); CORES],
            now_ms: 1_700_000_000_000,
        };
        for index in 0..LOGS {
            let log = run.new_log(index);
            run.logs.push(Known {
                log,
                owner: index % CORES,
                batches: Vec::new(),
                log_start: 0,
                safe_end: 0,
                dropped: false,
                point: None,
            });
        }
        run.begin_journals().await;
        run
    }

    async fn step(&mut self) {
        self.now_ms += self.rng.i64(0..100);
        let at = self.rng.usize(..LOGS);
        let core = self.rng.usize(..CORES);
        match self.rng.u32(0..1000) {
            0..400 => (0..self.rng.usize(1..4)).for_each(|_| self.append(at)),
            400..700 => self.round(core).await,
            700..780 => self.flush(at).await,
            780..840 => self.destage(core).await,
            840..860 => self.evict(at),
            860..880 => self.anchor(at).await,
            880..900 => self.logs[at].point = self.logs[at].log.durable_point(),
            900..920 => self.delete_records(at),
            920..940 => self.fill_disk(at).await,
            940..960 => self.read_all(at).await,
            960..975 => self.sync_lazily().await,
            975..990 => self.crash().await,
            _ => self.close().await,
        }
    }

    /// Every log has synced bytes in its first segment.
    async fn first_flushes(&mut self) {
        for at in 0..LOGS {
            self.append(at);
            let plan = self.logs[at].log.plan_flush(self.core.arena()).unwrap();
            let written = plan.write(&self.dir).await.unwrap();
            self.on_written(at, written);
            self.sync(at).await;
        }
    }

    fn ends(&self) -> Vec<Offset> {
        self.logs.iter().map(|known| known.log.log_end()).collect()
    }

    fn append(&mut self, at: usize) {
        let mut builder = BatchBuilder::new(BatchSpec::default());
        let bytes = match self.rng.u32(0..30) {
            0 => self.rng.usize(..9_000),
            1..5 => self.rng.usize(..3_000),
            _ => self.rng.usize(..200),
        };
        let value = vec![self.rng.u8(..); bytes];
        for _ in 0..self.rng.usize(1..4) {
            let parts = RecordParts {
                value: Some(&value),
                ..RecordParts::default()
            };
            builder.append(self.now_ms, &parts);
        }
        let bytes = builder.build();
        let header = BatchHeader::parse(&bytes).unwrap();
        let batch = NewBatch {
            header: &header,
            leader_epoch: 3,
            now_ms: self.now_ms,
        };
        let known = &mut self.logs[at];
        let Ok(appended) = known.log.append(self.core.arena(), &bytes, batch, |_| {}) else {
            return assert_eq!(known.log.status(), Status::DiskFull);
        };
        let mut bytes = bytes;
        bytes[0..8].copy_from_slice(&appended.base_offset.to_be_bytes());
        bytes[12..16].copy_from_slice(&3i32.to_be_bytes());
        known
            .batches
            .push((BatchHeader::parse(&bytes).unwrap(), bytes));
    }

    /// A round with appends in between; the plan of one that opens a file is written too.
    async fn round(&mut self, core: usize) {
        let Some(plan) = self.plan_round(core) else {
            return;
        };
        let at = self.rng.usize(..LOGS);
        self.append(at);
        if self.rng.bool() {
            self.flush(at).await;
        }
        plan.write().await.unwrap();
        self.on_round(core);
    }

    fn plan_round(&mut self, core: usize) -> Option<RoundPlan> {
        let journal = &mut self.journals[core];
        if !journal.has_room() {
            return None;
        }
        let arena = self.core.arena();
        if journal.opens_file() {
            // As the shard does: it is synced before the first entries are planned.
            let opening = journal.plan_round(arena, (0, 0), |_| {});
            return Some(opening).filter(|_| self.rounds[core].is_empty());
        }
        let (mut logs, mut bytes) = (Vec::new(), 0);
        for (at, known) in self.logs.iter().enumerate() {
            let pending = known.log.journal_bytes().filter(|_| known.owner == core);
            let fits = pending.filter(|more| journal.fits(logs.len() + 1, bytes + more));
            if let Some(pending) = fits {
                logs.push(at);
                bytes += pending;
            }
        }
        if logs.is_empty() {
            return None;
        }
        let mut ends = Vec::new();
        let plan = journal.plan_round(arena, (logs.len(), bytes), |round| {
            ends.extend(logs.iter().map(|at| self.logs[*at].log.journal(round)));
        });
        for (at, end) in logs.iter().zip(ends) {
            journal.need(self.logs[*at].log.partition(), end);
        }
        self.rounds[core] = logs;
        Some(plan)
    }

    fn on_round(&mut self, core: usize) {
        self.journals[core].on_round();
        for at in std::mem::take(&mut self.rounds[core]) {
            self.logs[at].log.on_journaled();
        }
    }

    /// Writes to the segment, mostly without a sync.
    async fn flush(&mut self, at: usize) {
        let Some(plan) = self.logs[at].log.plan_flush(self.core.arena()) else {
            return;
        };
        if self.rng.bool() {
            self.append(at);
        }
        let written = plan.write(&self.dir).await.unwrap();
        self.on_written(at, written);
        if self.rng.u32(0..3) == 0 {
            self.sync(at).await;
        }
    }

    fn on_written(&mut self, at: usize, written: Written) {
        let log = &mut self.logs[at].log;
        log.on_written(written);
        if self.syncing == Syncing::Later {
            log.rely_on_writes();
        }
    }

    /// As the shard does where rounds are not synced each: what counts as durable now is then.
    async fn sync_lazily(&mut self) {
        for known in &mut self.logs {
            known.safe_end = known.log.durable_end();
        }
        for at in 0..LOGS {
            self.sync(at).await;
        }
        for core in 0..CORES {
            if let Some(plan) = self.journals[core].plan_sync() {
                plan.run().await.unwrap();
            }
            for path in self.journal_paths(core) {
                let (generation, rounds) = rounds(&fs::File::open(&path).unwrap());
                let end = rounds.last().map_or(0, |round| round.1);
                self.synced_rounds.insert(path, (generation, end));
            }
        }
    }

    /// What no crash may take.
    fn promised_end(&self, known: &Known) -> Offset {
        match self.syncing {
            Syncing::EachRound => known.log.durable_end(),
            Syncing::Later => known.safe_end.max(known.log.synced_end()),
        }
    }

    fn journal_paths(&self, core: usize) -> [PathBuf; 2] {
        [0, 1].map(|n| self.path.join(format!("klamm-journal-{core}-{n}")))
    }

    async fn sync(&mut self, at: usize) {
        if let Some(plan) = self.logs[at].log.plan_sync() {
            for synced in sync_all(&self.dir, vec![plan]).await {
                self.logs[at].log.on_synced(synced.unwrap());
            }
        }
    }

    /// Some of what a file waits for, or all.
    async fn destage(&mut self, core: usize) {
        self.release();
        let awaited: Vec<i32> = self.journals[core].awaited().map(|id| id.index).collect();
        for index in awaited {
            if self.rng.u32(0..3) > 0 {
                self.flush(index as usize).await;
                self.sync(index as usize).await;
            }
        }
        self.release();
    }

    fn release(&mut self) {
        for journal in &mut self.journals {
            journal.release(|id| Some(self.logs[id.index as usize].log.synced_end()));
        }
    }

    fn evict(&mut self, at: usize) {
        let log = &mut self.logs[at].log;
        while log.evict_oldest(log.durable_end()) > 0 {}
    }

    async fn anchor(&mut self, at: usize) {
        if let Some(plan) = self.logs[at].log.plan_anchor() {
            let anchored = plan.run(&self.dir).await.unwrap();
            self.logs[at].log.on_anchored(anchored);
        }
    }

    /// As DeleteRecords does: the new start is on the disk before it is answered. Of records that a
    /// crash may take as well, none is deleted here.
    fn delete_records(&mut self, at: usize) {
        let end = self.promised_end(&self.logs[at]);
        let known = &mut self.logs[at];
        let start = known.log.log_start();
        if known.log.durable_point().is_some() {
            let before = self.rng.i64(start..=end);
            known.log_start = known.log.delete_records(before).unwrap();
            known.point = known.log.durable_point();
        }
    }

    /// A write that fails for lack of space, after it brought all of it to the file.
    async fn fill_disk(&mut self, at: usize) {
        if self.logs[at].log.durable_point().is_none() {
            return;
        }
        let Some(plan) = self.logs[at].log.plan_flush(self.core.arena()) else {
            return;
        };
        if self.rng.bool() {
            drop(plan.write(&self.dir).await.unwrap());
        }
        let error = FlushError {
            path: self.path.clone(),
            source: io::ErrorKind::StorageFull.into(),
            stage: Stage::Space,
        };
        let known = &mut self.logs[at];
        let durable = known.log.durable_end();
        let _ = known.log.on_failed(&error, self.now_ms);
        assert!(known.log.log_end() >= durable, "what is durable stays");
        known.truncate();
        known.dropped = true;
        self.now_ms += 2_000;
    }

    /// Everything that was not synced is lost, torn or kept; the logs come back on other cores.
    async fn crash(&mut self) {
        let mut under_way = Vec::new();
        for core in 0..CORES {
            if let Some(plan) = self.plan_round(core).filter(|_| self.rng.bool()) {
                plan.write().await.unwrap();
                under_way.push(core);
            }
        }
        match self.syncing {
            Syncing::EachRound => under_way
                .iter()
                .for_each(|core| self.tear_last_round(*core)),
            Syncing::Later => (0..CORES).for_each(|core| self.tear_unsynced_rounds(core)),
        }
        for at in 0..LOGS {
            self.tear_segments(at);
        }
        let durable: Vec<_> = self
            .logs
            .iter()
            .map(|known| self.promised_end(known))
            .collect();
        let with_points = self.rng.u32(0..4) > 0;
        self.logs_again(false, with_points).await;
        if self.rng.bool() {
            // Once more, in the middle of the recovery.
            self.replay_some().await;
            self.logs_again(false, true).await;
        }
        self.replay().await;
        for (at, durable) in durable.into_iter().enumerate() {
            self.check_recovered(at, durable).await;
        }
        self.begin_journals().await;
    }

    fn tear_last_round(&mut self, core: usize) {
        let found = |path: PathBuf| (rounds(&fs::File::open(&path).unwrap()), path);
        let files = self.journal_paths(core).map(found).into_iter();
        let ((_, rounds), newest) = files
            .max_by_key(|((generation, _), _)| *generation)
            .unwrap();
        if let Some((from, to)) = rounds.last().filter(|_| rounds.len() > 1) {
            self.tear_round(&newest, *from, *to);
        }
    }

    /// The one that opened a file was synced before the next.
    fn tear_unsynced_rounds(&mut self, core: usize) {
        for path in self.journal_paths(core) {
            let (generation, rounds) = rounds(&fs::File::open(&path).unwrap());
            let synced = self
                .synced_rounds
                .get(&path)
                .filter(|at| at.0 == generation);
            let synced_end = synced.map_or(0, |at| at.1);
            for (from, to) in rounds.into_iter().skip(1) {
                if from >= synced_end && self.rng.bool() {
                    self.tear_round(&path, from, to);
                }
            }
        }
    }

    fn tear_round(&mut self, path: &Path, from: u64, to: u64) {
        let file = fs::File::options().write(true).open(path).unwrap();
        for at in (from..to).step_by(512) {
            match self.rng.u32(0..3) {
                0 => file.write_all_at(&[0; 512], at).unwrap(),
                1 => file.write_all_at(&[self.rng.u8(..); 512], at).unwrap(),
                _ => {}
            }
        }
    }

    fn tear_segments(&mut self, at: usize) {
        let synced = self.logs[at].log.synced_end();
        if self.logs[at].log.durable_point().is_none() {
            let _ = fs::remove_dir_all(self.path.join(format!("t-{at}")));
            return;
        }
        for path in self.segments(at) {
            let bytes = fs::read(&path).unwrap();
            let mut from = 0;
            while let Ok(header) = BatchHeader::parse(&bytes[from..]) {
                let end = from + header.size_bytes();
                if header.next_offset() > synced || end > bytes.len() {
                    break;
                }
                from = end;
            }
            self.tear(&path, from as u64, bytes.len() as u64);
        }
    }

    fn tear(&mut self, path: &Path, from: u64, bytes: u64) {
        if from >= bytes || self.rng.u32(0..3) == 0 {
            return;
        }
        let file = fs::File::options().write(true).open(path).unwrap();
        let mut at = from;
        while at < bytes {
            let end = (at / 512 * 512 + 512).min(bytes);
            let sector = vec![self.rng.u8(..); (end - at) as usize];
            match self.rng.u32(0..3) {
                0 => {}
                1 => file.write_all_at(&vec![0; sector.len()], at).unwrap(),
                _ => file.write_all_at(&sector, at).unwrap(),
            }
            at = end;
        }
        if self.rng.bool() {
            file.set_len(self.rng.u64(from..=bytes)).unwrap();
        }
    }

    fn segments(&self, at: usize) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path.join(format!("t-{at}")));
        let paths = entries
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path());
        let mut logs: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|e| e == "log"))
            .collect();
        logs.sort();
        logs
    }

    async fn logs_again(&mut self, clean: bool, with_points: bool) {
        self.dir = DataDir::new(self.core.clone(), self.path.clone(), 8);
        self.journals.clear();
        self.rounds = vec![Vec::new(); CORES];
        for at in 0..LOGS {
            let known = &self.logs[at];
            let request = OpenLog {
                name: name(at),
                topic_id: Some(TOPIC_ID),
                config: self.config.clone(),
                clean,
                point: known.point.filter(|_| with_points),
                recovery_point: 0,
                log_start: known.log_start,
                cleaned_to: None,
                now_ms: self.now_ms,
            };
            let log = match Log::open_many(&self.dir, vec![request]).await.remove(0) {
                Ok(opened) => opened.log,
                Err(OpenError::Missing(_)) => self.new_log(at),
                Err(error) => panic!("{error}"),
            };
            self.logs[at].log = log;
        }
    }

    async fn replay_some(&mut self) {
        let mut reader = self.reader();
        let entries = reader.next_entries(self.rng.usize(1..60_000)).unwrap();
        self.bring(&entries);
        let logs = self.logs.iter_mut().map(|known| &mut known.log);
        settle_all(&self.dir, logs.collect()).await.unwrap();
    }

    async fn replay(&mut self) {
        let mut reader = self.reader();
        let paths = reader.paths();
        self.generation = self.generation.max(reader.generation());
        loop {
            let entries = reader.next_entries(self.rng.usize(1..300_000)).unwrap();
            if entries.is_empty() {
                break;
            }
            self.bring(&entries);
        }
        let logs = self.logs.iter_mut().map(|known| &mut known.log);
        settle_all(&self.dir, logs.collect()).await.unwrap();
        remove_journals(&self.dir, paths).await.unwrap();
        for known in &mut self.logs {
            let start = known.log_start.min(known.log.log_end());
            known.log.delete_records(start).unwrap();
        }
    }

    fn reader(&self) -> JournalReader {
        let entries = fs::read_dir(&self.path).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let is_journal = |path: &PathBuf| path.to_str().unwrap().contains("klamm-journal-");
        JournalReader::open(&paths.filter(is_journal).collect::<Vec<_>>()).unwrap()
    }

    fn bring(&mut self, entries: &[FoundEntry]) {
        for found in entries {
            let log = &mut self.logs[found.entry.partition.index as usize].log;
            let replayed = log.replay(self.core.arena(), &found.entry, &found.bytes, self.now_ms);
            let lost =
                self.syncing == Syncing::Later && matches!(replayed, Ok(Replayed::Gap { .. }));
            assert!(
                lost || matches!(replayed, Ok(Replayed::Appended(_))),
                "{replayed:?}"
            );
        }
    }

    async fn begin_journals(&mut self) {
        for core in 0..CORES {
            let made = Journal::prepare(&self.dir, core, FILE_BYTES, (self.generation, 7), || true);
            self.journals
                .push(made.await.unwrap().syncing(self.syncing));
            let opening = self.plan_round(core).expect("the files are free");
            opening.write().await.unwrap();
        }
        self.synced_rounds.clear();
        for known in &mut self.logs {
            known.owner = self.rng.usize(..CORES);
            known.safe_end = known.log.log_end();
        }
    }

    /// What was durable is there, and what follows is what was appended.
    async fn check_recovered(&mut self, at: usize, durable: Offset) {
        let known = &mut self.logs[at];
        let end = known.log.log_end();
        assert!(
            end >= durable,
            "log {at}: durable to {durable}, there to {end}"
        );
        assert_eq!(known.log.log_start(), known.log_start, "log {at}");
        if known.dropped {
            // Batches that were refused may have come back: they are as good as any.
            let kept = known
                .batches
                .partition_point(|(h, _)| h.next_offset() <= durable);
            known.batches.truncate(kept);
            let dir = self.path.join(format!("t-{at}"));
            let more = batches_beyond(&dir, durable.max(known.log_start));
            let known = &mut self.logs[at];
            known
                .batches
                .retain(|(header, _)| header.base_offset < durable);
            known.batches.extend(more);
            known.dropped = false;
        }
        self.logs[at].truncate();
        self.read_all(at).await;
    }

    async fn read_all(&mut self, at: usize) {
        let known = &self.logs[at];
        let mut offset = known.log.log_start();
        for (header, bytes) in &known.batches {
            if header.next_offset() <= offset {
                continue;
            }
            let got = self.bytes_at(&known.log, offset).await;
            assert_eq!(
                got[..bytes.len().min(got.len())],
                bytes[..],
                "log {at} at {offset}"
            );
            offset = header.next_offset();
        }
        assert_eq!(offset, known.log.log_end(), "log {at}");
    }

    async fn bytes_at(&self, log: &Log, offset: Offset) -> Vec<u8> {
        match log.plan_read(offset, 1, log.log_end(), true).unwrap() {
            ReadPlan::Empty => Vec::new(),
            ReadPlan::Memory(chunks) => chunks.iter().flat_map(|chunk| chunk.to_vec()).collect(),
            ReadPlan::File(cold) => match cold.locate(&self.dir).await.unwrap() {
                Located::Range(range) => {
                    let file = range.file.as_fd().try_clone_to_owned().unwrap();
                    let mut bytes = vec![0; range.bytes as usize];
                    let file = fs::File::from(file);
                    file.read_exact_at(&mut bytes, range.position).unwrap();
                    bytes
                }
                other => panic!("{other:?} at {offset}"),
            },
        }
    }

    /// A clean stop leaves Kafka's files alone, and no journal.
    async fn close(&mut self) {
        if self.logs.iter().any(|known| known.dropped) {
            // What a full disk left in files goes with a recovery.
            self.crash().await;
        }
        for at in 0..LOGS {
            while self.logs[at].log.durable_end() < self.logs[at].log.log_end()
                || self.logs[at].log.is_behind()
                || self.logs[at].log.needs_sync()
            {
                self.flush(at).await;
                self.sync(at).await;
            }
            if let Some(plan) = self.logs[at].log.plan_close() {
                let anchored = plan.run(&self.dir).await.unwrap();
                self.logs[at].log.on_anchored(anchored);
            }
            let files = self.segments(at).into_iter();
            let bytes: u64 = files.map(|path| fs::metadata(path).unwrap().len()).sum();
            assert_eq!(bytes, self.logs[at].log.size_bytes(), "log {at}");
        }
        self.journals.iter_mut().for_each(Journal::drain_all);
        self.release();
        for journal in std::mem::take(&mut self.journals) {
            assert!(!journal.is_needed());
            journal.remove(&self.dir).await.unwrap();
        }
        assert!(self.reader().paths().is_empty());
        let ends = self.ends();
        for known in &mut self.logs {
            known.point = known.log.closed().map(|closed| closed.point);
            known.dropped = false;
        }
        self.logs_again(true, true).await;
        assert_eq!(self.ends(), ends);
        for at in 0..LOGS {
            self.read_all(at).await;
        }
        self.begin_journals().await;
    }

    fn new_log(&self, at: usize) -> Log {
        let config = self.config.clone();
        Log::new(&self.path, name(at), TOPIC_ID, config, self.now_ms)
    }
}

impl Known {
    /// The log is shorter than what was appended.
    fn truncate(&mut self) {
        let end = self.log.log_end();
        self.batches.retain(|(header, _)| header.base_offset < end);
    }
}

/// The generation of a journal file, and where its rounds begin and end.
fn rounds(file: &fs::File) -> (u64, Vec<(u64, u64)>) {
    let header = |at: u64| {
        let mut bytes = [0; 24];
        file.read_exact_at(&mut bytes, at).ok()?;
        (&bytes[..8] == b"klammjn1").then(|| {
            let len = u32::from_be_bytes(bytes[12..16].try_into().unwrap());
            let generation = u64::from_be_bytes(bytes[16..24].try_into().unwrap());
            (generation, u64::from(len).next_multiple_of(4096))
        })
    };
    let (generation, mut rounds) = (header(0).map_or(0, |found| found.0), Vec::new());
    let mut at = 0;
    while let Some((_, len)) = header(at).filter(|found| found.0 == generation) {
        rounds.push((at, at + len));
        at += len;
    }
    (generation, rounds)
}

/// The batches in the segments of a directory from `offset` on.
fn batches_beyond(dir: &Path, offset: Offset) -> Vec<(BatchHeader, Vec<u8>)> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let entries = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let bytes = fs::read(path).unwrap();
        let mut at = 0;
        while let Ok(header) = BatchHeader::parse(&bytes[at..]) {
            let end = at + header.size_bytes();
            if end > bytes.len() {
                break;
            }
            if header.base_offset >= offset {
                found.push((header, bytes[at..end].to_vec()));
            }
            at = end;
        }
    }
    found
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy_dir(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

fn name(index: usize) -> TopicPartition {
    TopicPartition {
        topic: "t".into(),
        partition: index as i32,
    }
}
