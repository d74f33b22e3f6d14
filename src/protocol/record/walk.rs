//! Passing over the records of a body that arrives in pieces, without keeping any of it.
//!
//! Every length a record claims is held against what the record has left, and the record's own
//! against what comes. Keys, values and headers are stepped over, never copied.

use super::BatchError;
use super::varint::{Cursor, unzigzag32, unzigzag64};

/// What the walk tells of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its place in the batch, from 0.
    pub(super) index: i32,
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) has_key: bool,
}

/// A walk over `record_count` records.
#[derive(Debug)]
pub(super) struct RecordWalk {
    record_count: i32,
    next_index: i32,
    /// Records and headers passed so far: what the walk's time depends on.
    passed: u64,
    /// The record that began in an earlier piece.
    partial: Option<Partial>,
}

impl RecordWalk {
    pub(super) fn new(record_count: i32) -> Self {
        Self {
            record_count,
            next_index: 0,
            passed: 0,
            partial: None,
        }
    }

    /// Passes over the next piece of the body and shows each record that ends in it.
    #[inline]
    pub(super) fn feed(
        &mut self,
        piece: &[u8],
        mut see: impl FnMut(Seen),
    ) -> Result<(), BatchError> {
        let mut cursor = Cursor::new(piece);
        while cursor.remaining() > 0 {
            let seen = match self.partial {
                None => self.next_record(&mut cursor)?,
                Some(_) => self.go_on(&mut cursor)?,
            };
            if let Some(seen) = seen {
                self.next_index += 1;
                see(seen);
            }
        }
        Ok(())
    }

    /// How many records and headers were passed so far.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// Whether the body ended with its last record.
    pub(super) fn finish(&self) -> Result<(), BatchError> {
        if self.partial.is_none() && self.next_index == self.record_count {
            Ok(())
        } else {
            Err(self.malformed())
        }
    }

    /// The whole record at the cursor; if only its beginning is there, it becomes the partial one.
    #[inline]
    fn next_record(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Seen>, BatchError> {
        if self.next_index == self.record_count {
            return Err(BatchError::TrailingBytes(cursor.remaining()));
        }
        let Some(body) = whole_body(cursor) else {
            self.partial = Some(Partial::new(self.next_index));
            return Ok(None);
        };
        let passed = pass_over(self.next_index, Cursor::new(body));
        let (seen, headers) = passed.ok_or_else(|| self.malformed())?;
        self.passed += u64::from(headers) + 1;
        Ok(Some(seen))
    }

    #[cold]
    fn go_on(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Seen>, BatchError> {
        let malformed = self.malformed();
        let Some(partial) = &mut self.partial else {
            return Ok(None);
        };
        while cursor.remaining() > 0 && partial.stage != Stage::End {
            self.passed += 1;
            partial.advance(cursor).ok_or(malformed)?;
        }
        if partial.stage != Stage::End {
            return Ok(None);
        }
        let (seen, left) = (partial.seen, partial.left);
        self.partial = None;
        if left == 0 {
            Ok(Some(seen))
        } else {
            Err(malformed)
        }
    }

    #[cold]
    fn malformed(&self) -> BatchError {
        BatchError::Record {
            index: self.next_index,
        }
    }
}

/// Moves past a record that is wholly there and gives its body. What is odd about its length is
/// found again, and refused, when the record is taken byte by byte.
#[inline]
fn whole_body<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let mut ahead = *cursor;
    let len = usize::try_from(ahead.varint()?).ok()?;
    let body = ahead.take(len)?;
    *cursor = ahead;
    Some(body)
}

#[inline]
fn pass_over(index: i32, mut body: Cursor<'_>) -> Option<(Seen, u32)> {
    let _attributes = body.byte()?;
    let timestamp_delta = body.varlong()?;
    let offset_delta = body.varint()?;
    let has_key = body.nullable_bytes()?.is_some();
    body.nullable_bytes()?;
    let header_count = u32::try_from(body.varint()?).ok()?;
    for _ in 0..header_count {
        body.nullable_bytes()??;
        body.nullable_bytes()?;
    }
    let seen = Seen {
        index,
        timestamp_delta,
        offset_delta,
        has_key,
    };
    (body.remaining() == 0).then_some((seen, header_count))
}

/// A record that is taken byte by byte, because it spans pieces.
#[derive(Debug)]
struct Partial {
    stage: Stage,
    seen: Seen,
    /// Bytes of the record that are still to come.
    left: usize,
    /// Bytes of the key, value or header at hand that are still to come.
    skip: usize,
    headers_left: u32,
    varint: u64,
    varint_bits: u32,
}

/// What comes next in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Length,
    Attributes,
    TimestampDelta,
    OffsetDelta,
    KeyLength,
    Key,
    ValueLength,
    Value,
    HeaderCount,
    HeaderKeyLength,
    HeaderKey,
    HeaderValueLength,
    HeaderValue,
    End,
}

impl Partial {
    fn new(index: i32) -> Self {
        Self {
            stage: Stage::Length,
            seen: Seen {
                index,
                timestamp_delta: 0,
                offset_delta: 0,
                has_key: false,
            },
            // A length takes at most five bytes; it sets what is left when it is known.
            left: 5,
            skip: 0,
            headers_left: 0,
            varint: 0,
            varint_bits: 0,
        }
    }

