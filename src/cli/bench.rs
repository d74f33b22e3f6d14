//! `klamm bench`: a workload against any Kafka broker.

mod files;
mod groups;
mod machine;
mod overrides;
mod table;
mod watch;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use self::groups::GroupsCommand;
use self::overrides::Overrides;
use self::watch::Watch;
use super::error::CliError;
use super::output::Output;
use super::target::ClusterArgs;
use crate::bench::{
    self, BenchError, CorruptionCheck, CorruptionOutcome, Report, RunSettings, Verdict, Workload,
};

/// Measure a broker, klamm or any other that speaks Kafka's protocol
///
/// Makes a topic, writes what readers need, warms up, measures for the workload's window, then
/// reads every record back and checks its checksum and its place; deletes the topic. Latency is
/// counted from the time a record was due, so a broker that stalls cannot hide it. A rate that
/// was not sustained has no percentiles. Without a workload it lists those it knows.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    /// A workload by name, or a TOML file
    #[arg(value_name = "WORKLOAD")]
    workload: Option<String>,
    /// Only try whether the broker refuses damaged batches
    #[arg(long, conflicts_with = "workload")]
    check_corruption: bool,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    result: ResultArgs,
    #[command(flatten)]
    overrides: Overrides,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Subcommand, Debug)]
