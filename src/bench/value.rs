//! What stands in each record's value, so that reading it back proves it: who wrote it as which
//! record, when it was due, and a checksum over all of it. Pure.

use crate::protocol::record::crc32c;

/// Bytes of a value before its payload: magic, run, producer, sequence, due time, checksum.
pub(super) const STAMP_BYTES: usize = 32;

const MAGIC: u32 = 0x6b6c_626e;
const RUN: usize = 4;
const PRODUCER: usize = 8;
const SEQUENCE: usize = 12;
const DUE: usize = 20;
const CHECKSUM: usize = 28;

/// The identity of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// A random number of the run.
    pub(super) run: u32,
    /// The producer's number within the run.
    pub(super) producer: u32,
    /// The record's number among those of its producer and partition, from 0.
    pub(super) sequence: u64,
    /// When it was due, microseconds of the run's clock; 0 in batches prepared beforehand.
    pub(super) due_us: u64,
}

impl Stamp {
    /// Writes it before a payload whose checksum is known.
    #[inline]
    pub(super) fn write(&self, value: &mut [u8], payload_crc: u32) {
        let stamp: &mut [u8; STAMP_BYTES] = value.first_chunk_mut().expect("a value has a stamp");
        stamp[..RUN].copy_from_slice(&MAGIC.to_be_bytes());
        stamp[RUN..PRODUCER].copy_from_slice(&self.run.to_be_bytes());
        stamp[PRODUCER..SEQUENCE].copy_from_slice(&self.producer.to_be_bytes());
        stamp[SEQUENCE..DUE].copy_from_slice(&self.sequence.to_be_bytes());
        stamp[DUE..CHECKSUM].copy_from_slice(&self.due_us.to_be_bytes());
        // The payload's checksum is taken over in place of the payload: the sum covers both.
        stamp[CHECKSUM..].copy_from_slice(&payload_crc.to_be_bytes());
        let checksum = crc32c(stamp);
        stamp[CHECKSUM..].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Reads and checks a whole value; `None` if it is not as it was written.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let stamp: &[u8; STAMP_BYTES] = value.first_chunk()?;
        let mut summed = *stamp;
        let payload_crc = crc32c(&value[STAMP_BYTES..]);
        summed[CHECKSUM..].copy_from_slice(&payload_crc.to_be_bytes());
        let sound = u32_at(stamp, 0) == MAGIC && u32_at(stamp, CHECKSUM) == crc32c(&summed);
        sound.then(|| Self {
            run: u32_at(stamp, RUN),
            producer: u32_at(stamp, PRODUCER),
            sequence: u64_at(stamp, SEQUENCE),
            due_us: u64_at(stamp, DUE),
        })
    }

    /// The due time of a value that need not be checked now.
    #[inline]
    pub(super) fn due_us_of(value: &[u8]) -> Option<u64> {
        let stamp: &[u8; STAMP_BYTES] = value.first_chunk()?;
        (u32_at(stamp, 0) == MAGIC).then(|| u64_at(stamp, DUE))
    }
}

#[inline]
fn u32_at(stamp: &[u8; STAMP_BYTES], at: usize) -> u32 {
    u32::from_be_bytes(*stamp[at..].first_chunk().expect("inside the stamp"))
}

#[inline]
fn u64_at(stamp: &[u8; STAMP_BYTES], at: usize) -> u64 {
    u64::from_be_bytes(*stamp[at..].first_chunk().expect("inside the stamp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        run: 7,
        producer: 3,
        sequence: 1 << 40,
        due_us: 123_456_789,
    };

    fn value() -> Vec<u8> {
        let mut value: Vec<u8> = (0..100u8).collect();
        let payload_crc = crc32c(&value[STAMP_BYTES..]);
        STAMP.write(&mut value, payload_crc);
        value
    }

    #[test]
    fn a_value_comes_back() {
        assert_eq!(Stamp::read(&value()), Some(STAMP));
        assert_eq!(Stamp::due_us_of(&value()), Some(STAMP.due_us));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        for bit in 0..value().len() * 8 {
            let mut damaged = value();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Stamp::read(&damaged), None, "bit {bit}");
        }
        assert_eq!(Stamp::read(&value()[..99]), None);
        assert_eq!(Stamp::read(&[]), None);
    }
}
