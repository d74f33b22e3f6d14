//! A cluster of one node in memory: what is answered, what the log replays to, and what a
//! snapshot keeps must be the same, whatever happens.

use std::collections::BTreeMap;

use super::controller::{
    BrokerRegistration, Controller, Outcome, Unrestricted, bootstrap_records, leader_epoch_bumps,
    register_broker,
};
use super::*;
use crate::config::BrokerConfig;
use crate::model::{Offset, Uuid};
use crate::protocol::message::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use crate::protocol::message::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use crate::protocol::message::delete_topics::DeleteTopicsRequest;
use crate::protocol::message::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use crate::protocol::message::metadata_record::MetadataRecord;
use crate::protocol::message::metadata_record::transaction::{
    BeginTransactionRecord, EndTransactionRecord,
};

const NOW_MS: i64 = 1_700_000_000_000;
pub(super) const DIRECTORY: Uuid = Uuid::from_u128(0xd1d1);

/// A sequence of numbers from a seed.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn bits(&mut self) -> u128 {
        (0..5).fold(0, |bits, _| (bits << 31) ^ u128::from(self.next()))
    }
}

/// One broker and its metadata log.
pub(super) struct Cluster {
    pub(super) config: BrokerConfig,
    pub(super) loader: Loader,
    pub(super) numbers: Numbers,
    log: Vec<u8>,
    next_offset: Offset,
    epoch: i32,
}

impl Cluster {
    pub(super) fn new(seed: u64) -> Self {
        let mut cluster = Self {
            config: BrokerConfig::default(),
            loader: Loader::default(),
            numbers: Numbers::new(seed),
            log: Vec::new(),
            next_offset: 0,
            epoch: 0,
        };
        cluster.start();
        cluster
    }

    /// A new epoch, as each start of the process is one.
    fn start(&mut self) {
        self.epoch += 1;
        let bytes = leader_change_batch(1, self.position()).unwrap();
        self.next_offset += 1;
        self.append(&bytes);
        if self.image().metadata_version() == 0 {
            self.write(&bootstrap_records());
        }
        let registration = BrokerRegistration {
            node_id: 1,
            incarnation_id: Uuid::from_u128(self.numbers.bits()),
            endpoints: Vec::new(),
            rack: None,
            directory_id: DIRECTORY,
        };
        self.write(&register_broker(&registration, self.next_offset));
        for bumps in leader_epoch_bumps(&self.image(), 1) {
            self.write(&bumps);
        }
    }

    pub(super) fn image(&self) -> std::sync::Arc<MetadataImage> {
        self.loader.image().clone()
    }

