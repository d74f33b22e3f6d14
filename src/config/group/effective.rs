//! What a group's configuration comes to: group over broker over cluster over file over default.

use super::super::dynamic::BrokerLayers;
use super::super::topic::{Effective, EffectiveSynonym, Source};
use super::super::{ConfigMap, table};
use super::table::{GroupSetting, find_group_setting};

/// The layers a group's configuration is made of, highest first.
#[derive(Clone, Copy, Debug)]
pub struct GroupLayers<'a> {
    /// Set for the group.
    pub group: &'a ConfigMap,
    /// The broker's own, which also bound what holds of the group's.
    pub broker: BrokerLayers<'a>,
}

/// What the coordinator needs to know of a consumer group's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// `consumer.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `consumer.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `consumer.assignment.interval.ms`.
    pub assignment_interval_ms: i32,
}

impl GroupLayers<'_> {
    /// The value as it was set, and where; bounds that were set later do not show.
    pub fn effective(&self, setting: &'static GroupSetting) -> Effective {
        let shown = |text: &str| {
            let parsed = setting.kind.parse(setting.name, text);
            parsed.map_or_else(|_| text.to_owned(), |value| value.to_string())
        };
        if let Some(text) = self.group.get(setting.name) {
            let value = shown(text);
            let source = Source::Group;
            return Effective { value, source };
        }
        let broker = setting.broker.and_then(table::find);
        let found = broker.map(|broker| self.broker.effective(broker));
        match found.and_then(|found| Some((found.value?, found.source))) {
            Some((text, source)) => Effective {
                value: shown(&text),
                source,
            },
            None => Effective {
                value: setting.default.to_owned(),
                source: Source::Default,
            },
        }
    }

    /// Every place the setting has a value in, the one that counts first.
    pub fn synonyms(&self, setting: &'static GroupSetting) -> Vec<EffectiveSynonym> {
        let own = |value: &str, source| EffectiveSynonym {
            name: setting.name,
            value: value.to_owned(),
            source,
        };
        let mut all = Vec::new();
        if self.group.contains_key(setting.name) {
            all.push(own(&self.effective(setting).value, Source::Group));
        }
        match setting.broker.and_then(table::find) {
            Some(broker) => all.extend(self.broker.synonyms(broker)),
            None => all.push(own(setting.default, Source::Default)),
        }
        all
    }

    /// What holds for a consumer group now: what was set for it within the broker's present
    /// bounds, which may have changed since, or else the broker's own.
    pub fn settings(&self) -> GroupSettings {
        GroupSettings {
            session_timeout_ms: self.milliseconds("consumer.session.timeout.ms"),
            heartbeat_interval_ms: self.milliseconds("consumer.heartbeat.interval.ms"),
            assignment_interval_ms: self.milliseconds("consumer.assignment.interval.ms"),
        }
    }

    /// The number that was set, or the broker's; nothing is bounded.
    pub(super) fn number(&self, setting: &GroupSetting) -> Option<i64> {
        let own = self.own_number(setting);
        own.or_else(|| self.broker.number(setting.broker?))
    }

    fn own_number(&self, setting: &GroupSetting) -> Option<i64> {
        let text = self.group.get(setting.name)?;
        setting.kind.parse(setting.name, text).ok()?.number()
    }

    fn milliseconds(&self, name: &str) -> i32 {
        let setting = find_group_setting(name).expect("the name stands in the table");
        let bounded = self.own_number(setting).map(|own| {
            let bound = |name: Option<&str>| self.broker.number(name?);
            let raised = bound(setting.least).map_or(own, |least| own.max(least));
            bound(setting.most).map_or(raised, |most| raised.min(most))
        });
        let number = bounded.or_else(|| self.number(setting));
        let number = number.expect("the broker's setting has a default");
        i32::try_from(number).unwrap_or(i32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn map(pairs: &[(&str, &str)]) -> ConfigMap {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        pairs.iter().map(own).collect()
    }

    #[derive(Default)]
    struct Set {
        group: ConfigMap,
        broker: ConfigMap,
        cluster: ConfigMap,
        settings: Settings,
    }

    impl Set {
        fn layers(&self) -> GroupLayers<'_> {
            GroupLayers {
                group: &self.group,
                broker: BrokerLayers {
                    broker: &self.broker,
                    cluster: &self.cluster,
                    settings: &self.settings,
                },
            }
        }
    }

    fn settings(group: &[(&str, &str)], broker: &[(&str, &str)]) -> [i32; 3] {
        let set = Set {
            group: map(group),
            broker: map(broker),
            ..Set::default()
        };
        let GroupSettings {
            session_timeout_ms,
            heartbeat_interval_ms,
            assignment_interval_ms,
        } = set.layers().settings();
        [
            session_timeout_ms,
            heartbeat_interval_ms,
            assignment_interval_ms,
        ]
    }

    #[test]
    fn a_group_has_the_brokers_settings_until_it_has_its_own() {
        assert_eq!(settings(&[], &[]), [45_000, 5_000, 1_000]);
        let interval = [("group.consumer.assignment.interval.ms", "3000")];
        assert_eq!(settings(&[], &interval), [45_000, 5_000, 3_000]);
        let own = [
            ("consumer.assignment.interval.ms", "0"),
            ("consumer.session.timeout.ms", " 50000 "),
        ];
        assert_eq!(settings(&own, &interval), [50_000, 5_000, 0]);
    }

    #[test]
    fn bounds_that_came_later_hold() {
        let own = [
            ("consumer.session.timeout.ms", "100"),
            ("consumer.heartbeat.interval.ms", "99999"),
        ];
        assert_eq!(settings(&own, &[]), [45_000, 15_000, 1_000]);
        let unreadable = [("consumer.session.timeout.ms", "soon")];
        assert_eq!(settings(&unreadable, &[]), [45_000, 5_000, 1_000]);
    }

    /// As Kafka 4.3.1 answers DescribeConfigs, observed.
    #[test]
    fn synonyms_go_down_to_the_default() {
        let name = "group.consumer.assignment.interval.ms";
        let set = Set {
            group: map(&[("consumer.assignment.interval.ms", "0")]),
            cluster: map(&[(name, "3000")]),
            ..Set::default()
        };
        let seen = |name: &str| {
            let setting = find_group_setting(name).unwrap();
            let synonyms = set.layers().synonyms(setting).into_iter();
            let seen: Vec<_> = synonyms.map(|s| (s.name, s.value, s.source)).collect();
            seen
        };
        let expected = [
            (
                "consumer.assignment.interval.ms",
                "0".to_owned(),
                Source::Group,
            ),
            (name, "3000".to_owned(), Source::DynamicCluster),
            (name, "1000".to_owned(), Source::Default),
        ];
        assert_eq!(seen("consumer.assignment.interval.ms"), expected);
        let level = "share.isolation.level";
        let expected = [(level, "read_uncommitted".to_owned(), Source::Default)];
        assert_eq!(seen(level), expected);
    }
}
