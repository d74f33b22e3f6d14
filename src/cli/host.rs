//! What the machine has: the defaults of memory and cores follow from it.

use crate::config::Host;
use crate::sys;

/// The machine as this process may use it.
pub(super) fn describe() -> Host {
    Host {
        memory_bytes: sys::host::memory_bytes().unwrap_or(UNKNOWN_MEMORY_BYTES),
        cores: core_affinity::get_core_ids().map_or(1, |cores| cores.len().max(1)),
        name: name(),
    }
}

fn name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// What is assumed of a machine that does not tell.
const UNKNOWN_MEMORY_BYTES: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_memory_cores_and_a_name() {
        let host = describe();
        assert!(host.memory_bytes > 1 << 20 && host.cores > 0 && !host.name.is_empty());
    }
}
