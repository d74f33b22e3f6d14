//! Waiting for one another within a core: nothing here is `Send`, nothing locks.
//!
//! Wakers are kept one per waiting task. A gathering of many futures in one task goes through
//! [`join_all`], which hands its children a waker of its own: the executor's task wakers are
//! counted in 15 bits, and tens of thousands of clones of one would end the process.

mod join;
mod mpsc_channel;
mod notify;
pub mod oneshot;
mod semaphore;

/// A bounded queue from several tasks to one.
pub mod mpsc {
    pub use super::mpsc_channel::{Receiver, Sender, TrySendError, channel};
}

pub use join::{Either, join_all, race};
pub use notify::Notify;
pub use semaphore::{Permit, Semaphore};

/// The other end of a channel has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other end of the channel has gone")]
pub struct Closed;
