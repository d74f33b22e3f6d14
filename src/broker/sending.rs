//! How much of the core's memory responses hold that slow clients have not taken yet.

use std::cell::Cell;
use std::rc::Rc;

/// The count of one core.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    held: Rc<Cell<usize>>,
    bytes_max: usize,
}

/// A response's share; given back when the response is sent or dropped.
#[derive(Debug)]
pub(super) struct SendLease {
    held: Rc<Cell<usize>>,
    bytes: usize,
}

impl Sending {
    /// Responses may hold about so much before they are cut down to one batch each.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            held: Rc::default(),
            bytes_max,
        }
    }

    /// Whether responses hold as much as they may.
    pub(super) fn is_exhausted(&self) -> bool {
        self.held.get() >= self.bytes_max
    }

    /// Notes a response.
    pub(super) fn lease(&self, bytes: usize) -> SendLease {
        self.held.set(self.held.get() + bytes);
        SendLease {
            held: self.held.clone(),
            bytes,
        }
    }
}

impl Drop for SendLease {
    fn drop(&mut self) {
        self.held.set(self.held.get() - self.bytes);
    }
}
