//! The handle through which a task reaches its core.

use super::blocking;
use super::disk::Disk;
use super::drive::Rounds;
use super::fate::Fate;
use super::mail::Mail;
use super::net::{FetchPath, Readiness, ReceiveArea};
use super::pulse::{Pulse, index_of, index_of_place, lasted_since, name_of, since_start_ns};
use super::ring::Ring;
use super::sleep::Sleepers;
use super::stats::{CoreStats, Counters};
use super::sync::{Either, Semaphore, race};
use super::tasks::Tasks;
use crate::model::{CoreId, TimestampMs};
use crate::sys::arena::Arena;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longest time a task should run without letting the reactor have a go.
const BREATHE_EVERY: Duration = Duration::from_micros(300);
/// Stalls are all counted; at most one in this time is logged per core.
const STALL_LOG_EVERY: Duration = Duration::from_millis(200);

/// One core: its memory, disk, time and tasks. Clones are the same core; it stays on its thread.
#[derive(Clone)]
pub struct Core {
    pub(super) inner: Rc<Inner>,
}

pub(super) struct Inner {
    pub(super) id: CoreId,
    pub(super) count: usize,
    pub(super) arena: Arena,
    pub(super) disk: Disk,
    pub(super) ring: Ring,
    pub(super) rounds: Rc<Rounds>,
    pub(super) sleepers: Rc<Sleepers>,
    pub(super) sockets: Readiness,
    pub(super) mail: Mail,
    pub(super) receive_area: ReceiveArea,
    pub(super) fetch_path: FetchPath,
    /// Bounds what is read into the page cache at a time.
    pub(super) stretches: Semaphore,
    pub(super) counters: Rc<Counters>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) fate: Arc<Fate>,
    pub(super) tasks: Rc<Tasks>,
    /// A poll that lasts longer is a stall.
    pub(super) stall_after: Duration,
    /// So long it looks for work before it sleeps.
    pub(super) busy_poll: Duration,
    pub(super) last_turn: Cell<Instant>,
    pub(super) last_stall_log: Cell<Option<Instant>>,
    /// The label during which the current poll lost most of its time.
    pub(super) slow_label: Cell<Option<u32>>,
}

impl Core {
    /// Its index among the cores of this process.
    pub fn id(&self) -> CoreId {
        self.inner.id
    }

    /// How many cores this process runs on.
    pub fn count(&self) -> usize {
        self.inner.count
    }

    /// The memory of this core.
    pub fn arena(&self) -> &Arena {
        &self.inner.arena
    }

    /// The disk, through this core's ring.
    pub fn disk(&self) -> &Disk {
        &self.inner.disk
    }

    /// The area into which this core's connections receive.
    pub fn receive_area(&self) -> &ReceiveArea {
        &self.inner.receive_area
    }

    /// How file data goes to sockets on this host.
    pub fn fetch_path(&self) -> FetchPath {
        self.inner.fetch_path
    }

