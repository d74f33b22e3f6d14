//! `klamm serve`: the broker.

use clap::Args;

use super::error::CliError;
use super::settings::SettingArgs;
use crate::config::BrokerConfig;

/// Start a broker
///
/// Without any option: 127.0.0.1:9092, data in ./klamm-data (made if it does not exist), all
/// cores, every acknowledged record on disk. Ctrl-C stops it cleanly.
///
/// Settings that Kafka has carry Kafka's names; klamm's own begin with `klamm.`. A flag wins over
/// a KLAMM_ variable (num.partitions is KLAMM_NUM_PARTITIONS), that over the file. `klamm config`
/// shows what holds in the end, and what each setting means.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    settings: SettingArgs,
}

const EXAMPLES: &str = "\
Examples:
  klamm serve
  klamm serve --data-dir /var/lib/klamm --listen 0.0.0.0:9092 --advertise broker.example:9092
  klamm serve --cores 4 --memory 2GiB
  klamm serve --config server.properties --set log.retention.hours=24
  KLAMM_NUM_PARTITIONS=6 klamm serve";

pub(super) fn run(args: &ServeArgs) -> Result<(), CliError> {
    let loaded = args.settings.load()?;
    for warning in &loaded.warnings {
        log::warn!("{warning}");
    }
    start(&loaded.config)
}

/// Where the broker room takes over.
fn start(config: &BrokerConfig) -> Result<(), CliError> {
    let message = format!(
        "cannot serve {}: this build has no broker yet",
        config.data_dir.display()
    );
    Err(CliError::refused(message))
}
