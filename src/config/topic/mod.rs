//! Topic settings: their table, their validation, and what a topic's configuration comes to.

mod effective;
mod table;
mod validate;

pub use effective::{
    CleanupPolicy, CompressionType, Effective, EffectiveSynonym, Source, TimestampType,
    TopicConfig, TopicLayers,
};
pub use table::{Synonym, TOPIC_SETTINGS, TopicSetting, find_topic_setting};
pub use validate::validate_topic_overrides;
