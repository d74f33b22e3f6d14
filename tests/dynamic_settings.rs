//! Broker settings changed over TCP while the broker runs: what they do, what DescribeConfigs says
//! of them, which win, which are refused, and that a restart keeps them.

mod broker_process;

use std::thread::sleep;
use std::time::{Duration, Instant};

use broker_process::Broker;
use broker_process::wire::{Wire, text};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};

const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const INVALID_REQUEST: i16 = 42;
/// Kafka's numbers of the places that a value comes from.
const DYNAMIC_BROKER: i8 = 2;
const DYNAMIC_DEFAULT_BROKER: i8 = 3;
const STATIC_BROKER: i8 = 4;
const DEFAULT: i8 = 5;

const PER_IP: &str = "max.connections.per.ip";

#[test]
fn connection_bounds_change_while_the_broker_runs_and_stay_after_a_restart() {
    let mut broker = Broker::start(&["--set", "max.connections.per.ip=50"]);
    if !broker.is_klamm() {
        return;
    }
    let mut wire = connect(&broker);
    assert_eq!(
        described(&mut wire, PER_IP),
        ("50".into(), STATIC_BROKER, false)
    );
    set(&mut wire, "", PER_IP, "4");
    assert_eq!(
        described(&mut wire, PER_IP),
        ("4".into(), DYNAMIC_DEFAULT_BROKER, false)
    );
    assert_eq!(fit(&broker), 3, "with the one that asks");
    set(&mut wire, "1", PER_IP, "6");
    assert_eq!(
        described(&mut wire, PER_IP),
        ("6".into(), DYNAMIC_BROKER, false)
    );
    assert_eq!(fit(&broker), 5, "this broker's own value wins");

    drop(wire);
    broker.stop();
    broker.start_again();
    let mut wire = connect(&broker);
    assert_eq!(
        described(&mut wire, PER_IP),
        ("6".into(), DYNAMIC_BROKER, false)
    );
    assert_eq!(fit(&broker), 5);
    delete(&mut wire, "1", PER_IP);
    assert_eq!(fit(&broker), 3);
    delete(&mut wire, "", PER_IP);
    assert_eq!(
        described(&mut wire, PER_IP),
        ("50".into(), STATIC_BROKER, false)
    );
    assert_eq!(fit(&broker), 9);
}

#[test]
fn a_lower_bound_closes_the_connections_longest_unused() {
    // Each core closes the longest unused of its own.
    let broker = Broker::start(&["--cores", "1"]);
    if !broker.is_klamm() {
        return;
    }
    let mut wires: Vec<Wire> = (0..6).map(|_| connect(&broker)).collect();
    for wire in &mut wires {
        wire.api_versions().expect("all are inside");
        sleep(Duration::from_millis(5));
    }
    let mut last = wires.pop().expect("six");
    set(&mut last, "", "max.connections", "2");
    let begun = Instant::now();
    while wires.iter_mut().any(|wire| !is_over(wire)) && begun.elapsed().as_secs() < 3 {
        sleep(Duration::from_millis(50));
    }
    last.api_versions().expect("used last, so it stays");
    let left = wires.iter_mut().map(is_over).filter(|over| !over).count();
    assert!(left <= 1, "{left} of five are left beside the last");
}

#[test]
fn what_cannot_change_is_refused_with_its_reason() {
    let broker = Broker::start(&[]);
    if !broker.is_klamm() {
        return;
    }
    let mut wire = connect(&broker);
    let refused = [
        (
            "1",
            "num.partitions",
            "2",
            "Cannot update these configs dynamically: [num.partitions]",
        ),
        (
            "1",
            "listeners",
            "PLAINTEXT://:1",
            "Cannot update these configs dynamically: [listeners]",
        ),
        (
            "",
            "num.io.threads",
            "9",
            "klamm runs one thread on each core",
        ),
        ("", "max.connections", "-1", "Value must be at least 0"),
        ("", "max.connections.per.ip", "0", "nobody could connect"),
        (
            "",
            "max.connections.per.ip.overrides",
            "host:1",
            "is not of the form address:count",
        ),
        (
            "7",
            "max.connections",
            "1",
            "Unexpected broker id, expected 1, but received 7",
        ),
    ];
    for (resource, name, value, why) in refused {
        let (code, message) = alter(&mut wire, resource, name, SET, Some(value));
        assert_eq!(code, INVALID_REQUEST, "{name}: {message}");
        assert!(message.contains(why), "{name}: {message}");
    }
    let threads = described(&mut wire, "num.io.threads");
    assert_eq!(threads, ("8".into(), DEFAULT, true), "shown as read-only");
}

fn connect(broker: &Broker) -> Wire {
    Wire::connect(broker.address()).expect("the kernel accepts")
}

/// How many more connections find a place, of nine. Those of before may take a moment to go.
fn fit(broker: &Broker) -> usize {
    let most = |times| (0..times).map(|_| try_nine(broker)).max();
    most(5).expect("five tries")
}

fn try_nine(broker: &Broker) -> usize {
    sleep(Duration::from_millis(50));
    let mut wires: Vec<Wire> = (0..9).map(|_| connect(broker)).collect();
    let answers = wires.iter_mut().map(|wire| wire.api_versions());
    answers.filter(Result::is_ok).count()
}

/// Whether the broker has closed it; says nothing on it.
fn is_over(wire: &mut Wire) -> bool {
    let socket = wire.socket();
    socket.set_nonblocking(true).expect("a socket");
    let peeked = socket.peek(&mut [0]);
    socket.set_nonblocking(false).expect("a socket");
    match peeked {
        Ok(count) => count == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

fn set(wire: &mut Wire, resource: &str, name: &str, value: &str) {
    let said = alter(wire, resource, name, SET, Some(value));
    assert_eq!(said, (0, String::new()));
}

fn delete(wire: &mut Wire, resource: &str, name: &str) {
    let said = alter(wire, resource, name, DELETE, None);
    assert_eq!(said, (0, String::new()));
}

fn alter(
    wire: &mut Wire,
    resource: &str,
    name: &str,
    operation: i8,
    value: Option<&str>,
) -> (i16, String) {
    let config = AlterableConfig::default()
        .with_name(text(name))
        .with_config_operation(operation)
        .with_value(value.map(text));
    let resource = AlterConfigsResource::default()
        .with_resource_type(BROKER)
        .with_resource_name(text(resource))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let answer = wire
        .ask(&request, 1)
        .expect("an answer")
        .responses
        .remove(0);
    let message = answer.error_message.unwrap_or_default();
    (answer.error_code, message.to_string())
}

/// The broker's value, its source, and whether it is read-only.
fn described(wire: &mut Wire, name: &str) -> (String, i8, bool) {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(BROKER)
        .with_resource_name(text("1"))
        .with_configuration_keys(Some(vec![text(name)]));
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let mut answer = wire.ask(&request, 4).expect("an answer").results.remove(0);
    let config = answer.configs.remove(0);
    let value = config.value.unwrap_or_default().to_string();
    (value, config.config_source, config.read_only)
}
