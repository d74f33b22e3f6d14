//! From the broker's settings to what its coordinators of groups keep to.

use std::sync::Arc;

use crate::config::{BrokerConfig, GroupMigration};
use crate::coordinator::group::assignor::Assignor;
use crate::coordinator::group::config::{
    Bounded, ConsumerGroupConfig, GroupConfig, GroupOverrides, MigrationPolicy,
};
use crate::metadata::{MetadataImage, ResourceType, group_settings};

/// No group has this name: what is in force where nothing is set.
const NO_GROUP: &str = "";

/// The limits of groups in force now.
pub fn group_config(config: &BrokerConfig, image: &MetadataImage) -> GroupConfig {
    let limits = &config.groups;
    GroupConfig {
        members_max: limits.members_max,
        initial_rebalance_delay_ms: limits.initial_rebalance_delay_ms,
        session_timeout_ms_min: limits.session_timeout_ms_min,
        session_timeout_ms_max: limits.session_timeout_ms_max,
        offset_metadata_bytes_max: limits.offset_metadata_bytes_max,
        offsets_retention_ms: limits.offsets_retention_ms,
        consumer: consumer_group_config(config, image),
    }
}

/// What each group has of its own; within the broker's bounds already.
pub(super) fn group_overrides(
    config: &BrokerConfig,
    image: &MetadataImage,
) -> Vec<(Arc<str>, GroupOverrides)> {
    let resources = image.configs.keys();
    let groups = resources.filter(|resource| resource.kind == ResourceType::Group);
    groups
        .map(|resource| {
            let overrides = overrides_of(config, image, &resource.name);
            (resource.name.as_str().into(), overrides)
        })
        .collect()
}

/// What one group has of its own.
pub(super) fn overrides_of(
    config: &BrokerConfig,
    image: &MetadataImage,
    group: &str,
) -> GroupOverrides {
    if image.group_overrides(group).is_empty() {
        return GroupOverrides::default();
    }
    let own = group_settings(config, image, group);
    GroupOverrides {
        session_timeout_ms: Some(own.session_timeout_ms),
        heartbeat_interval_ms: Some(own.heartbeat_interval_ms),
        assignment_interval_ms: Some(own.assignment_interval_ms),
    }
}

fn consumer_group_config(config: &BrokerConfig, image: &MetadataImage) -> ConsumerGroupConfig {
    let rules = &config.consumer_groups;
    let brokers = group_settings(config, image, NO_GROUP);
    let assignors = rules.assignors.iter();
    ConsumerGroupConfig {
        members_max: rules.members_max,
        session_timeout_ms: unbounded(brokers.session_timeout_ms),
        heartbeat_interval_ms: unbounded(brokers.heartbeat_interval_ms),
        assignment_interval_ms: unbounded(brokers.assignment_interval_ms),
        regex_refresh_interval_ms: i32::try_from(rules.regex_refresh_interval_ms)
            .unwrap_or(i32::MAX),
        assignors: assignors
            .filter_map(|name| Assignor::by_name(name))
            .collect(),
        migration: match rules.migration {
            GroupMigration::Disabled => MigrationPolicy::Disabled,
            GroupMigration::Upgrade => MigrationPolicy::Upgrade,
            GroupMigration::Downgrade => MigrationPolicy::Downgrade,
            GroupMigration::Bidirectional => MigrationPolicy::Bidirectional,
        },
        ..ConsumerGroupConfig::default()
    }
}

/// The settings of groups come within their bounds.
fn unbounded(default: i32) -> Bounded {
    Bounded {
        default,
        min: i32::MIN,
        max: i32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_the_limits_are_kafkas() {
        let limits = group_config(&BrokerConfig::default(), &MetadataImage::default());
        let kafkas = GroupConfig::default();
        let default = |bounded: &Bounded| bounded.default;
        let (ours, theirs) = (&limits.consumer, &kafkas.consumer);
        assert_eq!(
            default(&ours.session_timeout_ms),
            default(&theirs.session_timeout_ms)
        );
        assert_eq!(
            default(&ours.heartbeat_interval_ms),
            default(&theirs.heartbeat_interval_ms)
        );
        assert_eq!(
            default(&ours.assignment_interval_ms),
            default(&theirs.assignment_interval_ms)
        );
        assert_eq!(ours.assignors, theirs.assignors);
        assert_eq!(
            ours.regex_refresh_interval_ms,
            theirs.regex_refresh_interval_ms
        );
        let consumer = kafkas.consumer.clone();
        assert_eq!(GroupConfig { consumer, ..limits }, kafkas);
    }
}
