//! Compressing and decompressing the body of a batch, in pieces.
//!
//! Decompressing takes memory for one piece and the codec's window, never for what the producer
//! claims: 64 KiB for gzip and zstd (plus the window of the zstd frame, touched only as far as
//! data came), one block for lz4 (at most 4 MiB) and snappy, and a block is sized by the bytes
//! that arrived. A call does bounded work, so a core can look up between two of them.

mod blocks;
mod gzip;
mod lz4;
mod scratch;
mod snappy;
mod snappy_block;
#[cfg(test)]
mod tests;
mod zstd;

use thiserror::Error;

use super::Codec;

/// How much compressed input one call looks at, and how much output the streaming codecs give.
const PIECE_BYTES: usize = 64 * 1024;

/// A codec and how hard it tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compression {
    /// Which codec.
    pub codec: Codec,
    /// Kafka's level of that codec (gzip 1–9, zstd −131072–22); its default if `None`.
    ///
    /// lz4 always takes its fast mode, Kafka's default; snappy has no levels.
    pub level: Option<i32>,
}

impl From<Codec> for Compression {
    fn from(codec: Codec) -> Self {
        Self { codec, level: None }
    }
}

/// A body that does not decompress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CompressionError {
    /// Not what the codec's format allows, or cut off.
    #[error("{0} data is malformed")]
    Malformed(Codec),
    /// More data than the caller is willing to see.
    #[error("decompresses to more than {bytes_max} bytes")]
    TooLarge {
        /// What the caller allowed.
        bytes_max: usize,
    },
}

/// What one call to [`Decompressor::next_piece`] did.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'d> {
    /// The next decompressed bytes; they may be none although more follow.
    pub out: &'d [u8],
    /// How much of the body it took.
    pub consumed_bytes: usize,
}

/// Decompresses a body piece by piece.
#[derive(Debug)]
pub struct Decompressor<'a> {
    decoder: Decoder<'a>,
    allowance: Allowance,
}

#[derive(Debug)]
enum Decoder<'a> {
    None(&'a [u8]),
    Gzip(gzip::Decoder<'a>),
    Snappy(snappy::Decoder<'a>),
    Lz4(lz4::Decoder<'a>),
    Zstd(zstd::Decoder<'a>),
}

impl<'a> Decompressor<'a> {
    /// Over a whole body; more than `bytes_max` bytes of output are an error.
    pub fn new(codec: Codec, body: &'a [u8], bytes_max: usize) -> Self {
        let decoder = match codec {
            Codec::None => Decoder::None(body),
            Codec::Gzip => Decoder::Gzip(gzip::Decoder::new(body)),
            Codec::Snappy => Decoder::Snappy(snappy::Decoder::new(body)),
            Codec::Lz4 => Decoder::Lz4(lz4::Decoder::new(body)),
            Codec::Zstd => Decoder::Zstd(zstd::Decoder::new(body)),
        };
        let allowance = Allowance {
            left: bytes_max,
            max: bytes_max,
        };
        Self { decoder, allowance }
    }

    /// The next piece, or `None` at the end.
    ///
    /// After an error the decompressor is of no more use.
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>, CompressionError> {
        let piece = match &mut self.decoder {
            Decoder::None(body) => take_all(body),
            Decoder::Gzip(decoder) => decoder.next_piece()?,
            Decoder::Snappy(decoder) => decoder.next_piece(self.allowance)?,
            Decoder::Lz4(decoder) => decoder.next_piece()?,
            Decoder::Zstd(decoder) => decoder.next_piece()?,
        };
        let len = piece.map_or(0, |piece| piece.out.len());
        self.allowance.left -= self.allowance.check(len)?;
        Ok(piece)
    }
}

fn take_all<'a>(body: &mut &'a [u8]) -> Option<Piece<'a>> {
    let out = std::mem::take(body);
    let consumed_bytes = out.len();
    (consumed_bytes > 0).then_some(Piece {
        out,
        consumed_bytes,
    })
}

/// How much output the caller still takes.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    left: usize,
    max: usize,
}

impl Allowance {
    fn check(self, len: usize) -> Result<usize, CompressionError> {
        if len <= self.left {
            Ok(len)
        } else {
            Err(CompressionError::TooLarge {
                bytes_max: self.max,
            })
        }
    }
}

/// Decompresses a whole body into memory, at most `bytes_max` bytes of it.
pub fn decompress(
    codec: Codec,
    body: &[u8],
    bytes_max: usize,
) -> Result<Vec<u8>, CompressionError> {
    let mut out = Vec::new();
    let mut decompressor = Decompressor::new(codec, body, bytes_max);
    while let Some(piece) = decompressor.next_piece()? {
        out.extend_from_slice(piece.out);
    }
    Ok(out)
}

/// Whether Kafka's own reader can read the body: it knows no lz4 frames of dependent blocks.
pub(super) fn is_readable_by_kafka(codec: Codec, body: &[u8]) -> bool {
    codec != Codec::Lz4 || !lz4::has_dependent_blocks(body)
}

/// Compresses bytes that are written in pieces, after what its output already holds.
#[derive(Debug)]
pub(super) struct Compressor(Encoder);

#[derive(Debug)]
enum Encoder {
    None(Vec<u8>),
    Gzip(gzip::Encoder),
    Snappy(snappy::Encoder),
    Lz4(lz4::Encoder),
    Zstd(zstd::Encoder),
}

impl Compressor {
    pub(super) fn new(compression: Compression, out: Vec<u8>) -> Self {
        let level = compression.level;
        Self(match compression.codec {
            Codec::None => Encoder::None(out),
            Codec::Gzip => Encoder::Gzip(gzip::Encoder::new(level, out)),
            Codec::Snappy => Encoder::Snappy(snappy::Encoder::new(out)),
            Codec::Lz4 => Encoder::Lz4(lz4::Encoder::new(out)),
            Codec::Zstd => Encoder::Zstd(zstd::Encoder::new(level, out)),
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Encoder::None(out) => out.extend_from_slice(bytes),
            Encoder::Gzip(encoder) => encoder.write(bytes),
            Encoder::Snappy(encoder) => encoder.write(bytes),
            Encoder::Lz4(encoder) => encoder.write(bytes),
            Encoder::Zstd(encoder) => encoder.write(bytes),
        }
    }

    /// Bytes of output so far; what the codec still holds back is not among them.
    pub(super) fn out_bytes(&self) -> usize {
        match &self.0 {
            Encoder::None(out) => out.len(),
            Encoder::Gzip(encoder) => encoder.out_bytes(),
            Encoder::Snappy(encoder) => encoder.out_bytes(),
            Encoder::Lz4(encoder) => encoder.out_bytes(),
            Encoder::Zstd(encoder) => encoder.out_bytes(),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self.0 {
            Encoder::None(out) => out,
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Snappy(encoder) => encoder.finish(),
            Encoder::Lz4(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// Compresses a whole body.
pub fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(compression, Vec::new());
    compressor.write(bytes);
    compressor.finish()
}
