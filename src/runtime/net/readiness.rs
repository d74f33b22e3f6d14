//! Which sockets of a core are ready: one epoll set, edge-triggered, asked once a round.
//!
//! A socket is registered once. Whoever finds it empty or full leaves a waker and is woken by the
//! next edge; nothing is armed again and nothing is under way in the kernel, so a connection that
//! waits costs nothing but its memory.
//!
//! Sockets on whose peers nobody waits are in a second set ([`Quiet`]), which is in the first.

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use std::cell::{Cell, RefCell};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::quiet::{Quiet, TOKEN as QUIET_TOKEN};

/// Edges taken by one call.
const EVENTS_AT_ONCE: usize = 256;
/// Which edges a socket makes.
const EDGES: EventFlags = EventFlags::IN
    .union(EventFlags::OUT)
    .union(EventFlags::RDHUP)
    .union(EventFlags::ET);

/// The sockets of one core. Clones are the same set.
#[derive(Clone)]
pub(in super::super) struct Readiness {
    set: Rc<Set>,
}

struct Set {
    epoll: OwnedFd,
    quiet: Quiet,
    sockets: RefCell<Sockets>,
    events: RefCell<Vec<Event>>,
}

#[derive(Default)]
struct Sockets {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

/// An edge of a socket that has gone meanwhile names an older generation. One line of the
/// processor's cache, which of a connection that speaks seldom has to come from memory.
#[derive(Default)]
#[repr(align(64))]
struct Slot {
    generation: u32,
    edges: Edges,
}

/// What is known of one socket.
#[derive(Debug, Default)]
struct Edges {
    /// Receiving may give something: true until it gave less than asked for.
    readable: Cell<bool>,
    /// Sending may take something: true until it refused.
    writable: Cell<bool>,
    /// One end is closed, or there is an error: receiving tells, and will always.
    ended: Cell<bool>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

/// A socket in the set, until dropped.
pub(in super::super) struct Registered {
    set: Rc<Set>,
    slot: u32,
}

impl Readiness {
    pub(in super::super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let set = Set {
            quiet: Quiet::new(&epoll)?,
            epoll,
            sockets: RefCell::default(),
            events: RefCell::new(Vec::with_capacity(EVENTS_AT_ONCE)),
        };
        // A filter of system calls may refuse the waiting alone.
        let mut none = [MaybeUninit::uninit(); 1];
        epoll::wait(&set.epoll, &mut none, Some(&Timespec::default()))?;
        Ok(Self { set: Rc::new(set) })
    }

    /// Adds a non-blocking socket. It must outlive the registration or be closed right after it.
    pub(in super::super) fn register(&self, socket: impl AsFd) -> io::Result<Registered> {
        let (slot, token) = self.set.sockets.borrow_mut().add();
        let registered = Registered {
            set: self.set.clone(),
            slot,
        };
        epoll::add(&self.set.epoll, socket, EventData::new_u64(token), EDGES)?;
        Ok(registered)
    }

    /// Takes the edges that are there and wakes who waits for them; whether there were any.
    pub(in super::super) fn take_edges(&self) -> bool {
        let first = self.take_some(&Timespec::default());
        let mut taken = first;
        // The quiet ones may ring behind all of them, and ring once.
        while taken == EVENTS_AT_ONCE {
            taken = self.take_some(&Timespec::default());
        }
        first > 0
    }

    /// Sleeps until there is an edge, at most for `time`, takes what is there and wakes who waits
    /// for it.
    pub(in super::super) fn wait(&self, time: Duration) {
        let time = Timespec::try_from(time).expect("a sleep ends with the next visit");
        if self.take_some(&time) == EVENTS_AT_ONCE {
            self.take_edges();
        }
    }

    /// When [`Self::take_quiet`] has something to do.
    pub(in super::super) fn quiet_due(&self) -> Option<Instant> {
        self.set.quiet.due()
    }

    /// Takes the edges of the quiet sockets if it is time to; whether there were any.
    pub(in super::super) fn take_quiet(&self, now: Instant) -> bool {
        if self.set.quiet.due().is_none_or(|due| due > now) {
            return false;
        }
        let taken = self.take_all_quiet();
        self.set.quiet.taken(&self.set.epoll, now, taken);
        taken > 0
    }

