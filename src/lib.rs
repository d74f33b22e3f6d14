//! klamm: a Kafka-compatible event-streaming broker, one thread per core on io_uring.
//!
//! This page is the map of the house. The rooms stand in layer order, lowest first; a room
//! imports only rooms of earlier lines, and `tests/layers.rs` says so.
//!
//! # Layout
//!
//! 1. [`model`]: the nouns every room shares (pure). [`sys`]: the only `unsafe`: aligned memory,
//!    system calls. [`plot`]: line charts as SVG (pure). [`config`]: every setting, its default and its meaning (pure).
//! 2. [`protocol`]: Kafka's bytes: messages, frames, record batches (pure). [`runtime`]: the
//!    cores: executors, rings, files, sockets, mailboxes; glommio lives here and nowhere else.
//! 3. [`metadata`]: the cluster's state as records, image and controller (pure). [`log`]: one
//!    partition on disk. [`client`]: speaks the protocol to any Kafka broker. [`probe`]: what this
//!    machine can do, measured by plain programs.
//! 4. [`partition`]: leadership, high watermark and waiting requests of one partition.
//!    [`coordinator`]: consumer groups and their offsets (pure). [`doctor`]: what of this host
//!    should be changed, and how.
//! 5. [`shard`]: the one actor of a core, owner of its partitions.
//! 6. [`broker`]: the Kafka server: connections, one file per API. [`mod@bench`]: load and
//!    measurement of any Kafka broker, above [`client`] alone.
//! 7. [`cli`]: one file per subcommand.

pub mod bench;
pub mod broker;
pub mod cli;
pub mod client;
pub mod config;
pub mod coordinator;
pub mod doctor;
pub mod log;
pub mod metadata;
pub mod model;
pub mod partition;
pub mod plot;
pub mod probe;
pub mod protocol;
pub mod runtime;
pub mod shard;
pub mod sys;
