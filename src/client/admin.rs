//! Administration: topics, configs, offsets, groups, the cluster itself.

mod committed;
mod configs;
mod coordinators;
mod group_descriptions;
mod groups;
mod offsets;
mod topics;

use std::sync::Arc;

use super::error::Refusal;
use super::{ClientError, Cluster, Target};
use crate::protocol::message::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
use crate::protocol::message::describe_log_dirs::{
    DescribeLogDirsRequest, DescribeLogDirsResponse,
};

pub use committed::CommittedOffset;
pub(super) use committed::{GROUPS_SINCE, STABLE_SINCE, committed_name, of_one_group};
pub use configs::{ConfigChange, ConfigEntry, ConfigResource};
pub use coordinators::{Coordinator, GroupOutcome};
pub use group_descriptions::{GroupDescription, GroupMember};
pub use groups::{GroupFilter, GroupListing, GroupListings, GroupMemberId, MemberOutcome};
pub use offsets::{OffsetAndTimestamp, OffsetSpec, PartitionOutcome};
pub use topics::{CreatedTopic, NewTopic, TopicOutcome};

/// Admin requests to a cluster.
///
/// Each call sends one request to each broker concerned, and answers per topic or partition: one
/// that fails does not hide the others.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Arc<Cluster>,
}

impl Admin {
    /// Admin requests to this cluster.
    pub fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster }
    }

    /// The cluster's id, controller and brokers (KIP-700).
    pub fn describe_cluster(&self) -> Result<DescribeClusterResponse, ClientError> {
        let request = DescribeClusterRequest::default();
        let response = self.cluster.ask(Target::Any, &request)?;
        let response: DescribeClusterResponse = response.decode()?;
        Refusal::check(response.error_code, response.error_message.as_deref())
            .map_err(|refusal| refusal.of("describe the cluster"))?;
        Ok(response)
    }

    /// The log directories of one broker, and the size of each partition in them (KIP-113).
    pub fn describe_log_dirs(&self, node: i32) -> Result<DescribeLogDirsResponse, ClientError> {
        let request = DescribeLogDirsRequest { topics: None };
        let response = self.cluster.ask(Target::Node(node), &request)?;
        let response: DescribeLogDirsResponse = response.decode()?;
        Refusal::check(response.error_code, None).map_err(|refusal| {
            refusal.of(format!("describe the log directories of broker {node}"))
        })?;
        Ok(response)
    }

    /// How long the broker may take over a change, in the field that requests have for it.
    fn timeout_ms(&self) -> i32 {
        let timeout = self.cluster.settings().connection.request_timeout;
        i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
    }
}
