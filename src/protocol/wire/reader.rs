use std::fmt;

use crate::model::Uuid;

/// Reads primitives from borrowed bytes; whatever the bytes say, it neither panics nor allocates
/// more than they justify.
///
/// Decoding may hold at most [`Reader::BUDGET_PER_BYTE`] bytes of memory per byte that arrived,
/// plus a little: every array charges its elements before it reserves a place for them, so a
/// claim of four billion entries fails at once.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Where `rest` ends, counted from the first byte ever given.
    end: usize,
    budget: usize,
}

impl<'a> Reader<'a> {
    /// Bytes of decoded memory that one byte on the wire may cost. The densest honest message, an
    /// OffsetFetch of groups with names of one letter, costs 20.
    pub const BUDGET_PER_BYTE: usize = 24;
    const BUDGET_BASE: usize = 4096;

    /// A reader of these bytes, with a budget in proportion to them.
    pub fn new(bytes: &'a [u8]) -> Self {
        let budget = bytes.len().saturating_mul(Self::BUDGET_PER_BYTE);
        Self {
            rest: bytes,
            end: bytes.len(),
            budget: budget.saturating_add(Self::BUDGET_BASE),
        }
    }

    /// Lowers the decode budget to `bytes` at most, for frames so large that a multiple of them
    /// is too much.
    pub fn budget_at_most(mut self, bytes: usize) -> Self {
        self.budget = self.budget.min(bytes);
        self
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The bytes left, without consuming them.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes have been consumed.
    pub fn position(&self) -> usize {
        self.end - self.rest.len()
    }

    /// Fails if anything is left.
    pub fn expect_end(&self) -> Result<(), Malformed> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(self.malformed(Problem::Trailing(left))),
        }
    }

    /// Consumes `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let Some((head, rest)) = self.rest.split_at_checked(len) else {
            let missing = len - self.rest.len();
            return Err(self.malformed(Problem::Truncated { missing }));
        };
        self.rest = rest;
        Ok(head)
    }

    /// Consumes `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            let missing = N - self.rest.len();
            return Err(self.malformed(Problem::Truncated { missing }));
        };
        self.rest = rest;
        Ok(*head)
    }

    /// An unsigned varint of at most 32 bits: seven bits a byte, lowest first.
    pub fn uvarint(&mut self) -> Result<u32, Malformed> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.malformed(Problem::Varint))
    }

    /// An unsigned varint of at most 64 bits.
    pub fn uvarlong(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let [byte] = self.array()?;
            if shift == 63 && byte > 0x01 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.malformed(Problem::Varint))
    }

    /// A zigzag varint of at most 32 bits, as records use it.
    pub fn varint(&mut self) -> Result<i32, Malformed> {
        self.uvarint()
            .map(|raw| (raw >> 1) as i32 ^ -((raw & 1) as i32))
    }

    /// A zigzag varint of at most 64 bits, as records use it.
    pub fn varlong(&mut self) -> Result<i64, Malformed> {
        self.uvarlong()
            .map(|raw| (raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// A 128-bit id.
    pub fn uuid(&mut self) -> Result<Uuid, Malformed> {
        self.array().map(Uuid::from_bytes)
    }

    /// The length of a string: compact, or an `i16`; `None` is null. Compact ones too must fit an
    /// `i16`, as Kafka has it.
    pub fn short_len(&mut self, flexible: bool) -> Result<Option<usize>, Malformed> {
        if !flexible {
            let len = self.array().map(i16::from_be_bytes)?;
            return self.checked_len(len.into());
        }
        match self.compact_len()? {
            Some(len) if i16::try_from(len).is_err() => Err(self.malformed(Problem::LongText(len))),
            len => Ok(len),
        }
    }

    /// The length of an array, of bytes or of records: compact, or an `i32`; `None` is null.
    pub fn long_len(&mut self, flexible: bool) -> Result<Option<usize>, Malformed> {
        if flexible {
            return self.compact_len();
        }
        let len = self.array().map(i32::from_be_bytes)?;
        self.checked_len(len.into())
    }

    /// Consumes `len` bytes as text.
    pub fn text(&mut self, len: usize) -> Result<&'a str, Malformed> {
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed(Problem::NotUtf8))
    }

    /// Takes `bytes` of memory from the decode budget.
    pub fn charge(&mut self, bytes: usize) -> Result<(), Malformed> {
        let Some(left) = self.budget.checked_sub(bytes) else {
            return Err(self.malformed(Problem::OverBudget {
                asked: bytes,
                left: self.budget,
            }));
        };
        self.budget = left;
        Ok(())
    }

    /// An empty vector with room for `count` elements, which must be claimed by that many bytes at
    /// least and fit the decode budget.
    pub fn vec_of<T>(&mut self, count: usize) -> Result<Vec<T>, Malformed> {
        if count > self.rest.len() {
            let missing = count - self.rest.len();
            return Err(self.malformed(Problem::Truncated { missing }));
        }
        self.charge(count.saturating_mul(size_of::<T>()))?;
        Ok(Vec::with_capacity(count))
    }

    /// Reads a value that must fill the next `len` bytes exactly (a tagged field).
    pub fn within<T>(
        &mut self,
        len: usize,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let value = self.take(len)?;
        let (rest, end) = (self.rest, self.end);
        (self.rest, self.end) = (value, end - rest.len());
        let read = read(self)?;
        self.expect_end()?;
        (self.rest, self.end) = (rest, end);
        Ok(read)
    }

    /// Reads a struct's tagged fields; `read` gets each tag with a reader of its value alone, which
    /// it must consume ([`Reader::skip_rest`] for a tag it does not know).
    pub fn tagged_fields(
        &mut self,
        mut read: impl FnMut(&mut Self, u32) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        for _ in 0..self.uvarint()? {
            let tag = self.uvarint()?;
            let len = self.uvarint()? as usize;
            self.within(len, |r| read(r, tag))?;
        }
        Ok(())
    }

    /// Consumes all that is left.
    pub fn skip_rest(&mut self) {
        self.rest = &[];
    }

    /// The error for a problem found just before the reader's position.
    pub fn malformed(&self, problem: Problem) -> Malformed {
        Malformed {
            problem,
            position: self.position(),
            field: None,
        }
    }

    fn compact_len(&mut self) -> Result<Option<usize>, Malformed> {
        let len = self.uvarint()?;
        self.checked_len(i64::from(len) - 1)
    }

    fn checked_len(&self, len: i64) -> Result<Option<usize>, Malformed> {
        match usize::try_from(len) {
            Ok(len) => Ok(Some(len)),
            Err(_) if len == -1 => Ok(None),
            Err(_) => Err(self.malformed(Problem::NegativeLength(len))),
        }
    }
}

