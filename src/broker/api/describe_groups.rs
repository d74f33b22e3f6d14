//! DescribeGroups (key 15), v0-6
//!
//! Behaviour: classic groups and their members, each group once. A group that is not there is
//!            `Dead` without an error up to version 5, and GROUP_ID_NOT_FOUND from version 6 on.
//!            What the caller may do is told of groups that are described without an error.
//! Versions:  v3 operations (KIP-430) · v4 static members (KIP-345) · v5 flexible · v6
//!            GROUP_ID_NOT_FOUND and messages (KIP-1043)
//! Not done:  –

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::by_group::{ask_groups, check_group, expect_answer};
use super::permissions::group_operations;
use crate::broker::authorization::Operation;
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::{CloseConnection, Started, decode};
use crate::broker::response::Response;
use crate::coordinator::group::answer::Answer;
use crate::coordinator::group::coordinator::{self, Call, DescribedMember};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use crate::shard::Said;

/// The first version that may be told that there is no such group.
const NOT_FOUND_FROM: i16 = 6;
/// The state of a group that is not there.
const DEAD: &str = "Dead";

/// Describes groups.
pub(in crate::broker) async fn start(
    cx: &Rc<Context>,
    mut request: Request,
) -> Result<Started, CloseConnection> {
    let frame = std::mem::take(&mut request.frame);
    let message: DescribeGroupsRequest = decode(&request, &frame)?;
    let names = each_once(message.groups);
    let calls = names.iter().map(|name| {
        check_group(cx, &request, Operation::Describe, name)?;
        Ok(Call::Describe(name.clone()))
    });
    let found: Vec<_> = ask_groups(cx, calls)
        .await?
        .into_iter()
        .map(found)
        .collect();
    let groups = names.iter().zip(&found).map(|(name, found)| {
        let mut group = described(name, found, request.version);
        if message.include_authorized_operations && group.error_code == ErrorCode::None.code() {
            group.authorized_operations = group_operations(cx, &request, name);
        }
        group
    });
    let response = DescribeGroupsResponse {
        groups: groups.collect(),
        ..Default::default()
    };
    Ok(Started::Ready(Response::encode(&request, &response)?))
}

fn each_once(names: Vec<String>) -> Vec<Arc<str>> {
    let mut seen = HashSet::new();
    let names = names.into_iter().map(Arc::from);
    names
        .filter(|name: &Arc<str>| seen.insert(name.clone()))
        .collect()
}

/// A group as its coordinator knows it.
type Found = Result<Option<coordinator::DescribedGroup>, ErrorCode>;

fn found(said: Said) -> Found {
    said.map(|answer| expect_answer!(answer, Answer::Described(group) => group))
}

fn described<'a>(name: &str, found: &'a Found, version: i16) -> DescribedGroup<'a> {
    let group_id = name.to_owned();
    match found {
        Ok(Some(group)) => DescribedGroup {
            group_id,
            group_state: group.state.to_owned(),
            protocol_type: group.protocol_type.to_string(),
            protocol_data: group.protocol.to_string(),
            members: group.members.iter().map(member).collect(),
            ..Default::default()
        },
        Ok(None) if version < NOT_FOUND_FROM => DescribedGroup {
            group_id,
            group_state: DEAD.to_owned(),
            ..Default::default()
        },
        Ok(None) => DescribedGroup {
            group_state: DEAD.to_owned(),
            error_message: Some(format!("Group {name} not found.")),
            ..failed(group_id, ErrorCode::GroupIdNotFound)
        },
        Err(code) => failed(group_id, *code),
    }
}

fn failed<'a>(group_id: String, code: ErrorCode) -> DescribedGroup<'a> {
    DescribedGroup {
        error_code: code.code(),
        group_id,
        ..Default::default()
    }
}

fn member(member: &DescribedMember) -> DescribedGroupMember<'_> {
    DescribedGroupMember {
        member_id: member.id.to_string(),
        group_instance_id: member.instance_id.as_deref().map(str::to_owned),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        member_metadata: &member.metadata,
        member_assignment: &member.assignment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_not_there_is_dead_or_not_found() {
        let old = described("g", &Ok(None), 5);
        assert_eq!((old.error_code, old.group_state.as_str()), (0, "Dead"));
        assert_eq!(old.error_message, None);
        let new = described("g", &Ok(None), 6);
        assert_eq!((new.error_code, new.group_state.as_str()), (69, "Dead"));
        assert_eq!(new.error_message.as_deref(), Some("Group g not found."));
    }

    #[test]
    fn an_error_of_the_coordinator_stands_beside_its_group() {
        let group = described("g", &Err(ErrorCode::CoordinatorLoadInProgress), 6);
        assert_eq!((group.error_code, group.group_state.as_str()), (14, ""));
        assert_eq!(group.group_id, "g");
    }

    #[test]
    fn each_group_is_described_once() {
        let names = ["a", "b", "a"].map(str::to_owned);
        let names: Vec<_> = each_once(names.into());
        assert_eq!(
            names.iter().map(|name| &**name).collect::<Vec<_>>(),
            ["a", "b"]
        );
    }
}
