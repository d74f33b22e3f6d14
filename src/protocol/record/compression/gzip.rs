//! gzip, RFC 1952: one member after another, each deflated data between header and checksum.
//!
//! Like Java's reader, what follows the last member and does not begin another is ignored.

use std::io::Write;

use flate2::{Decompress, FlushDecompress, Status};

use super::scratch::Scratch;
use super::{CompressionError, PIECE_BYTES, Piece};
use crate::protocol::record::Codec;

const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const HEADER_BYTES: usize = 10;
const TRAILER_BYTES: usize = 8;
const FLAG_HEADER_CRC: u8 = 0x02;
const FLAG_EXTRA: u8 = 0x04;
const FLAG_NAME: u8 = 0x08;
const FLAG_COMMENT: u8 = 0x10;
const FLAGS_RESERVED: u8 = 0xe0;
const MALFORMED: CompressionError = CompressionError::Malformed(Codec::Gzip);

#[derive(Debug)]
pub(super) struct Decoder<'a> {
    input: &'a [u8],
    inflate: Decompress,
    checksum: crc32fast::Hasher,
    stage: Stage,
    scratch: Scratch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    FirstHeader,
    Data,
    NextHeader,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            inflate: Decompress::new(false),
            checksum: crc32fast::Hasher::new(),
            stage: Stage::FirstHeader,
            scratch: Scratch::new(PIECE_BYTES),
        }
    }

    pub(super) fn next_piece(&mut self) -> Result<Option<Piece<'_>>, CompressionError> {
        match self.stage {
            Stage::FirstHeader => self.input = after_header(self.input).ok_or(MALFORMED)?,
            Stage::NextHeader => match after_header(self.input) {
                Some(rest) => self.input = rest,
                None => return Ok(None),
            },
            Stage::Data => {}
        }
        self.stage = Stage::Data;
        self.inflate_piece().map(Some)
    }

    fn inflate_piece(&mut self) -> Result<Piece<'_>, CompressionError> {
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let input = &self.input[..self.input.len().min(PIECE_BYTES)];
        let out = &mut self.scratch[..PIECE_BYTES];
        let status = self.inflate.decompress(input, out, FlushDecompress::None);
        let status = status.map_err(|_| MALFORMED)?;
        let consumed = (self.inflate.total_in() - before_in) as usize;
        let produced = (self.inflate.total_out() - before_out) as usize;
        self.input = &self.input[consumed..];
        self.checksum.update(&self.scratch[..produced]);
        match status {
            Status::StreamEnd => self.end_member()?,
            _ if consumed + produced == 0 => return Err(MALFORMED),
            _ => {}
        }
        Ok(Piece {
            out: &self.scratch[..produced],
            consumed_bytes: consumed,
        })
    }

    fn end_member(&mut self) -> Result<(), CompressionError> {
        let (trailer, rest) = self.input.split_first_chunk().ok_or(MALFORMED)?;
        let mut expected = [0; TRAILER_BYTES];
        let checksum = std::mem::take(&mut self.checksum).finalize();
        expected[..4].copy_from_slice(&checksum.to_le_bytes());
        let len = self.inflate.total_out() as u32;
        expected[4..].copy_from_slice(&len.to_le_bytes());
        if *trailer != expected {
            return Err(MALFORMED);
        }
        self.input = rest;
        self.inflate.reset(false);
        self.stage = Stage::NextHeader;
        Ok(())
    }
}

/// What follows the header of a member; `None` if there is no whole and sound one.
fn after_header(input: &[u8]) -> Option<&[u8]> {
    let (header, mut rest) = input.split_first_chunk::<HEADER_BYTES>()?;
    let flags = header[3];
    if header[..3] != MAGIC || flags & FLAGS_RESERVED != 0 {
        return None;
    }
    if flags & FLAG_EXTRA != 0 {
        let (len, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for flag in [FLAG_NAME, FLAG_COMMENT] {
        if flags & flag != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & FLAG_HEADER_CRC != 0 {
        // Not compared: the batch's own checksum covers the header too.
        rest = rest.get(2..)?;
    }
    Some(rest)
}

#[derive(Debug)]
pub(super) struct Encoder(flate2::write::GzEncoder<Vec<u8>>);

impl Encoder {
    pub(super) fn new(level: Option<i32>, out: Vec<u8>) -> Self {
        let level = match level {
            Some(level @ 0..=9) => flate2::Compression::new(level as u32),
            _ => flate2::Compression::default(),
        };
        Self(flate2::write::GzEncoder::new(out, level))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("a Vec takes everything");
    }

    pub(super) fn out_bytes(&self) -> usize {
        self.0.get_ref().len()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish().expect("a Vec takes everything")
    }
}
