//! The group coordinator of one partition of `__consumer_offsets`.
//!
//! - [`coordinator`]: takes calls, holds the groups, follows the appends until they are durable.
//! - [`classic`]: groups whose members assign (KIP-62, KIP-345, KIP-394).
//! - [`consumer`]: groups to which the broker assigns (KIP-848).
//! - [`offsets`]: what groups have committed.
//! - [`assignor`]: how partitions are dealt out by the broker (KIP-848).
//! - [`record`]: the records, as bytes; [`stored`] makes them of groups and groups of them.
//! - [`embedded`]: what consumers of the classic protocol say to each other.
//! - [`answer`], [`effects`], [`config`]: what comes out of a call, what an operation works with.

pub mod answer;
pub mod assignor;
pub mod classic;
pub mod config;
pub mod consumer;
pub mod coordinator;
pub mod effects;
pub mod embedded;
pub mod offsets;
pub mod record;
pub mod stored;
