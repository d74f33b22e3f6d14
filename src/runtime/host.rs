//! Whether this host can run a broker, asked before anything is started.

use super::error::StartError;
use super::ring::missing_operations;
use crate::sys;
use crate::sys::arena::{Arena, PAGE_BYTES};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// glommio refuses to start an executor with less.
const LOCKED_MEMORY_BYTES_MIN: u64 = 512 << 10;
const LOCK_FILE: &str = ".lock";
const PROBE_FILE: &str = ".direct-io-probe";

/// Checks rings, the limit of locked memory, and direct I/O in an existing data directory; also
/// raises the limit of open files to what is allowed.
///
/// # Errors
/// What is missing, with its cure.
pub fn check_host(data_dir: &Path) -> Result<(), StartError> {
    check_rings()?;
    check_locked_memory()?;
    if let Err(error) = sys::thread::raise_descriptor_limit() {
        log::warn!("the limit of open files stays as it is: {error}");
    }
    check_direct_io(data_dir)
}

/// The data directory is ours while this lives.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock file of an existing directory.
    ///
    /// # Errors
    /// When another process has it, or the directory cannot be written.
    pub fn take(dir: &Path) -> Result<Self, StartError> {
        let unusable = |error| StartError::Directory {
            dir: dir.to_owned(),
            error,
        };
        let open = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join(LOCK_FILE));
        let file = open.map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StartError::DirectoryTaken {
                dir: dir.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}

fn check_rings() -> Result<(), StartError> {
    let missing = missing_operations().map_err(ring_refused)?;
    if missing.is_empty() {
        Ok(())
    } else {
        Err(StartError::KernelTooOld { missing })
    }
}

fn ring_refused(error: io::Error) -> StartError {
    let switch = match sys::host::io_uring_switch() {
        Some(0) | None => String::new(),
        Some(value) => format!(", kernel.io_uring_disabled is {value}"),
    };
    let reason = match error.kind() {
        ErrorKind::Unsupported => "the kernel does not have it".to_owned(),
        ErrorKind::PermissionDenied => format!("it is denied{switch}"),
        _ => format!("{error}{switch}"),
    };
    StartError::RingRefused { reason }
}

fn check_locked_memory() -> Result<(), StartError> {
    match sys::thread::locked_memory_limit() {
        Ok(Some(limit_bytes)) if limit_bytes < LOCKED_MEMORY_BYTES_MIN => {
            Err(StartError::LockedMemory {
                limit_bytes,
                needed_bytes: LOCKED_MEMORY_BYTES_MIN,
            })
        }
        _ => Ok(()),
    }
}

/// Writes and reads one aligned block: opening alone succeeds on some that cannot.
fn check_direct_io(dir: &Path) -> Result<(), StartError> {
    let path = dir.join(PROBE_FILE);
    let probed = probe_direct_io(&path);
    let _ = fs::remove_file(&path);
    let dir = dir.to_owned();
    match probed.map_err(|error| (error.kind(), error)) {
        Ok(()) => Ok(()),
        // A full disk says nothing about direct I/O, and what is on it can still be read.
        Err((ErrorKind::StorageFull | ErrorKind::QuotaExceeded, error)) => {
            log::warn!(
                "direct I/O in {} could not be tried: {error}",
                dir.display()
            );
            Ok(())
        }
        Err((ErrorKind::InvalidInput | ErrorKind::Unsupported, error)) => {
            Err(StartError::NoDirectIo { dir, error })
        }
        Err((_, error)) => Err(StartError::Directory { dir, error }),
    }
}

fn probe_direct_io(path: &Path) -> io::Result<()> {
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(true);
    let file = options.custom_flags(libc::O_DIRECT).open(path)?;
    let arena = Arena::new(PAGE_BYTES)?;
    let mut block = arena.allocate(PAGE_BYTES).ok_or(ErrorKind::OutOfMemory)?;
    block.spare().fill(0x5a);
    file.write_all_at(block.spare(), 0)?;
    file.read_exact_at(block.spare(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_will_do() {
        let dir = tempfile::tempdir_in(".").expect("a directory on a real disk");
        check_host(dir.path()).expect("the tests need a host that can run the broker");
        assert!(
            fs::read_dir(dir.path()).expect("listed").next().is_none(),
            "nothing is left"
        );
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = check_direct_io(Path::new("/nowhere/at/all")).expect_err("not there");
        assert!(matches!(&error, StartError::Directory { .. }), "{error}");
        assert!(error.to_string().contains("/nowhere/at/all"));
    }

    #[test]
    fn a_directory_is_taken_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let lock = DirectoryLock::take(dir.path()).expect("free");
        let error = DirectoryLock::take(dir.path()).expect_err("taken");
        assert!(error.to_string().contains("Cure"), "{error}");
        drop(lock);
        DirectoryLock::take(dir.path()).expect("free again");
    }
}
