//! Messages on their way to another core: sent at once if the wire has room, else kept in order.

use super::super::core::Core;
use super::super::sync::Notify;
use super::wire::{Refused, Sender};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// Never refuses a message and never waits. Clones are the same outbox.
pub(super) struct Outbox<T: Send> {
    state: Rc<State<T>>,
}

struct State<T: Send> {
    sender: Sender<T>,
    queue: RefCell<VecDeque<T>>,
    filled: Notify,
    /// The wire has room again, or nobody takes out any more.
    room: Rc<Notify>,
    /// Something is queued, or the pump has it in hand: nothing may overtake it.
    pumping: Cell<bool>,
    closed: Cell<bool>,
}

impl<T: Send> Clone for Outbox<T> {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
        }
    }
}

impl<T: Send + 'static> Outbox<T> {
    /// An outbox whose messages leave through `sender`.
    pub(super) fn start(core: &Core, sender: Sender<T>) -> Self {
        let room = Rc::new(Notify::new());
        core.inner.mail.add(sender.watch(room.clone()));
        let state = Rc::new(State {
            sender,
            queue: RefCell::default(),
            filled: Notify::new(),
            room,
            pumping: Cell::new(false),
            closed: Cell::new(false),
        });
        let outbox = Self { state };
        core.spawn(outbox.clone().pump());
        outbox
    }

    /// Puts a message on its way; gives it back when the other core has gone.
    pub(super) fn put(&self, message: T) -> Result<(), T> {
        if self.state.closed.get() {
            return Err(message);
        }
        if self.state.pumping.get() {
            self.keep(message);
            return Ok(());
        }
        match self.state.sender.try_send(message) {
            Ok(()) => Ok(()),
            Err(Refused::Full(message)) => {
                self.keep(message);
                Ok(())
            }
            Err(Refused::Gone(message)) => {
                self.state.closed.set(true);
                Err(message)
            }
        }
    }

    fn keep(&self, message: T) {
        self.state.queue.borrow_mut().push_back(message);
        self.state.pumping.set(true);
        self.state.filled.notify_one();
    }

    /// Sends what is queued as the wire gets room; ends when the other core has gone.
    async fn pump(self) {
        loop {
            let next = self.state.queue.borrow_mut().pop_front();
            let Some(message) = next else {
                self.state.pumping.set(false);
                self.state.filled.notified().await;
                continue;
            };
            if self.send(message).await.is_err() {
                self.state.closed.set(true);
                return self.state.queue.borrow_mut().clear();
            }
        }
    }

    async fn send(&self, mut message: T) -> Result<(), T> {
        loop {
            match self.state.sender.try_send(message) {
                Ok(()) => return Ok(()),
                Err(Refused::Gone(message)) => return Err(message),
                Err(Refused::Full(back)) => message = back,
            }
            if self.state.sender.starve() {
                self.state.room.notified().await;
            }
        }
    }
}
