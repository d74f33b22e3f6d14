//! Groups as a whole: which there are, away with them, away with some of their members.

use std::collections::BTreeMap;

use super::Admin;
use super::coordinators::{GroupOutcome, final_word};
use crate::client::error::Refusal;
use crate::client::{AutoCreate, ClientError};
use crate::model::NodeId;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};
use crate::protocol::message::leave_group::{
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
};
use crate::protocol::message::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

/// Which groups to list; an empty list of names means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// States by Kafka's names: `Stable`, `Empty`, …
    pub states: Vec<String>,
    /// Types by Kafka's names: `classic`, `consumer`, `share`, `streams`.
    pub types: Vec<String>,
}

/// The groups of a cluster, as far as its brokers answered.
#[derive(Debug)]
pub struct GroupListings {
    /// The groups by id.
    pub groups: Vec<GroupListing>,
    /// The brokers whose groups are missing, and why.
    pub unanswered: Vec<(NodeId, ClientError)>,
}

/// A group as its coordinator lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub group: String,
    /// `classic`, `consumer` or a later one; brokers that do not tell know classic ones alone.
    pub group_type: String,
    /// What its members speak among each other: `consumer`, `connect`; empty if there never was
    /// a member.
    pub protocol_type: String,
    /// Empty from brokers that do not tell (before KIP-518).
    pub state: String,
}

/// How a member is named that shall leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupMemberId {
    /// By the id the coordinator knows it by.
    Member(String),
    /// By the instance id in its own configuration (KIP-345).
    Instance(String),
}

/// What became of one member.
#[derive(Debug)]
pub struct MemberOutcome {
    /// The member.
    pub member: GroupMemberId,
    /// What came of it.
    pub outcome: Result<(), ClientError>,
}

/// The version of ListGroups that tells states and filters by them (KIP-518).
const STATES_SINCE: i16 = 4;
/// The version of ListGroups that tells types and filters by them (KIP-848).
const TYPES_SINCE: i16 = 5;
/// The version of LeaveGroup in which others than the member itself can name it (KIP-345).
const REMOVAL_SINCE: i16 = 3;
/// The type of the groups that every broker knows.
const CLASSIC: &str = "classic";

impl Admin {
    /// Asks every broker which groups it coordinates.
    ///
    /// Older brokers know classic groups alone, so a filter by type is applied here for them; one
    /// by state is refused, for they do not tell it.
    pub fn list_groups(&self, filter: &GroupFilter) -> Result<GroupListings, ClientError> {
        self.cluster.refresh(&[], AutoCreate::Never)?;
        let metadata = self.cluster.metadata();
        let mut found = BTreeMap::new();
        let mut unanswered = Vec::new();
        for (node, _) in metadata.nodes() {
            match self.list_groups_of(node, filter) {
                // A group that moves meanwhile may be listed by both of its coordinators.
                Ok(groups) => found.extend(groups.into_iter().map(|one| (one.group.clone(), one))),
                Err(error) => unanswered.push((node, error)),
            }
        }
        Ok(GroupListings {
            groups: found.into_values().collect(),
            unanswered,
        })
    }

    /// Deletes groups with all their offsets; they must be empty.
    pub fn delete_groups(&self, groups: &[&str]) -> Result<Vec<GroupOutcome<()>>, ClientError> {
        self.ask_coordinators(groups, "delete groups", |connection, _, groups| {
            let request = DeleteGroupsRequest {
                groups_names: groups.to_vec(),
            };
            let response = connection.call(&request)?;
            let response: DeleteGroupsResponse = response.decode()?;
            Ok(response.results.into_iter().map(deleted).collect())
        })
    }

    /// Makes members leave a group; the reason goes to the coordinator's log (KIP-800).
    ///
    /// A member that still runs joins again. Members of the consumer protocol (KIP-848) cannot be
    /// removed from outside: Kafka answers that it does not know them.
    pub fn remove_members(
        &self,
        group: &str,
        members: &[GroupMemberId],
        reason: &str,
    ) -> Result<Vec<MemberOutcome>, ClientError> {
        let what = format!("remove members of group `{group}`");
        self.ask_coordinator(group, &what, |connection| {
            let version = connection.version_of::<LeaveGroupRequest>()?;
            if version < REMOVAL_SINCE {
                let refusal = too_old("naming the member", "LeaveGroup", REMOVAL_SINCE, version);
                return Err(refusal.of(&what));
            }
            let request = LeaveGroupRequest {
                group_id: group.to_owned(),
                members: members.iter().map(|one| leaving(one, reason)).collect(),
                ..Default::default()
            };
            let response = connection.call(&request)?;
            let response: LeaveGroupResponse = response.decode()?;
            Refusal::check(response.error_code, None).map_err(|refusal| refusal.of(&what))?;
            let outcome = |member| removed(group, member);
            response.members.into_iter().map(outcome).collect()
        })
    }

    fn list_groups_of(
        &self,
        node: NodeId,
        filter: &GroupFilter,
    ) -> Result<Vec<GroupListing>, ClientError> {
        let what = format!("list the groups of broker {node}");
        self.cluster.try_until(self.patience(), &what, |_| {
            let mut connection = self.cluster.open(node)?;
            let version = connection.version_of::<ListGroupsRequest>()?;
            let request = list_request(filter, version).map_err(|refusal| refusal.of(&what))?;
            let Some(request) = request else {
                return Ok(Vec::new());
            };
            let response = connection.call(&request)?;
            let response: ListGroupsResponse = response.decode()?;
            Refusal::check(response.error_code, None).map_err(|refusal| refusal.of(&what))?;
            Ok(response.groups.into_iter().map(listing).collect())
        })
    }
}

