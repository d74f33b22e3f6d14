//! What every measurement shares: where, on which cores, how long.

use std::path::Path;
use std::time::Duration;

use super::kernel_threads::IdleRate;

/// How much is measured for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The time of one figure.
    pub(super) figure: Duration,
    /// The size of a file that is written and read.
    pub(super) file_bytes: u64,
    /// Memory large enough not to stay in the processor's cache.
    pub(super) memory_bytes: usize,
}

impl Pace {
    /// Some half a minute in all.
    pub(super) const FULL: Self = Self {
        figure: Duration::from_millis(400),
        file_bytes: 512 << 20,
        memory_bytes: 256 << 20,
    };
    /// A few seconds in all.
    pub(super) const SHORT: Self = Self {
        figure: Duration::from_millis(40),
        file_bytes: 64 << 20,
        memory_bytes: 32 << 20,
    };
}

/// The place of a measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rig<'a> {
    /// Where files are made.
    pub(super) dir: &'a Path,
    /// The kernel's number of the core that does the work.
    pub(super) program_core: usize,
    /// The kernel's number of the core that asks for it.
    pub(super) load_core: usize,
    pub(super) pace: Pace,
    /// What the kernel's own threads use without us.
    pub(super) idle: IdleRate,
}

#[cfg(test)]
impl<'a> Rig<'a> {
    /// Both ends on the first core that is ours, and hardly any time for a figure.
    pub(super) fn of_test(dir: &'a Path) -> Self {
        let core = core_affinity::get_core_ids().expect("cores")[0].id;
        Self {
            dir,
            program_core: core,
            load_core: core,
            pace: Pace {
                figure: Duration::from_millis(5),
                file_bytes: 2 << 20,
                memory_bytes: 1 << 20,
            },
            idle: IdleRate::watch(Duration::from_millis(1)),
        }
    }
}
