//! What a broker cost: its own processor time, the kernel's on its behalf, and bytes on the device.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::broker::Broker;
use crate::statistics::Spread;

/// The counters at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    at: Instant,
    own_ns: u64,
    kernel: HashMap<u32, u64>,
    device_bytes: u64,
}

/// The difference of two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// Seconds between the readings.
    pub(crate) seconds: f64,
    /// Processor seconds of the broker's threads, its io-wq workers among them.
    pub(crate) own_seconds: f64,
    /// Processor seconds of kernel threads: writeback, journal, soft interrupts.
    pub(crate) kernel_seconds: f64,
    /// Bytes that the device was told to write.
    pub(crate) device_bytes: u64,
}

impl Reading {
    /// Reads the counters of a broker and of the device that `dir` is on.
    pub(crate) fn take(broker: &Broker, dir: &Path) -> Outcome<Self> {
        Ok(Self {
            at: Instant::now(),
            own_ns: broker.cpu_ns(),
            kernel: kernel_threads(),
            device_bytes: written_bytes(dir)?,
        })
    }

    /// What was spent since an earlier reading.
    pub(crate) fn since(&self, earlier: &Self) -> Cost {
        let kernel_ns: u64 = self
            .kernel
            .iter()
            .map(|(thread, ns)| ns - earlier.kernel.get(thread).copied().unwrap_or(0).min(*ns))
            .sum();
        Cost {
            seconds: (self.at - earlier.at).as_secs_f64(),
            own_seconds: (self.own_ns.saturating_sub(earlier.own_ns)) as f64 / 1e9,
            kernel_seconds: kernel_ns as f64 / 1e9,
            device_bytes: self.device_bytes - earlier.device_bytes,
        }
    }
}

impl Cost {
    /// Each figure's median; of slices of the same length.
    pub(crate) fn middle(slices: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| {
            let figures = Spread::of(slices.iter().map(figure));
            figures.map_or(0.0, |spread| spread.median)
        };
        Self {
            seconds: of(|cost| cost.seconds),
            own_seconds: of(|cost| cost.own_seconds),
            kernel_seconds: of(|cost| cost.kernel_seconds),
            device_bytes: 0,
        }
    }

    /// Without what goes on anyway, as a quiet stretch showed it.
    pub(crate) fn minus_idle(self, idle: Self) -> Self {
        let share = self.seconds / idle.seconds.max(0.001);
        Self {
            own_seconds: (self.own_seconds - idle.own_seconds * share).max(0.0),
            kernel_seconds: (self.kernel_seconds - idle.kernel_seconds * share).max(0.0),
            ..self
        }
    }
}

/// Processor time of all threads of a process that are alive, nanoseconds.
pub(crate) fn thread_group_ns(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    let tasks = tasks.flatten();
    tasks.filter_map(|task| run_ns(&task.path())).sum()
}

/// Resident memory of a process.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0u64) * 4096
}

/// Waits until nothing is left to write back: the file system synced, dirty pages few.
pub(crate) fn settle(dir: &Path) {
    let quiet = Stdio::null;
    let _ = Command::new("sync")
        .arg("-f")
        .arg(dir)
        .stderr(quiet())
        .status();
    let deadline = Instant::now() + Duration::from_secs(60);
    while dirty_kib() > 8 << 10 && Instant::now() < deadline {
        sleep(Duration::from_millis(50));
    }
}

/// Kernel threads have no parent but `kthreadd`, process 2.
fn kernel_threads() -> HashMap<u32, u64> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    let pids = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| parent(*pid) == Some(2))
        .filter_map(|pid| Some((pid, run_ns(&PathBuf::from(format!("/proc/{pid}")))?)))
        .collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold spaces.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}

/// The first number of `schedstat`: nanoseconds on a processor.
fn run_ns(task: &Path) -> Option<u64> {
    let text = fs::read_to_string(task.join("schedstat")).ok()?;
    text.split(' ').next()?.parse().ok()
}

fn dirty_kib() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let of = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number
            .and_then(|number| number.parse::<u64>().ok())
            .unwrap_or(0)
    };
    of("Dirty:") + of("Writeback:")
}

/// Sectors of 512 bytes that the device behind a directory has written since the machine started.
fn written_bytes(dir: &Path) -> Outcome<u64> {
    let device = fs::metadata(dir)?.dev();
    let (major, minor) = (
        (device >> 8) & 0xfff,
        (device & 0xff) | ((device >> 12) & 0xfff00),
    );
    let stat = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat"));
    let sectors = stat
        .ok()
        .and_then(|text| text.split_whitespace().nth(6)?.parse::<u64>().ok());
    Ok(sectors.unwrap_or(0) * 512)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_work_is_taken_off_by_its_share() {
        let window = Cost {
            seconds: 10.0,
            own_seconds: 5.0,
            kernel_seconds: 1.0,
            device_bytes: 7,
        };
        let idle = Cost {
            seconds: 1.0,
            own_seconds: 0.1,
            kernel_seconds: 0.2,
            device_bytes: 9,
        };
        let left = window.minus_idle(idle);
        assert!((left.own_seconds - 4.0).abs() < 1e-9);
        assert_eq!((left.kernel_seconds, left.device_bytes), (0.0, 7));
    }
}
