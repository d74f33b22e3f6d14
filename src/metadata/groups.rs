//! What the metadata says of groups: the settings of one, and which protocols are offered.

use super::features::{CONSUMER_GROUPS_FROM, GROUP_VERSION, GROUP_VERSION_MAX};
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

/// Whether groups of the consumer protocol (KIP-848) are offered: group.version must be supported
/// and finalized, and `group.coordinator.rebalance.protocols` must name `consumer`.
pub fn offers_consumer_groups(config: &BrokerConfig, image: &MetadataImage) -> bool {
    // A later version may have finalized more than this one supports.
    let level = image.feature_level(GROUP_VERSION).min(GROUP_VERSION_MAX);
    level >= CONSUMER_GROUPS_FROM && config.consumer_groups.enabled
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::{Host, Sources, load};

    fn config(protocols: &str) -> BrokerConfig {
        let name = "group.coordinator.rebalance.protocols";
        let flags = [(name.to_owned(), protocols.to_owned())];
        let sources = Sources {
            flags: &flags,
            ..Sources::default()
        };
        let host = Host {
            memory_bytes: 8 << 30,
            cores: 2,
            name: "localhost".to_owned(),
        };
        load(&sources, &host).unwrap().config
    }

    fn image(level: i16) -> MetadataImage {
        let features = [(GROUP_VERSION.to_owned(), level)].into();
        MetadataImage {
            features: Arc::new(features),
            ..MetadataImage::default()
        }
    }

    #[test]
    fn consumer_groups_need_the_feature_and_the_setting() {
        let default = BrokerConfig::default();
        assert!(!offers_consumer_groups(&default, &MetadataImage::default()));
        let behaves = GROUP_VERSION_MAX >= CONSUMER_GROUPS_FROM;
        assert_eq!(offers_consumer_groups(&default, &image(1)), behaves);
        let named = config("consumer,classic");
        assert_eq!(offers_consumer_groups(&named, &image(1)), behaves);
        assert!(!offers_consumer_groups(&config("classic"), &image(1)));
    }
}
