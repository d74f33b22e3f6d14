//! From a frame to its handler: one table of what is served, which ApiVersions and the docs show.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use super::api;
use super::context::{Context, Request};
use super::response::Response;
use crate::protocol::api_key::ApiKey;
use crate::protocol::api_versions;
use crate::protocol::message::Message;
use crate::protocol::schema::Versions;
use crate::protocol::wire::{Malformed, Reader, Unencodable};

/// Decoded requests may take so much memory beside their frames, per request.
const DECODED_BYTES_MAX: usize = 64 << 20;

/// What a request has become when the connection may go on to its next one.
pub(super) enum Started {
    /// The response is there.
    Ready(Response),
    /// The response comes later; requests that follow have their place behind this one.
    Later(Later),
}

/// A response that is not there yet.
pub(super) type Later = Pin<Box<dyn Future<Output = Result<Response, CloseConnection>>>>;

/// The output of a future that is ready; else it is polled again by whoever waits for it next.
pub(super) async fn now(later: &mut Later) -> Option<Result<Response, CloseConnection>> {
    poll_fn(|cx| match later.as_mut().poll(cx) {
        Poll::Ready(response) => Poll::Ready(Some(response)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// The connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum CloseConnection {
    /// The peer broke the protocol.
    #[error("malformed {api} v{version}: {malformed}")]
    Malformed {
        /// Which request.
        api: &'static str,
        /// In which version.
        version: i16,
        /// What is wrong with it.
        malformed: Malformed,
    },
    /// The peer asks for what was not offered.
    #[error("{api} v{version} is not served")]
    NotServed {
        /// Which request.
        api: &'static str,
        /// In which version.
        version: i16,
    },
    /// A response that its version cannot carry: a defect of ours.
    #[error("response cannot be encoded: {0}")]
    Unencodable(#[from] Unencodable),
    /// acks=0 leaves the broker no other way to tell of an error.
    #[error("an append with acks=0 failed: {0}")]
    Unacknowledged(&'static str),
    /// A core is ending.
    #[error(transparent)]
    CoreGone(#[from] crate::shard::CoreGone),
}

/// An API as it is served.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// Which one.
    pub api: ApiKey,
    /// What is known to be missing; empty where nothing is.
    pub gaps: &'static str,
}

impl Served {
    /// The versions that ApiVersions names.
    pub const fn versions(self) -> Versions {
        api_versions::advertised(self.api).expect("every served API has its table")
    }
}

/// The versions served, by the number of the key: every request asks.
static VERSIONS: [Versions; ApiKey::NUMBERS_END] = {
    let mut table = [Versions::NONE; ApiKey::NUMBERS_END];
    let mut next = 0;
    while next < SERVED.len() {
        table[SERVED[next].api.number() as usize] = SERVED[next].versions();
        next += 1;
    }
    table
};

macro_rules! apis {
    (
        staged { $($staged:ident => $staged_module:ident $(, gaps $staged_gaps:literal)?;)* }
        simple { $($name:ident => $module:ident :: $request:ident $(, gaps $gaps:literal)?;)* }
    ) => {
        /// Everything that is served, in the order of the keys of each part.
        pub const SERVED: &[Served] = &[
            Served { api: ApiKey::ApiVersions, gaps: "" },
            $(Served { api: ApiKey::$staged, gaps: concat!("" $(, $staged_gaps)?) },)*
            $(Served { api: ApiKey::$name, gaps: concat!("" $(, $gaps)?) },)*
        ];

        async fn route(cx: &Rc<Context>, mut request: Request) -> Result<Started, CloseConnection> {
            match request.api {
                $(ApiKey::$staged => api::$staged_module::start(cx, request).await,)*
                $(ApiKey::$name => {
                    let frame = std::mem::take(&mut request.frame);
                    let message = decode::<crate::protocol::message::$module::$request>(&request, &frame)?;
                    let response = api::$module::handle(cx, &request, message).await?;
                    Ok(Started::Ready(Response::encode(&request, &response)?))
                })*
                _ => Err(not_served(&request)),
            }
        }
    };
}

apis! {
    staged {
        Produce => produce, gaps "transactional batches are refused; 0–2 are named for old librdkafka and refused, as in Kafka";
        Fetch => fetch, gaps "consumers only: no followers, no closest replica";
        OffsetCommit => offset_commit;
        JoinGroup => join_group,
            gaps "the members of a group may say 32 MiB of themselves in all";
        SyncGroup => sync_group;
        DescribeGroups => describe_groups;
        ConsumerGroupHeartbeat => consumer_group_heartbeat,
            gaps "regular expressions: of Unicode the general categories, Latin and Common only, and up to 1 MiB compiled; members may say 32 MiB in all, as with JoinGroup";
    }
    simple {
        ListOffsets => list_offsets::ListOffsetsRequest;
        Metadata => metadata::MetadataRequest;
        OffsetFetch => offset_fetch::OffsetFetchRequest;
        FindCoordinator => find_coordinator::FindCoordinatorRequest,
            gaps "of groups only: for transactions COORDINATOR_NOT_AVAILABLE, for share groups too";
        Heartbeat => heartbeat::HeartbeatRequest;
        LeaveGroup => leave_group::LeaveGroupRequest,
            gaps "never turns a consumer group back into a classic one";
        ListGroups => list_groups::ListGroupsRequest;
        CreateTopics => create_topics::CreateTopicsRequest;
        DeleteTopics => delete_topics::DeleteTopicsRequest;
        DeleteRecords => delete_records::DeleteRecordsRequest;
        InitProducerId => init_producer_id::InitProducerIdRequest,
            gaps "no transactional ids";
        OffsetForLeaderEpoch => offset_for_leader_epoch::OffsetForLeaderEpochRequest;
        DescribeAcls => describe_acls::DescribeAclsRequest, gaps "no access rules: SECURITY_DISABLED";
        CreateAcls => create_acls::CreateAclsRequest, gaps "no access rules: SECURITY_DISABLED";
        DeleteAcls => delete_acls::DeleteAclsRequest, gaps "no access rules: SECURITY_DISABLED";
        DescribeConfigs => describe_configs::DescribeConfigsRequest;
        AlterConfigs => alter_configs::AlterConfigsRequest;
        DescribeLogDirs => describe_log_dirs::DescribeLogDirsRequest;
        CreatePartitions => create_partitions::CreatePartitionsRequest,
            gaps "not for `__consumer_offsets`, whose groups would be looked for elsewhere: INVALID_REQUEST";
        DeleteGroups => delete_groups::DeleteGroupsRequest;
        IncrementalAlterConfigs => incremental_alter_configs::IncrementalAlterConfigsRequest;
        OffsetDelete => offset_delete::OffsetDeleteRequest;
        DescribeCluster => describe_cluster::DescribeClusterRequest;
        ConsumerGroupDescribe => consumer_group_describe::ConsumerGroupDescribeRequest;
        ListConfigResources => list_config_resources::ListConfigResourcesRequest;
        DescribeTopicPartitions => describe_topic_partitions::DescribeTopicPartitionsRequest;
    }
}

/// The response to ApiVersions itself is a matter of its own: it is answered in any version.
pub(super) async fn start(cx: &Rc<Context>, request: Request) -> Result<Started, CloseConnection> {
    if request.api == ApiKey::ApiVersions {
        return Ok(Started::Ready(api::api_versions::answer(cx, &request)?));
    }
    match VERSIONS[request.api.number() as usize].contain(request.version) {
        true => route(cx, request).await,
        false => Err(not_served(&request)),
    }
}

/// Decodes a request's body from its frame.
pub(super) fn decode<'a, M: Message<'a>>(
    request: &Request,
    frame: &'a [u8],
) -> Result<M, CloseConnection> {
    let malformed = |malformed| CloseConnection::Malformed {
        api: request.api.name(),
        version: request.version,
        malformed,
    };
    let body = Reader::new(&frame[request.body_at..]);
    M::decode(&mut body.budget_at_most(DECODED_BYTES_MAX), request.version).map_err(malformed)
}

fn not_served(request: &Request) -> CloseConnection {
    CloseConnection::NotServed {
        api: request.api.name(),
        version: request.version,
    }
}
