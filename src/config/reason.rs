//! Why a setting changes nothing, or nothing yet.

pub(super) const AUTHORISATION: &str = "authorisation is not there yet";
pub(super) const BUDGET: &str = "klamm bounds waiting requests by memory, see klamm.connection.*";
pub(super) const CLEANERS: &str = "each core compacts its own logs, one at a time";
pub(super) const CORES: &str = "klamm runs one thread on each core, see klamm.cores";
pub(super) const EMBEDDED: &str = "the controller is embedded and needs no quorum";
pub(super) const GROUP_PACE: &str =
    "a group's records are written at once and read in stretches of 2 MiB";
pub(super) const KERNEL: &str = "klamm leaves the sizes of socket buffers to the kernel";
pub(super) const LATER: &str = "it is not there yet";
pub(super) const MEMORY_SHARE: &str =
    "unsent responses are bounded by their number and a quarter of a core's memory";
pub(super) const METRICS: &str = "metrics are not exported yet";
pub(super) const ONE_DIR: &str = "klamm keeps everything in one data directory";
pub(super) const ONE_NODE: &str = "a single node has no other brokers";
pub(super) const PLUGIN: &str = "Java classes cannot be loaded";
pub(super) const QUOTAS: &str = "quotas are not there yet";
pub(super) const RETENTION: &str = "producers expire whenever retention is checked";
pub(super) const SASL: &str = "SASL is not there yet";
pub(super) const SHARE: &str = "share groups are not there yet";
pub(super) const STEPS: &str = "files grow in steps once something is written";
pub(super) const STRETCHES: &str = "compaction reads and writes half a MiB at a time";
pub(super) const STREAMS: &str = "streams groups are not there yet";
pub(super) const SYNC: &str = "klamm.flush decides when data is synced";
pub(super) const TEST: &str = "it serves Kafka's own tests";
pub(super) const TIERED: &str = "tiered storage is not there yet";
pub(super) const TLS: &str = "TLS is not there yet";
pub(super) const TOGETHER: &str = "all checkpoints are written together with the recovery points";
pub(super) const TRANSACTIONS: &str = "transactions are not there yet";
pub(super) const UNSTABLE: &str = "klamm offers finished versions only";
