//! One file per API: a request comes in, its response goes out.
//!
//! Beside them: [`by_core`] asks the cores that own partitions, [`controlled`] asks the
//! controller, [`config_resources`] says what of a change of settings gets there, [`nodes`] where
//! brokers are reached, [`permissions`] who may do what.

pub(super) mod alter_configs;
pub(super) mod api_versions;
mod by_core;
mod config_resources;
mod controlled;
pub(super) mod create_acls;
pub(super) mod create_partitions;
pub(super) mod create_topics;
pub(super) mod delete_acls;
pub(super) mod delete_records;
pub(super) mod delete_topics;
pub(super) mod describe_acls;
pub(super) mod describe_cluster;
pub(super) mod describe_configs;
pub(super) mod describe_log_dirs;
pub(super) mod describe_topic_partitions;
pub(super) mod fetch;
pub(super) mod find_coordinator;
pub(super) mod incremental_alter_configs;
pub(super) mod init_producer_id;
pub(super) mod list_config_resources;
pub(super) mod list_offsets;
pub(super) mod metadata;
mod nodes;
pub(super) mod offset_for_leader_epoch;
mod permissions;
pub(super) mod produce;
