//! Sockets of a core: listening, receiving without holding memory, sending slices of anything.

mod cold;
mod conn;
mod fetch_path;
mod listener;
mod quiet;
mod readiness;
mod receive_area;
mod send;
#[cfg(test)]
mod tests;

pub(super) use cold::STRETCHES_MAX;
pub use conn::{Conn, connect};
pub use fetch_path::{FetchMeasure, FetchPath, measure_fetch_path};
pub use listener::{Exclusive, Listener};
pub(super) use readiness::{Readiness, Registered};
pub use receive_area::ReceiveArea;
pub use send::Slice;
