//! Topics: each refusal with its code and its text, by table; and what answers say.

use crate::metadata::controller::*;
use crate::metadata::tests::{Cluster, DIRECTORY, topic};
use crate::metadata::{CONSUMER_OFFSETS, ConfigResource, ResourceType};
use crate::model::Uuid;
use crate::protocol::error_code::ErrorCode::{
    self, ClusterAuthorizationFailed, GroupAuthorizationFailed, InvalidConfig, InvalidPartitions,
    InvalidReplicaAssignment, InvalidReplicationFactor, InvalidRequest, InvalidTopicException,
    PolicyViolation, StaleBrokerEpoch, TopicAlreadyExists, TopicAuthorizationFailed,
    TopicDeletionDisabled, UnknownTopicId, UnknownTopicOrPartition,
};
use crate::protocol::message::create_partitions::*;
use crate::protocol::message::create_topics::*;
use crate::protocol::message::delete_topics::*;
use crate::protocol::message::incremental_alter_configs::IncrementalAlterConfigsRequest;

use super::configs::change;

fn create_all(cluster: &mut Cluster, topics: Vec<CreatableTopic>) -> CreateTopicsResponse {
    let request = CreateTopicsRequest {
        topics,
        ..CreateTopicsRequest::default()
    };
    let mut bits = 0x1234_u128 << 64;
    cluster.ask(|controller, _| {
        controller.create_topics(&request, &mut || {
            bits += 1;
            bits
        })
    })
}

fn with_configs(name: &str, configs: &[(&str, Option<&str>)]) -> CreatableTopic {
    let config = |(name, value): &(&str, Option<&str>)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: value.map(str::to_owned),
    };
    CreatableTopic {
        configs: configs.iter().map(config).collect(),
        ..topic(name, 1)
    }
}

fn assigned(name: &str, assignments: &[(i32, &[i32])]) -> CreatableTopic {
    let assignment = |(index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
        partition_index: *index,
        broker_ids: brokers.to_vec(),
    };
    let assignments = assignments.iter().map(assignment).collect();
    CreatableTopic {
        assignments,
        ..topic(name, -1)
    }
}

