//! Where the floor's program writes: a file written before, over and over.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::probe::disk::Written;

/// As much of the file as is used, so that a small cache of the device does not hold it.
const BYTES_MAX: u64 = 256 << 20;

/// Sequential writes that begin again at the end.
pub(super) struct Target<'a> {
    file: &'a File,
    bytes: u64,
    position: u64,
    synced: bool,
}

impl<'a> Target<'a> {
    pub(super) fn new(written: &'a Written, synced: bool) -> Self {
        Self {
            file: &written.file,
            bytes: written.bytes.min(BYTES_MAX),
            position: 0,
            synced,
        }
    }

    /// Writes whole blocks, and syncs them if that is asked for.
    pub(super) fn append(&mut self, blocks: &[u8]) -> io::Result<()> {
        if self.position + blocks.len() as u64 > self.bytes {
            self.position = 0;
        }
        self.file.write_all_at(blocks, self.position)?;
        self.position += blocks.len() as u64;
        if self.synced {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_begin_again_at_the_end() {
        let file = tempfile::tempfile().expect("a file");
        let written = Written {
            file,
            bytes: 10_000,
        };
        let mut target = Target::new(&written, true);
        for fill in 1..=3 {
            target.append(&[fill; 4096]).expect("written");
        }
        let mut bytes = [0; 8192];
        written.file.read_exact_at(&mut bytes, 0).expect("read");
        assert_eq!((bytes[0], bytes[4096]), (3, 2));
    }
}
