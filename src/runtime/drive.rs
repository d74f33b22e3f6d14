//! What drives a core: one task that, when no other has anything to do, waits for the disk and the
//! sockets at once.
//!
//! glommio's own reactor enters the kernel five times for each time it sleeps: it sets and cancels
//! timers and looks at three rings. While a core is busy this task stays in glommio's queue and
//! sleeps in the core's own ring instead, which also polls the set of sockets: one call submits,
//! waits and wakes. glommio's reactor has its turn every millisecond, for its timers and the
//! pool's answers, and takes over as soon as nothing has happened for a while.

use super::blocking;
use super::core::{Core, Inner};
use super::sync::Notify;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::os::fd::AsFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// So often glommio's reactor has its turn.
const VISIT_EVERY: Duration = Duration::from_millis(1);
/// A core that nothing has happened to for so long sleeps in glommio's reactor.
const PATIENCE: Duration = Duration::from_micros(300);

/// Who waits for a round, and who wakes the task that makes them.
#[derive(Default)]
pub(super) struct Rounds {
    number: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
    /// Something was started while the core was about to sleep, or slept.
    wanted: Notify,
}

impl Rounds {
    /// Waits for the end of a whole round: the disk and the sockets have had their go.
    pub(super) fn next(self: &Rc<Self>) -> impl Future<Output = ()> + use<> {
        let (rounds, mut since) = (self.clone(), None);
        poll_fn(move |cx| {
            let since = *since.get_or_insert(rounds.number.get());
            if rounds.number.get() > since {
                return Poll::Ready(());
            }
            rounds.waiting.borrow_mut().push(cx.waker().clone());
            rounds.wanted.notify_one();
            Poll::Pending
        })
    }

    /// Sees to it that there is a round soon.
    pub(super) fn want(&self) {
        self.wanted.notify_one();
    }

    fn is_awaited(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    fn end(&self) {
        self.number.set(self.number.get() + 1);
        let waiting = self.waiting.take();
        for waker in waiting {
            waker.wake();
        }
    }
}

/// Drives the core for as long as it lives.
pub(super) async fn drive(core: Core) {
    let Inner {
        ring,
        rounds,
        sockets,
        mail,
        ..
    } = &*core.inner;
    let mut last_visit = Instant::now();
    loop {
        let alone = yield_to_others(&core).await;
        let awaited = rounds.is_awaited();
        let now = Instant::now();
        let left = VISIT_EVERY.saturating_sub(now - last_visit);
        if left.is_zero() {
            round(&core.inner, true);
            visit().await;
            last_visit = now;
            continue;
        }
        if awaited || !alone {
            round(&core.inner, awaited);
            continue;
        }
        ring.arm_set_poll(sockets.as_fd());
        if busy_poll(&core.inner, left) {
            round(&core.inner, false);
            continue;
        }
        if !mail.fall_asleep() {
            continue;
        }
        // The pool wakes glommio's reactor and nobody else.
        let pool_works = blocking::is_under_way();
        if !pool_works {
            ring.wait(left.min(PATIENCE));
        }
        if !round(&core.inner, false) && (pool_works || left > PATIENCE) {
            // The bell stays on: it is heard through the ring, and the ring by glommio's reactor.
            rounds.wanted.notified().await;
            round(&core.inner, true);
            last_visit = Instant::now();
        }
        mail.awake();
    }
}

/// Looks for work as long as the core is told to, at most for `time`, and lets the kernel's workers
/// have the processor meanwhile; whether there was any. To sleep and be woken costs more than most
/// answers take, above all on a virtual machine, where the processor is given back to the host.
fn busy_poll(core: &Inner, time: Duration) -> bool {
    let time = time.min(core.busy_poll);
    if time.is_zero() {
        return false;
    }
    core.ring.submit();
    let began = Instant::now();
    while began.elapsed() < time {
        if core.ring.has_answers() || core.mail.deliver() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// Submits, takes what is done and which sockets are ready; whether there was anything.
fn round(core: &Inner, ask_sockets: bool) -> bool {
    let mut any = core.ring.flush();
    if core.ring.take_polled() || ask_sockets {
        any |= core.sockets.take_edges();
    }
    any |= core.mail.deliver();
    core.last_turn.set(Instant::now());
    core.rounds.end();
    any
}

/// Lets every task run that can; whether there was none.
async fn yield_to_others(core: &Core) -> bool {
    let beats = core.inner.pulse.beats();
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    core.inner.pulse.beats() == beats + 1
}

/// Lets glommio's reactor have its turn.
async fn visit() {
    let (mut time, mut visited) = (Duration::from_micros(1), false);
    while !visited {
        let mut timer = pin!(glommio::timer::sleep(time));
        poll_fn(|cx| {
            let polled = timer.as_mut().poll(cx);
            // With a slow clock the time is over at the first look, and nothing was visited.
            visited |= polled.is_pending();
            polled
        })
        .await;
        time *= 2;
    }
}
