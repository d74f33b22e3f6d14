//! Files without names: the space comes back when the process ends, however it ends.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FallocateFlags, OFlags, fallocate};

/// Files of this process so far: a name lives shortly, but two threads may ask at once.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Whether a file's data goes through the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caching {
    Direct,
    PageCache,
}

/// A file in `dir` whose name is gone before this returns.
pub(super) fn nameless(dir: &Path, caching: Caching) -> io::Result<File> {
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let path = dir.join(format!(".klamm-probe-{}-{number}", std::process::id()));
    let flags = match caching {
        Caching::Direct => OFlags::DIRECT,
        Caching::PageCache => OFlags::empty(),
    };
    let mut options = File::options();
    let options = options.read(true).write(true).create_new(true);
    let file = options.custom_flags(flags.bits() as i32).open(&path);
    // Before the result is looked at: some file systems make the file and then refuse the flag.
    let removed = fs::remove_file(&path);
    let file = file?;
    removed?;
    Ok(file)
}

/// Gives the file `bytes` of blocks that were never written, whatever it held before.
pub(super) fn preallocate(file: &File, bytes: u64) -> io::Result<()> {
    file.set_len(0)?;
    Ok(fallocate(file, FallocateFlags::empty(), 0, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind() {
        let dir = tempfile::tempdir_in(".").expect("a directory on a real disk");
        let file = nameless(dir.path(), Caching::Direct).expect("a file");
        preallocate(&file, 1 << 20).expect("space");
        assert_eq!(file.metadata().expect("open").len(), 1 << 20);
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0);
    }
}
