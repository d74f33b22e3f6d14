//! Broker settings that change while the broker runs (KIP-226).

use super::foreign::suggestion;
use super::layers::check;
use super::setting::{Scope, Setting, Status};
use super::topic::{EffectiveSynonym, Source};
use super::value::InvalidValue;
use super::{ConfigMap, Settings, table};

/// The layers a broker's configuration is made of, highest first.
#[derive(Clone, Copy, Debug)]
pub struct BrokerLayers<'a> {
    /// Set for this broker while it runs.
    pub broker: &'a ConfigMap,
    /// Set for all brokers while they run.
    pub cluster: &'a ConfigMap,
    /// Set at the start.
    pub settings: &'a Settings,
}

/// The value of a broker setting that counts; `None` is Kafka's null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerEffective {
    /// The value's text.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

impl BrokerLayers<'_> {
    /// The value of this setting that counts, and where it comes from.
    pub fn effective(&self, setting: &'static Setting) -> BrokerEffective {
        let own = self.of_name(setting.name).next();
        match own {
            Some(found) => BrokerEffective {
                value: Some(found.value),
                source: found.source,
            },
            None => BrokerEffective {
                value: None,
                source: Source::Default,
            },
        }
    }

    /// Every place the setting has a value in, the one that counts first, and those of settings
    /// that it stands in for.
    pub fn synonyms(&self, setting: &'static Setting) -> Vec<EffectiveSynonym> {
        let names = stand_ins(setting.name);
        let mut all: Vec<_> = names.iter().flat_map(|name| self.of_name(name)).collect();
        all.sort_by_key(|synonym| synonym.source);
        let own = all.iter().position(|synonym| synonym.name == setting.name);
        all.split_off(own.unwrap_or(all.len()))
    }

    /// The number of a numeric setting that counts. A text that does not parse (it was written by
    /// another broker) gives way to the next layer.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let setting = table::find(name)?;
        let number = |text: &str| setting.kind.parse(name, text).ok()?.number();
        let set = [
            self.broker.get(name).map(String::as_str),
            self.cluster.get(name).map(String::as_str),
            self.settings.text(name),
        ];
        set.into_iter().flatten().find_map(number)
    }

    fn of_name(&self, name: &'static str) -> impl Iterator<Item = EffectiveSynonym> {
        let synonym = move |value: Option<&str>, source| {
            value.map(|value| EffectiveSynonym {
                name,
                value: value.to_owned(),
                source,
            })
        };
        let text = |map: &ConfigMap| map.get(name).cloned();
        [
            synonym(text(self.broker).as_deref(), Source::DynamicBroker),
            synonym(text(self.cluster).as_deref(), Source::DynamicCluster),
            synonym(self.settings.given(name), Source::StaticBroker),
            synonym(
                table::find(name).and_then(|setting| setting.default),
                Source::Default,
            ),
        ]
        .into_iter()
        .flatten()
    }
}

