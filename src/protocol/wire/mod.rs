//! Primitive encodings of the Kafka protocol, classic and compact (KIP-482).
//!
//! All integers are big-endian. Classic strings carry an `i16` length, classic arrays, bytes and
//! records an `i32` length, −1 for null; compact ones an unsigned varint of length + 1, 0 for null.

use super::schema::Spec;

mod reader;
mod value;
mod writer;

pub use reader::{Malformed, Problem, Reader};
pub use value::{Nullable, RecordsField, Wire, read_nullable_struct, write_nullable_struct};
pub use writer::{Encoded, Piece, Splice, Unencodable, Writer};

/// How one field of one version stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The message's version.
    pub version: i16,
    /// Whether lengths are compact and structs end with tagged fields (KIP-482).
    pub flexible: bool,
    /// Whether this field may be null in this version.
    pub nullable: bool,
    /// Whether it is a tagged field.
    pub tagged: bool,
}

impl Form {
    /// The form of a message's own struct, which is never null.
    pub const fn of_message(version: i16, flexible: bool) -> Self {
        Self {
            version,
            flexible,
            nullable: false,
            tagged: false,
        }
    }

    /// The form of a field of this form's struct.
    pub const fn of(self, spec: &Spec) -> Self {
        Self {
            version: self.version,
            flexible: self.flexible && !spec.classic,
            nullable: spec.nullable.contain(self.version),
            tagged: spec.tag.is_some(),
        }
    }

    /// The same version, for a value that cannot be null (an array's element).
    pub const fn not_null(self) -> Self {
        Self {
            nullable: false,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back_and_the_longest_are_exact() {
        for value in [
            0,
            1,
            -1,
            63,
            -64,
            64,
            i32::MAX.into(),
            i32::MIN.into(),
            i64::MAX,
            i64::MIN,
        ] {
            let mut w = Writer::new();
            w.varlong(value);
            w.uvarlong(value as u64);
            w.varint(value as i32);
            w.uvarint(value as u32);
            let bytes = w.finish().unwrap().head;
            let mut r = Reader::new(&bytes);
            assert_eq!(r.varlong(), Ok(value));
            assert_eq!(r.uvarlong(), Ok(value as u64));
            assert_eq!(r.varint(), Ok(value as i32));
            assert_eq!(r.uvarint(), Ok(value as u32));
            assert_eq!(r.remaining(), 0);
        }
    }

    #[test]
    fn varints_that_do_not_end_are_refused() {
        let problem = |bytes: &[u8]| Reader::new(bytes).uvarint().unwrap_err().problem;
        assert_eq!(problem(&[0x80; 9]), Problem::Varint);
        assert_eq!(problem(&[0xff, 0xff, 0xff, 0xff, 0x10]), Problem::Varint);
        assert_eq!(problem(&[0x80]), Problem::Truncated { missing: 1 });
        let long = Reader::new(&[0xff; 12]).uvarlong().unwrap_err().problem;
        assert_eq!(long, Problem::Varint);
        let over = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(
            Reader::new(&over).uvarlong().unwrap_err().problem,
            Problem::Varint
        );
    }

    #[test]
    fn positions_count_from_the_first_byte_even_within_a_tag() {
        let mut r = Reader::new(&[1, 2, 3, 4, 5]);
        r.take(1).unwrap();
        let inside = r.within(3, |r| {
            r.take(1)?;
            r.take(5).map(|_| ())
        });
        assert_eq!(inside.unwrap_err().position, 2);
        let mut r = Reader::new(&[1, 2, 3, 4, 5]);
        r.within(3, |r| r.take(3).map(|_| ())).unwrap();
        assert_eq!((r.position(), r.rest()), (3, &[4, 5][..]));
    }
}