/// A topic to ask for, and the refusal.
type Refused = (fn() -> CreatableTopic, ErrorCode, &'static str);

const REFUSED_TOPICS: &[Refused] = &[
    (
        || topic("old", 1),
        TopicAlreadyExists,
        "Topic 'old' already exists.",
    ),
    (|| topic("a b", 1), InvalidTopicException, ILLEGAL),
    (
        || topic("", 1),
        InvalidTopicException,
        "Topic name is invalid: the empty string is not allowed",
    ),
    (
        || topic("a_b", 1),
        InvalidTopicException,
        "Topic 'a_b' collides with existing topic: a.b",
    ),
    (
        || topic("__cluster_metadata", 1),
        InvalidRequest,
        "Creation of internal topic __cluster_metadata is prohibited.",
    ),
    (
        || topic("new", 0),
        InvalidPartitions,
        "Number of partitions was set to an invalid non-positive value.",
    ),
    (
        || replicated(0),
        InvalidReplicationFactor,
        "Replication factor must be larger than 0, or -1 to use the default value.",
    ),
    (
        || replicated(3),
        InvalidReplicationFactor,
        "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered.",
    ),
    (
        || with_configs("new", &[("retention.ms", None)]),
        InvalidConfig,
        "Null value not supported for topic configs: retention.ms",
    ),
    (
        || with_configs("new", &[("nope", Some("1"))]),
        InvalidConfig,
        "Unknown topic config name: nope",
    ),
    (
        || with_configs("new", &[("segment.bytes", Some("5"))]),
        InvalidConfig,
        "Invalid value 5 for configuration segment.bytes: Value must be at least 1048576",
    ),
    (
        || CreatableTopic {
            num_partitions: 2,
            ..assigned("new", &[(0, &[1])])
        },
        InvalidRequest,
        "A manual partition assignment was specified, but numPartitions was not set to -1.",
    ),
    (
        || CreatableTopic {
            replication_factor: 1,
            ..assigned("new", &[(0, &[1])])
        },
        InvalidRequest,
        "A manual partition assignment was specified, but replication factor was not set to -1.",
    ),
    (
        || assigned("new", &[(0, &[])]),
        InvalidReplicaAssignment,
        "The manual partition assignment includes an empty replica list.",
    ),
    (
        || assigned("new", &[(0, &[2])]),
        InvalidReplicaAssignment,
        "The manual partition assignment includes broker 2, but no such broker is registered.",
    ),
    (
        || assigned("new", &[(0, &[1, 1])]),
        InvalidReplicaAssignment,
        "The manual partition assignment includes the broker 1 more than once.",
    ),
    (
        || assigned("new", &[(0, &[1]), (0, &[1])]),
        InvalidReplicaAssignment,
        "Found multiple manual partition assignments for partition 0",
    ),
    (
        || assigned("new", &[(0, &[1]), (2, &[1])]),
        InvalidReplicaAssignment,
        "partitions should be a consecutive 0-based integer sequence",
    ),
];
const ILLEGAL: &str = "Topic name is invalid: 'a b' contains one or more characters other than \
                       ASCII alphanumerics, '.', '_' and '-'";

fn replicated(replication_factor: i16) -> CreatableTopic {
    CreatableTopic {
        replication_factor,
        ..topic("new", 1)
    }
}

#[test]
fn create_topics_refuses_as_kafka_does() {
    let mut cluster = Cluster::new(1);
    cluster.create("old", 1);
    cluster.create("a.b", 1);
    for (topic, code, message) in REFUSED_TOPICS {
        let result = create_all(&mut cluster, vec![topic()]).topics.remove(0);
        let said = (
            ErrorCode::from_code(result.error_code),
            result.error_message.as_deref(),
        );
        assert_eq!(said, (*code, Some(*message)));
    }
    assert_eq!(cluster.image().topics.len(), 2);
}

#[test]
fn a_name_twice_in_a_request_is_refused_and_the_rest_goes_on() {
    let mut cluster = Cluster::new(1);
    let topics = vec![
        topic("a", 1),
        topic("b", -1),
        topic("a", 1),
        topic("x.y", 1),
        topic("x_y", 1),
    ];
    let response = create_all(&mut cluster, topics);
    let codes: Vec<_> = response
        .topics
        .iter()
        .map(|topic| topic.error_code)
        .collect();
    let (twice, collides) = (InvalidRequest.code(), InvalidTopicException.code());
    assert_eq!(codes, [twice, 0, twice, 0, collides]);
    assert_eq!(cluster.image().topics.len(), 2);
}

#[test]
fn a_created_topic_is_answered_in_full() {
    let mut cluster = Cluster::new(1);
    let mut asked = with_configs("t", &[("retention.ms", Some("5"))]);
    asked.num_partitions = 3;
    let result = create_all(&mut cluster, vec![asked]).topics.remove(0);
    let image = cluster.image();
    let topic = image.topic("t").unwrap();
    assert_eq!(
        (
            result.topic_id,
            result.num_partitions,
            result.replication_factor
        ),
        (topic.id, 3, 1)
    );
    let configs = result.configs.unwrap();
    assert_eq!(configs.len(), 33);
    assert!(
        configs
            .iter()
            .all(|config| (1..=5).contains(&config.config_source))
    );
    let source = |name: &str| {
        let found = configs.iter().find(|config| config.name == name).unwrap();
        (found.value.as_deref(), found.config_source)
    };
    assert_eq!(source("retention.ms"), (Some("5"), 1));
    assert_eq!(source("segment.bytes"), (Some("1073741824"), 5));
    let partition = topic.partition(2).unwrap();
    assert_eq!(
        (
            &partition.replicas[..],
            &partition.isr[..],
            partition.leader
        ),
        (&[1][..], &[1][..], 1)
    );
    assert_eq!(partition.directories, [DIRECTORY]);
    assert_eq!((partition.leader_epoch, partition.partition_epoch), (0, 0));
    assert_eq!(image.topic_overrides("t").len(), 1);
}

#[test]
fn validate_only_changes_nothing() {
    let mut cluster = Cluster::new(1);
    let request = CreateTopicsRequest {
        topics: vec![topic("t", 1)],
        validate_only: true,
        ..CreateTopicsRequest::default()
    };
    let response = cluster.ask(|controller, _| controller.create_topics(&request, &mut || 7 << 80));
    assert_eq!(response.topics[0].error_code, 0);
    assert!(cluster.image().topics.is_empty());
}

#[test]
fn kafkas_bound_on_partitions_holds() {
    let cases = [
        (vec![topic("t", 9_900)], 0),
        (vec![topic("t", 9_999)], 0),
        (vec![topic("t", 10_000)], PolicyViolation.code()),
        (
            vec![topic("t", i32::MAX), topic("u", i32::MAX)],
            PolicyViolation.code(),
        ),
        (
            vec![topic("t", i32::MAX), topic("u", -i32::MAX)],
            PolicyViolation.code(),
        ),
        (
            vec![topic("t", 5_000), topic("u", 5_000)],
            PolicyViolation.code(),
        ),
    ];
    for (topics, code) in cases {
        let mut cluster = Cluster::new(1);
        let response = create_all(&mut cluster, topics);
        assert!(response.topics.iter().all(|topic| topic.error_code == code));
        assert_eq!(cluster.image().topics.is_empty(), code != 0);
    }
}

#[test]
fn delete_topics_by_name_and_id() {
    let mut cluster = Cluster::new(1);
    for name in ["a", "b", "c"] {
        cluster.create(name, 1);
    }
    let id = |name: &str| cluster.image().topic(name).unwrap().id;
    let (a, b) = (id("a"), id("b"));
    let state = |name: Option<&str>, topic_id| DeleteTopicState {
        name: name.map(str::to_owned),
        topic_id,
    };
    let none = Uuid::ZERO;
    let request = DeleteTopicsRequest {
        topics: vec![
            state(Some("a"), none),
            state(None, a),
            state(None, b),
            state(Some("c"), none),
            state(Some("c"), none),
            state(Some("d"), none),
            state(None, Uuid::from_u128(1 << 90)),
            state(None, none),
            state(Some("a"), a),
        ],
        ..DeleteTopicsRequest::default()
    };
    let response = cluster.ask(|controller, _| controller.delete_topics(&request, 6));
    let answer = |name: Option<&str>, id| {
        let found = response
            .responses
            .iter()
            .filter(|r| r.name.as_deref() == name && r.topic_id == id);
        let mut codes: Vec<_> = found.map(|r| ErrorCode::from_code(r.error_code)).collect();
        codes.sort_by_key(|code| code.code());
        codes
    };
    assert_eq!(
        answer(Some("a"), a),
        [ErrorCode::None, InvalidRequest, InvalidRequest]
    );
    assert_eq!(answer(Some("b"), b), [ErrorCode::None]);
    assert_eq!(answer(Some("c"), none), [InvalidRequest]);
    assert_eq!(answer(Some("d"), none), [UnknownTopicOrPartition]);
    assert_eq!(answer(None, Uuid::from_u128(1 << 90)), [UnknownTopicId]);
    assert_eq!(answer(None, none), [InvalidRequest]);
    let left: Vec<_> = cluster
        .image()
        .topics
        .iter()
        .map(|topic| topic.name.to_string())
        .collect();
    assert_eq!(left, ["c"]);
}

#[test]
fn deletion_can_be_disabled() {
    let mut cluster = Cluster::new(1);
    cluster.create("a", 1);
    cluster.config.topics.delete_enabled = false;
    for (version, code) in [(1, InvalidRequest), (6, TopicDeletionDisabled)] {
        let request = DeleteTopicsRequest {
            topic_names: vec!["a".to_owned()],
            ..DeleteTopicsRequest::default()
        };
        let response = cluster.ask(|controller, _| controller.delete_topics(&request, version));
        assert_eq!(response.responses[0].error_code, code.code());
    }
    assert_eq!(cluster.image().topics.len(), 1);
}

/// A count, assignments of the new ones, and the answer.
type Added = (
    i32,
    Option<&'static [&'static [i32]]>,
    ErrorCode,
    &'static str,
);

