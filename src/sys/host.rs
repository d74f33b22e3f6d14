//! What this machine gives us: memory and the switches that decide whether rings work.

use std::fs;
use std::path::Path;

/// Bytes of memory this process may use: the host's, or less where its cgroup says so.
///
/// `None` when neither can be read.
pub fn memory_bytes() -> Option<u64> {
    let host = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| total_memory(&text));
    host.into_iter().chain(cgroup_limit()).min()
}

/// The kernel's switch for io_uring: 0 everybody may, 1 only privileged ones, 2 nobody.
/// `None` where the kernel has no such switch.
pub fn io_uring_switch() -> Option<u32> {
    fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Whether the kernel's clock is held by a time server; `None` where it may not be asked.
pub fn clock_is_synchronized() -> Option<bool> {
    // SAFETY: a structure of integers, for which zero is a value: nothing is to be set.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: a structure that is ours.
    let state = unsafe { libc::adjtimex(&mut clock) };
    (state >= 0).then_some(clock.status & libc::STA_UNSYNC == 0)
}

/// The kernel's release, e.g. `6.18.1`.
pub fn kernel_release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// The processor's name as the kernel tells it; the architecture's where it tells none.
pub fn processor_name() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    model_name(&text).map_or_else(|| std::env::consts::ARCH.to_owned(), ToOwned::to_owned)
}

/// Small pages only for this process from now on, whatever a library asks for: an idle broker stays
/// small, and no first touch of a huge page makes a core wait for the kernel to compact memory.
///
/// Nothing changes where the kernel does not know huge pages.
pub fn use_small_pages() {
    // SAFETY: sets a flag of the process; no memory of ours is read or written.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}

fn model_name(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The least limit on the way from this process's cgroup to the root (version 2, then 1).
fn cgroup_limit() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let limits = own.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        match controllers {
            "" => least_limit(Path::new("/sys/fs/cgroup"), path, "memory.max"),
            "memory" => least_limit(
                Path::new("/sys/fs/cgroup/memory"),
                path,
                "memory.limit_in_bytes",
            ),
            _ => None,
        }
    });
    limits.min()
}

fn least_limit(root: &Path, path: &str, file: &str) -> Option<u64> {
    let own = root.join(path.trim_start_matches('/'));
    let limits = own.ancestors().take_while(|dir| dir.starts_with(root));
    let read = |dir: &Path| fs::read_to_string(dir.join(file)).ok()?.trim().parse().ok();
    limits.filter_map(read).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_has_a_name() {
        let text = "processor\t: 0\nmodel name\t: A Fine One @ 3 GHz\n";
        assert_eq!(model_name(text), Some("A Fine One @ 3 GHz"));
        assert!(!processor_name().is_empty() && !kernel_release().is_empty());
    }

    #[test]
    fn memory_is_read() {
        assert_eq!(
            total_memory("MemTotal:       16 kB\nMemFree: 3 kB\n"),
            Some(16 * 1024)
        );
        assert!(memory_bytes().is_some_and(|bytes| bytes > 1 << 26));
    }
}
