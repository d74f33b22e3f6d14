//! What the controller is asked, in Kafka's own requests, and the queue in front of it.

use std::cell::RefCell;
use std::rc::Rc;

use super::metadata_snapshots::Snapshots;
use super::shards::ReplyTo;
use crate::metadata::Loader;
use crate::metadata::controller::{ApiError, ProducerIdBlock};
use crate::protocol::message::alter_configs::{AlterConfigsRequest, AlterConfigsResponse};
use crate::protocol::message::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse,
};
use crate::protocol::message::create_topics::{CreateTopicsRequest, CreateTopicsResponse};
use crate::protocol::message::delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse};
use crate::protocol::message::incremental_alter_configs::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use crate::runtime::sync::Notify;

/// Something that changes the metadata.
#[derive(Debug)]
pub enum ControlCall {
    /// CreateTopics.
    CreateTopics(CreateTopicsRequest),
    /// DeleteTopics, with the version, which says how topics are named.
    DeleteTopics(DeleteTopicsRequest, i16),
    /// CreatePartitions.
    CreatePartitions(CreatePartitionsRequest),
    /// AlterConfigs.
    AlterConfigs(AlterConfigsRequest),
    /// IncrementalAlterConfigs.
    IncrementalAlterConfigs(IncrementalAlterConfigsRequest),
    /// Topics that a client asked about and that may be created by themselves.
    AutoCreate(Vec<String>),
    /// A block of producer ids for one core.
    ProducerIds,
}

/// The answer to the call of the same name; what it says is in force on every core and durable.
#[derive(Debug)]
pub enum ControlReply {
    /// CreateTopics.
    CreateTopics(CreateTopicsResponse),
    /// DeleteTopics.
    DeleteTopics(DeleteTopicsResponse),
    /// CreatePartitions.
    CreatePartitions(CreatePartitionsResponse),
    /// AlterConfigs.
    AlterConfigs(AlterConfigsResponse),
    /// IncrementalAlterConfigs.
    IncrementalAlterConfigs(IncrementalAlterConfigsResponse),
    /// AutoCreate: what became of each topic is in the image.
    AutoCreated,
    /// ProducerIds.
    ProducerIds(Result<ProducerIdBlock, ApiError>),
    /// The metadata log took no records: its disk is full, or they are too many for one batch.
    /// Nothing was changed.
    NoStorage,
}

/// The controller's side on core 0: its loader, and the calls that wait for their turn.
pub(super) struct Controlling {
    pub(super) loader: RefCell<Loader>,
    pub(super) snapshots: Snapshots,
    pub(super) calls: RefCell<std::collections::VecDeque<(ControlCall, ReplyTo)>>,
    pub(super) wanted: Rc<Notify>,
}

impl Controlling {
    pub(super) fn new(loader: Loader, snapshots: Snapshots) -> Self {
        Self {
            loader: RefCell::new(loader),
            snapshots,
            calls: RefCell::default(),
            wanted: Rc::new(Notify::new()),
        }
    }
}
