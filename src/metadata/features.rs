//! Which features this version supports, and at which levels a new cluster begins.

use super::image::METADATA_VERSION;

/// A feature with the levels this version supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Kafka's name.
    pub name: &'static str,
    /// The lowest level.
    pub min: i16,
    /// The highest level.
    pub max: i16,
    /// The level a new cluster begins at; 0 is not finalized.
    pub initial: i16,
}

/// What ApiVersions names as supported and the broker registers with.
///
/// Groups, transactions, share groups and streams groups have features of their own; they are
/// named here once they behave.
pub const FEATURES: &[Feature] = &[Feature {
    name: METADATA_VERSION,
    min: 7,
    max: 30,
    initial: 30,
}];
