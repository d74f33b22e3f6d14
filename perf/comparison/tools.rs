//! Loads by tools that nobody here wrote: Kafka's own. Their percentiles are printed, never goals.

use std::process::{Command, Output};

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::broker::Broker;
use crate::columns::Column;
use crate::interrupt;
use crate::kafka::Kafka;
use crate::state::State;

/// What one tool said of one column.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) tool: String,
    pub(crate) command: String,
    pub(crate) line: String,
}

const TOPIC: &str = "compare-tools";
const TOPIC_LATENCY: &str = "compare-tools-latency";

/// Runs the three tools on one column, once.
pub(crate) fn run(state: &State, column: &Column, broker: &Broker) -> Outcome<()> {
    let name = file_name(column);
    if state.read::<Vec<Said>>(&name).is_some() {
        return Ok(());
    }
    eprintln!("compare: Kafka's tools on {}", column.title);
    let kafka = Kafka::get(false)?;
    make_topic(&kafka, column, broker)?;
    let address = broker.address.as_str();
    let mut said = vec![
        tool(&kafka, "ProducerPerformance", &producer(address))?,
        tool(&kafka, "EndToEndLatency", &end_to_end(address))?,
    ];
    said.push(match column.is_kafka() {
        true => tool(&kafka, "ConsumerPerformance", &consumer(address))?,
        false => Said {
            tool: "ConsumerPerformance".to_owned(),
            command: String::new(),
            line: "skipped: it reads as a consumer group, which klamm does not have yet".to_owned(),
        },
    });
    for topic in [TOPIC, TOPIC_LATENCY] {
        let mut delete = kafka.tool("org.apache.kafka.tools.TopicCommand");
        delete.args(["--bootstrap-server", address, "--delete", "--topic", topic]);
        checked(&mut delete)?;
    }
    state.write(&name, &said)
}

/// Where the result of a column is kept.
pub(crate) fn file_name(column: &Column) -> String {
    format!("tools-{}.json", column.key)
}

fn producer(address: &str) -> Vec<String> {
    let words = format!(
        "--bootstrap-server {address} --topic {TOPIC} --num-records 1000000 --record-size 1000 --throughput -1 \
         --warmup-records 200000 --command-property acks=all batch.size=1000000 linger.ms=5 buffer.memory=67108864"
    );
    words.split_whitespace().map(str::to_owned).collect()
}

fn consumer(address: &str) -> Vec<String> {
    let words = format!(
        "--bootstrap-server {address} --topic {TOPIC} --num-records 1000000 --timeout 60000 --hide-header"
    );
    words.split_whitespace().map(str::to_owned).collect()
}

fn end_to_end(address: &str) -> Vec<String> {
    let words = format!(
        "--bootstrap-server {address} --topic {TOPIC_LATENCY} --num-records 10000 --producer-acks all --record-size 1000"
    );
    words.split_whitespace().map(str::to_owned).collect()
}

fn make_topic(kafka: &Kafka, column: &Column, broker: &Broker) -> Outcome<()> {
    for (name, partitions) in [(TOPIC, "6"), (TOPIC_LATENCY, "1")] {
        let mut create = kafka.tool("org.apache.kafka.tools.TopicCommand");
        create.args(["--bootstrap-server", &broker.address, "--create"]);
        create.args(["--topic", name, "--partitions", partitions]);
        for (setting, value) in column.topic_configs {
            create.args(["--config", &format!("{setting}={value}")]);
        }
        checked(&mut create)?;
    }
    Ok(())
}

fn tool(kafka: &Kafka, class: &str, words: &[String]) -> Outcome<Said> {
    let mut command = kafka.tool(&format!("org.apache.kafka.tools.{class}"));
    command.args(words);
    let output = interrupt::output(&mut command)?;
    let told = summary(class, &String::from_utf8_lossy(&output.stdout));
    let line = match (output.status.success(), told.is_empty()) {
        (true, _) => told,
        (false, true) => format!("failed: {}", complaint(&output)),
        // One of them commits a group's offsets when all is measured.
        (false, false) => format!("{told}; then failed: {}", complaint(&output)),
    };
    Ok(Said {
        tool: class.to_owned(),
        command: format!("{class} {}", words.join(" ")),
        line,
    })
}

/// The lines that sum up a tool's output.
fn summary(class: &str, text: &str) -> String {
    let wanted = |line: &&str| line.starts_with("Avg") || line.starts_with("Percentiles");
    match class {
        "EndToEndLatency" => text.lines().filter(wanted).collect::<Vec<_>>().join("; "),
        _ => last_line(text),
    }
}

/// The exception without its repetitions.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| line.contains("Exception") || line.contains("Timeout"));
    first.map_or_else(|| last_line(&text), str::to_owned)
}

fn last_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim);
    let last = lines.rfind(|line| !line.is_empty());
    last.unwrap_or_default().to_owned()
}

fn checked(command: &mut Command) -> Outcome<String> {
    let output = interrupt::output(command)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into()),
    }
}
