//! What has been measured, one line of JSON a window: a run that was stopped goes on from it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Outcome;
use crate::args::Args;
use crate::window::Window;

/// The windows of this comparison, on disk and in memory.
#[derive(Debug)]
pub(crate) struct State {
    dir: PathBuf,
    windows: Vec<Window>,
}

impl State {
    /// Reads what is there. A line that was cut off by a stop is left out.
    pub(crate) fn open(dir: &Path) -> Outcome<Self> {
        fs::create_dir_all(dir)?;
        let text = fs::read_to_string(dir.join(WINDOWS)).unwrap_or_default();
        let windows = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        Ok(Self {
            dir: dir.to_owned(),
            windows: windows.collect(),
        })
    }

    /// Windows of other processors or another host's state do not belong beside these.
    pub(crate) fn refuse_other_circumstances(&self, args: &Args) -> Outcome<()> {
        let Some(other) = (self.windows.iter())
            .find(|window| window.cores != args.cores || window.host != args.host)
        else {
            return Ok(());
        };
        let (dir, cores, host) = (self.dir.display(), &other.cores, &other.host);
        Err(
            format!("{dir} was measured with --cores {cores} --host {host}: use another --state")
                .into(),
        )
    }

    /// Keeps a window.
    pub(crate) fn add(&mut self, window: Window) -> Outcome<()> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.join(WINDOWS));
        let line = serde_json::to_string(&window)? + "\n";
        file?.write_all(line.as_bytes())?;
        self.windows.push(window);
        Ok(())
    }

    /// The windows of one row and column, in the order of their rounds.
    pub(crate) fn windows<'a>(
        &'a self,
        label: &'a str,
        column: &'a str,
    ) -> impl Iterator<Item = &'a Window> {
        let wanted = move |window: &&Window| window.label == label && window.column == column;
        self.windows.iter().filter(wanted)
    }

    /// Every window there is.
    pub(crate) fn all(&self) -> &[Window] {
        &self.windows
    }

    /// The round to go on with: the first that misses one of the columns.
    pub(crate) fn next_round(&self, label: &str, columns: &[&str]) -> usize {
        let has = |round: usize, column: &&str| {
            self.windows(label, column)
                .any(|window| window.round == round)
        };
        let complete = |round: &usize| columns.iter().all(|column| has(*round, column));
        (0..).find(|round| !complete(round)).unwrap_or(0)
    }

    /// Whether a round has this column already.
    pub(crate) fn has(&self, label: &str, column: &str, round: usize) -> bool {
        self.windows(label, column)
            .any(|window| window.round == round)
    }

    /// Something else that was found out, by name.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let text = fs::read(self.dir.join(name)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps it.
    pub(crate) fn write<T: Serialize>(&self, name: &str, value: &T) -> Outcome<()> {
        Ok(fs::write(
            self.dir.join(name),
            serde_json::to_vec_pretty(value)?,
        )?)
    }

    /// Where a program may put a result.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

const WINDOWS: &str = "windows.jsonl";
