//! The one table of all broker settings: every name that Kafka 4.3.1 knows, and klamm's own.

mod coordinators;
mod groups;
mod klamm;
mod kraft;
mod log;
mod remote;
mod replication;
mod security;
mod server;

use std::sync::LazyLock;

use super::setting::Setting;

/// A default of klamm's that is not Kafka's.
#[derive(Debug)]
pub struct Difference {
    /// The setting.
    pub name: &'static str,
    /// Kafka's default; `None` where Kafka has none.
    pub kafka: Option<&'static str>,
    /// Why klamm's differs.
    pub why: &'static str,
}

const ALONE: &str = "one node can keep one replica";

/// Every default that is not Kafka's, in the table's order.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "listeners",
        kafka: Some("PLAINTEXT://:9092"),
        why: "nothing is reachable from outside unless asked for",
    },
    Difference {
        name: "socket.listen.backlog.size",
        kafka: Some("50"),
        why: "a crowd that reconnects at once is not turned away",
    },
    Difference {
        name: "log.dirs",
        kafka: Some("/tmp/kafka-logs (through log.dir)"),
        why: "data does not belong into a directory that is cleaned",
    },
    Difference {
        name: "process.roles",
        kafka: None,
        why: "the controller is embedded",
    },
    Difference {
        name: "node.id",
        kafka: None,
        why: "a single node needs no choice",
    },
    Difference {
        name: "controller.listener.names",
        kafka: None,
        why: "the controller is embedded",
    },
    Difference {
        name: "offsets.topic.replication.factor",
        kafka: Some("3"),
        why: ALONE,
    },
    Difference {
        name: "transaction.state.log.replication.factor",
        kafka: Some("3"),
        why: ALONE,
    },
    Difference {
        name: "transaction.state.log.min.isr",
        kafka: Some("2"),
        why: ALONE,
    },
    Difference {
        name: "share.coordinator.state.topic.replication.factor",
        kafka: Some("3"),
        why: ALONE,
    },
    Difference {
        name: "share.coordinator.state.topic.min.isr",
        kafka: Some("2"),
        why: ALONE,
    },
];

/// The sections of the table with their headings, klamm's own first.
pub const SECTIONS: &[(&str, &[Setting])] = &[
    ("klamm's own", klamm::ROWS),
    ("Connections and requests", server::ROWS),
    ("Node and controller", kraft::ROWS),
    ("Topics and logs", log::ROWS),
    ("Replication, quotas, metrics", replication::ROWS),
    ("Groups", groups::ROWS),
    ("Share groups, transactions, producers", coordinators::ROWS),
    ("Tiered storage", remote::ROWS),
    ("Security", security::ROWS),
];

/// All settings, sorted by name.
pub fn settings() -> &'static [&'static Setting] {
    static SORTED: LazyLock<Vec<&'static Setting>> = LazyLock::new(|| {
        let mut all: Vec<_> = SECTIONS.iter().flat_map(|(_, rows)| rows.iter()).collect();
        all.sort_by_key(|setting| setting.name);
        all
    });
    &SORTED
}

/// The setting of this name.
pub fn find(name: &str) -> Option<&'static Setting> {
    let all = settings();
    let at = all.binary_search_by_key(&name, |setting| setting.name);
    at.ok().map(|index| all[index])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::setting::Origin;

    #[test]
    fn all_363_settings_of_kafka_are_known_once() {
        let of_kafka = |setting: &&&Setting| setting.origin() == Origin::Kafka;
        assert_eq!(settings().iter().filter(of_kafka).count(), 363);
        assert!(
            settings()
                .windows(2)
                .all(|pair| pair[0].name < pair[1].name)
        );
    }

    #[test]
    fn every_default_is_a_value_of_its_setting() {
        for setting in settings() {
            let Some(text) = setting.default else {
                continue;
            };
            let value = setting.kind.parse(setting.name, text).unwrap();
            let checked = setting.valid.check(setting.name, &value);
            assert!(
                checked.is_ok() || text.is_empty(),
                "{}: {checked:?}",
                setting.name
            );
        }
    }

    #[test]
    fn environment_names_are_unique() {
        let mut names = BTreeMap::new();
        for setting in settings() {
            let before = names.insert(setting.environment_name(), setting.name);
            assert_eq!(before, None, "{}", setting.name);
        }
    }

    #[test]
    fn differences_name_known_settings_that_differ() {
        for difference in DIFFERENCES {
            let setting = find(difference.name).unwrap();
            assert_ne!(setting.default, difference.kafka, "{}", difference.name);
        }
    }
}
