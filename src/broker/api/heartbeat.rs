//! Heartbeat (key 12), v0-4
//!
//! Behaviour: keeps a member of a classic group alive and tells it of a rebalance by
//!            REBALANCE_IN_PROGRESS. While the coordinator is loading every heartbeat is fine, as
//!            in Kafka: sessions begin anew when it is done.
//! Versions:  v3 static members (KIP-345) · v4 flexible
//! Not done:  –

use super::by_group::{check_group_of_member, expect_answer};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::coordinator::group::answer::Answer;
use crate::coordinator::group::coordinator::Call;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::shard::Said;

/// Takes a member's heartbeat.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: HeartbeatRequest,
) -> Result<HeartbeatResponse, CloseConnection> {
    let said = match check_group_of_member(cx, request, &message.group_id) {
        Err(code) => Err(code),
        Ok(()) => {
            let call = Call::Heartbeat {
                group: message.group_id,
                member_id: message.member_id,
                instance_id: message.group_instance_id.map(Into::into),
                generation: message.generation_id,
            };
            cx.shards.group(call).await?
        }
    };
    Ok(HeartbeatResponse {
        error_code: code(said).code(),
        ..Default::default()
    })
}

fn code(said: Said) -> ErrorCode {
    match said {
        Ok(answer) => expect_answer!(answer, Answer::Heartbeat(code) => code),
        Err(ErrorCode::CoordinatorLoadInProgress) => ErrorCode::None,
        Err(code) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loading_coordinator_takes_every_heartbeat() {
        assert_eq!(
            code(Err(ErrorCode::CoordinatorLoadInProgress)),
            ErrorCode::None
        );
        assert_eq!(
            code(Err(ErrorCode::NotCoordinator)),
            ErrorCode::NotCoordinator
        );
        let rebalance = Answer::Heartbeat(ErrorCode::RebalanceInProgress);
        assert_eq!(code(Ok(rebalance)), ErrorCode::RebalanceInProgress);
    }
}
