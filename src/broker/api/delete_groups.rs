//! DeleteGroups (key 42), v0-3
//!
//! Behaviour: empty groups go, their offsets with them; NON_EMPTY_GROUP for one with members,
//!            GROUP_ID_NOT_FOUND for one that is not there. Each group once. The empty name is fine.
//! Versions:  v2 flexible · v3 messages
//! Not done:  –

use std::collections::HashSet;

use super::by_group::{ask_groups, check_group, expect_answer};
use crate::broker::authorization::Operation;
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::coordinator::group::answer::Answer;
use crate::coordinator::group::coordinator::Call;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};
use crate::shard::Said;

/// Deletes groups.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: DeleteGroupsRequest,
) -> Result<DeleteGroupsResponse, CloseConnection> {
    let names = each_once(message.groups_names);
    let calls = names.iter().map(|name| {
        check_group(cx, request, Operation::Delete, name)?;
        Ok(Call::Delete(name.as_str().into()))
    });
    let said = ask_groups(cx, calls).await?;
    let results = names.into_iter().zip(said);
    Ok(DeleteGroupsResponse {
        results: results.map(|(name, said)| result(name, said)).collect(),
        ..Default::default()
    })
}

fn each_once(names: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = names.into_iter();
    names.filter(|name| seen.insert(name.clone())).collect()
}

fn result(group_id: String, said: Said) -> DeletableGroupResult {
    let code = match said {
        Ok(answer) => expect_answer!(answer, Answer::Delete(code) => code),
        Err(code) => code,
    };
    DeletableGroupResult {
        group_id,
        error_code: code.code(),
        error_message: (code != ErrorCode::None).then(|| code.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_with_a_message() {
        let deleted = result("g".to_owned(), Ok(Answer::Delete(ErrorCode::None)));
        assert_eq!((deleted.error_code, deleted.error_message), (0, None));
        let kept = result("g".to_owned(), Ok(Answer::Delete(ErrorCode::NonEmptyGroup)));
        assert_eq!(kept.error_code, 68);
        assert_eq!(
            kept.error_message.as_deref(),
            Some("the group is not empty")
        );
        let unasked = result("g".to_owned(), Err(ErrorCode::GroupAuthorizationFailed));
        assert_eq!(unasked.error_code, 30);
    }
}
