//! Topics that stay from window to window, where making them takes longer than measuring.

use std::fs;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use klamm::bench::builtin;
use klamm::client::{
    Admin, AutoCreate, Cluster, ClusterSettings, ConfigChange, ConfigResource, NewTopic,
};

use crate::Outcome;
use crate::broker::Broker;
use crate::columns::{Column, TOPIC_CONFIGS};
use crate::interrupt;

/// Kafka creates no more partitions in one request.
const CREATED_AT_ONCE_MAX: i32 = 9_000;
/// How long ten thousand partitions may take until they are there, or gone.
const PATIENCE: Duration = Duration::from_secs(300);
/// Kafka looks at a changed config a moment later.
const CONFIG_SETTLES: Duration = Duration::from_millis(500);

/// The name of a workload's topic.
pub(crate) fn kept(workload: &str) -> String {
    format!("kept-{workload}")
}

/// Makes a workload's topic, with all its partitions.
pub(crate) fn make(broker: &Broker, workload: &str) -> Outcome<()> {
    let partitions = builtin(workload).map_or(1, |workload| workload.partitions) as i32;
    let (name, cluster) = (kept(workload), connect(broker)?);
    let admin = Admin::new(cluster.clone());
    let topic = NewTopic {
        name: name.clone(),
        partitions: Some(partitions.min(CREATED_AT_ONCE_MAX)),
        ..NewTopic::default()
    };
    for made in admin.create_topics(&[topic], false)? {
        made.outcome?;
    }
    let mut have = partitions.min(CREATED_AT_ONCE_MAX);
    while have < partitions {
        have = partitions.min(have + CREATED_AT_ONCE_MAX);
        admin.create_partitions(&name, have)?;
    }
    until(&format!("{name} with {partitions} partitions"), || {
        // Not every partition has a leader at once: that is no error yet.
        let found = cluster.refresh(&[&name], AutoCreate::Never);
        let count = found.and_then(|_| cluster.partition_count(&name));
        count.is_ok_and(|count| count == partitions)
    })
}

/// Gives it what a column's topics are set to; columns of one broker share the topic.
pub(crate) fn configure(broker: &Broker, workload: &str, column: &Column) -> Outcome<()> {
    if !column.is_kafka() {
        return Ok(());
    }
    let own = column.topic_configs;
    let change = |name: &&str| match own.iter().find(|(own, _)| own == name) {
        Some((name, value)) => ConfigChange::Set((*name).to_owned(), (*value).to_owned()),
        None => ConfigChange::Unset((*name).to_owned()),
    };
    let changes: Vec<ConfigChange> = TOPIC_CONFIGS.iter().map(change).collect();
    let topic = ConfigResource::Topic(kept(workload));
    Admin::new(connect(broker)?).alter_configs(&topic, &changes)?;
    sleep(CONFIG_SETTLES);
    Ok(())
}

/// Deletes it and waits until the broker has removed it from the disk.
pub(crate) fn delete(broker: &Broker, workload: &str) -> Outcome<()> {
    let name = kept(workload);
    for deleted in Admin::new(connect(broker)?).delete_topics(&[&name])? {
        deleted.outcome?;
    }
    until(&format!("{name} to be gone"), || {
        let Ok(mut entries) = fs::read_dir(broker.data.join("data")) else {
            return true;
        };
        !entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(&name))
        })
    })
}

fn until(what: &str, mut reached: impl FnMut() -> bool) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        interrupt::check()?;
        if Instant::now() > deadline {
            return Err(format!("waited in vain for {what}").into());
        }
        sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn connect(broker: &Broker) -> Outcome<Arc<Cluster>> {
    let settings = ClusterSettings {
        deadline: PATIENCE,
        ..ClusterSettings::default()
    };
    Ok(Cluster::connect(&broker.address, settings)?)
}
