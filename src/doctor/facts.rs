//! What the host is, as values: nothing here judges.

use std::path::PathBuf;

use super::measured::Measured;
use crate::sys::block_device::BlockDevice;

/// Everything the checks look at; what could not be read is `None` or empty.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The kernel's release, e.g. `6.18.1`.
    pub kernel_release: String,
    /// Operations of io_uring that are missing; the error's text when there is no ring at all.
    pub rings: Option<Result<Vec<&'static str>, String>>,
    /// `kernel.io_uring_disabled`.
    pub io_uring_switch: Option<u32>,
    /// This process's limits.
    pub limits: Limits,
    /// Memory and how the kernel manages it.
    pub memory: Memory,
    /// The disk of the data directory.
    pub volume: Volume,
    /// Processors, clocks and interrupts.
    pub processor: Processor,
    /// What else the machine does.
    pub neighbours: Neighbours,
    /// Sockets and cards.
    pub network: Network,
    /// Whether the kernel's clock follows a time server.
    pub clock_synchronized: Option<bool>,
    /// Measurements, if they were asked for.
    pub measured: Option<Measured>,
}

/// Limits of this process; `None` is no limit.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Bytes that may be locked.
    pub locked_memory_bytes: Option<u64>,
    /// Open files, the hard limit.
    pub open_files: Option<u64>,
    /// Processors by the cgroup's quota, e.g. 1.5.
    pub processor_quota: Option<f64>,
}

/// Memory.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What this process may use.
    pub bytes: Option<u64>,
    /// Swap space.
    pub swap_bytes: Option<u64>,
    /// `vm.swappiness`.
    pub swappiness: Option<u64>,
    /// `vm.dirty_ratio`, `vm.dirty_background_ratio`, in percent.
    pub dirty_ratios: Option<(u64, u64)>,
    /// `vm.dirty_bytes`; 0 where the ratio holds.
    pub dirty_bytes: Option<u64>,
    /// `transparent_hugepage/shmem_enabled`.
    pub shmem_huge_pages: Option<String>,
    /// `transparent_hugepage/enabled`.
    pub huge_pages: Option<String>,
}

/// The file system of the data directory, and the disk below it.
#[derive(Clone, Debug, Default)]
pub struct Volume {
    /// The directory that was looked at: the data directory, or what is there of its path.
    pub dir: PathBuf,
    /// Where its file system is mounted.
    pub mount_point: String,
    /// Its type, e.g. `ext4`.
    pub file_system: Option<String>,
    /// Mount options, those of the mount and those of the file system.
    pub options: Vec<String>,
    /// Whether direct I/O works there; else the error's text.
    pub direct_io: Option<Result<(), String>>,
    /// Its size and what is free of it.
    pub bytes: Option<(u64, u64)>,
    /// The disk.
    pub device: Option<BlockDevice>,
}

/// Processors.
#[derive(Clone, Debug, Default)]
pub struct Processor {
    /// How many this process may use.
    pub count: usize,
    /// The frequency governors in use, each once.
    pub governors: Vec<String>,
    /// The clock source in use.
    pub clock_source: Option<String>,
    /// The clock sources that could be.
    pub clock_sources: Vec<String>,
    /// NUMA nodes.
    pub numa_nodes: usize,
    /// Device interrupts.
    pub interrupts: Vec<Interrupt>,
}

/// One line of `/proc/interrupts`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interrupt {
    /// Its number.
    pub number: u32,
    /// The device's name for it, e.g. `virtio3-rx`.
    pub name: String,
    /// How many each processor has served.
    pub counts: Vec<u64>,
}

/// Shares are 0 to 1.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    /// Time the hypervisor gave to others while we could have run.
    pub stolen: Option<f64>,
    /// Time our processors were busy, whoever made them.
    pub busy: Option<f64>,
    /// Tasks that ran or waited over the last minute.
    pub load: Option<f64>,
    /// Time within the last 10 s that some task waited for a processor.
    pub processor_pressure: Option<f64>,
    /// The same for the disk.
    pub io_pressure: Option<f64>,
}

/// The network.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// `net.core.somaxconn`.
    pub backlog_max: Option<u64>,
    /// Cards that are up, without the loopback.
    pub cards: Vec<Card>,
}

/// A network card.
#[derive(Clone, Debug, Default)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// Its speed, where it tells one.
    pub megabits_per_second: Option<u64>,
    /// The largest packet.
    pub mtu_bytes: Option<u64>,
    /// Receive queues.
    pub receive_queues: usize,
}
