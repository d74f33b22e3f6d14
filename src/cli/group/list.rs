use std::io::Write as _;

use clap::{Args, ValueEnum};

use super::or_dash;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::client::{Admin, GroupFilter};

/// List groups: id, type, protocol and state, separated by tabs
///
/// Every broker is asked for the groups it coordinates. The protocol is what the members speak
/// among each other: `consumer` for consumers, `connect` for Kafka Connect's workers.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct ListArgs {
    /// Only groups in this state; may be given several times
    #[arg(long, value_enum, ignore_case = true, value_name = "STATE")]
    state: Vec<StateArg>,
    /// Only groups of this type; may be given several times
    #[arg(long = "type", value_enum, ignore_case = true, value_name = "TYPE")]
    group_type: Vec<TypeArg>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// The names are Kafka's: they go to the broker as they are.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum StateArg {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Assigning,
    Reconciling,
    Stable,
    Dead,
    NotReady,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TypeArg {
    Classic,
    Consumer,
    Share,
    Streams,
}

const EXAMPLES: &str = "\
Examples:
  klamm group list
  klamm group list --state Empty               groups that nobody is in
  klamm group list --type consumer --type classic
  klamm group list | cut -f1                   the ids alone";

pub(super) fn run(args: ListArgs) -> Result<(), CliError> {
    let admin = Admin::new(args.cluster.connect()?);
    let filter = GroupFilter {
        states: names(&args.state),
        types: names(&args.group_type),
    };
    let listed = admin.list_groups(&filter)?;
    let mut output = Output::stdout();
    for group in &listed.groups {
        output.line(format_args!(
            "{}\t{}\t{}\t{}",
            group.group,
            group.group_type,
            or_dash(&group.protocol_type),
            or_dash(&group.state),
        ))?;
    }
    output.flush()?;
    super::check_answered(listed.unanswered)
}

fn names<T: ValueEnum>(given: &[T]) -> Vec<String> {
    let values = given.iter().filter_map(|one| one.to_possible_value());
    values.map(|value| value.get_name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_have_the_names_that_brokers_know() {
        let states = names(&[StateArg::Empty, StateArg::PreparingRebalance]);
        assert_eq!(states, ["Empty", "PreparingRebalance"]);
        assert_eq!(names(&[TypeArg::Classic]), ["classic"]);
    }
}
