//! Messages on their way to another core: sent at once if the channel has room, else kept in order.

use super::super::core::Core;
use super::super::sync::Notify;
use glommio::GlommioError;
use glommio::channels::shared_channel::{ConnectedSender, SharedSender};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// Never refuses a message and never waits. Clones are the same outbox.
pub(super) struct Outbox<T: Send> {
    state: Rc<State<T>>,
}

struct State<T: Send> {
    /// There as soon as the other core has come up.
    sender: OnceCell<ConnectedSender<T>>,
    queue: RefCell<VecDeque<T>>,
    filled: Notify,
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
    /// An outbox whose messages leave through `sender` once that is connected.
    pub(super) fn start(core: &Core, sender: SharedSender<T>) -> Self {
        let state = Rc::new(State {
            sender: OnceCell::new(),
            queue: RefCell::default(),
            filled: Notify::new(),
            pumping: Cell::new(true),
            closed: Cell::new(false),
        });
        let outbox = Self { state };
        core.spawn(outbox.clone().pump(sender));
        outbox
    }

    /// Puts a message on its way; gives it back when the other core has gone.
    pub(super) fn put(&self, message: T) -> Result<(), T> {
        let State {
            sender,
            pumping,
            closed,
            ..
        } = &*self.state;
        if closed.get() {
            return Err(message);
        }
        let direct = sender.get().filter(|_| !pumping.get());
        let Some(sender) = direct else {
            self.keep(message);
            return Ok(());
        };
        match sender.try_send(message) {
            Ok(()) => Ok(()),
            Err(GlommioError::WouldBlock(glommio::ResourceType::Channel(message))) => {
                self.keep(message);
                Ok(())
            }
            Err(GlommioError::Closed(glommio::ResourceType::Channel(message))) => {
                closed.set(true);
                Err(message)
            }
            Err(_) => unreachable!("a channel is full or closed"),
        }
    }

    fn keep(&self, message: T) {
        self.state.queue.borrow_mut().push_back(message);
        self.state.pumping.set(true);
        self.state.filled.notify_one();
    }

    /// Sends what is queued as the channel gets room; ends when the other core has gone.
    async fn pump(self, sender: SharedSender<T>) {
        let sender = sender.connect().await;
        let sender = self.state.sender.get_or_init(|| sender);
        loop {
            let next = self.state.queue.borrow_mut().pop_front();
            let Some(message) = next else {
                self.state.pumping.set(false);
                self.state.filled.notified().await;
                continue;
            };
            if sender.send(message).await.is_err() {
                self.state.closed.set(true);
                return self.state.queue.borrow_mut().clear();
            }
        }
    }
}
