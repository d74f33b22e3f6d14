//! Configurations of groups: as Kafka 4.3.1 answers, observed.

use super::configs::{alter, change, describe};
use crate::metadata::group_settings;
use crate::metadata::tests::Cluster;
use crate::protocol::error_code::ErrorCode::{self, InvalidConfig, InvalidRequest};
use crate::protocol::message::alter_configs::*;

const SESSION: &str = "consumer.session.timeout.ms";
const HEARTBEAT: &str = "consumer.heartbeat.interval.ms";
const ASSIGNMENT: &str = "consumer.assignment.interval.ms";

#[test]
fn changes_that_make_no_sense_are_refused() {
    let mut cluster = Cluster::new(1);
    let cases = [
        (
            "g",
            (SESSION, 0, Some("100")),
            InvalidConfig,
            "consumer.session.timeout.ms must be greater than or equal to \
             group.consumer.min.session.timeout.ms",
        ),
        (
            "g",
            (SESSION, 0, Some("x")),
            InvalidConfig,
            "Invalid value x for configuration consumer.session.timeout.ms: \
             Not a number of type INT",
        ),
        (
            "g",
            ("nope", 0, Some("1")),
            InvalidConfig,
            "Unknown group config name: nope",
        ),
        (
            "g",
            (SESSION, 2, Some("1")),
            InvalidConfig,
            "Can't APPEND to key consumer.session.timeout.ms because its type is not LIST.",
        ),
        (
            "g",
            (SESSION, 0, None),
            InvalidRequest,
            "Null value not supported for : consumer.session.timeout.ms",
        ),
        (
            "",
            (SESSION, 0, Some("50000")),
            InvalidRequest,
            "Default group resources are not allowed.",
        ),
    ];
    for (name, operation, code, message) in cases {
        let said = alter(&mut cluster, change(32, name, &[operation]));
        assert_eq!(said, (code, message.to_owned()));
    }
    let unknown = alter(&mut cluster, change(32, "g", &[("nope", 1, None)]));
    assert_eq!(unknown.0, ErrorCode::None);
    assert!(cluster.image().configs.is_empty());
}

#[test]
fn a_groups_settings_are_described_and_hold_before_it_exists() {
    let mut cluster = Cluster::new(1);
    let seen = |cluster: &Cluster, name| {
        let config = describe(cluster, 32, "g", &[name]).configs.remove(0);
        let synonyms: Vec<_> = config.synonyms.into_iter().map(|s| s.source).collect();
        (config.value.unwrap(), config.config_source, synonyms)
    };
    assert_eq!(describe(&cluster, 32, "g", &[]).configs.len(), 17);
    assert_eq!(seen(&cluster, SESSION), ("45000".to_owned(), 5, vec![5]));
    let changes = [(SESSION, 0, Some("50000")), (ASSIGNMENT, 0, Some("0"))];
    alter(&mut cluster, change(32, "g", &changes));
    let interval = "group.consumer.assignment.interval.ms";
    let said = alter(&mut cluster, change(4, "", &[(interval, 0, Some("3000"))]));
    assert_eq!(said, (ErrorCode::None, String::new()));
    assert_eq!(seen(&cluster, SESSION), ("50000".to_owned(), 8, vec![8, 5]));
    assert_eq!(
        seen(&cluster, ASSIGNMENT),
        ("0".to_owned(), 8, vec![8, 3, 5])
    );

    let held = |group| group_settings(&cluster.config, &cluster.image(), group);
    assert_eq!(held("g").session_timeout_ms, 50_000);
    assert_eq!(held("g").assignment_interval_ms, 0);
    assert_eq!(held("other").session_timeout_ms, 45_000);
    assert_eq!(held("other").assignment_interval_ms, 3_000);
}

#[test]
fn the_older_way_replaces_what_is_set_for_a_group() {
    let mut cluster = Cluster::new(1);
    alter(
        &mut cluster,
        change(32, "g", &[(SESSION, 0, Some("50000"))]),
    );
    let mut replace = |configs: Vec<AlterableConfig>| {
        let resource = AlterConfigsResource {
            resource_type: 32,
            resource_name: "g".to_owned(),
            configs,
        };
        let request = AlterConfigsRequest {
            resources: vec![resource],
            validate_only: false,
        };
        let response = cluster.ask(|controller, _| controller.alter_configs(&request));
        assert_eq!(response.responses[0].error_code, 0);
        cluster.image().group_overrides("g").clone()
    };
    let heartbeat = AlterableConfig {
        name: HEARTBEAT.to_owned(),
        value: Some("7000".to_owned()),
    };
    let expected = [(HEARTBEAT.to_owned(), "7000".to_owned())];
    assert_eq!(replace(vec![heartbeat]), expected.into());
    assert!(replace(Vec::new()).is_empty());
}
