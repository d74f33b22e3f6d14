use std::io;
use std::path::{Path, PathBuf};

use super::round::{RoundWriter, round_bytes};
use super::space::Space;
use crate::log::data_dir::DataDir;
use crate::log::directory;
use crate::log::extent::BLOCK_BYTES;
use crate::log::plan::{FlushError, Stage};
use crate::log::tail::aligned;
use crate::model::{CoreId, Offset, PartitionId};
use crate::runtime::File;
use crate::sys::arena::{Arena, Chunk};

/// What the names of all journals begin with; Kafka ignores plain files it does not know.
pub(in crate::log) const FILE_PREFIX: &str = "klamm-journal-";
/// A journal that would be smaller is more trouble than it is worth; and a round, a quarter of
/// this at least, has room for any one entry.
const FILE_BYTES_MIN: u64 = 512 << 10;
/// Zeros are written in pieces of this size, with other work in between.
const ZEROS_BYTES: usize = 256 << 10;
/// A file system keeps so many times a journal free, or there is none.
const FREE_SHARE: u64 = 8;

/// The journal of one core, ready for rounds.
#[derive(Debug)]
pub struct Journal {
    paths: [PathBuf; 2],
    files: [File; 2],
    space: Space,
    secret: u64,
    syncing: Syncing,
    /// The file of the newest round, and which files have rounds without a sync.
    newest: usize,
    unsynced: [bool; 2],
    /// Whether a write or a sync of it failed: it takes no more rounds.
    retired: bool,
    stats: JournalStats,
}

/// When rounds are synced. The one that opens a file always is before the next one is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncing {
    /// Each before it counts.
    EachRound,
    /// Some time after, many at once: [`Journal::plan_sync`].
    Later,
}

/// What a journal has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Rounds written, each by one direct write.
    pub rounds: u64,
    /// Entries in them: one for each partition and round.
    pub entries: u64,
    /// Bytes of them, padding included.
    pub bytes: u64,
}

/// A round to write; run by [`RoundPlan::write`].
#[derive(Debug)]
#[must_use = "the logs wait for the result"]
pub struct RoundPlan {
    path: PathBuf,
    file: File,
    position: u64,
    round: Chunk,
    sync: bool,
}

/// The files of a journal to sync; run by [`JournalSync::run`].
#[derive(Debug)]
#[must_use = "nobody else syncs them"]
pub struct JournalSync(Vec<(PathBuf, File)>);

impl Journal {
    /// How large each file is to be, with `wanted_bytes` set and an arena of `arena_bytes`: what
    /// is journaled stays in memory until it is in its segment. `None` if that is too little.
    pub fn file_bytes(wanted_bytes: u64, arena_bytes: usize) -> Option<u64> {
        let bytes = wanted_bytes.min(arena_bytes as u64 / 16);
        let bytes = bytes - bytes % BLOCK_BYTES as u64;
        (bytes >= FILE_BYTES_MIN).then_some(bytes)
    }

    /// Makes the two files of a core and fills them with zeros, a piece at a time; this takes a
    /// while. No file of their names may be there, and every journal that was ever in the directory
    /// has at most `generation`. `secret` is random: recovery knows rounds by it. It ends early when
    /// `goes_on` no longer holds.
    ///
    /// # Errors
    /// The disk's; also if the files would leave it short of space, and `Interrupted`. No file is
    /// left then.
    ///
    /// # Panics
    /// For a size that [`Journal::file_bytes`] never gives.
    pub async fn prepare(
        dir: &DataDir,
        core: CoreId,
        file_bytes: u64,
        (generation, secret): (u64, u64),
        goes_on: impl Fn() -> bool,
    ) -> io::Result<Self> {
        assert!(file_bytes >= FILE_BYTES_MIN, "a round has room");
        let path = |number| dir.path().join(format!("{FILE_PREFIX}{core}-{number}"));
        let paths = [path(0), path(1)];
        match make_files(dir, &paths, file_bytes, &goes_on).await {
            Ok(files) => Ok(Self {
                paths,
                files,
                space: Space::new(file_bytes, generation),
                secret,
                syncing: Syncing::EachRound,
                newest: 0,
                unsynced: [false; 2],
                retired: false,
                stats: JournalStats::default(),
            }),
            Err(error) => {
                for path in &paths {
                    // What cannot be removed holds no round: the next start removes it.
                    let _ = dir.core().disk().unlink(path).await;
                }
                Err(error)
            }
        }
    }

