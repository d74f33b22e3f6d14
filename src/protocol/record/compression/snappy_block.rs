//! One large Snappy block, decompressed little by little.
//!
//! The snap crate takes a block at once, which is faster but may take tens of milliseconds for a
//! bare block that a client made of everything. Output is kept as long as the block lasts, since
//! copies may reach back to its beginning; memory is touched only as data comes.

use super::{CompressionError, PIECE_BYTES, Piece};
use crate::protocol::record::Codec;

const MALFORMED: CompressionError = CompressionError::Malformed(Codec::Snappy);

#[derive(Debug)]
pub(super) struct Block<'a> {
    input: &'a [u8],
    out: Vec<u8>,
    len: usize,
}

impl<'a> Block<'a> {
    /// `block` begins with its length `len`, which the caller has found bearable.
    pub(super) fn new(block: &'a [u8], len: usize) -> Self {
        let preamble = block.iter().position(|byte| *byte < 0x80);
        Self {
            input: &block[preamble.map_or(block.len(), |last| last + 1)..],
            out: Vec::with_capacity(len),
            len,
        }
    }

    /// Whether all of it was given.
    pub(super) fn is_done(&self) -> bool {
        self.input.is_empty()
    }

    pub(super) fn next_piece(&mut self) -> Result<Piece<'_>, CompressionError> {
        let (out_from, in_before) = (self.out.len(), self.input.len());
        let mut cursor = self.input;
        while !cursor.is_empty() && self.out.len() - out_from < PIECE_BYTES {
            cursor = self.element(cursor).ok_or(MALFORMED)?;
        }
        self.input = cursor;
        if cursor.is_empty() && self.out.len() != self.len {
            return Err(MALFORMED);
        }
        Ok(Piece {
            out: &self.out[out_from..],
            consumed_bytes: in_before - cursor.len(),
        })
    }

    /// Decodes one element and gives what follows it.
    #[inline]
    fn element<'i>(&mut self, input: &'i [u8]) -> Option<&'i [u8]> {
        let (tag, rest) = input.split_first()?;
        let short_len = usize::from(tag >> 2);
        match tag & 3 {
            0 => self.literal(short_len, rest),
            1 => {
                let (low, rest) = rest.split_first()?;
                let offset = usize::from(tag >> 5) << 8 | usize::from(*low);
                self.copy(offset, 4 + (short_len & 7))?;
                Some(rest)
            }
            2 => {
                let (offset, rest) = rest.split_first_chunk()?;
                self.copy(u16::from_le_bytes(*offset).into(), short_len + 1)?;
                Some(rest)
            }
            _ => {
                let (offset, rest) = rest.split_first_chunk()?;
                self.copy(u32::from_le_bytes(*offset) as usize, short_len + 1)?;
                Some(rest)
            }
        }
    }

    #[inline]
    fn literal<'i>(&mut self, short_len: usize, rest: &'i [u8]) -> Option<&'i [u8]> {
        // Lengths of 61 and more stand behind the tag in one to four bytes.
        let (len, rest) = if short_len < 60 {
            (short_len, rest)
        } else {
            let (bytes, rest) = rest.split_at_checked(short_len - 59)?;
            let len = bytes
                .iter()
                .rev()
                .fold(0, |len, byte| len << 8 | usize::from(*byte));
            (len, rest)
        };
        let (literal, rest) = rest.split_at_checked(len + 1)?;
        if literal.len() > self.len - self.out.len() {
            return None;
        }
        self.out.extend_from_slice(literal);
        Some(rest)
    }

    #[inline]
    fn copy(&mut self, offset: usize, len: usize) -> Option<()> {
        if offset == 0 || len > self.len - self.out.len() {
            return None;
        }
        let start = self.out.len().checked_sub(offset)?;
        let mut left = len;
        // What overlaps repeats itself, from a source that doubles with every turn.
        while left > 0 {
            let now = left.min(self.out.len() - start);
            self.out.extend_from_within(start..start + now);
            left -= now;
        }
        Some(())
    }
}
