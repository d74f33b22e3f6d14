//! ListGroups (key 16), v0-5
//!
//! Behaviour: the groups that the caller may describe, or all to who may describe the cluster.
//!            Filters compare without regard to case. While some coordinators are loading there
//!            is the error alone.
//! Versions:  v3 flexible · v4 states (KIP-518) · v5 types (KIP-848)
//! Not done:  –

use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::coordinator::group::coordinator;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};
use crate::shard::GroupFilter;

/// Lists groups.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: ListGroupsRequest,
) -> Result<ListGroupsResponse, CloseConnection> {
    let filter = GroupFilter {
        states: message.states_filter,
        kinds: message.types_filter,
    };
    let (mut groups, error) = cx.shards.list_groups(filter).await?;
    if error.is_some() {
        groups.clear();
    }
    if !cx.may(request, Operation::Describe, Resource::Cluster) {
        groups.retain(|group| cx.may(request, Operation::Describe, Resource::Group(&group.id)));
    }
    Ok(ListGroupsResponse {
        error_code: error.unwrap_or(ErrorCode::None).code(),
        groups: groups.iter().map(listed).collect(),
        ..Default::default()
    })
}

fn listed(group: &coordinator::ListedGroup) -> ListedGroup {
    ListedGroup {
        group_id: group.id.to_string(),
        protocol_type: group.protocol_type.to_string(),
        group_state: group.state.to_owned(),
        group_type: group.kind.to_owned(),
    }
}
