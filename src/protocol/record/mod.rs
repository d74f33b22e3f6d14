//! Record batches, format v2 (KIP-98): what producers send, logs keep and consumers read.
//!
//! Pure: bytes in, bytes or verdicts out; time is an argument. A batch is one 61-byte header and
//! a body of records, compressed as one block if a codec is set. Offsets and the leader epoch
//! lie outside the checksum, so a broker places a batch with [`stamp`] and never touches the rest.
//!
//! - [`BatchHeader`], [`Batches`]: the header, and the batches of a byte range one by one.
//! - [`Records`], [`Record`], [`ControlRecord`]: the records of an uncompressed body, borrowed.
//! - [`Decompressor`], [`decompress`], [`compress`]: bodies in any [`Codec`], bounded.
//! - [`Validation`]: what a leader checks of a produced batch, in steps; [`RecordError`].
//! - [`find_by_timestamp`]: the record of a batch that a seek by time wants.
//! - [`BatchBuilder`], [`control_batch`]: making batches. [`retain_records`], [`empty_batch`]:
//!   making them anew with fewer records.
//! - [`crc32c`]: the checksum.

mod batch;
mod builder;
mod codec;
mod compression;
mod control;
mod crc;
mod error;
mod header;
mod records;
mod rejection;
mod retain;
mod rules;
mod search;
#[cfg(test)]
mod tests;
mod validation;
mod varint;
mod verdict;
mod walk;

pub use batch::{Batch, Batches};
pub use builder::{BatchBuilder, BatchSpec, build_batch, control_batch};
pub use codec::Codec;
pub use compression::{Compression, CompressionError, Decompressor, Piece, compress, decompress};
pub use control::ControlRecord;
pub use crc::crc32c;
pub use error::BatchError;
pub use header::{
    Attributes, BATCH_HEADER_BYTES, BatchHeader, LENGTH_PREFIX_BYTES, MAGIC, NO_EPOCH,
    NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, TimestampType,
    increment_sequence, stamp, stamp_log_append_time, stamp_max_timestamp, verify_crc,
    write_header,
};
pub use records::{Header, Headers, Record, RecordParts, Records};
pub use rejection::{InvalidBatch, RecordError, RecordFault, RejectedRecord, RejectedRecords};
pub use retain::{empty_batch, retain_records};
pub use rules::{Rules, TargetCompression};
pub use search::{ReadError, TimestampOffset, find_by_timestamp};
pub use validation::{STEP_BUDGET_BYTES, Step, Validated, Validation, validate};