    /// Runs a task of its own, from the next turn on. A panic in it ends the process.
    #[track_caller]
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let name = index_of_place(Location::caller());
        let kept = self.inner.tasks.keep(Box::pin(future));
        // A panic has sealed the fate of the run, and there is nobody to tell.
        let task = self.tracked(name, kept);
        let queue = glommio::TaskQueueHandle::default();
        let spawned = glommio::spawn_local_into(task, queue);
        spawned.expect("the default queue always exists").detach();
    }

    /// Waits.
    pub async fn sleep(&self, time: Duration) {
        self.inner.sleepers.sleep(time).await;
    }

    /// Lets sockets, disk, other cores and all other tasks have their go: the only way to yield that
    /// reaches them. Costs a system call at least, so call it every few hundred microseconds of
    /// work. The pool has its go every millisecond.
    pub async fn turn(&self) {
        self.inner.rounds.next().await;
    }

    /// [`Core::turn`], if the last one was more than 300 µs ago: for loops.
    pub async fn breathe(&self) {
        if self.inner.last_turn.get().elapsed() > BREATHE_EVERY {
            self.turn().await;
        }
    }

    /// The result of `future`, unless `time` passes first; the future is then dropped.
    ///
    /// Not around writes: they go on, and nobody hears how they ended.
    pub async fn timeout<T>(&self, time: Duration, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        // Most are ready at once, and a timer costs more than a poll.
        let at_once = poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        });
        if let Some(output) = at_once.await {
            return Some(output);
        }
        match race(future, self.sleep(time)).await {
            Either::First(output) => Some(output),
            Either::Second(()) => None,
        }
    }

    /// Milliseconds since the Unix epoch by the host's clock.
    pub fn now_ms(&self) -> TimestampMs {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        since.as_millis() as TimestampMs
    }

    /// A clock that never goes back.
    pub fn monotonic(&self) -> Instant {
        Instant::now()
    }

    /// When the core looked for work last: the same clock, some microseconds late, for nothing.
    pub fn last_turn(&self) -> Instant {
        self.inner.last_turn.get()
    }

    /// Runs blocking work on a thread of the pool. A panic in it is a panic here.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        blocking::run(work).await
    }

    /// Names what the current poll does from here to the guard's end, for the log of stalls.
    ///
    /// The guard must not live across an await: other tasks run meanwhile.
    pub fn label(&self, name: &'static str) -> Label<'_> {
        let name = index_of(name);
        let before = self.inner.pulse.swap_running(name);
        Label {
            core: &self.inner,
            name,
            before,
            began_ns: since_start_ns(),
        }
    }

    /// What this core has done so far.
    pub fn stats(&self) -> CoreStats {
        let pulse = &self.inner.pulse;
        self.inner.counters.snapshot(pulse.stalls(), pulse.kicks())
    }

    /// Polls `future` under watch; a panic in it is every core's end.
    pub(super) fn tracked<T, F: Future<Output = T> + Unpin>(
        &self,
        name: u32,
        mut future: F,
    ) -> impl Future<Output = Option<T>> + use<T, F> {
        // glommio keeps tasks that have not ended for ever; the core shall not stay with them.
        let core = Rc::downgrade(&self.inner);
        poll_fn(move |cx| match core.upgrade() {
            Some(core) => core.watch_poll(name, Pin::new(&mut future), cx),
            None => Poll::Ready(None),
        })
    }
}

impl Inner {
    /// One poll: beating, timed, and with its panic caught (`None`).
    fn watch_poll<F: Future>(
        &self,
        name: u32,
        future: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<F::Output>> {
        self.slow_label.set(None);
        self.pulse.begin_poll(name, since_start_ns());
        let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
        let lasted = lasted_since(self.pulse.end_poll());
        if lasted > self.stall_after {
            self.report_stall(name, lasted);
        }
        match polled {
            Ok(poll) => poll.map(Some),
            Err(panic) => {
                self.fate.seal(panic);
                Poll::Ready(None)
            }
        }
    }

    /// Sleeps by `wait`, a call to the kernel: the poll that does it has not lasted meanwhile.
    pub(super) fn asleep(&self, wait: impl FnOnce()) {
        self.pulse.fall_asleep();
        wait();
        self.pulse.resume_poll(since_start_ns());
    }

    #[cold]
    fn report_stall(&self, name: u32, lasted: Duration) {
        self.pulse.count_stall();
        let within = self.slow_label.take().map_or("", name_of);
        let silent = self
            .last_stall_log
            .get()
            .is_some_and(|last| last.elapsed() < STALL_LOG_EVERY);
        if !silent {
            self.last_stall_log.set(Some(Instant::now()));
            let (core, name, count) = (self.id, name_of(name), self.pulse.stalls());
            let ms = lasted.as_secs_f64() * 1e3;
            log::warn!("core {core} stalled for {ms:.1} ms in {name} {within} (stall {count})");
        }
    }
}

/// See [`Core::label`].
#[must_use = "the label ends when it is dropped"]
pub struct Label<'a> {
    core: &'a Inner,
    name: u32,
    before: u32,
    began_ns: u64,
}

impl Drop for Label<'_> {
    fn drop(&mut self) {
        self.core.pulse.swap_running(self.before);
        let lasted = lasted_since(self.began_ns);
        // The innermost of several slow ones has said so already.
        if lasted > self.core.stall_after / 2 && self.core.slow_label.get().is_none() {
            self.core.slow_label.set(Some(self.name));
        }
    }
}
