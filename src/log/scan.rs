use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::protocol::record::{BATCH_HEADER_BYTES, BatchError, BatchHeader, verify_crc};
use crate::sys::file::advise_random;

/// Read ahead while only headers are looked at and batches are small.
const HEADERS_WINDOW_BYTES: usize = 64 << 10;
/// Read after a batch was skipped that reached beyond what was read ahead.
const SKIP_WINDOW_BYTES: usize = 4 << 10;
/// Read ahead while every byte is checked.
const WHOLE_WINDOW_BYTES: usize = 1 << 20;

/// Walks the batches of one segment's file; blocks, so it runs on a pool thread.
#[derive(Debug)]
pub(super) struct Scanner {
    file: File,
    /// The walk ends here: the file's length or a known end of its batches.
    limit: u64,
    position: u64,
    window: Vec<u8>,
    window_start: u64,
    /// Bytes read from the file so far.
    pub(super) bytes_read: u64,
}

/// A batch found by a [`Scanner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) position: u64,
    pub(super) header: BatchHeader,
}

/// Why a walk ends.
#[derive(Debug)]
pub(super) enum Stop {
    /// At the limit, after a whole batch.
    Limit,
    /// Zeros where a batch would begin: padding or preallocated space.
    Padding,
    /// Something else that is no whole, valid batch.
    Invalid(BatchError),
    /// The file cannot be read.
    Io(io::Error),
}

impl Scanner {
    /// Walks the file at `path` from `position` to `limit`, or to its end if that is nearer.
    pub(super) fn open(path: &Path, position: u64, limit: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let limit = limit.min(file.metadata()?.len());
        Ok(Self {
            file,
            limit,
            position,
            window: Vec::new(),
            window_start: 0,
            bytes_read: 0,
        })
    }

    /// Has the kernel read only what is asked for: nothing beyond is of use soon, and others wait
    /// for the disk.
    pub(super) fn read_no_further_than_asked(&self) {
        advise_random(&self.file);
    }

    /// Where the next batch begins.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next batch by its header alone, which lies wholly below the limit.
    pub(super) fn next_header(&mut self) -> Result<Found, Stop> {
        let window_end = self.window_start + self.window.len() as u64;
        let skipped = self.position > window_end + SKIP_WINDOW_BYTES as u64;
        let header = self.header(match skipped {
            true => SKIP_WINDOW_BYTES,
            false => HEADERS_WINDOW_BYTES,
        })?;
        Ok(self.pass(header))
    }

    /// The next batch, its checksum verified.
    pub(super) fn next_verified(&mut self) -> Result<Found, Stop> {
        let header = self.header(WHOLE_WINDOW_BYTES)?;
        let bytes = self.bytes(self.position, header.size_bytes(), WHOLE_WINDOW_BYTES)?;
        verify_crc(bytes).map_err(Stop::Invalid)?;
        Ok(self.pass(header))
    }

    /// The whole of a batch that was found.
    pub(super) fn batch(&mut self, found: &Found) -> Result<&[u8], Stop> {
        self.bytes(
            found.position,
            found.header.size_bytes(),
            WHOLE_WINDOW_BYTES,
        )
    }

    /// The next batch comes again: what was found does not belong here.
    pub(super) fn back_to(&mut self, found: &Found) {
        self.position = found.position;
    }

    fn header(&mut self, window: usize) -> Result<BatchHeader, Stop> {
        let left = self.limit - self.position.min(self.limit);
        if left == 0 {
            return Err(Stop::Limit);
        }
        let have = BATCH_HEADER_BYTES.min(usize::try_from(left).unwrap_or(BATCH_HEADER_BYTES));
        let bytes = self.bytes(self.position, have, window)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(Stop::Padding);
        }
        let header = BatchHeader::parse(bytes).map_err(Stop::Invalid)?;
        let need = header.size_bytes();
        if need as u64 > left {
            let have = left as usize;
            return Err(Stop::Invalid(BatchError::Truncated { have, need }));
        }
        Ok(header)
    }

    fn pass(&mut self, header: BatchHeader) -> Found {
        let position = self.position;
        self.position += header.size_bytes() as u64;
        Found { position, header }
    }

    /// `len` bytes at `at`, which lie below the limit.
    fn bytes(&mut self, at: u64, len: usize, window: usize) -> Result<&[u8], Stop> {
        let held = self.window_start..self.window_start + self.window.len() as u64;
        if !held.contains(&at) || at + len as u64 > held.end {
            self.fill(at, len.max(window)).map_err(Stop::Io)?;
        }
        let start = (at - self.window_start) as usize;
        Ok(&self.window[start..start + len])
    }

    fn fill(&mut self, at: u64, wanted: usize) -> io::Result<()> {
        let len = (wanted as u64).min(self.limit - at) as usize;
        self.window.resize(len, 0);
        self.window_start = at;
        self.bytes_read += len as u64;
        self.file.read_exact_at(&mut self.window, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::test_batches::{bytes, header};
    use std::io::Write as _;

    fn file(parts: &[&[u8]]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for part in parts {
            file.write_all(part).unwrap();
        }
        file
    }

    fn walk(file: &tempfile::NamedTempFile) -> (Vec<u64>, Stop) {
        let mut scanner = Scanner::open(file.path(), 0, u64::MAX).unwrap();
        let mut positions = Vec::new();
        loop {
            match scanner.next_verified() {
                Ok(found) => positions.push(found.position),
                Err(stop) => return (positions, stop),
            }
        }
    }

    #[test]
    fn batches_follow_each_other_to_the_end() {
        let (a, b) = (bytes(&header(0, 10)), bytes(&header(10, 200_000)));
        let (positions, stop) = walk(&file(&[&a, &b, &a]));
        assert_eq!(positions, [0, 161, 161 + 2_000_061]);
        assert!(matches!(stop, Stop::Limit));
    }

    #[test]
    fn zeros_are_padding_however_few() {
        let a = bytes(&header(0, 10));
        for zeros in [1, 17, 60, 61, 5_000] {
            let (positions, stop) = walk(&file(&[&a, &vec![0; zeros]]));
            assert_eq!(positions, [0]);
            assert!(matches!(stop, Stop::Padding), "{zeros} zeros: {stop:?}");
        }
    }

    #[test]
    fn a_torn_or_damaged_batch_ends_the_walk() {
        let a = bytes(&header(1 << 60, 10));
        for cut in 1..a.len() {
            let (positions, stop) = walk(&file(&[&a, &a[..cut]]));
            assert_eq!(positions, [0]);
            assert!(matches!(stop, Stop::Invalid(_)), "cut at {cut}: {stop:?}");
        }
        let mut damaged = a.clone();
        damaged[100] ^= 1;
        let (_, stop) = walk(&file(&[&damaged]));
        assert!(matches!(stop, Stop::Invalid(BatchError::Crc { .. })));
    }
}
