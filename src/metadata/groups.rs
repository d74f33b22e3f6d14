//! What the metadata says of groups: the settings of one.

use super::image::MetadataImage;
use crate::config::{BrokerConfig, GroupSettings};

/// The effective settings of a group on this broker now. Values that were set for the group are
/// brought within the broker's present bounds; nothing is kept, so ask again when it matters.
pub fn group_settings(config: &BrokerConfig, image: &MetadataImage, group: &str) -> GroupSettings {
    let broker = image.broker_overrides(config.node_id);
    config.group_settings(
        image.group_overrides(group),
        broker,
        image.cluster_overrides(),
    )
}
