//! What this machine can do, measured by plain threads and blocking calls before any broker is.
//!
//! The figures are of two kinds: what the parts do alone (disk, sync, memory, loopback, the ways
//! to a socket), and the *floor*: a broker's work by the plainest program there is. What klamm
//! costs above the floor is klamm's own.

mod disk;
mod floor;
mod kernel_threads;
mod memory;
mod meter;
mod pair;
mod report;
mod rig;
mod scratch;
mod sending;
mod sync;

use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use thiserror::Error;

pub use report::{
    DiskRead, DiskWrite, Fetch, FetchBy, Floor, FloorFetch, FloorProduce, Latency, Report,
};

use crate::sys;
use crate::sys::block_device::BlockDevice;
use kernel_threads::IdleRate;
use rig::{Pace, Rig};

/// What is measured where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory whose disk is measured; at most 1 GiB is written there and given back.
    pub dir: PathBuf,
    /// The kernel's number of the core that does the work.
    pub program_core: usize,
    /// The kernel's number of the core that asks for it.
    pub load_core: usize,
    /// A few seconds instead of half a minute; the figures waver more.
    pub short: bool,
}

/// Why a machine could not be measured.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// A core that was named is not ours to use.
    #[error("core {core} cannot be used: {error}. Cure: name cores of this machine with --cores")]
    Core {
        /// The kernel's number.
        core: usize,
        /// What the kernel said.
        error: io::Error,
    },
    /// The directory does not do what a broker needs.
    #[error(
        "the disk of {dir} cannot be measured: {error}. Cure: name a directory on ext4 or xfs with \
         1 GiB free by --dir"
    )]
    Disk {
        /// The directory.
        dir: PathBuf,
        /// What failed.
        error: io::Error,
    },
    /// The rest.
    #[error("{what} could not be measured: {error}")]
    Measure {
        /// What was tried.
        what: &'static str,
        /// What failed.
        error: io::Error,
    },
}

/// Measures everything; `say` hears what comes next. Blocks for a few seconds or half a minute.
///
/// # Errors
/// When a core, the directory or the loopback cannot be used.
pub fn run(options: &Options, say: &mut dyn FnMut(&str)) -> Result<Report, ProbeError> {
    check_cores(options)?;
    say("what the kernel's threads use idle");
    let rig = rig(options);
    let failed = |what| move |error| ProbeError::Measure { what, error };
    let disk_failed = |error| ProbeError::Disk {
        dir: options.dir.clone(),
        error,
    };
    let disk = measure_disk(&rig, say).map_err(disk_failed)?;
    say("memory");
    let memory = memory::rates(&rig.pace);
    say("loopback");
    let loopback_bytes_per_second = sending::loopback(&rig).map_err(failed("the loopback"))?;
    say("ways of sending");
    let mut sources = sending::sources(&rig).map_err(failed("shared memory"))?;
    let fetch = measure_fetch(&rig, &mut sources).map_err(failed("sending"))?;
    let floor =
        floor::measure(&rig, &disk.written, &mut sources, say).map_err(failed("the floor"))?;
    Ok(Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: sys::host::kernel_release(),
        processor: sys::host::processor_name(),
        processors: thread::available_parallelism().map_or(1, usize::from),
        memory_bytes: sys::host::memory_bytes().unwrap_or_default(),
        disk_write: disk.write,
        disk_read: disk.read,
        sync_us: disk.sync_us,
        sync_cached: disk.cached.0,
        sync_cached_why: disk.cached.1,
        buffered_sync_us: disk.buffered_sync_us,
        loopback_bytes_per_second,
        crc32c_bytes_per_second: memory.crc32c,
        crc32c_memory_bytes_per_second: memory.crc32c_memory,
        copy_bytes_per_second: memory.copy,
        fetch,
        floor,
    })
}

