//! A core's own timers: who sleeps, by when they wake.
//!
//! The task that drives the core looks at the earliest before it sleeps itself, so a timer costs no
//! system call, and glommio's reactor, which would make five to keep its own, is not asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// For who sleeps longer than the clock can tell.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// All that sleep on one core.
#[derive(Debug, Default)]
pub(super) struct Sleepers {
    /// By when they wake; the number tells apart who wakes at the same time.
    waiting: RefCell<BTreeMap<(Instant, u64), Waker>>,
    /// When the first of them wakes: asked in every round.
    first: Cell<Option<Instant>>,
    numbers: Cell<u64>,
}

/// A sleep of one task, until it is over or dropped.
#[must_use = "it sleeps only while it is awaited"]
pub(super) struct Sleep {
    sleepers: Rc<Sleepers>,
    due: Instant,
    /// Once it is among the waiting.
    number: Option<u64>,
}

impl Sleepers {
    /// Sleeps from now on for `time`.
    pub(super) fn sleep(self: &Rc<Self>, time: Duration) -> Sleep {
        let now = Instant::now();
        Sleep {
            sleepers: self.clone(),
            due: now.checked_add(time).unwrap_or(now + FOR_EVER),
            number: None,
        }
    }

    /// When the first of them wakes.
    pub(super) fn next(&self) -> Option<Instant> {
        self.first.get()
    }

    /// Wakes those whose time has come; whether there were any.
    pub(super) fn wake_due(&self, now: Instant) -> bool {
        let mut any = false;
        while let Some(waker) = self.take_due(now) {
            any = true;
            waker.wake();
        }
        any
    }

    fn take_due(&self, now: Instant) -> Option<Waker> {
        if self.first.get().is_none_or(|first| first > now) {
            return None;
        }
        let mut waiting = self.waiting.borrow_mut();
        let taken = waiting.pop_first();
        self.note_first(&waiting);
        taken.map(|(_, waker)| waker)
    }

    fn add(&self, due: Instant, waker: Waker) -> u64 {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        let mut waiting = self.waiting.borrow_mut();
        waiting.insert((due, number), waker);
        self.note_first(&waiting);
        number
    }

    fn remove(&self, due: Instant, number: u64) -> Option<Waker> {
        let mut waiting = self.waiting.borrow_mut();
        let waker = waiting.remove(&(due, number));
        self.note_first(&waiting);
        waker
    }

    fn note_first(&self, waiting: &BTreeMap<(Instant, u64), Waker>) {
        let first = waiting.first_key_value();
        self.first.set(first.map(|((due, _), _)| *due));
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(number) = self.number else {
            if Instant::now() >= self.due {
                return Poll::Ready(());
            }
            self.number = Some(self.sleepers.add(self.due, cx.waker().clone()));
            return Poll::Pending;
        };
        match self
            .sleepers
            .waiting
            .borrow_mut()
            .get_mut(&(self.due, number))
        {
            Some(waker) => waker.clone_from(cx.waker()),
            None => return Poll::Ready(()),
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            // What a waker does when it is dropped is not ours to know: nothing is borrowed then.
            let waker = self.sleepers.remove(self.due, number);
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_wakes_once_when_its_time_has_come() {
        let sleepers = Rc::new(Sleepers::default());
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let mut short = Box::pin(sleepers.sleep(Duration::from_secs(10)));
        let mut long = Box::pin(sleepers.sleep(Duration::MAX));
        let mut dropped = Box::pin(sleepers.sleep(Duration::from_secs(5)));
        for sleep in [&mut short, &mut long, &mut dropped] {
            assert!(sleep.as_mut().poll(&mut cx).is_pending());
        }
        drop(dropped);
        assert_eq!(sleepers.next(), Some(short.due));
        assert!(!sleepers.wake_due(Instant::now()));
        assert!(sleepers.wake_due(short.due));
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(short.as_mut().poll(&mut cx).is_ready());
        assert!(long.as_mut().poll(&mut cx).is_pending());
        drop((short, long));
        assert_eq!(sleepers.next(), None);
    }

    #[test]
    fn no_time_is_over_at_once() {
        let sleepers = Rc::new(Sleepers::default());
        let mut cx = Context::from_waker(Waker::noop());
        let mut none = Box::pin(sleepers.sleep(Duration::ZERO));
        assert!(none.as_mut().poll(&mut cx).is_ready());
    }
}
