//! One direction between two cores: a bounded queue, and a bell at each end.

use super::super::mail::{Bell, Mailbox};
use super::super::sync::Notify;
use crossbeam_queue::ArrayQueue;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};

/// A core's bell, once that core has joined.
pub(super) type BellOf = Arc<OnceLock<Arc<Bell>>>;

struct Wire<T> {
    queue: ArrayQueue<T>,
    sender_gone: AtomicBool,
    receiver_gone: AtomicBool,
    /// The sender found the queue full and wants to know when it has room.
    starved: AtomicBool,
    sender: BellOf,
    receiver: BellOf,
}

/// The end that puts in. Dropped, the other end hears of it.
pub(super) struct Sender<T> {
    wire: Arc<Wire<T>>,
}

/// The end that takes out. Dropped, nothing can be put in any more.
pub(super) struct Receiver<T> {
    wire: Arc<Wire<T>>,
}

/// Why a message comes back.
pub(super) enum Refused<T> {
    Full(T),
    Gone(T),
}

/// A message, or why there is none.
pub(super) enum Taken<T> {
    Message(T),
    Nothing,
    /// Nothing, and nothing will come.
    Gone,
}

/// A wire from one core to another, each named by where its bell will be.
pub(super) fn wire<T>(capacity: usize, from: &BellOf, to: &BellOf) -> (Sender<T>, Receiver<T>) {
    let wire = Arc::new(Wire {
        queue: ArrayQueue::new(capacity),
        sender_gone: AtomicBool::new(false),
        receiver_gone: AtomicBool::new(false),
        starved: AtomicBool::new(false),
        sender: from.clone(),
        receiver: to.clone(),
    });
    (Sender { wire: wire.clone() }, Receiver { wire })
}

fn ring(bell: &BellOf) {
    // A core that has not joined yet looks when it does.
    if let Some(bell) = bell.get() {
        bell.ring();
    }
}

impl<T> Sender<T> {
    /// Puts a message in if there is room and somebody to take it.
    pub(super) fn try_send(&self, message: T) -> Result<(), Refused<T>> {
        if self.wire.receiver_gone.load(Ordering::Acquire) {
            return Err(Refused::Gone(message));
        }
        self.wire.queue.push(message).map_err(Refused::Full)?;
        ring(&self.wire.receiver);
        Ok(())
    }

    /// The mailbox that wakes `room` when a queue that was full has some, or nobody takes out.
    pub(super) fn watch(&self, room: Rc<Notify>) -> Rc<dyn Mailbox>
    where
        T: 'static,
    {
        let wire = self.wire.clone();
        Rc::new(Room { wire, room })
    }

    /// Asks to be woken when there is room; false if there is some already.
    pub(super) fn starve(&self) -> bool {
        self.wire.starved.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let full = self.wire.queue.is_full() && !self.wire.receiver_gone.load(Ordering::Acquire);
        if !full {
            self.wire.starved.store(false, Ordering::Relaxed);
        }
        full
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.wire.sender_gone.store(true, Ordering::Release);
        ring(&self.wire.receiver);
    }
}

impl<T> Receiver<T> {
    /// The oldest message.
    pub(super) fn take(&self) -> Taken<T> {
        let gone = self.wire.sender_gone.load(Ordering::Acquire);
        match self.wire.queue.pop() {
            Some(message) => {
                self.tell_starved();
                Taken::Message(message)
            }
            None if gone => Taken::Gone,
            None => Taken::Nothing,
        }
    }

    /// The mailbox that wakes `arrived` when there is a message, or no more will come.
    pub(super) fn watch(&self, arrived: Rc<Notify>) -> Rc<dyn Mailbox>
    where
        T: 'static,
    {
        let wire = self.wire.clone();
        Rc::new(Arrivals { wire, arrived })
    }

    fn tell_starved(&self) {
        fence(Ordering::SeqCst);
        if self.wire.starved.load(Ordering::Relaxed) {
            ring(&self.wire.sender);
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.wire.receiver_gone.store(true, Ordering::Release);
        while self.wire.queue.pop().is_some() {}
        ring(&self.wire.sender);
    }
}

struct Arrivals<T> {
    wire: Arc<Wire<T>>,
    arrived: Rc<Notify>,
}

impl<T> Mailbox for Arrivals<T> {
    fn deliver(&self) -> bool {
        let gone = self.wire.sender_gone.load(Ordering::Relaxed);
        let any = gone || !self.wire.queue.is_empty();
        // Whoever takes out may have heard of it already: then there is nobody to wake.
        any && self.arrived.wake_waiting()
    }
}

struct Room<T> {
    wire: Arc<Wire<T>>,
    room: Rc<Notify>,
}

impl<T> Mailbox for Room<T> {
    fn deliver(&self) -> bool {
        let starved = self.wire.starved.load(Ordering::Relaxed);
        let gone = self.wire.receiver_gone.load(Ordering::Relaxed);
        if !starved || (self.wire.queue.is_full() && !gone) {
            return false;
        }
        self.wire.starved.store(false, Ordering::Relaxed);
        self.room.notify_one();
        true
    }
}
