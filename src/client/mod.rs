//! Speaks the Kafka protocol to any broker: klamm's own, Apache Kafka, and others like them.
//!
//! Blocking, on plain threads, so that tools and tests need no runtime. What decides is pure and
//! takes time as an argument; what waits owns its sockets and threads.
//!
//! - [`Connection`]: one socket, agreed versions, pipelined requests.
//! - [`Cluster`]: bootstrap, metadata, leaders, retries; shared by everything below.
//! - [`Producer`]: records into batches, batches to leaders, with retries and idempotence.
//! - [`Consumer`]: assigned partitions from a position on, without a group.
//! - [`GroupConsumer`]: the partitions a consumer group gives it, by either protocol.
//! - [`Admin`]: topics, configs, offsets, groups.
//!
//! Not there yet: TLS, SASL, transactions, fetch sessions.

mod address;
mod admin;
mod backoff;
mod cluster;
mod connection;
mod consumer;
mod consumer_protocol;
mod error;
mod metadata;
mod producer;
mod request;
mod versions;

pub use address::Address;
pub use admin::{
    Admin, CommittedOffset, ConfigChange, ConfigEntry, ConfigResource, Coordinator, CreatedTopic,
    GroupDescription, GroupFilter, GroupListing, GroupListings, GroupMember, GroupMemberId,
    GroupOutcome, MemberOutcome, NewTopic, OffsetAndTimestamp, OffsetSpec, PartitionOutcome,
    TopicOutcome,
};
pub use cluster::{AutoCreate, Cluster, ClusterSettings, Target};
pub use connection::{
    Connection, ConnectionParts, ConnectionSettings, Expected, RequestSender, Response,
    ResponseReceiver,
};
pub use consumer::group::{
    Assignor, GroupConsumer, GroupIdentity, GroupProtocol, GroupSettings, NoListener, OffsetReset,
    RebalanceListener, Subscription,
};
pub use consumer::{ConsumedBatch, Consumer, ConsumerSettings, Fetched, Isolation, StartAt};
pub use error::{ClientError, Refusal};
pub use metadata::{Metadata, PartitionMetadata, TopicMetadata};
pub use producer::{Acks, Delivery, Producer, ProducerRecord, ProducerSettings};
pub use request::Request;
pub use versions::OfferedVersions;
