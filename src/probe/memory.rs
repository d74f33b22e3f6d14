//! Page-aligned memory, and how fast it is summed and copied.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use super::meter::rate;
use super::rig::Pace;
use crate::protocol::record::crc32c;
use crate::sys::arena::{Arena, ChunkMut};

/// What a batch's checksum is taken of when it has just been received.
const CACHED_BYTES: usize = 64 << 10;

/// Rates in bytes a second.
pub(super) struct MemoryRates {
    pub(super) crc32c: u64,
    pub(super) crc32c_memory: u64,
    pub(super) copy: u64,
}

/// Memory that direct I/O takes, every page of it touched.
pub(super) fn touched(bytes: usize) -> io::Result<ChunkMut> {
    let arena = Arena::new(bytes.next_multiple_of(2 << 20))?;
    let chunk = arena.allocate(bytes);
    let mut chunk = chunk.ok_or(io::ErrorKind::OutOfMemory)?;
    chunk.spare().fill(0x5a);
    Ok(chunk)
}

/// Measures both checksums and the copy.
pub(super) fn rates(pace: &Pace) -> MemoryRates {
    let from = vec![0x5a; pace.memory_bytes];
    let mut to = vec![0; pace.memory_bytes];
    MemoryRates {
        crc32c: repeated(CACHED_BYTES, pace.figure, || {
            black_box(crc32c(black_box(&from[..CACHED_BYTES])));
        }),
        crc32c_memory: repeated(from.len(), pace.figure, || {
            black_box(crc32c(black_box(&from)));
        }),
        copy: repeated(from.len(), pace.figure, || {
            to.copy_from_slice(black_box(&from));
            black_box(&mut to);
        }),
    }
}

/// Bytes a second of work that passes `bytes` at a time, once of it to warm up.
fn repeated(bytes: usize, figure: Duration, mut work: impl FnMut()) -> u64 {
    work();
    let (began, mut times) = (Instant::now(), 0);
    while times == 0 || began.elapsed() < figure {
        work();
        times += 1;
    }
    rate(bytes as u64 * times, began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_and_large_enough() {
        let mut chunk = touched(100_000).expect("memory");
        assert!(chunk.capacity() >= 100_000);
        assert_eq!(chunk.spare().as_ptr() as usize % 4096, 0);
    }

    #[test]
    fn work_is_repeated_and_counted() {
        let mut times = 0;
        let bytes_per_second = repeated(1 << 20, Duration::ZERO, || times += 1);
        assert_eq!(times, 2);
        assert!(bytes_per_second > 0);
    }
}
