//! The layers and the checks, by table.

use super::*;

const HOST_CORES: usize = 4;

fn host() -> Host {
    Host {
        memory_bytes: 8 * GIB,
        cores: HOST_CORES,
        name: "box.example".to_owned(),
    }
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn load_all(
    flags: &[(&str, &str)],
    environment: &[(&str, &str)],
    file: &str,
) -> Result<Loaded, ConfigErrors> {
    let sources = Sources {
        flags: &pairs(flags),
        environment: &pairs(environment),
        file: Some(ConfigFile {
            name: "server.properties",
            text: file,
        }),
    };
    load(&sources, &host())
}

#[test]
fn nothing_set_is_a_broker_on_this_machine() {
    let config = load(&Sources::default(), &host()).unwrap().config;
    assert_eq!(
        config.listeners[0].to_string(),
        "PLAINTEXT://127.0.0.1:9092"
    );
    assert_eq!(config.advertised_listeners, config.listeners);
    assert_eq!(config.data_dir.to_str(), Some("./klamm-data"));
    assert_eq!(
        (config.core_count(), config.memory_bytes),
        (HOST_CORES, 2 * GIB)
    );
    assert_eq!(config.flush, FlushPolicy::Durable);
    assert_eq!(config.topics.partitions_default, 1);
    assert_eq!(config.connections.request_bytes_max, 104_857_600);
}

#[test]
fn flags_win_over_environment_over_file() {
    let file = "num.partitions=2\nlog.retention.hours=2\nmessage.max.bytes=2";
    let environment = [
        ("KLAMM_NUM_PARTITIONS", "3"),
        ("KLAMM_LOG_RETENTION_HOURS", "3"),
        ("HOME", "/"),
    ];
    let flags = [("num.partitions", "4")];
    let config = load_all(&flags, &environment, file).unwrap().config;
    let seen = |name| (config.settings.text(name), config.settings.layer(name));
    assert_eq!(seen("num.partitions"), (Some("4"), Some(Layer::Flag)));
    assert_eq!(
        seen("log.retention.hours"),
        (Some("3"), Some(Layer::Environment))
    );
    assert_eq!(seen("message.max.bytes"), (Some("2"), Some(Layer::File)));
    assert_eq!(seen("log.segment.bytes"), (Some("1073741824"), None));
    let none = ConfigMap::new();
    let topic = config.topic_config(&none, &none, &none);
    assert_eq!(topic.retention_ms, Some(3 * 3_600_000));
    assert_eq!(topic.max_message_bytes, 2);
}

#[test]
fn kafkas_own_file_is_taken_as_it_stands() {
    let file = "\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=2
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
";
    let loaded = load_all(&[], &[], file).unwrap();
    assert_eq!(loaded.config.listeners.len(), 1);
    assert_eq!(loaded.config.listeners[0].to_string(), "PLAINTEXT://:9092");
    assert_eq!(
        loaded.config.advertised_listeners[0].to_string(),
        "PLAINTEXT://localhost:9092"
    );
    let controller = loaded
        .warnings
        .iter()
        .find(|warning| warning.name == "listeners")
        .unwrap();
    assert!(
        controller.message.contains("CONTROLLER://:9093"),
        "{controller}"
    );
    assert!(
        loaded
            .warnings
            .iter()
            .any(|warning| warning.name == "num.io.threads")
    );
}

/// One setting in the file, and what the refusal must say.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "num.partition=3",
        &[
            "server.properties:1",
            "num.partition",
            "did you mean `num.partitions`?",
        ],
    ),
    (
        "num.partitions=0",
        &["num.partitions=0", "at least 1", "the default is 1"],
    ),
    ("num.partitions=many", &["Not a number", "whole number"]),
    (
        "process.roles=broker",
        &["joining a controller quorum", "broker,controller"],
    ),
    ("process.roles=controller", &["not there yet"]),
    ("process.roles=", &["process.roles"]),
    ("log.dirs=/a,/b", &["several data directories", "Name one"]),
    ("log.dirs=", &["names no directory"]),
    ("broker.id=7", &["node.id is 1"]),
    (
        "controller.quorum.voters=1@a:1,2@b:1,3@c:1",
        &["several nodes"],
    ),
    ("default.replication.factor=3", &["alone", "Set it to 1"]),
    ("listeners=SSL://:9092", &["SSL is not there yet"]),
    (
        "listeners=INSIDE://:9092",
        &["INSIDE", "listener.security.protocol.map"],
    ),
    ("listeners=localhost:9092", &["PLAINTEXT://HOST:PORT"]),
    (
        "listeners=PLAINTEXT://0.0.0.0:9092",
        &["clients cannot connect to 0.0.0.0", "--advertise"],
    ),
    (
        "advertised.listeners=OTHER://h:1",
        &["`OTHER` is not among the listeners"],
    ),
    (
        "ssl.keystore.password=secret",
        &["[hidden]", "TLS is not there yet"],
    ),
    ("authorizer.class.name=A", &["authorisation"]),
    ("super.users=User:a", &["authorisation"]),
    ("zookeeper.connect=a:1", &["Kafka 4 removed it"]),
    (
        "listener.name.plaintext.max.connections=1",
        &["one listener"],
    ),
    ("klamm.cores=99", &["may use 4 cores"]),
    ("klamm.cores=1,0-3", &["no number and no list"]),
    ("klamm.memory=1TiB", &["has 8589934592 bytes"]),
    ("klamm.memory=lots", &["512MiB"]),
    ("klamm.flush=never", &["one of durable, written"]),
];

