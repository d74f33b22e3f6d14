//! The embedded controller on core 0: one call after the other, each on the latest image. What it
//! decides is written and synced, then replayed, then published to every core, then answered.

use std::sync::Arc;

use super::control::{ControlCall, ControlReply, Controlling};
use super::message::{AppendBatch, AppendCall, BatchBytes, Publication, ShardReply};
use super::metadata_log::METADATA_PARTITION;
use super::shards::ReplyTo;
use super::{CoreGone, Shards};
use crate::metadata::controller::{
    BrokerRegistration, Controller, Outcome, Unrestricted, abort_transaction, bootstrap_records,
    creatable_topic, finalize_new_features, leader_epoch_bumps, register_broker,
};
use crate::metadata::{
    Changes, MetadataImage, Position, decode_batches, encode_batches, leader_change_batch,
};
use crate::partition::{PartitionError, Promise};
use crate::protocol::message::create_topics::CreateTopicsRequest;
use crate::protocol::message::metadata_record::MetadataRecord;
use crate::protocol::record::{BatchHeader, Batches, Validated};
use crate::sys::arena::Chunk;

/// The metadata could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The append was refused.
    #[error("the metadata log cannot be written: {0}")]
    Append(#[from] PartitionError),
    /// One operation is one batch, so that a crash leaves all of it or nothing.
    #[error("{0} bytes of records are more than one batch of the metadata log holds")]
    TooLarge(usize),
    /// Core 0 is ending.
    #[error(transparent)]
    CoreGone(#[from] CoreGone),
}

impl Shards {
    pub(super) fn start_controller(&self) {
        if self.controlling().is_some() {
            let shards = self.clone();
            self.core()
                .spawn(async move { shards.control_forever().await });
        }
    }

    pub(super) fn handle_control(&self, call: ControlCall, reply: ReplyTo) {
        let controlling = self.expect_controlling();
        controlling.calls.borrow_mut().push_back((call, reply));
        controlling.wanted.notify_one();
    }

    /// What a run begins with: a new epoch, the features of a new cluster, this broker.
    ///
    /// After an unclean stop every partition gets a new leader epoch, so that clients notice if a
    /// tail was cut off (KIP-320).
    pub async fn boot_controller(
        &self,
        registration: &BrokerRegistration,
        clean: bool,
    ) -> Result<Arc<MetadataImage>, ControlError> {
        self.begin_epoch(registration).await?;
        let controlling = self.expect_controlling();
        if controlling.loader.borrow().in_transaction() {
            self.write(&abort_transaction()).await?;
        }
        let image = self.controlled_image();
        let features = match image.metadata_version() {
            0 => bootstrap_records(),
            _ => finalize_new_features(&image),
        };
        if !features.is_empty() {
            self.write(&features).await?;
        }
        let next_offset = self.owned().state.borrow().metadata_position().0;
        self.write(&register_broker(registration, next_offset))
            .await?;
        if !clean {
            for bumps in leader_epoch_bumps(&self.controlled_image(), registration.node_id) {
                self.write(&bumps).await?;
            }
        }
        Ok(self.controlled_image())
    }

    async fn begin_epoch(&self, registration: &BrokerRegistration) -> Result<(), ControlError> {
        let batch = leader_change_batch(registration.node_id, self.position());
        let batch = batch.expect("a leader change always encodes");
        self.append_metadata(batch).await.map(drop)
    }

    async fn control_forever(&self) {
        let controlling = self.expect_controlling();
        loop {
            let next = controlling.calls.borrow_mut().pop_front();
            match next {
                Some((call, reply)) => {
                    let answer = self.control_one(call).await;
                    reply.send(ShardReply::Control(answer));
                }
                None => controlling.wanted.notified().await,
            }
        }
    }

    async fn control_one(&self, call: ControlCall) -> ControlReply {
        let image = self.controlled_image();
        let config = self.config();
        let controller = Controller {
            image: &image,
            config: &config,
            access: &Unrestricted,
        };
        let mut bits = || fastrand::u128(..);
        match call {
            ControlCall::CreateTopics(request) => {
                let outcome = controller.create_topics(&request, &mut bits);
                self.commit(outcome, ControlReply::CreateTopics).await
            }
            ControlCall::DeleteTopics(request, version) => {
                let outcome = controller.delete_topics(&request, version);
                self.commit(outcome, ControlReply::DeleteTopics).await
            }
            ControlCall::CreatePartitions(request) => {
                let outcome = controller.create_partitions(&request);
                self.commit(outcome, ControlReply::CreatePartitions).await
            }
            ControlCall::AlterConfigs(request) => {
                let outcome = controller.alter_configs(&request);
                self.commit(outcome, ControlReply::AlterConfigs).await
            }
            ControlCall::IncrementalAlterConfigs(request) => {
                let outcome = controller.incremental_alter_configs(&request);
                self.commit(outcome, ControlReply::IncrementalAlterConfigs)
                    .await
            }
            ControlCall::AutoCreate(names) => {
                let topics = names
                    .iter()
                    .map(|name| creatable_topic(name, &config))
                    .collect();
                let request = CreateTopicsRequest {
                    topics,
                    ..Default::default()
                };
                let outcome = controller.create_topics(&request, &mut bits);
                self.commit(outcome, |_| ControlReply::AutoCreated).await
            }
            ControlCall::ProducerIds => {
                let broker = image.brokers.get(&config.node_id);
                let epoch = broker.map_or(-1, |broker| broker.epoch);
                match controller.allocate_producer_ids(config.node_id, epoch) {
                    Ok(outcome) => {
                        self.commit(outcome, |block| ControlReply::ProducerIds(Ok(block)))
                            .await
                    }
                    Err(error) => ControlReply::ProducerIds(Err(error)),
                }
            }
        }
    }

    /// Makes an outcome durable and publishes it; only then it is an answer.
    async fn commit<R>(
        &self,
        outcome: Outcome<R>,
        reply: impl FnOnce(R) -> ControlReply,
    ) -> ControlReply {
        if outcome.records.is_empty() {
            return reply(outcome.response);
        }
        let published = match self.write_at_once(&outcome.records).await {
            Ok(changes) => self.publish_all(changes).await,
            Err(error) => Err(error),
        };
        match published {
            Ok(()) => reply(outcome.response),
            Err(error) => {
                log::error!("a change of the metadata was refused: {error}");
                ControlReply::NoStorage
            }
        }
    }

    async fn publish_all(&self, changes: Vec<Changes>) -> Result<(), ControlError> {
        for changes in changes {
            let image = self.controlled_image();
            self.publish(Publication {
                image,
                changes: Arc::new(changes),
            })
            .await?;
        }
        Ok(())
    }

    /// As [`Shards::write`], all or nothing: what one batch cannot hold is refused, as by Kafka.
    async fn write_at_once(
        &self,
        records: &[MetadataRecord],
    ) -> Result<Vec<Changes>, ControlError> {
        let encoded = encode_batches(records, self.position());
        let (bytes, _) = encoded.expect("records of the controller always encode");
        match Batches::new(&bytes).nth(1) {
            Some(_) => Err(ControlError::TooLarge(bytes.len())),
            None => self.append_metadata(bytes).await,
        }
    }

    /// Appends records, waits until they are durable, and replays them.
    async fn write(&self, records: &[MetadataRecord]) -> Result<Vec<Changes>, ControlError> {
        let encoded = encode_batches(records, self.position());
        let (bytes, _) = encoded.expect("records of the controller always encode");
        self.append_metadata(bytes).await
    }

    async fn append_metadata(&self, bytes: Vec<u8>) -> Result<Vec<Changes>, ControlError> {
        let decoded = decode_batches(&bytes).expect("what was just encoded decodes");
        let batches = Batches::new(&bytes).map(|batch| metadata_batch(batch.header, batch.bytes));
        let len = bytes.len();
        let call = AppendCall {
            promise: Some(Promise::Committed),
            batches: batches.collect(),
        };
        for result in self.append(0, call).await? {
            result?;
        }
        let controlling = self.expect_controlling();
        controlling.snapshots.on_append(len);
        let mut loader = controlling.loader.borrow_mut();
        let mut changes = Vec::with_capacity(decoded.len());
        for batch in &decoded {
            changes.push(
                loader
                    .apply(batch)
                    .expect("the controller's own records replay"),
            );
        }
        Ok(changes)
    }

    fn position(&self) -> Position {
        let (base_offset, epoch) = self.owned().state.borrow().metadata_position();
        Position {
            base_offset,
            epoch,
            now_ms: self.core().now_ms(),
        }
    }

    pub(super) fn controlled_image(&self) -> Arc<MetadataImage> {
        self.expect_controlling().loader.borrow().image().clone()
    }

    pub(super) fn expect_controlling(&self) -> &Controlling {
        self.controlling()
            .expect("the controller lives on core 0, and so does this call")
    }
}

fn metadata_batch(header: BatchHeader, bytes: &[u8]) -> AppendBatch {
    AppendBatch {
        partition: METADATA_PARTITION,
        bytes: BatchBytes::Shared(Chunk::from_vec(bytes.to_vec())),
        validated: Validated::own(header),
    }
}
