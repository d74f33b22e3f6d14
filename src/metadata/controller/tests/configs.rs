//! Configurations: each refusal with its code and its text, by table; and what answers say.

use crate::metadata::controller::*;
use crate::metadata::tests::Cluster;
use crate::protocol::error_code::ErrorCode::{
    self, InvalidConfig, InvalidRequest, InvalidTopicException, UnknownTopicOrPartition,
    UnsupportedVersion,
};
use crate::protocol::message::alter_configs::{self, AlterConfigsRequest};
use crate::protocol::message::describe_configs::*;
use crate::protocol::message::incremental_alter_configs::*;
use crate::protocol::message::list_config_resources::ListConfigResourcesRequest;

pub(super) fn change(
    kind: i8,
    name: &str,
    operations: &[(&str, i8, Option<&str>)],
) -> AlterConfigsResource {
    let config = |(name, operation, value): &(&str, i8, Option<&str>)| AlterableConfig {
        name: (*name).to_owned(),
        config_operation: *operation,
        value: value.map(str::to_owned),
    };
    AlterConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configs: operations.iter().map(config).collect(),
    }
}

pub(super) fn alter(cluster: &mut Cluster, resource: AlterConfigsResource) -> (ErrorCode, String) {
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource],
        validate_only: false,
    };
    let response = cluster.ask(|controller, _| controller.incremental_alter_configs(&request));
    let result = &response.responses[0];
    (
        ErrorCode::from_code(result.error_code),
        result.error_message.clone().unwrap_or_default(),
    )
}

/// Type and name of a resource, one or more operations on it, and the refusal.
type Refused = (
    i8,
    &'static str,
    &'static [Operation],
    ErrorCode,
    &'static str,
);
type Operation = (&'static str, i8, Option<&'static str>);

const REFUSED: &[Refused] = &[
    (
        2,
        "t",
        &[("nope", 0, Some("1"))],
        InvalidConfig,
        "Unknown topic config name: nope",
    ),
    (
        2,
        "t",
        &[("retention.ms", 0, None)],
        InvalidRequest,
        "Null value not supported for : retention.ms",
    ),
    (
        2,
        "t",
        &[("retention.ms", 2, Some("1"))],
        InvalidConfig,
        "Can't APPEND to key retention.ms because its type is not LIST.",
    ),
    (
        2,
        "t",
        &[("retention.ms", 9, Some("1"))],
        InvalidRequest,
        "Unknown operations type 9",
    ),
    (
        2,
        "u",
        &[("retention.ms", 0, Some("1"))],
        UnknownTopicOrPartition,
        "The topic 'u' does not exist.",
    ),
    (
        2,
        "",
        &[("retention.ms", 0, Some("1"))],
        InvalidRequest,
        "Default topic resources are not allowed.",
    ),
    (
        2,
        ".",
        &[("retention.ms", 0, Some("1"))],
        InvalidTopicException,
        "Topic name is invalid: '.' is not allowed",
    ),
    (
        2,
        "t",
        &[("retention.ms", 0, Some("1")), ("retention.ms", 1, None)],
        InvalidRequest,
        "Error due to duplicate config keys",
    ),
    (
        4,
        "7",
        &[("log.retention.ms", 0, Some("1"))],
        InvalidRequest,
        "Unexpected broker id, expected 1, but received 7",
    ),
    (
        4,
        "x",
        &[("log.retention.ms", 0, Some("1"))],
        InvalidRequest,
        "Node id must be an integer, but it is: x",
    ),
    (
        4,
        "1",
        &[("num.partitions", 0, Some("2"))],
        InvalidRequest,
        "Cannot update these configs dynamically: [num.partitions]",
    ),
    (
        4,
        "",
        &[("log.segment.bytes", 0, Some("3"))],
        InvalidRequest,
        "Invalid value 3 for configuration log.segment.bytes: Value must be at least 1048576",
    ),
    (
        4,
        "",
        &[("log.cleaner.threads", 0, Some("3"))],
        InvalidRequest,
        "Invalid value 3 for configuration log.cleaner.threads: \
         each core compacts its own logs, one at a time",
    ),
    (
        4,
        "",
        &[("max.connections.per.ip", 0, Some("0"))],
        InvalidRequest,
        "dynamic configuration: `max.connections.per.ip=0` makes no sense: nobody could connect \
         without max.connections.per.ip.overrides. Give more, or name exceptions.",
    ),
    (
        8,
        "1",
        &[("root", 0, Some("INFO"))],
        InvalidRequest,
        "Configurations of type 8 are not there yet",
    ),
    (
        99,
        "1",
        &[("x", 0, Some("1"))],
        InvalidRequest,
        "Unknown resource type 99",
    ),
];

