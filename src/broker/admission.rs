//! Who may connect: `max.connections` and `max.connections.per.ip`, on one core.
//!
//! As in Kafka: a connection over the broker's bound is accepted but waits, and with it the
//! listener, until one ends; one over its address's bound is closed at once. The bounds hold over
//! all cores. Where the broker's bound was lowered below what is open, the connections that were
//! longest unused are closed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection_counts::{ConnectionCounts, Counted, TooMany};
use super::context::Context;
use crate::runtime::{Conn, Core};

/// How often a connection that waits looks again whether another has ended.
const WAIT_POLL: Duration = Duration::from_millis(20);
/// How often a core looks whether the bound was lowered.
const SURPLUS_POLL: Duration = Duration::from_millis(500);
/// At most so often a core logs of refused connections.
const LOG_PAUSE: Duration = Duration::from_secs(1);

/// One core's door. What is inside is counted over all cores.
pub(super) struct Admission {
    core: Core,
    counts: Arc<ConnectionCounts>,
    open: RefCell<BTreeMap<u64, Rc<Open>>>,
    next_id: Cell<u64>,
    refusals: Pace,
    waits: Pace,
}

/// A connection of this core that was let in.
struct Open {
    conn: Conn,
    used: Cell<Instant>,
}

/// A connection's place; the last clone of its `Rc` gives it back.
pub(super) struct Place {
    admission: Rc<Admission>,
    id: u64,
    open: Rc<Open>,
    address: IpAddr,
    counted: Counted,
}

impl Admission {
    pub(super) fn new(core: &Core, counts: Arc<ConnectionCounts>) -> Self {
        Self {
            core: core.clone(),
            counts,
            open: RefCell::default(),
            next_id: Cell::new(0),
            refusals: Pace::default(),
            waits: Pace::default(),
        }
    }

    /// Waits until the broker has a place for this connection; `None` if its address has too many.
    pub(super) async fn admit(
        self: &Rc<Self>,
        cx: &Context,
        conn: &Conn,
        peer: SocketAddr,
    ) -> Option<Rc<Place>> {
        self.wait_for_place(cx).await;
        let address = peer.ip().to_canonical();
        let max = cx.config().connections.connections_max_of(address);
        match self.counts.try_add_of(address, max) {
            Ok(counted) => Some(self.enter(conn, address, counted)),
            Err(TooMany) => {
                self.counts.remove();
                self.log_refusal(address, max);
                None
            }
        }
    }

    /// Closes connections for as long as the core lives, while there are more than may be.
    pub(super) async fn close_surplus(&self, cx: &Context) {
        loop {
            self.core.sleep(SURPLUS_POLL).await;
            while self.counts.total() > cx.config().connections.connections_max {
                let Some(conn) = self.take_longest_unused() else {
                    break;
                };
                log::info!(
                    "{}: closed for max.connections, longest unused",
                    conn.peer()
                );
                conn.close();
                drop(conn);
                self.core.sleep(WAIT_POLL).await;
            }
        }
    }

    async fn wait_for_place(&self, cx: &Context) {
        let max = || cx.config().connections.connections_max;
        if self.counts.try_add(max()) {
            return;
        }
        self.log_wait(max());
        while !self.counts.try_add(max()) {
            self.core.sleep(WAIT_POLL).await;
        }
    }

    fn enter(self: &Rc<Self>, conn: &Conn, address: IpAddr, counted: Counted) -> Rc<Place> {
        let id = self.next_id.replace(self.next_id.get() + 1);
        let open = Rc::new(Open {
            conn: conn.clone(),
            used: Cell::new(self.core.monotonic()),
        });
        self.open.borrow_mut().insert(id, open.clone());
        Rc::new(Place {
            admission: self.clone(),
            id,
            open,
            address,
            counted,
        })
    }

    fn take_longest_unused(&self) -> Option<Conn> {
        let mut open = self.open.borrow_mut();
        let (&id, _) = open.iter().min_by_key(|(_, open)| open.used.get())?;
        open.remove(&id).map(|open| open.conn.clone())
    }

    fn log_wait(&self, max: usize) {
        if let Some(before) = self.waits.pass(self.core.monotonic()) {
            log::warn!(
                "max.connections ({max}) is reached, a new connection waits{}",
                before_too(before)
            );
        }
    }

    fn log_refusal(&self, address: IpAddr, max: usize) {
        if let Some(before) = self.refusals.pass(self.core.monotonic()) {
            log::warn!(
                "{address}: connection refused, the address has max.connections.per.ip ({max}) already{}",
                before_too(before)
            );
        }
    }
}

impl Place {
    /// The connection did something just now.
    pub(super) fn on_use(&self) {
        self.open.used.set(self.admission.core.last_turn());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Admission { counts, open, .. } = &*self.admission;
        if self.counted == Counted::Yes {
            counts.remove_of(self.address);
        }
        counts.remove();
        open.borrow_mut().remove(&self.id);
    }
}

fn before_too(times: u64) -> String {
    match times {
        0 => String::new(),
        times => format!(" ({times} more since the last such line)"),
    }
}

/// Lets one of many messages through in each [`LOG_PAUSE`].
#[derive(Debug, Default)]
struct Pace {
    last: Cell<Option<Instant>>,
    held_back: Cell<u64>,
}

impl Pace {
    /// `Some` if a message may pass, with how many were held back since the one before.
    fn pass(&self, now: Instant) -> Option<u64> {
        let recent = |last: Instant| now.duration_since(last) < LOG_PAUSE;
        if self.last.get().is_some_and(recent) {
            self.held_back.set(self.held_back.get() + 1);
            return None;
        }
        self.last.set(Some(now));
        Some(self.held_back.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_logs_one_line_a_second() {
        let (pace, begin) = (Pace::default(), Instant::now());
        let at = |ms| pace.pass(begin + Duration::from_millis(ms));
        assert_eq!(at(0), Some(0));
        assert_eq!((at(10), at(20), at(999)), (None, None, None));
        assert_eq!(at(1000), Some(3));
        assert_eq!((at(1001), at(2000)), (None, Some(1)));
    }
}
