use std::collections::BTreeMap;
use std::io::Write as _;

use clap::{Args, ValueEnum};

use super::or_dash;
use crate::cli::error::CliError;
use crate::cli::output::{Count, Output, plural};
use crate::cli::target::ClusterArgs;
use crate::client::{Admin, GroupFilter, GroupListing};

/// List groups: id, type, protocol and state, separated by tabs
///
/// Every broker is asked for the groups it coordinates. The protocol is what the members speak
/// among each other: `consumer` for consumers, `connect` for Kafka Connect's workers. How many there
/// are of each type and state comes last, on stderr.
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
    eprintln!("klamm: {}", summary(&listed.groups));
    super::check_answered(listed.unanswered)
}

/// `3 groups: 2 classic (1 Empty, 1 Stable), 1 consumer (1 Stable)`
fn summary(groups: &[GroupListing]) -> String {
    let mut types: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for group in groups {
        let states = types.entry(&group.group_type).or_default();
        *states.entry(or_dash(&group.state)).or_default() += 1;
    }
    let types = types.into_iter().map(|(group_type, states)| {
        let count: u64 = states.values().sum();
        let states = states.into_iter();
        let states = states.map(|(state, count)| format!("{} {state}", Count(count)));
        let states = states.collect::<Vec<_>>().join(", ");
        format!("{} {group_type} ({states})", Count(count))
    });
    let types = types.collect::<Vec<_>>().join(", ");
    let colon = if groups.is_empty() { "" } else { ": " };
    format!("{}{colon}{types}", plural(groups.len() as u64, "group"))
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

    #[test]
    fn the_summary_counts_by_type_and_state() {
        let of = |group_type: &str, state: &str| GroupListing {
            group: "g".to_owned(),
            group_type: group_type.to_owned(),
            protocol_type: String::new(),
            state: state.to_owned(),
        };
        let groups = [
            of("consumer", "Stable"),
            of("classic", "Stable"),
            of("classic", "Empty"),
            of("classic", "Stable"),
        ];
        assert_eq!(
            summary(&groups),
            "4 groups: 3 classic (1 Empty, 2 Stable), 1 consumer (1 Stable)"
        );
        assert_eq!(summary(&groups[..1]), "1 group: 1 consumer (1 Stable)");
        assert_eq!(summary(&[]), "0 groups");
        assert_eq!(summary(&[of("classic", "")]), "1 group: 1 classic (1 -)");
    }
}
