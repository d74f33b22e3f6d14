//! What a probe found: the one type that is printed, kept as JSON and compared.

use serde::{Deserialize, Serialize};

/// What a machine can do, measured without a broker.
///
/// A gigabyte is 10⁹ bytes; processor seconds are those of the one thread that does a broker's
/// work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// klamm's version.
    pub version: String,
    /// The kernel's release.
    pub kernel: String,
    /// The processor's name, as the kernel tells it.
    pub processor: String,
    /// How many processors this process may use.
    pub processors: usize,
    /// Memory this process may use.
    pub memory_bytes: u64,
    /// Sequential direct writes, by block size and depth.
    pub disk_write: Vec<DiskWrite>,
    /// Sequential direct reads, by block size and depth.
    pub disk_read: Vec<DiskRead>,
    /// A data sync after a direct overwrite of 4 KiB: the sync alone.
    pub sync_us: Latency,
    /// Whether a sync seems to be answered from a cache; `None` when nothing tells.
    pub sync_cached: Option<bool>,
    /// The reasoning behind [`Report::sync_cached`].
    pub sync_cached_why: String,
    /// A write of 4 KiB through the page cache with its data sync: both together.
    pub buffered_sync_us: Latency,
    /// One connection over the loopback, from one core to the other.
    pub loopback_bytes_per_second: u64,
    /// klamm's CRC-32C of bytes in the processor's cache.
    pub crc32c_bytes_per_second: u64,
    /// klamm's CRC-32C of bytes in memory.
    pub crc32c_memory_bytes_per_second: u64,
    /// Copying from memory to memory; a copied byte counts once.
    pub copy_bytes_per_second: u64,
    /// Sending responses back to back, nothing asked.
    pub fetch: Vec<Fetch>,
    /// A broker's work by the plainest program.
    pub floor: Floor,
}

/// A rate of direct writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskWrite {
    /// Bytes of one write.
    pub block_bytes: usize,
    /// Threads that write at the same time.
    pub depth: usize,
    /// Into preallocated blocks never written before; else over bytes that were written.
    pub unwritten: bool,
    /// The rate.
    pub bytes_per_second: u64,
}

/// A rate of direct reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskRead {
    /// Bytes of one read.
    pub block_bytes: usize,
    /// Threads that read at the same time.
    pub depth: usize,
    /// The rate.
    pub bytes_per_second: u64,
}

/// Times in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of them were at most this long.
    pub p50: f64,
    /// 99 of 100 were.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// How many were measured.
    pub count: usize,
}

/// How bytes go from where they are to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchBy {
    /// `write(2)` from memory.
    Write,
    /// `sendfile(2)` of a file in the page cache.
    SendfileFile,
    /// `sendfile(2)` of shared memory on 4 KiB pages.
    SendfileMemfd,
    /// `sendfile(2)` of shared memory on huge pages; only where the host grants them.
    SendfileMemfdHuge,
}

/// The cost of sending.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fetch {
    /// By which way.
    pub path: FetchBy,
    /// Bytes of one response.
    pub response_bytes: usize,
    /// The sending thread's processor seconds per gigabyte.
    pub cpu_seconds_per_gb: f64,
    /// The rate.
    pub bytes_per_second: u64,
}

/// What the kernel itself costs: the same work by one blocking thread without any runtime.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Receive, checksum, direct write, sync, answer.
    pub produce: Vec<FloorProduce>,
    /// Receive a small request, answer it with many bytes.
    pub fetch: Vec<FloorFetch>,
}

/// The floor of producing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloorProduce {
    /// Bytes of one request.
    pub request_bytes: usize,
    /// Whether each write was synced before its requests were answered.
    pub synced: bool,
    /// Connections; with one a request of 1 KiB is alone, with several those that arrived share
    /// their write.
    pub connections: usize,
    /// The thread's processor seconds per gigabyte received.
    pub cpu_seconds_per_gb: f64,
    /// The kernel's own threads' processor seconds per gigabyte, above what they use idle; `None`
    /// where they cannot be seen.
    pub kernel_cpu_seconds_per_gb: Option<f64>,
    /// The thread's processor time per request, in microseconds.
    pub us_per_request: f64,
    /// The rate.
    pub bytes_per_second: u64,
}

/// The floor of fetching.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloorFetch {
    /// By which way.
    pub path: FetchBy,
    /// Bytes of one response.
    pub response_bytes: usize,
    /// The thread's processor seconds per gigabyte sent.
    pub cpu_seconds_per_gb: f64,
    /// As in [`FloorProduce`].
    pub kernel_cpu_seconds_per_gb: Option<f64>,
    /// The thread's processor time per request, in microseconds.
    pub us_per_request: f64,
    /// The rate.
    pub bytes_per_second: u64,
}

impl Latency {
    /// Sums up measured times, in any order; all zero when there are none.
    pub fn of(mut us: Vec<f64>) -> Self {
        us.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (us.len() as f64 * share).ceil() as usize;
            us.get(rank.max(1) - 1).copied().unwrap_or_default()
        };
        Self {
            p50: at(0.5),
            p99: at(0.99),
            max: us.last().copied().unwrap_or_default(),
            count: us.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks() {
        let latency = Latency::of((1..=200).rev().map(f64::from).collect());
        let expected = (100.0, 198.0, 200.0, 200);
        assert_eq!(
            (latency.p50, latency.p99, latency.max, latency.count),
            expected
        );
        let one = Latency::of(vec![7.0]);
        assert_eq!((one.p50, one.p99, one.max), (7.0, 7.0, 7.0));
        assert_eq!(Latency::of(Vec::new()).count, 0);
    }

    #[test]
    fn ways_are_named_as_in_the_documentation() {
        let named = serde_json::to_string(&FetchBy::SendfileMemfdHuge).expect("a name");
        assert_eq!(named, "\"sendfile_memfd_huge\"");
    }
}
