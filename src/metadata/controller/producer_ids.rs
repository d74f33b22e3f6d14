//! Blocks of producer ids: unique for ever in the cluster (KIP-98, AllocateProducerIds).

use super::error::ApiError;
use super::{Controller, Outcome};
use crate::model::{NodeId, ProducerId};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::metadata_record::config::ProducerIdsRecord;

/// How many ids a block has.
pub const PRODUCER_ID_BLOCK_LEN: i64 = 1000;

/// Ids that one broker may give out, once the record is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    /// The first id.
    pub first: ProducerId,
    /// How many there are.
    pub len: i64,
}

impl Controller<'_> {
    /// The next block for this broker in this registration.
    pub fn allocate_producer_ids(
        &self,
        broker_id: NodeId,
        broker_epoch: i64,
    ) -> Result<Outcome<ProducerIdBlock>, ApiError> {
        let broker = self.image.brokers.get(&broker_id);
        if broker.is_none_or(|broker| broker.epoch != broker_epoch) {
            return Err(ApiError::bare(ErrorCode::StaleBrokerEpoch));
        }
        let first = self.image.next_producer_id.max(0);
        let Some(next_producer_id) = first.checked_add(PRODUCER_ID_BLOCK_LEN) else {
            let message = "Exhausted all producerIds as the next block's end producerId \
                           has exceeded the int64 type limit";
            return Err(ApiError::new(ErrorCode::UnknownServerError, message));
        };
        let record = ProducerIdsRecord {
            broker_id,
            broker_epoch,
            next_producer_id,
        };
        let block = ProducerIdBlock {
            first,
            len: PRODUCER_ID_BLOCK_LEN,
        };
        Ok(Outcome {
            records: vec![record.into()],
            response: block,
        })
    }
}
