use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::error::CliError;
use super::settings::BOOTSTRAP_VARIABLE;
use super::units;
use crate::client::{ClientError, Cluster, ClusterSettings};
use crate::protocol::error_code::ErrorCode;

/// Which cluster a tool talks to.
#[derive(Args, Clone, Debug)]
pub(super) struct ClusterArgs {
    /// Brokers to ask first; the others are learned from them
    #[arg(
        short = 'b',
        long = "bootstrap-server",
        env = BOOTSTRAP_VARIABLE,
        value_name = "HOST:PORT,...",
        default_value = "127.0.0.1:9092",
        help_heading = "Cluster"
    )]
    bootstrap: String,
    /// How long a request or a record is tried again before it is given up, e.g. 500ms, 10s, 1m
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30s",
        value_parser = units::parse_duration,
        help_heading = "Cluster"
    )]
    timeout: Duration,
}

impl ClusterArgs {
    /// Connects to the first broker that answers.
    pub(super) fn connect(&self) -> Result<Arc<Cluster>, CliError> {
        let settings = ClusterSettings {
            deadline: self.timeout,
            ..ClusterSettings::default()
        };
        Cluster::connect(&self.bootstrap, settings).map_err(CliError::from)
    }

    /// The brokers as they were given.
    pub(super) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// How long to go on trying.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Bootstrap { .. } => Self::unreachable(message).with_cure(
                "is a broker running there? start one with `klamm`, or name another with -b HOST:PORT",
            ),
            ClientError::Address { .. } => Self::usage(message),
            ClientError::NoTopic { topic } => Self::refused(message)
                .with_cure(format!("see `klamm topic list`, or: klamm topic create {topic}")),
            error if error.code() == Some(ErrorCode::UnknownTopicOrPartition) => {
                Self::refused(message).with_cure("make it first: klamm topic create TOPIC")
            }
            error if error.is_unreachable() => Self::unreachable(message),
            _ => Self::refused(message),
        }
    }
}
