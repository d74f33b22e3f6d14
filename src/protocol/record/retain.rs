//! Making a batch anew with some of its records, or with none: what compaction leaves of it.
//!
//! Base offset, last offset delta, producer and base sequence stay what they were, so that every
//! record keeps its offset and the producer's last sequence is still known.

use crate::model::TimestampMs;

use super::compression::Compressor;
use super::header::write_header;
use super::varint::{Cursor, put_varint, put_varlong};
use super::{
    BATCH_HEADER_BYTES, BatchError, BatchHeader, Codec, Compression, LENGTH_PREFIX_BYTES,
    NO_TIMESTAMP, TimestampType,
};

/// The batch with those of its records that `kept` says, in their order, by the same codec.
///
/// `plain` is the decompressed body, `kept` has an entry for each of its records and at least one
/// stays. A delete horizon becomes the base timestamp (KIP-534); without one the batch keeps the
/// base timestamp, and the horizon, that it has.
///
/// # Errors
/// A malformed record.
pub fn retain_records(
    header: &BatchHeader,
    plain: &[u8],
    kept: &[bool],
    delete_horizon_ms: Option<TimestampMs>,
) -> Result<Vec<u8>, BatchError> {
    assert!(kept.contains(&true), "an emptied batch has a header only");
    let compression = Compression::from(header.codec()?);
    let mut body = Compressor::new(compression, vec![0; BATCH_HEADER_BYTES]);
    let (mut cursor, mut moved) = (Cursor::new(plain), Vec::new());
    let (mut record_count, mut max_timestamp) = (0, NO_TIMESTAMP);
    for (index, stays) in (0..).zip(kept) {
        let record = RawRecord::read(&mut cursor).ok_or(BatchError::Record { index })?;
        if !stays {
            continue;
        }
        let timestamp = header.base_timestamp.wrapping_add(record.timestamp_delta);
        (record_count, max_timestamp) = (record_count + 1, max_timestamp.max(timestamp));
        match delete_horizon_ms {
            None => body.write(record.bytes),
            Some(horizon_ms) => {
                moved.clear();
                record.put(&mut moved, timestamp.wrapping_sub(horizon_ms));
                body.write(&moved);
            }
        }
    }
    let mut header = BatchHeader {
        record_count,
        ..*header
    };
    if header.timestamp_type() == TimestampType::CreateTime {
        header.max_timestamp = max_timestamp;
    }
    if let Some(horizon_ms) = delete_horizon_ms {
        header.base_timestamp = horizon_ms;
        header.attributes = header.attributes.with_delete_horizon(true);
    }
    Ok(sealed(header, body.finish()))
}

/// The batch without its records: it tells of its producer's sequence and of the offsets passed.
pub fn empty_batch(header: &BatchHeader) -> Vec<u8> {
    let attributes = header.attributes.with_codec(Codec::None);
    let header = BatchHeader {
        attributes: attributes.with_delete_horizon(false),
        base_timestamp: NO_TIMESTAMP,
        record_count: 0,
        ..*header
    };
    sealed(header, vec![0; BATCH_HEADER_BYTES])
}

/// The header before the records in `bytes`, where its room is.
fn sealed(header: BatchHeader, mut bytes: Vec<u8>) -> Vec<u8> {
    let header = BatchHeader {
        length: (bytes.len() - LENGTH_PREFIX_BYTES) as i32,
        attributes: header.attributes.defined(),
        ..header
    };
    let _crc = write_header(&mut bytes, &header);
    bytes
}

/// A record as it stands in a body.
struct RawRecord<'a> {
    /// All of it, its length first.
    bytes: &'a [u8],
    attributes: u8,
    timestamp_delta: i64,
    /// From its offset delta on.
    rest: &'a [u8],
}

