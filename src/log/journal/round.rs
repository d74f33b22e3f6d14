use std::ops::Range;

use crate::log::extent::BLOCK_BYTES;
use crate::log::fields::Fields;
use crate::model::{Offset, PartitionId, Uuid};
use crate::protocol::record::crc32c;

const MAGIC: [u8; 8] = *b"klammjn1";
/// Magic, checksum, length, generation, number, secret, count of entries.
pub(super) const HEADER_BYTES: usize = 44;
/// Topic id, partition, segment base, position, base offset, length.
pub(super) const ENTRY_BYTES: usize = 44;
/// The checksum covers what follows it.
const CHECKED_FROM: usize = 12;

/// Whole batches of one partition in a round, and where they stand in its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose batches.
    pub partition: PartitionId,
    /// The segment they belong to.
    pub(super) segment_base: Offset,
    /// Where in its file they begin.
    pub(super) position: u32,
    /// The first batch's base offset.
    pub(super) base_offset: Offset,
    /// How many bytes they have.
    pub(super) bytes: u32,
}

impl Entry {
    /// The first batch's base offset.
    pub fn base_offset(&self) -> Offset {
        self.base_offset
    }
}

/// A round on its way into its buffer.
#[derive(Debug)]
pub struct RoundWriter<'a> {
    buffer: &'a mut [u8],
    at: usize,
    entries: u32,
}

/// What stands before a round's entries; all numbers are big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoundHeader {
    /// Which filling of a file this is; rises with each over all files.
    pub(super) generation: u64,
    /// The place among the rounds of its generation, from 0.
    pub(super) number: u64,
    /// The same in all rounds of a journal, and known to nobody else: bytes of a producer that an
    /// older filling left cannot pass for a round of this one.
    pub(super) secret: u64,
    pub(super) entries: u32,
    /// Of header, entries and batches, without the padding.
    pub(super) bytes: u32,
    checksum: u32,
}

/// Bytes that a round takes in its file: whole blocks.
pub(super) fn round_bytes(entries: usize, batch_bytes: usize) -> usize {
    (HEADER_BYTES + entries * ENTRY_BYTES + batch_bytes).next_multiple_of(BLOCK_BYTES)
}

