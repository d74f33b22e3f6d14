//! One file per API: a request comes in, its response goes out.
//!
//! Beside them: [`by_core`] asks the cores that own partitions, [`by_group`] the coordinators of
//! groups, [`controlled`] the controller, [`config_resources`] says what of a change of settings
//! gets there, [`nodes`] where brokers are reached, [`permissions`] who may do what.

pub(super) mod alter_configs;
pub(super) mod api_versions;
mod by_core;
mod by_group;
mod config_resources;
pub(super) mod consumer_group_describe;
pub(super) mod consumer_group_heartbeat;
mod controlled;
pub(super) mod create_acls;
pub(super) mod create_partitions;
pub(super) mod create_topics;
pub(super) mod delete_acls;
pub(super) mod delete_groups;
pub(super) mod delete_records;
pub(super) mod delete_topics;
pub(super) mod describe_acls;
pub(super) mod describe_cluster;
pub(super) mod describe_configs;
pub(super) mod describe_groups;
pub(super) mod describe_log_dirs;
pub(super) mod describe_topic_partitions;
pub(super) mod fetch;
pub(super) mod find_coordinator;
pub(super) mod heartbeat;
pub(super) mod incremental_alter_configs;
pub(super) mod init_producer_id;
pub(super) mod join_group;
pub(super) mod leave_group;
pub(super) mod list_config_resources;
pub(super) mod list_groups;
pub(super) mod list_offsets;
pub(super) mod metadata;
mod nodes;
pub(super) mod offset_commit;
pub(super) mod offset_delete;
pub(super) mod offset_fetch;
pub(super) mod offset_for_leader_epoch;
mod permissions;
pub(super) mod produce;
pub(super) mod sync_group;