/// Settings that mean the same in other units, the one that wins first.
fn stand_ins(name: &'static str) -> Vec<&'static str> {
    const GROUPS: &[&[&str]] = &[
        &["log.roll.ms", "log.roll.hours"],
        &["log.roll.jitter.ms", "log.roll.jitter.hours"],
        &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
        &[
            "log.retention.ms",
            "log.retention.minutes",
            "log.retention.hours",
        ],
    ];
    let group = GROUPS.iter().find(|group| group.contains(&name));
    match group {
        // Kafka names this pair from one side only.
        Some(_) if name == "log.flush.scheduler.interval.ms" => vec![name],
        Some(group) => group.to_vec(),
        None => vec![name],
    }
}

/// Checks what is to be set for a broker while it runs, for one broker (`per_broker`) or for all:
/// names, scope, types, bounds and what klamm cannot do. What has no effect is refused, too: nobody
/// would read a warning.
pub fn validate_broker_overrides(
    overrides: &ConfigMap,
    per_broker: bool,
) -> Result<(), InvalidValue> {
    let unknown = overrides.keys().find(|name| table::find(name).is_none());
    if let Some(name) = unknown {
        let meant = suggestion(name).map(|name| format!("; did you mean {name}?"));
        let message = format!(
            "Unknown broker config name: {name}{}",
            meant.unwrap_or_default()
        );
        return Err(InvalidValue::other(message));
    }
    refuse_all(
        overrides,
        "Cannot update these configs dynamically",
        |setting| !setting.is_dynamic(),
    )?;
    for (name, text) in overrides {
        let setting = table::find(name).expect("unknown names are refused above");
        let value = check(setting, text)?;
        let kept = setting.default.map(|text| setting.kind.parse(name, text));
        if let Status::Refused(why) | Status::Ignored(why) = setting.status
            && kept != Some(Ok(value))
        {
            return Err(InvalidValue::new(name, text, why));
        }
    }
    let only_one =
        "Cannot update these configs at default cluster level, broker id must be specified";
    refuse_all(overrides, only_one, |setting| {
        !per_broker && setting.scope == Scope::PerBroker
    })
}

fn refuse_all(
    overrides: &ConfigMap,
    why: &str,
    is_wrong: impl Fn(&Setting) -> bool,
) -> Result<(), InvalidValue> {
    let wrong = |name: &&String| table::find(name).is_some_and(&is_wrong);
    let names: Vec<_> = overrides.keys().filter(wrong).map(String::as_str).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(InvalidValue::other(format!(
        "{why}: [{}]",
        names.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(per_broker: bool, pairs: &[(&str, &str)]) -> String {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let overrides: ConfigMap = pairs.iter().map(own).collect();
        let checked = validate_broker_overrides(&overrides, per_broker);
        checked.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn refusals_are_kafkas() {
        let tls = "Invalid value x for configuration ssl.provider: TLS is not there yet";
        let one = "Cannot update these configs at default cluster level, \
                   broker id must be specified: [ssl.protocol]";
        type Case<'a> = (bool, &'a [(&'a str, &'a str)], &'a str);
        let cases: &[Case<'_>] = &[
            (
                true,
                &[("num.partitions", "2")],
                "Cannot update these configs dynamically: [num.partitions]",
            ),
            (false, &[("log.retention.ms", "2")], ""),
            (
                true,
                &[("log.retention.ms", "x")],
                "Invalid value x for configuration log.retention.ms: Not a number of type LONG",
            ),
            (false, &[("ssl.provider", "x")], tls),
            (
                false,
                &[("log.segment.bytes", "3")],
                "Invalid value 3 for configuration log.segment.bytes: Value must be at least 1048576",
            ),
            (false, &[("ssl.protocol", "TLSv1.3")], one),
            (
                true,
                &[("listeners", "PLAINTEXT://:1")],
                "Cannot update these configs dynamically: [listeners]",
            ),
            (
                false,
                &[("num.io.threads", "9")],
                "Invalid value 9 for configuration num.io.threads: \
                 klamm runs one thread on each core, see klamm.cores",
            ),
            (false, &[("num.io.threads", "8")], ""),
            (
                true,
                &[("node.id", "2"), ("num.partitions", "2")],
                "Cannot update these configs dynamically: [node.id, num.partitions]",
            ),
            (
                false,
                &[("log.retention.hours", "1")],
                "Cannot update these configs dynamically: [log.retention.hours]",
            ),
            (
                false,
                &[("klamm.memory", "1GiB")],
                "Cannot update these configs dynamically: [klamm.memory]",
            ),
            (
                false,
                &[("log.retention.m", "1")],
                "Unknown broker config name: log.retention.m; did you mean log.retention.ms?",
            ),
        ];
        for (per_broker, pairs, expected) in cases {
            assert_eq!(message(*per_broker, pairs), *expected, "{pairs:?}");
        }
    }
}
