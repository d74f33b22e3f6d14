//! Several futures in one task.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// All results, in order, when the last is there.
///
/// Any number of futures: they share one waker that stands for the task's, and a wake polls
/// every unfinished one again, so they should be few or finish together (a group of writes).
pub fn join_all<F: Future>(futures: Vec<F>) -> JoinAll<F> {
    let parts = futures
        .into_iter()
        .map(|future| Part::Running(Box::pin(future)))
        .collect();
    JoinAll {
        parts,
        relay: Arc::default(),
        running_from: 0,
    }
}

/// See [`join_all`].
#[must_use = "futures do nothing unless awaited"]
pub struct JoinAll<F: Future> {
    parts: Vec<Part<F>>,
    relay: Arc<Relay>,
    /// Everything before it is done: the usual order of completion makes each wake short.
    running_from: usize,
}

enum Part<F: Future> {
    Running(Pin<Box<F>>),
    Done(F::Output),
}

impl<F: Future> Unpin for JoinAll<F> {}

impl<F: Future> Future for JoinAll<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.relay.forward_to(cx.waker());
        let waker = Waker::from(this.relay.clone());
        let cx = &mut Context::from_waker(&waker);
        for part in &mut this.parts[this.running_from..] {
            part.poll(cx);
        }
        let running = this
            .parts
            .iter()
            .skip(this.running_from)
            .position(Part::is_running);
        if let Some(more) = running {
            this.running_from += more;
            return Poll::Pending;
        }
        Poll::Ready(this.parts.drain(..).map(Part::result).collect())
    }
}

impl<F: Future> Part<F> {
    fn poll(&mut self, cx: &mut Context<'_>) {
        if let Self::Running(future) = self
            && let Poll::Ready(output) = future.as_mut().poll(cx)
        {
            *self = Self::Done(output);
        }
    }

    fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }

    fn result(self) -> F::Output {
        match self {
            Self::Done(output) => output,
            Self::Running(_) => unreachable!("asked for when no part is running"),
        }
    }
}

/// One clone of the task's waker for any number of children.
#[derive(Default)]
struct Relay {
    task: Mutex<Option<Waker>>,
}

impl Relay {
    fn forward_to(&self, waker: &Waker) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !task.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *task = Some(waker.clone());
        }
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        // Taken, not cloned: one wake is enough until the next poll, which sets it anew.
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// Which of two was first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first, with its result.
    First(A),
    /// The second, with its result.
    Second(B),
}

/// Whichever is done first; the other is dropped. The first wins a tie.
pub async fn race<A: Future, B: Future>(first: A, second: B) -> Either<A::Output, B::Output> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = first.as_mut().poll(cx) {
            return Poll::Ready(Either::First(output));
        }
        second.as_mut().poll(cx).map(Either::Second)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::super::oneshot;
    use super::*;

    #[test]
    fn all_results_come_in_order() {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
        let mut all = join_all(receivers);
        let cx = &mut Context::from_waker(Waker::noop());
        for (n, sender) in senders.into_iter().enumerate().rev() {
            assert!(Pin::new(&mut all).poll(cx).is_pending());
            sender.send(n).expect("the receiver lives");
        }
        assert_eq!(
            Pin::new(&mut all).poll(cx),
            Poll::Ready(vec![Ok(0), Ok(1), Ok(2)])
        );
    }

    #[test]
    fn the_first_of_two_wins() {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut race = pin!(race(std::future::pending::<u8>(), std::future::ready(2)));
        assert_eq!(race.as_mut().poll(cx), Poll::Ready(Either::Second(2)));
    }
}
