use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::anchor::{AnchorPlan, Anchored, IndexPart, SegmentState};
use super::data_dir::DataDir;
use super::directory;
use super::names::SegmentFile;
use super::plan::{FlushError, Stage};
use crate::runtime::sync::join_all;

/// Kafka's name of the epochs' file.
pub(super) const EPOCHS_FILE: &str = "leader-epoch-checkpoint";
/// From so many plans on, one sync of the whole file system is cheaper than one for each file.
const PLANS_SYNCED_EACH_MAX: usize = 4;
/// So many plans are written by one piece of work on a pool thread.
const PLANS_WRITTEN_TOGETHER: usize = 128;

/// Who syncs what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SyncBy {
    /// Each file for itself, at once.
    File,
    /// The caller, all of them together.
    Group,
}

impl AnchorPlan {
    /// Writes and syncs the files.
    pub async fn run(self, dir: &DataDir) -> Result<Anchored, FlushError> {
        let path = self.dir.clone();
        let write = move || self.write(SyncBy::File).map(|()| Anchored(self));
        let done = dir.core().blocking(write).await;
        done.map_err(|source| derived_error(&path, source))
    }

    /// The derived files come first: a log file that has its exact length has its indexes.
    fn write(&self, sync: SyncBy) -> io::Result<()> {
        for state in &self.segments {
            let (offsets, times) = (SegmentFile::OffsetIndex, SegmentFile::TimeIndex);
            let path = offsets.path(&self.dir, state.base);
            state.offset_index.write(&path, sync)?;
            let path = times.path(&self.dir, state.base);
            state.time_index.write(&path, sync)?;
        }
        for (offset, bytes) in &self.snapshots {
            replace(&SegmentFile::Snapshot.path(&self.dir, *offset), bytes, sync)?;
        }
        if let Some(text) = &self.epochs {
            replace(&self.dir.join(EPOCHS_FILE), text.as_bytes(), sync)?;
        }
        if sync == SyncBy::File {
            directory::sync_dir(&self.dir)?;
        }
        let cut = |state: &SegmentState| state.cut_log(&self.dir, sync);
        self.segments.iter().try_for_each(cut)?;
        let removed = self.snapshots_removed.iter();
        removed
            .map(|offset| SegmentFile::Snapshot.path(&self.dir, *offset))
            .try_for_each(remove)
    }
}

/// Runs many plans as a group, as at the end of a run: all files are written, then synced at once.
/// The results are in the order of the plans.
pub async fn anchor_all(
    dir: &DataDir,
    plans: Vec<AnchorPlan>,
) -> Vec<Result<Anchored, FlushError>> {
    if plans.len() <= PLANS_SYNCED_EACH_MAX {
        return join_all(plans.into_iter().map(|plan| plan.run(dir)).collect()).await;
    }
    let mut plans = plans.into_iter();
    let mut pieces = Vec::new();
    while plans.len() > 0 {
        let piece: Vec<_> = plans.by_ref().take(PLANS_WRITTEN_TOGETHER).collect();
        let write = move || piece.into_iter().map(write_unsynced).collect::<Vec<_>>();
        pieces.push(dir.core().blocking(write));
    }
    let written = join_all(pieces).await.into_iter().flatten();
    let synced = dir.core().disk().sync_file_system(dir.path()).await;
    let result = |anchored: Result<Anchored, FlushError>| match &synced {
        Ok(()) => anchored,
        Err(error) => Err(derived_error(dir.path(), error.kind().into())),
    };
    written.map(result).collect()
}

fn write_unsynced(plan: AnchorPlan) -> Result<Anchored, FlushError> {
    match plan.write(SyncBy::Group) {
        Ok(()) => Ok(Anchored(plan)),
        Err(source) => Err(derived_error(&plan.dir, source)),
    }
}

impl SegmentState {
    /// Ends the `.log` file after its last batch.
    fn cut_log(&self, dir: &Path, sync: SyncBy) -> io::Result<()> {
        let Some(bytes) = self.log_bytes else {
            return Ok(());
        };
        let mut options = fs::OpenOptions::new();
        options.create(true).append(true);
        let file = options.open(SegmentFile::Log.path(dir, self.base))?;
        if file.metadata()?.len() == u64::from(bytes) {
            return Ok(());
        }
        file.set_len(u64::from(bytes))?;
        sync.file(&file)
    }
}

impl IndexPart {
    fn write(&self, path: &Path, sync: SyncBy) -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = options.open(path)?;
        file.write_all_at(&self.bytes, self.position)?;
        file.set_len(self.position + self.bytes.len() as u64)?;
        sync.file(&file)
    }
}

impl SyncBy {
    fn file(self, file: &fs::File) -> io::Result<()> {
        match self {
            Self::File => file.sync_all(),
            Self::Group => Ok(()),
        }
    }
}

fn replace(path: &Path, bytes: &[u8], sync: SyncBy) -> io::Result<()> {
    let aside = directory::aside(path);
    let file = fs::File::create(&aside)?;
    file.write_all_at(bytes, 0)?;
    sync.file(&file)?;
    fs::rename(&aside, path)
}

fn remove(path: PathBuf) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn derived_error(path: &Path, source: io::Error) -> FlushError {
    FlushError {
        path: path.to_owned(),
        source,
        stage: Stage::Derived,
    }
}
