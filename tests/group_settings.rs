//! Settings of groups changed over TCP: they hold for groups that do not exist yet, are described
//! with their source, are listed, and are kept by a restart.

mod broker_process;

use broker_process::Broker;
use broker_process::wire::{Wire, text};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{
    DescribeConfigsRequest, IncrementalAlterConfigsRequest, ListConfigResourcesRequest,
};

const GROUP: i8 = 32;
const SET: i8 = 0;
const DELETE: i8 = 1;
const INVALID_CONFIG: i16 = 40;
/// Kafka's numbers of the places that a value comes from.
const STATIC_BROKER: i8 = 4;
const OF_GROUP: i8 = 8;

const SESSION: &str = "consumer.session.timeout.ms";

#[test]
fn settings_of_a_group_hold_before_it_exists_and_stay_after_a_restart() {
    let mut broker = Broker::start(&["--set", "group.consumer.session.timeout.ms=46000"]);
    if !broker.is_klamm() {
        return;
    }
    let mut wire = Wire::connect(broker.address()).expect("a broker");
    assert_eq!(described(&mut wire), ("46000".into(), STATIC_BROKER));
    let (code, message) = alter(&mut wire, SET, Some("70000"));
    assert_eq!(code, INVALID_CONFIG);
    assert!(message.contains("group.consumer.max.session.timeout.ms"));
    assert_eq!(alter(&mut wire, SET, Some("50000")), (0, String::new()));
    assert_eq!(described(&mut wire), ("50000".into(), OF_GROUP));

    drop(wire);
    broker.stop();
    broker.start_again();
    let mut wire = Wire::connect(broker.address()).expect("a broker");
    assert_eq!(described(&mut wire), ("50000".into(), OF_GROUP));
    assert_eq!(listed(&mut wire), ["billing"]);
    assert_eq!(alter(&mut wire, DELETE, None), (0, String::new()));
    assert_eq!(described(&mut wire), ("46000".into(), STATIC_BROKER));
    assert!(listed(&mut wire).is_empty());
}

fn alter(wire: &mut Wire, operation: i8, value: Option<&str>) -> (i16, String) {
    let config = AlterableConfig::default()
        .with_name(text(SESSION))
        .with_config_operation(operation)
        .with_value(value.map(text));
    let resource = AlterConfigsResource::default()
        .with_resource_type(GROUP)
        .with_resource_name(text("billing"))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let mut answer = wire.ask(&request, 1).expect("an answer");
    let result = answer.responses.remove(0);
    let message = result.error_message.unwrap_or_default();
    (result.error_code, message.to_string())
}

/// The value and its source.
fn described(wire: &mut Wire) -> (String, i8) {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(GROUP)
        .with_resource_name(text("billing"))
        .with_configuration_keys(Some(vec![text(SESSION)]));
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let mut answer = wire.ask(&request, 4).expect("an answer").results.remove(0);
    let config = answer.configs.remove(0);
    let value = config.value.unwrap_or_default().to_string();
    (value, config.config_source)
}

fn listed(wire: &mut Wire) -> Vec<String> {
    let request = ListConfigResourcesRequest::default().with_resource_types(vec![GROUP]);
    let answer = wire.ask(&request, 1).expect("an answer");
    let names = answer.config_resources.into_iter();
    names.map(|found| found.resource_name.to_string()).collect()
}