/// The bytes are not what the peer says they are: where, in which field, and why.
///
/// A connection that sends such bytes is closed; the text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {position}{}", in_field(field))]
pub struct Malformed {
    /// What is wrong.
    pub problem: Problem,
    /// Bytes consumed when the problem was found.
    pub position: usize,
    /// Struct and field, the innermost.
    pub field: Option<(&'static str, &'static str)>,
}

impl Malformed {
    /// Names the struct and field the problem lies in, unless a deeper one is named already.
    pub fn in_field(mut self, table: &'static str, field: &'static str) -> Self {
        self.field.get_or_insert((table, field));
        self
    }
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Lengths claim more than there is.
    #[error("{missing} bytes missing")]
    Truncated {
        /// How many bytes there should have been in addition, at least.
        missing: usize,
    },
    /// Bytes follow where the value should have ended.
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// A length below −1.
    #[error("length {0}")]
    NegativeLength(i64),
    /// A varint that does not end within its type.
    #[error("varint too long")]
    Varint,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// Text longer than Kafka's 32,767 bytes.
    #[error("text of {0} bytes")]
    LongText(usize),
    /// Null where this version has none.
    #[error("null is not allowed")]
    Null,
    /// The mark before a nullable struct is neither −1 nor 1.
    #[error("a struct's presence mark is {0}")]
    PresenceMark(i8),
    /// Arrays and text would take more memory than the bytes justify.
    #[error("{asked} bytes of memory asked, {left} left in the decode budget")]
    OverBudget {
        /// What the value would have taken.
        asked: usize,
        /// What was left.
        left: usize,
    },
    /// A version that the table does not have.
    #[error("version {0} is not known")]
    UnknownVersion(i16),
}

fn in_field(field: &Option<(&'static str, &'static str)>) -> impl fmt::Display + use<> {
    let field = *field;
    fmt::from_fn(move |f| match field {
        Some((table, field)) => write!(f, " in {table}.{field}"),
        None => Ok(()),
    })
}
