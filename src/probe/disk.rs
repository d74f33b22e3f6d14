//! Direct sequential writes and reads, by block size and depth.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::memory::touched;
use super::meter::rate;
use super::report::{DiskRead, DiskWrite};
use super::rig::{Pace, Rig};
use super::scratch::{Caching, nameless, preallocate};

const BLOCK_BYTES: [usize; 4] = [4 << 10, 64 << 10, 256 << 10, 1 << 20];
const DEPTHS: [usize; 3] = [1, 4, 8];

/// Files as a broker finds them: one to overwrite, and its length.
pub(super) struct Written {
    pub(super) file: File,
    pub(super) bytes: u64,
}

/// A file whose every block was written once.
pub(super) fn written(rig: &Rig<'_>) -> io::Result<Written> {
    let file = nameless(rig.dir, Caching::Direct)?;
    let bytes = rig.pace.file_bytes;
    preallocate(&file, bytes)?;
    let mut block = touched(1 << 20)?;
    for position in (0..bytes).step_by(1 << 20) {
        file.write_all_at(&block.spare()[..1 << 20], position)?;
    }
    file.sync_data()?;
    Ok(Written { file, bytes })
}

/// Writes one block and reads it back: opening alone succeeds on some file systems that cannot.
pub(super) fn write_and_read_block(dir: &Path) -> io::Result<()> {
    let file = nameless(dir, Caching::Direct)?;
    let mut block = touched(4 << 10)?;
    file.write_all_at(block.spare(), 0)?;
    file.read_exact_at(block.spare(), 0)
}

/// Write rates: over what was written, and into what was only preallocated.
pub(super) fn write_rates(rig: &Rig<'_>, written: &Written) -> io::Result<Vec<DiskWrite>> {
    let fresh = nameless(rig.dir, Caching::Direct)?;
    let mut rates = Vec::new();
    for unwritten in [false, true] {
        for (block_bytes, depth) in shapes() {
            if unwritten {
                preallocate(&fresh, written.bytes)?;
            }
            let file = if unwritten { &fresh } else { &written.file };
            let cell = Cell {
                file_bytes: written.bytes,
                block_bytes,
                depth,
                once: unwritten,
            };
            let bytes_per_second = cell.run(&rig.pace, |block, at| file.write_all_at(block, at))?;
            rates.push(DiskWrite {
                block_bytes,
                depth,
                unwritten,
                bytes_per_second,
            });
        }
    }
    Ok(rates)
}

/// Read rates of what was written.
pub(super) fn read_rates(rig: &Rig<'_>, written: &Written) -> io::Result<Vec<DiskRead>> {
    let file = &written.file;
    let rates = shapes().map(|(block_bytes, depth)| {
        let cell = Cell {
            file_bytes: written.bytes,
            block_bytes,
            depth,
            once: false,
        };
        let bytes_per_second = cell.run(&rig.pace, |block, at| file.read_exact_at(block, at))?;
        Ok(DiskRead {
            block_bytes,
            depth,
            bytes_per_second,
        })
    });
    rates.collect()
}

fn shapes() -> impl Iterator<Item = (usize, usize)> {
    let of_size = |bytes| DEPTHS.into_iter().map(move |depth| (bytes, depth));
    BLOCK_BYTES.into_iter().flat_map(of_size)
}

/// One figure: blocks in order by as many threads as the depth.
struct Cell {
    file_bytes: u64,
    block_bytes: usize,
    depth: usize,
    /// Each block at most once; else from the beginning again, until the time is over.
    once: bool,
}

impl Cell {
    fn run(
        &self,
        pace: &Pace,
        work: impl Fn(&mut [u8], u64) -> io::Result<()> + Sync,
    ) -> io::Result<u64> {
        let (next, began) = (AtomicU64::new(0), Instant::now());
        let worker = || {
            let mut block = touched(self.block_bytes)?;
            let (block, mut done) = (&mut block.spare()[..self.block_bytes], 0);
            while began.elapsed() < pace.figure {
                let Some(at) = self.position(next.fetch_add(1, Ordering::Relaxed)) else {
                    break;
                };
                work(block, at)?;
                done += self.block_bytes as u64;
            }
            Ok(done)
        };
        let done: io::Result<u64> = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.depth).map(|_| scope.spawn(worker)).collect();
            workers
                .into_iter()
                .map(|worker| worker.join().expect("a worker does not panic"))
                .sum()
        });
        let elapsed = began.elapsed();
        Ok(rate(done?, elapsed))
    }

    fn position(&self, number: u64) -> Option<u64> {
        let blocks = self.file_bytes / self.block_bytes as u64;
        let in_file = !self.once || number < blocks;
        in_file.then_some(number % blocks * self.block_bytes as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_wrap_or_end() {
        let mut cell = Cell {
            file_bytes: 10_000,
            block_bytes: 4096,
            depth: 1,
            once: false,
        };
        assert_eq!(
            [0, 1, 2].map(|n| cell.position(n)),
            [Some(0), Some(4096), Some(0)]
        );
        cell.once = true;
        assert_eq!([1, 2].map(|n| cell.position(n)), [Some(4096), None]);
    }
}
