//! Kafka's messages, one file per API, each a table that reads like Kafka's own definitions.
//!
//! A field's doc ends with its line of the table: type, versions, default. Names are Kafka's, in
//! snake case; what a request means stands in the broker's file of that API.

#[macro_use]
mod table;

pub mod alter_configs;
pub mod api_versions;
pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod control_record;
pub mod create_acls;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_acls;
pub mod delete_groups;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_acls;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_topic_partitions;
pub mod fetch;
pub mod find_coordinator;
pub mod group_record;
pub mod heartbeat;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod join_group;
pub mod leave_group;
pub mod list_config_resources;
pub mod list_groups;
pub mod list_offsets;
pub mod metadata;
pub mod metadata_record;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod sync_group;
pub mod voters_record;

use super::schema::{Schema, Versions};
use super::wire::{Form, Malformed, Problem, Reader, Unencodable, Wire, Writer};

/// A message that its table describes.
pub trait Message<'a>: Wire<'a> + Default {
    /// The table as data.
    const SCHEMA: &'static Schema;
    /// The API key or record type; −1 for a header or a control record's value.
    const KEY: i16 = Self::SCHEMA.kind.key();
    /// Kafka's name.
    const NAME: &'static str = Self::SCHEMA.name;
    /// Versions that can be written and read, from Kafka's floor to Kafka 4.4.0's ceiling.
    const VERSIONS: Versions = Self::SCHEMA.versions;
    /// Versions with compact lengths and tagged fields.
    const FLEXIBLE: Versions = Self::SCHEMA.flexible;

    /// Appends the message; what this version cannot carry is reported by [`Writer::finish`].
    fn encode(&self, w: &mut Writer, version: i16) {
        if !Self::VERSIONS.contain(version) {
            w.reject(Unencodable::unknown_version(Self::NAME, version));
        }
        self.write(
            w,
            Form::of_message(version, Self::FLEXIBLE.contain(version)),
        );
    }

    /// Consumes the message; bytes that follow are left to the caller ([`Reader::expect_end`]).
    fn decode(r: &mut Reader<'a>, version: i16) -> Result<Self, Malformed> {
        if !Self::VERSIONS.contain(version) {
            return Err(r.malformed(Problem::UnknownVersion(version)));
        }
        Self::read(
            r,
            Form::of_message(version, Self::FLEXIBLE.contain(version)),
        )
    }
}

/// Calls a macro with every API that has tables, as `module: Request, Response;`.
///
/// For what must cover all of them: the list of tables, the contract and differential tests, the
/// fuzz target. `module` stands in [`protocol::message`](crate::protocol::message).
#[macro_export]
macro_rules! for_every_api {
    ($callback:ident) => {
        $callback! {
            produce: ProduceRequest, ProduceResponse;
            fetch: FetchRequest, FetchResponse;
            list_offsets: ListOffsetsRequest, ListOffsetsResponse;
            metadata: MetadataRequest, MetadataResponse;
            offset_commit: OffsetCommitRequest, OffsetCommitResponse;
            offset_fetch: OffsetFetchRequest, OffsetFetchResponse;
            find_coordinator: FindCoordinatorRequest, FindCoordinatorResponse;
            join_group: JoinGroupRequest, JoinGroupResponse;
            heartbeat: HeartbeatRequest, HeartbeatResponse;
            leave_group: LeaveGroupRequest, LeaveGroupResponse;
            sync_group: SyncGroupRequest, SyncGroupResponse;
            describe_groups: DescribeGroupsRequest, DescribeGroupsResponse;
            list_groups: ListGroupsRequest, ListGroupsResponse;
            api_versions: ApiVersionsRequest, ApiVersionsResponse;
            create_topics: CreateTopicsRequest, CreateTopicsResponse;
            delete_topics: DeleteTopicsRequest, DeleteTopicsResponse;
            delete_records: DeleteRecordsRequest, DeleteRecordsResponse;
            init_producer_id: InitProducerIdRequest, InitProducerIdResponse;
            offset_for_leader_epoch: OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
            describe_acls: DescribeAclsRequest, DescribeAclsResponse;
            create_acls: CreateAclsRequest, CreateAclsResponse;
            delete_acls: DeleteAclsRequest, DeleteAclsResponse;
            describe_configs: DescribeConfigsRequest, DescribeConfigsResponse;
            alter_configs: AlterConfigsRequest, AlterConfigsResponse;
            describe_log_dirs: DescribeLogDirsRequest, DescribeLogDirsResponse;
            create_partitions: CreatePartitionsRequest, CreatePartitionsResponse;
            delete_groups: DeleteGroupsRequest, DeleteGroupsResponse;
            incremental_alter_configs:
                IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
            offset_delete: OffsetDeleteRequest, OffsetDeleteResponse;
            describe_cluster: DescribeClusterRequest, DescribeClusterResponse;
            consumer_group_heartbeat:
                ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
            consumer_group_describe:
                ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse;
            list_config_resources: ListConfigResourcesRequest, ListConfigResourcesResponse;
            describe_topic_partitions:
                DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
        }
    };
}

macro_rules! schemas_of {
    ($($module:ident: $request:ident, $response:ident;)*) => {
        /// The tables of all requests and responses.
        pub const API_SCHEMAS: &[&Schema] = &[$(
            <$module::$request as Message>::SCHEMA,
            <$module::$response as Message>::SCHEMA,
        )*];
    };
}

for_every_api!(schemas_of);
