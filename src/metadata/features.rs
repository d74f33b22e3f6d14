//! Which features this version supports, and at which levels a new cluster begins.

use super::image::METADATA_VERSION;

/// The name of the feature that says which protocols of groups there are.
pub const GROUP_VERSION: &str = "group.version";

/// The least level of [`GROUP_VERSION`] with groups of the consumer protocol (KIP-848).
pub const CONSUMER_GROUPS_FROM: i16 = 1;

/// The highest level of [`GROUP_VERSION`]. All else follows: what ApiVersions names, what a new cluster begins
/// at, and what an older data directory is raised to when the broker starts.
pub(super) const GROUP_VERSION_MAX: i16 = CONSUMER_GROUPS_FROM;

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

/// Transactions, share groups and streams groups have features of their own; they are named here
/// once they behave.
const FEATURES: &[Feature] = &[
    Feature {
        name: METADATA_VERSION,
        min: 7,
        max: 30,
        initial: 30,
    },
    Feature {
        name: GROUP_VERSION,
        min: 0,
        max: GROUP_VERSION_MAX,
        initial: GROUP_VERSION_MAX,
    },
];

/// What ApiVersions names as supported and the broker registers with, metadata.version first.
pub fn supported_features() -> impl Iterator<Item = &'static Feature> {
    FEATURES.iter().filter(|feature| feature.max > 0)
}
