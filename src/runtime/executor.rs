//! Bringing the cores up, each on its processor, and down again.

use super::core::{Core, Inner};
use super::disk::Disk;
use super::error::StartError;
use super::fate::Fate;
use super::net::{FetchPath, ReceiveArea};
use super::pulse::{Pulse, index_of};
use super::ring::Ring;
use super::stats::Counters;
use super::sync::{Either, race};
use super::watchdog::{Watchdog, Watched};
use crate::model::CoreId;
use crate::sys::adopt;
use crate::sys::arena::Arena;
use crate::sys::thread::{ThreadId, set_precise_timers};
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement, PoolPlacement};
use std::cell::Cell;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Ring depths to try: a deep ring keeps thousands of idle connections cheap, a shallow one
/// comes up where memory is tight.
const RING_DEPTHS: [usize; 4] = [4096, 1024, 256, 128];
/// glommio's own registered buffers, which we never use.
const GLOMMIO_MEMORY_BYTES: usize = 64 << 10;
/// Threads of a core's pool for blocking work; the kernel places them.
const BLOCKING_THREADS: usize = 2;
/// A busy core's timer for the watchdog; an idle core doubles it up to the maximum.
const BEAT_EVERY: Duration = Duration::from_millis(10);
const BEAT_EVERY_MAX: Duration = Duration::from_millis(80);

/// The processors to run on, one core each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorePlan {
    processors: Vec<usize>,
}

impl CorePlan {
    /// Every processor this process may use (its affinity mask says).
    pub fn all() -> Self {
        let mut processors: Vec<_> = core_affinity::get_core_ids()
            .unwrap_or_default()
            .iter()
            .map(|core| core.id)
            .collect();
        processors.sort_unstable();
        if processors.is_empty() {
            processors.push(0);
        }
        Self { processors }
    }

    /// The first `count` of them, at least one, at most all.
    pub fn first(count: usize) -> Self {
        let mut plan = Self::all();
        plan.processors.truncate(count.max(1));
        plan
    }

    /// Exactly these processors, by the kernel's numbers.
    ///
    /// # Errors
    /// When one of them is not ours to use, or the list is empty.
    pub fn list(processors: &[usize]) -> Result<Self, StartError> {
        let allowed = Self::all().processors;
        let unknown = processors.iter().find(|wanted| !allowed.contains(wanted));
        match unknown.copied().or(processors.is_empty().then_some(0)) {
            Some(wanted) => Err(StartError::Core { wanted, allowed }),
            None => Ok(Self {
                processors: processors.to_vec(),
            }),
        }
    }

    /// How many cores it has.
    pub fn count(&self) -> usize {
        self.processors.len()
    }
}

/// What each core is given.
#[derive(Clone, Debug)]
pub struct CoreOptions {
    /// The budget of a core's arena.
    pub arena_bytes: usize,
    /// How file data goes to sockets.
    pub fetch_path: FetchPath,
    /// A poll of a task that lasts longer is counted and logged as a stall.
    pub stall_after: Duration,
}

impl Default for CoreOptions {
    /// For tests and tools: 64 MiB, copying.
    fn default() -> Self {
        let stall_after = Duration::from_millis(5);
        Self {
            arena_bytes: 64 << 20,
            fetch_path: FetchPath::Copy,
            stall_after,
        }
    }
}

/// Runs `make(core)` on every core of the plan, each pinned; returns when all have ended.
///
/// # Errors
/// When a core does not come up; none has then started its work.
///
/// # Panics
/// With the panic of any task of any core.
pub fn run<F: Future<Output = ()>>(
    plan: &CorePlan,
    options: &CoreOptions,
    make: impl Fn(Core) -> F + Clone + Send,
) -> Result<(), StartError> {
    let places = plan
        .processors
        .iter()
        .map(|processor| Placement::Fixed(*processor))
        .collect();
    run_placed(places, options, make).map(drop)
}

/// Runs `make(core)` on `count` cores that are not pinned and gives their results: for tests.
///
/// # Panics
/// When a core does not come up, and with the panic of any task.
pub fn run_on_cores<T: Send, F: Future<Output = T>>(
    count: usize,
    options: &CoreOptions,
    make: impl Fn(Core) -> F + Clone + Send,
) -> Vec<T> {
    let places = (0..count).map(|_| Placement::Unbound).collect();
    match run_placed(places, options, make) {
        Ok(results) => results,
        Err(error) => panic!("{error}"),
    }
}

/// Runs `make(core)` on one core that is not pinned: for tests and tools.
///
/// # Panics
/// When the core does not come up, and with the panic of any task.
pub fn block_on_one_core<T: Send, F: Future<Output = T>>(
    options: CoreOptions,
    make: impl FnOnce(Core) -> F + Send,
) -> T {
    let fate = Arc::new(Fate::default());
    let result = thread::scope(|scope| {
        let core = scope.spawn(|| {
            let seed = Seed {
                id: 0,
                count: 1,
                options,
                fate: fate.clone(),
            };
            let started = Started::new(Placement::Unbound, seed).unwrap_or_else(|e| panic!("{e}"));
            let watched = vec![started.watched()];
            let _watchdog = Watchdog::start(watched).expect("a thread for the watchdog");
            started.run(make)
        });
        core.join().unwrap_or_else(|panic| resume_unwind(panic))
    });
    finish(&fate, vec![result])
        .pop()
        .expect("one core, one result")
}

