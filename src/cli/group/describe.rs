mod configs;
mod offsets;

use std::io::Write as _;
use std::sync::Arc;

use clap::Args;

use super::{or_dash, topic_spec};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::client::{
    Admin, ClientError, Cluster, GroupDescription, GroupFilter, GroupListings, GroupMember,
};
use crate::model::TopicPartition;

/// Show how far groups are behind, who is in them, their state or their configs
///
/// One line for the group, then one for each partition with its committed offset, the end of its
/// log and the lag between them, and one with the sum. A dash stands for what is not known: a
/// partition without a committed offset has no lag.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct DescribeArgs {
    /// The groups
    #[arg(value_name = "GROUP", required_unless_present = "all")]
    groups: Vec<String>,
    /// Every classic and consumer group there is
    #[arg(long, conflicts_with = "groups")]
    all: bool,
    #[command(flatten)]
    view: ViewArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
struct ViewArgs {
    /// Committed offsets, log ends and lag; what is shown without any of these four
    #[arg(long)]
    offsets: bool,
    /// The members and the partitions they have
    #[arg(long)]
    members: bool,
    /// State, assignor and coordinator
    #[arg(long)]
    state: bool,
    /// What holds for them, and whether it was set for the group; also for groups to come
    #[arg(long)]
    configs: bool,
}

const EXAMPLES: &str = "\
Examples:
  klamm group describe billing
  klamm group describe billing shipping --members
  klamm group describe --all --state
  klamm group describe billing --configs
  klamm group describe --all | grep -E '^group|lag=[1-9]'      who is behind";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Offsets,
    Members,
    State,
}

pub(super) fn run(args: DescribeArgs) -> Result<(), CliError> {
    let cluster = args.cluster.connect()?;
    let admin = Admin::new(cluster.clone());
    let view = args.view.chosen();
    let (names, listed) = match args.all {
        true => all_groups(admin.list_groups(&describable())?),
        false => (args.groups, Ok(())),
    };
    let asked: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut output = Output::stdout();
    let described = match args.view.configs {
        true => configs_of(&admin, &asked),
        false => groups(&cluster, &admin, &asked, view)?,
    };
    let mut failures = Vec::new();
    for (group, outcome) in described {
        match outcome {
            Ok(lines) => {
                for line in lines {
                    output.line(line)?;
                }
            }
            Err(error) => failures.push(super::explained(error, &group)),
        }
    }
    output.flush()?;
    super::report("groups", "described", failures, asked.len())?;
    listed
}

/// A group, and what there is to say about it.
type Described = (String, Result<Vec<String>, ClientError>);

fn groups(
    cluster: &Arc<Cluster>,
    admin: &Admin,
    asked: &[&str],
    view: View,
) -> Result<Vec<Described>, ClientError> {
    let described = admin.describe_groups(asked)?.into_iter();
    let lines = described.map(|one| {
        let outcome = one.outcome.and_then(|group| lines(cluster, &group, view));
        (one.group, outcome)
    });
    Ok(lines.collect())
}

fn configs_of(admin: &Admin, asked: &[&str]) -> Vec<Described> {
    let described = asked.iter().map(|group| {
        let outcome = configs::lines(admin, group);
        ((*group).to_owned(), outcome)
    });
    described.collect()
}

/// Share and streams groups have APIs of their own, which klamm does not speak yet.
fn describable() -> GroupFilter {
    GroupFilter {
        types: vec!["classic".to_owned(), "consumer".to_owned()],
        ..GroupFilter::default()
    }
}

/// The groups that were listed, and what is to be said of those that could not be.
fn all_groups(listed: GroupListings) -> (Vec<String>, Result<(), CliError>) {
    let names = listed.groups.into_iter().map(|group| group.group).collect();
    (names, super::check_answered(listed.unanswered))
}

impl ViewArgs {
    fn chosen(&self) -> View {
        match (self.offsets, self.members, self.state) {
            (_, true, _) => View::Members,
            (_, _, true) => View::State,
            (true, _, _) | (false, false, false) => View::Offsets,
        }
    }
}

