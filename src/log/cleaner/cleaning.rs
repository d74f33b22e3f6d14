use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cleaned_segment::remove_unfinished;
use super::exchange::Exchange;
use super::filter::Filter;
use super::groups::groups;
use super::noting::{Noted, Noting};
use super::source::{Source, io_error};
use super::writing::{Writing, Wrote};
use crate::log::config::LogConfig;
use crate::log::data_dir::DataDir;
use crate::log::log::Log;
use crate::model::{Offset, TopicPartition};

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
    filter: Filter,
    stage: Stage,
    /// The group whose new files are there and not given out for exchange.
    written: Option<Offset>,
    cleaned: Cleaned,
    _in_use: Arc<()>,
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
    Note(Noting),
    Write {
        groups: VecDeque<Vec<Source>>,
        writing: Option<Box<Writing>>,
    },
}

impl Cleaning {
    pub(super) fn new(
        log: &Log,
        sources: Vec<Source>,
        first_dirty: Offset,
        filter: Filter,
    ) -> Self {
        let dirty = sources.iter().filter(|source| source.end > first_dirty);
        Self {
            name: log.name.clone(),
            dir: log.dir.clone(),
            config: log.config.clone(),
            stage: Stage::Note(Noting::new(dirty.cloned())),
            sources,
            filter,
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

    fn step_blocking(mut self: Box<Self>) -> Result<(Box<Self>, Step), CleanError> {
        match self.go_on() {
            Ok(step) => Ok((self, step)),
            Err(error) => {
                // What cannot be removed now is removed by the next start.
                let _ = self.remove_written();
                Err(error)
            }
        }
    }

    fn go_on(&mut self) -> Result<Step, CleanError> {
        match &mut self.stage {
            Stage::Note(noting) => match noting.go_on(&mut self.filter, &self.dir)? {
                Noted::Some(bytes) => Ok(Step::More(bytes)),
                Noted::All => Ok(self.begin_writing()),
            },
            Stage::Write { writing, .. } => match writing.take() {
                Some(writing) => self.write(writing),
                None => self.begin_group(),
            },
        }
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

    fn begin_group(&mut self) -> Result<Step, CleanError> {
        let Stage::Write { groups, writing } = &mut self.stage else {
            unreachable!("only after all keys were noted");
        };
        let Some(group) = groups.pop_front() else {
            return Ok(Step::Done(self.cleaned));
        };
        self.written = Some(group[0].base);
        let begun = Writing::begin(self.dir.clone(), group, self.config.clone())?;
        *writing = Some(Box::new(begun));
        Ok(Step::More(0))
    }

    fn write(&mut self, mut open: Box<Writing>) -> Result<Step, CleanError> {
        match (open.go_on(&mut self.filter)?, &mut self.stage) {
            (Wrote::All, _) => self.complete(*open),
            (Wrote::Some(bytes), Stage::Write { writing, .. }) => {
                *writing = Some(open);
                Ok(Step::More(bytes))
            }
            (Wrote::Some(_), Stage::Note(_)) => unreachable!("only after all keys were noted"),
        }
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
        if !open.changed {
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
