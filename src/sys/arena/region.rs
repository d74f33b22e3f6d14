//! The address range of an arena: reserved once, physical only where it was used.

use std::io;
use std::ptr::NonNull;

/// An anonymous private mapping, zero-filled on first touch, given back when dropped.
///
/// (A shared mapping of a memfd would do as well: nothing above knows what stands behind it.)
pub(super) struct Region {
    base: NonNull<u8>,
    bytes: usize,
}

impl Region {
    /// Reserves `bytes` of address space.
    pub(super) fn reserve(bytes: usize) -> io::Result<Self> {
        assert!(
            bytes.is_multiple_of(HUGE_PAGE_BYTES),
            "a region is whole huge pages"
        );
        let slack = HUGE_PAGE_BYTES;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice aliases nothing.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes + slack,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let aligned = (address as usize).next_multiple_of(HUGE_PAGE_BYTES);
        let before = aligned - address as usize;
        // SAFETY: both ranges are parts of the mapping just made that nobody has seen; the rest
        // stays mapped from `aligned` for `bytes`.
        unsafe {
            if before > 0 {
                libc::munmap(address, before);
            }
            if slack > before {
                libc::munmap((aligned + bytes) as *mut _, slack - before);
            }
            // No MADV_HUGEPAGE: where the page cache has fragmented memory, the first touch of a
            // huge page compacts memory first, and the core stood still for up to 0.5 s (tuning.md).
            libc::madvise(aligned as *mut _, bytes, libc::MADV_DONTDUMP);
        }
        let base = NonNull::new(aligned as *mut u8).expect("mmap gives no null address");
        Ok(Self { base, bytes })
    }

    /// The address `offset` bytes into the region.
    pub(super) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.bytes, "an offset inside the region");
        // SAFETY: `offset` is inside the one mapping that `base` begins.
        unsafe { self.base.add(offset) }
    }

    /// Gives the physical memory of a range back; it reads as zeros afterwards.
    ///
    /// # Safety
    /// Nobody may hold a reference into the range, the kernel included.
    pub(super) unsafe fn release(&self, offset: usize, bytes: usize) {
        assert!(offset + bytes <= self.bytes, "a range inside the region");
        // SAFETY: the range is inside the mapping and, by the caller's promise, unused.
        unsafe { libc::madvise(self.at(offset).as_ptr().cast(), bytes, libc::MADV_DONTNEED) };
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and, the region being dropped, nobody points into it.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// The unit in which physical memory is tracked and given back.
pub(super) const HUGE_PAGE_BYTES: usize = 2 << 20;
