//! A batch on its way: records gathered, sealed, numbered, sent. Pure.

use std::time::Instant;

use crate::model::{ProducerEpoch, ProducerId, TimestampMs};
use crate::protocol::record::{
    BATCH_HEADER_BYTES, BatchBuilder, BatchHeader, BatchSpec, Codec, Compression,
    LENGTH_PREFIX_BYTES, RecordParts, compress, crc32c,
};

/// Where the checksum stands in a batch, and where the bytes that it covers begin.
const CRC_POSITION: usize = 17;
const CRC_COVERS_FROM: usize = 21;

/// Who sends a batch and where in its stream of batches it stands (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) identity: Identity,
    pub(super) base_sequence: i32,
}

/// An idempotent producer, as the broker named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) producer_id: ProducerId,
    pub(super) epoch: ProducerEpoch,
}

/// Records of one partition that travel together.
pub(super) struct Batch {
    /// Its place in the partition's queue, counted from the first batch ever; survives retries.
    pub(super) ordinal: u64,
    /// When its first record came.
    pub(super) begun: Instant,
    /// What the sender of each record called it.
    pub(super) tags: Vec<u64>,
    /// Keys, values and headers, before compression.
    pub(super) payload_bytes: usize,
    /// What it counts against the producer's memory.
    pub(super) held_bytes: usize,
    /// Sent at least once with an answer that never came: it may be in the log or not.
    pub(super) in_doubt: bool,
    pub(super) stamp: Option<Stamp>,
    compression: Compression,
    body: Body,
}

enum Body {
    /// Never sent; records may be added.
    Open(Box<BatchBuilder>),
    /// Compressed, with the stamp it was last sent under.
    Built(Vec<u8>, Option<Stamp>),
}

impl Batch {
    /// An empty batch.
    pub(super) fn begin(ordinal: u64, compression: Compression, now: Instant) -> Self {
        Self {
            ordinal,
            begun: now,
            tags: Vec::new(),
            payload_bytes: 0,
            held_bytes: 0,
            in_doubt: false,
            stamp: None,
            compression,
            body: Body::Open(Box::new(BatchBuilder::new(BatchSpec::default()))),
        }
    }

    /// Adds a record; the batch must still be open.
    pub(super) fn append(&mut self, timestamp: TimestampMs, parts: RecordParts<'_>, tag: u64) {
        let Body::Open(builder) = &mut self.body else {
            panic!("a record for a batch that was built already");
        };
        builder.append(timestamp, &parts);
        let bytes = payload_bytes(&parts);
        self.payload_bytes += bytes;
        self.held_bytes += held_bytes(bytes);
        self.tags.push(tag);
    }

    /// Whether records may still be added: it was never sent.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.body, Body::Open(_))
    }

    /// How large the batch is, or will be without compression.
    pub(super) fn size_bytes(&self) -> usize {
        match &self.body {
            Body::Open(builder) => builder.plain_bytes(),
            Body::Built(bytes, _) => bytes.len(),
        }
    }

    /// Whether another record may be added without growing beyond `bytes_max`.
    pub(super) fn has_room(
        &self,
        timestamp: TimestampMs,
        parts: &RecordParts<'_>,
        bytes_max: usize,
    ) -> bool {
        match &self.body {
            Body::Open(builder) => builder.plain_bytes_with(timestamp, parts) <= bytes_max,
            Body::Built(..) => false,
        }
    }

    /// How many records it has.
    pub(super) fn record_count(&self) -> i32 {
        self.tags.len() as i32
    }

    /// Makes the bytes to send: compresses at the first call, numbers anew if the stamp changed.
    ///
    /// Compression waits until here so that the sending thread does it, not the user's.
    pub(super) fn build(&mut self) {
        if self.is_open() {
            let open = std::mem::replace(&mut self.body, Body::Built(Vec::new(), None));
            if let Body::Open(builder) = open {
                self.body = Body::Built(compressed(builder.build(), self.compression), None);
            }
        }
        if let Body::Built(bytes, stamped) = &mut self.body
            && *stamped != self.stamp
        {
            write_stamp(bytes, self.stamp);
            *stamped = self.stamp;
        }
    }

    /// The bytes to send, once they are built.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Open(_) => panic!("a batch is built before it is sent"),
            Body::Built(bytes, _) => bytes,
        }
    }
}

