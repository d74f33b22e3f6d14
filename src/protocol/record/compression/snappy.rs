//! Snappy: blocks in the framing of Java's stream (xerial), or one bare block.
//!
//! Java and most others send the framing, librdkafka and franz-go a bare block; Kafka's reader
//! tells them apart by the first bytes, and so does this one. Written is the framing.

use snap::raw;

use super::blocks::Blocks;
use super::scratch::Scratch;
use super::snappy_block::Block;
use super::{Allowance, CompressionError, Piece};
use crate::protocol::record::Codec;

const MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
/// Magic, version and lowest compatible version, both 1.
const HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// What Java's stream puts into one block.
const WRITTEN_BLOCK_BYTES: usize = 32 * 1024;
/// No block grows more than this: three bytes can repeat at most 64.
const EXPANSION_MAX: usize = 22;
/// Blocks up to here are decompressed in one go, which takes a millisecond at most.
const AT_ONCE_BYTES_MAX: usize = 1 << 20;
const MALFORMED: CompressionError = CompressionError::Malformed(Codec::Snappy);

#[derive(Debug)]
pub(super) struct Decoder<'a> {
    input: &'a [u8],
    framed: bool,
    block: Scratch,
    large: Option<Block<'a>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        let framed = is_header(input);
        Self {
            input: if framed {
                &input[HEADER.len()..]
            } else {
                input
            },
            framed,
            block: Scratch::new(0),
            large: None,
        }
    }

    pub(super) fn next_piece(
        &mut self,
        allowance: Allowance,
    ) -> Result<Option<Piece<'_>>, CompressionError> {
        if self.large.as_ref().is_some_and(Block::is_done) {
            self.large = None;
        }
        if self.large.is_none() {
            let Some(block) = self.next_block()? else {
                return Ok(None);
            };
            let len = block_len(block)?;
            allowance.check(len)?;
            if len <= AT_ONCE_BYTES_MAX {
                return self.decode(block, len).map(Some);
            }
            self.large = Some(Block::new(block, len));
        }
        match &mut self.large {
            Some(large) => large.next_piece().map(Some),
            None => Ok(None),
        }
    }

    fn decode(&mut self, block: &[u8], len: usize) -> Result<Piece<'_>, CompressionError> {
        self.block.ensure(len);
        let decoded = raw::Decoder::new().decompress(block, &mut self.block[..len]);
        let len = decoded.map_err(|_| MALFORMED)?;
        Ok(Piece {
            out: &self.block[..len],
            consumed_bytes: block.len(),
        })
    }

    fn next_block(&mut self) -> Result<Option<&'a [u8]>, CompressionError> {
        if self.input.is_empty() {
            return Ok(None);
        }
        if !self.framed {
            return Ok(Some(std::mem::take(&mut self.input)));
        }
        // Streams may have been written one after the other, header and all.
        while is_header(self.input) {
            self.input = &self.input[HEADER.len()..];
        }
        let Some((len, rest)) = self.input.split_first_chunk() else {
            // Java's reader ends at an incomplete length.
            return Ok(None);
        };
        let len = u32::from_be_bytes(*len) as usize;
        let (block, rest) = rest.split_at_checked(len).ok_or(MALFORMED)?;
        self.input = rest;
        Ok(Some(block))
    }
}

/// What a block says it decompresses to, if its bytes can give so much.
fn block_len(block: &[u8]) -> Result<usize, CompressionError> {
    let len = raw::decompress_len(block).map_err(|_| MALFORMED)?;
    if len <= block.len() * EXPANSION_MAX {
        Ok(len)
    } else {
        Err(MALFORMED)
    }
}

fn is_header(input: &[u8]) -> bool {
    input.len() >= HEADER.len() && input.starts_with(&MAGIC)
}

#[derive(Debug)]
pub(super) struct Encoder {
    out: Vec<u8>,
    blocks: Blocks,
    /// Its tables are large: 2 KiB and more.
    raw: Box<raw::Encoder>,
}

impl Encoder {
    pub(super) fn new(mut out: Vec<u8>) -> Self {
        out.extend_from_slice(&HEADER);
        Self {
            out,
            blocks: Blocks::new(WRITTEN_BLOCK_BYTES),
            raw: Box::new(raw::Encoder::new()),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        let Self { out, blocks, raw } = self;
        blocks.cut(bytes, |block| put_block(out, raw, block));
    }

    pub(super) fn out_bytes(&self) -> usize {
        self.out.len()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let (mut out, mut raw) = (self.out, self.raw);
        self.blocks
            .end(|block| put_block(&mut out, &mut raw, block));
        out
    }
}

fn put_block(out: &mut Vec<u8>, raw: &mut raw::Encoder, data: &[u8]) {
    let at = out.len();
    let block = at + 4;
    out.resize(block + raw::max_compress_len(data.len()), 0);
    let compressed = raw.compress(data, &mut out[block..]);
    let len = compressed.expect("the buffer holds the largest output");
    out[at..block].copy_from_slice(&(len as u32).to_be_bytes());
    out.truncate(block + len);
}
