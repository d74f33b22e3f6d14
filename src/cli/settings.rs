//! From flags, environment and file to the broker's configuration.

use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::host;
use crate::config::{self, ConfigFile, Loaded, Sources, plaintext_listener};

/// The broker's settings as the command line gives them.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Broker")]
pub(super) struct SettingArgs {
    /// Where records and metadata are kept [default: ./klamm-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where to accept clients [default: 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// The address that clients are told to come to, if it is another one
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// How many cores to use, or which ones: 4, or 0,2,4-7 [default: all]
    #[arg(long, value_name = "N|LIST")]
    cores: Option<String>,
    /// Memory for recent records and requests, of all cores together: 512MiB, 4GiB
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// Read settings from a TOML file or a Kafka server.properties
    #[arg(long, value_name = "FILE", env = "KLAMM_CONFIG")]
    config: Option<PathBuf>,
    /// Any setting by its name; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    set: Vec<(String, String)>,
}

impl SettingArgs {
    /// Puts all sources together: flags win over `KLAMM_` variables, these over the file.
    pub(super) fn load(&self) -> Result<Loaded, CliError> {
        let flags = self.flags();
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name != BOOTSTRAP_VARIABLE)
            .collect();
        let text = self.config.as_deref().map(read_config).transpose()?;
        let name = self
            .config
            .as_deref()
            .map(|path| path.display().to_string());
        let file = text.as_deref().zip(name.as_deref());
        let sources = Sources {
            flags: &flags,
            environment: &environment,
            file: file.map(|(text, name)| ConfigFile { name, text }),
        };
        let loaded = config::load(&sources, &host::describe());
        loaded.map_err(|errors| CliError::usage(errors.to_string()))
    }

    fn flags(&self) -> Vec<(String, String)> {
        let named = [
            ("log.dirs", self.data_dir.clone()),
            ("listeners", self.listen.as_deref().map(plaintext_listener)),
            (
                "advertised.listeners",
                self.advertise.as_deref().map(plaintext_listener),
            ),
            ("klamm.cores", self.cores.clone()),
            ("klamm.memory", self.memory.clone()),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        named.chain(self.set.iter().cloned()).collect()
    }
}

/// Meant for the tools; a broker started in the same shell is not to stumble over it.
pub(super) const BOOTSTRAP_VARIABLE: &str = "KLAMM_BOOTSTRAP";

fn read_config(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| CliError::file(path, &error))
}

/// `NAME=VALUE`.
pub(super) fn parse_assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SettingArgs,
    }

    #[test]
    fn flags_become_settings() {
        let line = "klamm --listen 0.0.0.0:9092 --data-dir d --set num.partitions=3 --set a=b=c";
        let args = Line::parse_from(line.split(' ')).args;
        let flags = args.flags();
        assert_eq!(flags[0], ("log.dirs".to_owned(), "d".to_owned()));
        assert!(flags[1].1.ends_with("0.0.0.0:9092"));
        assert_eq!(flags[2], ("num.partitions".to_owned(), "3".to_owned()));
        assert_eq!(flags[3].1, "b=c");
    }

    #[test]
    fn an_assignment_has_a_name() {
        assert!(parse_assignment("=b").is_err());
        assert!(parse_assignment("retention.ms").is_err());
    }
}
