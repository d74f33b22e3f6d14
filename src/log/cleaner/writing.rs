use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::STEP_BYTES;
use super::cleaned_segment::CleanedSegment;
use super::cleaning::CleanError;
use super::filter::{Filter, Verdict};
use super::source::{Source, SourceReader, io_error};
use crate::log::config::LogConfig;
use crate::protocol::record::Batch;

/// The second part of a cleaning: of one group what stays is written.
pub(super) struct Writing {
    pub(super) group: Vec<Source>,
    pub(super) segment: CleanedSegment,
    /// Whether anything is not as it was.
    pub(super) changed: bool,
    left: VecDeque<Source>,
    reader: Option<SourceReader>,
    dir: Arc<Path>,
}

/// What a piece of it came to.
pub(super) enum Wrote {
    /// So many bytes were read and written.
    Some(u64),
    /// The group is read to its end.
    All,
}

impl Writing {
    pub(super) fn begin(
        dir: Arc<Path>,
        group: Vec<Source>,
        config: Arc<LogConfig>,
    ) -> Result<Self, CleanError> {
        let segment = CleanedSegment::create(dir.clone(), &group, config);
        Ok(Self {
            segment: segment.map_err(|error| io_error(&dir, error))?,
            changed: group.len() > 1,
            left: group.iter().cloned().collect(),
            group,
            reader: None,
            dir,
        })
    }

    pub(super) fn go_on(&mut self, filter: &mut Filter) -> Result<Wrote, CleanError> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => match self.left.pop_front() {
                Some(source) => SourceReader::open(&self.dir, &source)?,
                None => return Ok(Wrote::All),
            },
        };
        let (began, written) = (reader.position(), self.segment.bytes());
        let mut ended = false;
        while !ended && reader.position() - began < STEP_BYTES {
            ended = !self.next_batch(&mut reader, filter)?;
        }
        let done = self.segment.write();
        done.map_err(|error| io_error(&self.dir, error))?;
        let read = reader.position() - began;
        self.reader = Some(reader).filter(|_| !ended);
        Ok(Wrote::Some(
            read + u64::from(self.segment.bytes() - written),
        ))
    }

    /// False at the end of the source.
    fn next_batch(
        &mut self,
        reader: &mut SourceReader,
        filter: &mut Filter,
    ) -> Result<bool, CleanError> {
        let segment = &mut self.segment;
        let seen = reader.next(|batch| {
            let verdict = filter.judge(batch)?;
            Ok((push(segment, batch, &verdict), verdict == Verdict::Keep))
        })?;
        let Some((pushed, kept)) = seen else {
            return Ok(false);
        };
        pushed.map_err(|error| io_error(&self.dir, error))?;
        self.changed |= !kept;
        Ok(true)
    }
}

fn push(segment: &mut CleanedSegment, batch: &Batch<'_>, verdict: &Verdict) -> io::Result<()> {
    match verdict {
        Verdict::Keep => segment.push(batch.bytes),
        Verdict::Drop => Ok(()),
        Verdict::Replace(bytes) => segment.push(bytes),
    }
}