    /// Takes a byte, or as much as is there of what is stepped over.
    fn advance(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        match self.stage {
            Stage::Key | Stage::Value | Stage::HeaderKey | Stage::HeaderValue => {
                self.step_over(cursor)
            }
            Stage::Attributes => {
                self.take_byte(cursor)?;
                self.stage = Stage::TimestampDelta;
                Some(())
            }
            _ => self.take_varint_byte(cursor),
        }
    }

    fn take_byte(&mut self, cursor: &mut Cursor<'_>) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        cursor.byte()
    }

    fn step_over(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let len = self.skip.min(cursor.remaining());
        cursor.take(len)?;
        self.skip -= len;
        self.left -= len;
        if self.skip == 0 {
            self.stage = self.after_bytes();
        }
        Some(())
    }

    fn take_varint_byte(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let byte = self.take_byte(cursor)?;
        let bytes_max = if self.stage == Stage::TimestampDelta {
            10
        } else {
            5
        };
        self.varint |= u64::from(byte & 0x7f) << self.varint_bits;
        self.varint_bits += 7;
        if byte >= 0x80 {
            return (self.varint_bits < 7 * bytes_max).then_some(());
        }
        let value = std::mem::take(&mut self.varint);
        self.varint_bits = 0;
        if self.stage == Stage::TimestampDelta {
            self.seen.timestamp_delta = unzigzag64(value);
            self.stage = Stage::OffsetDelta;
            return Some(());
        }
        self.on_varint(unzigzag32(value as u32))
    }

    fn on_varint(&mut self, value: i32) -> Option<()> {
        match self.stage {
            Stage::Length => {
                self.left = usize::try_from(value).ok()?;
                self.stage = Stage::Attributes;
            }
            Stage::OffsetDelta => {
                self.seen.offset_delta = value;
                self.stage = Stage::KeyLength;
            }
            Stage::HeaderCount => {
                self.headers_left = u32::try_from(value).ok()?;
                self.stage = self.next_header();
            }
            Stage::KeyLength => {
                self.seen.has_key = value >= 0;
                self.begin_bytes(Stage::Key, value)?;
            }
            Stage::ValueLength => self.begin_bytes(Stage::Value, value)?,
            Stage::HeaderKeyLength => {
                u32::try_from(value).ok()?;
                self.begin_bytes(Stage::HeaderKey, value)?;
            }
            _ => self.begin_bytes(Stage::HeaderValue, value)?,
        }
        Some(())
    }

    fn begin_bytes(&mut self, stage: Stage, len: i32) -> Option<()> {
        self.stage = stage;
        self.skip = usize::try_from(len).unwrap_or(0);
        if self.skip == 0 {
            self.stage = self.after_bytes();
        }
        (self.skip <= self.left).then_some(())
    }

    fn after_bytes(&mut self) -> Stage {
        match self.stage {
            Stage::Key => Stage::ValueLength,
            Stage::Value => Stage::HeaderCount,
            Stage::HeaderKey => Stage::HeaderValueLength,
            _ => {
                self.headers_left -= 1;
                self.next_header()
            }
        }
    }

    fn next_header(&self) -> Stage {
        if self.headers_left == 0 {
            Stage::End
        } else {
            Stage::HeaderKeyLength
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Length 14: attributes, timestamp 5, offset 0, key "k", value "abc", one header "h": null.
    const RECORD: [u8; 15] = [
        28, 0, 10, 0, 2, b'k', 6, b'a', b'b', b'c', 2, 2, b'h', 1, 0xff,
    ];

    fn record() -> Vec<u8> {
        let mut bytes = RECORD[..14].to_vec();
        bytes[0] = 26;
        bytes
    }

    fn walk(body: &[u8], count: i32, piece_bytes: usize) -> Result<Vec<Seen>, BatchError> {
        let mut walk = RecordWalk::new(count);
        let mut all = Vec::new();
        for piece in body.chunks(piece_bytes) {
            walk.feed(piece, |seen| all.push(seen))?;
        }
        walk.finish().map(|()| all)
    }

    #[test]
    fn pieces_of_any_size_show_the_same_records() {
        let body = record().repeat(5);
        let whole = walk(&body, 5, body.len()).expect("five records");
        assert_eq!(whole.len(), 5);
        assert_eq!(whole[4].index, 4);
        assert_eq!((whole[0].timestamp_delta, whole[0].offset_delta), (5, 0));
        assert!(whole[0].has_key);
        for piece_bytes in 1..body.len() {
            assert_eq!(
                walk(&body, 5, piece_bytes).as_ref(),
                Ok(&whole),
                "{piece_bytes}"
            );
        }
    }

    #[test]
    fn any_changed_byte_gets_the_same_verdict_whole_and_in_pieces() {
        let good = record().repeat(2);
        for position in 0..good.len() {
            for value in 0..=255 {
                let mut body = good.clone();
                body[position] = value;
                let whole = walk(&body, 2, body.len());
                for piece_bytes in [1, 2, 3, 7, 15] {
                    let pieces = walk(&body, 2, piece_bytes);
                    assert_eq!(whole.is_ok(), pieces.is_ok(), "byte {position} = {value}");
                    if whole.is_ok() {
                        assert_eq!(whole, pieces, "byte {position} = {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn too_few_and_too_many_records_are_refused() {
        let body = record().repeat(3);
        assert_eq!(walk(&body, 4, 10), Err(BatchError::Record { index: 3 }));
        assert_eq!(walk(&body, 2, 100), Err(BatchError::TrailingBytes(14)));
        assert_eq!(
            walk(&body[..20], 2, 100),
            Err(BatchError::Record { index: 1 })
        );
    }
}
