use bytes::Bytes;

use crate::model::Uuid;

/// Writes primitives into one growing buffer, the head, and notes where record bodies belong.
///
/// Record bodies are never copied through here: [`Writer::splice`] says that `len` bytes stand at
/// this place, and whoever sends puts them there. A value that this version cannot carry does not
/// stop the writing; it is remembered and [`Writer::finish`] reports it.
#[derive(Debug, Default)]
pub struct Writer {
    head: Vec<u8>,
    splices: Vec<Splice>,
    spliced: usize,
    unencodable: Option<Unencodable>,
}

/// A record body to be inserted into the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Splice {
    /// Bytes of the head that come before it.
    pub position: usize,
    /// Its length in bytes.
    pub len: usize,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer with room for `bytes` of head.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            head: Vec::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// Bytes so far, bodies included.
    pub fn total_len(&self) -> usize {
        self.head.len() + self.spliced
    }

    /// What was written, unless a value did not fit its version.
    pub fn finish(self) -> Result<Encoded, Unencodable> {
        match self.unencodable {
            Some(error) => Err(error),
            None => Ok(Encoded {
                head: self.head,
                splices: self.splices,
            }),
        }
    }

    /// Appends bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.head.extend_from_slice(bytes);
    }

    /// Leaves a place for a record body of `len` bytes.
    pub fn splice(&mut self, len: usize) {
        self.splices.push(Splice {
            position: self.head.len(),
            len,
        });
        self.spliced += len;
    }

    /// An unsigned varint.
    pub fn uvarint(&mut self, value: u32) {
        self.uvarlong(value.into());
    }

    /// An unsigned varint of 64 bits.
    pub fn uvarlong(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.head.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.head.push(value as u8);
    }

    /// A zigzag varint, as records use it.
    pub fn varint(&mut self, value: i32) {
        self.uvarint((value << 1 ^ value >> 31) as u32);
    }

    /// A zigzag varint of 64 bits, as records use it.
    pub fn varlong(&mut self, value: i64) {
        self.uvarlong((value << 1 ^ value >> 63) as u64);
    }

    /// A 128-bit id.
    pub fn uuid(&mut self, id: Uuid) {
        self.put(id.as_bytes());
    }

    /// The length of a string, `None` for null; the length must fit an `i16` in every version.
    pub fn short_len(&mut self, len: Option<usize>, flexible: bool) {
        if len.is_some_and(|len| i16::try_from(len).is_err()) {
            self.reject(Unencodable::too_long(len));
        }
        match flexible {
            true => self.compact_len(len),
            false => self.put(&len.map_or(-1, |len| len as i16).to_be_bytes()),
        }
    }

    /// The length of an array, of bytes or of records, `None` for null.
    pub fn long_len(&mut self, len: Option<usize>, flexible: bool) {
        if len.is_some_and(|len| i32::try_from(len).is_err()) {
            self.reject(Unencodable::too_long(len));
        }
        match flexible {
            true => self.compact_len(len),
            false => self.put(&len.map_or(-1, |len| len as i32).to_be_bytes()),
        }
    }

    /// A tagged field: its number, the length of its value, its value.
    pub fn tagged(&mut self, tag: u32, write: impl FnOnce(&mut Self)) {
        self.uvarint(tag);
        let at = self.head.len();
        write(self);
        let len = self.head.len() - at;
        self.uvarlong(len as u64);
        let prefix = self.head.len() - at - len;
        self.head[at..].rotate_right(prefix);
    }

    /// Puts bytes over ones written before, such as a frame's length once it is known.
    ///
    /// `position` counts head bytes; the place must have been written.
    pub fn overwrite(&mut self, position: usize, bytes: &[u8]) {
        self.head[position..position + bytes.len()].copy_from_slice(bytes);
    }

    /// Remembers the first value that cannot be written.
    #[cold]
    pub fn reject(&mut self, error: Unencodable) {
        self.unencodable.get_or_insert(error);
    }

    /// Names the struct and field of a rejection that has none yet.
    pub(crate) fn blame(&mut self, table: &'static str, field: &'static str) {
        if let Some(error) = &mut self.unencodable
            && error.table.is_empty()
        {
            (error.table, error.field) = (table, field);
        }
    }

    /// Remembers that a value stands in a field which this version lacks.
    #[cold]
    pub(crate) fn lose(&mut self, table: &'static str, field: &'static str, version: i16) {
        let reason = format!("version {version} cannot carry this value");
        self.reject(Unencodable {
            table,
            field,
            reason,
        });
    }

    fn compact_len(&mut self, len: Option<usize>) {
        self.uvarlong(len.map_or(0, |len| len as u64 + 1));
    }
}

/// A message in the form it is sent: head bytes and the places where record bodies belong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Everything but the record bodies.
    pub head: Vec<u8>,
    /// Where the bodies belong, in order.
    pub splices: Vec<Splice>,
}

/// One stretch of an encoded message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the head.
    Head(Bytes),
    /// So many bytes of the next record body.
    Body(usize),
}

impl Encoded {
    /// Bytes of the whole, bodies included.
    pub fn total_len(&self) -> usize {
        self.head.len() + self.splices.iter().map(|splice| splice.len).sum::<usize>()
    }

    /// The stretches in the order they are sent; empty head stretches are left out, every body
    /// appears, even an empty one.
    pub fn into_pieces(self) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(2 * self.splices.len() + 1);
        let mut head = Bytes::from(self.head);
        let mut sent = 0;
        for splice in self.splices {
            push_head(&mut pieces, head.split_to(splice.position - sent));
            sent = splice.position;
            pieces.push(Piece::Body(splice.len));
        }
        push_head(&mut pieces, head);
        pieces
    }

    /// The whole as one copy, the bodies taken from `bodies` in order.
    ///
    /// For clients and tests; a broker sends the pieces. Missing bodies leave a gap.
    pub fn flatten<'b>(&self, bodies: impl IntoIterator<Item = &'b [u8]>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.total_len());
        let mut from = 0;
        for (splice, body) in self.splices.iter().zip(bodies) {
            out.extend_from_slice(&self.head[from..splice.position]);
            out.extend_from_slice(body);
            from = splice.position;
        }
        out.extend_from_slice(&self.head[from..]);
        out
    }
}

/// A value that the version it was to be written in cannot carry: our own mistake, not a peer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table}.{field}: {reason}")]
pub struct Unencodable {
    /// The struct.
    pub table: &'static str,
    /// The field.
    pub field: &'static str,
    /// Why not.
    pub reason: String,
}

impl Unencodable {
    /// An error whose field is named later, by the table that writes it.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            table: "",
            field: "",
            reason: reason.into(),
        }
    }

    pub(crate) fn unknown_version(table: &'static str, version: i16) -> Self {
        Self {
            table,
            field: "",
            reason: format!("version {version} is not known"),
        }
    }

    fn too_long(len: Option<usize>) -> Self {
        Self::new(format!(
            "length {} does not fit its prefix",
            len.unwrap_or_default()
        ))
    }
}

fn push_head(pieces: &mut Vec<Piece>, bytes: Bytes) {
    if !bytes.is_empty() {
        pieces.push(Piece::Head(bytes));
    }
}
