//! The command line.

use std::path::PathBuf;

/// Measures klamm and Apache Kafka in turn on this machine and writes a page of results.
///
/// Can be stopped at any time: started again with the same --state it goes on where it was.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "compare", max_term_width = 100)]
pub(crate) struct Args {
    /// Only these workloads (names as in perf/workloads, or `lifecycle`, `latency`, `tools`,
    /// `groups`).
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) only: Vec<String>,

    /// Pairs of windows for each workload; 5 for those with goals and 2 for the others if not given.
    #[arg(long, value_name = "N")]
    pub(crate) pairs: Option<usize>,

    /// Where the brokers keep their data while they run; removed afterwards.
    #[arg(long, default_value = "target/compare/data", value_name = "DIR")]
    pub(crate) scratch: PathBuf,

    /// What has been measured so far; delete it to begin anew.
    #[arg(long, default_value = "target/compare/state", value_name = "DIR")]
    pub(crate) state: PathBuf,

    /// Where the page of results goes.
    #[arg(long, default_value = "perf/results", value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// The processors of the brokers and of the load; `any:any` pins neither.
    #[arg(long, default_value = "0:1", value_name = "BROKER:LOAD")]
    pub(crate) cores: String,

    /// The binary that is measured.
    #[arg(long, default_value = "target/release/klamm", value_name = "FILE")]
    pub(crate) klamm: PathBuf,

    /// Compare with this older klamm instead of Apache Kafka.
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,

    /// At most so much on the disk at a time; workloads that need more are skipped and named.
    #[arg(long, default_value_t = 8, value_name = "GB")]
    pub(crate) disk_gb: u64,

    /// Old records before a catch-up, and before a kill.
    #[arg(
        long,
        default_value_t = 0,
        value_name = "MB",
        hide_default_value = true
    )]
    pub(crate) backlog_mb: u64,

    /// At most so many windows to warm a JVM for a workload with a goal; 4 for the others.
    #[arg(long, default_value_t = 12, value_name = "N")]
    pub(crate) warmups_max: usize,

    /// Of consumer groups measure only this broker: `klamm` or `kafka`.
    #[arg(long, value_name = "NAME", hide = true)]
    pub(crate) groups_of: Option<String>,

    /// Shortens every window to so many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<u64>,

    /// What to call the state of the host: `found`, or `tuned` after `klamm doctor --script`.
    #[arg(long, default_value = "found", value_name = "NAME")]
    pub(crate) host: String,

    /// Only make the page anew from what has been measured.
    #[arg(long)]
    pub(crate) page_only: bool,
}

impl Args {
    /// Whether a part of the comparison was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// What lies on the disk before a catch-up; in MB, which are 10⁶ bytes here.
    pub(crate) fn catch_up_backlog_mb(&self) -> u64 {
        match self.backlog_mb {
            0 => 16_384,
            given => given,
        }
    }

    /// What lies on the disk at a kill: as much as is allowed, up to what the goal asks for.
    pub(crate) fn kill_backlog_mb(&self) -> u64 {
        match self.backlog_mb {
            0 => (self.disk_gb.clamp(3, 22) - 2) * 1000,
            given => given,
        }
    }

    /// The processors of the brokers, as the kernel writes lists; `None` if they may run anywhere.
    pub(crate) fn broker_cores(&self) -> Option<&str> {
        pinned(self.cores.split(':').next())
    }

    /// The processors of the load.
    pub(crate) fn load_cores(&self) -> Option<&str> {
        pinned(self.cores.split(':').nth(1))
    }
}

fn pinned(cores: Option<&str>) -> Option<&str> {
    cores.filter(|cores| !cores.is_empty() && *cores != "any")
}
