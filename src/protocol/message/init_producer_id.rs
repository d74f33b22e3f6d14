//! InitProducerId (key 22).
//!
//! Versions: 2 flexible; 3 resume with an id and epoch (KIP-360); 4 PRODUCER_FENCED; 5
//! TRANSACTION_ABORTABLE (KIP-890); 6 two-phase commit (KIP-939), not stable in Kafka 4.4.0 and
//! therefore not advertised.

message! {
    /// Asks for a producer id; without a transactional id it is for idempotence alone.
    InitProducerIdRequest: request 22, versions 0..=6, flexible 2.. {
        transactional_id: Option<String> [null],
        transaction_timeout_ms: i32,
        producer_id: i64 [3.., default -1],
        producer_epoch: i16 [3.., default -1],
        enable2_pc: bool [6..],
        keep_prepared_txn: bool [6..],
    }
}

message! {
    /// The producer id and its epoch.
    InitProducerIdResponse: response 22, versions 0..=6, flexible 2.. {
        throttle_time_ms: i32 [ignorable],
        error_code: i16,
        producer_id: i64 [default -1],
        producer_epoch: i16,
        ongoing_txn_producer_id: i64 [6.., default -1],
        ongoing_txn_producer_epoch: i16 [6.., default -1],
    }
}
