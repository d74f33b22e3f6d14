//! `klamm doctor`: what of this host should be changed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::output::{Output, plural};
use super::probe::first_cores;
use crate::doctor::{self, Finding, Measured, Severity};
use crate::probe::Options;

/// Check this host: what keeps klamm from running, or from running well, and the cure
///
/// Changes nothing. What is as it should be is told in one line, everything else with the reason
/// and the command. Exits with 1 if there is a problem; advice is none.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct DoctorArgs {
    /// The data directory; it need not exist yet
    #[arg(long, value_name = "DIR", default_value = "./klamm-data")]
    data_dir: PathBuf,
    /// Measure too what can be measured: syncs, ways of sending, the clock
    #[arg(long)]
    measure: bool,
    /// Print the findings as JSON
    #[arg(long, conflicts_with = "script")]
    json: bool,
    /// Print a shell script that makes the cures, and takes them back
    #[arg(long)]
    script: bool,
}

const EXAMPLES: &str = "\
Examples:
  klamm doctor
  klamm doctor --data-dir /var/lib/klamm --measure
  klamm doctor --json | jq '.[] | select(.severity != \"ok\")'
  klamm doctor --script > host.sh     read it; then, as root: sh host.sh apply; sh host.sh undo";

pub(super) fn run(args: &DoctorArgs) -> Result<(), CliError> {
    let mut facts = doctor::read(&args.data_dir);
    if args.measure {
        eprintln!("measuring");
        facts.measured = Some(Measured::take(&options(&facts.volume.dir))?);
    }
    let findings = doctor::examine(&facts);
    let mut output = Output::stdout();
    if args.json {
        let json = serde_json::to_string_pretty(&findings);
        output.line(json.expect("findings have no keys but strings"))?;
    } else if args.script {
        output.line(doctor::script(&findings))?;
    } else {
        table(&mut output, &findings)?;
    }
    output.flush()?;
    match count(&findings, Severity::Problem) {
        0 => Ok(()),
        problems => Err(CliError::refused(format!(
            "{} found",
            plural(problems, "problem")
        ))),
    }
}

fn options(dir: &Path) -> Options {
    let cores = first_cores();
    Options {
        dir: dir.to_owned(),
        program_core: cores.program,
        load_core: cores.load,
        short: true,
    }
}

fn table(output: &mut Output, findings: &[Finding]) -> Result<(), CliError> {
    for finding in findings {
        let Finding { check, found, .. } = finding;
        let severity = word(finding.severity);
        output.line(format_args!("{severity:<8} {check:<16} {found}"))?;
        if finding.severity != Severity::Ok {
            output.line(format_args!("{:25} why:  {}", "", finding.why))?;
        }
        let commands = finding.cure.iter().flat_map(|cure| &cure.commands);
        for command in commands {
            output.line(format_args!("{:25} cure: {command}", ""))?;
        }
        if let Some(gain) = &finding.gain {
            output.line(format_args!("{:25} measured: {gain}", ""))?;
        }
    }
    let (problems, advice) = (
        count(findings, Severity::Problem),
        count(findings, Severity::Advice),
    );
    output.line(format_args!(
        "{}, {advice} to consider",
        plural(problems, "problem")
    ))?;
    Ok(())
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "ok",
        Severity::Advice => "advice",
        Severity::Problem => "PROBLEM",
    }
}

fn count(findings: &[Finding], severity: Severity) -> u64 {
    findings
        .iter()
        .filter(|finding| finding.severity == severity)
        .count() as u64
}
