//! What a topic's configuration comes to: topic over broker over cluster over file over default.

use super::super::layers::Settings;
use super::super::value::Value;
use super::super::{ConfigMap, table};
use super::table::{TopicSetting, find_topic_setting};

/// Where a value comes from, with Kafka's numbers (DescribeConfigs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum Source {
    /// Set for the topic.
    Topic = 1,
    /// Set for this broker while it ran.
    DynamicBroker = 2,
    /// Set for all brokers while they ran.
    DynamicCluster = 3,
    /// Set at the start: by flag, environment or file.
    StaticBroker = 4,
    /// Not set.
    Default = 5,
    /// Set for the group.
    Group = 8,
}

/// The layers a topic's configuration is made of, highest first.
#[derive(Clone, Copy, Debug)]
pub struct TopicLayers<'a> {
    /// Set for the topic.
    pub topic: &'a ConfigMap,
    /// Set for this broker while it runs.
    pub broker: &'a ConfigMap,
    /// Set for all brokers while they run.
    pub cluster: &'a ConfigMap,
    /// Set at the start.
    pub settings: &'a Settings,
}

/// The value of one setting that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The value's text, in the topic setting's unit.
    pub value: String,
    /// Where it comes from.
    pub source: Source,
}

/// One of the places a value could come from, in the order they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveSynonym {
    /// The name it is set by there.
    pub name: &'static str,
    /// Its text there, in that name's unit.
    pub value: String,
    /// Which layer it is.
    pub source: Source,
}

impl TopicLayers<'_> {
    /// The value of this setting that counts, and where it comes from.
    pub fn effective(&self, setting: &TopicSetting) -> Effective {
        let found = self.candidates(setting).next();
        found.unwrap_or_else(|| default_of(setting))
    }

    /// Every place the setting has a value in, the one that counts first.
    pub fn synonyms(&self, setting: &'static TopicSetting) -> Vec<EffectiveSynonym> {
        let mut all = Vec::new();
        if let Some(value) = self.topic.get(setting.name) {
            all.push(EffectiveSynonym {
                name: setting.name,
                value: value.clone(),
                source: Source::Topic,
            });
        }
        for source in BROKER_SOURCES {
            for synonym in setting.synonyms {
                let value = self.broker_value(source, synonym.name);
                all.extend(value.map(|value| EffectiveSynonym {
                    name: synonym.name,
                    value: value.to_owned(),
                    source,
                }));
            }
        }
        all
    }

    /// All settings that matter, parsed. A value that does not parse (it was written by another
    /// broker) gives way to the next layer.
    pub fn config(&self) -> TopicConfig {
        TopicConfig {
            segment_bytes: self.bytes("segment.bytes"),
            segment_ms: self.number("segment.ms"),
            segment_jitter_ms: self.number("segment.jitter.ms"),
            segment_index_bytes: self.bytes("segment.index.bytes"),
            index_interval_bytes: self.bytes("index.interval.bytes"),
            retention_ms: not_negative(self.number("retention.ms")),
            retention_bytes: not_negative(self.number("retention.bytes")),
            cleanup_policy: self.cleanup_policy(),
            file_delete_delay_ms: self.number("file.delete.delay.ms"),
            max_message_bytes: self.bytes("max.message.bytes"),
            min_insync_replicas: self.small("min.insync.replicas"),
            compression_type: self.compression_type(),
            compression_gzip_level: self.small("compression.gzip.level"),
            compression_lz4_level: self.small("compression.lz4.level"),
            compression_zstd_level: self.small("compression.zstd.level"),
            timestamp_type: self.timestamp_type(),
            timestamp_before_max_ms: self.number("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: self.number("message.timestamp.after.max.ms"),
            flush_messages: self.number("flush.messages"),
            flush_ms: self.number("flush.ms"),
            preallocate: self.value("preallocate").boolean().unwrap_or_default(),
            delete_retention_ms: self.number("delete.retention.ms"),
            min_compaction_lag_ms: self.number("min.compaction.lag.ms"),
            max_compaction_lag_ms: self.number("max.compaction.lag.ms"),
            min_cleanable_dirty_ratio: self
                .value("min.cleanable.dirty.ratio")
                .double()
                .unwrap_or_default(),
        }
    }

    fn candidates(&self, setting: &TopicSetting) -> impl Iterator<Item = Effective> {
        let own = self.topic.get(setting.name).map(|value| Effective {
            value: value.clone(),
            source: Source::Topic,
        });
        let set = BROKER_SOURCES
            .into_iter()
            .filter(|source| *source != Source::Default);
        let of_broker = set.flat_map(move |source| {
            setting.synonyms.iter().filter_map(move |synonym| {
                let text = self.broker_value(source, synonym.name)?;
                let value = synonym.convert(text);
                Some(Effective { value, source })
            })
        });
        own.into_iter().chain(of_broker)
    }

    fn broker_value(&self, source: Source, name: &str) -> Option<&str> {
        match source {
            Source::Topic | Source::Group => None,
            Source::DynamicBroker => self.broker.get(name).map(String::as_str),
            Source::DynamicCluster => self.cluster.get(name).map(String::as_str),
            Source::StaticBroker => self.settings.given(name),
            Source::Default => table::find(name)?.default,
        }
    }

    fn value(&self, name: &str) -> Value {
        let setting = find_topic_setting(name).expect("the name stands in the table");
        let parse = |text: &str| setting.kind.parse(name, text).ok();
        let set = self
            .candidates(setting)
            .find_map(|found| parse(&found.value));
        let value = set.or_else(|| parse(setting.default));
        value.expect("the table's own default parses, a test says so")
    }

    fn number(&self, name: &str) -> i64 {
        self.value(name).number().expect("a numeric setting")
    }

    fn bytes(&self, name: &str) -> u32 {
        u32::try_from(self.number(name).max(0)).unwrap_or(u32::MAX)
    }

    fn small(&self, name: &str) -> i32 {
        i32::try_from(self.number(name)).unwrap_or(i32::MAX)
    }

    fn cleanup_policy(&self) -> CleanupPolicy {
        let Value::List(words) = self.value("cleanup.policy") else {
            return CleanupPolicy::default();
        };
        let has = |word: &str| words.iter().any(|found| found == word);
        CleanupPolicy {
            delete: has("delete"),
            compact: has("compact"),
        }
    }

    fn compression_type(&self) -> CompressionType {
        match self.value("compression.type").to_string().as_str() {
            "uncompressed" => CompressionType::Uncompressed,
            "gzip" => CompressionType::Gzip,
            "snappy" => CompressionType::Snappy,
            "lz4" => CompressionType::Lz4,
            "zstd" => CompressionType::Zstd,
            _ => CompressionType::Producer,
        }
    }

    fn timestamp_type(&self) -> TimestampType {
        match self.value("message.timestamp.type").to_string().as_str() {
            "LogAppendTime" => TimestampType::LogAppendTime,
            _ => TimestampType::CreateTime,
        }
    }
}

