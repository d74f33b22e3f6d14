//! Questions to the coordinators of groups: who may ask, and how many are asked together.

use std::sync::Arc;

use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::coordinator::group::coordinator::Call;
use crate::protocol::error_code::ErrorCode;
use crate::runtime::sync::join_all;
use crate::shard::{CoreGone, Said};

/// So many groups of one request are asked together: a request may name very many.
const TOGETHER_MAX: usize = 64;

/// Takes out of an answer what its call must have been answered with.
macro_rules! expect_answer {
    ($answer:expr, $pattern:pat => $value:expr) => {
        match $answer {
            $pattern => $value,
            other => unreachable!("a coordinator answered with {other:?}"),
        }
    };
}

pub(super) use expect_answer;

/// Whether the caller may do this to the group.
pub(super) fn check_group(
    cx: &Context,
    request: &Request,
    operation: Operation,
    group: &str,
) -> Result<(), ErrorCode> {
    match cx.may(request, operation, Resource::Group(group)) {
        true => Ok(()),
        false => Err(ErrorCode::GroupAuthorizationFailed),
    }
}

/// The group that a member names: it may take part, and the name is not empty. Offsets alone may
/// be committed under the empty name, as in Kafka.
pub(super) fn group_of_member(
    cx: &Context,
    request: &Request,
    group: &str,
) -> Result<Arc<str>, ErrorCode> {
    check_group_of_member(cx, request, group)?;
    Ok(group.into())
}

/// The same, where the name is there to be shared.
pub(super) fn check_group_of_member(
    cx: &Context,
    request: &Request,
    group: &str,
) -> Result<(), ErrorCode> {
    check_group(cx, request, Operation::Read, group)?;
    match group {
        "" => Err(ErrorCode::InvalidGroupId),
        _ => Ok(()),
    }
}

/// A group's name where it must have one.
pub(super) fn not_empty(group: &str) -> Result<Arc<str>, ErrorCode> {
    match group {
        "" => Err(ErrorCode::InvalidGroupId),
        group => Ok(group.into()),
    }
}

/// Asks about several groups. What was refused before it could be asked stays refused; the answers
/// are in the order of the calls.
pub(super) async fn ask_groups(
    cx: &Context,
    calls: impl IntoIterator<Item = Result<Call, ErrorCode>>,
) -> Result<Vec<Said>, CoreGone> {
    let mut calls = calls.into_iter().peekable();
    let mut answers = Vec::new();
    while calls.peek().is_some() {
        let together = calls.by_ref().take(TOGETHER_MAX);
        let asked = together.map(|call| {
            let asked = call.map(|call| cx.shards.group(call));
            async move {
                match asked {
                    Ok(answer) => answer.await,
                    Err(code) => Ok(Err(code)),
                }
            }
        });
        for answer in join_all(asked.collect()).await {
            answers.push(answer?);
        }
    }
    Ok(answers)
}
