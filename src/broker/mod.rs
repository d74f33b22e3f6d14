//! The Kafka server: connections, one file per API.

mod admission;
mod api;
mod authorization;
mod client_host;
mod codes;
mod connection;
mod connection_counts;
mod context;
mod dispatch;
mod fetch_session;
mod frames;
mod placement;
mod response;
mod responses;
mod sending;
mod server;
mod topic_configs;

pub use dispatch::{SERVED, Served};
pub use server::{Announcement, ServeError, serve};
