//! The cores: executors, rings, files, sockets and mailboxes. glommio is named here only.

mod blocking;
mod core;
mod core_plan;
mod descriptor_cache;
mod disk;
mod drive;
mod error;
mod executor;
mod fate;
mod file;
mod host;
mod mail;
pub mod mesh;
mod net;
mod op;
mod patience;
mod pulse;
mod ring;
mod shutdown;
mod sleep;
mod started;
mod stats;
pub mod sync;
mod tasks;
#[cfg(test)]
mod tests;
mod watchdog;

pub use self::core::{Core, Label};
pub use core_plan::CorePlan;
pub use descriptor_cache::DescriptorCache;
pub use disk::{DirEntry, Disk, UNFINISHED_SUFFIX};
pub use error::StartError;
pub use executor::{CoreOptions, block_on_one_core, run, run_on_cores};
pub use fate::abort_on_panic;
pub use file::{File, OpenMode, SharedFile};
pub use host::{DirectoryLock, check_host};
pub use net::{
    Conn, Exclusive, FetchMeasure, FetchPath, Listener, ReceiveArea, Slice, connect,
    measure_fetch_path,
};
pub use patience::Patience;
pub use ring::missing_operations;
pub use shutdown::ShutdownSignal;
pub use stats::CoreStats;
