//! The facts, read from `/proc`, `/sys` and the kernel's answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::facts::{Card, Facts, Limits, Memory, Neighbours, Network, Processor, Volume};
use super::parse::{self, Times};
use crate::probe;
use crate::runtime;
use crate::sys;
use crate::sys::block_device::{BlockDevice, chosen};

/// How long the neighbours are watched.
const WATCH: Duration = Duration::from_secs(1);
const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage";
const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0";

/// Reads everything of this host; takes a second, in which the neighbours are watched.
///
/// `data_dir` need not exist: what exists of its path is looked at.
pub fn read(data_dir: &Path) -> Facts {
    Facts {
        kernel_release: sys::host::kernel_release(),
        rings: Some(runtime::missing_operations().map_err(|error| error.to_string())),
        io_uring_switch: sys::host::io_uring_switch(),
        limits: limits(),
        memory: memory(),
        volume: volume(&existing(data_dir)),
        processor: processor(),
        neighbours: neighbours(),
        network: network(),
        clock_synchronized: sys::host::clock_is_synchronized(),
        measured: None,
    }
}

fn limits() -> Limits {
    Limits {
        locked_memory_bytes: sys::thread::locked_memory_limit().ok().flatten(),
        open_files: sys::thread::descriptor_limit_max().ok(),
        processor_quota: text("/sys/fs/cgroup/cpu.max").and_then(|text| parse::quota(&text)),
    }
}

fn memory() -> Memory {
    let ratios =
        number("/proc/sys/vm/dirty_ratio").zip(number("/proc/sys/vm/dirty_background_ratio"));
    let huge = |file: &str| Some(chosen(&text(Path::new(HUGE_PAGES).join(file))?)?.to_owned());
    Memory {
        bytes: sys::host::memory_bytes(),
        swap_bytes: text("/proc/meminfo").and_then(|text| parse::meminfo(&text, "SwapTotal")),
        swappiness: number("/proc/sys/vm/swappiness"),
        dirty_ratios: ratios,
        dirty_bytes: number("/proc/sys/vm/dirty_bytes"),
        shmem_huge_pages: huge("shmem_enabled"),
        huge_pages: huge("enabled"),
    }
}

fn volume(dir: &Path) -> Volume {
    let whole = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let mounts = text("/proc/self/mountinfo").unwrap_or_default();
    let mount = parse::mount_of(&mounts, &whole).unwrap_or_default();
    let space = sys::file::volume(&whole).ok();
    Volume {
        mount_point: mount.point,
        file_system: mount.file_system,
        options: mount.options,
        direct_io: Some(probe::check_direct_io(&whole).map_err(|error| error.to_string())),
        bytes: space.map(|space| (space.total_bytes, space.usable_bytes)),
        device: BlockDevice::holding(&whole),
        dir: whole,
    }
}

fn processor() -> Processor {
    let available = text(Path::new(CLOCK_SOURCE).join("available_clocksource")).unwrap_or_default();
    let nodes = entries("/sys/devices/system/node").filter(|name| parse::is_numbered(name, "node"));
    Processor {
        // The affinity mask alone: the quota is a fact of its own.
        count: core_affinity::get_core_ids().map_or(1, |cores| cores.len()),
        governors: governors(),
        clock_source: text(Path::new(CLOCK_SOURCE).join("current_clocksource")),
        clock_sources: available
            .split_whitespace()
            .map(ToOwned::to_owned)
            .collect(),
        numa_nodes: nodes.count().max(1),
        interrupts: text("/proc/interrupts").map_or_else(Vec::new, |text| parse::interrupts(&text)),
    }
}

fn governors() -> Vec<String> {
    let processors =
        entries("/sys/devices/system/cpu").filter(|name| parse::is_numbered(name, "cpu"));
    let mut governors: Vec<_> = processors
        .filter_map(|name| {
            text(format!(
                "/sys/devices/system/cpu/{name}/cpufreq/scaling_governor"
            ))
        })
        .collect();
    governors.sort();
    governors.dedup();
    governors
}

fn neighbours() -> Neighbours {
    let times = || Times::of(&text("/proc/stat").unwrap_or_default());
    let before = times();
    thread::sleep(WATCH);
    let spent = before
        .zip(times())
        .map(|(before, after)| after.since(before));
    let pressure = |of: &str| parse::pressure(&text(format!("/proc/pressure/{of}"))?);
    Neighbours {
        stolen: spent.and_then(|spent| spent.stolen_share()),
        busy: spent.and_then(|spent| spent.busy_share()),
        load: text("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
        processor_pressure: pressure("cpu"),
        io_pressure: pressure("io"),
    }
}

fn network() -> Network {
    Network {
        backlog_max: number("/proc/sys/net/core/somaxconn"),
        cards: entries("/sys/class/net")
            .filter_map(|name| card(&name))
            .collect(),
    }
}

/// A card that is up. Only real and virtual hardware has a `device`.
fn card(name: &str) -> Option<Card> {
    let dir = PathBuf::from("/sys/class/net").join(name);
    let up = text(dir.join("operstate"))? != "down" && dir.join("device").exists();
    let queues = entries(dir.join("queues")).filter(|queue| parse::is_numbered(queue, "rx-"));
    up.then(|| Card {
        name: name.to_owned(),
        megabits_per_second: number(dir.join("speed")),
        mtu_bytes: number(dir.join("mtu")),
        receive_queues: queues.count(),
    })
}

/// The longest part of a path that is there.
fn existing(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = path.ancestors().find(|part| part.is_dir());
    found.unwrap_or(Path::new("/")).to_owned()
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn number(path: impl AsRef<Path>) -> Option<u64> {
    text(path)?.parse().ok()
}

fn entries(dir: impl AsRef<Path>) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exists_of_a_path_is_found() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(existing(&dir.path().join("not/yet")), dir.path());
        assert!(existing(Path::new("not-there")).is_dir());
    }

    #[test]
    fn this_host_can_be_read() {
        let facts = read(Path::new("."));
        assert!(facts.processor.count > 0 && !facts.kernel_release.is_empty());
        assert!(facts.memory.bytes.is_some() && facts.limits.open_files.is_some());
        assert!(!facts.volume.mount_point.is_empty() && facts.volume.bytes.is_some());
    }
}
