//! `klamm probe`: what this machine can do, before klamm is measured on it.

mod table;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::error::CliError;
use super::output::Output;
use crate::probe::{self, Options, ProbeError, Report};

/// Measure this machine: disk, syncs, memory, loopback, and the floor of a broker's work
///
/// The floor is the same work as a broker's (receive, checksum, direct write, sync, answer) by
/// one blocking thread without any runtime: what the kernel itself costs. Takes half a minute and
/// at most 1 GiB of the directory's disk, which is given back. Run it while nothing else runs.
/// What it does is said on stderr, what it found on stdout.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ProbeArgs {
    /// A directory on the disk to measure: where the data would be
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The core that does the work, and the core that asks for it; the first two if not given
    #[arg(long, value_name = "A,B", value_parser = parse_cores)]
    cores: Option<Cores>,
    /// A few seconds instead of half a minute; the figures waver more
    #[arg(long)]
    short: bool,
    /// Write the figures to this file as JSON too; `-` writes them to stdout instead of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Two cores by the kernel's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cores {
    /// Does the work.
    pub(super) program: usize,
    /// Asks for it.
    pub(super) load: usize,
}

const EXAMPLES: &str = "\
Examples:
  klamm probe
  klamm probe --short
  klamm probe --dir /var/lib/klamm --cores 2,3 --json probe.json
  klamm probe --short --json - | jq .sync_us";

pub(super) fn run(args: &ProbeArgs) -> Result<(), CliError> {
    let options = options(args)?;
    let report = probe::run(&options, &mut |what| eprintln!("measuring {what}"))?;
    let mut output = Output::stdout();
    match &args.json {
        Some(path) if path.as_os_str() == "-" => output.line(json(&report))?,
        Some(path) => {
            fs::write(path, json(&report) + "\n")
                .map_err(|error| CliError::unwritable(path, &error))?;
            table::write(&mut output, &report)?;
        }
        None => table::write(&mut output, &report)?,
    }
    Ok(output.flush()?)
}

/// The first two cores that this process may use, or the only one twice.
pub(super) fn first_cores() -> Cores {
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    let program = ids.first().map_or(0, |core| core.id);
    Cores {
        program,
        load: ids.get(1).map_or(program, |core| core.id),
    }
}

fn options(args: &ProbeArgs) -> Result<Options, CliError> {
    if let Err(error) = fs::metadata(&args.dir) {
        return Err(
            CliError::file(&args.dir, &error).with_cure("name a directory that exists by --dir")
        );
    }
    let cores = args.cores.unwrap_or_else(first_cores);
    if cores.program == cores.load {
        eprintln!("klamm: one core does both the work and the asking: the rates are half of it");
    }
    Ok(Options {
        dir: args.dir.clone(),
        program_core: cores.program,
        load_core: cores.load,
        short: args.short,
    })
}

fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).expect("a report has no keys but strings")
}

fn parse_cores(text: &str) -> Result<Cores, String> {
    let cores = text.split_once(',').and_then(|(program, load)| {
        Some(Cores {
            program: program.trim().parse().ok()?,
            load: load.trim().parse().ok()?,
        })
    });
    cores.ok_or_else(|| format!("`{text}` is not two cores: try 0,1"))
}

impl From<ProbeError> for CliError {
    fn from(error: ProbeError) -> Self {
        match error {
            ProbeError::Core { .. } => Self::usage(error.to_string()),
            _ => Self::refused(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_two_numbers() {
        assert_eq!(
            parse_cores("2, 3"),
            Ok(Cores {
                program: 2,
                load: 3
            })
        );
        for wrong in ["2", "a,b", "", "1,2,3"] {
            assert!(parse_cores(wrong).is_err(), "{wrong}");
        }
    }
}
