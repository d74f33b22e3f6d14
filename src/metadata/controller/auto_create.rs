//! Topics that nobody asked to create: on Metadata, and the broker's own.

use crate::config::BrokerConfig;
use crate::metadata::topic_name::{CONSUMER_OFFSETS, SHARE_GROUP_STATE, TRANSACTION_STATE};
use crate::protocol::message::create_topics::{CreatableTopic, CreatableTopicConfig};

/// What to ask CreateTopics for when a topic is created by itself: the defaults, or for the
/// broker's own topics what their coordinator needs.
pub fn creatable_topic(name: &str, config: &BrokerConfig) -> CreatableTopic {
    let number = |setting: &str| {
        config
            .settings
            .text(setting)
            .and_then(|text| text.parse().ok())
    };
    let (partitions, replicas, configs) = match name {
        CONSUMER_OFFSETS => (
            number("offsets.topic.num.partitions"),
            number("offsets.topic.replication.factor"),
            offsets_configs(config),
        ),
        TRANSACTION_STATE => (
            number("transaction.state.log.num.partitions"),
            number("transaction.state.log.replication.factor"),
            transaction_configs(config),
        ),
        SHARE_GROUP_STATE => (
            number("share.coordinator.state.topic.num.partitions"),
            number("share.coordinator.state.topic.replication.factor"),
            share_configs(config),
        ),
        _ => (None, None, Vec::new()),
    };
    CreatableTopic {
        name: name.to_owned(),
        num_partitions: partitions.unwrap_or(-1),
        replication_factor: replicas
            .and_then(|count| i16::try_from(count).ok())
            .unwrap_or(-1),
        assignments: Vec::new(),
        configs,
    }
}

fn offsets_configs(config: &BrokerConfig) -> Vec<CreatableTopicConfig> {
    vec![
        fixed("cleanup.policy", "compact"),
        fixed("compression.type", "producer"),
        taken(config, "segment.bytes", "offsets.topic.segment.bytes"),
    ]
}

fn transaction_configs(config: &BrokerConfig) -> Vec<CreatableTopicConfig> {
    vec![
        fixed("unclean.leader.election.enable", "false"),
        fixed("compression.type", "uncompressed"),
        fixed("cleanup.policy", "compact"),
        taken(
            config,
            "min.insync.replicas",
            "transaction.state.log.min.isr",
        ),
        taken(
            config,
            "segment.bytes",
            "transaction.state.log.segment.bytes",
        ),
    ]
}

fn share_configs(config: &BrokerConfig) -> Vec<CreatableTopicConfig> {
    vec![
        fixed("cleanup.policy", "delete"),
        fixed("compression.type", "producer"),
        fixed("retention.ms", "-1"),
        taken(
            config,
            "min.insync.replicas",
            "share.coordinator.state.topic.min.isr",
        ),
        taken(
            config,
            "segment.bytes",
            "share.coordinator.state.topic.segment.bytes",
        ),
    ]
}

fn fixed(name: &str, value: &str) -> CreatableTopicConfig {
    CreatableTopicConfig {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    }
}

fn taken(config: &BrokerConfig, name: &str, setting: &str) -> CreatableTopicConfig {
    fixed(name, config.settings.text(setting).unwrap_or_default())
}
