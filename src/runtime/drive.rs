//! What drives a core: one task that, when no other has anything to do, waits for the disk, the
//! sockets and the next timer at once.
//!
//! glommio's own reactor enters the kernel five times for each time it sleeps: it sets and cancels
//! timers and looks at three rings. This task stays in glommio's queue and sleeps by one call
//! instead: in the set of sockets, or, while the disk has work, in the core's own ring, which also
//! polls that set. Timers are the core's own. glommio's reactor has its turn now and then, for
//! whatever other threads have to say, and the core sleeps in it only while its pool works.

use super::blocking;
use super::core::{Core, Inner};
use super::sync::{Notify, race};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::os::fd::AsFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// So often glommio's reactor has its turn while the pool works, and the sockets have theirs.
const VISIT_EVERY: Duration = Duration::from_millis(1);
/// So often it has it otherwise: for a request to end, or another core's panic.
const VISIT_SELDOM: Duration = Duration::from_millis(100);

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
        rounds,
        sleepers,
        sockets,
        ..
    } = &*core.inner;
    let (mut last_visit, mut last_asked) = (Instant::now(), Instant::now());
    loop {
        let alone = yield_to_others(&core).await;
        let now = Instant::now();
        let visit_at = last_visit
            + match blocking::is_under_way() {
                true => VISIT_EVERY,
                false => VISIT_SELDOM,
            };
        let awaited = rounds.is_awaited();
        let woken = sleepers.wake_due(now) | sockets.take_quiet(now);
        let busy = woken || awaited || !alone;
        if visit_at <= now {
            round(&core.inner, true);
            visit().await;
            (last_visit, last_asked) = (now, now);
        } else if busy {
            let ask = awaited || now - last_asked >= VISIT_EVERY;
            if ask {
                last_asked = now;
            }
            round(&core.inner, ask);
        } else {
            let dues = [sleepers.next(), sockets.quiet_due()];
            let until = dues.into_iter().flatten().fold(visit_at, Instant::min);
            let slept = sleep(&core.inner, until - now).await;
            let woken = core.inner.last_turn.get();
            match slept {
                Slept::InGlommio => (last_visit, last_asked) = (woken, woken),
                Slept::InSockets => last_asked = woken,
                Slept::Otherwise => {}
            }
        }
    }
}

enum Slept {
    /// Its reactor has had its turn, and the sockets theirs.
    InGlommio,
    /// They were asked.
    InSockets,
    Otherwise,
}

/// Sleeps until there is something to do, at most for `time`, and sees to it.
async fn sleep(core: &Inner, time: Duration) -> Slept {
    let disk_works = core.ring.unfinished() > 0;
    let pool_works = blocking::is_under_way();
    if disk_works || pool_works || !core.busy_poll.is_zero() {
        core.ring.arm_set_poll(core.sockets.as_fd());
    }
    let time = time.saturating_sub(core.busy_poll);
    if busy_poll(core, time) {
        round(core, false);
        return Slept::Otherwise;
    }
    if !core.mail.fall_asleep() {
        return Slept::Otherwise;
    }
    let slept = if pool_works {
        sleep_in_glommio(core, time).await
    } else {
        core.asleep(|| match disk_works {
            true => core.ring.wait(time),
            false => core.sockets.wait(time),
        });
        round(core, false);
        match disk_works {
            true => Slept::Otherwise,
            false => Slept::InSockets,
        }
    };
    core.mail.awake();
    slept
}

/// The pool wakes glommio's reactor and nobody else. The bell is heard through the ring, and the
/// ring by the reactor.
async fn sleep_in_glommio(core: &Inner, time: Duration) -> Slept {
    if round(core, false) {
        return Slept::Otherwise;
    }
    // A timer that is set meanwhile is seen when `time`, at most `VISIT_EVERY`, is over.
    race(core.rounds.wanted.notified(), glommio::timer::sleep(time)).await;
    round(core, true);
    Slept::InGlommio
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
