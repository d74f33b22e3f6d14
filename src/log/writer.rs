use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::data_dir::DataDir;
use super::directory::{self, PARTITION_METADATA};
use super::names::SegmentFile;
use super::plan::{FlushError, FlushPlan, SegmentWrite, Stage, SyncPlan, Synced, Written};
use super::tail::block;
use crate::model::Offset;
use crate::runtime::File;
use crate::runtime::sync::join_all;

/// From so many files on, one sync of the whole file system is cheaper than one of each.
const FILES_SYNCED_EACH_MAX: usize = 8;

impl FlushPlan {
    /// Runs the writes: makes missing files, grows them ahead of the data, writes whole blocks.
    ///
    /// Must run to its end: a write that was begun goes on in the kernel, and the log takes no
    /// other until it hears of this one.
    pub async fn write(mut self, dir: &DataDir) -> Result<Written, FlushError> {
        self.create_files(dir).await?;
        let mut head = None;
        for write in &mut self.writes {
            head = write.run(dir, &self.dir).await?.or(head);
        }
        let files = self.writes.iter();
        Ok(Written {
            mark: self.mark,
            new_partition: self.new_partition,
            files: files
                .map(|write| (write.base, write.create, write.allocate_to))
                .collect(),
            head,
        })
    }

    async fn create_files(&self, dir: &DataDir) -> Result<(), FlushError> {
        let missing = self.writes.iter().filter(|write| write.create);
        let missing: Vec<Offset> = missing.map(|write| write.base).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (path, new, topic_id) = (self.dir.clone(), self.new_partition, self.topic_id);
        let create = move || {
            if new {
                create_partition(&path, &directory::encode_partition_metadata(topic_id))?;
            }
            missing
                .iter()
                .try_for_each(|base| create_empty(&SegmentFile::Log.path(&path, *base)))
        };
        let created = dir.core().blocking(create).await;
        created.map_err(|source| write_error(&self.dir, source))
    }
}

impl SegmentWrite {
    /// Writes the pieces; the beginning of the first block if it had to be read.
    async fn run(&mut self, dir: &DataDir, path: &Path) -> Result<Option<Vec<u8>>, FlushError> {
        let done = self.write(dir, path).await;
        done.map_err(|source| write_error(&SegmentFile::Log.path(path, self.base), source))
    }

    async fn write(&mut self, dir: &DataDir, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let file = dir.writable(path, self.base).await?;
        self.allocate(&file).await?;
        let head = self.read_head(dir, path).await?;
        self.write_pieces(&file).await?;
        Ok(head)
    }

    /// A block that was written before goes by itself: a direct write across the end of what was
    /// ever written is refused where it may not wait, and io_uring hands it to a worker then.
    async fn write_pieces(&mut self, file: &File) -> io::Result<()> {
        let start = self.pieces.position;
        let repeated = match self.repeats_block {
            true => self.pieces.take_first_block(),
            false => None,
        };
        let mut writes = Vec::with_capacity(2);
        writes.extend(repeated.map(|block| file.write_at(vec![block], start)));
        let chunks = std::mem::take(&mut self.pieces.chunks);
        writes.push(file.write_at(chunks, self.pieces.position));
        join_all(writes).await.into_iter().collect()
    }

    /// Grows the file ahead of the data, or just as far as is needed if there is no space for more.
    async fn allocate(&mut self, file: &File) -> io::Result<()> {
        if self.allocate_to <= self.allocated {
            return Ok(());
        }
        let bytes = self.allocate_to - self.allocated;
        let ahead = file.allocate(self.allocated, bytes).await;
        let needed = self.pieces.end().max(self.allocated);
        match ahead {
            Err(error) if is_full(&error) && needed < self.allocate_to => {
                self.allocate_to = needed;
                match needed - self.allocated {
                    0 => Ok(()),
                    bytes => file.allocate(self.allocated, bytes).await,
                }
            }
            done => done,
        }
    }

    /// Completes the first block with what the file has before the tail.
    async fn read_head(&mut self, dir: &DataDir, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let bytes = self.pieces.unread_head;
        if bytes == 0 {
            return Ok(None);
        }
        let file = dir.readable(path, SegmentFile::Log, self.base).await?;
        let head = file.read_vec(bytes, self.pieces.position).await?;
        if head.len() != bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let first = &mut self.pieces.chunks[0];
        *first = block(dir.core().arena(), &[&head, &first[bytes..]]);
        Ok(Some(head))
    }
}

