//! One record: attributes, timestamp, offset, key, value, headers, all deltas to its batch.

use std::iter::FusedIterator;

use crate::model::{Offset, TimestampMs};

use super::varint::{Cursor, put_varint, put_varlong, varint_bytes, varlong_bytes};
use super::{BatchError, BatchHeader, TimestampType};

/// The records of an uncompressed body, in order, borrowed from it.
///
/// Ends after the header's count. An error is the last item: a malformed record, or bytes that
/// follow the last one.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    header: BatchHeader,
    next_index: i32,
    failed: bool,
}

impl<'a> Records<'a> {
    /// `body` is what follows the header, decompressed if the batch has a codec.
    pub fn new(header: BatchHeader, body: &'a [u8]) -> Self {
        Self {
            cursor: Cursor::new(body),
            header,
            next_index: 0,
            failed: false,
        }
    }

    fn read(&mut self) -> Result<Record<'a>, BatchError> {
        let index = self.next_index;
        let record = read_record(&mut self.cursor, &self.header);
        let record = record.ok_or(BatchError::Record { index })?;
        self.next_index += 1;
        let is_last = self.next_index == self.header.record_count;
        if is_last && self.cursor.remaining() > 0 {
            return Err(BatchError::TrailingBytes(self.cursor.remaining()));
        }
        Ok(record)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.next_index >= self.header.record_count {
            return None;
        }
        let record = self.read();
        self.failed = record.is_err();
        Some(record)
    }
}

impl FusedIterator for Records<'_> {}

fn read_record<'a>(cursor: &mut Cursor<'a>, header: &BatchHeader) -> Option<Record<'a>> {
    let len = usize::try_from(cursor.varint()?).ok()?;
    let mut body = Cursor::new(cursor.take(len)?);
    let attributes = body.byte()? as i8;
    let timestamp_delta = body.varlong()?;
    let offset_delta = body.varint()?;
    let key = body.nullable_bytes()?;
    let value = body.nullable_bytes()?;
    let headers = read_headers(&mut body)?;
    (body.remaining() == 0).then_some(Record {
        attributes,
        offset: header.base_offset.wrapping_add(offset_delta.into()),
        timestamp: match header.attributes.timestamp_type() {
            TimestampType::CreateTime => header.base_timestamp.wrapping_add(timestamp_delta),
            TimestampType::LogAppendTime => header.max_timestamp,
        },
        key,
        value,
        headers,
    })
}

fn read_headers<'a>(body: &mut Cursor<'a>) -> Option<Headers<'a>> {
    let count = usize::try_from(body.varint()?).ok()?;
    let start = *body;
    for _ in 0..count {
        read_header(body)?;
    }
    let len = body.position() - start.position();
    let bytes = { start }.take(len)?;
    Some(Headers { count, bytes })
}

fn read_header<'a>(cursor: &mut Cursor<'a>) -> Option<Header<'a>> {
    let key = cursor.nullable_bytes()??;
    let value = cursor.nullable_bytes()?;
    Some(Header { key, value })
}

/// One record, as a consumer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Unused in format v2; whatever a producer wrote.
    pub attributes: i8,
    /// Its place in the partition.
    pub offset: Offset,
    /// When the producer made it, or the log took it, as the batch's timestamp type says.
    pub timestamp: TimestampMs,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value; without one it is a tombstone on compacted topics.
    pub value: Option<&'a [u8]>,
    /// Headers (KIP-82) in the producer's order.
    pub headers: Headers<'a>,
}

/// The headers of a record, known to be well-formed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Headers<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each of them, in order; a key may repeat.
    pub fn iter(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let mut cursor = Cursor::new(self.bytes);
        (0..self.count).map_while(move |_| read_header(&mut cursor))
    }
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// UTF-8 by contract, not checked: Kafka's broker does not look either.
    pub key: &'a [u8],
    /// Any bytes, or null.
    pub value: Option<&'a [u8]>,
}

/// Appends one record in the format of a batch body.
pub(super) fn put_record(
    out: &mut Vec<u8>,
    timestamp_delta: i64,
    offset_delta: i32,
    record: &RecordParts<'_>,
) {
    let len = record_body_bytes(timestamp_delta, offset_delta, record);
    put_varint(out, len as i32);
    out.push(0);
    put_varlong(out, timestamp_delta);
    put_varint(out, offset_delta);
    put_nullable_bytes(out, record.key);
    put_nullable_bytes(out, record.value);
    put_varint(out, record.headers.len() as i32);
    for header in record.headers {
        put_nullable_bytes(out, Some(header.key));
        put_nullable_bytes(out, header.value);
    }
}

/// How many bytes [`put_record`] appends.
pub(super) fn record_bytes(
    timestamp_delta: i64,
    offset_delta: i32,
    record: &RecordParts<'_>,
) -> usize {
    let len = record_body_bytes(timestamp_delta, offset_delta, record);
    varint_bytes(len as i32) + len
}

/// What a producer gives for one record; the rest follows from the batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordParts<'a> {
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value, if any.
    pub value: Option<&'a [u8]>,
    /// Headers in their order.
    pub headers: &'a [Header<'a>],
}

fn record_body_bytes(timestamp_delta: i64, offset_delta: i32, record: &RecordParts<'_>) -> usize {
    let headers: usize = record.headers.iter().map(header_bytes).sum();
    1 + varlong_bytes(timestamp_delta)
        + varint_bytes(offset_delta)
        + nullable_bytes(record.key)
        + nullable_bytes(record.value)
        + varint_bytes(record.headers.len() as i32)
        + headers
}

fn header_bytes(header: &Header<'_>) -> usize {
    nullable_bytes(Some(header.key)) + nullable_bytes(header.value)
}

fn nullable_bytes(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint_bytes(bytes.len() as i32) + bytes.len())
}

fn put_nullable_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(out, -1),
        Some(bytes) => {
            put_varint(out, bytes.len() as i32);
            out.extend_from_slice(bytes);
        }
    }
}
