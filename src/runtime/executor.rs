//! Bringing the cores up, each on its processor, and down again.

use super::core::Core;
use super::core_plan::CorePlan;
use super::error::StartError;
use super::fate::Fate;
use super::net::FetchPath;
use super::started::{Seed, Started, failed};
use super::watchdog::{Watchdog, Watched};
use glommio::Placement;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// What each core is given.
#[derive(Clone, Debug)]
pub struct CoreOptions {
    /// The budget of a core's arena.
    pub arena_bytes: usize,
    /// How file data goes to sockets.
    pub fetch_path: FetchPath,
    /// A poll of a task that lasts longer is counted and logged as a stall.
    pub stall_after: Duration,
    /// How long a core that has nothing to do looks for work before it sleeps.
    pub busy_poll: Duration,
}

impl Default for CoreOptions {
    /// For tests and tools: 64 MiB, copying.
    fn default() -> Self {
        let stall_after = Duration::from_millis(5);
        Self {
            arena_bytes: 64 << 20,
            fetch_path: FetchPath::Copy,
            stall_after,
            busy_poll: Duration::ZERO,
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
