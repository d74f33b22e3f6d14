//! Memory that has a descriptor, so that it can be sent as a file's pages.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::{self, NonNull};

const HUGE_PAGE_BYTES: usize = 2 << 20;

/// A memfd, mapped and filled once; its bytes never change again.
#[derive(Debug)]
pub struct SharedMemory {
    file: File,
    reserved: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and nobody writes it any more.
unsafe impl Send for SharedMemory {}
// SAFETY: as for `Send`.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// Makes `bytes` of shared memory, rounded up to 2 MiB, and fills all of it with `byte`.
    ///
    /// `huge` asks for huge pages; whether they are given is what [`Self::huge_bytes`] tells.
    ///
    /// # Errors
    /// Those of `memfd_create(2)`, `ftruncate(2)` and `mmap(2)`.
    pub fn filled(bytes: usize, huge: bool, byte: u8) -> io::Result<Self> {
        let bytes = bytes.next_multiple_of(HUGE_PAGE_BYTES);
        // SAFETY: a terminated name; the kernel only reads it.
        let fd = unsafe { libc::memfd_create(c"klamm".as_ptr(), libc::MFD_CLOEXEC) };
        super::answer(fd as isize)?;
        // SAFETY: a descriptor just opened, owned by nobody else.
        let file = unsafe { File::from_raw_fd(fd) };
        file.set_len(bytes as u64)?;
        let memory = Self {
            file,
            reserved: reserve(bytes + HUGE_PAGE_BYTES)?,
            bytes,
        };
        memory.map(huge)?;
        // SAFETY: `map` made all of this range writable, and nobody else has seen it.
        unsafe { ptr::write_bytes(memory.base(), byte, bytes) };
        Ok(memory)
    }

    /// The descriptor.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// How much of it is there: a multiple of 2 MiB.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much of it stands on huge pages.
    ///
    /// # Errors
    /// When `/proc/self/smaps` cannot be read.
    pub fn huge_bytes(&self) -> io::Result<usize> {
        let smaps = fs::read_to_string("/proc/self/smaps")?;
        Ok(huge_bytes_at(&smaps, self.base() as usize).unwrap_or(0))
    }

    /// Huge pages need an aligned address, which `mmap` alone does not promise.
    fn base(&self) -> *mut u8 {
        let address = self.reserved.as_ptr();
        // SAFETY: at most one huge page into a reservation that is one longer than `bytes`.
        unsafe { address.add(address.align_offset(HUGE_PAGE_BYTES)) }
    }

    fn map(&self, huge: bool) -> io::Result<()> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        let (base, fd) = (self.base().cast(), self.file.as_raw_fd());
        // SAFETY: replaces a part of our own reservation, to which nobody points.
        let mapped = unsafe { libc::mmap(base, self.bytes, access, flags, fd, 0) };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        if huge {
            // SAFETY: advice on our own mapping; if it is not taken the pages are small.
            unsafe { libc::madvise(base, self.bytes, libc::MADV_HUGEPAGE) };
        }
        Ok(())
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        let bytes = self.bytes + HUGE_PAGE_BYTES;
        // SAFETY: the reservation and the mapping inside it are ours, and nobody points there.
        unsafe { libc::munmap(self.reserved.as_ptr().cast(), bytes) };
    }
}

/// Address space that cannot be touched yet.
fn reserve(bytes: usize) -> io::Result<NonNull<u8>> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice aliases nothing.
    let address = unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(NonNull::new(address.cast()).expect("mmap gives no null address"))
}

/// What `smaps` says of huge pages in the mapping that begins at `address`.
fn huge_bytes_at(smaps: &str, address: usize) -> Option<usize> {
    let begin = format!("{address:08x}-");
    let mut lines = smaps.lines().skip_while(|line| !line.starts_with(&begin));
    let line = lines.find_map(|line| line.strip_prefix("ShmemPmdMapped:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_it_was_filled_with_is_read_from_the_descriptor() {
        for huge in [false, true] {
            let memory = SharedMemory::filled(3 << 20, huge, 0x5a).expect("memory");
            assert_eq!(memory.bytes(), 4 << 20);
            let mut last = [0; 2];
            memory
                .file()
                .read_exact_at(&mut last, (4 << 20) - 2)
                .expect("read");
            assert_eq!(last, [0x5a; 2]);
            let huge_bytes = memory.huge_bytes().expect("readable");
            assert!(huge_bytes == 0 || huge && huge_bytes <= memory.bytes());
        }
    }

    #[test]
    fn the_right_mapping_is_asked() {
        let smaps = "00001000-00002000 rw-s\nShmemPmdMapped:  4 kB\n\
                     7f0000000000-7f0000400000 rw-s\nRss: 1 kB\nShmemPmdMapped:  2048 kB\n";
        assert_eq!(huge_bytes_at(smaps, 0x7f00_0000_0000), Some(2 << 20));
        assert_eq!(huge_bytes_at(smaps, 0x1000), Some(4096));
        assert_eq!(huge_bytes_at(smaps, 0x3000), None);
    }
}
