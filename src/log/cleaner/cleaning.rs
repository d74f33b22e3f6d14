use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cleaned_segment::{CleanedSegment, remove_unfinished};
use super::exchange::Exchange;
use super::filter::{Filter, Unreadable, Verdict};
use super::groups::groups;
use crate::log::config::LogConfig;
use crate::log::data_dir::DataDir;
use crate::log::log::Log;
use crate::log::names::SegmentFile;
use crate::log::scan::{Scanner, Stop};
use crate::log::segment::Segment;
use crate::model::{Offset, TimestampMs, TopicPartition};
use crate::protocol::record::Batch;

/// A step ends after so many bytes were read, or with the batch that goes beyond.
const STEP_BYTES: u64 = 512 << 10;

/// What the keys of a cleaning may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleaningSettings {
    /// The core's share of `log.cleaner.dedupe.buffer.size`.
    pub map_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`.
    pub load_factor: f64,
}

/// One cleaning of one log: owns all it needs, and keeps the log's directory from being deleted.
#[must_use = "step it to its end, or abandon it"]
pub struct Cleaning {
    name: TopicPartition,
    dir: Arc<Path>,
    config: Arc<LogConfig>,
    sources: Vec<Source>,
    first_dirty: Offset,
    filter: Filter,
    stage: Stage,
    /// The group whose new files are there and not given out for exchange.
    written: Option<Offset>,
    cleaned: Cleaned,
    _in_use: Arc<()>,
}

/// A segment that is read, and replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::log) struct Source {
    pub(in crate::log) base: Offset,
    /// Base of the segment behind it.
    pub(in crate::log) end: Offset,
    pub(in crate::log) bytes: u32,
    pub(in crate::log) offset_entries: u32,
    pub(in crate::log) time_entries: u32,
    pub(in crate::log) created_ms: TimestampMs,
}

/// What a step came to.
pub enum Step {
    /// There is more to do; so many bytes were read and written.
    More(u64),
    /// A group is written: exchange it, then go on.
    Exchange(Box<Exchange>),
    /// The log is clean up to [`Cleaned::end`].
    Done(Cleaned),
}

/// What a cleaning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// The first offset that stays dirty.
    pub end: Offset,
    /// Keys of the dirty part, as many as there was memory for.
    pub keys: usize,
    /// Bytes of the segments before.
    pub bytes_before: u64,
    /// Bytes of the segments after.
    pub bytes_after: u64,
    /// How many segments there were.
    pub segments_before: usize,
    /// How many there are.
    pub segments_after: usize,
}

/// A cleaning cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// A batch that is none, or that nobody can read: no cleaning will ever get past it.
    #[error("the segment at {base} is damaged at byte {position}: {why}")]
    Corrupt {
        /// The segment.
        base: Offset,
        /// Where in its file.
        position: u64,
        /// What is wrong there.
        why: String,
    },
    /// The file system refused; retention may have taken the segment.
    #[error("{path}: {source}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

enum Stage {
    Note {
        /// The source that is read.
        at: usize,
        scanner: Option<Scanner>,
    },
    Write {
        groups: VecDeque<Vec<Source>>,
        writing: Option<Box<Writing>>,
    },
}

/// A group on its way.
struct Writing {
    group: Vec<Source>,
    /// The source that is read.
    at: usize,
    scanner: Scanner,
    segment: CleanedSegment,
    /// Whether anything of it is not as it was.
    changed: bool,
}

impl Cleaning {
    pub(super) fn new(
        log: &Log,
        sources: Vec<Source>,
        first_dirty: Offset,
        filter: Filter,
    ) -> Self {
        Self {
            name: log.name.clone(),
            dir: log.dir.clone(),
            config: log.config.clone(),
            sources,
            first_dirty,
            filter,
            stage: Stage::Note {
                at: 0,
                scanner: None,
            },
            written: None,
            cleaned: Cleaned::default(),
            _in_use: log.files_in_use.clone(),
        }
    }

    /// Whose log it is.
    pub fn name(&self) -> &TopicPartition {
        &self.name
    }

    /// Does the next piece of work on a thread of the core's pool.
    ///
    /// # Errors
    /// Damage, or the disk's; nothing of this cleaning is left on the disk then, but for the
    /// exchanges that were made.
    pub async fn step(self: Box<Self>, dir: &DataDir) -> Result<(Box<Self>, Step), CleanError> {
        dir.core().blocking(move || self.step_blocking()).await
    }

    /// Gives up: removes what was written and not exchanged.
    pub async fn abandon(self: Box<Self>, dir: &DataDir) -> io::Result<()> {
        dir.core().blocking(move || self.remove_written()).await
    }

    pub(super) fn step_blocking(mut self: Box<Self>) -> Result<(Box<Self>, Step), CleanError> {
        let step = match self.stage {
            Stage::Note { .. } => self.note(),
            Stage::Write { .. } => self.write(),
        };
        match step {
            Ok(step) => Ok((self, step)),
            Err(error) => {
                // What cannot be removed now is removed by the next start.
                let _ = self.remove_written();
                Err(error)
            }
        }
    }

    /// Notes some keys of the dirty part.
    fn note(&mut self) -> Result<Step, CleanError> {
        let Stage::Note { at, scanner } = &mut self.stage else {
            unreachable!("only while keys are noted");
        };
        let first_dirty = self.first_dirty;
        while self
            .sources
            .get(*at)
            .is_some_and(|source| source.end <= first_dirty)
        {
            *at += 1;
        }
        let Some(source) = self.sources.get(*at) else {
            return Ok(self.begin_writing());
        };
        let open = match scanner.take() {
            Some(open) => open,
            None => open_source(&self.dir, source)?,
        };
        let open = scanner.insert(open);
        let began = open.position();
        while open.position() - began < STEP_BYTES {
            let filter = &mut self.filter;
            let note = |batch: &Batch<'_>| match batch.header.next_offset() <= first_dirty {
                true => Ok(true),
                false => filter.note(batch),
            };
            match next_batch(open, source, note)? {
                Some(true) => {}
                Some(false) => return Ok(self.begin_writing()),
                None => {
                    self.filter.noted_to(source.end);
                    (*at, *scanner) = (*at + 1, None);
                    return Ok(Step::More(0));
                }
            }
        }
        Ok(Step::More(open.position() - began))
    }

    fn begin_writing(&mut self) -> Step {
        let end = self.filter.end();
        self.cleaned.end = end;
        self.cleaned.keys = self.filter.keys();
        let touched = self.sources.partition_point(|source| source.base < end);
        self.stage = Stage::Write {
            groups: groups(&self.sources[..touched], &self.config).into(),
            writing: None,
        };
        Step::More(0)
    }

    /// Writes some of what stays.
    fn write(&mut self) -> Result<Step, CleanError> {
        let Stage::Write { groups, writing } = &mut self.stage else {
            unreachable!("only after keys were noted");
        };
        let mut open = match writing.take() {
            Some(open) => open,
            None => {
                let Some(group) = groups.pop_front() else {
                    return Ok(Step::Done(self.cleaned));
                };
                self.written = Some(group[0].base);
                let begun = Writing::begin(self.dir.clone(), group, self.config.clone())?;
                Box::new(begun)
            }
        };
        let (bytes, done) = open.go_on(&mut self.filter, &self.dir)?;
        if !done {
            *writing = Some(open);
            return Ok(Step::More(bytes));
        }
        self.complete(*open)
    }

    /// A group that is as it was stays under its old names.
    fn complete(&mut self, open: Writing) -> Result<Step, CleanError> {
        let failed = |source| io_error(&self.dir, source);
        let before: u64 = open
            .group
            .iter()
            .map(|source| u64::from(source.bytes))
            .sum();
        self.cleaned.bytes_before += before;
        self.cleaned.bytes_after += u64::from(open.segment.bytes());
        self.cleaned.segments_before += open.group.len();
        self.cleaned.segments_after += 1;
        if !open.changed && open.group.len() == 1 {
            open.segment.discard().map_err(failed)?;
            self.written = None;
            return Ok(Step::More(0));
        }
        let segment = open.segment.finish(&open.group).map_err(failed)?;
        self.written = None;
        let exchange = Exchange::new(self.dir.clone(), open.group, segment);
        Ok(Step::Exchange(Box::new(exchange)))
    }

    fn remove_written(&self) -> io::Result<()> {
        match self.written {
            Some(base) => remove_unfinished(&self.dir, base),
            None => Ok(()),
        }
    }
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

impl Writing {
    fn begin(
        dir: Arc<Path>,
        group: Vec<Source>,
        config: Arc<LogConfig>,
    ) -> Result<Self, CleanError> {
        let scanner = open_source(&dir, &group[0])?;
        let segment = CleanedSegment::create(dir.clone(), &group, config);
        Ok(Self {
            scanner,
            segment: segment.map_err(|source| io_error(&dir, source))?,
            group,
            at: 0,
            changed: false,
        })
    }

    /// A piece of the group: the bytes read and written, and whether that was the last one.
    fn go_on(&mut self, filter: &mut Filter, dir: &Path) -> Result<(u64, bool), CleanError> {
        let (began, written) = (self.scanner.position(), self.segment.bytes());
        let mut read = 0;
        while read < STEP_BYTES {
            let source = &self.group[self.at];
            let segment = &mut self.segment;
            let keep = |batch: &Batch<'_>| {
                let verdict = filter.judge(batch)?;
                Ok((verdict != Verdict::Keep, push(segment, batch, &verdict)))
            };
            match next_batch(&mut self.scanner, source, keep)? {
                Some((changed, pushed)) => {
                    pushed.map_err(|source| io_error(dir, source))?;
                    self.changed |= changed;
                    read = self.scanner.position() - began;
                }
                None if self.at + 1 == self.group.len() => return Ok((read, true)),
                None => {
                    self.at += 1;
                    self.scanner = open_source(dir, &self.group[self.at])?;
                    break;
                }
            }
        }
        self.segment
            .write()
            .map_err(|source| io_error(dir, source))?;
        Ok((read + u64::from(self.segment.bytes() - written), false))
    }
}

fn push(segment: &mut CleanedSegment, batch: &Batch<'_>, verdict: &Verdict) -> io::Result<()> {
    match verdict {
        Verdict::Keep => segment.push(batch.bytes),
        Verdict::Drop => Ok(()),
        Verdict::Replace(bytes) => segment.push(bytes),
    }
}

fn open_source(dir: &Path, source: &Source) -> Result<Scanner, CleanError> {
    let path = SegmentFile::Log.path(dir, source.base);
    let scanner = Scanner::open(&path, 0, u64::from(source.bytes));
    let scanner = scanner.map_err(|source| io_error(dir, source))?;
    scanner.read_no_further_than_asked();
    Ok(scanner)
}

/// Shows the next batch, its checksum verified; `None` at the source's end.
fn next_batch<T>(
    scanner: &mut Scanner,
    source: &Source,
    see: impl FnOnce(&Batch<'_>) -> Result<T, Unreadable>,
) -> Result<Option<T>, CleanError> {
    let position = scanner.position();
    let corrupt = |why: String| CleanError::Corrupt {
        base: source.base,
        position,
        why,
    };
    let stopped = |stop: Stop| match stop {
        Stop::Io(error) => CleanError::Io {
            path: PathBuf::from(format!("the segment at {}", source.base)),
            source: error,
        },
        Stop::Invalid(error) => corrupt(error.to_string()),
        Stop::Limit | Stop::Padding => corrupt("it ends too early".to_owned()),
    };
    let found = match scanner.next_verified() {
        Ok(found) => found,
        Err(Stop::Limit) if position == u64::from(source.bytes) => return Ok(None),
        Err(stop) => return Err(stopped(stop)),
    };
    let (header, bytes) = (found.header, scanner.batch(&found).map_err(stopped)?);
    let offsets = source.base..source.end;
    if !offsets.contains(&header.base_offset) || !offsets.contains(&header.last_offset()) {
        return Err(corrupt("offsets of another segment".to_owned()));
    }
    let batch = Batch {
        position: 0,
        header,
        bytes,
    };
    match see(&batch) {
        Ok(seen) => Ok(Some(seen)),
        Err(unreadable) => Err(corrupt(unreadable.to_string())),
    }
}

fn io_error(path: &Path, source: io::Error) -> CleanError {
    CleanError::Io {
        path: path.to_owned(),
        source,
    }
}
