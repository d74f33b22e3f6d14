//! The records of a coordinator as a batch of its log.

use crate::config::BrokerConfig;
use crate::coordinator::group::record::GroupRecord;
use crate::model::TimestampMs;
use crate::protocol::record::{BatchBuilder, BatchSpec, Codec, Compression, RecordParts};
use crate::protocol::wire::Unencodable;

/// How the records of groups are compressed: `offsets.topic.compression.codec`.
pub(super) fn offsets_compression(config: &BrokerConfig) -> Compression {
    let id = config.settings.text("offsets.topic.compression.codec");
    let id = id.and_then(|id| id.parse().ok());
    id.and_then(Codec::from_id).unwrap_or_default().into()
}

/// A batch of records may be so large; Kafka's own are an eighth of it.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// Records that make no batch.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodeError {
    /// Together they are too large.
    #[error("its batch would be larger than {BATCH_BYTES_MAX} bytes")]
    TooLarge,
    /// One of them has a text that is too long.
    #[error(transparent)]
    Unencodable(#[from] Unencodable),
}

/// One batch of these records, all with one timestamp; its offsets begin at 0.
pub(super) fn encode_batch(
    records: &[GroupRecord],
    compression: Compression,
    now_ms: TimestampMs,
) -> Result<Vec<u8>, EncodeError> {
    let mut builder = BatchBuilder::new(BatchSpec {
        compression,
        ..BatchSpec::default()
    });
    for record in records {
        let (key, value) = record.encode()?;
        let parts = RecordParts {
            key: Some(&key),
            value: value.as_deref(),
            headers: &[],
        };
        if builder.plain_bytes_with(now_ms, &parts) > BATCH_BYTES_MAX {
            return Err(EncodeError::TooLarge);
        }
        builder.append(now_ms, &parts);
    }
    Ok(builder.build())
}
