//! Produce (key 0).
//!
//! Versions: 5 log start offset; 7 zstd (KIP-110); 8 record errors (KIP-467); 9 flexible; 10 new
//! leader (KIP-951); 12 implicit transaction partitions (KIP-890); 13 topic ids (KIP-516). 0-2 are
//! advertised for old librdkafka builds and refused.

use crate::model::Uuid;
use crate::protocol::wire::RecordsField;

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
