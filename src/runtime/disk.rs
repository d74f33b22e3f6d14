//! The disk of a core: opening, naming and removing files, all on the side ring or a pool thread.

use super::blocking;
use super::file::{File, OpenMode, SharedFile};
use super::op::Kind;
use super::ring::Ring;
use super::stats::Counters;
use crate::sys;
use crate::sys::arena::Chunk;
use crate::sys::file::path_string;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The suffix of a file that [`Disk::write_atomic`] has not finished (Kafka's).
pub const UNFINISHED_SUFFIX: &str = ".tmp";

/// File operations of this core.
#[derive(Clone)]
pub struct Disk {
    ring: Ring,
    counters: Rc<Counters>,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name within the directory.
    pub name: String,
    /// Whether it is a directory itself.
    pub is_dir: bool,
    /// Its length in bytes, of a file.
    pub len: u64,
}

impl Disk {
    pub(super) fn new(ring: Ring, counters: Rc<Counters>) -> Self {
        Self { ring, counters }
    }

    /// Opens a file; `create` makes it when it is not there.
    ///
    /// A new file is durable only after [`Disk::sync_dir`] of its directory.
    ///
    /// # Errors
    /// Those of `openat(2)`.
    pub async fn open(&self, path: &Path, mode: OpenMode, create: bool) -> io::Result<File> {
        let create = if create { libc::O_CREAT } else { 0 };
        let file = self.open_with(path, mode, mode.flags() | create).await?;
        if mode != OpenMode::DirectReadWrite {
            file.advise_random();
        }
        Ok(file)
    }

    /// A file that is open already, to be read by this core.
    pub fn reader(&self, file: &SharedFile) -> File {
        File::of_shared(file, self.ring.clone(), self.counters.clone())
    }

    /// Makes a directory; one that is already there will do.
    ///
    /// # Errors
    /// Those of `mkdirat(2)`.
    pub async fn create_dir(&self, path: &Path) -> io::Result<()> {
        let made = self
            .start(Kind::CreateDir {
                path: path_string(path)?,
            })
            .await;
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }

    /// Renames a file or directory, replacing a file of the new name.
    ///
    /// # Errors
    /// Those of `renameat(2)`.
    pub async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (path_string(from)?, path_string(to)?);
        self.start(Kind::Rename { from, to }).await
    }

    /// Removes a file's name; its blocks are freed when nobody has it open any more.
    ///
    /// # Errors
    /// Those of `unlinkat(2)`.
    pub async fn unlink(&self, path: &Path) -> io::Result<()> {
        self.start(Kind::Unlink {
            path: path_string(path)?,
            directory: false,
        })
        .await
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Those of `unlinkat(2)`.
    pub async fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.start(Kind::Unlink {
            path: path_string(path)?,
            directory: true,
        })
        .await
    }

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// The disk's.
    pub async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        self.open_with(path, OpenMode::BufferedRead, flags)
            .await?
            .sync_all()
            .await
    }

    /// Makes everything that was written to the file system of `path` durable, by anybody.
    ///
    /// # Errors
    /// The disk's.
    pub async fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        let path = path.to_owned();
        blocking::run(move || sys::file::sync_file_system(fs::File::open(path)?)).await
    }

    /// The content of a file that has at most `bytes_max`.
    ///
    /// # Errors
    /// `FileTooLarge`, and the disk's.
    pub async fn read_whole(&self, path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
        let file = self.open(path, OpenMode::BufferedRead, false).await?;
        let len = file.len()?;
        if len > bytes_max as u64 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        file.read_vec(len as usize, 0).await
    }

    /// Replaces a file as a whole: after a crash it is the old one or the new one.
    ///
    /// # Errors
    /// The disk's; the old file then still stands, or the new one is not yet durable.
    pub async fn write_atomic(&self, path: &Path, content: Vec<u8>) -> io::Result<()> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(UNFINISHED_SUFFIX);
        let aside = PathBuf::from(aside);
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC;
        let file = self
            .open_with(&aside, OpenMode::BufferedWrite, flags)
            .await?;
        file.write_at(vec![Chunk::from_vec(content)], 0).await?;
        file.sync_all().await?;
        self.rename(&aside, path).await?;
        self.sync_dir(parent(path)).await
    }

    /// What a directory holds, in no order; names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// The disk's.
    pub async fn list_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let path = path.to_owned();
        blocking::run(move || list(&path)).await
    }

    /// How large the file system of `path` is, and how much of it is left.
    ///
    /// # Errors
    /// Those of `statvfs(3)`.
    pub async fn volume(&self, path: &Path) -> io::Result<sys::file::Volume> {
        let path = path.to_owned();
        blocking::run(move || sys::file::volume(&path)).await
    }

    async fn open_with(&self, path: &Path, mode: OpenMode, flags: i32) -> io::Result<File> {
        let open = Kind::Open {
            path: path_string(path)?,
            flags,
            opened: None,
        };
        let (work, result) = self.ring.start(open).await;
        result?;
        match work.kind {
            Kind::Open {
                opened: Some(file), ..
            } => Ok(File::new(
                file,
                mode,
                self.ring.clone(),
                self.counters.clone(),
            )),
            _ => unreachable!("an open that succeeded has a descriptor"),
        }
    }

    async fn start(&self, kind: Kind) -> io::Result<()> {
        self.ring.start(kind).await.1.map(drop)
    }
}

fn list(path: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            // Removed since the directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        if let Ok(name) = entry.file_name().into_string() {
            entries.push(DirEntry {
                name,
                is_dir: metadata.is_dir(),
                len: metadata.len(),
            });
        }
    }
    Ok(entries)
}

/// The directory a path stands in; the working directory for a bare name.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
