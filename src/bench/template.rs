//! Batches made once and patched for each use. Pure.

use super::value::{STAMP_BYTES, Stamp};
use super::workload::RecordBytes;
use crate::model::{ProducerEpoch, ProducerId, TimestampMs};
use crate::protocol::record::{
    BATCH_HEADER_BYTES, BatchHeader, BatchSpec, Batches, Codec, LENGTH_PREFIX_BYTES,
    NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, RecordParts, build_batch, crc32c, write_header,
};

/// A batch of records without stamps. Its beginning is a batch of fewer records, because a record
/// does not know how many follow.
#[derive(Clone, Debug)]
pub(super) struct Template {
    header: BatchHeader,
    bytes: Vec<u8>,
    records: Vec<Place>,
}

/// Where one record of a template is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Where its value begins, from the batch's first byte.
    value_at: usize,
    /// Where it ends.
    end: usize,
    payload_crc: u32,
    /// Bytes of the keys and values up to and including this record.
    payload_sum: u64,
}

/// The identity of an idempotent producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) producer_id: ProducerId,
    pub(super) epoch: ProducerEpoch,
}

/// What one use of a template is stamped with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    /// The first record's stamp; those of the others follow from it.
    pub(super) first: Stamp,
    /// The time in the batch's header.
    pub(super) timestamp: TimestampMs,
    pub(super) identity: Option<Identity>,
}

/// What the records of a template are like.
#[derive(Clone, Debug)]
pub(super) struct Shape<'a> {
    pub(super) sizes: &'a RecordBytes,
    pub(super) records: u32,
    pub(super) keys: u32,
    /// Half of each payload is constant, so that compression is real but not free.
    pub(super) compressible: bool,
}

impl Template {
    /// Makes a batch; all that varies is drawn from `random`.
    pub(super) fn new(shape: &Shape<'_>, random: &mut impl FnMut() -> u32) -> Self {
        let values: Vec<Vec<u8>> = (0..shape.records).map(|_| payload(shape, random)).collect();
        let keys: Vec<Option<String>> = (0..shape.records)
            .map(|_| (shape.keys > 0).then(|| format!("key-{:010}", random() % shape.keys)))
            .collect();
        let parts = values.iter().zip(&keys).map(|(value, key)| RecordParts {
            key: key.as_deref().map(str::as_bytes),
            value: Some(value),
            headers: &[],
        });
        Self::of(build_batch(BatchSpec::default(), 0, parts))
    }

    fn of(bytes: Vec<u8>) -> Self {
        let mut batches = Batches::new(&bytes);
        let batch = batches.next().expect("a batch that was just built");
        let mut payload_sum = 0;
        let records = batch.records().map(|record| {
            let record = record.expect("a record that was just built");
            let value = record.value.expect("a template's records have values");
            let value_at = value.as_ptr().addr() - bytes.as_ptr().addr();
            payload_sum += (value.len() + record.key.map_or(0, <[u8]>::len)) as u64;
            Place {
                value_at,
                // No headers: one byte that says so follows the value.
                end: value_at + value.len() + 1,
                payload_crc: crc32c(&value[STAMP_BYTES..]),
                payload_sum,
            }
        });
        Self {
            header: batch.header,
            records: records.collect(),
            bytes,
        }
    }

    /// How many records it has.
    pub(super) fn record_count(&self) -> u32 {
        self.records.len() as u32
    }

    /// The first `records` of it as bytes that are no batch before they are stamped.
    pub(super) fn beginning(&self, records: u32) -> &[u8] {
        &self.bytes[..self.records[records as usize - 1].end]
    }

    /// Bytes of keys and values of the first `records`.
    pub(super) fn payload_bytes(&self, records: u32) -> u64 {
        self.records[records as usize - 1].payload_sum
    }

    /// Makes the bytes of [`Template::beginning`], wherever they were copied to, a batch.
    /// `due_us` gives each record's due time.
    pub(super) fn stamp(
        &self,
        batch: &mut [u8],
        records: u32,
        of: &Use,
        mut due_us: impl FnMut(u32) -> u64,
    ) {
        assert_eq!(
            batch.len(),
            self.beginning(records).len(),
            "so many records"
        );
        for (index, place) in (0..records).zip(&self.records) {
            let stamp = Stamp {
                sequence: of.first.sequence + u64::from(index),
                due_us: due_us(index),
                ..of.first
            };
            stamp.write(&mut batch[place.value_at..place.end], place.payload_crc);
        }
        let header = BatchHeader {
            length: (batch.len() - LENGTH_PREFIX_BYTES) as i32,
            last_offset_delta: records as i32 - 1,
            record_count: records as i32,
            base_timestamp: of.timestamp,
            max_timestamp: of.timestamp,
            ..self.header
        };
        let _crc = write_header(batch, &identified(header, of));
    }

