//! Every setting of the broker: its name, meaning, default and bounds. Pure.
//!
//! [`settings`] is the one table of broker settings, [`TOPIC_SETTINGS`] that of topic settings,
//! [`GROUP_SETTINGS`] that of group settings.
//! [`load`] puts flags over `KLAMM_` variables over a file over the defaults and gives a typed
//! [`BrokerConfig`] with warnings, or everything that is wrong, each with its cure.
//! [`TopicLayers`] tells what a topic's configuration comes to, [`GroupLayers`] a group's.

mod broker;
mod checks;
mod cleaner;
mod dynamic;
mod error;
mod file;
mod foreign;
mod group;
mod ip_overrides;
mod layers;
mod listener;
mod listeners;
mod markdown;
mod memory;
mod properties;
mod reason;
mod setting;
mod suggest;
mod table;
#[cfg(test)]
mod tests;
mod topic;
mod valid;
mod value;

use std::collections::BTreeMap;

pub use broker::{
    BrokerConfig, ConnectionLimits, ConsumerGroupRules, CoreSelection, FetchLimits,
    FetchPathChoice, FlushPolicy, GroupLimits, GroupMigration, Host, LogUpkeep, MetadataLogConfig,
    TopicRules,
};
pub use cleaner::CleanerConfig;
pub use dynamic::{BrokerEffective, BrokerLayers, validate_broker_overrides};
pub use error::{ConfigError, ConfigErrors, Warning};
pub use file::ConfigFile;
pub use group::{
    GROUP_SETTINGS, GroupLayers, GroupSetting, GroupSettings, find_group_setting,
    validate_group_overrides,
};
pub use layers::{Layer, Loaded, Settings, Sources, load};
pub use listener::{Listener, plaintext_listener};
pub use markdown::{broker_settings_markdown, group_settings_markdown, topic_settings_markdown};
pub use memory::{GIB, MIB, default_memory_bytes};
pub use setting::{Origin, Scope, Setting, Status};
pub use table::{DIFFERENCES, Difference, SECTIONS, find, settings};
pub use topic::{
    CleanupPolicy, CompressionType, Effective, EffectiveSynonym, Source, Synonym, TOPIC_SETTINGS,
    TimestampType, TopicConfig, TopicLayers, TopicSetting, find_topic_setting,
    validate_topic_overrides,
};
pub use valid::Valid;
pub use value::{InvalidValue, Kind, Value, split_list};

/// What is set for one resource: names and texts.
pub type ConfigMap = BTreeMap<String, String>;