/// What each way of sending costs, in less than a second.
///
/// # Errors
/// As [`run`].
pub fn sending_costs(options: &Options) -> Result<Vec<Fetch>, ProbeError> {
    check_cores(options)?;
    let rig = rig(options);
    let measured = sending::sources(&rig).and_then(|mut sources| measure_fetch(&rig, &mut sources));
    measured.map_err(|error| ProbeError::Measure {
        what: "sending",
        error,
    })
}

/// What a data sync takes, and whether a cache seems to answer it, in less than a second.
///
/// # Errors
/// As [`run`].
pub fn sync_latency(options: &Options) -> Result<(Latency, Option<bool>, String), ProbeError> {
    let rig = rig(options);
    let measured = disk::written(&rig).and_then(|written| sync::direct(&rig, &written));
    let disk_failed = |error| ProbeError::Disk {
        dir: options.dir.clone(),
        error,
    };
    let latency = measured.map_err(disk_failed)?;
    let device = BlockDevice::holding(&options.dir);
    let (cached, why) = sync::judge_cache(latency.p50, device.as_ref());
    Ok((latency, cached, why))
}

/// Whether a block can be written to and read from a file in `dir` by direct I/O.
///
/// # Errors
/// What the file system answered.
pub fn check_direct_io(dir: &Path) -> io::Result<()> {
    disk::write_and_read_block(dir)
}

struct Disk {
    written: disk::Written,
    write: Vec<DiskWrite>,
    read: Vec<DiskRead>,
    sync_us: Latency,
    cached: (Option<bool>, String),
    buffered_sync_us: Latency,
}

fn measure_disk(rig: &Rig<'_>, say: &mut dyn FnMut(&str)) -> io::Result<Disk> {
    say("disk: a file to overwrite");
    let written = disk::written(rig)?;
    say("disk: writes");
    let write = disk::write_rates(rig, &written)?;
    say("disk: reads");
    let read = disk::read_rates(rig, &written)?;
    say("disk: syncs");
    let sync_us = sync::direct(rig, &written)?;
    let device = BlockDevice::holding(rig.dir);
    Ok(Disk {
        cached: sync::judge_cache(sync_us.p50, device.as_ref()),
        buffered_sync_us: sync::buffered(rig)?,
        written,
        write,
        read,
        sync_us,
    })
}

fn measure_fetch(rig: &Rig<'_>, sources: &mut [sending::Source]) -> io::Result<Vec<Fetch>> {
    let mut fetch = Vec::new();
    for source in sources {
        for response_bytes in sending::RESPONSE_BYTES {
            fetch.push(sending::stream(rig, source, response_bytes)?);
        }
    }
    Ok(fetch)
}

fn rig(options: &Options) -> Rig<'_> {
    let pace = if options.short {
        Pace::SHORT
    } else {
        Pace::FULL
    };
    Rig {
        dir: &options.dir,
        program_core: options.program_core,
        load_core: options.load_core,
        pace,
        idle: IdleRate::watch(pace.figure),
    }
}

/// Each core is tried on a thread of its own, so that the caller's stays where it is.
fn check_cores(options: &Options) -> Result<(), ProbeError> {
    for core in [options.program_core, options.load_core] {
        let pinned = thread::spawn(move || pair::pin(core)).join();
        let pinned = pinned.expect("pinning does not panic");
        pinned.map_err(|error| ProbeError::Core { core, error })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_is_not_there_is_named() {
        let options = Options {
            dir: PathBuf::from("."),
            program_core: 0,
            load_core: 100_000,
            short: true,
        };
        let error = sending_costs(&options).expect_err("no such core");
        assert!(error.to_string().contains("core 100000"), "{error}");
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let core = core_affinity::get_core_ids().expect("cores")[0].id;
        let options = Options {
            dir: PathBuf::from("/nowhere/at/all"),
            program_core: core,
            load_core: core,
            short: true,
        };
        let error = run(&options, &mut |_| {}).expect_err("no such directory");
        let text = error.to_string();
        assert!(
            text.contains("/nowhere/at/all") && text.contains("Cure"),
            "{text}"
        );
    }
}
