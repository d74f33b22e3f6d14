//! LeaveGroup (key 13), v0-5
//!
//! Behaviour: members leave, or an administrator names static members by instance id alone; from
//!            version 3 on each has its own answer. In a group that is not there nobody is a
//!            member: UNKNOWN_MEMBER_ID for each.
//! Versions:  v3 several members (KIP-345) · v4 flexible · v5 reason (KIP-800)
//! Not done:  a consumer group whose last member of the new protocol is removed here stays one

use super::by_group::{expect_answer, group_of_member};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::coordinator::group::answer::Answer;
use crate::coordinator::group::classic::{LeaveRequest, Leaving};
use crate::coordinator::group::coordinator::Call;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::leave_group::{
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
};
use crate::shard::Said;

/// The first version with several members.
const MEMBERS_FROM: i16 = 3;

/// Takes members out.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: LeaveGroupRequest,
) -> Result<LeaveGroupResponse, CloseConnection> {
    let group = group_of_member(cx, request, &message.group_id);
    let members = members(message, request.version);
    let said = match group {
        Err(code) => Err(code),
        Ok(group) => {
            let members = members.iter().map(leaving).collect();
            let call = Call::Leave(group, LeaveRequest { members });
            cx.shards.group(call).await?
        }
    };
    Ok(response(request.version, members, said))
}

/// Who leaves, in the form of version 3.
fn members(message: LeaveGroupRequest, version: i16) -> Vec<MemberIdentity> {
    if version >= MEMBERS_FROM {
        return message.members;
    }
    vec![MemberIdentity {
        member_id: message.member_id,
        ..Default::default()
    }]
}

fn leaving(member: &MemberIdentity) -> Leaving {
    Leaving {
        member_id: member.member_id.as_str().into(),
        instance_id: member.group_instance_id.as_deref().map(Into::into),
        reason: member.reason.clone(),
    }
}

fn response(version: i16, members: Vec<MemberIdentity>, said: Said) -> LeaveGroupResponse {
    let (error, codes) = match said {
        Ok(answer) => expect_answer!(answer, Answer::Leave(error, codes) => (error, codes)),
        Err(error) => (error, Vec::new()),
    };
    let (error, codes) = match error {
        ErrorCode::UnknownMemberId => (ErrorCode::None, vec![error; members.len()]),
        error => (error, codes),
    };
    if version < MEMBERS_FROM {
        let own = codes.first().copied().unwrap_or(ErrorCode::None);
        let code = match error {
            ErrorCode::None => own,
            error => error,
        };
        return LeaveGroupResponse {
            error_code: code.code(),
            ..Default::default()
        };
    }
    let each = members.into_iter().zip(codes);
    let each = each.map(|(member, code)| MemberResponse {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        error_code: code.code(),
    });
    LeaveGroupResponse {
        error_code: error.code(),
        members: each.collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(ids: &[&str]) -> Vec<MemberIdentity> {
        let member = |id: &&str| MemberIdentity {
            member_id: (*id).to_owned(),
            ..Default::default()
        };
        ids.iter().map(member).collect()
    }

    #[test]
    fn before_version_3_the_one_member_answers_for_all() {
        let codes = vec![ErrorCode::UnknownMemberId];
        let left = response(2, named(&["a"]), Ok(Answer::Leave(ErrorCode::None, codes)));
        assert_eq!((left.error_code, left.members.len()), (25, 0));
        let failed = response(0, named(&["a"]), Err(ErrorCode::NotCoordinator));
        assert_eq!(failed.error_code, 16);
    }

    #[test]
    fn later_each_member_has_its_own_answer() {
        let codes = vec![ErrorCode::None, ErrorCode::FencedInstanceId];
        let said = Ok(Answer::Leave(ErrorCode::None, codes));
        let left = response(3, named(&["a", "b"]), said);
        let told: Vec<_> = left
            .members
            .iter()
            .map(|member| (member.member_id.as_str(), member.error_code))
            .collect();
        assert_eq!((left.error_code, told), (0, vec![("a", 0), ("b", 82)]));
    }

    #[test]
    fn nobody_is_a_member_of_a_group_that_is_not_there() {
        let said = Ok(Answer::Leave(ErrorCode::UnknownMemberId, Vec::new()));
        let left = response(5, named(&["a", "b"]), said);
        assert_eq!(left.error_code, 0);
        assert!(left.members.iter().all(|member| member.error_code == 25));
        assert_eq!(left.members.len(), 2);
    }

    #[test]
    fn an_error_of_all_names_no_member() {
        let left = response(4, named(&["a"]), Err(ErrorCode::CoordinatorNotAvailable));
        assert_eq!((left.error_code, left.members.len()), (15, 0));
    }
}
