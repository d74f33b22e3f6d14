//! Record batches, format v2 (KIP-98): what producers send, logs keep and consumers read.
//!
//! Pure: bytes in, bytes or verdicts out; time is an argument. A batch is one 61-byte header and
//! a body of records, compressed as one block if a codec is set. Offsets and the leader epoch
//! lie outside the checksum, so a broker places a batch with [`stamp`] and never touches the rest.
//!
//! - [`BatchHeader`], [`Batches`]: the header, and the batches of a byte range one by one.
//! - [`Records`], [`Record`]: the records of an uncompressed body, borrowed.
//! - [`crc32c`]: the checksum.

mod batch;
mod builder;
mod codec;
mod compression;
mod control;
mod crc;
mod error;
mod record;
mod rejection;
#[cfg(test)]
mod tests;
mod validation;
mod varint;
mod walk;

pub use batch::{
    Attributes, BATCH_HEADER_BYTES, Batch, BatchHeader, Batches, LENGTH_PREFIX_BYTES, MAGIC,
    NO_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, TimestampType,
    increment_sequence, stamp, stamp_log_append_time, stamp_max_timestamp, verify_crc,
};
pub use builder::{BatchBuilder, BatchSpec, build_batch, control_batch};
pub use codec::Codec;
pub use compression::{Compression, CompressionError, Decompressor, compress, decompress};
pub use control::ControlRecord;
pub use crc::crc32c;
pub use error::BatchError;
pub use record::{Header, Headers, Record, RecordParts, Records};
pub use rejection::{InvalidBatch, RecordError, RecordFault, RejectedRecord, RejectedRecords};
pub use validation::{
    Rules, STEP_BUDGET_BYTES, Step, TargetCompression, Validated, Validation, validate,
};