/// One after the other, for a topic of two partitions.
const ADDED: &[Added] = &[
    (
        2,
        None,
        InvalidPartitions,
        "Topic already has 2 partition(s).",
    ),
    (
        1,
        None,
        InvalidPartitions,
        "The topic t currently has 2 partition(s); 1 would not be an increase.",
    ),
    (
        4,
        Some(&[&[1]]),
        InvalidReplicaAssignment,
        "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
    ),
    (
        3,
        Some(&[&[2]]),
        InvalidReplicaAssignment,
        "The manual partition assignment includes broker 2, but no such broker is registered.",
    ),
    (
        3,
        Some(&[&[]]),
        InvalidReplicaAssignment,
        "The manual partition assignment includes an empty replica list.",
    ),
    (
        20_000,
        None,
        PolicyViolation,
        "Unable to perform excessively large batch operation.",
    ),
    (
        i32::MAX,
        None,
        PolicyViolation,
        "Unable to perform excessively large batch operation.",
    ),
    (4, Some(&[&[1], &[1]]), ErrorCode::None, ""),
    (5, None, ErrorCode::None, ""),
];

#[test]
fn create_partitions_only_adds() {
    let mut cluster = Cluster::new(1);
    cluster.create("t", 2);
    for (count, lists, code, message) in ADDED {
        let assignment = |ids: &&[i32]| CreatePartitionsAssignment {
            broker_ids: ids.to_vec(),
        };
        let assignments = lists.map(|lists| lists.iter().map(assignment).collect());
        let asked = CreatePartitionsTopic {
            name: "t".to_owned(),
            count: *count,
            assignments,
        };
        let request = CreatePartitionsRequest {
            topics: vec![asked],
            ..Default::default()
        };
        let response = cluster.ask(|controller, _| controller.create_partitions(&request));
        let result = &response.results[0];
        let said = result.error_message.as_deref().unwrap_or_default();
        assert_eq!(
            (ErrorCode::from_code(result.error_code), said),
            (*code, *message)
        );
    }
    assert_eq!(cluster.image().topic("t").unwrap().partitions.len(), 5);
}

