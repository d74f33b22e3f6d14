//! `klamm group`: one file per verb.

mod alter;
mod delete;
mod delete_offsets;
mod describe;
mod list;
mod remove_member;
mod reset_offsets;
mod topic_spec;

use clap::Subcommand;

use super::error::CliError;
use super::outcomes::{Deletion, report};
use super::output::plural;
use crate::client::ClientError;
use crate::model::NodeId;
use crate::protocol::error_code::ErrorCode;

/// List, describe, alter and delete consumer groups, and move their offsets
///
/// A group is a set of consumers that share the partitions of some topics; its coordinator, one of
/// the brokers, keeps how far they have come. These commands ask the coordinators.
#[derive(Debug, Subcommand)]
#[command(after_long_help = EXAMPLES)]
pub(super) enum GroupCommand {
    List(list::ListArgs),
    Describe(describe::DescribeArgs),
    Alter(alter::AlterArgs),
    Delete(delete::DeleteArgs),
    RemoveMember(remove_member::RemoveMemberArgs),
    DeleteOffsets(delete_offsets::DeleteOffsetsArgs),
    ResetOffsets(reset_offsets::ResetOffsetsArgs),
}

const EXAMPLES: &str = "\
Examples:
  klamm group list
  klamm group describe billing                     how far it is behind
  klamm group describe billing --members           who is in it
  klamm group alter billing --set consumer.session.timeout.ms=60000
  klamm group reset-offsets billing --topic orders --to-earliest --execute
  klamm group delete billing";

/// Runs one verb.
pub(super) fn run(command: GroupCommand) -> Result<(), CliError> {
    match command {
        GroupCommand::List(args) => list::run(args),
        GroupCommand::Describe(args) => describe::run(args),
        GroupCommand::Alter(args) => alter::run(args),
        GroupCommand::Delete(args) => delete::run(args),
        GroupCommand::RemoveMember(args) => remove_member::run(args),
        GroupCommand::DeleteOffsets(args) => delete_offsets::run(args),
        GroupCommand::ResetOffsets(args) => reset_offsets::run(args),
    }
}

/// Tells of brokers whose groups are missing from a list.
fn check_answered(mut unanswered: Vec<(NodeId, ClientError)>) -> Result<(), CliError> {
    if unanswered.len() <= 1 {
        let missing = unanswered.pop();
        return missing.map_or(Ok(()), |(_, error)| Err(error.into()));
    }
    for (_, error) in &unanswered {
        eprintln!("klamm: {error}");
    }
    let brokers = plural(unanswered.len() as u64, "broker");
    Err(CliError::refused(format!(
        "{brokers} did not tell their groups"
    )))
}

/// The error with what may be done about it, where a group is the matter.
fn explained(error: ClientError, group: &str) -> CliError {
    let cure = error.code().and_then(|code| cure(code, group));
    let error = CliError::from(error);
    match cure {
        Some(cure) => error.with_cure(cure),
        None => error,
    }
}

fn cure(code: ErrorCode, group: &str) -> Option<String> {
    match code {
        ErrorCode::GroupIdNotFound => Some("all groups: klamm group list".to_owned()),
        ErrorCode::NonEmptyGroup => Some(stop_first(group)),
        ErrorCode::GroupSubscribedToTopic => Some(format!(
            "members still read that topic; {}",
            stop_first(group)
        )),
        ErrorCode::UnknownMemberId => Some(format!(
            "who is in it now: klamm group describe {group} --members"
        )),
        _ => None,
    }
}

/// How a group becomes empty.
fn stop_first(group: &str) -> String {
    format!(
        "stop its consumers first, or remove those that are gone: \
         klamm group remove-member {group} --all"
    )
}

/// What is shown where there is nothing to show.
fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Refusal;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: GroupCommand,
    }

    fn accepts(line: &str) -> bool {
        Line::try_parse_from(line.split(' ')).is_ok()
    }

    #[test]
    fn describing_takes_groups_or_all_of_them_and_one_view() {
        assert!(accepts("group describe a b --members"));
        assert!(accepts("group describe --all"));
        assert!(!accepts("group describe"));
        assert!(!accepts("group describe a --all"));
        assert!(!accepts("group describe a --members --state"));
        assert!(accepts("group describe a --configs"));
        assert!(!accepts("group describe a --configs --state"));
    }

    #[test]
    fn altering_takes_at_least_one_change() {
        assert!(accepts("group alter a --set x=1 --unset y"));
        assert!(!accepts("group alter a"));
        assert!(!accepts("group alter a --set x"));
        assert!(!accepts("group alter --set x=1"));
    }

    #[test]
    fn filters_are_kafkas_names_in_any_case() {
        assert!(accepts(
            "group list --state stable --state PreparingRebalance"
        ));
        assert!(accepts("group list --type classic --type Consumer"));
        assert!(!accepts("group list --state asleep"));
    }

    #[test]
    fn members_are_named_or_all_of_them_leave() {
        assert!(accepts("group remove-member a --member m --instance i"));
        assert!(accepts("group remove-member a --all"));
        assert!(!accepts("group remove-member a"));
        assert!(!accepts("group remove-member a --all --member m"));
    }

    #[test]
    fn a_reset_needs_one_goal_and_the_partitions_it_is_for() {
        assert!(accepts("group reset-offsets a --topic t --to-earliest"));
        assert!(accepts(
            "group reset-offsets a --topic t:0,1 --topic u --shift-by -10 --execute"
        ));
        assert!(accepts(
            "group reset-offsets a --all-topics --to-current --export"
        ));
        assert!(accepts("group reset-offsets a --from-file f.csv"));
        assert!(!accepts("group reset-offsets a --topic t"));
        assert!(!accepts("group reset-offsets a --to-earliest"));
        assert!(!accepts(
            "group reset-offsets a --topic t --to-earliest --to-latest"
        ));
        assert!(!accepts(
            "group reset-offsets a --topic t --all-topics --to-latest"
        ));
        assert!(!accepts(
            "group reset-offsets a --topic t --from-file f.csv"
        ));
        assert!(!accepts("group reset-offsets a --topic t --to-offset -1"));
    }

    #[test]
    fn offsets_to_delete_are_named_by_topic() {
        assert!(accepts("group delete-offsets a --topic t --topic u:0,3"));
        assert!(!accepts("group delete-offsets a"));
        assert!(!accepts("group delete-offsets a --topic t:x"));
    }

    #[test]
    fn a_group_in_use_comes_with_a_cure() {
        let refusal = Refusal {
            code: ErrorCode::NonEmptyGroup,
            message: None,
        };
        let error = explained(refusal.of("delete group `g`"), "g").to_string();
        assert!(
            error.contains("klamm group remove-member g --all"),
            "{error}"
        );
    }
}
