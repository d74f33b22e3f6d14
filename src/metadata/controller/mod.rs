//! The embedded controller: Kafka's requests in, records and a response out.
//!
//! It holds no state and changes none: it reads an image, and what it decides counts once its
//! records are in the log and replayed. Requests must therefore be answered one after the other,
//! each on the image that the one before led to. Wordings and codes are Kafka's
//! (ReplicationControlManager, ConfigurationControlManager, ControllerApis, ConfigAdminManager).

mod alter_configs;
mod assignment;
mod auto_create;
mod bootstrap;
mod config_changes;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod describe_configs;
mod error;
mod list_config_resources;
mod producer_ids;
#[cfg(test)]
mod tests;

pub use auto_create::creatable_topic;
pub use bootstrap::{
    BrokerRegistration, abort_transaction, bootstrap_records, finalize_new_features,
    leader_epoch_bumps, register_broker,
};
pub use error::ApiError;
pub use producer_ids::{PRODUCER_ID_BLOCK_LEN, ProducerIdBlock};

use super::image::MetadataImage;
use crate::config::{BrokerConfig, BrokerLayers, ConfigMap, GroupLayers, TopicLayers};
use crate::model::NodeId;
use crate::protocol::message::metadata_record::MetadataRecord;

/// What the controller decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<R> {
    /// To be written to the log, all or none; empty if nothing changes.
    pub records: Vec<MetadataRecord>,
    /// To be sent once the records are durable.
    pub response: R,
}

/// What somebody may want to do with a topic; asked by name, before and after it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicOperation {
    /// Create it.
    Create,
    /// Delete it.
    Delete,
    /// Add partitions to it.
    Alter,
    /// Know that it exists.
    Describe,
    /// Change its configuration.
    AlterConfigs,
    /// Read its configuration.
    DescribeConfigs,
}

/// Who asks, as far as the controller needs to know.
pub trait Access {
    /// Whether the one who asks may do this with the topic of this name.
    fn may(&self, operation: TopicOperation, topic: &str) -> bool;
    /// Whether the one who asks may read (or change) the configuration of brokers.
    fn may_configure_cluster(&self, change: bool) -> bool;
    /// Whether the one who asks may read (or change) the configuration of the group of this name.
    fn may_configure_group(&self, group: &str, change: bool) -> bool;
}

/// Everybody may do everything.
#[derive(Clone, Copy, Debug)]
pub struct Unrestricted;

impl Access for Unrestricted {
    fn may(&self, _operation: TopicOperation, _topic: &str) -> bool {
        true
    }

    fn may_configure_cluster(&self, _change: bool) -> bool {
        true
    }

    fn may_configure_group(&self, _group: &str, _change: bool) -> bool {
        true
    }
}

/// Answers one request on the image it is given.
#[derive(Clone, Copy)]
pub struct Controller<'a> {
    /// The state as of all records written so far.
    pub image: &'a MetadataImage,
    /// The broker's settings; of those that change while it runs, the layers are in the image.
    pub config: &'a BrokerConfig,
    /// Who asks.
    pub access: &'a dyn Access,
}

impl<'a> Controller<'a> {
    fn node_id(&self) -> NodeId {
        self.config.node_id
    }

    fn topic_layers(&self, topic: &'a ConfigMap) -> TopicLayers<'a> {
        TopicLayers {
            topic,
            broker: self.image.broker_overrides(self.node_id()),
            cluster: self.image.cluster_overrides(),
            settings: &self.config.settings,
        }
    }

    fn group_layers(&self, group: &'a ConfigMap) -> GroupLayers<'a> {
        GroupLayers {
            group,
            broker: self.broker_layers(),
        }
    }

    fn broker_layers(&self) -> BrokerLayers<'a> {
        BrokerLayers {
            broker: self.image.broker_overrides(self.node_id()),
            cluster: self.image.cluster_overrides(),
            settings: &self.config.settings,
        }
    }
}