/// A group is found by its name's hash modulo the number of partitions.
#[test]
fn the_partitions_that_groups_are_found_by_stay_as_many() {
    let mut cluster = Cluster::new(1);
    cluster.create(CONSUMER_OFFSETS, 2);
    let asked = CreatePartitionsTopic {
        name: CONSUMER_OFFSETS.to_owned(),
        count: 3,
        assignments: None,
    };
    let request = CreatePartitionsRequest {
        topics: vec![asked],
        ..Default::default()
    };
    let response = cluster.ask(|controller, _| controller.create_partitions(&request));
    let result = &response.results[0];
    assert_eq!(
        ErrorCode::from_code(result.error_code),
        ErrorCode::InvalidRequest
    );
    let said = result.error_message.as_deref().unwrap_or_default();
    assert!(
        said.contains("__consumer_offsets has 2 partitions"),
        "{said}"
    );
    let image = cluster.image();
    assert_eq!(image.topic(CONSUMER_OFFSETS).unwrap().partitions.len(), 2);
}

#[test]
fn blocks_of_producer_ids_follow_each_other() {
    let mut cluster = Cluster::new(1);
    let epoch = cluster.image().brokers[&1].epoch;
    for first in [0, 1000, 2000] {
        let block =
            cluster.ask(|controller, _| controller.allocate_producer_ids(1, epoch).unwrap());
        assert_eq!(block, ProducerIdBlock { first, len: 1000 });
    }
    let image = cluster.image();
    let controller = Controller {
        image: &image,
        config: &cluster.config,
        access: &Unrestricted,
    };
    let stale = controller.allocate_producer_ids(1, epoch - 1).unwrap_err();
    assert_eq!(stale.code, StaleBrokerEpoch);
}

