//! What the controller writes by itself: the first records of a cluster, and at each start.

use crate::metadata::RECORDS_PER_OPERATION_MAX;
use crate::metadata::features::{Feature, supported_features};
use crate::metadata::image::MetadataImage;
use crate::model::{NodeId, Offset, Uuid};
use crate::protocol::message::metadata_record::MetadataRecord;
use crate::protocol::message::metadata_record::broker::{
    BrokerEndpoint, BrokerFeature, BrokerRegistrationChangeRecord, RegisterBrokerRecord,
};
use crate::protocol::message::metadata_record::config::FeatureLevelRecord;
use crate::protocol::message::metadata_record::topic::PartitionChangeRecord;
use crate::protocol::message::metadata_record::transaction::{
    AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord,
};

/// The process that registers.
#[derive(Clone, Debug)]
pub struct BrokerRegistration {
    /// Its node id.
    pub node_id: NodeId,
    /// Random, new with each start.
    pub incarnation_id: Uuid,
    /// What clients are told, with the ports that are really open.
    pub endpoints: Vec<BrokerEndpoint>,
    /// Its rack.
    pub rack: Option<String>,
    /// The id of its data directory (meta.properties).
    pub directory_id: Uuid,
}

const UNFENCED: i8 = -1;

/// The first records of a new cluster, one transaction: metadata.version first, then the other
/// features that begin above 0.
pub fn bootstrap_records() -> Vec<MetadataRecord> {
    let name = Some("Bootstrap records".to_owned());
    let mut records = vec![BeginTransactionRecord { name }.into()];
    let initial = supported_features().filter(|feature| feature.initial > 0);
    records.extend(initial.map(finalize));
    records.push(EndTransactionRecord {}.into());
    records
}

/// What a controller that starts writes in a cluster that is older than some of its features: they
/// begin at the level they have in a new cluster. Levels that are finalized stay.
///
/// Kafka leaves this to whoever upgrades; klamm has no UpdateFeatures yet. Who does not want
/// groups of the consumer protocol leaves it out of `group.coordinator.rebalance.protocols`.
pub fn finalize_new_features(image: &MetadataImage) -> Vec<MetadataRecord> {
    let is_new = |feature: &&Feature| feature.initial > 0 && image.feature_level(feature.name) == 0;
    supported_features().filter(is_new).map(finalize).collect()
}

fn finalize(feature: &Feature) -> MetadataRecord {
    let record = FeatureLevelRecord {
        name: feature.name.to_owned(),
        feature_level: feature.initial,
    };
    record.into()
}

/// What a controller that starts writes if the log ends within a transaction.
pub fn abort_transaction() -> Vec<MetadataRecord> {
    let reason = Some("The controller stopped before the transaction ended".to_owned());
    vec![AbortTransactionRecord { reason }.into()]
}

/// Registers the broker and lets it lead. `next_offset` is the offset that the first of the
/// records will get: it becomes the broker's epoch.
pub fn register_broker(
    registration: &BrokerRegistration,
    next_offset: Offset,
) -> Vec<MetadataRecord> {
    let features = supported_features().map(|feature| BrokerFeature {
        name: feature.name.to_owned(),
        min_supported_version: feature.min,
        max_supported_version: feature.max,
    });
    let registered = RegisterBrokerRecord {
        broker_id: registration.node_id,
        incarnation_id: registration.incarnation_id,
        broker_epoch: next_offset,
        end_points: registration.endpoints.clone(),
        features: features.collect(),
        rack: registration.rack.clone(),
        fenced: true,
        log_dirs: vec![registration.directory_id],
        ..RegisterBrokerRecord::default()
    };
    let unfenced = BrokerRegistrationChangeRecord {
        broker_id: registration.node_id,
        broker_epoch: next_offset,
        fenced: UNFENCED,
        ..BrokerRegistrationChangeRecord::default()
    };
    vec![registered.into(), unfenced.into()]
}

/// After an unclean stop: a new leader epoch for every partition this node leads, so that clients
/// notice a tail that was lost (KIP-320). In operations of bounded size, each to be written as
/// one batch.
pub fn leader_epoch_bumps(image: &MetadataImage, node_id: NodeId) -> Vec<Vec<MetadataRecord>> {
    let mut led: Vec<_> = image
        .topics
        .partition_ids()
        .filter(|id| {
            image
                .partition(*id)
                .is_some_and(|(_, found)| found.leader == node_id)
        })
        .collect();
    led.sort_unstable();
    let bump = |id: &crate::model::PartitionId| {
        let change = PartitionChangeRecord {
            partition_id: id.index,
            topic_id: id.topic_id,
            leader: node_id,
            ..PartitionChangeRecord::default()
        };
        change.into()
    };
    led.chunks(RECORDS_PER_OPERATION_MAX)
        .map(|ids| ids.iter().map(bump).collect())
        .collect()
}
