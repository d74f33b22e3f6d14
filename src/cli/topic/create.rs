use std::io::Write as _;

use clap::Args;

use super::parse_assignment;
use crate::cli::error::CliError;
use crate::cli::output::{Output, plural};
use crate::cli::target::ClusterArgs;
use crate::client::{Admin, NewTopic};
use crate::protocol::error_code::ErrorCode;

/// Create topics
///
/// Without --partitions and --replication-factor the broker's defaults hold (num.partitions and
/// default.replication.factor). The topic is durable when the command returns.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct CreateArgs {
    /// Names: letters, digits, `.`, `_` and `-`, at most 249 of them
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// How many partitions; more of them spread over more cores and consumers
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many brokers keep a copy
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A topic config, e.g. retention.ms=86400000; may be given several times
    #[arg(short, long = "config", value_name = "NAME=VALUE", value_parser = parse_assignment)]
    configs: Vec<(String, String)>,
    /// Be content with a topic that exists already
    #[arg(long)]
    if_not_exists: bool,
    /// Let the broker check the request, but create nothing
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const EXAMPLES: &str = "\
Examples:
  klamm topic create orders
  klamm topic create orders payments --partitions 12 --replication-factor 3
  klamm topic create events --config retention.ms=86400000 --config cleanup.policy=delete
  klamm topic create orders --if-not-exists      in scripts that may run twice";

pub(super) fn run(args: CreateArgs) -> Result<(), CliError> {
    let admin = Admin::new(args.cluster.connect()?);
    let wanted: Vec<NewTopic> = args
        .topics
        .iter()
        .map(|name| args.new_topic(name))
        .collect();
    let created = admin.create_topics(&wanted, args.validate_only)?;
    let mut output = Output::stdout();
    let mut failures = Vec::new();
    for topic in created {
        match topic.outcome {
            Ok(made) => {
                let partitions = plural(made.partitions.max(0) as u64, "partition");
                let verb = if args.validate_only {
                    "would create"
                } else {
                    "created"
                };
                output.line(format_args!("{verb} {}: {partitions}", topic.name))?;
            }
            Err(error)
                if args.if_not_exists && error.code() == Some(ErrorCode::TopicAlreadyExists) =>
            {
                output.line(format_args!("exists {}", topic.name))?;
            }
            Err(error) => failures.push(error.into()),
        }
    }
    output.flush()?;
    super::report("topics", "created", failures, args.topics.len())
}

impl CreateArgs {
    fn new_topic(&self, name: &str) -> NewTopic {
        NewTopic {
            name: name.to_owned(),
            partitions: self.partitions,
            replication_factor: self.replication_factor,
            configs: self.configs.clone(),
        }
    }
}
