//! Kafka's bytes: messages, frames, record batches. Pure.

pub mod record;
