use std::io::Write as _;

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::target::ClusterArgs;
use crate::client::{Admin, GroupMember, GroupMemberId};

/// Make members leave a group
///
/// For members whose process is gone but whose session still lasts, static members above all. A
/// member that still runs joins again. Members of the consumer protocol (KIP-848) cannot be
/// removed from outside.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct RemoveMemberArgs {
    /// The group
    group: String,
    #[command(flatten)]
    who: WhoArgs,
    /// What the coordinator's log shall say about it
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "removed by klamm group remove-member"
    )]
    reason: String,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct WhoArgs {
    /// The member with this id; may be given several times
    #[arg(long, value_name = "ID")]
    member: Vec<String>,
    /// The static member with this group.instance.id; may be given several times
    #[arg(long, value_name = "ID")]
    instance: Vec<String>,
    /// Every member the group has now
    #[arg(long, conflicts_with_all = ["member", "instance"])]
    all: bool,
}

const EXAMPLES: &str = "\
Examples:
  klamm group describe billing --members           shows the ids
  klamm group remove-member billing --instance billing-3
  klamm group remove-member billing --member consumer-1-5f0c7d1e-8a4b-4c55-9d0e-0d3a52cf1a77
  klamm group remove-member billing --all --reason 'the rack is dark'";

pub(super) fn run(args: RemoveMemberArgs) -> Result<(), CliError> {
    let admin = Admin::new(args.cluster.connect()?);
    let members = match args.who.all {
        true => all_members(&admin, &args.group)?,
        false => args.who.named(),
    };
    if members.is_empty() {
        eprintln!("klamm: group `{}` has no members", args.group);
        return Ok(());
    }
    let removed = admin.remove_members(&args.group, &members, &args.reason);
    let removed = removed.map_err(|error| super::explained(error, &args.group))?;
    let mut output = Output::stdout();
    let mut failures = Vec::new();
    for one in removed {
        match one.outcome {
            Ok(()) => output.line(format_args!("removed {}", id(&one.member)))?,
            Err(error) => failures.push(super::explained(error, &args.group)),
        }
    }
    output.flush()?;
    super::report("members", "removed", failures, members.len())
}

fn all_members(admin: &Admin, group: &str) -> Result<Vec<GroupMemberId>, CliError> {
    let mut members = Vec::new();
    for described in admin.describe_groups(&[group])? {
        let described = described.outcome;
        let described = described.map_err(|error| super::explained(error, group))?;
        members.extend(described.members.into_iter().map(leaving));
    }
    Ok(members)
}

/// A static member is only removed for good by its instance id.
fn leaving(member: GroupMember) -> GroupMemberId {
    match member.instance_id {
        Some(instance) => GroupMemberId::Instance(instance),
        None => GroupMemberId::Member(member.member_id),
    }
}

fn id(member: &GroupMemberId) -> &str {
    match member {
        GroupMemberId::Member(id) | GroupMemberId::Instance(id) => id,
    }
}

impl WhoArgs {
    fn named(&self) -> Vec<GroupMemberId> {
        let members = self.member.iter().cloned().map(GroupMemberId::Member);
        let instances = self.instance.iter().cloned().map(GroupMemberId::Instance);
        members.chain(instances).collect()
    }
}