const BROKER_SOURCES: [Source; 4] = [
    Source::DynamicBroker,
    Source::DynamicCluster,
    Source::StaticBroker,
    Source::Default,
];

fn default_of(setting: &TopicSetting) -> Effective {
    Effective {
        value: setting.default.to_owned(),
        source: Source::Default,
    }
}

fn not_negative(number: i64) -> Option<i64> {
    (number >= 0).then_some(number)
}

/// What a partition needs to know of its topic's configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// `segment.bytes`.
    pub segment_bytes: u32,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `segment.jitter.ms`.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// `retention.ms`; `None` keeps records for ever.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`; `None` is no limit.
    pub retention_bytes: Option<i64>,
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: i64,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `compression.type`.
    pub compression_type: CompressionType,
    /// `compression.gzip.level`; −1 is the codec's own default.
    pub compression_gzip_level: i32,
    /// `compression.lz4.level`.
    pub compression_lz4_level: i32,
    /// `compression.zstd.level`.
    pub compression_zstd_level: i32,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `flush.messages`; no effect yet.
    pub flush_messages: i64,
    /// `flush.ms`; no effect yet.
    pub flush_ms: i64,
    /// `preallocate`; no effect.
    pub preallocate: bool,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`.
    pub min_cleanable_dirty_ratio: f64,
}

impl Default for TopicConfig {
    /// Every setting at its default.
    fn default() -> Self {
        let none = ConfigMap::new();
        let settings = Settings::default();
        let layers = TopicLayers {
            topic: &none,
            broker: &none,
            cluster: &none,
            settings: &settings,
        };
        layers.config()
    }
}

/// What becomes of old segments (`cleanup.policy`); neither means they are kept for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Segments past their retention are deleted.
    pub delete: bool,
    /// Only the last record of each key is kept.
    pub compact: bool,
}

/// How batches are stored (`compression.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionType {
    /// As the producer sent them.
    Producer,
    /// Never compressed.
    Uncompressed,
    /// With gzip.
    Gzip,
    /// With snappy.
    Snappy,
    /// With lz4.
    Lz4,
    /// With zstd.
    Zstd,
}

/// Whose time a record carries (`message.timestamp.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, when it appended the record.
    LogAppendTime,
}
