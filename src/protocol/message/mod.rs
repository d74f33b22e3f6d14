//! Kafka's messages, one file per API, each a table that reads like Kafka's own definitions.
//!
//! A field's doc ends with its line of the table: type, versions, default. Names are Kafka's, in
//! snake case; what a request means stands in the broker's file of that API.

#[macro_use]
mod table;

pub mod api_versions;
pub mod fetch;
pub mod metadata;
pub mod produce;

use super::schema::{Schema, Versions};
use super::wire::{Form, Malformed, Problem, Reader, Unencodable, Wire, Writer};

/// A message that its table describes.
pub trait Message<'a>: Wire<'a> + Default {
    /// The table as data.
    const SCHEMA: &'static Schema;
    /// The API key or record type; −1 for a header or a control record's value.
    const KEY: i16 = Self::SCHEMA.kind.key();
    /// Kafka's name.
    const NAME: &'static str = Self::SCHEMA.name;
    /// Versions that can be written and read, from Kafka's floor to Kafka 4.4.0's ceiling.
    const VERSIONS: Versions = Self::SCHEMA.versions;
    /// Versions with compact lengths and tagged fields.
    const FLEXIBLE: Versions = Self::SCHEMA.flexible;

    /// Appends the message; what this version cannot carry is reported by [`Writer::finish`].
    fn encode(&self, w: &mut Writer, version: i16) {
        if !Self::VERSIONS.contain(version) {
            w.reject(Unencodable::unknown_version(Self::NAME, version));
        }
        self.write(
            w,
            Form::of_message(version, Self::FLEXIBLE.contain(version)),
        );
    }

    /// Consumes the message; bytes that follow are left to the caller ([`Reader::expect_end`]).
    fn decode(r: &mut Reader<'a>, version: i16) -> Result<Self, Malformed> {
        if !Self::VERSIONS.contain(version) {
            return Err(r.malformed(Problem::UnknownVersion(version)));
        }
        Self::read(
            r,
            Form::of_message(version, Self::FLEXIBLE.contain(version)),
        )
    }
}
