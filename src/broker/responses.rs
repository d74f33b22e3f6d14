//! A connection's responses: sent in the order of their requests, as many at a time as are ready.
//!
//! One flush answers all produce requests that a client had on their way. Sent one by one, each
//! answer would cost a system call and wake the client; together they cost one of both.
//!
//! Where nothing is before it and nothing behind it, an answer that is there already is sent by
//! whoever has it ([`Ways`]): most of those who ask seldom get theirs so, and a task less is woken.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::context::Context;
use super::dispatch::{CloseConnection, Later, Started, now};
use super::response::Response;
use super::sending::SendLease;
use crate::runtime::sync::{Either, Notify, mpsc, race};
use crate::runtime::{Conn, Slice};

/// No further response is added to so many bytes.
const TOGETHER_BYTES_MAX: usize = 64 << 10;

/// The reader's ways to have a response sent.
pub(super) struct Ways {
    conn: Conn,
    queue: mpsc::Sender<Started>,
    sender_waits: Rc<Cell<bool>>,
}

impl Ways {
    /// Has a response sent behind all others; `alone` is one behind which no request has arrived.
    /// Whether the connection goes on.
    pub(super) async fn send(&self, mut started: Started, alone: bool) -> io::Result<bool> {
        if let Started::Ready(response) = started {
            let at_once = alone && self.sender_waits.get() && response.len() <= TOGETHER_BYTES_MAX;
            let left = match at_once {
                true => response.send_at_once(&self.conn)?,
                false => Some(response),
            };
            let Some(left) = left else {
                return Ok(true);
            };
            started = Started::Ready(left);
        }
        let goes_on = self.queue.send(started).await.is_ok();
        // Only now: while the queue was full, the sender may have emptied it and waited again.
        self.sender_waits.set(false);
        Ok(goes_on)
    }
}

/// What sends a connection's responses.
pub(super) struct Responses {
    conn: Conn,
    queue: mpsc::Receiver<Started>,
    /// It has nothing to send, and nothing is in its queue.
    waits: Rc<Cell<bool>>,
    /// Told when the reader has met the end.
    ended: Rc<Notify>,
    stall_max: Duration,
    /// The first response that is not there yet; those in the queue come after it.
    awaited: Option<Later>,
}

/// Responses that go out by one call.
#[derive(Default)]
struct Together {
    slices: Vec<Slice>,
    bytes: usize,
    /// Held until they are sent.
    leases: Vec<SendLease>,
    /// Why the connection ends after these.
    failed: Option<CloseConnection>,
}

impl Responses {
    /// With the way to it; together they hold `responses_pending_max` responses.
    pub(super) fn new(cx: &Context, conn: Conn, ended: Rc<Notify>) -> (Ways, Self) {
        let pending_max = cx.config().connections.responses_pending_max;
        let (queue, receiver) = mpsc::channel(pending_max);
        let waits = Rc::new(Cell::new(false));
        let ways = Ways {
            conn: conn.clone(),
            queue,
            sender_waits: waits.clone(),
        };
        let responses = Self {
            conn,
            queue: receiver,
            waits,
            ended,
            stall_max: Duration::from_millis(cx.config().connections.send_stall_ms_max),
            awaited: None,
        };
        (ways, responses)
    }

    /// Sends until the reader is gone; what is ready then is still sent.
    pub(super) async fn send_all(mut self) {
        while let Some(mut together) = self.first().await {
            self.gather(&mut together).await;
            let Together {
                slices,
                leases,
                failed,
                ..
            } = together;
            if !slices.is_empty()
                && let Err(error) = self.conn.send(slices, self.stall_max).await
            {
                self.tell(&error);
                break;
            }
            drop(leases);
            if let Some(error) = failed {
                log::warn!("{}: connection closed: {error}", self.conn.peer());
                break;
            }
        }
        self.conn.close();
    }

    /// Waits for the next response; `None` when there will be none.
    async fn first(&mut self) -> Option<Together> {
        let mut together = Together::default();
        let later = match self.awaited.take() {
            Some(later) => later,
            None => match self.next().await? {
                Started::Later(later) => later,
                Started::Ready(response) => {
                    together.add(Ok(response));
                    return Some(together);
                }
            },
        };
        match race(later, self.ended.notified()).await {
            Either::First(response) => together.add(response),
            Either::Second(()) => return None,
        }
        Some(together)
    }

    async fn next(&mut self) -> Option<Started> {
        if let Some(started) = self.queue.try_recv() {
            return Some(started);
        }
        self.waits.set(true);
        self.queue.recv().await
    }

    /// Adds the responses behind that are ready as well.
    async fn gather(&mut self, together: &mut Together) {
        while together.has_room() {
            match self.queue.try_recv() {
                None => return,
                Some(Started::Ready(response)) => together.add(Ok(response)),
                Some(Started::Later(mut later)) => match now(&mut later).await {
                    Some(response) => together.add(response),
                    None => {
                        self.awaited = Some(later);
                        return;
                    }
                },
            }
        }
    }

    fn tell(&self, error: &io::Error) {
        let peer = self.conn.peer();
        match error.kind() {
            io::ErrorKind::TimedOut => {
                log::warn!("{peer}: connection closed: the client reads nothing");
            }
            _ => log::debug!("{peer}: sending: {error}"),
        }
    }
}

impl Together {
    fn has_room(&self) -> bool {
        self.failed.is_none() && self.bytes < TOGETHER_BYTES_MAX
    }

    fn add(&mut self, response: Result<Response, CloseConnection>) {
        match response {
            Err(error) => self.failed = Some(error),
            Ok(response) => {
                let (slices, lease) = response.into_parts();
                self.bytes += slices.iter().map(Slice::len).sum::<usize>();
                self.slices.extend(slices);
                self.leases.extend(lease);
            }
        }
    }
}
