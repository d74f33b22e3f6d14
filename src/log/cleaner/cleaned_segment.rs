use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::source::Source;
use crate::log::config::LogConfig;
use crate::log::directory;
use crate::log::names::{CLEANED_SUFFIX, SWAP_SUFFIX, SegmentFile, with_suffix};
use crate::log::segment::Segment;
use crate::protocol::record::BatchHeader;

/// Written but unsynced bytes never get more than this by much: a flush of the log's own would have
/// to wait for them.
const UNSYNCED_BYTES_MAX: usize = 4 << 20;

/// A segment in the making, under names that end in `.cleaned`.
pub(super) struct CleanedSegment {
    dir: Arc<Path>,
    config: Arc<LogConfig>,
    segment: Segment,
    file: File,
    pending: Vec<u8>,
    unsynced_bytes: usize,
}

impl CleanedSegment {
    /// Begins the one that takes the place of `group`.
    pub(super) fn create(
        dir: Arc<Path>,
        group: &[Source],
        config: Arc<LogConfig>,
    ) -> io::Result<Self> {
        let base = group[0].base;
        let created_ms = group.last().expect("a group is never empty").created_ms;
        let path = with_suffix(&SegmentFile::Log.path(&dir, base), CLEANED_SUFFIX);
        Ok(Self {
            file: File::create(path)?,
            dir,
            config,
            segment: Segment::new(base, created_ms),
            pending: Vec::new(),
            unsynced_bytes: 0,
        })
    }

    /// Adds a whole batch.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let header = BatchHeader::parse(bytes).expect("the caller has read it");
        if self.segment.size as usize + bytes.len() > i32::MAX as usize {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.segment
            .on_batch(&header, bytes.len() as u32, &self.config);
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// Bytes of batches so far.
    pub(super) fn bytes(&self) -> u32 {
        self.segment.size
    }

    /// Brings what was added to the file.
    pub(super) fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&self.pending)?;
        self.unsynced_bytes += self.pending.len();
        self.pending.clear();
        if self.unsynced_bytes >= UNSYNCED_BYTES_MAX {
            self.file.sync_data()?;
            self.unsynced_bytes = 0;
        }
        Ok(())
    }

    /// Completes all files, syncs them and gives them their `.swap` names, durably: from now on a
    /// start completes the exchange.
    pub(super) fn finish(mut self, group: &[Source]) -> io::Result<Segment> {
        self.write()?;
        self.segment.index_max_timestamp();
        self.file.set_modified(self.modified())?;
        self.file.sync_all()?;
        let segment = &mut self.segment;
        let indexes = [
            (SegmentFile::OffsetIndex, segment.offset_index.unstored()),
            (SegmentFile::TimeIndex, segment.time_index.unstored()),
            (SegmentFile::TransactionIndex, aborted(&self.dir, group)?),
        ];
        segment
            .offset_index
            .on_stored(segment.offset_index.entries());
        segment.time_index.on_stored(segment.time_index.entries());
        segment.allocated = u64::from(segment.size).max(1);
        for (kind, bytes) in indexes {
            if kind != SegmentFile::TransactionIndex || !bytes.is_empty() {
                write_synced(&self.dir, kind, segment.base_offset, &bytes)?;
            }
        }
        rename_all(&self.dir, segment.base_offset)?;
        Ok(self.segment)
    }

    /// Gives up what was written.
    pub(super) fn discard(self) -> io::Result<()> {
        remove_unfinished(&self.dir, self.segment.base_offset)
    }

    /// As old as the newest of the files it replaces.
    fn modified(&self) -> std::time::SystemTime {
        let created_ms = u64::try_from(self.segment.created_ms).unwrap_or(0);
        UNIX_EPOCH + Duration::from_millis(created_ms)
    }
}

/// The kinds of files that are exchanged, the log file last.
const KINDS: [SegmentFile; 4] = [
    SegmentFile::OffsetIndex,
    SegmentFile::TimeIndex,
    SegmentFile::TransactionIndex,
    SegmentFile::Log,
];

/// Removes whatever there is of an exchange that does not take place.
pub(super) fn remove_unfinished(dir: &Path, base: i64) -> io::Result<()> {
    // The log file goes first: without it nothing of the rest replaces anything.
    for suffix in [SWAP_SUFFIX, CLEANED_SUFFIX] {
        for kind in KINDS.iter().rev() {
            match fs::remove_file(with_suffix(&kind.path(dir, base), suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    directory::sync_dir(dir)
}

/// The transactions that were aborted: klamm does not look into them, Kafka may later.
fn aborted(dir: &Path, group: &[Source]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for source in group {
        match fs::read(SegmentFile::TransactionIndex.path(dir, source.base)) {
            Ok(entries) => bytes.extend(entries),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

fn write_synced(dir: &Path, kind: SegmentFile, base: i64, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(with_suffix(&kind.path(dir, base), CLEANED_SUFFIX))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn rename_all(dir: &Path, base: i64) -> io::Result<()> {
    for kind in KINDS {
        let path = kind.path(dir, base);
        let renamed = fs::rename(
            with_suffix(&path, CLEANED_SUFFIX),
            with_suffix(&path, SWAP_SUFFIX),
        );
        match renamed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    directory::sync_dir(dir)
}
