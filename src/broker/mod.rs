//! The Kafka server: connections, one file per API.
