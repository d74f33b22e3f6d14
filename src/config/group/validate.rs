//! Refuses group settings that make no sense, in Kafka's words (INVALID_CONFIG).

use super::super::value::InvalidValue;
use super::effective::GroupLayers;
use super::table::{GROUP_SETTINGS, GroupSetting, find_group_setting};

/// Checks what is set for a group (`layers.group`, after the change) together with the layers
/// below: names, types, the broker's bounds, and settings that contradict each other.
pub fn validate_group_overrides(layers: &GroupLayers<'_>) -> Result<(), InvalidValue> {
    for (name, text) in layers.group {
        let setting = find_group_setting(name)
            .ok_or_else(|| InvalidValue::other(format!("Unknown group config name: {name}")))?;
        let value = setting.kind.parse(name, text)?;
        setting.valid.check(name, &value)?;
    }
    let set = |setting: &&GroupSetting| layers.group.contains_key(setting.name);
    for setting in GROUP_SETTINGS.iter().filter(set) {
        within_the_brokers_bounds(layers, setting)?;
    }
    ["consumer", "share", "streams"]
        .into_iter()
        .try_for_each(|protocol| sessions_outlast_heartbeats(layers, protocol))
}

fn within_the_brokers_bounds(
    layers: &GroupLayers<'_>,
    setting: &GroupSetting,
) -> Result<(), InvalidValue> {
    let Some(number) = layers.number(setting) else {
        return Ok(());
    };
    let bound = |name: Option<&'static str>| Some((name?, layers.broker.number(name?)?));
    let refuse = |relation: &str, bound: &str| {
        let message = format!(
            "{} must be {relation} than or equal to {bound}",
            setting.name
        );
        Err(InvalidValue::other(message))
    };
    match (bound(setting.least), bound(setting.most)) {
        (Some((name, least)), _) if number < least => refuse("greater", name),
        (_, Some((name, most))) if number > most => refuse("less", name),
        _ => Ok(()),
    }
}

fn sessions_outlast_heartbeats(
    layers: &GroupLayers<'_>,
    protocol: &str,
) -> Result<(), InvalidValue> {
    let session = format!("{protocol}.session.timeout.ms");
    let heartbeat = format!("{protocol}.heartbeat.interval.ms");
    let number = |name: &str| layers.number(find_group_setting(name)?);
    if number(&session) > number(&heartbeat) {
        return Ok(());
    }
    let message = format!("{session} must be greater than {heartbeat}");
    Err(InvalidValue::other(message))
}

#[cfg(test)]
mod tests {
    use super::super::super::{BrokerLayers, ConfigMap, Settings};
    use super::*;

    /// The messages are those of Kafka 4.3.1, observed.
    const CASES: &[(&str, &str, &str)] = &[
        (
            "consumer.session.timeout.ms",
            "100",
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            "consumer.session.timeout.ms",
            "70000",
            "consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms",
        ),
        (
            "consumer.session.timeout.ms",
            "0",
            "Invalid value 0 for configuration consumer.session.timeout.ms: Value must be at least 1",
        ),
        (
            "consumer.session.timeout.ms",
            "x",
            "Invalid value x for configuration consumer.session.timeout.ms: Not a number of type INT",
        ),
        ("consumer.session.timeout.ms", " 50000 ", ""),
        (
            "consumer.heartbeat.interval.ms",
            "100",
            "consumer.heartbeat.interval.ms must be greater than or equal to group.consumer.min.heartbeat.interval.ms",
        ),
        ("consumer.assignment.interval.ms", "0", ""),
        (
            "consumer.assignment.interval.ms",
            "16000",
            "consumer.assignment.interval.ms must be less than or equal to group.consumer.max.assignment.interval.ms",
        ),
        (
            "consumer.assignment.interval.ms",
            "99999999999",
            "Invalid value 99999999999 for configuration consumer.assignment.interval.ms: Not a number of type INT",
        ),
        ("nope", "1", "Unknown group config name: nope"),
        ("", "1", "Unknown group config name: "),
        (
            "share.record.lock.duration.ms",
            "1",
            "Invalid value 1 for configuration share.record.lock.duration.ms: Value must be at least 1000",
        ),
        (
            "share.record.lock.duration.ms",
            "1000",
            "share.record.lock.duration.ms must be greater than or equal to group.share.min.record.lock.duration.ms",
        ),
        ("share.auto.offset.reset", "by_duration:PT1H", ""),
        (
            "share.auto.offset.reset",
            "EARLIEST",
            "Invalid value EARLIEST for configuration share.auto.offset.reset: Invalid value `EARLIEST` for configuration share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
        ),
        (
            "share.isolation.level",
            "x",
            "Invalid value x for configuration share.isolation.level: String must be one of: read_committed, read_uncommitted",
        ),
        (
            "share.renew.acknowledge.enable",
            "x",
            "Invalid value x for configuration share.renew.acknowledge.enable: Expected value to be either true or false",
        ),
        (
            "streams.num.standby.replicas",
            "3",
            "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
        ),
        ("streams.initial.rebalance.delay.ms", "999999", ""),
    ];

    fn message(group: &[(&str, &str)], broker: &[(&str, &str)]) -> String {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let group: ConfigMap = group.iter().map(own).collect();
        let broker: ConfigMap = broker.iter().map(own).collect();
        let layers = GroupLayers {
            group: &group,
            broker: BrokerLayers {
                broker: &broker,
                cluster: &ConfigMap::new(),
                settings: &Settings::default(),
            },
        };
        let checked = validate_group_overrides(&layers);
        checked.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn refusals_are_kafkas() {
        for (name, text, expected) in CASES {
            assert_eq!(message(&[(name, text)], &[]), *expected, "{name}={text}");
        }
    }

    #[test]
    fn a_session_must_outlast_a_heartbeat() {
        let broker = [("group.consumer.min.session.timeout.ms", "1000")];
        let said = message(&[("consumer.session.timeout.ms", "5000")], &broker);
        let expected =
            "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms";
        assert_eq!(said, expected);
        let said = message(&[("consumer.session.timeout.ms", "5001")], &broker);
        assert_eq!(said, "");
    }
}