impl<'a> RawRecord<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let mut start = *cursor;
        let body = cursor.varint()?;
        let body = cursor.take(usize::try_from(body).ok()?)?;
        let mut fields = Cursor::new(body);
        Some(Self {
            attributes: fields.byte()?,
            timestamp_delta: fields.varlong()?,
            rest: &body[fields.position()..],
            bytes: start.take(cursor.position() - start.position())?,
        })
    }

    /// Appends it with another timestamp delta.
    fn put(&self, out: &mut Vec<u8>, timestamp_delta: i64) {
        let mut delta = Vec::with_capacity(10);
        put_varlong(&mut delta, timestamp_delta);
        put_varint(out, (1 + delta.len() + self.rest.len()) as i32);
        out.push(self.attributes);
        out.extend_from_slice(&delta);
        out.extend_from_slice(self.rest);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Attributes, BatchBuilder, BatchSpec, Batches, Header, RecordParts, Records, decompress,
    };
    use super::*;

    const HEADERS: [Header<'static>; 1] = [Header {
        key: b"h",
        value: None,
    }];

    /// Five records; keys "0" to "4", timestamps 1,000 to 1,004, every second one a tombstone.
    fn batch(codec: Codec, timestamp_type: TimestampType) -> Vec<u8> {
        let mut builder = BatchBuilder::new(BatchSpec {
            base_offset: 100,
            leader_epoch: 3,
            compression: codec.into(),
            timestamp_type,
            producer_id: 7,
            producer_epoch: 1,
            base_sequence: 40,
            ..BatchSpec::default()
        });
        for index in 0..5 {
            let key = index.to_string();
            let parts = RecordParts {
                key: Some(key.as_bytes()),
                value: (index % 2 == 0).then_some(b"value".as_slice()),
                headers: &HEADERS,
            };
            builder.append(1_000 + index, &parts);
        }
        builder.build()
    }

    /// Offset, timestamp, key and value of each record, and the header of the batch.
    #[expect(clippy::type_complexity, reason = "a test's own tuple")]
    fn read(bytes: &[u8]) -> (BatchHeader, Vec<(i64, i64, Vec<u8>, Option<Vec<u8>>)>) {
        let batch = Batches::new(bytes).next().expect("one batch");
        batch.verify_crc().expect("a right checksum");
        assert_eq!(batch.bytes.len(), bytes.len());
        let codec = batch.header.codec().expect("a known codec");
        let plain = decompress(codec, batch.body(), 1 << 20).expect("it decompresses");
        let records = Records::new(batch.header, &plain).map(|record| {
            let record = record.expect("a whole record");
            assert_eq!(record.headers.iter().next(), Some(HEADERS[0]));
            let key = record.key.unwrap_or_default().to_vec();
            let value = record.value.map(<[u8]>::to_vec);
            (record.offset, record.timestamp, key, value)
        });
        (batch.header, records.collect())
    }

    fn retained(bytes: &[u8], kept: &[bool], horizon_ms: Option<i64>) -> Vec<u8> {
        let batch = Batches::new(bytes).next().unwrap();
        let codec = batch.header.codec().unwrap();
        let plain = decompress(codec, batch.body(), 1 << 20).unwrap();
        retain_records(&batch.header, &plain, kept, horizon_ms).unwrap()
    }

    #[test]
    fn what_stays_is_what_it_was_in_every_codec() {
        let kept = [true, false, true, true, false];
        for codec in Codec::ALL {
            for timestamp_type in [TimestampType::CreateTime, TimestampType::LogAppendTime] {
                let before = batch(codec, timestamp_type);
                let (header, records) = read(&before);
                let (after, left) = read(&retained(&before, &kept, None));
                let wanted = records.iter().zip(kept).filter(|(_, stays)| *stays);
                assert!(left.iter().eq(wanted.map(|(record, _)| record)), "{codec}");
                let max_timestamp = match timestamp_type {
                    TimestampType::CreateTime => 1_003,
                    TimestampType::LogAppendTime => 1_004,
                };
                let expected = BatchHeader {
                    record_count: 3,
                    max_timestamp,
                    length: after.length,
                    crc: after.crc,
                    ..header
                };
                assert_eq!(after, expected);
                assert_eq!(after.last_offset(), 104);
                assert_eq!(after.next_sequence(), 45);
            }
        }
    }

    #[test]
    fn a_delete_horizon_changes_no_timestamp() {
        for codec in Codec::ALL {
            let before = batch(codec, TimestampType::CreateTime);
            let horizon_ms = 1_700_000_000_000;
            let once = retained(&before, &[true; 5], Some(horizon_ms));
            let (header, records) = read(&once);
            assert_eq!(records, read(&before).1);
            assert!(header.attributes.has_delete_horizon());
            assert_eq!(header.base_timestamp, horizon_ms);
            let (again, left) = read(&retained(&once, &[false, true, true, true, true], None));
            assert_eq!(left, records[1..]);
            assert!(again.attributes.has_delete_horizon());
            assert_eq!(again.base_timestamp, horizon_ms);
        }
    }

    #[test]
    fn an_emptied_batch_is_a_header_that_knows_its_producer() {
        let before = batch(Codec::Zstd, TimestampType::CreateTime);
        let bytes = empty_batch(&read(&before).0);
        assert_eq!(bytes.len(), BATCH_HEADER_BYTES);
        let (header, records) = read(&bytes);
        assert!(records.is_empty());
        assert_eq!((header.base_offset, header.last_offset()), (100, 104));
        assert_eq!((header.producer_id, header.next_sequence()), (7, 45));
        assert_eq!(header.attributes, Attributes(0));
        assert_eq!(header.max_timestamp, 1_004);
    }

    #[test]
    fn a_body_that_is_cut_off_is_an_error() {
        let before = batch(Codec::None, TimestampType::CreateTime);
        let found = Batches::new(&before).next().unwrap();
        let body = &found.body()[..found.body().len() - 1];
        let error = retain_records(&found.header, body, &[true; 5], None);
        assert_eq!(error, Err(BatchError::Record { index: 4 }));
    }
}
