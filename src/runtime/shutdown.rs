//! The request to end, as a future of any core.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::future::{Future, poll_fn};
use std::io;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

/// Exit code of a process that was not given the time to close: 128 + SIGINT.
const EXIT_INTERRUPTED: i32 = 130;

/// SIGTERM and SIGINT, or a request from within. A second signal ends the process at once.
#[derive(Clone, Default)]
pub struct ShutdownSignal {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    requested: bool,
    wakers: Vec<Waker>,
}

impl ShutdownSignal {
    /// Takes the two signals over for this process.
    ///
    /// # Errors
    /// When the handlers or the thread that waits for them cannot be had.
    pub fn install() -> io::Result<Self> {
        let signal = Self::default();
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let request = signal.clone();
        let wait = move || {
            for _ in signals.forever() {
                if !request.request() {
                    eprintln!("klamm: ended by a second signal, without closing the logs");
                    process::exit(EXIT_INTERRUPTED);
                }
            }
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(wait)?;
        Ok(signal)
    }

    /// Requests the end from within; `false` when it was requested before.
    pub fn request(&self) -> bool {
        let mut state = self.state();
        let first = !std::mem::replace(&mut state.requested, true);
        for waker in state.wakers.drain(..) {
            waker.wake();
        }
        first
    }

    /// Waits for the request, on any core; any number of tasks may.
    pub fn received(&self) -> impl Future<Output = ()> + use<> {
        let signal = self.clone();
        poll_fn(move |cx| {
            let mut state = signal.state();
            if state.requested {
                return Poll::Ready(());
            }
            if !state.wakers.iter().any(|known| known.will_wake(cx.waker())) {
                state.wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
    }

    /// Whether the end was requested.
    pub fn is_requested(&self) -> bool {
        self.state().requested
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{CoreOptions, run_on_cores};

    #[test]
    fn a_signal_reaches_every_core() {
        let signal = ShutdownSignal::install().expect("installed");
        let options = CoreOptions::default();
        run_on_cores(2, &options, |core| {
            let signal = signal.clone();
            async move {
                if core.id() == 0 {
                    core.sleep(std::time::Duration::from_millis(20)).await;
                    signal_hook::low_level::raise(SIGTERM).expect("raised");
                }
                signal.received().await;
            }
        });
        assert!(signal.is_requested());
    }
}
