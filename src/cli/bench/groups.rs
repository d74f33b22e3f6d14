//! `klamm bench groups`: loads of consumer groups.

mod table;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};

use super::watch::Watch;
use crate::bench::groups::{
    self, CommitWorkload, GroupProtocol, GroupRun, HeartbeatWorkload, LoadedGroups,
    RebalanceWorkload,
};
use crate::bench::{BenchError, Verdict};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::cli::units;
use crate::client::AutoCreate;

/// What to do with groups.
#[derive(Subcommand, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) enum GroupsCommand {
    Heartbeats(HeartbeatsArgs),
    Commits(CommitsArgs),
    Loaded(LoadedArgs),
    Rebalance(RebalanceArgs),
}

/// What it costs that groups are there: members that only heartbeat, each on its connection
///
/// Makes a topic with a partition for each member of a group, joins a few groups at a time, waits
/// until all are at rest, and counts the heartbeats of a window. A rebalance in it fails the run.
#[derive(Args, Debug)]
#[command(after_long_help = HEARTBEATS_EXAMPLES)]
pub(super) struct HeartbeatsArgs {
    /// How members agree
    #[arg(long, value_enum, default_value = "classic")]
    protocol: ProtocolArg,
    /// How many groups
    #[arg(long, value_name = "N", default_value_t = 1000)]
    groups: u32,
    /// Members of each
    #[arg(long, value_name = "N", default_value_t = 10)]
    members: u32,
    /// How often a classic member heartbeats; the broker says it to the others
    #[arg(long, value_name = "MS", default_value_t = 3000)]
    heartbeat_ms: u32,
    /// How often each member commits its partition; 0 for never
    #[arg(long, value_name = "MS", default_value_t = 0)]
    commit_ms: u32,
    /// So many groups join at a time
    #[arg(long, value_name = "N", default_value_t = 100)]
    joining: u32,
    /// Heartbeats before the window
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    warmup_seconds: f64,
    /// Length of the window
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    seconds: f64,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// How many commits a broker takes: groups without members, on a few connections
#[derive(Args, Debug)]
#[command(after_long_help = COMMITS_EXAMPLES)]
pub(super) struct CommitsArgs {
    /// How many groups
    #[arg(long, value_name = "N", default_value_t = 1000)]
    groups: u32,
    /// Offsets of each commit
    #[arg(long, value_name = "N", default_value_t = 10)]
    partitions: u32,
    /// Connections, each for its share of the groups
    #[arg(long, value_name = "N", default_value_t = 10)]
    connections: u32,
    /// Commits per second of all together; 0 for as many as are answered
    #[arg(long, value_name = "N", default_value_t = 0)]
    rate: u32,
    /// How often each group commits; 0 for as often as the time allows
    #[arg(long, value_name = "N", default_value_t = 0)]
    rounds: u64,
    /// At most so long
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    seconds: f64,
    /// Leave topic and groups, for `klamm bench groups loaded`
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// How long until a broker that was just started tells the offsets of all groups
///
/// Begin it together with the broker: times are since its own start.
#[derive(Args, Debug)]
#[command(after_long_help = LOADED_EXAMPLES)]
pub(super) struct LoadedArgs {
    /// The topic of `klamm bench groups commits --keep`, which says it
    #[arg(long, value_name = "NAME")]
    topic: String,
    /// How many groups there are
    #[arg(long, value_name = "N", default_value_t = 1000)]
    groups: u32,
    /// The offset that all of them committed last, one less than the rounds
    #[arg(long, value_name = "N")]
    offset: i64,
    /// The topic's id, which has to be asked for otherwise
    #[arg(long, value_name = "ID")]
    topic_id: Option<String>,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = units::parse_duration)]
    patience: Duration,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// How long nobody reads a partition when a member joins its group
///
/// Members read a topic to which a record is written now and then in every partition; one more
/// joins, then leaves, several times. A pause goes from the last record at the old owner to the
/// first at the new one.
#[derive(Args, Debug)]
#[command(after_long_help = REBALANCE_EXAMPLES)]
pub(super) struct RebalanceArgs {
    /// How members agree
    #[arg(long, value_enum, default_value = "consumer")]
    protocol: ProtocolArg,
    /// Members before one more joins
    #[arg(long, value_name = "N", default_value_t = 50)]
    members: u32,
    /// Partitions of the topic
    #[arg(long, value_name = "N", default_value_t = 500)]
    partitions: u32,
    /// How often a classic member heartbeats; the broker says it to the others
    #[arg(long, value_name = "MS", default_value_t = 100)]
    heartbeat_ms: u32,
    /// A record is written to each partition so often
    #[arg(long, value_name = "MS", default_value_t = 50)]
    record_ms: u32,
    /// The group reads undisturbed before each join
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    steady_seconds: f64,
    /// How often a member joins
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,
    /// Write the pauses as a chart
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Args, Debug)]
struct RunArgs {
    /// The core of the load
    #[arg(long, value_name = "CORE")]
    core: Option<usize>,
    /// The broker's process on this machine: its processor time becomes part of the result
    #[arg(long, value_name = "PID")]
    broker_pid: Option<u32>,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// For a program that measures the broker from outside: print `ready` and `done` on stdout and
    /// nothing else; wait for a line on stdin after each
    #[arg(long)]
    steps: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProtocolArg {
    /// Everybody gives up everything before a rebalance
    Classic,
    /// Classic, in two steps in which only what moves is given up
    Cooperative,
    /// The broker assigns (KIP-848)
    Consumer,
}

impl From<ProtocolArg> for GroupProtocol {
    fn from(arg: ProtocolArg) -> Self {
        match arg {
            ProtocolArg::Classic => Self::ClassicEager,
            ProtocolArg::Cooperative => Self::ClassicCooperative,
            ProtocolArg::Consumer => Self::Consumer,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  klamm bench groups heartbeats --groups 100 --seconds 10
  klamm bench groups commits --seconds 5
  klamm bench groups rebalance --protocol cooperative --rounds 3
  klamm bench groups loaded --help               takes two steps";

const HEARTBEATS_EXAMPLES: &str = "\
Examples:
  klamm bench groups heartbeats --groups 100 --seconds 10
  klamm bench groups heartbeats --protocol consumer --groups 1 --members 500
  klamm bench groups heartbeats --groups 100 --commit-ms 5000     they commit as well
  klamm bench groups heartbeats --core 1 --broker-pid 4711 --json result.json";

const COMMITS_EXAMPLES: &str = "\
Examples:
  klamm bench groups commits --seconds 5         as many as are answered
  klamm bench groups commits --rate 1000         what 1000 a second cost
  klamm bench groups commits --groups 100 --rounds 3 --seconds 60 --keep";

const LOADED_EXAMPLES: &str = "\
Examples:
  klamm bench groups commits --groups 100 --rounds 3 --seconds 60 --keep
  klamm bench groups loaded --groups 100 --offset 2 --topic NAME

The first says the topic's NAME. Start the broker anew between the two.";

const REBALANCE_EXAMPLES: &str = "\
Examples:
  klamm bench groups rebalance --rounds 3
  klamm bench groups rebalance --members 4 --partitions 20 --rounds 1
  klamm bench groups rebalance --protocol classic --chart pauses.svg
  klamm bench groups rebalance --protocol cooperative --heartbeat-ms 3000";

pub(super) fn run(command: &GroupsCommand) -> Result<(), CliError> {
    match command {
        GroupsCommand::Heartbeats(args) => heartbeats(args),
        GroupsCommand::Commits(args) => commits(args),
        GroupsCommand::Loaded(args) => loaded(args),
        GroupsCommand::Rebalance(args) => rebalance(args),
    }
}

fn heartbeats(args: &HeartbeatsArgs) -> Result<(), CliError> {
    let workload = HeartbeatWorkload {
        protocol: args.protocol.into(),
        groups: args.groups,
        members: args.members,
        heartbeat_ms: args.heartbeat_ms,
        commit_ms: args.commit_ms,
        joining_max: args.joining,
        warmup_seconds: args.warmup_seconds,
        seconds: args.seconds,
    };
    workload.check().map_err(BenchError::from)?;
    let (cluster, run) = (args.cluster.connect()?, args.run.of(&args.cluster));
    let mut watch = Watch::new(args.run.steps);
    let report = groups::run_heartbeats(&cluster, &workload, &run, &mut watch);
    watch.clear();
    let report = report?;
    args.run.write(&report)?;
    if !args.run.steps {
        table::heartbeats(&report, &mut Output::stdout())?;
    }
    judge(&report.verdict)
}

fn commits(args: &CommitsArgs) -> Result<(), CliError> {
    let workload = CommitWorkload {
        groups: args.groups,
        partitions: args.partitions,
        connections: args.connections,
        rate: args.rate,
        rounds: args.rounds,
        seconds: args.seconds,
    };
    workload.check().map_err(BenchError::from)?;
    let (cluster, run) = (args.cluster.connect()?, args.run.of(&args.cluster));
    let mut watch = Watch::new(args.run.steps);
    let report = groups::run_commits(&cluster, &workload, &run, args.keep, &mut watch);
    watch.clear();
    let report = report?;
    args.run.write(&report)?;
    match args.run.steps {
        true => Ok(()),
        false => Ok(table::commits(&report, args.keep, &mut Output::stdout())?),
    }
}

fn loaded(args: &LoadedArgs) -> Result<(), CliError> {
    let begun = Instant::now();
    let topic_id = match &args.topic_id {
        Some(id) => id
            .parse()
            .map_err(|_| CliError::usage(format!("`{id}` is no topic id")))?,
        None => {
            let cluster = args.cluster.connect()?;
            cluster.topic(&args.topic, AutoCreate::Never)?.id
        }
    };
    let wanted = LoadedGroups {
        topic: args.topic.clone(),
        topic_id,
        groups: args.groups,
        offset: args.offset,
    };
    let found = groups::await_loaded(args.cluster.bootstrap(), &wanted, begun, args.patience)?;
    let mut output = Output::stdout();
    output.line(format_args!(
        "first answer after {:.3} s, all {} groups after {:.3} s",
        found.answered.as_secs_f64(),
        args.groups,
        found.loaded.as_secs_f64()
    ))?;
    Ok(std::io::Write::flush(&mut output)?)
}

fn rebalance(args: &RebalanceArgs) -> Result<(), CliError> {
    let workload = RebalanceWorkload {
        protocol: args.protocol.into(),
        members: args.members,
        partitions: args.partitions,
        heartbeat_ms: args.heartbeat_ms,
        record_ms: args.record_ms,
        steady_seconds: args.steady_seconds,
        rounds: args.rounds,
    };
    workload.check().map_err(BenchError::from)?;
    let (cluster, run) = (args.cluster.connect()?, args.run.of(&args.cluster));
    let mut watch = Watch::new(args.run.steps);
    let report = groups::run_rebalance(&cluster, &workload, &run, &mut watch);
    watch.clear();
    let report = report?;
    args.run.write(&report)?;
    if let Some(path) = &args.chart {
        let name = report.workload.protocol.name();
        let lines = [(name.to_owned(), vec![&report])];
        put(path, &groups::pauses_chart("A member joins", &lines))?;
    }
    if !args.run.steps {
        table::rebalance(&report, &mut Output::stdout())?;
    }
    judge(&report.verdict)
}

impl RunArgs {
    fn of(&self, cluster: &ClusterArgs) -> GroupRun {
        GroupRun {
            bootstrap: cluster.bootstrap().to_owned(),
            core: self.core,
            broker_pid: self.broker_pid,
        }
    }

    fn write(&self, report: &impl serde::Serialize) -> Result<(), CliError> {
        let Some(path) = &self.json else {
            return Ok(());
        };
        let text = serde_json::to_string_pretty(report).expect("a report is plain data");
        put(path, &text)
    }
}

fn put(path: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text).map_err(|error| CliError::unwritable(path, &error))
}

fn judge(verdict: &Verdict) -> Result<(), CliError> {
    match verdict {
        Verdict::Failed { why } => Err(CliError::damage(why.clone())),
        Verdict::Valid | Verdict::NotSustained { .. } => Ok(()),
    }
}
