//! The LZ4 frame format, as far as Kafka's clients use it: one frame, no dictionary.
//!
//! Written are independent blocks of 64 KiB without checksums, as Java writes them. Read are all
//! block sizes, dependent blocks, block checksums and content size; the content checksum is
//! skipped as Kafka's reader skips it, and so is whatever follows the frame.

use lz4_flex::block::get_maximum_output_size;
use lz4_flex::block::{compress_into, decompress_into, decompress_into_with_dict};
use twox_hash::XxHash32;

use super::blocks::Blocks;
use super::scratch::Scratch;
use super::{CompressionError, Piece};
use crate::protocol::record::Codec;

const MAGIC: [u8; 4] = 0x184d_2204u32.to_le_bytes();
const FLAG_CONTENT_SIZE: u8 = 0x08;
const FLAG_BLOCK_CHECKSUM: u8 = 0x10;
const FLAG_INDEPENDENT: u8 = 0x20;
/// Version 01; without dictionary id and the reserved bit.
const FLAGS_MASK: u8 = 0xc3;
const FLAGS_FIXED: u8 = 0x40;
const RAW_BLOCK: u32 = 0x8000_0000;
/// No block of LZ4 grows more than this.
const EXPANSION_MAX: usize = 255;
/// How far a dependent block may look back.
const WINDOW_BYTES: usize = 64 * 1024;
const MALFORMED: CompressionError = CompressionError::Malformed(Codec::Lz4);

/// Whether the frame's blocks refer to each other.
pub(super) fn has_dependent_blocks(input: &[u8]) -> bool {
    input
        .get(MAGIC.len())
        .is_some_and(|flags| flags & FLAG_INDEPENDENT == 0)
}

#[derive(Debug)]
pub(super) struct Decoder<'a> {
    input: &'a [u8],
    frame: Option<Frame>,
    ended: bool,
    block: Scratch,
    /// The last bytes of output, for dependent blocks only.
    window: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    flags: u8,
    block_bytes_max: usize,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            frame: None,
            ended: false,
            block: Scratch::new(0),
            window: Vec::new(),
        }
    }

    pub(super) fn next_piece(&mut self) -> Result<Option<Piece<'_>>, CompressionError> {
        if self.ended {
            return Ok(None);
        }
        let frame = match self.frame {
            Some(frame) => frame,
            None => self.read_header().ok_or(MALFORMED)?,
        };
        let (head, rest) = self.input.split_first_chunk().ok_or(MALFORMED)?;
        let head = u32::from_le_bytes(*head);
        let len = (head & !RAW_BLOCK) as usize;
        if len == 0 {
            self.ended = true;
            return Ok(None);
        }
        if len > frame.block_bytes_max {
            return Err(MALFORMED);
        }
        let (data, rest) = rest.split_at_checked(len).ok_or(MALFORMED)?;
        self.input = after_block_checksum(frame, data, rest).ok_or(MALFORMED)?;
        let piece = match head & RAW_BLOCK {
            0 => self.decode(frame, data)?,
            _ => Decoded::Raw,
        };
        Ok(Some(Piece {
            out: self.deliver(frame, data, piece),
            consumed_bytes: len,
        }))
    }

    fn read_header(&mut self) -> Option<Frame> {
        let rest = self.input.strip_prefix(&MAGIC)?;
        let flags = *rest.first()?;
        let descriptor_bytes = if flags & FLAG_CONTENT_SIZE == 0 {
            2
        } else {
            10
        };
        let (descriptor, rest) = rest.split_at_checked(descriptor_bytes)?;
        let (checksum, rest) = rest.split_first()?;
        let expected = (XxHash32::oneshot(0, descriptor) >> 8) as u8;
        if flags & FLAGS_MASK != FLAGS_FIXED || *checksum != expected {
            return None;
        }
        let frame = Frame {
            flags,
            block_bytes_max: block_bytes_max(descriptor[1])?,
        };
        self.input = rest;
        self.frame = Some(frame);
        Some(frame)
    }

    fn decode(&mut self, frame: Frame, data: &[u8]) -> Result<Decoded, CompressionError> {
        let len_max = frame.block_bytes_max.min(data.len() * EXPANSION_MAX);
        self.block.ensure(len_max);
        let out = &mut self.block[..len_max];
        let len = if self.window.is_empty() {
            decompress_into(data, out)
        } else {
            decompress_into_with_dict(data, out, &self.window)
        };
        len.map(Decoded::Block).map_err(|_| MALFORMED)
    }

    fn deliver<'s>(&'s mut self, frame: Frame, data: &'a [u8], piece: Decoded) -> &'s [u8] {
        let piece = match piece {
            Decoded::Raw => data,
            Decoded::Block(len) => &self.block[..len],
        };
        if frame.flags & FLAG_INDEPENDENT == 0 {
            remember(&mut self.window, piece);
        }
        piece
    }
}

