//! Speaks the Kafka protocol to any broker.
