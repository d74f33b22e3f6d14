//! One value from one task to another.

use super::Closed;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A pair of which the receiver is a future of what the sender sends.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Rc::new(RefCell::new(Slot::Waiting(None)));
    (Sender { slot: slot.clone() }, Receiver { slot })
}

/// Sends at most one value; dropped without, the receiver gets [`Closed`].
#[derive(Debug)]
pub struct Sender<T> {
    slot: Rc<RefCell<Slot<T>>>,
}

/// A future of the value.
#[derive(Debug)]
#[must_use = "a receiver that is not awaited loses its value"]
pub struct Receiver<T> {
    slot: Rc<RefCell<Slot<T>>>,
}

#[derive(Debug)]
enum Slot<T> {
    Waiting(Option<Waker>),
    Sent(T),
    Closed,
}

impl<T> Sender<T> {
    /// Sends the value.
    ///
    /// # Errors
    /// Gives it back when the receiver has gone.
    pub fn send(self, value: T) -> Result<(), T> {
        if self.is_closed() {
            return Err(value);
        }
        fill(&self.slot, Slot::Sent(value));
        Ok(())
    }

    /// Whether the receiver has gone.
    pub fn is_closed(&self) -> bool {
        matches!(*self.slot.borrow(), Slot::Closed)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if matches!(*self.slot.borrow(), Slot::Waiting(_)) {
            fill(&self.slot, Slot::Closed);
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.slot.borrow_mut();
        if let Slot::Waiting(waker) = &mut *slot {
            match waker {
                Some(known) => known.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        match std::mem::replace(&mut *slot, Slot::Closed) {
            Slot::Sent(value) => Poll::Ready(Ok(value)),
            _ => Poll::Ready(Err(Closed)),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let unread = self.slot.replace(Slot::Closed);
        drop(unread);
    }
}

fn fill<T>(slot: &RefCell<Slot<T>>, content: Slot<T>) {
    // The borrow ends before the waker is called, which may run foreign code.
    let before = slot.replace(content);
    if let Slot::Waiting(Some(waker)) = before {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_value_arrives_before_or_after_it_is_awaited() {
        let (sender, mut receiver) = channel();
        assert!(poll(&mut receiver).is_pending());
        sender.send(7).expect("the receiver lives");
        assert_eq!(poll(&mut receiver), Poll::Ready(Ok(7)));
    }

    #[test]
    fn each_end_learns_that_the_other_has_gone() {
        let (sender, receiver) = channel::<u8>();
        drop(receiver);
        assert!(sender.is_closed());
        assert_eq!(sender.send(7), Err(7));
        let (sender, mut receiver) = channel::<u8>();
        drop(sender);
        assert_eq!(poll(&mut receiver), Poll::Ready(Err(Closed)));
    }
}
