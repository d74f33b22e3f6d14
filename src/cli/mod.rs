//! The command line: one file per subcommand.
//!
//! Everything that goes to stdout is line-based and stable, so that scripts may rely on it; what
//! is meant for people only (progress, summaries, the log) goes to stderr.

mod api;
mod bench;
mod config;
mod config_changes;
mod consume;
mod doctor;
mod dump_log;
mod error;
mod group;
mod host;
mod outcomes;
mod output;
mod probe;
mod produce;
mod record_json;
mod serve;
mod settings;
mod target;
mod topic;
mod units;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CliError;

/// Parses the arguments, runs what they ask for and says with which code to exit.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    start_logger(cli.log_level());
    match cli.execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("klamm: {error}");
            error.exit_code()
        }
    }
}

#[derive(Debug, Parser)]
#[command(
    name = "klamm",
    version,
    about = "A Kafka-compatible event-streaming broker, and the tools to use it",
    long_about = ABOUT,
    after_long_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    #[command(subcommand)]
    Topic(topic::TopicCommand),
    #[command(subcommand)]
    Group(group::GroupCommand),
    Produce(produce::ProduceArgs),
    Consume(consume::ConsumeArgs),
    DumpLog(dump_log::DumpLogArgs),
    Config(config::ConfigArgs),
    Api(api::ApiArgs),
    Bench(Box<bench::BenchArgs>),
    Probe(probe::ProbeArgs),
    Doctor(doctor::DoctorArgs),
}

impl Cli {
    fn execute(self) -> Result<(), CliError> {
        match self.command {
            None => serve::run(&self.serve),
            Some(Command::Serve(args)) => serve::run(&args),
            Some(Command::Topic(command)) => topic::run(command),
            Some(Command::Group(command)) => group::run(command),
            Some(Command::Produce(args)) => produce::run(args),
            Some(Command::Consume(args)) => consume::run(args),
            Some(Command::DumpLog(args)) => dump_log::run(&args),
            Some(Command::Config(args)) => config::run(&args),
            Some(Command::Api(args)) => api::run(&args),
            Some(Command::Bench(args)) => bench::run(*args),
            Some(Command::Probe(args)) => probe::run(&args),
            Some(Command::Doctor(args)) => doctor::run(&args),
        }
    }

    /// A broker tells what it does; a tool speaks up only when something is wrong.
    fn log_level(&self) -> &'static str {
        match self.command {
            None | Some(Command::Serve(_)) => "info",
            Some(_) => "warn",
        }
    }
}

/// Logs go to stderr; `RUST_LOG` overrides the level.
fn start_logger(level: &str) {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level))
        .format_timestamp_millis()
        .init();
}

const ABOUT: &str = "\
A Kafka-compatible event-streaming broker, and the tools to use it.

Without a subcommand klamm starts a broker: 127.0.0.1:9092, data in ./klamm-data, all cores, \
every acknowledged record on disk. `klamm serve` is the same thing by name.

`klamm probe` and `klamm doctor` look at this machine. The other subcommands are clients. They \
speak the Kafka protocol and work against Apache Kafka and other Kafka-compatible brokers too.";

const EXAMPLES: &str = "\
A first tour:
  klamm                                        start a broker here (Ctrl-C stops it cleanly)
  klamm topic create orders --partitions 4     make a topic
  seq 1000 | klamm produce orders              write a thousand records
  klamm consume orders --from-beginning -n 5   read five of them
  klamm topic describe orders                  leaders, replicas, offsets
  klamm group describe billing                 how far consumers are behind
  klamm dump-log klamm-data/orders-0           what lies on disk
  klamm bench small-requests                   how fast it is

Every subcommand has its own examples: klamm topic create --help

Environment:
  KLAMM_BOOTSTRAP   brokers the tools talk to, when --bootstrap-server is not given
  KLAMM_...         any broker setting, see: klamm config --help
  RUST_LOG          log level, e.g. debug or klamm::broker=trace

Exit codes:
  0  done
  1  refused or failed: by the broker, or because something asked for does not exist; the doctor
     found a problem
  2  the command line was wrong
  3  no broker could be reached, or it did not answer in time
  4  damage found (dump-log), records lost, doubled, reordered or changed (bench)
  5  reading or writing a local file, stdin or stdout failed";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_subcommand_means_serve() {
        let cli = parse("klamm").unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.log_level(), "info");
        let cli = parse("klamm --listen 0.0.0.0:9092 --cores 2").unwrap();
        assert!(cli.command.is_none());
        let named = parse("klamm serve --set num.partitions=3").unwrap();
        assert!(matches!(named.command, Some(Command::Serve(_))));
    }

    #[test]
    fn broker_flags_do_not_mix_with_tools() {
        assert!(parse("klamm --cores 2 topic list").is_err());
        assert_eq!(parse("klamm topic list").unwrap().log_level(), "warn");
    }

    /// Help that teaches: each command that does something shows how.
    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command) {
            for sub in command.get_subcommands() {
                check(sub);
            }
            let help = command.get_after_long_help().map(ToString::to_string);
            let shown =
                help.is_some_and(|help| help.contains("  klamm") || help.contains("| klamm"));
            assert!(shown, "`{}` has no examples", command.get_name());
        }
        check(&Cli::command());
    }
}
