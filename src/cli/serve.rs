//! `klamm serve`: the broker.

use clap::Args;

use super::error::CliError;
use super::settings::SettingArgs;
use crate::broker::{self, Announcement};
use crate::config::FlushPolicy;
use crate::runtime;
use crate::sys;

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
    sys::host::use_small_pages();
    let loaded = args.settings.load()?;
    for warning in &loaded.warnings {
        log::warn!("{warning}");
    }
    runtime::abort_on_panic();
    broker::serve(loaded.config, announce).map_err(|error| CliError::refused(error.to_string()))
}

/// What a person who started a broker wants to know.
fn announce(news: &Announcement) {
    let bootstrap = news
        .addresses
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    for address in &news.addresses {
        println!("klamm: listening on {address}");
    }
    let mib = news.memory_bytes >> 20;
    println!(
        "  cores       {} ({mib} MiB of memory for records and requests)",
        news.cores
    );
    println!(
        "  data        {} ({} topics)",
        news.data_dir.display(),
        news.topics
    );
    println!("  durability  {}", promise(news.flush));
    println!("  old records sent by {:?}", news.fetch_path);
    println!("  ready after {:.0?}", news.took);
    println!();
    println!("Try next, in another terminal:");
    println!("  echo hello | klamm produce greetings -b {bootstrap}");
    println!("  klamm consume greetings --from-beginning -b {bootstrap}");
}

fn promise(flush: FlushPolicy) -> &'static str {
    match flush {
        FlushPolicy::Durable => "acks=all is answered once the records would survive a power cut",
        FlushPolicy::Written => {
            "acks=all is answered once the records would survive a crash of klamm, \
             not of the machine (klamm.flush=written)"
        }
    }
}
