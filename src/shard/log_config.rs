//! From a topic's settings to what its logs keep to.

use std::sync::Arc;

use crate::config::{BrokerConfig, TopicConfig};
use crate::log::LogConfig;
use crate::metadata::MetadataImage;

/// The effective settings of a topic on this broker.
pub fn topic_config(config: &BrokerConfig, image: &MetadataImage, topic: &str) -> TopicConfig {
    let broker = image.broker_overrides(config.node_id);
    config.topic_config(
        image.topic_overrides(topic),
        broker,
        image.cluster_overrides(),
    )
}

/// What the logs of a topic keep to.
pub(super) fn log_config(config: &BrokerConfig, topic: &TopicConfig) -> Arc<LogConfig> {
    Arc::new(LogConfig {
        segment_bytes: topic.segment_bytes,
        segment_ms: segment_ms(topic),
        segment_jitter_ms: topic.segment_jitter_ms,
        segment_index_bytes: topic.segment_index_bytes,
        index_interval_bytes: topic.index_interval_bytes,
        retention_ms: topic.retention_ms,
        retention_bytes: topic.retention_bytes.map(|bytes| bytes.unsigned_abs()),
        delete_retained: topic.cleanup_policy.delete,
        compacted: topic.cleanup_policy.compact,
        min_cleanable_dirty_ratio: topic.min_cleanable_dirty_ratio,
        min_compaction_lag_ms: topic.min_compaction_lag_ms,
        max_compaction_lag_ms: topic.max_compaction_lag_ms,
        delete_retention_ms: topic.delete_retention_ms,
        file_delete_delay_ms: topic.file_delete_delay_ms.unsigned_abs(),
        producer_expiration_ms: config.producer_id_expiration_ms,
        ..LogConfig::default()
    })
}

/// The active segment is never compacted: it must be closed before its records have to be.
fn segment_ms(topic: &TopicConfig) -> i64 {
    match topic.cleanup_policy.compact {
        true => topic.segment_ms.min(topic.max_compaction_lag_ms),
        false => topic.segment_ms,
    }
}

/// What the metadata log keeps to: nothing is ever deleted but what a snapshot stands for.
pub(super) fn metadata_log_config(config: &BrokerConfig) -> Arc<LogConfig> {
    Arc::new(LogConfig {
        segment_bytes: config.metadata_log.segment_bytes,
        segment_ms: config.metadata_log.segment_ms,
        retention_ms: None,
        retention_bytes: None,
        delete_retained: false,
        ..LogConfig::default()
    })
}