fn run_placed<T: Send, F: Future<Output = T>>(
    places: Vec<Placement>,
    options: &CoreOptions,
    make: impl Fn(Core) -> F + Clone + Send,
) -> Result<Vec<T>, StartError> {
    let (fate, count) = (Arc::new(Fate::default()), places.len());
    let results = thread::scope(|scope| {
        let (report, reports) = mpsc::channel();
        let mut cores = Vec::new();
        for (id, place) in places.into_iter().enumerate() {
            let seed = Seed {
                id,
                count,
                options: options.clone(),
                fate: fate.clone(),
            };
            let (report, make) = (report.clone(), make.clone());
            let (go, wait) = mpsc::channel();
            let core = move || run_core(place, seed, &report, &wait, make);
            let thread = thread::Builder::new().name(format!("core-{id}"));
            let thread = thread
                .spawn_scoped(scope, core)
                .map_err(|error| failed(id, error))?;
            cores.push((go, thread));
        }
        // An error drops every `go`: cores that have come up go down again.
        let watched = reports.iter().take(count).collect::<Result<Vec<_>, _>>()?;
        let _watchdog = Watchdog::start(watched).map_err(|error| failed(0, error))?;
        for (go, _) in &cores {
            let _ = go.send(());
        }
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join();
        let joined = cores.into_iter().map(|(_, thread)| join(thread));
        Ok(joined
            .map(|result| result.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect())
    })?;
    Ok(finish(&fate, results))
}

/// Brings a core up, reports, waits for all others, and works.
fn run_core<T, F: Future<Output = T>>(
    place: Placement,
    seed: Seed,
    report: &mpsc::Sender<Result<Watched, StartError>>,
    go: &mpsc::Receiver<()>,
    make: impl FnOnce(Core) -> F,
) -> Option<T> {
    let started = match Started::new(place, seed) {
        Ok(started) => started,
        Err(error) => {
            let _ = report.send(Err(error));
            return None;
        }
    };
    let _ = report.send(Ok(started.watched()));
    go.recv().ok()?;
    started.run(make)
}

/// The results of all cores, or the panic of one.
fn finish<T>(fate: &Fate, results: Vec<Option<T>>) -> Vec<T> {
    if let Some(panic) = fate.take_panic() {
        resume_unwind(panic);
    }
    results
        .into_iter()
        .map(|result| result.expect("without a panic every core ends"))
        .collect()
}

/// What a core is made from.
struct Seed {
    id: CoreId,
    count: usize,
    options: CoreOptions,
    fate: Arc<Fate>,
}

/// A core that has come up: nothing it needs can fail any more.
struct Started {
    executor: LocalExecutor,
    seed: Seed,
    arena: Arena,
    ring: Ring,
    completions: OwnedFd,
    counters: Rc<Counters>,
    pulse: Arc<Pulse>,
}

impl Started {
    fn new(place: Placement, seed: Seed) -> Result<Self, StartError> {
        set_precise_timers();
        let id = seed.id;
        let executor = build_executor(place).map_err(|error| failed(id, error))?;
        let arena = Arena::new(seed.options.arena_bytes).map_err(|error| failed(id, error))?;
        let counters = Rc::new(Counters::default());
        let (ring, completions) =
            Ring::new(counters.clone()).map_err(|error| StartError::RingRefused {
                reason: error.to_string(),
            })?;
        Ok(Self {
            executor,
            seed,
            arena,
            ring,
            completions,
            counters,
            pulse: Arc::default(),
        })
    }

    fn watched(&self) -> Watched {
        Watched {
            core: self.seed.id,
            thread: ThreadId::current(),
            pulse: self.pulse.clone(),
        }
    }

    /// `None` when a panic, here or on another core, ended it early.
    fn run<T, F: Future<Output = T>>(self, make: impl FnOnce(Core) -> F) -> Option<T> {
        let Self {
            executor,
            seed,
            arena,
            ring,
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
                    fetch_path: seed.options.fetch_path,
                    counters,
                    pulse,
                    fate: seed.fate,
                    stall_after: seed.options.stall_after,
                    last_turn: Cell::new(Instant::now()),
                    last_stall_log: Cell::new(None),
                    slow_label: Cell::new(None),
                }),
            };
            core.spawn(core.inner.ring.clone().submit_each_turn());
            core.spawn(reap_completions(core.clone(), completions));
            core.spawn(beat(core.clone()));
            let main = core.tracked(index_of("the main task"), make(core.clone()));
            let ended = match race(main, fate.sealed(core.id())).await {
                Either::First(output) => output,
                Either::Second(()) => None,
            };
            settle(&core).await;
            ended
        })
    }
}

/// Waits for what the ring has under way: writes that were started are finished.
async fn settle(core: &Core) {
    core.inner.ring.flush();
    while core.inner.ring.unfinished() > 0 {
        core.sleep(Duration::from_micros(100)).await;
        core.inner.ring.flush();
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
            core.sleep(BEAT_EVERY).await;
        }
        core.inner.ring.reap();
    }
}

/// Moves at least once in a while, so that the watchdog can tell idle from stuck.
async fn beat(core: Core) {
    let (mut period, pulse) = (BEAT_EVERY, core.inner.pulse.clone());
    loop {
        let before = pulse.beats();
        pulse.expect_beat_within(period);
        core.sleep(period).await;
        // One beat is our own.
        let idle = pulse.beats() <= before + 1;
        period = if idle {
            BEAT_EVERY_MAX.min(period * 2)
        } else {
            BEAT_EVERY
        };
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

fn failed(core: CoreId, error: impl ToString) -> StartError {
    StartError::Executor {
        core,
        reason: error.to_string(),
    }
}
