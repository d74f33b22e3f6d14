use super::{Closed, Notify};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// A queue that holds at most `capacity` values.
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a queue holds at least one value");
    let queue = Rc::new(Queue {
        values: RefCell::new(VecDeque::new()),
        capacity,
        filled: Notify::new(),
        drained: Notify::new(),
        senders: Cell::new(1),
        receiver_gone: Cell::new(false),
    });
    (
        Sender {
            queue: queue.clone(),
        },
        Receiver { queue },
    )
}

/// Puts values in; clones put into the same queue.
#[derive(Debug)]
pub struct Sender<T> {
    queue: Rc<Queue<T>>,
}

/// Takes values out.
#[derive(Debug)]
pub struct Receiver<T> {
    queue: Rc<Queue<T>>,
}

#[derive(Debug)]
struct Queue<T> {
    values: RefCell<VecDeque<T>>,
    capacity: usize,
    filled: Notify,
    drained: Notify,
    senders: Cell<usize>,
    receiver_gone: Cell<bool>,
}

/// Why a value was not put in; it comes back.
#[derive(Debug, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The queue holds as much as it may.
    Full(T),
    /// Nobody will take it out.
    Closed(T),
}

impl<T> Sender<T> {
    /// Puts a value in if there is room.
    ///
    /// # Errors
    /// The value, when the queue is full or nobody receives.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        if self.queue.receiver_gone.get() {
            return Err(TrySendError::Closed(value));
        }
        let mut values = self.queue.values.borrow_mut();
        if values.len() == self.queue.capacity {
            return Err(TrySendError::Full(value));
        }
        values.push_back(value);
        drop(values);
        self.queue.filled.notify_one();
        Ok(())
    }

    /// Puts a value in as soon as there is room.
    ///
    /// # Errors
    /// When nobody receives; the value is lost.
    pub async fn send(&self, mut value: T) -> Result<(), Closed> {
        loop {
            match self.try_send(value) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(Closed),
                Err(TrySendError::Full(back)) => value = back,
            }
            self.queue.drained.notified().await;
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.queue.senders.set(self.queue.senders.get() + 1);
        Self {
            queue: self.queue.clone(),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.queue.senders.set(self.queue.senders.get() - 1);
        if self.queue.senders.get() == 0 {
            self.queue.filled.notify_one();
        }
    }
}

impl<T> Receiver<T> {
    /// The oldest value; `None` when the queue is empty and nobody sends any more.
    pub async fn recv(&mut self) -> Option<T> {
        loop {
            if let Some(value) = self.try_recv() {
                return Some(value);
            }
            if self.queue.senders.get() == 0 {
                return None;
            }
            self.queue.filled.notified().await;
        }
    }

    /// The oldest value, if there is one.
    pub fn try_recv(&mut self) -> Option<T> {
        let value = self.queue.values.borrow_mut().pop_front()?;
        self.queue.drained.notify_one();
        Some(value)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.queue.receiver_gone.set(true);
        self.queue.drained.notify_all();
        let unread = self.queue.values.take();
        drop(unread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn a_full_queue_holds_its_senders_back() {
        let (sender, mut receiver) = channel(1);
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(sender.try_send(1), Ok(()));
        assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
        let mut sending = pin!(sender.send(3));
        assert!(sending.as_mut().poll(cx).is_pending());
        assert_eq!(receiver.try_recv(), Some(1));
        assert_eq!(sending.poll(cx), Poll::Ready(Ok(())));
        assert_eq!(pin!(receiver.recv()).poll(cx), Poll::Ready(Some(3)));
    }

    #[test]
    fn each_end_learns_that_the_other_has_gone() {
        let cx = &mut Context::from_waker(Waker::noop());
        let (sender, mut receiver) = channel::<u8>(1);
        let second = sender.clone();
        drop(sender);
        let mut receiving = Box::pin(receiver.recv());
        assert!(receiving.as_mut().poll(cx).is_pending());
        drop(second);
        assert_eq!(receiving.as_mut().poll(cx), Poll::Ready(None));
        let (sender, receiver) = channel::<u8>(1);
        drop(receiver);
        assert_eq!(sender.try_send(1), Err(TrySendError::Closed(1)));
    }
}
