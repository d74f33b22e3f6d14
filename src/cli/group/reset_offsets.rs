mod csv;
mod instant;
mod plan;
mod reset;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;

use self::plan::{Goal, Planned};
use self::reset::Reset;
use super::topic_spec::{self, TopicSpec};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::model::{Offset, TimestampMs, TopicPartition};

/// Move a group to other offsets
///
/// Shows what would be committed, and commits it with --execute. Nobody may be in the group: its
/// members would go on from where they are. An offset outside the log becomes the nearest one
/// inside. A group that does not exist comes about.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct ResetOffsetsArgs {
    /// The group
    group: String,
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    to: ToArgs,
    /// Commit the offsets; without this they are only shown
    #[arg(long)]
    execute: bool,
    /// Print lines of topic,partition,offset that --from-file reads
    #[arg(long)]
    export: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Args, Debug)]
struct WhichArgs {
    /// A topic, or some of its partitions as orders:0,3; may be given several times
    #[arg(
        long = "topic",
        value_name = "TOPIC[:P,...]",
        value_parser = topic_spec::parse,
        required_unless_present_any = ["all_topics", "from_file"]
    )]
    topics: Vec<TopicSpec>,
    /// Every partition that the group has committed an offset of
    #[arg(long, conflicts_with = "topics")]
    all_topics: bool,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct ToArgs {
    /// To the oldest record
    #[arg(long)]
    to_earliest: bool,
    /// Behind the newest record
    #[arg(long)]
    to_latest: bool,
    /// Where the group is; with --export, a copy of its offsets
    #[arg(long)]
    to_current: bool,
    /// To this offset
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<Offset>,
    /// To the first record as new as this: 2026-11-21T09:30:00Z, or with +01:00 instead of the Z
    #[arg(long, value_name = "TIME", value_parser = instant::parse_datetime)]
    to_datetime: Option<TimestampMs>,
    /// To the first record that is no older than so long: PT2H30M, P1DT12H, 90s, 2h, 3d
    #[arg(long, value_name = "DURATION", value_parser = instant::parse_duration)]
    by_duration: Option<Duration>,
    /// So many records on, or back if it is negative
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    shift_by: Option<i64>,
    /// To the offsets in a file with lines of topic,partition,offset
    #[arg(long, value_name = "FILE", conflicts_with_all = ["topics", "all_topics"])]
    from_file: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  klamm group reset-offsets billing --topic orders --to-earliest             only look
  klamm group reset-offsets billing --topic orders --to-earliest --execute
  klamm group reset-offsets billing --topic orders:0,3 --shift-by -100 --execute
  klamm group reset-offsets billing --all-topics --by-duration PT2H --execute
  klamm group reset-offsets billing --all-topics --to-datetime 2026-11-21T09:30:00Z
  klamm group reset-offsets billing --all-topics --to-current --export > billing.csv
  klamm group reset-offsets billing-copy --from-file billing.csv --execute";

pub(super) fn run(args: ResetOffsetsArgs) -> Result<(), CliError> {
    let goals = args.to.goals(now_ms())?;
    let reset = Reset::new(args.cluster.connect()?, args.group);
    reset.check_empty()?;
    let targets = reset.targets(goals, &args.which)?;
    let planned = reset.plan(&targets)?;
    let mut output = Output::stdout();
    let failures = match args.execute {
        true => reset.execute(planned, args.export, &mut output)?,
        false => {
            for one in &planned {
                show(&mut output, "would set", one, args.export)?;
            }
            Vec::new()
        }
    };
    output.flush()?;
    if !args.execute && !args.export {
        eprintln!("klamm: nothing is changed; say --execute to do it");
    }
    super::report("offsets", "reset", failures, targets.len())
}

/// Where the group shall stand, before it is known in which partitions.
enum Goals {
    /// The same everywhere.
    One(Goal),
    /// An offset for each of these partitions.
    Listed(BTreeMap<TopicPartition, Offset>),
}

impl ToArgs {
    fn goals(&self, now: TimestampMs) -> Result<Goals, CliError> {
        if let Some(path) = &self.from_file {
            return read_offsets(path).map(Goals::Listed);
        }
        self.one_goal(now).map(Goals::One).ok_or_else(|| {
            let message = "where to is not said";
            CliError::usage(message).with_cure("see: klamm group reset-offsets --help")
        })
    }

    /// The only one that is given, as the command line's definition has it.
    fn one_goal(&self, now: TimestampMs) -> Option<Goal> {
        let flags = [
            (self.to_earliest, Goal::Earliest),
            (self.to_latest, Goal::Latest),
            (self.to_current, Goal::Current),
        ];
        let flagged = flags.into_iter().find(|(given, _)| *given);
        let ago = |duration| Goal::Time(instant::before(now, duration));
        flagged
            .map(|(_, goal)| goal)
            .or(self.to_offset.map(Goal::Offset))
            .or(self.to_datetime.map(Goal::Time))
            .or(self.by_duration.map(ago))
            .or(self.shift_by.map(Goal::Shift))
    }
}

fn read_offsets(path: &Path) -> Result<BTreeMap<TopicPartition, Offset>, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| CliError::file(path, &error))?;
    csv::parse(&text).map_err(|wrong| {
        let message = format!("--from-file {}: {wrong}", path.display());
        CliError::usage(message)
            .with_cure("a line is topic,partition,offset, as --export prints it")
    })
}

/// With `export` stdout is for the CSV alone, and notes go to stderr.
fn show(output: &mut Output, verb: &str, one: &Planned, export: bool) -> Result<(), CliError> {
    if !export {
        return Ok(output.line(format_args!("{verb} {one}"))?);
    }
    if let Some(note) = &one.note {
        eprintln!("klamm: {}: {note}", one.partition);
    }
    Ok(output.line(csv::line(&one.partition, one.offset))?)
}

fn now_ms() -> TimestampMs {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_millis() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goal_is_the_one_that_was_given() {
        let none = || ToArgs {
            to_earliest: false,
            to_latest: false,
            to_current: false,
            to_offset: None,
            to_datetime: None,
            by_duration: None,
            shift_by: None,
            from_file: None,
        };
        assert_eq!(none().one_goal(0), None);
        let current = ToArgs {
            to_current: true,
            ..none()
        };
        assert_eq!(current.one_goal(0), Some(Goal::Current));
        let ago = ToArgs {
            by_duration: Some(Duration::from_secs(90)),
            ..none()
        };
        assert_eq!(ago.one_goal(100_000), Some(Goal::Time(10_000)));
        let shift = ToArgs {
            shift_by: Some(-5),
            ..none()
        };
        assert_eq!(shift.one_goal(0), Some(Goal::Shift(-5)));
    }
}
