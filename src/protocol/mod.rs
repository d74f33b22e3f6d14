//! Kafka's bytes: messages, frames, record batches. Pure.
//!
//! - [`wire`]: primitives; a [`wire::Reader`] that borrows and is bounded, a [`wire::Writer`] that
//!   leaves places open for record bodies.
//! - [`schema`]: a message's table as data.
//! - [`message`]: one file per API, each message a table that the `message!` macro turns into code.
//! - [`record`]: what stands inside a `records` field.
//! - [`frame`], [`header`]: from a connection's bytes to a request, from a response to bytes.
//! - [`api_key`], [`api_versions`], [`error_code`]: the numbers, their names and their rules.

#[macro_use]
pub mod message;

pub mod api_key;
pub mod api_versions;
pub mod error_code;
pub mod frame;
pub mod header;
pub mod record;
pub mod schema;
pub mod wire;
