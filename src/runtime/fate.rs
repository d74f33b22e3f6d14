//! One panic ends all cores.

use std::any::Any;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Shared by the cores of one run. (The binary aborts before this matters, see
/// [`abort_on_panic`]; a test's panic travels through here to the test.)
#[derive(Default)]
pub(super) struct Fate {
    sealed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    panic: Option<Box<dyn Any + Send>>,
    /// The main task of each core.
    wakers: Vec<Option<Waker>>,
}

impl Fate {
    /// Remembers the first panic and wakes every core's main task.
    pub(super) fn seal(&self, panic: Box<dyn Any + Send>) {
        let mut state = self.state();
        state.panic.get_or_insert(panic);
        self.sealed.store(true, Ordering::Release);
        for waker in state.wakers.iter_mut().filter_map(Option::take) {
            waker.wake();
        }
    }

    /// Waits for a panic on any core.
    pub(super) async fn sealed(&self, core: usize) {
        poll_fn(|cx| {
            let mut state = self.state();
            if self.sealed.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            if state.wakers.len() <= core {
                state.wakers.resize(core + 1, None);
            }
            state.wakers[core] = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// The panic, to be continued where the run was started.
    pub(super) fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        self.state().panic.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes every panic, on any thread, end the process after its message. For the binary only:
/// half a broker is worse than none.
pub fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        eprintln!("klamm: a panic ends the process; what was acknowledged is on disk");
        std::process::abort();
    }));
}
