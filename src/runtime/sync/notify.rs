//! "Something has changed, look again."

use super::oneshot;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Wakes tasks that wait for a change. One call that nobody waits for is remembered once.
#[derive(Debug, Default)]
pub struct Notify {
    state: Rc<RefCell<State>>,
}

#[derive(Debug, Default)]
struct State {
    remembered: bool,
    waiters: VecDeque<oneshot::Sender<Notification>>,
}

impl Notify {
    /// Nobody waits, nothing is remembered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the longest waiting task; without one, the next that waits goes on at once.
    pub fn notify_one(&self) {
        wake_one(&self.state);
    }

    /// Wakes the longest waiting task; remembers nothing. Whether there was one.
    pub fn wake_waiting(&self) -> bool {
        let waits = |state: &State| state.waiters.iter().any(|waiter| !waiter.is_closed());
        let any = waits(&self.state.borrow());
        if any {
            self.notify_one();
        }
        any
    }

    /// Wakes every task that waits now; remembers nothing.
    pub fn notify_all(&self) {
        let waiters = std::mem::take(&mut self.state.borrow_mut().waiters);
        for waiter in waiters {
            let _ = waiter.send(Notification { pass_on: None });
        }
    }

    /// Waits for a notification; a wait that is dropped passes its notification on.
    pub async fn notified(&self) {
        if std::mem::take(&mut self.state.borrow_mut().remembered) {
            return;
        }
        let (sender, receiver) = oneshot::channel();
        self.state.borrow_mut().add(sender);
        if let Ok(mut notification) = receiver.await {
            notification.pass_on = None;
        }
    }
}

impl State {
    fn add(&mut self, waiter: oneshot::Sender<Notification>) {
        if self.waiters.len() == self.waiters.capacity() {
            self.waiters.retain(|waiter| !waiter.is_closed());
        }
        self.waiters.push_back(waiter);
    }
}

/// What a waiter is sent; dropped before the waiter saw it, it goes to the next.
#[derive(Debug)]
struct Notification {
    pass_on: Option<Rc<RefCell<State>>>,
}

impl Drop for Notification {
    fn drop(&mut self) {
        if let Some(state) = self.pass_on.take() {
            wake_one(&state);
        }
    }
}

fn wake_one(state: &Rc<RefCell<State>>) {
    loop {
        let waiter = state.borrow_mut().waiters.pop_front();
        match waiter {
            None => return state.borrow_mut().remembered = true,
            Some(gone) if gone.is_closed() => {}
            Some(waiter) => {
                let _ = waiter.send(Notification {
                    pass_on: Some(state.clone()),
                });
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn one_call_is_remembered_once() {
        let notify = Notify::new();
        notify.notify_one();
        notify.notify_one();
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(pin!(notify.notified()).poll(cx), Poll::Ready(()));
        assert_eq!(pin!(notify.notified()).poll(cx), Poll::Pending);
    }

    #[test]
    fn a_dropped_wait_passes_its_notification_on() {
        let notify = Notify::new();
        let cx = &mut Context::from_waker(Waker::noop());
        let mut first = Box::pin(notify.notified());
        let mut second = pin!(notify.notified());
        assert!(first.as_mut().poll(cx).is_pending() && second.as_mut().poll(cx).is_pending());
        notify.notify_one();
        drop(first);
        assert_eq!(second.poll(cx), Poll::Ready(()));
    }

    #[test]
    fn abandoned_waits_do_not_pile_up() {
        let notify = Notify::new();
        let cx = &mut Context::from_waker(Waker::noop());
        for _ in 0..10_000 {
            assert!(pin!(notify.notified()).poll(cx).is_pending());
        }
        assert!(notify.state.borrow().waiters.capacity() < 64);
    }
}