    /// One look at the loud sockets, and at the quiet ones if they ring.
    fn take_some(&self, wait: &Timespec) -> usize {
        let (taken, quiet_rings) = self.take_from(&self.set.epoll, wait);
        if quiet_rings {
            let now = Instant::now();
            let taken = self.take_all_quiet();
            self.set.quiet.rang(&self.set.epoll, now, taken);
        }
        taken
    }

    fn take_all_quiet(&self) -> usize {
        let mut all = 0;
        loop {
            let (taken, _) = self.take_from(&self.set.quiet, &Timespec::default());
            all += taken;
            if taken < EVENTS_AT_ONCE {
                return all;
            }
        }
    }

    /// Takes at most [`EVENTS_AT_ONCE`]; how many, and whether the quiet set is among them.
    fn take_from(&self, epoll: impl AsFd, wait: &Timespec) -> (usize, bool) {
        let mut events = self.set.events.borrow_mut();
        events.clear();
        let buffer = rustix::buffer::spare_capacity(&mut *events);
        let taken = match epoll::wait(epoll, buffer, Some(wait)) {
            Ok(taken) => taken,
            // What is there is there in the next round too.
            Err(Errno::INTR) => 0,
            Err(error) => panic!("a set of sockets that worked at the start fails: {error}"),
        };
        let mut quiet_rings = false;
        for event in events.iter() {
            quiet_rings |= event.data.u64() == QUIET_TOKEN;
            let woken = self.set.sockets.borrow().on_event(event);
            // Nothing is borrowed while wakers run.
            for waker in woken.into_iter().flatten() {
                waker.wake();
            }
        }
        (taken, quiet_rings)
    }
}

impl AsFd for Readiness {
    /// Readable while there are edges to take.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.epoll.as_fd()
    }
}

impl Sockets {
    /// A slot with the token that names it.
    fn add(&mut self) -> (u32, u64) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let place = &mut self.slots[slot as usize];
        place.edges = Edges::default();
        place.edges.readable.set(true);
        place.edges.writable.set(true);
        (slot, self.token(slot))
    }

    fn token(&self, slot: u32) -> u64 {
        let generation = self.slots[slot as usize].generation;
        u64::from(generation) << 32 | u64::from(slot)
    }

    /// Takes an edge in; who waits for it.
    fn on_event(&self, event: &Event) -> [Option<Waker>; 2] {
        let token = event.data.u64();
        match self.slots.get(token as u32 as usize) {
            Some(place) if place.generation == (token >> 32) as u32 => {
                place.edges.on_event(event.flags)
            }
            _ => [None, None],
        }
    }

    /// What is left of a socket, to be dropped when nothing is borrowed.
    fn remove(&mut self, slot: u32) -> Edges {
        let place = &mut self.slots[slot as usize];
        place.generation = place.generation.wrapping_add(1);
        self.free.push(slot);
        std::mem::take(&mut place.edges)
    }
}

impl Edges {
    fn on_event(&self, flags: EventFlags) -> [Option<Waker>; 2] {
        let mut woken = [None, None];
        let end = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        if flags.intersects(end) {
            self.ended.set(true);
        }
        if flags.intersects(end | EventFlags::IN) {
            self.readable.set(true);
            woken[0] = self.reader.take();
        }
        if flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR) {
            self.writable.set(true);
            woken[1] = self.writer.take();
        }
        woken
    }
}

/// The two things that are waited for.
#[derive(Clone, Copy)]
enum Direction {
    Reading,
    Writing,
}

impl Edges {
    fn may(&self, direction: Direction) -> &Cell<bool> {
        match direction {
            Direction::Reading => &self.readable,
            Direction::Writing => &self.writable,
        }
    }

    /// Leaves a waker; gives the one that it takes the place of.
    fn leave(&self, direction: Direction, waker: &Waker) -> Option<Waker> {
        let waiting = match direction {
            Direction::Reading => &self.reader,
            Direction::Writing => &self.writer,
        };
        let mut waiting = waiting.borrow_mut();
        match &*waiting {
            Some(known) if known.will_wake(waker) => None,
            _ => waiting.replace(waker.clone()),
        }
    }
}

