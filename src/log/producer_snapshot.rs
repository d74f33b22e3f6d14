use super::producer_state::{BatchMeta, Producer, Producers};
use crate::model::ProducerId;
use crate::protocol::record::crc32c;

/// Why a `.snapshot` file is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed producer snapshot")]
pub(super) struct MalformedSnapshot;

const VERSION: i16 = 1;
/// Version, checksum, count.
const HEADER_BYTES: usize = 10;
/// Where the bytes begin that the checksum covers.
const CHECKED_FROM: usize = 6;
const ENTRY_BYTES: usize = 46;

/// The bytes of Kafka's `.snapshot` file: of each producer its last batch only.
pub(super) fn encode(producers: &Producers) -> Vec<u8> {
    let mut entries: Vec<_> = producers.iter().collect();
    entries.sort_unstable_by_key(|(id, _)| *id);
    let mut out = Vec::with_capacity(HEADER_BYTES + entries.len() * ENTRY_BYTES);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(entries.len() as i32).to_be_bytes());
    for (id, producer) in entries {
        encode_entry(&mut out, id, producer);
    }
    let checksum = crc32c(&out[CHECKED_FROM..]);
    out[2..CHECKED_FROM].copy_from_slice(&checksum.to_be_bytes());
    out
}

/// Reads a `.snapshot` file.
pub(super) fn decode(bytes: &[u8]) -> Result<Producers, MalformedSnapshot> {
    let mut header = Fields(bytes.get(..HEADER_BYTES).ok_or(MalformedSnapshot)?);
    let version = i16::from_be_bytes(header.take());
    let checksum = u32::from_be_bytes(header.take());
    let count = i32::from_be_bytes(header.take());
    let entries = &bytes[HEADER_BYTES..];
    let whole =
        usize::try_from(count).is_ok_and(|n| n.checked_mul(ENTRY_BYTES) == Some(entries.len()));
    if version != VERSION || !whole || checksum != crc32c(&bytes[CHECKED_FROM..]) {
        return Err(MalformedSnapshot);
    }
    let mut producers = Producers::default();
    for entry in entries.chunks_exact(ENTRY_BYTES) {
        let (id, producer) = decode_entry(entry);
        producers.insert(id, producer);
    }
    Ok(producers)
}

fn encode_entry(out: &mut Vec<u8>, id: ProducerId, producer: &Producer) {
    let nothing = BatchMeta {
        last_sequence: -1,
        last_offset: -1,
        offset_delta: 0,
        timestamp: producer.last_timestamp,
    };
    let last = producer.last_batch().unwrap_or(&nothing);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&producer.epoch.to_be_bytes());
    out.extend_from_slice(&last.last_sequence.to_be_bytes());
    out.extend_from_slice(&last.last_offset.to_be_bytes());
    out.extend_from_slice(&last.offset_delta.to_be_bytes());
    out.extend_from_slice(&producer.last_timestamp.to_be_bytes());
    out.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
    out.extend_from_slice(&producer.transaction_first_offset.to_be_bytes());
}

fn decode_entry(entry: &[u8]) -> (ProducerId, Producer) {
    let mut fields = Fields(entry);
    let id = i64::from_be_bytes(fields.take());
    let epoch = i16::from_be_bytes(fields.take());
    let last_sequence = i32::from_be_bytes(fields.take());
    let last_offset = i64::from_be_bytes(fields.take());
    let offset_delta = i32::from_be_bytes(fields.take());
    let timestamp = i64::from_be_bytes(fields.take());
    let last = BatchMeta {
        last_sequence,
        last_offset,
        offset_delta,
        timestamp,
    };
    let mut producer = Producer::with_last_batch(epoch, (last_offset >= 0).then_some(last));
    producer.last_timestamp = timestamp;
    producer.coordinator_epoch = i32::from_be_bytes(fields.take());
    producer.transaction_first_offset = i64::from_be_bytes(fields.take());
    (id, producer)
}

/// Fixed-size fields one after the other; the caller has checked the length.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("the length was checked");
        self.0 = rest;
        *field
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::test_batches::header;

    fn producers() -> Producers {
        let mut producers = Producers::default();
        for (id, base) in [(9, 0), (3, 5), (9, 10)] {
            let mut next = header(base, 5);
            (next.producer_id, next.producer_epoch) = (id, 2);
            next.base_sequence = base as i32;
            producers.replay(&next);
        }
        producers
    }

    #[test]
    fn an_empty_snapshot_is_ten_bytes() {
        let bytes = encode(&Producers::default());
        assert_eq!(bytes.len(), 10);
        assert_eq!(decode(&bytes), Ok(Producers::default()));
    }

    #[test]
    fn the_last_batch_survives() {
        let bytes = encode(&producers());
        assert_eq!(bytes.len(), 10 + 2 * 46);
        assert_eq!(bytes[10..18], 3i64.to_be_bytes());
        let back = decode(&bytes).unwrap();
        let (_, nine) = back.iter().find(|(id, _)| *id == 9).unwrap();
        assert_eq!(
            (nine.epoch, nine.last_batch().unwrap().last_offset),
            (2, 14)
        );
        assert_eq!(encode(&back), bytes);
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = encode(&producers());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged), Err(MalformedSnapshot), "byte {at}");
        }
        for len in 0..bytes.len() {
            assert_eq!(
                decode(&bytes[..len]),
                Err(MalformedSnapshot),
                "length {len}"
            );
        }
    }
}
