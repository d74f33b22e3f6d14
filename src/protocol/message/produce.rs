//! Produce (key 0).
//!
//! Versions: 5 log start offset; 7 zstd (KIP-110); 8 record errors (KIP-467); 9 flexible; 10 new
//! leader (KIP-951); 12 implicit transaction partitions (KIP-890); 13 topic ids (KIP-516). 0-2 are
//! advertised for old librdkafka builds and refused.

use super::Message;
use crate::model::Uuid;
use crate::protocol::wire::{Malformed, Reader, RecordsField};

message! {
    /// Record batches to append, one run per partition. Everything is borrowed from the frame.
    ProduceRequest<'a>: request 0, versions 3..=13, flexible 9.. {
        transactional_id: Option<&'a str> [3.., null, default null],
        acks: i16,
        timeout_ms: i32,
        topic_data: Vec<TopicProduceData<'a>>,
    }

    /// An element of [`ProduceRequest::topic_data`].
    TopicProduceData<'a> {
        name: &'a str [0..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partition_data: Vec<PartitionProduceData<'a>>,
    }

    /// An element of [`TopicProduceData::partition_data`].
    PartitionProduceData<'a> {
        index: i32,
        records: Option<RecordsField<'a>> [null, default null],
    }
}

message! {
    /// Where the batches went. Nobody gets one who asked with acks 0.
    ProduceResponse<'a>: response 0, versions 3..=13, flexible 9.. {
        responses: Vec<TopicProduceResponse<'a>>,
        throttle_time_ms: i32 [1.., ignorable],
        node_endpoints: Vec<NodeEndpoint<'a>> [10.., tag 0],
    }

    /// An element of [`ProduceResponse::responses`].
    TopicProduceResponse<'a> {
        name: &'a str [0..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partition_responses: Vec<PartitionProduceResponse<'a>>,
    }

    /// An element of [`TopicProduceResponse::partition_responses`].
    PartitionProduceResponse<'a> {
        index: i32,
        error_code: i16,
        base_offset: i64,
        log_append_time_ms: i64 [2.., default -1, ignorable],
        log_start_offset: i64 [5.., default -1, ignorable],
        record_errors: Vec<BatchIndexAndErrorMessage<'a>> [8.., ignorable],
        error_message: Option<&'a str> [8.., null, default null, ignorable],
        current_leader: LeaderIdAndEpoch [10.., tag 0],
    }

    /// An element of [`PartitionProduceResponse::record_errors`].
    BatchIndexAndErrorMessage<'a> {
        batch_index: i32 [8..],
        batch_index_error_message: Option<&'a str> [8.., null, default null],
    }

    /// The value of [`PartitionProduceResponse::current_leader`].
    LeaderIdAndEpoch {
        leader_id: i32 [10.., default -1],
        leader_epoch: i32 [10.., default -1],
    }

    /// An element of [`ProduceResponse::node_endpoints`].
    NodeEndpoint<'a> {
        node_id: i32 [10..],
        host: &'a str [10..],
        port: i32 [10..],
        rack: Option<&'a str> [10.., null, default null],
    }
}

/// The one run of batches of a produce request that has no other, known before it has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoleBatch<'a> {
    /// Its topic's name; empty where the version has ids.
    pub name: &'a str,
    /// Its topic's id; zero where the version has names.
    pub topic_id: Uuid,
    /// The partition's number.
    pub index: i32,
    /// Where the batch begins, from the beginning of the frame.
    pub at: usize,
    /// Its bytes.
    pub len: usize,
}

impl<'a> SoleBatch<'a> {
    /// Reads the beginning of a [`ProduceRequest`] up to its records; `body` stands behind the
    /// request's head. `None` if there are more partitions than one, or none.
    pub fn find(mut body: Reader<'a>, version: i16) -> Result<Option<Self>, Malformed> {
        let flexible = ProduceRequest::FLEXIBLE.contain(version);
        let r = &mut body;
        if let Some(len) = r.short_len(flexible)? {
            r.take(len)?;
        }
        r.take(size_of::<i16>() + size_of::<i32>())?;
        if r.long_len(flexible)? != Some(1) {
            return Ok(None);
        }
        let (mut name, mut topic_id) = ("", Uuid::ZERO);
        match version {
            13.. => topic_id = r.uuid()?,
            _ => {
                let len = r.short_len(flexible)?.unwrap_or_default();
                name = r.text(len)?;
            }
        }
        if r.long_len(flexible)? != Some(1) {
            return Ok(None);
        }
        let index = r.array().map(i32::from_be_bytes)?;
        let len = r.long_len(flexible)?;
        Ok(len.map(|len| Self {
            name,
            topic_id,
            index,
            at: r.position(),
            len,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::api_key::ApiKey;
    use crate::protocol::frame::{self, PREFIX_LEN, RequestHead};

    fn framed(partitions: i32, version: i16) -> Vec<u8> {
        let batch = [7; 100];
        let data = |index| PartitionProduceData {
            index,
            records: Some(RecordsField::Borrowed(&batch)),
        };
        let topic = TopicProduceData {
            name: "orders",
            topic_id: Uuid::from_bytes([3; 16]),
            partition_data: (0..partitions).map(data).collect(),
        };
        let request = ProduceRequest {
            acks: -1,
            topic_data: vec![topic],
            ..Default::default()
        };
        let encoded = frame::request(&request, version, 5, Some("me")).unwrap();
        encoded.flatten([])[PREFIX_LEN..].to_vec()
    }

    fn found(frame: &[u8]) -> Result<Option<SoleBatch<'_>>, Malformed> {
        let (head, body) = RequestHead::parse(frame).unwrap();
        assert_eq!(head.api, ApiKey::Produce);
        SoleBatch::find(body, head.version)
    }

    #[test]
    fn the_sole_batch_is_found_before_it_has_arrived() {
        for version in 3..=13 {
            let frame = framed(1, version);
            let at = frame.windows(100).position(|w| w == [7; 100]).unwrap();
            for arrived in at..frame.len() {
                let sole = found(&frame[..arrived]).unwrap().unwrap();
                assert_eq!((sole.index, sole.at, sole.len), (0, at, 100));
                assert_eq!(sole.name, if version < 13 { "orders" } else { "" });
                assert_eq!(sole.topic_id == Uuid::ZERO, version < 13);
            }
            assert!(found(&frame[..at - 1]).is_err());
        }
    }

    #[test]
    fn several_batches_are_not_a_sole_one() {
        for version in 3..=13 {
            assert_eq!(found(&framed(2, version)), Ok(None));
            assert_eq!(found(&framed(0, version)), Ok(None));
        }
    }
}