    pub(super) fn ask<R>(
        &mut self,
        ask: impl FnOnce(&Controller<'_>, &mut Numbers) -> Outcome<R>,
    ) -> R {
        let image = self.image();
        let controller = Controller {
            image: &image,
            config: &self.config,
            access: &Unrestricted,
        };
        let outcome = ask(&controller, &mut self.numbers);
        self.write(&outcome.records);
        outcome.response
    }

    pub(super) fn create(&mut self, name: &str, partitions: i32) -> i16 {
        let request = CreateTopicsRequest {
            topics: vec![topic(name, partitions)],
            ..CreateTopicsRequest::default()
        };
        let response = self
            .ask(|controller, numbers| controller.create_topics(&request, &mut || numbers.bits()));
        response.topics[0].error_code
    }

    fn position(&self) -> Position {
        let now_ms = NOW_MS + self.next_offset;
        Position {
            base_offset: self.next_offset,
            epoch: self.epoch,
            now_ms,
        }
    }

    pub(super) fn write(&mut self, records: &[MetadataRecord]) -> Changes {
        let (bytes, next_offset) = encode_batches(records, self.position()).unwrap();
        self.next_offset = next_offset;
        self.append(&bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> Changes {
        self.log.extend_from_slice(bytes);
        let mut changes = Changes::default();
        for batch in decode_batches(bytes).unwrap() {
            changes = self.loader.apply(&batch).unwrap();
        }
        changes
    }

    /// The image that the whole log gives.
    fn replayed(&self) -> MetadataImage {
        let mut loader = Loader::default();
        for batch in decode_batches(&self.log).unwrap() {
            loader.apply(&batch).unwrap();
        }
        loader.image().as_ref().clone()
    }

    fn check(&self, seed: u64) {
        let image = self.image();
        assert_eq!(self.replayed(), *image, "seed {seed}: log");
        let snapshot = encode_snapshot(&image, NOW_MS).unwrap();
        let id = SnapshotId::of(&image);
        assert_eq!(
            decode_snapshot(&snapshot, id).unwrap(),
            *image,
            "seed {seed}: snapshot"
        );
        assert_eq!(
            image.provenance.last_offset + 1,
            self.next_offset,
            "seed {seed}"
        );
    }
}

pub(super) fn topic(name: &str, partitions: i32) -> CreatableTopic {
    CreatableTopic {
        name: name.to_owned(),
        num_partitions: partitions,
        replication_factor: -1,
        ..CreatableTopic::default()
    }
}

/// What a topic should be: partitions, and how often it lived through a start.
type Model = BTreeMap<String, (i32, i32)>;

#[test]
fn log_image_and_snapshot_agree_with_a_model() {
    for seed in 0..40 {
        let mut cluster = Cluster::new(seed);
        let mut model = Model::new();
        for _ in 0..60 {
            step(&mut cluster, &mut model);
        }
        cluster.check(seed);
        let image = cluster.image();
        let seen: Model = image
            .topics
            .iter()
            .map(|topic| {
                let epoch = topic.partition(0).unwrap().leader_epoch;
                (
                    topic.name.to_string(),
                    (topic.partitions.len() as i32, epoch),
                )
            })
            .collect();
        assert_eq!(seen, model, "seed {seed}");
        assert!(image.configs.keys().all(|resource| {
            resource.kind != ResourceType::Topic || model.contains_key(&resource.name)
        }));
    }
}

fn step(cluster: &mut Cluster, model: &mut Model) {
    let name = format!("topic-{}", cluster.numbers.below(12));
    match cluster.numbers.below(10) {
        0..=3 => {
            let partitions = 1 + cluster.numbers.below(5) as i32;
            let code = cluster.create(&name, partitions);
            assert_eq!(code == 0, !model.contains_key(&name));
            model.entry(name).or_insert((partitions, 0));
        }
        4 => {
            let request = DeleteTopicsRequest {
                topic_names: vec![name.clone()],
                ..DeleteTopicsRequest::default()
            };
            let response = cluster.ask(|controller, _| controller.delete_topics(&request, 5));
            assert_eq!(
                response.responses[0].error_code == 0,
                model.remove(&name).is_some()
            );
        }
        5 => {
            let count = 1 + cluster.numbers.below(9) as i32;
            let topics = vec![CreatePartitionsTopic {
                name: name.clone(),
                count,
                assignments: None,
            }];
            let request = CreatePartitionsRequest {
                topics,
                ..CreatePartitionsRequest::default()
            };
            let response = cluster.ask(|controller, _| controller.create_partitions(&request));
            let grows = model.get(&name).is_some_and(|(before, _)| *before < count);
            assert_eq!(response.results[0].error_code == 0, grows);
            if let Some((partitions, _)) = model.get_mut(&name).filter(|_| grows) {
                *partitions = count;
            }
        }
        6..=8 => {
            let code = alter_at_random(cluster, &name);
            assert_eq!(code == 0, model.contains_key(&name));
        }
        _ => {
            cluster.start();
            model.values_mut().for_each(|(_, epoch)| *epoch += 1);
        }
    }
}

/// Sets or deletes a setting of the topic; the answer's code.
fn alter_at_random(cluster: &mut Cluster, name: &str) -> i16 {
    let operation = cluster.numbers.below(2) as i8;
    let value = Some((1 + cluster.numbers.below(100)).to_string());
    let name_of = ["retention.ms", "flush.ms"][cluster.numbers.below(2) as usize];
    let config = AlterableConfig {
        name: name_of.to_owned(),
        config_operation: operation,
        value,
    };
    let resource = AlterConfigsResource {
        resource_type: 2,
        resource_name: name.to_owned(),
        configs: vec![config],
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource],
        validate_only: false,
    };
    let response = cluster.ask(|controller, _| controller.incremental_alter_configs(&request));
    response.responses[0].error_code
}

#[test]
fn the_first_records_are_a_transaction_that_begins_with_the_metadata_version() {
    let records = bootstrap_records();
    assert!(matches!(
        records.first(),
        Some(MetadataRecord::BeginTransaction(_))
    ));
    assert!(matches!(&records[1], MetadataRecord::FeatureLevel(f)
        if f.name == METADATA_VERSION && f.feature_level == 30));
    assert!(matches!(
        records.last(),
        Some(MetadataRecord::EndTransaction(_))
    ));
    let cluster = Cluster::new(0);
    let image = cluster.image();
    assert_eq!(image.metadata_version(), 30);
    let broker = &image.brokers[&1];
    let epoch = 3 + image.features.len() as i64;
    assert!(broker.is_active() && broker.epoch == epoch && broker.log_dirs == [DIRECTORY]);
}

#[test]
fn a_cluster_that_is_older_than_a_feature_is_raised_to_it_once() {
    let old = MetadataImage::default();
    let names = |records: Vec<MetadataRecord>| {
        let name = |record| match record {
            MetadataRecord::FeatureLevel(feature) => feature.name,
            other => panic!("{other:?}"),
        };
        records.into_iter().map(name).collect::<Vec<_>>()
    };
    let initial = supported_features().filter(|feature| feature.initial > 0);
    let expected: Vec<_> = initial.map(|feature| feature.name.to_owned()).collect();
    assert_eq!(names(controller::finalize_new_features(&old)), expected);
    let image = Cluster::new(0).image();
    assert!(controller::finalize_new_features(&image).is_empty());
}

#[test]
fn nothing_of_a_transaction_shows_before_its_end() {
    let mut cluster = Cluster::new(0);
    let before = cluster.image();
    let begin = [BeginTransactionRecord::default().into()];
    assert_eq!(cluster.write(&begin), Changes::default());
    cluster.write(&controller::bootstrap_records()[1..2]);
    assert!(cluster.loader.in_transaction());
    assert_eq!(cluster.image(), before);
    let changes = cluster.write(&[EndTransactionRecord {}.into()]);
    assert!(changes.features_changed && !cluster.loader.in_transaction());
    cluster.write(&begin);
    cluster.create("t", 1);
    cluster.write(&controller::abort_transaction());
    assert!(cluster.image().topic("t").is_none() && !cluster.loader.in_transaction());
    cluster.check(0);
}

#[test]
fn changes_name_what_shards_must_do() {
    let mut cluster = Cluster::new(0);
    let before = cluster.next_offset;
    cluster.create("t", 3);
    let batches = decode_batches(&cluster.log).unwrap();
    let created = batches
        .iter()
        .find(|batch| batch.base_offset == before)
        .unwrap();
    let BatchContent::Records(records) = &created.content else {
        panic!("records")
    };
    assert_eq!(records.len(), 4);
    let id = cluster.image().topic("t").unwrap().id;
    let removal =
        crate::protocol::message::metadata_record::topic::RemoveTopicRecord { topic_id: id };
    let changes = cluster.write(&[removal.into()]);
    assert_eq!(changes.topics_deleted[&id].partitions.len(), 3);
    assert!(changes.partitions_created.is_empty() && changes.partitions_changed.is_empty());
}

#[test]
fn records_that_do_not_fit_are_refused_and_change_nothing() {
    let mut cluster = Cluster::new(0);
    cluster.create("t", 1);
    let image = cluster.image();
    let again = image_records(&image)
        .into_iter()
        .find(|r| matches!(r, MetadataRecord::Topic(_)));
    let (bytes, _) = encode_batches(&[again.unwrap()], cluster.position()).unwrap();
    let batch = decode_batches(&bytes).unwrap().remove(0);
    assert!(matches!(
        cluster.loader.apply(&batch),
        Err(ReplayError::TopicExists { .. })
    ));
    assert_eq!(cluster.image(), image);
}

#[test]
fn damaged_logs_and_snapshots_are_noticed() {
    let cluster = Cluster::new(0);
    let image = cluster.image();
    let snapshot = encode_snapshot(&image, NOW_MS).unwrap();
    let id = SnapshotId::of(&image);
    for end in 0..snapshot.len() {
        assert!(
            decode_snapshot(&snapshot[..end], id).is_err(),
            "{end} bytes"
        );
    }
    for position in (0..cluster.log.len()).step_by(7) {
        let mut damaged = cluster.log.clone();
        damaged[position] ^= 0x10;
        let same = decode_batches(&damaged) == decode_batches(&cluster.log);
        assert!(!same, "byte {position}");
    }
}

#[test]
fn large_operations_become_several_batches() {
    let name = "x".repeat(249);
    let config = |index: usize| CreatableTopicConfig {
        name: format!("{index}"),
        value: Some("v".repeat(30_000)),
    };
    let records: Vec<MetadataRecord> = (0..600)
        .map(|index| {
            let CreatableTopicConfig { name: key, value } = config(index);
            crate::protocol::message::metadata_record::config::ConfigRecord {
                resource_type: 2,
                resource_name: name.clone(),
                name: key,
                value,
            }
            .into()
        })
        .collect();
    let position = Position {
        base_offset: 7,
        epoch: 1,
        now_ms: NOW_MS,
    };
    let (bytes, next_offset) = encode_batches(&records, position).unwrap();
    assert_eq!(next_offset, 607);
    let batches = decode_batches(&bytes).unwrap();
    assert_eq!(batches.len(), 3);
    assert_eq!(batches[1].base_offset, batches[0].last_offset + 1);
}

#[test]
fn snapshot_names_are_kafkas() {
    let id = SnapshotId {
        end_offset: 123,
        epoch: 4,
    };
    assert_eq!(id.file_name(), "00000000000000000123-0000000004.checkpoint");
    assert_eq!(SnapshotId::parse(&id.file_name()), Some(id));
    for name in [
        "123-4.checkpoint",
        "00000000000000000123-0000000004.checkpoint.part",
        "x",
    ] {
        assert_eq!(SnapshotId::parse(name), None, "{name}");
    }
}
