//! What a run does: read from a TOML file, changed by flags, checked before anything is sent.

mod builtin;
mod check;
mod producing;
mod record_bytes;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use builtin::{builtin, builtins};
pub use producing::{Acks, Producers};
pub use record_bytes::{RecordBytes, WeightedBytes};

/// A workload; every field stands in the file under the same name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// What it is called; letters, digits, `-` and `_`.
    pub name: String,
    /// One line on what it shows.
    #[serde(default)]
    pub about: String,
    /// Partitions of the topic that is made for the run.
    #[serde(default = "one")]
    pub partitions: u32,
    /// Megabytes (10⁶) of records written before the window.
    #[serde(default)]
    pub prefill_mb: u64,
    /// Configs of the topic.
    #[serde(default)]
    pub topic_configs: BTreeMap<String, String>,
    /// Connections that are opened and do nothing.
    #[serde(default)]
    pub idle_connections: u32,
    /// Who writes; nobody if the section is missing.
    #[serde(default = "Producers::none")]
    pub producers: Producers,
    /// Who reads; nobody if the section is missing.
    #[serde(default)]
    pub readers: Readers,
    /// Who reads old records beside everything else; nobody if the section is missing.
    #[serde(default)]
    pub lagging: LaggingReaders,
    /// How long.
    #[serde(default)]
    pub window: Window,
}

/// Consumers without a group, each of all partitions, one connection each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Readers {
    /// How many.
    pub count: u32,
    /// Where they begin.
    pub from: ReadFrom,
    /// Bytes of records an answer holds at most.
    pub fetch_bytes_max: u32,
    /// Cap of each reader, in megabytes (10⁶) of batches per second; 0 for none.
    pub mb_per_second: f64,
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            count: 0,
            from: ReadFrom::Tail,
            fetch_bytes_max: 8 << 20,
            mb_per_second: 0.0,
        }
    }
}

/// Where readers begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadFrom {
    /// With what is written from now on; they wait for it (long poll).
    #[default]
    Tail,
    /// With the oldest record of the prefill, and again when they are through.
    Start,
}

/// Consumers that read the prefill from its start, and again when they are through.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LaggingReaders {
    /// How many.
    pub count: u32,
    /// Cap of each, in megabytes (10⁶) of batches per second; 0 for none.
    pub mb_per_second: f64,
}

/// How long a run takes; it ends at whichever bound comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Window {
    /// An open loop's rate rises from nothing to its full height in so many seconds.
    pub ramp_seconds: f64,
    /// Full load before the window.
    pub warmup_seconds: f64,
    /// The window itself.
    pub seconds: f64,
    /// Megabytes (10⁶) of batches written, or read if nothing is written, after which it ends; 0
    /// for no bound.
    pub bytes_max_mb: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            ramp_seconds: 0.0,
            warmup_seconds: 3.0,
            seconds: 15.0,
            bytes_max_mb: 0,
        }
    }
}

/// A workload that cannot be run as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WorkloadError {
    /// Not TOML, or a field that is unknown or of the wrong type.
    #[error("workload {source_name}: {why}")]
    Unreadable {
        /// The file, or the built-in's name.
        source_name: String,
        /// What the parser says, with line and field.
        why: String,
    },
    /// A value that makes no sense.
    #[error("{field} = {value}: {why}")]
    Value {
        /// The field, section included.
        field: &'static str,
        /// What it is.
        value: String,
        /// What is wrong with it and what to do.
        why: String,
    },
}

impl Workload {
    /// Reads a workload file; `source_name` names it in errors. Not yet checked, because flags may
    /// still change it ([`Workload::check`]).
    pub fn parse(text: &str, source_name: &str) -> Result<Self, WorkloadError> {
        toml::from_str(text).map_err(|error| WorkloadError::Unreadable {
            source_name: source_name.to_owned(),
            why: error.to_string(),
        })
    }

    /// Whether records are due by a schedule instead of by the answers.
    pub fn is_open_loop(&self) -> bool {
        self.producers.count > 0 && self.producers.rate > 0
    }
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_nobody() {
        let workload = Workload::parse("name = \"x\"", "x").unwrap();
        assert_eq!(workload.producers.count, 0);
        assert_eq!(workload.readers.count, 0);
        assert_eq!(workload.partitions, 1);
        let workload = Workload::parse("name = \"x\"\n[producers]\n", "x").unwrap();
        assert_eq!(workload.producers.count, 1);
    }

    #[test]
    fn unknown_fields_are_named() {
        for (text, name) in [
            ("name = \"x\"\nspeed = 1", "speed"),
            ("name = \"x\"\n[producers]\nlinger_ms = 1", "linger_ms"),
            ("name = \"x\"\n[window]\nminutes = 1", "minutes"),
        ] {
            let error = Workload::parse(text, "file.toml").unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("file.toml"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_workload_in_a_report_is_read_back() {
        for workload in builtins() {
            let json = serde_json::to_string(&workload).unwrap();
            assert_eq!(serde_json::from_str::<Workload>(&json).unwrap(), workload);
        }
    }
}