impl Registered {
    /// Receives by `call` of at most `wanted` bytes, or leaves a waker.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        wanted: usize,
        mut call: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let answer = self.poll_call(Direction::Reading, cx, &mut call);
        if let Poll::Ready(Ok(count)) = answer {
            // Less than there was room for: it is empty, and what comes later makes an edge.
            self.edges(|edges| edges.readable.set(count == wanted || edges.ended.get()));
        }
        answer
    }

    /// Takes what `call` accepts, or leaves a waker.
    pub(super) fn poll_accept<T>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_call(Direction::Reading, cx, &mut call)
    }

    /// Sends by `call`, or leaves a waker.
    pub(super) fn poll_write<T>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_call(Direction::Writing, cx, &mut call)
    }

    /// Whether its edges may come late, together with those of others (see [`Quiet`]). `false`:
    /// the kernel refuses, and all stays as it was.
    pub(super) fn set_quiet(&self, socket: impl AsFd, quiet: bool) -> bool {
        let (from, to) = match quiet {
            true => (self.set.epoll.as_fd(), self.set.quiet.as_fd()),
            false => (self.set.quiet.as_fd(), self.set.epoll.as_fd()),
        };
        // In both for a moment, so that nothing is missed; an edge that comes twice does no harm.
        let data = EventData::new_u64(self.token());
        let moved = epoll::add(to, &socket, data, EDGES).is_ok();
        if moved {
            epoll::delete(from, socket).expect("it was there");
        }
        moved
    }

    fn token(&self) -> u64 {
        self.set.sockets.borrow().token(self.slot)
    }

    /// Waits for the end of a connect.
    pub(super) fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.edges(|edges| edges.writable.get()) {
            return Poll::Ready(());
        }
        self.leave(Direction::Writing, cx.waker());
        Poll::Pending
    }

    /// A connect has begun: nothing can be sent until an edge says that it is over.
    pub(super) fn expect_connect(&self) {
        self.edges(|edges| edges.writable.set(false));
    }

    fn poll_call<T>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        call: &mut dyn FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        while self.edges(|edges| edges.may(direction).get()) {
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.edges(|edges| edges.may(direction).set(false));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                answer => return Poll::Ready(answer),
            }
        }
        self.leave(direction, cx.waker());
        Poll::Pending
    }

    fn leave(&self, direction: Direction, waker: &Waker) {
        let before = self.edges(|edges| edges.leave(direction, waker));
        drop(before);
    }

    /// What is known of the socket. Nothing that `look` does may come back to the set: no waker is
    /// woken or dropped in it.
    fn edges<T>(&self, look: impl FnOnce(&Edges) -> T) -> T {
        let sockets = self.set.sockets.borrow();
        look(&sockets.slots[self.slot as usize].edges)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // The kernel forgets the socket when it is closed.
        let left = self.set.sockets.borrow_mut().remove(self.slot);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::thread::raise_descriptor_limit;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    /// A registered socket of which every edge was taken, and its peer.
    fn pair(sockets: &Readiness, quiet: bool) -> (Registered, UnixStream, UnixStream) {
        let (peer, socket) = UnixStream::pair().expect("a pair");
        let registered = sockets.register(&socket).expect("registered");
        assert!(!quiet || registered.set_quiet(&socket, true));
        sockets.take_edges();
        registered.edges(|edges| edges.readable.set(false));
        (registered, socket, peer)
    }

    #[test]
    fn the_quiet_are_heard_behind_many_loud_ones() {
        raise_descriptor_limit().expect("room for sockets");
        let sockets = Readiness::new().expect("a set");
        let loud: Vec<_> = (0..2 * EVENTS_AT_ONCE)
            .map(|_| pair(&sockets, false))
            .collect();
        let mut quiet = pair(&sockets, true);
        for (_, _, peer) in &loud {
            (&*peer).write_all(b"x").expect("said");
        }
        quiet.2.write_all(b"x").expect("said");
        sockets.take_edges();
        for (registered, ..) in loud.iter().chain([&quiet]) {
            assert!(registered.edges(|edges| edges.readable.get()));
        }
    }
}