enum BenchCommand {
    /// Loads of consumer groups: heartbeats, commits, a start on old offsets, a rebalance
    #[command(subcommand)]
    Groups(GroupsCommand),
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Load")]
struct LoadArgs {
    /// Load threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
    /// Cores that the load threads are pinned to, in turn: 1,2
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    cores: Vec<usize>,
    /// Memory for batches that are compressed before the window, in megabytes; the run ends when
    /// they are used up
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    prepared_mb: u64,
    /// Use this topic, which must exist, instead of making one
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// Leave the topic that was made
    #[arg(long)]
    keep_topic: bool,
    /// Neither read the records back nor try damaged batches
    #[arg(long)]
    no_verify: bool,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Result")]
struct ResultArgs {
    /// Write NAME.json, histograms (.hgrm) and charts (.svg) into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// For a program that measures the broker from outside: print `ready`, `done` and `verified`
    /// on stdout and nothing else; wait for a line on stdin after the first two
    #[arg(long)]
    steps: bool,
    /// The broker's process on this machine: its processor time becomes part of the result
    #[arg(long, value_name = "PID")]
    broker_pid: Option<u32>,
    /// What `klamm probe --json` found out about this machine: tells the broker's share of it
    #[arg(long, value_name = "FILE")]
    probe: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  klamm bench                                    the workloads it knows
  klamm bench large-batches                      against 127.0.0.1:9092
  klamm bench latency --rate 20000 -b broker:9092 --out results
  klamm bench small-requests --seconds 30 --cores 1 --broker-pid 4711
  klamm bench codec-zstd --record-bytes 100-2000 --prepared-mb 4096
  klamm bench mine.toml --topic-config flush.messages=1
  klamm bench --check-corruption                 does it notice damaged batches?
  klamm bench groups heartbeats --protocol consumer --groups 100

A result is void for comparing throughput when the load itself was the bottleneck; the result says \
so. Give the load cores of its own (--cores), and the broker others.";

pub(super) fn run(args: BenchArgs) -> Result<(), CliError> {
    if let Some(BenchCommand::Groups(command)) = &args.command {
        return groups::run(command);
    }
    if args.check_corruption {
        return check_corruption(&args);
    }
    let Some(name) = &args.workload else {
        return list();
    };
    let mut workload = find(name)?;
    args.overrides.apply(&mut workload);
    workload.check().map_err(BenchError::from)?;
    let machine = args
        .result
        .probe
        .as_deref()
        .map(machine::read)
        .transpose()?;
    let cluster = args.cluster.connect()?;
    let mut watch = Watch::new(args.result.steps);
    let run = bench::run(&cluster, &workload, &args.settings(), &mut watch);
    watch.clear();
    let report = run?;
    files::write(
        &report,
        args.result.out.as_deref(),
        args.result.json.as_deref(),
    )?;
    if !args.result.steps {
        table::print(&report, machine.as_ref(), &mut Output::stdout())?;
    }
    judge(&report)
}

impl BenchArgs {
    fn settings(&self) -> RunSettings {
        RunSettings {
            bootstrap: self.cluster.bootstrap().to_owned(),
            threads: self.load.threads as usize,
            cores: self.load.cores.clone(),
            prepared_mb: self.load.prepared_mb,
            verify: !self.load.no_verify,
            topic: self.load.topic.clone(),
            keep_topic: self.load.keep_topic,
            broker_pid: self.result.broker_pid,
        }
    }
}

/// A built-in by its name; whatever looks like a file is one.
fn find(name: &str) -> Result<Workload, CliError> {
    if let Some(workload) = bench::builtin(name) {
        return Ok(workload);
    }
    let path = Path::new(name);
    if !path.exists() && !name.contains(['/', '.']) {
        let message = format!("there is no workload `{name}`");
        return Err(CliError::usage(message).with_cure("see those there are: klamm bench"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| CliError::file(path, &error))?;
    Ok(Workload::parse(&text, name).map_err(BenchError::from)?)
}

fn list() -> Result<(), CliError> {
    let mut output = Output::stdout();
    for workload in bench::builtins() {
        output.line(format_args!("{:<20} {}", workload.name, workload.about))?;
    }
    Ok(std::io::Write::flush(&mut output)?)
}

fn check_corruption(args: &BenchArgs) -> Result<(), CliError> {
    let cluster = args.cluster.connect()?;
    let topic = format!("bench-corruption-{:08x}", fastrand::u32(..));
    let check = bench::check_corruption(&cluster, &topic)?;
    let mut output = Output::stdout();
    for (what, outcome) in named(&check) {
        output.line(format_args!("{what:<17} {}", told(outcome)))?;
    }
    std::io::Write::flush(&mut output)?;
    match check.is_checking() {
        true => Ok(()),
        false => Err(CliError::damage(
            "the broker does not check what it is sent",
        )),
    }
}

fn named(check: &CorruptionCheck) -> [(&'static str, &CorruptionOutcome); 2] {
    [
        ("wrong checksum", &check.wrong_crc),
        ("malformed record", &check.malformed_record),
    ]
}

fn told(outcome: &CorruptionOutcome) -> String {
    match outcome {
        CorruptionOutcome::Refused(code) => format!("refused ({code})"),
        CorruptionOutcome::Taken => "TAKEN: the broker does not check it".to_owned(),
        CorruptionOutcome::Unclear(what) => format!("not proven: {what}"),
    }
}

fn judge(report: &Report) -> Result<(), CliError> {
    match &report.verdict {
        Verdict::Failed { why } => Err(CliError::damage(why.clone())),
        Verdict::Valid | Verdict::NotSustained { .. } => Ok(()),
    }
}

impl From<BenchError> for CliError {
    fn from(error: BenchError) -> Self {
        let message = error.to_string();
        match error {
            BenchError::Client(error) => Self::from(error),
            BenchError::Workload(_) => {
                Self::usage(message).with_cure("the fields and flags: klamm bench --help")
            }
            BenchError::Io { .. } | BenchError::Stalled { .. } => Self::unreachable(message),
            _ => Self::refused(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn parse(line: &str) -> Result<BenchArgs, clap::Error> {
        Line::try_parse_from(line.split(' ')).map(|line| line.args)
    }

    #[test]
    fn cores_are_a_list() {
        let args = parse("bench idle --threads 2 --cores 1,3").unwrap();
        assert_eq!(args.settings().cores, [1, 3]);
        assert!(parse("bench idle --threads 0").is_err());
        assert!(parse("bench idle --check-corruption").is_err());
    }

    #[test]
    fn an_unknown_workload_is_named_with_a_cure() {
        let error = find("nonesuch").unwrap_err().to_string();
        assert!(
            error.contains("`nonesuch`") && error.contains("klamm bench"),
            "{error}"
        );
        assert!(
            find("./nonesuch.toml")
                .unwrap_err()
                .to_string()
                .contains("cannot read")
        );
    }
}
