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
}

impl Form {
    /// The form of a message's own struct, which is never null.
    pub const fn of_message(version: i16, flexible: bool) -> Self {
        Self {
            version,
            flexible,
            nullable: false,
        }
    }

    /// The form of a field of this form's struct.
    pub const fn of(self, spec: &Spec) -> Self {
        Self {
            version: self.version,
            flexible: self.flexible && !spec.classic,
            nullable: spec.nullable.contain(self.version),
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