    /// The whole template as a compressed batch.
    pub(super) fn compress(&self, codec: Codec, of: &Use) -> Vec<u8> {
        let mut plain = self.bytes.clone();
        self.stamp(&mut plain, self.record_count(), of, |_| 0);
        let mut batches = Batches::new(&plain);
        let batch = batches.next().expect("a stamped template is a batch");
        let body = crate::protocol::record::compress(codec.into(), batch.body());
        let mut bytes = vec![0; BATCH_HEADER_BYTES];
        bytes.extend_from_slice(&body);
        let header = BatchHeader {
            length: (bytes.len() - LENGTH_PREFIX_BYTES) as i32,
            attributes: batch.header.attributes.with_codec(codec),
            ..batch.header
        };
        let _crc = write_header(&mut bytes, &header);
        bytes
    }
}

/// Gives a batch that was prepared before its producer had an identity that identity.
pub(super) fn identify(batch: &mut [u8], of: &Use) {
    let header = BatchHeader::parse(batch).expect("a prepared batch has a header");
    let _crc = write_header(batch, &identified(header, of));
}

fn identified(header: BatchHeader, of: &Use) -> BatchHeader {
    let Some(identity) = of.identity else {
        return BatchHeader {
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            ..header
        };
    };
    BatchHeader {
        producer_id: identity.producer_id,
        producer_epoch: identity.epoch,
        // Sequences of the protocol go from 2³¹ − 1 to 0.
        base_sequence: (of.first.sequence & i32::MAX as u64) as i32,
        ..header
    }
}

/// Room for a stamp, and random bytes; in compressible ones every other 16 are constant.
fn payload(shape: &Shape<'_>, random: &mut impl FnMut() -> u32) -> Vec<u8> {
    let bytes = shape.sizes.draw(random()) as usize;
    let mut value = vec![0; bytes];
    for (index, chunk) in value[STAMP_BYTES..].chunks_mut(4).enumerate() {
        let constant = shape.compressible && index / 4 % 2 == 1;
        let drawn = if constant {
            *b"same"
        } else {
            random().to_be_bytes()
        };
        chunk.copy_from_slice(&drawn[..chunk.len()]);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::record::{Records, decompress};

    fn random() -> impl FnMut() -> u32 {
        let mut state = 1u32;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 3
        }
    }

    fn template() -> Template {
        let shape = Shape {
            sizes: &RecordBytes::Range([32, 400]),
            records: 70,
            keys: 5,
            compressible: true,
        };
        Template::new(&shape, &mut random())
    }

    fn used() -> Use {
        Use {
            first: Stamp {
                run: 1,
                producer: 2,
                sequence: 100,
                due_us: 0,
            },
            timestamp: 1_700_000_000_000,
            identity: Some(Identity {
                producer_id: 9,
                epoch: 1,
            }),
        }
    }

    fn check(header: &BatchHeader, body: &[u8], records: u32) {
        assert_eq!((header.base_sequence, header.producer_id), (100, 9));
        assert_eq!(header.record_count, records as i32);
        for (index, record) in Records::new(*header, body).enumerate() {
            let record = record.unwrap();
            assert_eq!(record.timestamp, 1_700_000_000_000);
            assert_eq!(record.offset, index as i64);
            let stamp = Stamp::read(record.value.unwrap()).unwrap();
            assert_eq!(stamp.sequence, 100 + index as u64);
        }
    }

    #[test]
    fn every_beginning_becomes_a_sound_batch() {
        let template = template();
        for records in [1, 2, 63, 64, 65, 70] {
            let mut bytes = template.beginning(records).to_vec();
            template.stamp(&mut bytes, records, &used(), u64::from);
            let batch = Batches::new(&bytes).next().unwrap();
            batch.verify_crc().unwrap();
            check(&batch.header, batch.body(), records);
        }
    }

    #[test]
    fn a_compressed_one_holds_the_same_records() {
        for codec in Codec::ALL {
            let bytes = template().compress(codec, &used());
            let batch = Batches::new(&bytes).next().unwrap();
            batch.verify_crc().unwrap();
            let body = decompress(codec, batch.body(), 1 << 20).unwrap();
            check(&batch.header, &body, 70);
        }
    }

    #[test]
    fn payload_is_counted_with_keys() {
        let shape = Shape {
            sizes: &RecordBytes::Fixed(100),
            records: 3,
            keys: 1,
            compressible: false,
        };
        let template = Template::new(&shape, &mut random());
        assert_eq!(template.payload_bytes(2), 2 * (100 + 14));
    }
}
