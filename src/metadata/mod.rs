//! The cluster's state as records, image and controller. Pure: bytes, time and randomness are
//! arguments, records and responses are values.
//!
//! Kafka's metadata records are the only currency. The [`controller`] answers a request with a
//! response and records; the records are written to the `__cluster_metadata` log
//! ([`encode_batches`]); the [`Loader`] applies what the log holds to a [`MetadataImage`] and
//! says what [changed](Changes); now and then an image becomes a [snapshot](encode_snapshot).

mod batches;
pub mod controller;
mod delta;
mod features;
mod groups;
mod image;
mod loader;
mod snapshot;
mod snapshot_upkeep;
#[cfg(test)]
mod tests;
mod topic_name;

pub use batches::{
    BATCH_BYTES_MAX, BatchContent, BatchesError, Marker, MetadataBatch, Position,
    RECORDS_PER_OPERATION_MAX, decode_batches, encode_batches, encode_record, leader_change_batch,
};
pub use delta::{Changes, Deleted, Delta, ReplayError};
pub use features::{CONSUMER_GROUPS_FROM, Feature, GROUP_VERSION, supported_features};
pub use groups::{group_settings, offers_consumer_groups};
pub use image::{
    BrokerImage, ConfigResource, METADATA_VERSION, MetadataImage, NO_LEADER, OtherKey,
    PartitionImage, Provenance, ResourceType, TopicImage, TopicsImage,
};
pub use loader::Loader;
pub use snapshot::{
    SNAPSHOT_HEADER_BYTES_MAX, SnapshotError, SnapshotId, decode_snapshot, encode_snapshot,
    image_records, snapshot_timestamp,
};
pub use snapshot_upkeep::{SnapshotFile, SnapshotReason, SnapshotSchedule, successor_of_surplus};
pub use topic_name::{
    CLUSTER_METADATA, CONSUMER_OFFSETS, SHARE_GROUP_STATE, TRANSACTION_STATE, can_collide,
    check_topic_name, collision_key, is_internal,
};
