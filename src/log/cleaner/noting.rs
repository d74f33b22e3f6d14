use std::collections::VecDeque;
use std::path::Path;

use super::STEP_BYTES;
use super::cleaning::CleanError;
use super::filter::Filter;
use super::source::{Source, SourceReader};

/// The first part of a cleaning: the keys of the dirty part are noted.
pub(super) struct Noting {
    left: VecDeque<Source>,
    reader: Option<SourceReader>,
}

/// What a piece of it came to.
pub(super) enum Noted {
    /// So many bytes were read.
    Some(u64),
    /// All keys, or as many as there is memory for.
    All,
}

impl Noting {
    /// Reads those of the sources that are dirty.
    pub(super) fn new(dirty: impl Iterator<Item = Source>) -> Self {
        Self {
            left: dirty.collect(),
            reader: None,
        }
    }

    pub(super) fn go_on(&mut self, filter: &mut Filter, dir: &Path) -> Result<Noted, CleanError> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => match self.left.pop_front() {
                Some(source) => SourceReader::open(dir, &source)?,
                None => return Ok(Noted::All),
            },
        };
        let began = reader.position();
        while reader.position() - began < STEP_BYTES {
            match reader.next(|batch| filter.note(batch))? {
                Some(true) => {}
                Some(false) => return Ok(Noted::All),
                None => {
                    filter.noted_to(reader.source().end);
                    return Ok(Noted::Some(reader.position() - began));
                }
            }
        }
        let bytes = reader.position() - began;
        self.reader = Some(reader);
        Ok(Noted::Some(bytes))
    }
}