impl<'a> RoundWriter<'a> {
    pub(super) fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            buffer,
            at: HEADER_BYTES,
            entries: 0,
        }
    }

    /// Adds an entry; the place for its batches, which the caller fills.
    pub(super) fn add(&mut self, entry: &Entry) -> &mut [u8] {
        let mut head = Vec::with_capacity(ENTRY_BYTES);
        head.extend_from_slice(entry.partition.topic_id.as_bytes());
        head.extend_from_slice(&entry.partition.index.to_be_bytes());
        head.extend_from_slice(&entry.segment_base.to_be_bytes());
        head.extend_from_slice(&entry.position.to_be_bytes());
        head.extend_from_slice(&entry.base_offset.to_be_bytes());
        head.extend_from_slice(&entry.bytes.to_be_bytes());
        self.buffer[self.at..self.at + ENTRY_BYTES].copy_from_slice(&head);
        let start = self.at + ENTRY_BYTES;
        self.at = start + entry.bytes as usize;
        self.entries += 1;
        &mut self.buffer[start..self.at]
    }

    /// Completes the round: padding, header, checksum.
    pub(super) fn finish(self, generation: u64, number: u64, secret: u64) {
        let (round, padding) = self.buffer.split_at_mut(self.at);
        padding.fill(0);
        round[..8].copy_from_slice(&MAGIC);
        round[12..16].copy_from_slice(&(self.at as u32).to_be_bytes());
        round[16..24].copy_from_slice(&generation.to_be_bytes());
        round[24..32].copy_from_slice(&number.to_be_bytes());
        round[32..40].copy_from_slice(&secret.to_be_bytes());
        round[40..44].copy_from_slice(&self.entries.to_be_bytes());
        let checksum = crc32c(&round[CHECKED_FROM..]);
        round[8..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

impl RoundHeader {
    /// The header at the beginning of a block; `None` if no round begins there.
    pub(super) fn parse(block: &[u8]) -> Option<Self> {
        let (magic, rest) = block.split_first_chunk::<8>()?;
        let mut fields = Fields(rest);
        let checksum = fields.unsigned_int()?;
        let header = Self {
            checksum,
            bytes: fields.unsigned_int()?,
            generation: fields.unsigned_long()?,
            number: fields.unsigned_long()?,
            secret: fields.unsigned_long()?,
            entries: fields.unsigned_int()?,
        };
        let sane = *magic == MAGIC && header.bytes as usize >= HEADER_BYTES;
        sane.then_some(header)
    }

    /// What the round takes in its file.
    pub(super) fn padded_bytes(&self) -> u64 {
        u64::from(self.bytes).next_multiple_of(BLOCK_BYTES as u64)
    }

    /// The entries of a round's bytes and where in them their batches stand; `None` if the round
    /// was not written as a whole.
    pub(super) fn entries(&self, round: &[u8]) -> Option<Vec<(Entry, Range<usize>)>> {
        let round = round.get(..self.bytes as usize)?;
        if crc32c(&round[CHECKED_FROM..]) != self.checksum {
            return None;
        }
        let mut at = HEADER_BYTES;
        let mut entries = Vec::with_capacity(self.entries.min(1 << 16) as usize);
        for _ in 0..self.entries {
            let entry = decode_entry(round.get(at..)?)?;
            let start = at + ENTRY_BYTES;
            at = start + entry.bytes as usize;
            round.get(start..at)?;
            entries.push((entry, start..at));
        }
        Some(entries)
    }
}

fn decode_entry(bytes: &[u8]) -> Option<Entry> {
    let mut fields = Fields(bytes);
    Some(Entry {
        partition: PartitionId {
            topic_id: Uuid::from_bytes(fields.take()?),
            index: fields.int()?,
        },
        segment_base: fields.long()?,
        position: fields.unsigned_int()?,
        base_offset: fields.long()?,
        bytes: fields.unsigned_int()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: i32, bytes: u32) -> Entry {
        Entry {
            partition: PartitionId {
                topic_id: Uuid::from_u128(77),
                index,
            },
            segment_base: 1_000,
            position: 5_000,
            base_offset: 1_234,
            bytes,
        }
    }

    fn round(sizes: &[u32]) -> Vec<u8> {
        let batch_bytes: u32 = sizes.iter().sum();
        let mut buffer = vec![0xee; round_bytes(sizes.len(), batch_bytes as usize)];
        let mut writer = RoundWriter::new(&mut buffer);
        for (index, bytes) in (0..).zip(sizes) {
            writer.add(&entry(index, *bytes)).fill(index as u8 + 1);
        }
        writer.finish(9, 4, 77);
        buffer
    }

    #[test]
    fn what_is_written_is_read() {
        for sizes in [&[][..], &[100], &[1, 0, 4_000, 70]] {
            let bytes = round(sizes);
            let header = RoundHeader::parse(&bytes).unwrap();
            assert_eq!((header.generation, header.number), (9, 4));
            assert_eq!(header.secret, 77);
            assert_eq!(header.padded_bytes(), bytes.len() as u64);
            let entries = header.entries(&bytes).unwrap();
            assert_eq!(entries.len(), sizes.len());
            for (index, (found, range)) in (0..).zip(entries) {
                assert_eq!(found, entry(index, sizes[index as usize]));
                assert!(bytes[range].iter().all(|byte| *byte == index as u8 + 1));
            }
            assert!(bytes[header.bytes as usize..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_torn_round_is_none() {
        let bytes = round(&[100, 5_000, 30]);
        let header = RoundHeader::parse(&bytes).unwrap();
        for at in (0..header.bytes as usize).step_by(7) {
            let mut torn = bytes.clone();
            torn[at] ^= 0x20;
            let entries = RoundHeader::parse(&torn).and_then(|header| header.entries(&torn));
            assert!(entries.is_none(), "byte {at}");
            let mut cut = bytes.clone();
            cut[at..].fill(0);
            let entries = RoundHeader::parse(&cut).and_then(|header| header.entries(&cut));
            assert!(entries.is_none(), "cut at {at}");
        }
    }

    #[test]
    fn zeros_are_no_round() {
        assert_eq!(RoundHeader::parse(&[0; 4_096]), None);
        assert_eq!(RoundHeader::parse(&[]), None);
    }
}
