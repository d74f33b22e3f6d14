use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A 128-bit identity, written as Kafka writes it: 22 characters of base64url without padding.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// The id that means "no id" on the wire.
    pub const ZERO: Self = Self([0; 16]);
    /// Kafka's reserved id of the metadata topic, `AAAAAAAAAAAAAAAAAAAAAQ`.
    pub const METADATA_TOPIC: Self = Self::from_u128(1);
    /// Directory id of a replica whose directory is not assigned (KIP-858).
    pub const UNASSIGNED_DIR: Self = Self::ZERO;

    /// The id with these bytes, most significant first.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id with this number.
    pub const fn from_u128(value: u128) -> Self {
        Self(value.to_be_bytes())
    }

    /// A version 4 id from 128 random bits; the caller brings the randomness.
    ///
    /// As Kafka does, callers that name topics or directories draw again while the text begins
    /// with a dash (see [`Uuid::is_reserved_or_dashed`]), so that it never looks like an option.
    pub const fn from_random(bits: u128) -> Self {
        let versioned = (bits & !(0xf << 76)) | (0x4 << 76);
        Self::from_u128((versioned & !(0x3 << 62)) | (0x2 << 62))
    }

    /// Whether this id is one Kafka never gives to a topic or a directory.
    pub fn is_reserved_or_dashed(self) -> bool {
        self.as_u128() < 100 || self.to_string().starts_with('-')
    }

    /// The bytes, most significant first, as they stand on the wire.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id as a number.
    pub const fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// Whether this is [`Uuid::ZERO`].
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 22 characters of base64url.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id of 22 base64url characters")]
pub struct ParseUuidError(String);

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 16];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) => Ok(Self(bytes)),
            _ => Err(ParseUuidError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kafkas() {
        assert_eq!(Uuid::METADATA_TOPIC.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        let id: Uuid = "MkU3OEVBNTcwNTJENDM2Qg".parse().unwrap();
        assert_eq!(id.to_string(), "MkU3OEVBNTcwNTJENDM2Qg");
        assert!("short".parse::<Uuid>().is_err());
    }

    #[test]
    fn random_ids_carry_version_and_variant() {
        let id = Uuid::from_random(u128::MAX);
        assert_eq!(id.as_bytes()[6] >> 4, 4);
        assert_eq!(id.as_bytes()[8] >> 6, 0b10);
    }
}