enum Decoded {
    Raw,
    Block(usize),
}

fn after_block_checksum<'a>(frame: Frame, data: &[u8], rest: &'a [u8]) -> Option<&'a [u8]> {
    if frame.flags & FLAG_BLOCK_CHECKSUM == 0 {
        return Some(rest);
    }
    let (checksum, rest) = rest.split_first_chunk()?;
    (u32::from_le_bytes(*checksum) == XxHash32::oneshot(0, data)).then_some(rest)
}

fn block_bytes_max(descriptor: u8) -> Option<usize> {
    match descriptor {
        0x40 => Some(64 << 10),
        0x50 => Some(256 << 10),
        0x60 => Some(1 << 20),
        0x70 => Some(4 << 20),
        _ => None,
    }
}

fn remember(window: &mut Vec<u8>, piece: &[u8]) {
    let piece = &piece[piece.len().saturating_sub(WINDOW_BYTES)..];
    let forgotten = (window.len() + piece.len()).saturating_sub(WINDOW_BYTES);
    window.drain(..forgotten);
    window.extend_from_slice(piece);
}

const WRITTEN_BLOCK_BYTES: usize = 64 * 1024;
/// Independent blocks of at most 64 KiB; the last byte is the checksum of the two before.
const WRITTEN_HEADER: [u8; 3] = [FLAGS_FIXED | FLAG_INDEPENDENT, 0x40, 0x82];

#[derive(Debug)]
pub(super) struct Encoder {
    out: Vec<u8>,
    blocks: Blocks,
    compressed: Scratch,
}

impl Encoder {
    pub(super) fn new(mut out: Vec<u8>) -> Self {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&WRITTEN_HEADER);
        Self {
            out,
            blocks: Blocks::new(WRITTEN_BLOCK_BYTES),
            compressed: Scratch::new(get_maximum_output_size(WRITTEN_BLOCK_BYTES)),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        let Self {
            out,
            blocks,
            compressed,
        } = self;
        blocks.cut(bytes, |block| put_block(out, compressed, block));
    }

    pub(super) fn out_bytes(&self) -> usize {
        self.out.len()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let (mut out, mut compressed) = (self.out, self.compressed);
        let put = |block: &[u8]| put_block(&mut out, &mut compressed, block);
        self.blocks.end(put);
        out.extend_from_slice(&0u32.to_le_bytes());
        out
    }
}

/// A block that does not get shorter stands there as it is.
fn put_block(out: &mut Vec<u8>, compressed: &mut Scratch, data: &[u8]) {
    let len = compress_into(data, compressed).expect("the buffer holds the largest output");
    let (head, data) = if len < data.len() {
        (len as u32, &compressed[..len])
    } else {
        (data.len() as u32 | RAW_BLOCK, data)
    };
    out.extend_from_slice(&head.to_le_bytes());
    out.extend_from_slice(data);
}
