//! Why a broker does not start, each with its cure.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What this host, this directory or this port does not give us.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The kernel refuses rings.
    #[error(
        "io_uring is not available ({reason}); klamm needs it. Cure: set the sysctl \
         kernel.io_uring_disabled to 0, or, in a container, allow the system calls \
         io_uring_setup, io_uring_enter and io_uring_register in its seccomp profile \
         (docker: --security-opt seccomp=unconfined)"
    )]
    RingRefused {
        /// What the kernel said.
        reason: String,
    },
    /// The kernel's rings lack operations.
    #[error(
        "this kernel's io_uring cannot do: {}. Cure: run Linux 5.15 or newer",
        missing.join(", ")
    )]
    KernelTooOld {
        /// The operations by name.
        missing: Vec<&'static str>,
    },
    /// Too little memory may be locked.
    #[error(
        "only {limit_bytes} bytes of memory may be locked, the rings need {needed_bytes}. Cure: \
         raise the limit, for example `ulimit -l 8192`, LimitMEMLOCK=8M in a systemd unit, or \
         docker's --ulimit memlock=8388608"
    )]
    LockedMemory {
        /// What is allowed (RLIMIT_MEMLOCK).
        limit_bytes: u64,
        /// What is needed.
        needed_bytes: u64,
    },
    /// The file system cannot do direct I/O.
    #[error(
        "{} is on a file system without direct I/O ({error}). Cure: choose a data directory on \
         ext4, xfs or btrfs (some network, overlay and memory file systems cannot)",
        dir.display()
    )]
    NoDirectIo {
        /// The data directory.
        dir: PathBuf,
        /// What the attempt ended with.
        error: io::Error,
    },
    /// The data directory cannot be used at all.
    #[error("the data directory {} cannot be used: {error}", dir.display())]
    Directory {
        /// The data directory.
        dir: PathBuf,
        /// What the attempt ended with.
        error: io::Error,
    },
    /// Another process has the data directory.
    #[error(
        "another process serves {}. Cure: stop it, or choose another --data-dir",
        dir.display()
    )]
    DirectoryTaken {
        /// The data directory.
        dir: PathBuf,
    },
    /// Another process has the port.
    #[error("another process serves {address}. Cure: stop it, or choose another --listen address")]
    PortTaken {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the attempt ended with.
        error: io::Error,
    },
    /// Cores were asked for that this process may not use.
    #[error(
        "core {wanted} is not among those this process may use ({allowed:?}). Cure: choose from \
         these, or widen the affinity mask (taskset, cpuset)"
    )]
    Core {
        /// The core asked for.
        wanted: usize,
        /// What the affinity mask allows.
        allowed: Vec<usize>,
    },
    /// A core did not come up for another reason.
    #[error("core {core} did not start: {reason}")]
    Executor {
        /// Its index.
        core: usize,
        /// What failed.
        reason: String,
    },
}