    /// Sets when rounds are synced; without this each is at once.
    #[must_use]
    pub fn syncing(mut self, syncing: Syncing) -> Self {
        self.syncing = syncing;
        self
    }

    /// Whether a round can be written now; goes on to the next file where one is full.
    pub fn has_room(&mut self) -> bool {
        !self.retired && self.space.make_room()
    }

    /// Whether the next round opens a file: it takes no entries.
    pub fn opens_file(&self) -> bool {
        self.space.opens()
    }

    /// Whether a round of so many entries with so many bytes of batches is not too large.
    pub fn fits(&self, entries: usize, batch_bytes: usize) -> bool {
        round_bytes(entries, batch_bytes) <= self.space.round_bytes_max()
    }

    /// Plans a round of `entries` entries with `batch_bytes` bytes of batches; `fill` adds them.
    pub fn plan_round(
        &mut self,
        arena: &Arena,
        (entries, batch_bytes): (usize, usize),
        fill: impl FnOnce(&mut RoundWriter<'_>),
    ) -> RoundPlan {
        let bytes = round_bytes(entries, batch_bytes);
        let (place, secret) = (self.space.take(bytes), self.secret);
        self.newest = place.file;
        self.stats.rounds += 1;
        self.stats.entries += entries as u64;
        self.stats.bytes += bytes as u64;
        let round = aligned(arena, bytes, |buffer| {
            let mut writer = RoundWriter::new(buffer);
            fill(&mut writer);
            writer.finish(place.generation, place.number, secret);
        });
        RoundPlan {
            path: self.paths[place.file].clone(),
            file: self.files[place.file].clone(),
            position: place.position,
            round,
            sync: self.syncing == Syncing::EachRound || place.number == 0,
        }
    }

    /// The round that was just planned is written, and synced if that was asked of it.
    pub fn on_round(&mut self) {
        self.unsynced[self.newest] |= self.syncing == Syncing::Later;
    }

    /// Everything written and not synced; `None` if there is nothing.
    pub fn plan_sync(&mut self) -> Option<JournalSync> {
        let unsynced = std::mem::take(&mut self.unsynced);
        let files = self.paths.iter().zip(&self.files).zip(unsynced);
        let files = files.filter(|(_, unsynced)| *unsynced);
        let files: Vec<_> = files
            .map(|((path, file), _)| (path.clone(), file.clone()))
            .collect();
        (!files.is_empty()).then_some(JournalSync(files))
    }

    /// The round that was just planned has an entry of `partition` that ends at `end`: the file is
    /// kept until the partition's segments have it.
    pub fn need(&mut self, partition: PartitionId, end: Offset) {
        self.space.need(partition, end);
    }

    /// Takes no more rounds: nothing is known of a file whose write or sync failed.
    pub fn retire(&mut self) {
        self.retired = true;
        self.space.drain_all();
    }

    /// Every file is to be drained: the core closes, or needs its memory.
    pub fn drain_all(&mut self) {
        self.space.drain_all();
    }

    /// Whether a file waits for segments.
    pub fn is_draining(&self) -> bool {
        self.space.is_draining()
    }

    /// The partitions a file waits for that is being drained.
    pub fn awaited(&self) -> impl Iterator<Item = PartitionId> {
        self.space.awaited()
    }

    /// Frees what is drained and the segments have: `synced` is a partition's [`Log::synced_end`], or `None` for
    /// one that is deleted.
    ///
    /// [`Log::synced_end`]: crate::log::Log::synced_end
    pub fn release(&mut self, synced: impl Fn(PartitionId) -> Option<Offset>) {
        self.space.release(synced);
    }

    /// Whether records may be in the journal alone.
    pub fn is_needed(&self) -> bool {
        self.space.is_needed()
    }

    /// What it has done.
    pub fn stats(&self) -> JournalStats {
        self.stats
    }

    /// Removes the files.
    ///
    /// # Errors
    /// The disk's.
    ///
    /// # Panics
    /// When records may be in the journal alone.
    pub async fn remove(self, dir: &DataDir) -> io::Result<()> {
        assert!(!self.is_needed(), "all of it is in the segments");
        remove_journals(dir, self.paths.into()).await
    }
}

impl RoundPlan {
    /// Writes the round, and syncs it unless that comes later. Must run to its end.
    ///
    /// # Errors
    /// The disk's: whether the round is on it is not known.
    pub async fn write(self) -> Result<(), FlushError> {
        let failed = |source| FlushError {
            path: self.path.clone(),
            source,
            stage: Stage::Journal,
        };
        let written = self.file.write_at(vec![self.round], self.position).await;
        written.map_err(failed)?;
        match self.sync {
            true => self.file.sync_data().await.map_err(failed),
            false => Ok(()),
        }
    }
}

impl JournalSync {
    /// Syncs the files.
    ///
    /// # Errors
    /// The disk's: which of the rounds since the last sync are on it is not known.
    pub async fn run(self) -> Result<(), FlushError> {
        let mut result = Ok(());
        for (path, file) in self.0 {
            let synced = file.sync_data().await.map_err(|source| FlushError {
                path,
                source,
                stage: Stage::Journal,
            });
            result = result.and(synced);
        }
        result
    }
}

/// Removes journals of which nothing is needed any more.
///
/// # Errors
/// The disk's.
pub async fn remove_journals(dir: &DataDir, paths: Vec<PathBuf>) -> io::Result<()> {
    let path = dir.path().to_owned();
    let remove = move || {
        paths.iter().try_for_each(std::fs::remove_file)?;
        directory::sync_dir(&path)
    };
    dir.core().blocking(remove).await
}

async fn make_files(
    dir: &DataDir,
    paths: &[PathBuf; 2],
    file_bytes: u64,
    goes_on: &impl Fn() -> bool,
) -> io::Result<[File; 2]> {
    let disk = dir.core().disk();
    let free = disk.volume(dir.path()).await?.usable_bytes;
    if free / FREE_SHARE < 2 * file_bytes {
        let short = format!("only {free} bytes are free on the disk");
        return Err(io::Error::new(io::ErrorKind::StorageFull, short));
    }
    let files = [
        make_file(dir, &paths[0], file_bytes, goes_on).await?,
        make_file(dir, &paths[1], file_bytes, goes_on).await?,
    ];
    disk.sync_dir(dir.path()).await?;
    Ok(files)
}

async fn make_file(
    dir: &DataDir,
    path: &Path,
    file_bytes: u64,
    goes_on: &impl Fn() -> bool,
) -> io::Result<File> {
    let core = dir.core();
    let mode = crate::runtime::OpenMode::DirectReadWrite;
    let file = core.disk().open(path, mode, true).await?;
    file.allocate(0, file_bytes).await?;
    let zeros = aligned(core.arena(), ZEROS_BYTES, |buffer| buffer.fill(0));
    let mut position = 0;
    while position < file_bytes {
        if !goes_on() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let bytes = (file_bytes - position).min(ZEROS_BYTES as u64);
        let piece = zeros.slice(0..bytes as usize);
        file.write_at(vec![piece], position).await?;
        position += bytes;
        core.breathe().await;
    }
    file.sync_all().await?;
    Ok(file)
}