/// What to ask a broker that speaks this version; `None` if it cannot have such groups.
fn list_request(filter: &GroupFilter, version: i16) -> Result<Option<ListGroupsRequest>, Refusal> {
    if version < STATES_SINCE && !filter.states.is_empty() {
        let what = "a filter by state";
        return Err(too_old(what, "ListGroups", STATES_SINCE, version));
    }
    if version < TYPES_SINCE {
        let wanted = filter.types.is_empty() || filter.types.iter().any(|one| one == CLASSIC);
        return Ok(wanted.then(|| ListGroupsRequest {
            states_filter: filter.states.clone(),
            types_filter: Vec::new(),
        }));
    }
    Ok(Some(ListGroupsRequest {
        states_filter: filter.states.clone(),
        types_filter: filter.types.clone(),
    }))
}

fn too_old(what: &str, api: &str, needed: i16, spoken: i16) -> Refusal {
    let message =
        format!("{what} takes version {needed} of {api}, the broker and klamm share {spoken}");
    Refusal {
        code: ErrorCode::UnsupportedVersion,
        message: Some(message),
    }
}

fn listing(listed: ListedGroup) -> GroupListing {
    let group_type = match listed.group_type.is_empty() {
        true => CLASSIC.to_owned(),
        false => listed.group_type,
    };
    GroupListing {
        group: listed.group_id,
        group_type,
        protocol_type: listed.protocol_type,
        state: listed.group_state,
    }
}

fn deleted(result: DeletableGroupResult) -> GroupOutcome<()> {
    let what = format!("delete group `{}`", result.group_id);
    let refused = Refusal::check(result.error_code, result.error_message.as_deref());
    GroupOutcome {
        group: result.group_id,
        outcome: refused.map_err(|refusal| refusal.of(what)),
    }
}

/// A static member is named by its instance id alone, which is what tells an admin's removal from
/// the member's own leaving.
fn leaving(member: &GroupMemberId, reason: &str) -> MemberIdentity {
    let (member_id, group_instance_id) = match member {
        GroupMemberId::Member(id) => (id.clone(), None),
        GroupMemberId::Instance(id) => (String::new(), Some(id.clone())),
    };
    MemberIdentity {
        member_id,
        group_instance_id,
        reason: Some(reason.to_owned()),
    }
}

fn removed(group: &str, member: MemberResponse) -> Result<MemberOutcome, ClientError> {
    let code = member.error_code;
    let member = match member.group_instance_id {
        Some(instance) => GroupMemberId::Instance(instance),
        None => GroupMemberId::Member(member.member_id),
    };
    let outcome = final_word(code, format!("remove {member} of group `{group}`"))?;
    Ok(MemberOutcome { member, outcome })
}

impl std::fmt::Display for GroupMemberId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Member(id) => write!(f, "member `{id}`"),
            Self::Instance(id) => write!(f, "instance `{id}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(states: &[&str], types: &[&str]) -> GroupFilter {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        GroupFilter {
            states: owned(states),
            types: owned(types),
        }
    }

    #[test]
    fn filters_go_to_the_brokers_that_have_them() {
        let asked = list_request(&filter(&["Empty"], &["consumer"]), 5).unwrap();
        let asked = asked.unwrap();
        assert_eq!(asked.states_filter, ["Empty"]);
        assert_eq!(asked.types_filter, ["consumer"]);
    }

    #[test]
    fn a_broker_before_types_has_classic_groups_alone() {
        let asked = list_request(&filter(&[], &["consumer", "classic"]), 4).unwrap();
        assert!(asked.unwrap().types_filter.is_empty());
        let asked = list_request(&filter(&[], &["consumer"]), 4).unwrap();
        assert_eq!(asked, None);
        assert!(list_request(&filter(&[], &[]), 0).unwrap().is_some());
    }

    #[test]
    fn a_state_that_the_broker_does_not_tell_cannot_be_asked_for() {
        let refusal = list_request(&filter(&["Stable"], &[]), 3).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::UnsupportedVersion);
        assert!(refusal.message.unwrap().contains("ListGroups"));
    }

    #[test]
    fn a_static_member_leaves_by_its_instance_id_alone() {
        let named = leaving(&GroupMemberId::Instance("i".to_owned()), "why");
        assert_eq!(
            (named.member_id.as_str(), named.reason.as_deref()),
            ("", Some("why"))
        );
        assert_eq!(named.group_instance_id.as_deref(), Some("i"));
        let unknown = MemberResponse {
            member_id: "m".to_owned(),
            group_instance_id: None,
            error_code: ErrorCode::UnknownMemberId.code(),
        };
        let outcome = removed("g", unknown).unwrap();
        assert_eq!(outcome.member, GroupMemberId::Member("m".to_owned()));
        assert!(
            outcome
                .outcome
                .unwrap_err()
                .to_string()
                .contains("member `m` of group `g`")
        );
    }
}
