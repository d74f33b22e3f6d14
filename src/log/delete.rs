use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::data_dir::DataDir;
use super::directory;
use super::log::Log;
use super::names;
use crate::model::{Offset, TopicPartition};

/// A log whose topic is deleted, its directory still in place.
#[derive(Debug)]
#[must_use = "the directory is still there"]
pub struct DeleteLog {
    name: TopicPartition,
    dir: Arc<Path>,
    bases: Vec<Offset>,
    on_disk: bool,
}

/// A deleted log's directory under its last name: remove it after `file.delete.delay.ms`.
#[derive(Debug)]
#[must_use = "remove it after the delay"]
pub struct DeletedLog(Option<PathBuf>);

impl Log {
    /// Ends the log. Nothing may be under way ([`Log::is_busy`]): a flush would make the directory
    /// anew under the old name.
    pub fn delete(self) -> DeleteLog {
        assert!(!self.is_busy(), "nothing is under way");
        DeleteLog {
            bases: self
                .segments
                .iter()
                .map(|segment| segment.base_offset)
                .collect(),
            name: self.name,
            dir: self.dir,
            on_disk: self.on_disk,
        }
    }
}

impl DeleteLog {
    /// Takes the directory out of the way, durably: afterwards the name is free for a new log.
    ///
    /// `unique` tells deletions of one name apart: any number that was not used before.
    pub async fn run(self, dir: &DataDir, unique: u128) -> io::Result<DeletedLog> {
        if !self.on_disk {
            return Ok(DeletedLog(None));
        }
        for base in &self.bases {
            dir.forget(&self.dir, *base);
        }
        let parent = dir.path().to_owned();
        let aside = parent.join(names::deleted_dir(&self.name, unique));
        let rename = move || {
            fs::rename(&self.dir, &aside)?;
            directory::sync_dir(&parent)?;
            Ok(DeletedLog(Some(aside)))
        };
        dir.core().blocking(rename).await
    }
}

impl DeletedLog {
    /// Removes the directory; a run that ends before finds it among the leftovers of the next.
    pub async fn remove(self, dir: &DataDir) -> io::Result<()> {
        match self.0 {
            Some(path) => dir.core().blocking(move || fs::remove_dir_all(path)).await,
            None => Ok(()),
        }
    }
}
