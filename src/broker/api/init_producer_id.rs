//! InitProducerId (key 22), v0-5
//!
//! Behaviour: a producer without a transactional id gets an id that nobody else has and epoch 0,
//!            also when it names the one it had: as in Kafka it begins anew. An id without epoch,
//!            or an epoch without id, is INVALID_REQUEST, so is an empty transactional id. While
//!            no block of ids can be had the answer is COORDINATOR_LOAD_IN_PROGRESS, after which
//!            the Java client and librdkafka try again.
//! Versions:  v2 flexible · v3 id and epoch (KIP-360) · v4 PRODUCER_FENCED · v5 TV2 (KIP-890)
//! Not done:  transactional ids are refused with TRANSACTIONAL_ID_AUTHORIZATION_FAILED, the one
//!            code after which the Java client and librdkafka both fail at once for good; after
//!            any other librdkafka asks again for ever

use std::cell::Cell;

use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, ProducerIds, Request};
use crate::broker::dispatch::CloseConnection;
use crate::metadata::controller::ProducerIdBlock;
use crate::model::ProducerId;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use crate::shard::{ControlCall, ControlReply, CoreGone};

/// Gives a producer its id.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: InitProducerIdRequest,
) -> Result<InitProducerIdResponse, CloseConnection> {
    let given = match check(cx, request, &message) {
        Ok(()) => next_id(cx).await?,
        Err(code) => Err(code),
    };
    Ok(InitProducerIdResponse {
        error_code: given.err().unwrap_or(ErrorCode::None).code(),
        producer_id: given.unwrap_or(-1),
        producer_epoch: if given.is_ok() { 0 } else { -1 },
        ..Default::default()
    })
}

fn check(
    cx: &Context,
    request: &Request,
    message: &InitProducerIdRequest,
) -> Result<(), ErrorCode> {
    match message.transactional_id.as_deref() {
        None if !cx.may(request, Operation::IdempotentWrite, Resource::Cluster) => {
            Err(ErrorCode::ClusterAuthorizationFailed)
        }
        None if is_half_named(message) => Err(ErrorCode::InvalidRequest),
        None => Ok(()),
        Some(id) if !cx.may(request, Operation::Write, Resource::TransactionalId(id)) => {
            Err(ErrorCode::TransactionalIdAuthorizationFailed)
        }
        Some("") => Err(ErrorCode::InvalidRequest),
        Some(_) => Err(ErrorCode::TransactionalIdAuthorizationFailed),
    }
}

/// Whether of the id and the epoch that the producer had only one is named.
fn is_half_named(message: &InitProducerIdRequest) -> bool {
    (message.producer_id == -1) != (message.producer_epoch == -1)
}

/// An id of this core's block, or of a new one.
async fn next_id(cx: &Context) -> Result<Result<ProducerId, ErrorCode>, CoreGone> {
    if let Some(id) = take(&cx.producer_ids) {
        return Ok(Ok(id));
    }
    let block = match cx.shards.control(ControlCall::ProducerIds).await? {
        ControlReply::ProducerIds(block) => block.ok(),
        ControlReply::NoStorage => None,
        other => unreachable!("asked for ProducerIds, got {other:?}"),
    };
    Ok(block
        .and_then(|block| {
            refill(&cx.producer_ids, block);
            take(&cx.producer_ids)
        })
        .ok_or(ErrorCode::CoordinatorLoadInProgress))
}

fn take(ids: &ProducerIds) -> Option<ProducerId> {
    let id = ids.next.get();
    if ids.left.get() <= 0 {
        return None;
    }
    step(&ids.next, 1);
    step(&ids.left, -1);
    Some(id)
}

/// Takes a new block. What is left of one that another producer fetched meanwhile is given up:
/// ids need to be unique, not dense.
fn refill(ids: &ProducerIds, block: ProducerIdBlock) {
    ids.next.set(block.first);
    ids.left.set(block.len);
}

fn step(number: &Cell<i64>, by: i64) {
    number.set(number.get() + by);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_given_out_once() {
        let ids = ProducerIds::default();
        assert_eq!(take(&ids), None);
        refill(
            &ids,
            ProducerIdBlock {
                first: 1000,
                len: 2,
            },
        );
        assert_eq!(
            [take(&ids), take(&ids), take(&ids)],
            [Some(1000), Some(1001), None]
        );
    }

    #[test]
    fn an_id_comes_with_its_epoch() {
        let named = |producer_id, producer_epoch| {
            is_half_named(&InitProducerIdRequest {
                producer_id,
                producer_epoch,
                ..Default::default()
            })
        };
        assert!(!named(-1, -1) && !named(5, 0));
        assert!(named(5, -1) && named(-1, 0));
    }
}