#[test]
fn refusals_name_setting_value_and_cure() {
    for (file, needles) in REFUSED {
        let error = load_all(&[], &[], file).unwrap_err().to_string();
        for needle in *needles {
            assert!(
                error.contains(needle),
                "{file}: `{needle}` is not in: {error}"
            );
        }
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn defaults_of_refused_settings_pass_and_all_errors_come_at_once() {
    let fine = "sasl.enabled.mechanisms=GSSAPI\nremote.log.storage.system.enable=false\nauthorizer.class.name=\n";
    assert!(load_all(&[], &[], fine).is_ok());
    let errors =
        load_all(&[("nope", "1")], &[("KLAMM_NOPE", "1")], "num.partitions=x").unwrap_err();
    assert_eq!(errors.errors.len(), 3);
}

#[test]
fn variables_are_near_missed_too() {
    let error = load_all(&[], &[("KLAMM_NUM_PARTITION", "1")], "").unwrap_err();
    assert!(
        error.to_string().contains("`KLAMM_NUM_PARTITIONS`"),
        "{error}"
    );
    let environment = [
        ("KLAMM_LISTEN", "10.0.0.1:1"),
        ("KLAMM_DATA_DIR", "/d"),
        ("KLAMM_TEST_SEED", "1"),
    ];
    let config = load_all(&[], &environment, "").unwrap().config;
    assert_eq!(config.listeners[0].to_string(), "PLAINTEXT://10.0.0.1:1");
    assert_eq!(config.data_dir.to_str(), Some("/d"));
}

#[test]
fn what_changes_nothing_is_warned_of() {
    let file = "num.io.threads=16\nlog.cleanup.policy=compact\nnum.partitions=1\nnum.partitions=2\nrsm.config.x=1";
    let warnings = load_all(&[], &[], file).unwrap().warnings;
    let names: Vec<_> = warnings
        .iter()
        .map(|warning| warning.name.as_str())
        .collect();
    assert_eq!(names, ["num.partitions", "rsm.config.x", "num.io.threads"]);
    assert!(warnings[2].message.contains("klamm.cores"));
}

#[test]
fn an_empty_host_is_advertised_by_the_machines_name() {
    let config = load_all(&[], &[], "listeners=PLAINTEXT://:0")
        .unwrap()
        .config;
    assert_eq!(
        config.advertised_listeners[0].to_string(),
        "PLAINTEXT://box.example:0"
    );
}

#[test]
fn cores_are_a_number_or_a_list() {
    let cases = [
        ("all", CoreSelection::All),
        ("2", CoreSelection::Count(2)),
        ("0,2-3", CoreSelection::List(vec![0, 2, 3])),
    ];
    for (text, expected) in cases {
        let config = load_all(&[("klamm.cores", text)], &[], "").unwrap().config;
        assert_eq!(config.cores, expected, "{text}");
    }
}

#[test]
fn topic_layers_win_in_kafkas_order() {
    let config = load_all(&[], &[], "log.retention.hours=1\nlog.segment.bytes=2000000")
        .unwrap()
        .config;
    let map = |list: &[(&str, &str)]| pairs(list).into_iter().collect::<ConfigMap>();
    let (topic, broker) = (
        map(&[("retention.bytes", "7")]),
        map(&[("log.retention.minutes", "5")]),
    );
    let cluster = map(&[("log.retention.ms", "9"), ("log.segment.bytes", "3000000")]);
    let layers = TopicLayers {
        topic: &topic,
        broker: &broker,
        cluster: &cluster,
        settings: &config.settings,
    };
    let seen = |name| {
        let effective = layers.effective(find_topic_setting(name).unwrap());
        (effective.value, effective.source)
    };
    assert_eq!(seen("retention.bytes"), ("7".to_owned(), Source::Topic));
    assert_eq!(
        seen("retention.ms"),
        ("300000".to_owned(), Source::DynamicBroker)
    );
    assert_eq!(
        seen("segment.bytes"),
        ("3000000".to_owned(), Source::DynamicCluster)
    );
    assert_eq!(
        seen("segment.ms"),
        ("604800000".to_owned(), Source::Default)
    );
    let synonyms = layers.synonyms(find_topic_setting("retention.ms").unwrap());
    let names: Vec<_> = synonyms
        .iter()
        .map(|s| (s.name, s.value.as_str(), s.source))
        .collect();
    let expected = [
        ("log.retention.minutes", "5", Source::DynamicBroker),
        ("log.retention.ms", "9", Source::DynamicCluster),
        ("log.retention.hours", "1", Source::StaticBroker),
        ("log.retention.hours", "168", Source::Default),
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_foreign_value_that_does_not_parse_gives_way() {
    let topic: ConfigMap = pairs(&[("segment.bytes", "huge")]).into_iter().collect();
    let none = ConfigMap::new();
    let config = BrokerConfig::default().topic_config(&topic, &none, &none);
    assert_eq!(config.segment_bytes, 1 << 30);
}

#[test]
fn running_changes_show_in_the_typed_configuration() {
    let config = BrokerConfig::default();
    let broker: ConfigMap = pairs(&[("max.connections", "5")]).into_iter().collect();
    let cluster: ConfigMap = pairs(&[("max.connections", "9"), ("producer.id.expiration.ms", "7")])
        .into_iter()
        .collect();
    let changed = config.with_changes(&broker, &cluster).unwrap();
    assert_eq!(changed.connections.connections_max, 5);
    assert_eq!(changed.producer_id_expiration_ms, 7);
    assert_eq!(changed.settings.given("max.connections"), None);
}

#[test]
fn running_changes_that_contradict_are_an_error() {
    let config = BrokerConfig::default();
    let none = ConfigMap::new();
    let nobody: ConfigMap = pairs(&[("max.connections.per.ip", "0")])
        .into_iter()
        .collect();
    let errors = config.with_changes(&none, &nobody).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "dynamic configuration: `max.connections.per.ip=0` makes no sense: nobody could connect \
         without max.connections.per.ip.overrides. Give more, or name exceptions."
    );
    let exceptions = [("max.connections.per.ip.overrides", "::1:3")];
    let exceptions: ConfigMap = pairs(&exceptions).into_iter().collect();
    let changed = config
        .with_changes(&exceptions, &nobody)
        .unwrap()
        .connections;
    let max_of = |address: &str| changed.connections_max_of(address.parse().unwrap());
    assert_eq!((max_of("::1"), max_of("10.0.0.1")), (3, 0));
}

#[test]
fn every_setting_that_can_change_changes_something() {
    let texts = [
        "2",
        "1048577",
        "true",
        "gzip",
        "compact",
        "LogAppendTime",
        "10.0.0.1:5",
        "0.25",
    ];
    let config = BrokerConfig::default();
    let none = ConfigMap::new();
    let in_force = |broker: &ConfigMap| {
        let changed = config.with_changes(broker, &none).unwrap();
        let topic = changed.topic_config(&none, broker, &none);
        let group = changed.group_settings(&none, broker, &none);
        format!("{changed:?} {topic:?} {group:?}")
    };
    let can_change = settings()
        .iter()
        .filter(|setting| setting.changes_at_run_time());
    for setting in can_change {
        let makes_sense = |text: &&&str| {
            let value = setting.kind.parse(setting.name, text);
            let is_new = setting.default != Some(**text);
            is_new && value.is_ok_and(|value| setting.valid.check(setting.name, &value).is_ok())
        };
        let text = texts.iter().find(makes_sense).expect(setting.name);
        let changed: ConfigMap = pairs(&[(setting.name, text)]).into_iter().collect();
        assert_ne!(
            in_force(&changed),
            in_force(&none),
            "{}={text}",
            setting.name
        );
    }
}

#[test]
fn settings_of_groups_that_contradict_are_refused() {
    let refusal = |name: &str, text: &str| {
        let refused = load_all(&[(name, text)], &[], "").map(drop);
        refused.unwrap_err().to_string()
    };
    let said = refusal("group.consumer.session.timeout.ms", "70000");
    let expected = "`group.consumer.session.timeout.ms=70000` makes no sense: it must be less than \
                    or equal to group.consumer.max.session.timeout.ms, which is 60000";
    assert!(said.contains(expected), "{said}");
    let said = refusal("group.consumer.min.heartbeat.interval.ms", "20000");
    assert_eq!(said.lines().count(), 2, "{said}");
    let said = refusal("group.coordinator.rebalance.protocols", "consumer");
    assert!(
        said.contains("groups of the classic protocol are always offered"),
        "{said}"
    );
    let said = refusal("group.consumer.assignors", "range,best");
    assert!(
        said.contains("String must be one of: uniform, range"),
        "{said}"
    );
}

#[test]
fn the_documentation_names_every_setting() {
    let text = broker_settings_markdown();
    for setting in settings() {
        assert!(
            text.contains(&format!("| `{}` |", setting.name)),
            "{}",
            setting.name
        );
    }
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    let table_lines = text.lines().filter(|line| line.starts_with("| `"));
    assert!(
        table_lines
            .into_iter()
            .all(|line| matches!(columns(line), 5 | 8))
    );
    assert_eq!(topic_settings_markdown().lines().count(), 2 + 33);
    assert_eq!(group_settings_markdown().lines().count(), 2 + 17);
}
