use std::io;
use std::path::{Path, PathBuf};

use super::cleaning::CleanError;
use super::filter::Unreadable;
use crate::log::names::SegmentFile;
use crate::log::scan::{Scanner, Stop};
use crate::log::segment::Segment;
use crate::model::{Offset, TimestampMs};
use crate::protocol::record::Batch;

/// A segment that is read, and replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) base: Offset,
    /// Base of the segment behind it.
    pub(super) end: Offset,
    pub(super) bytes: u32,
    pub(super) offset_entries: u32,
    pub(super) time_entries: u32,
    pub(super) created_ms: TimestampMs,
}

impl Source {
    pub(super) fn of(segment: &Segment, end: Offset) -> Self {
        Self {
            base: segment.base_offset,
            end,
            bytes: segment.size,
            offset_entries: segment.offset_index.entries(),
            time_entries: segment.time_index.entries(),
            created_ms: segment.created_ms,
        }
    }
}

/// Reads a source batch by batch and trusts none of it.
pub(super) struct SourceReader {
    source: Source,
    path: PathBuf,
    scanner: Scanner,
}

impl SourceReader {
    pub(super) fn open(dir: &Path, source: &Source) -> Result<Self, CleanError> {
        let path = SegmentFile::Log.path(dir, source.base);
        let scanner = Scanner::open(&path, 0, u64::from(source.bytes));
        let scanner = scanner.map_err(|error| io_error(&path, error))?;
        scanner.read_no_further_than_asked();
        Ok(Self {
            source: source.clone(),
            path,
            scanner,
        })
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// How many bytes of batches were shown.
    pub(super) fn position(&self) -> u64 {
        self.scanner.position()
    }

    /// Shows the next batch, its checksum verified; `None` at the source's end.
    pub(super) fn next<T>(
        &mut self,
        see: impl FnOnce(&Batch<'_>) -> Result<T, Unreadable>,
    ) -> Result<Option<T>, CleanError> {
        let position = self.scanner.position();
        match self.try_next(see) {
            Ok(seen) => Ok(Some(seen)),
            Err(Ended::Stopped(Stop::Limit)) if position == u64::from(self.source.bytes) => {
                Ok(None)
            }
            Err(Ended::Stopped(Stop::Io(error))) => Err(io_error(&self.path, error)),
            Err(ended) => Err(CleanError::Corrupt {
                base: self.source.base,
                position,
                why: ended.to_string(),
            }),
        }
    }

    fn try_next<T>(
        &mut self,
        see: impl FnOnce(&Batch<'_>) -> Result<T, Unreadable>,
    ) -> Result<T, Ended> {
        let found = self.scanner.next_verified().map_err(Ended::Stopped)?;
        let header = found.header;
        let offsets = self.source.base..self.source.end;
        if !offsets.contains(&header.base_offset) || !offsets.contains(&header.last_offset()) {
            return Err(Ended::Foreign);
        }
        let batch = Batch {
            position: 0,
            header,
            bytes: self.scanner.batch(&found).map_err(Ended::Stopped)?,
        };
        Ok(see(&batch)?)
    }
}

/// Why there is no next batch.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{}", told(.0))]
    Stopped(Stop),
    #[error("offsets of another segment")]
    Foreign,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

fn told(stop: &Stop) -> String {
    match stop {
        Stop::Invalid(error) => error.to_string(),
        Stop::Io(error) => error.to_string(),
        Stop::Limit | Stop::Padding => "it ends too early".to_owned(),
    }
}

pub(super) fn io_error(path: &Path, source: io::Error) -> CleanError {
    CleanError::Io {
        path: path.to_owned(),
        source,
    }
}