#[test]
fn incremental_changes_are_refused_as_kafka_does() {
    let mut cluster = Cluster::new(1);
    cluster.create("t", 1);
    for (kind, name, operations, code, message) in REFUSED {
        let said = alter(&mut cluster, change(*kind, name, operations));
        assert_eq!(said, (*code, (*message).to_owned()));
    }
    assert!(cluster.image().configs.is_empty());
}

#[test]
fn operations_set_delete_append_and_subtract() {
    let mut cluster = Cluster::new(1);
    cluster.create("t", 1);
    let policy = |cluster: &Cluster| {
        cluster
            .image()
            .topic_overrides("t")
            .get("cleanup.policy")
            .cloned()
    };
    let steps = [
        (2, Some("compact"), Some("delete,compact")),
        (2, Some("compact"), Some("delete,compact")),
        (3, Some("delete"), Some("compact")),
        (3, Some("compact"), Some("")),
        (0, Some("delete"), Some("delete")),
        (1, None, None),
    ];
    for (operation, value, expected) in steps {
        let said = alter(
            &mut cluster,
            change(2, "t", &[("cleanup.policy", operation, value)]),
        );
        assert_eq!(said.0, ErrorCode::None, "{}", said.1);
        assert_eq!(policy(&cluster).as_deref(), expected);
    }
}

#[test]
fn the_same_resource_twice_is_refused_twice() {
    let mut cluster = Cluster::new(1);
    cluster.create("t", 1);
    let set = || change(2, "t", &[("retention.ms", 0, Some("1"))]);
    let request = IncrementalAlterConfigsRequest {
        resources: vec![set(), set()],
        validate_only: false,
    };
    let response = cluster.ask(|controller, _| controller.incremental_alter_configs(&request));
    assert!(
        response
            .responses
            .iter()
            .all(|r| r.error_code == InvalidRequest.code())
    );
}

#[test]
fn the_older_way_replaces_everything() {
    let mut cluster = Cluster::new(1);
    cluster.create("t", 1);
    alter(
        &mut cluster,
        change(
            2,
            "t",
            &[("retention.ms", 0, Some("1")), ("flush.ms", 0, Some("2"))],
        ),
    );
    let config = alter_configs::AlterableConfig {
        name: "flush.ms".into(),
        value: Some("3".into()),
    };
    let resource = alter_configs::AlterConfigsResource {
        resource_type: 2,
        resource_name: "t".to_owned(),
        configs: vec![config],
    };
    for (validate_only, expected) in [(true, "2"), (false, "3")] {
        let request = AlterConfigsRequest {
            resources: vec![resource.clone()],
            validate_only,
        };
        let response = cluster.ask(|controller, _| controller.alter_configs(&request));
        assert_eq!(response.responses[0].error_code, 0);
        assert_eq!(cluster.image().topic_overrides("t")["flush.ms"], expected);
    }
    assert_eq!(cluster.image().topic_overrides("t").len(), 1);
}

pub(super) fn describe(
    cluster: &Cluster,
    kind: i8,
    name: &str,
    keys: &[&str],
) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configuration_keys: (!keys.is_empty())
            .then(|| keys.iter().map(|key| (*key).to_owned()).collect()),
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    };
    let image = cluster.image();
    let controller = Controller {
        image: &image,
        config: &cluster.config,
        access: &Unrestricted,
    };
    controller.describe_configs(&request).results.remove(0)
}

