//! `klamm consume --group`: as a member of a consumer group.

mod teller;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use self::teller::{News, Teller};
use super::printer::{Ends, Printer};
use super::{ConsumeArgs, POLL_WAIT};
use crate::cli::error::CliError;
use crate::cli::units;
use crate::client::{
    Assignor, ClientError, Cluster, ConsumerSettings, GroupConsumer, GroupProtocol, GroupSettings,
    OffsetReset, Subscription,
};
use crate::model::TopicPartition;
use crate::protocol::error_code::ErrorCode;

#[derive(Args, Debug)]
#[command(next_help_heading = "Group")]
pub(super) struct GroupArgs {
    /// Read as a member of this consumer group, which shares the partitions among its members
    #[arg(short, long, value_name = "GROUP")]
    group: Option<String>,
    /// Who divides the partitions: `classic`, a member of the group (the default); `consumer`, the
    /// broker (KIP-848, Kafka 4.0)
    #[arg(long, value_enum, value_name = "PROTOCOL", requires = "group")]
    group_protocol: Option<ProtocolArg>,
    /// How they are divided. Classic: range, roundrobin, sticky, cooperative-sticky, or several by
    /// commas, of which the group takes one that all members know. Consumer: one of the broker's
    /// assignors, such as uniform or range. [default: range,cooperative-sticky, or the broker's
    /// choice]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "group")]
    assignor: Vec<String>,
    /// A name that stays the same over restarts: a member that comes back under it within its
    /// session finds its partitions as it left them
    #[arg(long, value_name = "NAME", requires = "group")]
    instance_id: Option<String>,
    /// Read every topic whose whole name matches, in RE2's syntax, topics to come included; takes
    /// `--group-protocol consumer`, since the broker does it
    #[arg(
        long,
        value_name = "REGEX",
        requires = "group",
        conflicts_with = "topics"
    )]
    matching: Option<String>,
    /// How often what was written to stdout is committed; there is a last commit at the end
    /// [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration, requires = "group")]
    commit_interval: Option<Duration>,
    /// Commit nothing: the group stays where it is
    #[arg(long, requires = "group", conflicts_with = "commit_interval")]
    no_commit: bool,
    /// Say nothing on stderr about partitions that come and go
    #[arg(short, long, requires = "group")]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ProtocolArg {
    #[default]
    Classic,
    Consumer,
}

/// Reads as a member until there is enough, or a signal comes.
pub(super) fn run(args: ConsumeArgs) -> Result<(), CliError> {
    let settings = settings(&args)?;
    let subscription = args.group.subscription(&args.topics);
    let stop = stop_flag()?;
    let cluster = args.cluster.connect()?;
    if let Subscription::Topics(topics) = &subscription {
        for topic in topics {
            cluster.partition_count(topic)?;
        }
    }
    let news = Arc::new(News::default());
    let teller = Teller {
        group: settings.group.clone(),
        quiet: args.group.quiet,
        news: news.clone(),
    };
    let several = args.topics.len() != 1;
    let mut member = Reader {
        printer: Printer::new(args.format.record_format(several), args.count),
        ends: Ends::new(args.exit_at_end, args.isolation.into()),
        cluster: cluster.clone(),
        news,
        stop,
        join_by: Instant::now() + args.cluster.timeout(),
    };
    let group = settings.group.clone();
    let consumer = GroupConsumer::start(cluster, settings, subscription, Box::new(teller));
    let read = consumer.map_err(CliError::from);
    read.and_then(|consumer| member.run(consumer, &group))
}

fn settings(args: &ConsumeArgs) -> Result<GroupSettings, CliError> {
    if args.start.offset.is_some() || args.start.from_timestamp.is_some() {
        let group = args.group.group.as_deref().unwrap_or_default();
        return Err(CliError::usage(
            "a group starts where it has committed: --offset and --from-timestamp do not go with --group",
        )
        .with_cure(format!("to move it: klamm group reset-offsets {group} --help")));
    }
    let reset = match args.start.from_beginning {
        true => OffsetReset::Earliest,
        false => OffsetReset::Latest,
    };
    let group = args.group.group.clone().unwrap_or_default();
    let interval = args.group.commit_interval.unwrap_or(COMMIT_INTERVAL);
    Ok(GroupSettings {
        protocol: args.group.protocol()?,
        instance_id: args.group.instance_id.clone(),
        offset_reset: reset,
        auto_commit_interval: (!args.group.no_commit).then_some(interval),
        consumer: ConsumerSettings {
            isolation: args.isolation.into(),
            ..ConsumerSettings::default()
        },
        ..GroupSettings::new(group)
    })
}

impl GroupArgs {
    pub(super) fn is_given(&self) -> bool {
        self.group.is_some()
    }

