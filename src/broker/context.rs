//! What every handler has at hand: its core's view of the cluster, and the request it answers.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::authorization::{Authorizer, Operation, Principal, Resource};
use super::fetch_session::FetchSessions;
use super::placement::Frame;
use super::sending::Sending;
use super::topic_configs::TopicConfigs;
use crate::config::BrokerConfig;
use crate::metadata::MetadataImage;
use crate::model::{NodeId, TimestampMs, Uuid};
use crate::protocol::api_key::ApiKey;
use crate::protocol::frame::RequestHead;
use crate::runtime::Core;
use crate::shard::Shards;

/// One core's view of the broker. Shared by the core's connections; never leaves the core.
pub(super) struct Context {
    /// The core.
    pub(super) core: Core,
    /// The way to every core's partitions.
    pub(super) shards: Shards,
    /// Who this broker is.
    pub(super) identity: Arc<Identity>,
    /// Where authorisation is asked.
    pub(super) authorizer: Authorizer,
    /// Incremental fetch sessions of this core's connections.
    pub(super) sessions: RefCell<FetchSessions>,
    /// What responses on their way hold of the core's memory.
    pub(super) sending: Sending,
    /// Effective topic settings, as far as they were asked for.
    pub(super) topic_configs: TopicConfigs,
    /// Producer ids that this core may still give out.
    pub(super) producer_ids: ProducerIds,
}

/// What does not change while the process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// From `meta.properties`.
    pub(super) cluster_id: String,
    /// This broker's number.
    pub(super) node_id: NodeId,
    /// The data directory.
    pub(super) data_dir: PathBuf,
    /// Its id (KIP-858).
    pub(super) directory_id: Uuid,
}

/// The unused rest of a block of producer ids.
#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    /// The next to give out.
    pub(super) next: Cell<i64>,
    /// How many are left.
    pub(super) left: Cell<i64>,
}

/// A request's frame and what is known of its sender.
#[derive(Debug)]
pub(super) struct Request {
    /// What is asked.
    pub(super) api: ApiKey,
    /// In which version.
    pub(super) version: i16,
    /// Comes back in the response.
    pub(super) correlation_id: i32,
    /// How the client calls itself.
    pub(super) client_id: Option<Arc<str>>,
    /// The whole frame without its length.
    pub(super) frame: Frame,
    /// Where its body begins.
    pub(super) body_at: usize,
    /// On whose behalf.
    pub(super) principal: Principal,
    /// Where it comes from, as Kafka writes it: `/192.0.2.1`.
    pub(super) client_host: Arc<str>,
    /// Index of the listener in the settings.
    pub(super) listener: usize,
}

impl Request {
    /// The head again, to encode a response with.
    pub(super) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            api: self.api,
            version: self.version,
            correlation_id: self.correlation_id,
            client_id: self.client_id.as_deref(),
        }
    }
}

impl Context {
    /// The metadata as this core sees it now.
    pub(super) fn image(&self) -> Arc<MetadataImage> {
        self.shards.image()
    }

    /// The settings in force now; some change while the broker runs.
    pub(super) fn config(&self) -> Rc<BrokerConfig> {
        self.shards.config()
    }

    /// The wall clock.
    pub(super) fn now_ms(&self) -> TimestampMs {
        self.core.now_ms()
    }

    /// Whether the sender may do this.
    pub(super) fn may(
        &self,
        request: &Request,
        operation: Operation,
        resource: Resource<'_>,
    ) -> bool {
        self.authorizer
            .allows(&request.principal, operation, resource)
    }
}
