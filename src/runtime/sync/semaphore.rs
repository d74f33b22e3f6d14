//! A number of permits, given out in the order they were asked for.

use super::oneshot;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Bounds how much of something is under way on this core.
#[derive(Clone, Debug)]
pub struct Semaphore {
    state: Rc<RefCell<State>>,
}

/// So many permits of a semaphore; they are free again when it is dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped is free again"]
pub struct Permit {
    state: Rc<RefCell<State>>,
    count: usize,
}

#[derive(Debug)]
struct State {
    available: usize,
    total: usize,
    waiters: VecDeque<(usize, oneshot::Sender<Permit>)>,
}

impl Semaphore {
    /// A semaphore with `permits` to give.
    pub fn new(permits: usize) -> Self {
        let state = State {
            available: permits,
            total: permits,
            waiters: VecDeque::new(),
        };
        Self {
            state: Rc::new(RefCell::new(state)),
        }
    }

    /// Permits that nobody holds.
    pub fn available(&self) -> usize {
        self.state.borrow().available
    }

    /// `count` permits, if they are free and nobody waits before us.
    pub fn try_acquire(&self, count: usize) -> Option<Permit> {
        let mut state = self.state.borrow_mut();
        state.forget_gone();
        if !state.waiters.is_empty() || state.available < count {
            return None;
        }
        state.available -= count;
        Some(Permit {
            state: self.state.clone(),
            count,
        })
    }

    /// Waits for `count` permits, in turn.
    ///
    /// # Panics
    /// When the semaphore never had so many.
    pub async fn acquire(&self, count: usize) -> Permit {
        assert!(
            count <= self.state.borrow().total,
            "more permits than there are"
        );
        if let Some(permit) = self.try_acquire(count) {
            return permit;
        }
        let (sender, receiver) = oneshot::channel();
        self.state.borrow_mut().waiters.push_back((count, sender));
        receiver
            .await
            .expect("the semaphore answers its waiters while one holds it")
    }
}

impl State {
    fn forget_gone(&mut self) {
        while self
            .waiters
            .front()
            .is_some_and(|(_, waiter)| waiter.is_closed())
        {
            self.waiters.pop_front();
        }
    }

    fn next_served(&mut self) -> Option<(usize, oneshot::Sender<Permit>)> {
        self.forget_gone();
        let (count, _) = self.waiters.front()?;
        self.available = self.available.checked_sub(*count)?;
        self.waiters.pop_front()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.state.borrow_mut().available += self.count;
        loop {
            let served = self.state.borrow_mut().next_served();
            let Some((count, waiter)) = served else {
                return;
            };
            // The waiter is there, or `next_served` had passed it over.
            let _ = waiter.send(Self {
                state: self.state.clone(),
                count,
            });
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
    fn permits_are_given_in_order_and_come_back() {
        let semaphore = Semaphore::new(3);
        let cx = &mut Context::from_waker(Waker::noop());
        let two = semaphore.try_acquire(2).expect("free");
        let mut three = pin!(semaphore.acquire(3));
        let mut one = Box::pin(semaphore.acquire(1));
        assert!(three.as_mut().poll(cx).is_pending());
        assert!(
            one.as_mut().poll(cx).is_pending(),
            "one is free, but three came first"
        );
        drop(two);
        let Poll::Ready(held) = three.as_mut().poll(cx) else {
            panic!("served")
        };
        assert_eq!(semaphore.available(), 0);
        drop(held);
        assert_eq!(semaphore.available(), 2);
        drop(one);
        assert_eq!(
            semaphore.available(),
            3,
            "a permit sent to a dropped wait comes back"
        );
    }
}
