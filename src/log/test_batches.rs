//! Batches for this room's own tests.

use crate::model::Offset;
use crate::protocol::record::{Attributes, BatchHeader, crc32c};

/// A header of `records` records at `base_offset`, 61 + 10 bytes a record, timestamp 1,000.
pub(super) fn header(base_offset: Offset, records: i32) -> BatchHeader {
    BatchHeader {
        base_offset,
        length: 49 + records * 10,
        leader_epoch: 0,
        crc: 0,
        attributes: Attributes(0),
        last_offset_delta: records - 1,
        base_timestamp: 1_000,
        max_timestamp: 1_000,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        record_count: records,
    }
}

/// The bytes of a batch with a right checksum; its body is not made of records.
pub(super) fn bytes(header: &BatchHeader) -> Vec<u8> {
    let mut bytes = header.to_bytes().to_vec();
    let body = (header.base_offset..).map(|byte| byte as u8);
    bytes.extend(body.take(header.size_bytes() - bytes.len()));
    let checksum = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
    bytes
}
