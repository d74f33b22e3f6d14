//! What this machine can do, measured by plain threads and blocking calls before any broker is.
//!
//! The figures are of two kinds: what the parts do alone (disk, sync, memory, loopback, the ways
//! to a socket), and the *floor*: a broker's work by the plainest program there is. What klamm
//! costs above the floor is klamm's own.

mod report;

pub use report::{
    DiskRead, DiskWrite, Fetch, FetchBy, Floor, FloorFetch, FloorProduce, Latency, Report,
};
