//! A bounded number of open files, by path: thousands of segments, a few descriptors.

use super::disk::Disk;
use super::file::{File, OpenMode};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Opens files and keeps those that were used last open. Clones share one cache of one core.
///
/// A file that has left the cache stays open for those who still hold it.
#[derive(Clone)]
pub struct DescriptorCache {
    disk: Disk,
    state: Rc<RefCell<State>>,
}

struct State {
    files: HashMap<PathBuf, Vec<Cached>>,
    count: usize,
    files_max: usize,
    /// Rises with every use.
    clock: u64,
    /// Rises with every path forgotten: what was being opened then may be another file now.
    forgotten: u64,
}

struct Cached {
    mode: OpenMode,
    file: File,
    used: u64,
}

impl DescriptorCache {
    /// A cache that keeps at most `files_max` files open.
    pub fn new(disk: Disk, files_max: usize) -> Self {
        assert!(files_max > 0, "a cache holds at least one file");
        let state = State {
            files: HashMap::new(),
            count: 0,
            files_max,
            clock: 0,
            forgotten: 0,
        };
        Self {
            disk,
            state: Rc::new(RefCell::new(state)),
        }
    }

    /// The file at `path`, which must exist, opened in `mode`.
    ///
    /// # Errors
    /// Those of opening it.
    pub async fn get(&self, path: &Path, mode: OpenMode) -> io::Result<File> {
        if let Some(file) = self.state.borrow_mut().find(path, mode) {
            return Ok(file);
        }
        let forgotten = self.state.borrow().forgotten;
        let file = self.disk.open(path, mode, false).await?;
        let mut state = self.state.borrow_mut();
        if state.forgotten == forgotten {
            state.insert(path, mode, file.clone());
        }
        Ok(file)
    }

    /// Puts a file in that was just opened, or created, by other means.
    pub fn put(&self, path: &Path, mode: OpenMode, file: File) {
        self.state.borrow_mut().insert(path, mode, file);
    }

    /// Forgets a path: before it is renamed or removed, so that its name can mean another file.
    pub fn forget(&self, path: &Path) {
        let mut state = self.state.borrow_mut();
        let gone = state.files.remove(path).map_or(0, |files| files.len());
        state.count -= gone;
        state.forgotten += 1;
    }

    /// How many files it keeps open.
    pub fn len(&self) -> usize {
        self.state.borrow().count
    }

    /// Whether it keeps none open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl State {
    fn find(&mut self, path: &Path, mode: OpenMode) -> Option<File> {
        let cached = self
            .files
            .get_mut(path)?
            .iter_mut()
            .find(|cached| cached.mode == mode)?;
        self.clock += 1;
        cached.used = self.clock;
        Some(cached.file.clone())
    }

    fn insert(&mut self, path: &Path, mode: OpenMode, file: File) {
        if self.count == self.files_max {
            self.evict();
        }
        self.clock += 1;
        let files = self.files.entry(path.to_owned()).or_default();
        let before = files.len();
        files.retain(|cached| cached.mode != mode);
        files.push(Cached {
            mode,
            file,
            used: self.clock,
        });
        self.count = self.count + files.len() - before;
    }

    /// Drops the eighth that was used longest ago, so that this scan is rare.
    fn evict(&mut self) {
        let mut used: Vec<u64> = self
            .files
            .values()
            .flatten()
            .map(|cached| cached.used)
            .collect();
        let (_, limit, _) = used.select_nth_unstable(self.count / 8);
        let limit = *limit;
        self.files.retain(|_, files| {
            files.retain(|cached| cached.used > limit);
            !files.is_empty()
        });
        self.count = self.files.values().map(Vec::len).sum();
    }
}
