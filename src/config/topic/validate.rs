//! Refuses topic settings that make no sense, in Kafka's words (INVALID_CONFIG).

use super::super::setting::Status;
use super::super::value::{InvalidValue, Value};
use super::effective::TopicLayers;
use super::table::{TopicSetting, find_topic_setting};

/// Checks what is set for a topic (`layers.topic`, after the change) together with the layers
/// below: names, types, bounds, and settings that contradict each other.
pub fn validate_topic_overrides(layers: &TopicLayers<'_>) -> Result<(), InvalidValue> {
    for (name, text) in layers.topic {
        let setting = find_topic_setting(name)
            .ok_or_else(|| InvalidValue::other(format!("Unknown topic config name: {name}")))?;
        let value = setting.kind.parse(name, text)?;
        setting.valid.check(name, &value)?;
        refuse_unless_default(setting, &value)?;
    }
    compaction_lags_agree(layers)
}

fn refuse_unless_default(setting: &TopicSetting, value: &Value) -> Result<(), InvalidValue> {
    let Status::Refused(why) = setting.status else {
        return Ok(());
    };
    if value.to_string() == setting.default {
        return Ok(());
    }
    if setting.name == "remote.storage.enable" {
        let message = "Tiered Storage functionality is disabled in the broker. \
                       Topic cannot be configured with remote log storage.";
        return Err(InvalidValue::other(message.to_owned()));
    }
    Err(InvalidValue::new(setting.name, value, why))
}

fn compaction_lags_agree(layers: &TopicLayers<'_>) -> Result<(), InvalidValue> {
    let config = layers.config();
    let (least, most) = (config.min_compaction_lag_ms, config.max_compaction_lag_ms);
    if least <= most {
        return Ok(());
    }
    Err(InvalidValue::other(format!(
        "conflict topic config setting min.compaction.lag.ms ({least}) > \
         max.compaction.lag.ms ({most})"
    )))
}

#[cfg(test)]
mod tests {
    use super::super::super::{ConfigMap, Settings};
    use super::*;

    /// The messages are those of Kafka 4.3.1, observed.
    const CASES: &[(&str, &str, &str)] = &[
        (
            "segment.bytes",
            "abc",
            "Invalid value abc for configuration segment.bytes: Not a number of type INT",
        ),
        (
            "segment.bytes",
            "5",
            "Invalid value 5 for configuration segment.bytes: Value must be at least 1048576",
        ),
        ("segment.bytes", " 1048576 ", ""),
        (
            "segment.bytes",
            "1.5",
            "Invalid value 1.5 for configuration segment.bytes: Not a number of type INT",
        ),
        (
            "segment.bytes",
            "99999999999",
            "Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT",
        ),
        ("nope", "1", "Unknown topic config name: nope"),
        (
            "cleanup.policy",
            "foo",
            "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        ("cleanup.policy", "", ""),
        ("cleanup.policy", "compact, delete", ""),
        (
            "cleanup.policy",
            "delete,",
            "Configuration 'cleanup.policy' values must not be empty.",
        ),
        (
            "compression.type",
            "GZIP",
            "Invalid value GZIP for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
        (
            "compression.gzip.level",
            "0",
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
        ),
        ("compression.gzip.level", "-1", ""),
        (
            "compression.lz4.level",
            "18",
            "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17",
        ),
        (
            "min.cleanable.dirty.ratio",
            "2",
            "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
        ),
        (
            "min.cleanable.dirty.ratio",
            "-0.1",
            "Invalid value -0.1 for configuration min.cleanable.dirty.ratio: Value must be at least 0",
        ),
        ("min.cleanable.dirty.ratio", "1e-1", ""),
        (
            "preallocate",
            "yes",
            "Invalid value yes for configuration preallocate: Expected value to be either true or false",
        ),
        ("preallocate", "TRUE", ""),
        (
            "retention.ms",
            "-2",
            "Invalid value -2 for configuration retention.ms: Value must be at least -1",
        ),
        (
            "retention.ms",
            "",
            "Invalid value  for configuration retention.ms: Not a number of type LONG",
        ),
        ("retention.ms", "+5", ""),
        (
            "retention.ms",
            "1_000",
            "Invalid value 1_000 for configuration retention.ms: Not a number of type LONG",
        ),
        ("retention.bytes", "-5", ""),
        ("leader.replication.throttled.replicas", "0:1,1:2", ""),
        ("leader.replication.throttled.replicas", "*", ""),
        (
            "leader.replication.throttled.replicas",
            "*,0:1",
            "Invalid value [*, 0:1] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
        ),
        (
            "message.format.version",
            "3.0",
            "Unknown topic config name: message.format.version",
        ),
        (
            "remote.storage.enable",
            "true",
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
        ),
        ("remote.storage.enable", "false", ""),
    ];

    fn message(pairs: &[(&str, &str)]) -> String {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let topic: ConfigMap = pairs.iter().map(own).collect();
        let none = ConfigMap::new();
        let settings = Settings::default();
        let layers = TopicLayers {
            topic: &topic,
            broker: &none,
            cluster: &none,
            settings: &settings,
        };
        let checked = validate_topic_overrides(&layers);
        checked.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn refusals_are_kafkas() {
        for (name, text, expected) in CASES {
            assert_eq!(message(&[(name, text)]), *expected, "{name}={text}");
        }
    }

    #[test]
    fn contradicting_compaction_lags_are_refused() {
        let said = message(&[
            ("min.compaction.lag.ms", "10"),
            ("max.compaction.lag.ms", "5"),
        ]);
        let expected = "conflict topic config setting min.compaction.lag.ms (10) > \
                        max.compaction.lag.ms (5)";
        assert_eq!(said, expected);
    }
}