/// Makes everything durable that the plans stand for: each file synced, or one sync of the file
/// system when they are many. The results are in the order of the plans.
pub async fn sync_all(dir: &DataDir, plans: Vec<SyncPlan>) -> Vec<Result<Synced, FlushError>> {
    let files: usize = plans.iter().map(SyncPlan::file_count).sum();
    if files <= FILES_SYNCED_EACH_MAX {
        return join_all(plans.into_iter().map(|plan| plan.sync(dir)).collect()).await;
    }
    let synced = sync_file_system(dir, &plans).await;
    let result = |plan: SyncPlan| match &synced {
        Ok(()) => Ok(plan.done()),
        Err(error) => Err(sync_error(dir.path(), copied(error))),
    };
    plans.into_iter().map(result).collect()
}

/// One sync for all. Some file systems leave the device's cache alone when no metadata changed,
/// so the data of one file is synced by itself afterwards: that always flushes it.
async fn sync_file_system(dir: &DataDir, plans: &[SyncPlan]) -> io::Result<()> {
    dir.core().disk().sync_file_system(dir.path()).await?;
    let mut files = plans.iter().flat_map(|plan| {
        let segments = plan.unsynced.segments.iter();
        segments.map(|(base, _)| (&plan.dir, *base))
    });
    match files.next() {
        Some((path, base)) => dir.writable(path, base).await?.sync_data().await,
        None => Ok(()),
    }
}

impl SyncPlan {
    async fn sync(self, dir: &DataDir) -> Result<Synced, FlushError> {
        match self.sync_files(dir).await {
            Ok(()) => Ok(self.done()),
            Err(source) => Err(sync_error(&self.dir, source)),
        }
    }

    async fn sync_files(&self, dir: &DataDir) -> io::Result<()> {
        for (base, new) in &self.unsynced.segments {
            let file = dir.writable(&self.dir, *base).await?;
            match new {
                true => file.sync_all().await?,
                false => file.sync_data().await?,
            }
        }
        if self.unsynced.partition {
            return self.sync_partition(dir).await;
        }
        match self.unsynced.segments.iter().any(|(_, new)| *new) {
            true => dir.core().disk().sync_dir(&self.dir).await,
            false => Ok(()),
        }
    }

    /// The metadata file, the entries of the partition's directory, and its own entry.
    async fn sync_partition(&self, dir: &DataDir) -> io::Result<()> {
        let (path, parent) = (self.dir.clone(), dir.path().to_owned());
        let sync = move || {
            fs::File::open(path.join(PARTITION_METADATA))?.sync_all()?;
            directory::sync_dir(&path)?;
            directory::sync_dir(&parent)
        };
        dir.core().blocking(sync).await
    }
}

/// The directory may be there from an attempt that failed for lack of space; never from another
/// topic, whose records would come to life behind ours.
fn create_partition(path: &Path, metadata: &str) -> io::Result<()> {
    let file = path.join(PARTITION_METADATA);
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) if !is_left_from_us(&file, metadata)? => {
            let other = "the directory belongs to another topic";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, other));
        }
        _ => {}
    }
    fs::write(file, metadata)
}

fn is_left_from_us(file: &Path, metadata: &str) -> io::Result<bool> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        found => found.map(|found| metadata.starts_with(&found)),
    }
}

fn create_empty(path: &PathBuf) -> io::Result<()> {
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map(drop)
}

fn write_error(path: &Path, source: io::Error) -> FlushError {
    FlushError {
        path: path.to_owned(),
        stage: match is_full(&source) {
            true => Stage::Space,
            false => Stage::Write,
        },
        source,
    }
}

fn is_full(error: &io::Error) -> bool {
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
    full.contains(&error.kind())
}

fn sync_error(path: &Path, source: io::Error) -> FlushError {
    FlushError {
        path: path.to_owned(),
        source,
        stage: Stage::Sync,
    }
}

/// The same error once more: one sync stood for many logs.
fn copied(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}
