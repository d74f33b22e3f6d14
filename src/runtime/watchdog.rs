//! A thread beside the cores that sees when one of them does not move.
//!
//! Two things can be wrong. A task runs too long: that is a stall, named in the log while it
//! lasts. Or the executor sleeps although tasks could run: glommio 0.9 can park between being
//! preempted and looking at its queues. A signal whose handler does nothing ends the system call
//! it sleeps in, and it goes on.

use super::pulse::{Pulse, name_of, since_start_ns};
use crate::model::CoreId;
use crate::sys::thread::{ThreadId, install_kick_handler, kick};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How often the watchdog looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// A core whose own timer is overdue by this much is kicked.
const OVERDUE_MAX: Duration = Duration::from_millis(20);
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

fn watch(cores: &[Watched], done: &AtomicBool) {
    let mut reported = vec![0; cores.len()];
    while !done.load(Ordering::Relaxed) {
        for (watched, reported) in cores.iter().zip(&mut reported) {
            look_at(watched, reported);
        }
        thread::park_timeout(LOOK_EVERY);
    }
}

/// `reported` is the beat during which this core was last called stuck.
fn look_at(watched: &Watched, reported: &mut u64) {
    let (pulse, now_ns) = (&watched.pulse, since_start_ns());
    match pulse.polling_for(now_ns) {
        Some(lasts) if lasts > STUCK_AFTER && *reported != pulse.beats() => {
            *reported = pulse.beats();
            let (core, name) = (watched.core, name_of(pulse.running()));
            log::error!(
                "core {core} has been stuck in {name} for {} ms",
                lasts.as_millis()
            );
        }
        Some(_) => {}
        None if pulse.overdue(now_ns) > OVERDUE_MAX => {
            pulse.count_kick();
            kick(watched.thread);
        }
        None => {}
    }
}
