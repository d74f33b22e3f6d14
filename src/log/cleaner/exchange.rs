use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cleaned_segment::remove_unfinished;
use super::source::Source;
use crate::log::data_dir::DataDir;
use crate::log::directory;
use crate::log::log::{Log, Status};
use crate::log::names::{SWAP_SUFFIX, SegmentFile, with_suffix};
use crate::log::plan::{FlushError, Stage};
use crate::log::retention::{DeletedSegments, mark_deleted};
use crate::log::segment::Segment;

/// A new segment, complete and durable beside the old ones it takes the place of.
#[derive(Debug)]
#[must_use = "tell the log and run it, or abandon it"]
pub struct Exchange {
    dir: Arc<Path>,
    sources: Vec<Source>,
    segment: Segment,
}

/// The names have changed hands, for [`Log::on_exchanged`].
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct Exchanged {
    sources: Vec<Source>,
    segment: Segment,
    deleted: DeletedSegments,
}

impl Log {
    /// Whether the names of some segments are changing hands: no read of a file may be planned.
    pub fn is_exchanging(&self) -> bool {
        self.exchanging
    }

    /// How many exchanges were begun: a read of a file that was planned before the last one must be
    /// planned again.
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// An exchange begins; false if its old segments are no more what they were, or the log takes
    /// no writes: abandon it then.
    pub fn begin_exchange(&mut self, exchange: &Exchange) -> bool {
        assert!(!self.exchanging, "one exchange at a time");
        let there = self.position_of(&exchange.sources).is_some();
        if !there || self.status() == Status::Offline {
            return false;
        }
        self.exchanging = true;
        self.exchanges += 1;
        true
    }

    /// An exchange is done: the new segment takes its place, memory of the old ones is given back.
    pub fn on_exchanged(&mut self, exchanged: Exchanged) -> DeletedSegments {
        assert!(self.exchanging, "an exchange was under way");
        self.exchanging = false;
        let first = self.position_of(&exchanged.sources);
        let first = first.expect("nothing else takes segments meanwhile");
        let last = first + exchanged.sources.len();
        let end = self.segments[last].base_offset;
        self.segments.drain(first + 1..last);
        self.segments[first] = exchanged.segment;
        while self
            .tail
            .oldest()
            .is_some_and(|extent| extent.segment_base < end)
        {
            self.tail.evict_oldest();
        }
        exchanged.deleted
    }

    /// Where these segments are, if all of them are there and finished.
    fn position_of(&self, sources: &[Source]) -> Option<usize> {
        let first = self.segments.iter();
        let first = first
            .take_while(|segment| segment.base_offset < sources[0].base)
            .count();
        let found = self.segments.iter().skip(first);
        let ends = self.segments.iter().skip(first + 1);
        let same = found
            .zip(ends)
            .zip(sources)
            .filter(|((segment, next), source)| {
                let same = Source::of(segment, next.base_offset) == **source;
                same && segment.base_offset < self.anchor.segment_base
            });
        (same.count() == sources.len()).then_some(first)
    }
}

impl Exchange {
    pub(super) fn new(dir: Arc<Path>, sources: Vec<Source>, segment: Segment) -> Self {
        Self {
            dir,
            sources,
            segment,
        }
    }

    /// Gives the old files their last names and the new ones theirs.
    ///
    /// # Errors
    /// The disk's; the names are then such that only a start gets them right.
    pub async fn run(self, dir: &DataDir) -> Result<Exchanged, FlushError> {
        let path = self.dir.clone();
        let bases: Vec<_> = self.sources.iter().map(|source| source.base).collect();
        let renamed = dir.core().blocking(move || self.run_blocking()).await;
        for base in bases {
            dir.forget(&path, base);
        }
        renamed.map_err(|source| FlushError {
            path: path.to_path_buf(),
            source,
            stage: Stage::Exchange,
        })
    }

    /// Removes the new files; the old ones stay.
    pub async fn abandon(self, dir: &DataDir) -> io::Result<()> {
        let remove = move || remove_unfinished(&self.dir, self.segment.base_offset);
        dir.core().blocking(remove).await
    }

    /// The old names are durably gone before a new file gets one of them: a start that finds a new
    /// segment under its name finds none of the old ones.
    pub(super) fn run_blocking(self) -> io::Result<Exchanged> {
        let mut deleted = Vec::new();
        for source in &self.sources {
            for kind in KINDS {
                deleted.extend(mark_deleted(kind.path(&self.dir, source.base))?);
            }
        }
        directory::sync_dir(&self.dir)?;
        for kind in KINDS {
            take_swap_name_off(&kind.path(&self.dir, self.segment.base_offset))?;
        }
        directory::sync_dir(&self.dir)?;
        Ok(Exchanged {
            sources: self.sources,
            segment: self.segment,
            deleted: DeletedSegments::new(deleted),
        })
    }
}

/// The log file comes first: once it has its name, a start only renames the rest.
const KINDS: [SegmentFile; 4] = [
    SegmentFile::Log,
    SegmentFile::OffsetIndex,
    SegmentFile::TimeIndex,
    SegmentFile::TransactionIndex,
];

fn take_swap_name_off(path: &PathBuf) -> io::Result<()> {
    match fs::rename(with_suffix(path, SWAP_SUFFIX), path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
