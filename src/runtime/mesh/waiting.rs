//! The calls of one core to another that have no answer yet.

use super::super::sync::oneshot;

/// Numbers calls; a number is free again once its call is answered.
pub(super) struct Waiting<Reply> {
    slots: Vec<Option<oneshot::Sender<Reply>>>,
    free: Vec<u32>,
    /// Nobody answers any more.
    closed: bool,
}

impl<Reply> Default for Waiting<Reply> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            closed: false,
        }
    }
}

impl<Reply> Waiting<Reply> {
    /// A number for a call; its sender is dropped at once when nobody would answer.
    pub(super) fn add(&mut self, caller: oneshot::Sender<Reply>) -> u32 {
        let caller = (!self.closed).then_some(caller);
        if let Some(id) = self.free.pop() {
            self.slots[id as usize] = caller;
            return id;
        }
        self.slots.push(caller);
        (self.slots.len() - 1) as u32
    }

    /// Who waits for the answer of a call.
    pub(super) fn take(&mut self, id: u32) -> Option<oneshot::Sender<Reply>> {
        let caller = self.slots.get_mut(id as usize)?.take()?;
        self.free.push(id);
        Some(caller)
    }

    /// Gives up all calls; those that come are given up too.
    pub(super) fn close(&mut self) -> Vec<Option<oneshot::Sender<Reply>>> {
        self.closed = true;
        self.free.clear();
        std::mem::take(&mut self.slots)
    }
}
