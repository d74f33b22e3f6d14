//! A message's table as data: what the contract test compares with Kafka's own definitions, and
//! what generators of random messages are driven by.

/// One message, as its table declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Kafka's name, such as `FetchRequest`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Versions that can be written and read.
    pub versions: Versions,
    /// Versions with compact lengths and tagged fields (KIP-482).
    pub flexible: Versions,
    /// Its fields, in wire order.
    pub fields: &'static [Field],
}

/// What a message is, with its number where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request of this API key.
    Request(i16),
    /// A response of this API key.
    Response(i16),
    /// A metadata record of this type.
    Record(i16),
    /// A header, a control record's value: anything that is found by its place alone.
    Data,
}

impl Kind {
    /// The API key or record type; −1 for [`Kind::Data`].
    pub const fn key(self) -> i16 {
        match self {
            Self::Request(key) | Self::Response(key) | Self::Record(key) => key,
            Self::Data => -1,
        }
    }
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Kafka's name in snake case (`r#` stands before Rust's reserved words).
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// Everything else.
    pub spec: Spec,
}

/// When and how a field appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Versions that carry it.
    pub versions: Versions,
    /// Versions in which it may be null.
    pub nullable: Versions,
    /// Its number among the tagged fields, if it is one.
    pub tag: Option<u32>,
    /// The default as the table writes it; `None` is the type's zero.
    pub default: Option<&'static str>,
    /// Whether a value may silently be left out of a version that lacks the field.
    pub ignorable: bool,
    /// Whether it keeps classic lengths even in flexible versions (the header's client id).
    pub classic: bool,
}

impl Spec {
    /// A field of every version, never null, no tag, the type's default.
    pub const PLAIN: Self = Self {
        versions: Versions::since(0),
        nullable: Versions::NONE,
        tag: None,
        default: None,
        ignorable: false,
        classic: false,
    };

    /// This, in versions `first` to `last`.
    pub(crate) const fn versions(mut self, first: i16, last: i16) -> Self {
        self.versions = Versions { first, last };
        self
    }

    /// This, nullable in versions `first` to `last`.
    pub(crate) const fn null(mut self, first: i16, last: i16) -> Self {
        self.nullable = Versions { first, last };
        self
    }

    /// This, as a tagged field.
    pub(crate) const fn tag(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    /// This, with a default.
    pub(crate) const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// This, which versions that lack it may leave out.
    pub(crate) const fn ignorable(mut self) -> Self {
        self.ignorable = true;
        self
    }

    /// This, with classic lengths always.
    pub(crate) const fn classic(mut self) -> Self {
        self.classic = true;
        self
    }

    /// Whether the field stands in the fixed part of this version.
    pub const fn in_body(&self, version: i16) -> bool {
        self.tag.is_none() && self.versions.contain(version)
    }

    /// Whether the field may stand among the tagged fields of this version.
    pub const fn in_tags(&self, version: i16) -> bool {
        self.tag.is_some() && self.versions.contain(version)
    }

    /// Whether this tag number means this field in this version.
    pub const fn has_tag(&self, tag: u32, version: i16) -> bool {
        matches!(self.tag, Some(own) if own == tag) && self.versions.contain(version)
    }

    /// Whether a value other than the default cannot be left out of this version.
    pub const fn lost_in(&self, version: i16) -> bool {
        !self.ignorable && !self.versions.contain(version)
    }
}

/// A field's type; nullability stands in [`Spec::nullable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// One byte, zero or not.
    Bool,
    /// One byte, signed.
    Int8,
    /// Two bytes, signed.
    Int16,
    /// Two bytes, unsigned (ports of the metadata records).
    Uint16,
    /// Four bytes, signed.
    Int32,
    /// Four bytes, unsigned.
    Uint32,
    /// Eight bytes, signed.
    Int64,
    /// Eight bytes, IEEE 754.
    Float64,
    /// Sixteen bytes.
    Uuid,
    /// UTF-8 text.
    String,
    /// Opaque bytes.
    Bytes,
    /// Record batches.
    Records,
    /// A list of these.
    Array(&'static Self),
    /// A nested struct with these fields.
    Struct(&'static [Field]),
}

/// A range of versions, both ends included; empty if `first > last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The lowest.
    pub first: i16,
    /// The highest, [`i16::MAX`] if open.
    pub last: i16,
}

impl Versions {
    /// No version at all.
    pub const NONE: Self = Self { first: 0, last: -1 };

    /// From `first` on.
    pub const fn since(first: i16) -> Self {
        Self {
            first,
            last: i16::MAX,
        }
    }

    /// `first` to `last`.
    pub const fn between(first: i16, last: i16) -> Self {
        Self { first, last }
    }

    /// Whether `version` is one of them.
    pub const fn contain(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }

    /// Those that are in both.
    pub fn overlap(self, other: Self) -> Self {
        Self {
            first: self.first.max(other.first),
            last: self.last.min(other.last),
        }
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.first > self.last
    }
}
