//! Files: residency, space and the calls that std lacks.

use super::answer;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Reads what the page cache holds of a range, never the disk.
///
/// `Ok(None)` when nothing of the range's beginning is there; `Ok(Some(0))` at the end of the
/// file; else what was read, which may be less than asked for.
///
/// # Errors
/// Those of `preadv2(2)`.
pub fn read_resident(file: impl AsFd, into: &mut [u8], position: u64) -> io::Result<Option<usize>> {
    let part = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: into.len(),
    };
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: `part` describes `into`, which is exclusively ours during the call.
    let read = unsafe { libc::preadv2(fd, &part, 1, position as libc::off_t, libc::RWF_NOWAIT) };
    match answer(read) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the first and the last byte of a range are in the page cache, by two probes.
///
/// # Errors
/// Those of `preadv2(2)`.
pub fn is_resident(file: impl AsFd, position: u64, bytes: usize) -> io::Result<bool> {
    let mut byte = [0];
    let last = position + (bytes as u64).saturating_sub(1);
    let first_there = read_resident(&file, &mut byte, position)?.is_some();
    Ok(first_there && read_resident(&file, &mut byte, last)?.is_some())
}

/// Writes everything dirty of the file system that holds `file` to its disk.
///
/// # Errors
/// Those of `syncfs(2)`.
pub fn sync_file_system(file: impl AsFd) -> io::Result<()> {
    // SAFETY: a call on an open descriptor, no memory involved.
    answer(unsafe { libc::syncfs(file.as_fd().as_raw_fd()) } as isize).map(drop)
}

/// Tells the kernel to read only what is asked for: no readahead into a range being written.
pub fn advise_random(file: impl AsFd) {
    // SAFETY: as above. It is advice; whether it is taken does not matter.
    unsafe { libc::posix_fadvise(file.as_fd().as_raw_fd(), 0, 0, libc::POSIX_FADV_RANDOM) };
}

/// Drops a file's pages from the page cache (those that are clean).
pub fn advise_not_needed(file: impl AsFd) {
    // SAFETY: as above.
    unsafe { libc::posix_fadvise(file.as_fd().as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
}

/// How large a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// All of it, in bytes.
    pub total_bytes: u64,
    /// What an ordinary user may still write.
    pub usable_bytes: u64,
}

/// The file system that holds `path`.
///
/// # Errors
/// Those of `statvfs(3)`.
pub fn volume(path: &Path) -> io::Result<Volume> {
    let path = path_string(path)?;
    // SAFETY: a structure of integers, for which zero is a value.
    let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: a terminated path, and a structure that is ours.
    answer(unsafe { libc::statvfs(path.as_ptr(), &mut stat) } as isize)?;
    Ok(Volume {
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        usable_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
    })
}

/// A path as system calls take it.
///
/// # Errors
/// When it holds a zero byte.
pub fn path_string(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn residency_is_seen_without_reading_the_disk() {
        let dir = tempfile::tempdir_in(".").expect("a directory on a real disk");
        let path = dir.path().join("file");
        std::fs::write(&path, vec![7; 1 << 20]).expect("written");
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .expect("opened");
        assert!(is_resident(&file, 0, 1 << 20).expect("probed"));
        let mut bytes = [0; 100];
        assert_eq!(
            read_resident(&file, &mut bytes, 50).expect("read"),
            Some(100)
        );
        assert_eq!(bytes, [7; 100]);
        assert_eq!(
            read_resident(&file, &mut bytes, 1 << 20).expect("read"),
            Some(0)
        );
        file.sync_all().expect("synced");
        advise_not_needed(&file);
        assert!(!is_resident(&file, 0, 1 << 20).expect("probed"));
    }
}
