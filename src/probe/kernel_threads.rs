//! Processor time of the kernel's own threads: what it does for us in nobody's name.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// The flag of a kernel thread in `/proc/PID/stat`.
const PF_KTHREAD: u64 = 0x0020_0000;

/// What kernel threads use while nothing is measured, in seconds per second; `None` where they
/// cannot be seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct IdleRate(Option<f64>);

impl IdleRate {
    /// Watches for `span`, blocking.
    pub(super) fn watch(span: Duration) -> Self {
        let (before, began) = (total(), Instant::now());
        thread::sleep(span);
        let used = before
            .zip(total())
            .map(|(before, after)| after.saturating_sub(before));
        Self(used.map(|used| used.as_secs_f64() / began.elapsed().as_secs_f64()))
    }

    /// What of `used` within `elapsed` was ours, in seconds.
    pub(super) fn beyond(self, used: Duration, elapsed: Duration) -> Option<f64> {
        let idle = self.0? * elapsed.as_secs_f64();
        Some((used.as_secs_f64() - idle).max(0.0))
    }
}

/// All that the kernel's threads have used; `None` where there are none to be seen (containers).
pub(super) fn total() -> Option<Duration> {
    let entries = fs::read_dir("/proc").ok()?;
    let times = entries.filter_map(|entry| time_of(&entry.ok()?.path()));
    times.reduce(|sum, time| sum + time)
}

fn time_of(process: &Path) -> Option<Duration> {
    let number = process.file_name()?.to_str()?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    if !is_kernel_thread(&stat) {
        return None;
    }
    let schedstat = fs::read_to_string(process.join("schedstat")).ok()?;
    let ns = schedstat.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(ns))
}

/// The name in `stat` may hold spaces and brackets; the flags are the seventh field after it.
fn is_kernel_thread(stat: &str) -> bool {
    let flags = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().nth(6));
    flags
        .and_then(|flags| flags.parse().ok())
        .is_some_and(|flags: u64| flags & PF_KTHREAD != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_threads_are_told_by_their_flag() {
        assert!(is_kernel_thread(
            "44 (kworker/0:1H-kblockd) I 2 0 0 0 -1 69238880 0 0"
        ));
        assert!(!is_kernel_thread("1 (a) b) S 0 1 1 0 -1 4194560 0 0"));
        assert!(!is_kernel_thread(""));
    }

    #[test]
    fn the_idle_part_is_not_ours() {
        let (used, elapsed) = (Duration::from_millis(300), Duration::from_secs(2));
        let ours = IdleRate(Some(0.1)).beyond(used, elapsed).expect("seen");
        assert!((ours - 0.1).abs() < 1e-9, "{ours}");
        assert_eq!(IdleRate(Some(1.0)).beyond(used, elapsed), Some(0.0));
        assert_eq!(IdleRate(None).beyond(used, elapsed), None);
    }
}