    fn protocol(&self) -> Result<GroupProtocol, CliError> {
        match self.group_protocol.unwrap_or_default() {
            ProtocolArg::Classic if self.matching.is_some() => {
                Err(CliError::usage("--matching is the broker's work")
                    .with_cure("add --group-protocol consumer"))
            }
            ProtocolArg::Classic if self.assignor.is_empty() => Ok(GroupProtocol::default()),
            ProtocolArg::Classic => {
                let named = self.assignor.iter().map(|name| name.parse::<Assignor>());
                let named = named.collect::<Result<_, _>>().map_err(|why| {
                    CliError::usage(why)
                        .with_cure("the broker's own assignors take --group-protocol consumer")
                })?;
                Ok(GroupProtocol::Classic(named))
            }
            ProtocolArg::Consumer => match self.assignor.as_slice() {
                [] => Ok(GroupProtocol::Consumer(None)),
                [name] => Ok(GroupProtocol::Consumer(Some(name.clone()))),
                _ => Err(CliError::usage(
                    "--group-protocol consumer takes one assignor, which the broker must know",
                )),
            },
        }
    }

    fn subscription(&self, topics: &[String]) -> Subscription {
        match &self.matching {
            Some(regex) => Subscription::Regex(regex.clone()),
            None => Subscription::Topics(topics.to_vec()),
        }
    }
}

/// How often positions are committed unless told otherwise.
const COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// Raised by the first SIGINT or SIGTERM; the second ends the process.
fn stop_flag() -> Result<Arc<AtomicBool>, CliError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let conditional = signal_hook::flag::register_conditional_shutdown(
            signal,
            EXIT_INTERRUPTED,
            stop.clone(),
        );
        conditional.and_then(|_| signal_hook::flag::register(signal, stop.clone()))?;
    }
    Ok(stop)
}

/// Exit code of a process that was not given the time to leave: 128 + SIGINT.
const EXIT_INTERRUPTED: i32 = 130;

/// A member on its way to stdout.
struct Reader {
    printer: Printer,
    ends: Ends,
    cluster: Arc<Cluster>,
    news: Arc<News>,
    stop: Arc<AtomicBool>,
    /// A group that cannot be joined until then is given up.
    join_by: Instant,
}

impl Reader {
    fn run(&mut self, mut consumer: GroupConsumer, group: &str) -> Result<(), CliError> {
        let read = self.read(&mut consumer);
        if let Err(ReadError::Output(error)) = read {
            // What could not be written is not consumed: it leaves without a commit.
            drop(consumer);
            return Err(error);
        }
        let closed = consumer.close();
        match read {
            Err(ReadError::Client(error)) => Err(explained(error, group)),
            _ => closed.map_err(|error| explained(error, group)),
        }
    }

    fn read(&mut self, consumer: &mut GroupConsumer) -> Result<(), ReadError> {
        while !self.is_done() {
            let fetched = consumer.poll(POLL_WAIT)?;
            self.check_joined(consumer)?;
            self.take_news()?;
            if let Some(fetched) = fetched {
                let end = self.ends.of(&fetched.partition);
                let next = self.printer.show(&fetched, end);
                let next = next.map_err(ReadError::Output)?;
                if next != fetched.next_offset {
                    consumer.seek(&fetched.partition, next)?;
                    consumer.pause(std::slice::from_ref(&fetched.partition));
                }
            }
            let position = |partition: &TopicPartition| consumer.position(partition);
            self.ends.forget_reached(position);
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let stopped = self.stop.load(Ordering::Relaxed);
        let at_end = self.news.has_come() && self.ends.are_reached();
        stopped || self.printer.is_full() || at_end
    }

    /// A coordinator may be away for a while later on; at the start somebody waits for a word.
    fn check_joined(&self, consumer: &GroupConsumer) -> Result<(), ReadError> {
        let late = !self.news.has_come() && Instant::now() > self.join_by;
        match consumer.trouble().filter(|_| late) {
            Some(trouble) => Err(ReadError::Output(CliError::unreachable(format!(
                "the group could not be joined in time; the last error was: {trouble}"
            )))),
            None => Ok(()),
        }
    }

    fn take_news(&mut self) -> Result<(), ReadError> {
        let (gone, new) = self.news.take();
        self.ends.forget(&gone);
        let looked_up = self.ends.look_up(&self.cluster, &new);
        looked_up.map_err(ReadError::Output)
    }
}

enum ReadError {
    Client(ClientError),
    Output(CliError),
}

impl From<ClientError> for ReadError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

fn explained(error: ClientError, group: &str) -> CliError {
    let cure = match error.code() {
        Some(ErrorCode::InconsistentGroupProtocol) => Some(format!(
            "the members of the group divide their partitions in another way: see `klamm group \
             describe {group} --state`, and try --assignor or --group-protocol"
        )),
        Some(ErrorCode::FencedInstanceId | ErrorCode::UnreleasedInstanceId) => {
            Some("each member needs an --instance-id of its own".to_owned())
        }
        Some(ErrorCode::UnsupportedAssignor) => {
            Some("Kafka's brokers know uniform and range".to_owned())
        }
        _ => None,
    };
    let error = CliError::from(error);
    match cure {
        Some(cure) => error.with_cure(cure),
        None => error,
    }
}
