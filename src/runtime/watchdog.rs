//! A thread beside the cores that sees when one of them does not move.
//!
//! Two things can be wrong. A task runs too long: that is a stall, named in the log while it
//! lasts. Or the executor sleeps although tasks could run: glommio 0.9 can park between being
//! preempted and looking at its queues. The task that drives the core can always run, so a core
//! that neither polls nor sleeps by its own call moves from one look to the next, or is kicked: a
//! signal whose handler does nothing ends the system call it sleeps in, and it goes on.

use super::pulse::{Doing, Pulse, name_of, since_start_ns};
use crate::model::CoreId;
use crate::sys::thread::{ThreadId, install_kick_handler, kick};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How often the watchdog looks. Each look costs some 5 µs: at a hundred a second they were a tenth
/// of what an idle broker took.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A poll that has lasted this long is reported while it still lasts.
const STUCK_AFTER: Duration = Duration::from_secs(1);

/// A core under watch.
pub(super) struct Watched {
    pub(super) core: CoreId,
    pub(super) thread: ThreadId,
    pub(super) pulse: Arc<Pulse>,
}

/// Watches until dropped.
pub(super) struct Watchdog {
    done: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Watchdog {
    pub(super) fn start(cores: Vec<Watched>) -> io::Result<Self> {
        install_kick_handler()?;
        let done = Arc::new(AtomicBool::new(false));
        let (flag, name) = (done.clone(), "watchdog".to_owned());
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || watch(&cores, &flag))?;
        Ok(Self {
            done,
            thread: Some(thread),
        })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// What was seen of a core at the last look.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// Its beats, if the executor was choosing.
    choosing_at: Option<u64>,
    /// The beat during which it was last called stuck.
    stuck_at: Option<u64>,
}

fn watch(cores: &[Watched], done: &AtomicBool) {
    let mut seen = vec![Seen::default(); cores.len()];
    while !done.load(Ordering::Relaxed) {
        for (watched, seen) in cores.iter().zip(&mut seen) {
            look_at(watched, seen);
        }
        thread::park_timeout(LOOK_EVERY);
    }
}

fn look_at(watched: &Watched, seen: &mut Seen) {
    let pulse = &watched.pulse;
    let (beats, doing) = (Some(pulse.beats()), pulse.doing(since_start_ns()));
    if let Doing::Polling(lasts) = doing
        && lasts > STUCK_AFTER
        && seen.stuck_at != beats
    {
        seen.stuck_at = beats;
        let (core, name) = (watched.core, name_of(pulse.running()));
        log::error!(
            "core {core} has been stuck in {name} for {} ms",
            lasts.as_millis()
        );
    }
    let chooses = doing == Doing::Choosing;
    if chooses && seen.choosing_at == beats {
        pulse.count_kick();
        kick(watched.thread);
    }
    seen.choosing_at = beats.filter(|_| chooses);
}