/// What a record counts against the producer's memory: its bytes and its tag.
pub(super) fn held_bytes(payload_bytes: usize) -> usize {
    payload_bytes + size_of::<u64>()
}

/// The bytes of keys, values and headers, as people count them.
pub(super) fn payload_bytes(parts: &RecordParts<'_>) -> usize {
    let headers = parts.headers.iter();
    let headers: usize = headers
        .map(|h| h.key.len() + h.value.map_or(0, <[u8]>::len))
        .sum();
    parts.key.map_or(0, <[u8]>::len) + parts.value.map_or(0, <[u8]>::len) + headers
}

/// The same batch with its body compressed; every other field of the header stays.
fn compressed(plain: Vec<u8>, compression: Compression) -> Vec<u8> {
    if compression.codec == Codec::None {
        return plain;
    }
    let header = BatchHeader::parse(&plain).expect("the builder makes whole batches");
    let body = compress(compression, &plain[BATCH_HEADER_BYTES..]);
    let header = BatchHeader {
        length: (BATCH_HEADER_BYTES - LENGTH_PREFIX_BYTES + body.len()) as i32,
        attributes: header.attributes.with_codec(compression.codec),
        ..header
    };
    let mut batch = header.to_bytes().to_vec();
    batch.extend_from_slice(&body);
    write_crc(&mut batch);
    batch
}

/// Writes producer id, epoch and sequence into a built batch and makes its checksum right again.
fn write_stamp(batch: &mut [u8], stamp: Option<Stamp>) {
    let header = BatchHeader::parse(batch).expect("a built batch has a header");
    let none = BatchSpec::default();
    let (identity, base_sequence) = match stamp {
        Some(stamp) => (stamp.identity, stamp.base_sequence),
        None => (
            Identity {
                producer_id: none.producer_id,
                epoch: none.producer_epoch,
            },
            none.base_sequence,
        ),
    };
    let header = BatchHeader {
        producer_id: identity.producer_id,
        producer_epoch: identity.epoch,
        base_sequence,
        ..header
    };
    batch[..BATCH_HEADER_BYTES].copy_from_slice(&header.to_bytes());
    write_crc(batch);
}

fn write_crc(batch: &mut [u8]) {
    let crc = crc32c(&batch[CRC_COVERS_FROM..]);
    batch[CRC_POSITION..CRC_COVERS_FROM].copy_from_slice(&crc.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::record::{Batches, Records, decompress};

    fn batch(codec: Codec) -> Batch {
        let compression = Compression { codec, level: None };
        let mut batch = Batch::begin(0, compression, Instant::now());
        for (tag, value) in [b"one", b"two"].into_iter().enumerate() {
            let parts = RecordParts {
                value: Some(value),
                ..RecordParts::default()
            };
            batch.append(1000, parts, tag as u64);
        }
        batch
    }

    #[test]
    fn a_stamped_batch_is_still_sound() {
        let mut batch = batch(Codec::Lz4);
        batch.stamp = Some(Stamp {
            identity: Identity {
                producer_id: 77,
                epoch: 3,
            },
            base_sequence: 12,
        });
        batch.build();
        let bytes = batch.bytes().to_vec();
        let found = Batches::new(&bytes).next().unwrap();
        found.verify_crc().unwrap();
        let header = found.header;
        assert_eq!((header.producer_id, header.producer_epoch), (77, 3));
        assert_eq!((header.base_sequence, header.record_count), (12, 2));
        assert_eq!(header.codec(), Ok(Codec::Lz4));
        let plain = decompress(Codec::Lz4, found.body(), 1000).unwrap();
        assert_eq!(Records::new(header, &plain).count(), 2);
        batch.build();
        assert_eq!(batch.bytes(), bytes, "building again changes nothing");
        batch.stamp = None;
        batch.build();
        let bare = Batches::new(batch.bytes()).next().unwrap();
        bare.verify_crc().unwrap();
        assert!(!bare.header.has_producer());
    }

    #[test]
    fn without_a_stamp_there_is_no_producer() {
        let mut batch = batch(Codec::None);
        assert_eq!((batch.record_count(), batch.payload_bytes), (2, 6));
        batch.build();
        let header = BatchHeader::parse(batch.bytes()).unwrap();
        assert!(!header.has_producer());
        assert!(!batch.is_open());
    }
}
