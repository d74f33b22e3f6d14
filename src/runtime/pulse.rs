//! What a core shows the watchdog: that it moves, and what it is doing.

use rustix::time::{ClockId, clock_getres, clock_gettime};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Instead of a time: the core sleeps, and wakes by itself when that is over.
const ASLEEP: u64 = u64::MAX;

/// What a core is doing, as the watchdog sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// A task has run for so long.
    Polling(Duration),
    /// It sleeps in a call of ours, which ends in time.
    Sleeping,
    /// The executor chooses what to do next, or sleeps.
    Choosing,
}

/// Written by its core, read by the watchdog; each value stands for itself, so order is no matter.
#[derive(Default)]
pub(super) struct Pulse {
    /// Rises with every poll of a task.
    beats: AtomicU64,
    /// When the current poll began, [`since_start_ns`]; 0 between polls, [`ASLEEP`] in a sleep of
    /// its own.
    polling_since_ns: AtomicU64,
    /// What runs: an index for [`name_of`].
    running: AtomicU32,
    stalls: AtomicU64,
    kicks: AtomicU64,
}

impl Pulse {
    pub(super) fn beats(&self) -> u64 {
        self.beats.load(Relaxed)
    }

    pub(super) fn stalls(&self) -> u64 {
        self.stalls.load(Relaxed)
    }

    pub(super) fn kicks(&self) -> u64 {
        self.kicks.load(Relaxed)
    }

    pub(super) fn count_stall(&self) {
        self.stalls.fetch_add(1, Relaxed);
    }

    pub(super) fn count_kick(&self) {
        self.kicks.fetch_add(1, Relaxed);
    }

    /// A task's poll begins. (Only the core itself writes: no need for an atomic increment.)
    pub(super) fn begin_poll(&self, name: u32, now_ns: u64) {
        self.beats.store(self.beats() + 1, Relaxed);
        self.running.store(name, Relaxed);
        self.polling_since_ns.store(now_ns, Relaxed);
    }

    /// A task's poll ends; when it began.
    pub(super) fn end_poll(&self) -> u64 {
        let since_ns = self.polling_since_ns.load(Relaxed);
        self.polling_since_ns.store(0, Relaxed);
        since_ns
    }

    /// The poll sleeps: from here on it has not lasted.
    pub(super) fn fall_asleep(&self) {
        self.polling_since_ns.store(ASLEEP, Relaxed);
    }

    /// The poll that slept goes on; it counts from now.
    pub(super) fn resume_poll(&self, now_ns: u64) {
        self.polling_since_ns.store(now_ns, Relaxed);
    }

    /// Changes what runs within a poll and gives what ran before.
    pub(super) fn swap_running(&self, name: u32) -> u32 {
        let before = self.running.load(Relaxed);
        self.running.store(name, Relaxed);
        before
    }

    pub(super) fn running(&self) -> u32 {
        self.running.load(Relaxed)
    }

    pub(super) fn doing(&self, now_ns: u64) -> Doing {
        match self.polling_since_ns.load(Relaxed) {
            0 => Doing::Choosing,
            ASLEEP => Doing::Sleeping,
            since => Doing::Polling(Duration::from_nanos(now_ns.saturating_sub(since))),
        }
    }
}

/// Nanoseconds since the first call in this process, plus one: never 0. As exact as the kernel's
/// tick (1 to 10 ms): every poll of every task asks twice, and the exact clock costs ten times as
/// much.
pub(super) fn since_start_ns() -> u64 {
    static START: OnceLock<u64> = OnceLock::new();
    let now_ns = coarse_ns();
    now_ns.saturating_sub(*START.get_or_init(|| now_ns)) + 1
}

/// How long it is since then, at least: the clock may have been about to tick.
pub(super) fn lasted_since(began_ns: u64) -> Duration {
    static TICK: OnceLock<Duration> = OnceLock::new();
    let tick = TICK.get_or_init(|| {
        let tick = clock_getres(ClockId::MonotonicCoarse);
        Duration::new(tick.tv_sec as u64, tick.tv_nsec as u32)
    });
    Duration::from_nanos(since_start_ns() - began_ns).saturating_sub(*tick)
}

fn coarse_ns() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The index by which a name travels through an atomic.
pub(super) fn index_of(name: &'static str) -> u32 {
    thread_local! {
        /// By address: the same text at two addresses has two indexes, which does no harm.
        static KNOWN: RefCell<HashMap<usize, u32>> = RefCell::default();
        static LAST: Cell<(usize, u32)> = const { Cell::new((0, 0)) };
    }
    let address = name.as_ptr().addr();
    if LAST.get().0 == address {
        return LAST.get().1;
    }
    let index =
        KNOWN.with_borrow_mut(|known| *known.entry(address).or_insert_with(|| register(name)));
    LAST.set((address, index));
    index
}

/// The index of a place in the source, as "file:line".
pub(super) fn index_of_place(place: &'static Location<'static>) -> u32 {
    thread_local! {
        static KNOWN: RefCell<HashMap<usize, u32>> = RefCell::default();
    }
    let address = std::ptr::from_ref(place).addr();
    // Leaked once per place and thread: a bounded amount.
    let name = || {
        register(Box::leak(
            format!("{}:{}", place.file(), place.line()).into_boxed_str(),
        ))
    };
    KNOWN.with_borrow_mut(|known| *known.entry(address).or_insert_with(name))
}

/// The name behind an index.
pub(super) fn name_of(index: u32) -> &'static str {
    let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.get(index as usize).copied().unwrap_or("nothing")
}

static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

fn register(name: &'static str) -> u32 {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = names.iter().position(|known| *known == name);
    let index = known.unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    });
    index as u32
}