fn lines(
    cluster: &Arc<Cluster>,
    group: &GroupDescription,
    view: View,
) -> Result<Vec<String>, ClientError> {
    let mut lines = vec![group_line(group, view)];
    match view {
        View::Offsets => lines.extend(offsets::lines(cluster, group)?),
        View::Members => lines.extend(group.members.iter().map(member_line)),
        View::State => {}
    }
    Ok(lines)
}

fn group_line(group: &GroupDescription, view: View) -> String {
    let head = format!(
        "group {} type={} protocol={} state={} members={}",
        group.group,
        group.group_type,
        or_dash(&group.protocol_type),
        or_dash(&group.state),
        group.members.len(),
    );
    match view {
        View::Offsets | View::Members => head,
        View::State => format!(
            "{head} assignor={} epoch={} assignment-epoch={} coordinator={} address={}",
            or_dash(&group.assignor),
            number(group.epoch),
            number(group.assignment_epoch),
            group.coordinator.node,
            group.coordinator.address,
        ),
    }
}

fn member_line(member: &GroupMember) -> String {
    let mut line = format!(
        "  member {} instance={} host={} client={} epoch={} {}",
        or_dash(&member.member_id),
        or_dash(member.instance_id.as_deref().unwrap_or_default()),
        or_dash(&member.client_host),
        or_dash(&member.client_id),
        number(member.epoch),
        assignment(member.assignment.as_deref()),
    );
    // What a member shall have is only worth a word while it does not have it.
    if member.target.is_some() && member.target != member.assignment {
        let target = member.target.as_deref().unwrap_or_default();
        line.push_str(&format!(" target={}", or_dash(&topic_spec::shown(target))));
    }
    line
}

/// What a member has; a question mark stands for what klamm cannot read.
fn assignment(partitions: Option<&[TopicPartition]>) -> String {
    match partitions {
        None => "partitions=? assignment=?".to_owned(),
        Some(partitions) => format!(
            "partitions={} assignment={}",
            partitions.len(),
            or_dash(&topic_spec::shown(partitions)),
        ),
    }
}

fn number<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Address, Coordinator};

    pub(super) fn of(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition {
            topic: topic.into(),
            partition,
        }
    }

    pub(super) fn member(assignment: Option<Vec<TopicPartition>>) -> GroupMember {
        GroupMember {
            member_id: "m-1".to_owned(),
            instance_id: None,
            client_id: "app".to_owned(),
            client_host: "/10.0.0.7".to_owned(),
            epoch: None,
            assignment,
            target: None,
        }
    }

    #[test]
    fn members_show_what_they_have() {
        let with = |assignment| member_line(&member(assignment));
        let some = with(Some(vec![of("a", 0), of("a", 1), of("b", 2)]));
        assert!(
            some.ends_with("epoch=- partitions=3 assignment=a:0,1;b:2"),
            "{some}"
        );
        assert!(with(Some(Vec::new())).ends_with("partitions=0 assignment=-"));
        assert!(with(None).ends_with("partitions=? assignment=?"));
        let moving = GroupMember {
            target: Some(Vec::new()),
            epoch: Some(4),
            ..member(Some(vec![of("a", 0)]))
        };
        let line = member_line(&moving);
        assert!(
            line.ends_with("epoch=4 partitions=1 assignment=a:0 target=-"),
            "{line}"
        );
    }

    #[test]
    fn the_state_has_a_line_of_its_own() {
        let group = GroupDescription {
            group: "billing".to_owned(),
            group_type: "classic",
            protocol_type: String::new(),
            state: "Empty".to_owned(),
            assignor: String::new(),
            epoch: None,
            assignment_epoch: None,
            coordinator: Coordinator {
                node: 3,
                address: Address {
                    host: "h".to_owned(),
                    port: 9092,
                },
            },
            members: Vec::new(),
        };
        let head = "group billing type=classic protocol=- state=Empty members=0";
        assert_eq!(group_line(&group, View::Members), head);
        assert_eq!(
            group_line(&group, View::State),
            format!("{head} assignor=- epoch=- assignment-epoch=- coordinator=3 address=h:9092")
        );
    }
}
