//! Finding a record within a batch by its timestamp, for ListOffsets and seeks by time.

use thiserror::Error;

use crate::model::{Offset, TimestampMs};

use super::walk::{RecordWalk, Seen};
use super::{Batch, BatchError, CompressionError, Decompressor, TimestampType};

/// Where a record stands in time and in its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// The record's timestamp.
    pub timestamp: TimestampMs,
    /// The record's offset.
    pub offset: Offset,
}

/// A stored batch that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// Its codec or its records are not what they should be.
    #[error("{0}")]
    Batch(#[from] BatchError),
    /// Its body does not decompress.
    #[error("{0}")]
    Compression(#[from] CompressionError),
}

/// The first record at or after `from` whose timestamp is at least `timestamp`.
///
/// With the batch's own maximum timestamp it gives the record that has it, as ListOffsets wants
/// (KIP-734). Decompresses up to the record, at most `bytes_max` bytes; keeps nothing.
pub fn find_by_timestamp(
    batch: &Batch<'_>,
    timestamp: TimestampMs,
    from: Offset,
    bytes_max: usize,
) -> Result<Option<TimestampOffset>, ReadError> {
    let header = batch.header;
    let mut walk = RecordWalk::new(header.record_count);
    let mut body = Decompressor::new(header.codec()?, batch.body(), bytes_max);
    let mut found = None;
    while found.is_none() {
        let Some(piece) = body.next_piece()? else {
            return Ok(None);
        };
        walk.feed(piece.out, |seen| {
            let place = place_of(batch, seen);
            if found.is_none() && place.timestamp >= timestamp && place.offset >= from {
                found = Some(place);
            }
        })?;
    }
    Ok(found)
}

fn place_of(batch: &Batch<'_>, seen: Seen) -> TimestampOffset {
    let header = &batch.header;
    let created = header.base_timestamp.wrapping_add(seen.timestamp_delta);
    TimestampOffset {
        timestamp: match header.timestamp_type() {
            TimestampType::CreateTime => created,
            TimestampType::LogAppendTime => header.max_timestamp,
        },
        offset: header.base_offset.wrapping_add(seen.offset_delta.into()),
    }
}