#[test]
fn topics_of_the_broker_itself_are_made_as_their_coordinators_need() {
    let mut cluster = Cluster::new(1);
    let names = [
        "mine",
        CONSUMER_OFFSETS,
        "__transaction_state",
        "__share_group_state",
    ];
    let topics = names.map(|name| creatable_topic(name, &cluster.config));
    let response = create_all(&mut cluster, topics.to_vec());
    assert!(
        response.topics.iter().all(|topic| topic.error_code == 0),
        "{response:?}"
    );
    let image = cluster.image();
    let partitions = names.map(|name| image.topic(name).unwrap().partitions.len());
    assert_eq!(partitions, [1, 50, 50, 50]);
    assert_eq!(
        image.topic_overrides(CONSUMER_OFFSETS)["cleanup.policy"],
        "compact"
    );
    assert!(image.topic_overrides("mine").is_empty());
    let resource = ConfigResource {
        kind: ResourceType::Topic,
        name: "mine".to_owned(),
    };
    assert!(!image.configs.contains_key(&resource));
}

/// Somebody who may only describe what begins with `open`.
/// Somebody who may only describe what begins with `open`.
struct OnlyOpen;

impl Access for OnlyOpen {
    fn may(&self, operation: TopicOperation, topic: &str) -> bool {
        let describes = matches!(
            operation,
            TopicOperation::Describe | TopicOperation::DescribeConfigs
        );
        describes && topic.starts_with("open")
    }

    fn may_configure_cluster(&self, _change: bool) -> bool {
        false
    }

    fn may_configure_group(&self, _group: &str, _change: bool) -> bool {
        false
    }
}

#[test]
fn who_may_not_is_told_so_and_nothing_more() {
    let mut cluster = Cluster::new(1);
    cluster.create("open", 1);
    cluster.create("hidden", 1);
    let image = cluster.image();
    let controller = Controller {
        image: &image,
        config: &cluster.config,
        access: &OnlyOpen,
    };
    let request = CreateTopicsRequest {
        topics: vec![topic("x", 1)],
        ..CreateTopicsRequest::default()
    };
    let created = controller.create_topics(&request, &mut || 1 << 90);
    assert_eq!(
        created.response.topics[0].error_code,
        TopicAuthorizationFailed.code()
    );
    let state = |topic_id| DeleteTopicState {
        name: None,
        topic_id,
    };
    let ids = ["open", "hidden"].map(|name| image.topic(name).unwrap().id);
    let request = DeleteTopicsRequest {
        topics: ids.map(state).to_vec(),
        ..DeleteTopicsRequest::default()
    };
    let deleted = controller.delete_topics(&request, 6);
    assert!(deleted.records.is_empty());
    let mut names: Vec<_> = deleted
        .response
        .responses
        .into_iter()
        .map(|r| r.name)
        .collect();
    names.sort();
    assert_eq!(names, [None, Some("open".to_owned())]);
    let request = IncrementalAlterConfigsRequest {
        resources: vec![
            change(4, "", &[("log.retention.ms", 0, Some("1"))]),
            change(32, "g", &[("consumer.session.timeout.ms", 0, Some("1"))]),
        ],
        validate_only: false,
    };
    let altered = controller.incremental_alter_configs(&request);
    let codes: Vec<_> = altered
        .response
        .responses
        .iter()
        .map(|r| r.error_code)
        .collect();
    let expected = [ClusterAuthorizationFailed, GroupAuthorizationFailed].map(ErrorCode::code);
    assert_eq!(codes, expected);
}
