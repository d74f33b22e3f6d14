//! Which response answers which request.

use crate::protocol::api_key::ApiKey;
use crate::protocol::message::{self, Message};

/// A request that this client sends.
pub trait Request<'a>: Message<'a> {
    /// Its key.
    const API: ApiKey;
    /// What answers it.
    type Response<'r>: Message<'r>;
}

macro_rules! answered {
    ($($file:ident: $request:ident $(<$life:lifetime>)? => $response:ident $(<$borrowed:lifetime>)?,)*) => {
        $(
            impl<'a> Request<'a> for message::$file::$request $(<$life>)? {
                const API: ApiKey = match ApiKey::from_number(<Self as Message<'a>>::KEY) {
                    Some(api) => api,
                    None => panic!("every request has an API key"),
                };
                type Response<'r> = message::$file::$response $(<$borrowed>)?;
            }
        )*
    };
}

answered! {
    api_versions: ApiVersionsRequest => ApiVersionsResponse,
    consumer_group_describe: ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse,
    consumer_group_heartbeat: ConsumerGroupHeartbeatRequest => ConsumerGroupHeartbeatResponse,
    create_partitions: CreatePartitionsRequest => CreatePartitionsResponse,
    create_topics: CreateTopicsRequest => CreateTopicsResponse,
    delete_groups: DeleteGroupsRequest => DeleteGroupsResponse,
    delete_records: DeleteRecordsRequest => DeleteRecordsResponse,
    delete_topics: DeleteTopicsRequest => DeleteTopicsResponse,
    describe_cluster: DescribeClusterRequest => DescribeClusterResponse,
    describe_configs: DescribeConfigsRequest => DescribeConfigsResponse,
    describe_groups: DescribeGroupsRequest => DescribeGroupsResponse<'r>,
    describe_log_dirs: DescribeLogDirsRequest => DescribeLogDirsResponse,
    fetch: FetchRequest => FetchResponse<'r>,
    find_coordinator: FindCoordinatorRequest => FindCoordinatorResponse,
    heartbeat: HeartbeatRequest => HeartbeatResponse,
    incremental_alter_configs: IncrementalAlterConfigsRequest => IncrementalAlterConfigsResponse,
    init_producer_id: InitProducerIdRequest => InitProducerIdResponse,
    join_group: JoinGroupRequest<'a> => JoinGroupResponse<'r>,
    leave_group: LeaveGroupRequest => LeaveGroupResponse,
    list_groups: ListGroupsRequest => ListGroupsResponse,
    list_offsets: ListOffsetsRequest => ListOffsetsResponse,
    metadata: MetadataRequest => MetadataResponse,
    offset_commit: OffsetCommitRequest => OffsetCommitResponse,
    offset_delete: OffsetDeleteRequest => OffsetDeleteResponse,
    offset_fetch: OffsetFetchRequest => OffsetFetchResponse,
    produce: ProduceRequest<'a> => ProduceResponse<'r>,
    sync_group: SyncGroupRequest<'a> => SyncGroupResponse<'r>,
}
