//! Why bytes are not a record batch.

use thiserror::Error;

/// Bytes that are no batch of format v2, or a batch that contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// Fewer bytes than the header, or than the batch's own length says.
    #[error("batch is cut off: {have} bytes of {need}")]
    Truncated {
        /// Bytes that are there.
        have: usize,
        /// Bytes that must be there.
        need: usize,
    },
    /// The length field leaves no room for the rest of the header; zeros of padding look so.
    #[error("batch length {0} is impossible")]
    Length(i32),
    /// Not format v2: an old message set (0, 1), or garbage.
    #[error("magic {0} is not 2")]
    Magic(i8),
    /// The checksum does not match: the bytes were damaged.
    #[error("stored checksum {stored:#010x} is not the computed {computed:#010x}")]
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// The attributes name a codec that nobody has defined.
    #[error("unknown compression codec {0}")]
    Codec(u8),
    /// The header counts a negative number of records.
    #[error("record count {0} is impossible")]
    RecordCount(i32),
    /// A record that does not end where its length says, or whose parts do not fit into it.
    #[error("record {index} of the batch is malformed")]
    Record {
        /// Position of the record in its batch, from 0.
        index: i32,
    },
    /// Bytes after the last record the header counts.
    #[error("{0} bytes after the last record")]
    TrailingBytes(usize),
}
