//! Waiting for a peer, with an end: for what is waited for again and again.

use super::core::Core;
use super::pulse::since_start_ns;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

/// The timer of a connection looks so often, whatever it waits for. Each look wakes its task: at one
/// in 30 s ten thousand connections woke a core 330 times a second for nothing.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// The clock that is asked may be so late: when the timer rings it has come that far.
const TICK_MAX: Duration = Duration::from_millis(11);

/// Bounds one wait after the other with one timer, which is set again only when it has rung: a
/// timer for each wait would cost more than the wait. Exact to some milliseconds.
pub struct Patience {
    core: Core,
    timer: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// When the timer rings, [`since_start_ns`].
    rings_ns: u64,
}

impl Patience {
    /// No timer runs yet.
    pub fn new(core: Core) -> Self {
        Self {
            core,
            timer: None,
            rings_ns: 0,
        }
    }

    /// The result of `future`, unless `time` passes first; the future is then dropped.
    ///
    /// Always from the same task. As [`Core::timeout`], not around writes.
    pub async fn wait<T>(&mut self, time: Duration, future: impl Future<Output = T>) -> Option<T> {
        let (mut future, mut due_ns) = (pin!(future), None);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let now_ns = since_start_ns();
            if due_ns.is_some() {
                self.forget_rung(cx);
            }
            let due_ns = *due_ns.get_or_insert(now_ns.saturating_add(nanoseconds(time)));
            if now_ns >= due_ns {
                return Poll::Ready(None);
            }
            self.look_until(cx, now_ns, due_ns);
            Poll::Pending
        })
        .await
    }

    /// Sees to it that the task is polled when `due_ns` is over, if not before.
    fn look_until(&mut self, cx: &mut Context<'_>, now_ns: u64, due_ns: u64) {
        let look_ns = due_ns.min(now_ns + nanoseconds(LOOK_EVERY));
        let rings = self.timer.is_some() && self.rings_ns > now_ns;
        if rings && self.rings_ns <= due_ns {
            return;
        }
        let core = self.core.clone();
        let time = Duration::from_nanos(look_ns - now_ns) + TICK_MAX;
        let mut timer: Pin<Box<dyn Future<Output = ()>>> =
            Box::pin(async move { core.sleep(time).await });
        // Its waker is the task's, and stays so.
        let _ = timer.as_mut().poll(cx);
        self.timer = Some(timer);
        self.rings_ns = look_ns;
    }

    /// The task was woken without a result: perhaps by the timer, whatever the clock says.
    fn forget_rung(&mut self, cx: &mut Context<'_>) {
        if let Some(timer) = &mut self.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            self.timer = None;
        }
    }
}

/// For ever, where it is more than 584 years.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{CoreOptions, block_on_one_core};
    use std::future::{pending, ready};
    use std::time::Instant;

    #[test]
    fn it_ends_in_time_again_and_again() {
        block_on_one_core(CoreOptions::default(), async |core| {
            let mut patience = Patience::new(core.clone());
            let long = Duration::from_secs(3600);
            for _ in 0..3 {
                assert_eq!(patience.wait(long, ready(7)).await, Some(7));
                let slept = core.sleep(Duration::from_millis(2));
                assert!(patience.wait(Duration::MAX, slept).await.is_some());
                let slept = core.sleep(Duration::from_millis(2));
                assert!(patience.wait(long, slept).await.is_some());
                let (began, short) = (Instant::now(), Duration::from_millis(30));
                assert_eq!(patience.wait(short, pending::<()>()).await, None);
                assert!(began.elapsed() > Duration::from_millis(15));
                assert!(began.elapsed() < Duration::from_secs(5));
            }
        });
    }
}
