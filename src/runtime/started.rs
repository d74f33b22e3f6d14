//! One core between its coming up and its end.

use super::core::{Core, Inner};
use super::disk::Disk;
use super::drive::{Rounds, drive};
use super::error::StartError;
use super::executor::CoreOptions;
use super::fate::Fate;
use super::mail::Mail;
use super::net::{Readiness, ReceiveArea, STRETCHES_MAX};
use super::pulse::{Pulse, index_of};
use super::ring::Ring;
use super::stats::Counters;
use super::sync::{Either, Semaphore, race};
use super::watchdog::Watched;
use crate::model::CoreId;
use crate::sys::adopt;
use crate::sys::arena::Arena;
use crate::sys::thread::{ThreadId, set_precise_timers};
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement, PoolPlacement};
use std::cell::Cell;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Ring depths to try: a deep ring keeps thousands of idle connections cheap, a shallow one
/// comes up where memory is tight.
const RING_DEPTHS: [usize; 4] = [4096, 1024, 256, 128];
/// glommio's own registered buffers, which we never use.
const GLOMMIO_MEMORY_BYTES: usize = 64 << 10;
/// Threads of a core's pool for blocking work; the kernel places them.
const BLOCKING_THREADS: usize = 2;
/// A core that ends looks so often whether the kernel has finished.
const SETTLE_EVERY: Duration = Duration::from_millis(10);
/// A ring whose eventfd cannot be read is asked so often.
const RETRY_EVERY: Duration = Duration::from_millis(10);

/// What a core is made from.
pub(super) struct Seed {
    pub(super) id: CoreId,
    pub(super) count: usize,
    pub(super) options: CoreOptions,
    pub(super) fate: Arc<Fate>,
}

/// A core that has come up: nothing it needs can fail any more.
pub(super) struct Started {
    executor: LocalExecutor,
    seed: Seed,
    arena: Arena,
    ring: Ring,
    rounds: Rc<Rounds>,
    sockets: Readiness,
    mail: Mail,
    completions: OwnedFd,
    counters: Rc<Counters>,
    pulse: Arc<Pulse>,
}

impl Started {
    pub(super) fn new(place: Placement, seed: Seed) -> Result<Self, StartError> {
        set_precise_timers();
        let id = seed.id;
        let executor = build_executor(place).map_err(|error| failed(id, error))?;
        let arena = Arena::new(seed.options.arena_bytes).map_err(|error| failed(id, error))?;
        let counters = Rc::new(Counters::default());
        let rounds = Rc::new(Rounds::default());
        let sockets = Readiness::new().map_err(|error| failed(id, error))?;
        let mail = Mail::new(&sockets).map_err(|error| failed(id, error))?;
        let (ring, completions) = Ring::new(counters.clone(), rounds.clone()).map_err(|error| {
            StartError::RingRefused {
                reason: error.to_string(),
            }
        })?;
        Ok(Self {
            executor,
            seed,
            arena,
            ring,
            rounds,
            sockets,
            mail,
            completions,
            counters,
            pulse: Arc::default(),
        })
    }

    pub(super) fn watched(&self) -> Watched {
        Watched {
            core: self.seed.id,
            thread: ThreadId::current(),
            pulse: self.pulse.clone(),
        }
    }

    /// `None` when a panic, here or on another core, ended it early.
    pub(super) fn run<T, F: Future<Output = T>>(self, make: impl FnOnce(Core) -> F) -> Option<T> {
        let Self {
            executor,
            seed,
            arena,
            ring,
            rounds,
            sockets,
            mail,
            completions,
            counters,
            pulse,
        } = self;
        let fate = seed.fate.clone();
        executor.run(async move {
            let core = Core {
                inner: Rc::new(Inner {
                    id: seed.id,
                    count: seed.count,
                    receive_area: ReceiveArea::new(arena.clone()),
                    arena,
                    disk: Disk::new(ring.clone(), counters.clone()),
                    ring,
                    rounds,
                    sleepers: Rc::default(),
                    sockets,
                    mail,
                    fetch_path: seed.options.fetch_path,
                    stretches: Semaphore::new(STRETCHES_MAX),
                    counters,
                    pulse,
                    fate: seed.fate,
                    tasks: Rc::default(),
                    stall_after: seed.options.stall_after,
                    busy_poll: seed.options.busy_poll,
                    last_turn: Cell::new(Instant::now()),
                    last_stall_log: Cell::new(None),
                    slow_label: Cell::new(None),
                }),
            };
            core.spawn(drive(core.clone()));
            core.spawn(reap_completions(core.clone(), completions));
            let main = core.tracked(index_of("the main task"), Box::pin(make(core.clone())));
            let ended = match race(main, fate.sealed(core.id())).await {
                Either::First(output) => output,
                Either::Second(()) => None,
            };
            settle(&core);
            ended
        })
    }
}

/// Drops all tasks and waits for what the ring has under way: writes that were started are
/// finished.
fn settle(core: &Core) {
    core.inner.tasks.end();
    core.inner.ring.flush();
    while core.inner.ring.unfinished() > 0 {
        core.inner.ring.wait(SETTLE_EVERY);
        core.inner.ring.reap();
    }
}

/// Waits for the side ring's eventfd and takes the answers.
async fn reap_completions(core: Core, completions: OwnedFd) {
    let event: glommio::io::BufferedFile = adopt(completions);
    loop {
        if let Err(error) = event.read_at(0, size_of::<u64>()).await {
            log::error!(
                "core {}: the ring's eventfd cannot be read: {error}",
                core.id()
            );
            core.sleep(RETRY_EVERY).await;
        }
        core.inner.ring.reap();
        core.inner.rounds.want();
    }
}

fn build_executor(place: Placement) -> Result<LocalExecutor, String> {
    let mut reason = String::new();
    for depth in RING_DEPTHS {
        let builder = LocalExecutorBuilder::new(place.clone())
            .ring_depth(depth)
            .io_memory(GLOMMIO_MEMORY_BYTES)
            .blocking_thread_pool_placement(PoolPlacement::Unbound(BLOCKING_THREADS));
        match builder.make() {
            Ok(executor) => return Ok(executor),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(reason)
}

pub(super) fn failed(core: CoreId, error: impl ToString) -> StartError {
    StartError::Executor {
        core,
        reason: error.to_string(),
    }
}
