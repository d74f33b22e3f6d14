use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::checkpoint::Checkpoint;
use super::directory;
use super::durable_points::DurablePoint;
use super::names::SegmentFile;
use crate::model::{Offset, TopicPartition};
use crate::runtime::{Core, DescriptorCache, File, OpenMode};

/// A core's way to the files of its logs: what plans are run with.
///
/// Open files come from a bounded cache, so that thousands of idle partitions hold none.
#[derive(Clone)]
pub struct DataDir(Rc<Inner>);

struct Inner {
    core: Core,
    path: PathBuf,
    descriptors: DescriptorCache,
    /// How often paths were forgotten.
    forgotten: Cell<u64>,
}

impl DataDir {
    /// The data directory at `path` for one core, with at most `descriptors_max` files open.
    pub fn new(core: Core, path: PathBuf, descriptors_max: usize) -> Self {
        let descriptors = DescriptorCache::new(core.disk().clone(), descriptors_max);
        Self(Rc::new(Inner {
            core,
            path,
            descriptors,
            forgotten: Cell::new(0),
        }))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The core.
    pub fn core(&self) -> &Core {
        &self.0.core
    }

    /// Writes one of Kafka's checkpoints of the whole directory; one core does so for all.
    pub async fn write_checkpoint(
        &self,
        checkpoint: Checkpoint,
        entries: Vec<(TopicPartition, Offset)>,
    ) -> io::Result<()> {
        let path = self.0.path.clone();
        let write = move || directory::write_checkpoint(&path, checkpoint, &entries);
        self.0.core.blocking(write).await
    }

    /// Writes this core's own file of durable points.
    ///
    /// `generation` is larger than any before, of any core's file
    /// ([`DurablePoints::generation`](super::DurablePoints::generation)).
    pub async fn write_durable_points(
        &self,
        generation: u64,
        points: Vec<DurablePoint>,
    ) -> io::Result<()> {
        let (path, core) = (self.0.path.clone(), self.0.core.id());
        let write = move || directory::write_durable_points(&path, core, generation, &points);
        self.0.core.blocking(write).await
    }

    /// The `.log` file of a segment, for direct writes.
    pub(super) async fn writable(&self, dir: &Path, base: Offset) -> io::Result<File> {
        let path = SegmentFile::Log.path(dir, base);
        self.open(&path, OpenMode::DirectReadWrite).await
    }

    /// A segment's file, for reads through the page cache.
    pub(super) async fn readable(
        &self,
        dir: &Path,
        kind: SegmentFile,
        base: Offset,
    ) -> io::Result<File> {
        let path = kind.path(dir, base);
        self.open(&path, OpenMode::BufferedRead).await
    }

    /// Drops what the cache holds of a segment whose files are renamed or removed.
    pub(super) fn forget(&self, dir: &Path, base: Offset) {
        for kind in [
            SegmentFile::Log,
            SegmentFile::OffsetIndex,
            SegmentFile::TimeIndex,
        ] {
            self.0.descriptors.forget(&kind.path(dir, base));
        }
        self.0.forgotten.set(self.0.forgotten.get() + 1);
    }

    /// What was opened while a path was forgotten may be what that path meant before: it serves
    /// who asked for it and is not kept, since the path can mean another log's file soon.
    async fn open(&self, path: &Path, mode: OpenMode) -> io::Result<File> {
        let before = self.0.forgotten.get();
        let file = self.0.descriptors.get(path, mode).await?;
        if self.0.forgotten.get() != before {
            self.0.descriptors.forget(path);
        }
        Ok(file)
    }
}
