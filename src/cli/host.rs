//! What the machine has: the defaults of memory and cores follow from it.

use crate::config::Host;

/// The machine as this process may use it.
pub(super) fn describe() -> Host {
    Host {
        memory_bytes: memory_bytes(),
        cores: core_affinity::get_core_ids().map_or(1, |cores| cores.len().max(1)),
        name: name(),
    }
}

/// What the machine has, or less if the control group says so.
fn memory_bytes() -> u64 {
    let machine = read("/proc/meminfo").and_then(|text| parse_meminfo(&text));
    let group = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse().ok());
    let limits = machine.into_iter().chain(group);
    limits.min().unwrap_or(1 << 30)
}

fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn name() -> String {
    let name = read("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_memory_and_cores() {
        let host = describe();
        assert!(host.memory_bytes > 1 << 20 && host.cores > 0 && !host.name.is_empty());
        let text = "MemFree: 1 kB\nMemTotal:       2048 kB\n";
        assert_eq!(
            parse_meminfo(text.trim_start_matches("MemFree: 1 kB\n")),
            Some(2 << 20)
        );
    }
}
