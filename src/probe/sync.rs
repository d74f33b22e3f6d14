//! How long a sync takes, and whether what it promises can be believed.

use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use super::disk::Written;
use super::memory::touched;
use super::report::Latency;
use super::rig::Rig;
use super::scratch::{Caching, nameless};
use crate::sys::block_device::BlockDevice;

const BLOCK_BYTES: usize = 4 << 10;
/// Enough for a 99th percentile.
const COUNT_MAX: usize = 5_000;
/// Programming a page of flash takes longer, turning a disk far longer.
const FLASH_US_MIN: f64 = 200.0;

/// The time of a data sync alone, each after one direct overwrite.
pub(super) fn direct(rig: &Rig<'_>, written: &Written) -> io::Result<Latency> {
    let mut block = touched(BLOCK_BYTES)?;
    let block = &block.spare()[..BLOCK_BYTES];
    timed(rig.pace.figure, |number| {
        written
            .file
            .write_all_at(block, position(number, written.bytes))?;
        let began = Instant::now();
        written.file.sync_data()?;
        Ok(began.elapsed())
    })
}

/// The time of a write through the page cache and its sync, at the end of a growing file.
pub(super) fn buffered(rig: &Rig<'_>) -> io::Result<Latency> {
    let file = nameless(rig.dir, Caching::PageCache)?;
    let block = vec![0x5a; BLOCK_BYTES];
    timed(rig.pace.figure, |number| {
        let began = Instant::now();
        file.write_all_at(&block, position(number, u64::MAX))?;
        file.sync_data()?;
        Ok(began.elapsed())
    })
}

/// Whether a sync seems to be answered before the bytes are on a medium, and why.
pub(super) fn judge_cache(sync_us: f64, device: Option<&BlockDevice>) -> (Option<bool>, String) {
    let volatile = device.and_then(|device| device.volatile_cache);
    let name = device.map_or("the device", |device| device.name.as_str());
    if volatile == Some(false) {
        let why = format!(
            "{name} says that it has no volatile cache (queue/write_cache is write through): \
             a finished write is as safe as a synced one"
        );
        return (Some(false), why);
    }
    let fast = sync_us < FLASH_US_MIN;
    let said = match volatile {
        Some(_) => {
            format!("{name} says that its cache is volatile (queue/write_cache is write back)")
        }
        None => format!("{name} says nothing about its cache"),
    };
    let why = match (fast, volatile) {
        (true, _) => format!(
            "{said}, yet a sync takes {sync_us:.0} us, less than any flash needs to keep a page: \
             it is answered from a cache; the records survive a power cut only if that cache does"
        ),
        (false, _) => format!("{said}, and a sync takes {sync_us:.0} us: long enough for a medium"),
    };
    let cached = fast || volatile.is_some();
    (cached.then_some(fast), why)
}

fn position(number: usize, file_bytes: u64) -> u64 {
    number as u64 * BLOCK_BYTES as u64 % file_bytes
}

fn timed(
    figure: Duration,
    mut one: impl FnMut(usize) -> io::Result<Duration>,
) -> io::Result<Latency> {
    let (began, mut us) = (Instant::now(), Vec::new());
    while us.is_empty() || (us.len() < COUNT_MAX && began.elapsed() < 2 * figure) {
        let took = one(us.len())?;
        us.push(took.as_nanos() as f64 / 1000.0);
    }
    Ok(Latency::of(us))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(volatile_cache: Option<bool>) -> BlockDevice {
        BlockDevice {
            name: "sda".to_owned(),
            volatile_cache,
            rotational: None,
            scheduler: None,
            schedulers: Vec::new(),
        }
    }

    #[test]
    fn a_sync_faster_than_flash_comes_from_a_cache() {
        let (cached, why) = judge_cache(35.0, Some(&device(Some(true))));
        assert_eq!(cached, Some(true));
        assert!(why.contains("sda") && why.contains("35 us"), "{why}");
        assert_eq!(judge_cache(35.0, None).0, Some(true));
    }

    #[test]
    fn what_the_device_says_counts_where_time_says_nothing() {
        assert_eq!(judge_cache(35.0, Some(&device(Some(false)))).0, Some(false));
        assert_eq!(judge_cache(900.0, Some(&device(Some(true)))).0, Some(false));
        assert_eq!(judge_cache(900.0, None).0, None);
    }

    #[test]
    fn at_least_one_is_timed() {
        let latency = timed(Duration::ZERO, |_| Ok(Duration::from_micros(3))).expect("timed");
        assert_eq!((latency.count, latency.p50), (1, 3.0));
    }
}