#[test]
fn descriptions_tell_values_sources_and_synonyms() {
    let mut cluster = Cluster::new(1);
    cluster.create("t", 1);
    alter(
        &mut cluster,
        change(2, "t", &[("retention.ms", 0, Some("7"))]),
    );
    alter(
        &mut cluster,
        change(4, "", &[("log.retention.ms", 0, Some("8"))]),
    );
    alter(
        &mut cluster,
        change(4, "1", &[("log.retention.ms", 0, Some("9"))]),
    );
    let topic = describe(&cluster, 2, "t", &["retention.ms"])
        .configs
        .remove(0);
    assert_eq!(
        (
            topic.value.as_deref(),
            topic.config_source,
            topic.config_type
        ),
        (Some("7"), 1, 5)
    );
    let synonyms: Vec<_> = topic
        .synonyms
        .iter()
        .map(|s| (s.name.as_str(), s.value.as_deref().unwrap(), s.source))
        .collect();
    let expected = [
        ("retention.ms", "7", 1),
        ("log.retention.ms", "9", 2),
        ("log.retention.ms", "8", 3),
        ("log.retention.hours", "168", 5),
    ];
    assert_eq!(synonyms, expected);
    assert!(topic.documentation.is_some_and(|doc| !doc.is_empty()));
}

#[test]
fn brokers_are_described_with_what_can_change_and_what_must_not_be_shown() {
    let mut cluster = Cluster::new(1);
    alter(
        &mut cluster,
        change(4, "", &[("log.retention.ms", 0, Some("8"))]),
    );
    alter(
        &mut cluster,
        change(4, "1", &[("log.retention.ms", 0, Some("9"))]),
    );
    let broker = describe(
        &cluster,
        4,
        "1",
        &["log.retention.ms", "num.partitions", "ssl.key.password"],
    );
    let seen: Vec<_> = broker
        .configs
        .iter()
        .map(|c| {
            (
                c.name.as_str(),
                c.value.as_deref(),
                c.config_source,
                c.read_only,
                c.is_sensitive,
            )
        })
        .collect();
    let expected = [
        ("log.retention.ms", Some("9"), 2, false, false),
        ("num.partitions", Some("1"), 5, true, false),
        ("ssl.key.password", None, 5, true, true),
    ];
    assert_eq!(seen, expected);
    let all = describe(&cluster, 4, "", &[]).configs;
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].value.as_deref(), all[0].config_source),
        (Some("8"), 3)
    );
    assert!(describe(&cluster, 4, "1", &[]).configs.len() > 340);
}

#[test]
fn descriptions_of_what_is_not_there_fail() {
    let cluster = Cluster::new(1);
    let cases = [
        (2, "t", UnknownTopicOrPartition),
        (2, "a b", InvalidTopicException),
        (4, "2", InvalidRequest),
        (4, "x", InvalidRequest),
        (32, "", InvalidRequest),
        (16, "m", InvalidRequest),
    ];
    for (kind, name, code) in cases {
        assert_eq!(
            describe(&cluster, kind, name, &[]).error_code,
            code.code(),
            "{kind} {name}"
        );
    }
}

#[test]
fn resources_are_listed_by_type() {
    let mut cluster = Cluster::new(1);
    cluster.create("t", 1);
    let image = cluster.image();
    let controller = Controller {
        image: &image,
        config: &cluster.config,
        access: &Unrestricted,
    };
    let list = |resource_types: &[i8], version| {
        let request = ListConfigResourcesRequest {
            resource_types: resource_types.to_vec(),
        };
        let response = controller.list_config_resources(&request, version);
        let resources = response.config_resources.into_iter();
        let names: Vec<_> = resources
            .map(|r| (r.resource_type, r.resource_name))
            .collect();
        (response.error_code, names)
    };
    assert_eq!(list(&[2], 1), (0, vec![(2, "t".to_owned())]));
    let all = vec![
        (2, "t".to_owned()),
        (4, "1".to_owned()),
        (8, "1".to_owned()),
    ];
    assert_eq!(list(&[], 1), (0, all));
    assert_eq!(list(&[], 0), (0, vec![]));
    assert_eq!(list(&[5], 1).0, UnsupportedVersion.code());
}
