//! Which sockets of a core are ready: one epoll set, edge-triggered, asked once a round.
//!
//! A socket is registered once. Whoever finds it empty or full leaves a waker and is woken by the
//! next edge; nothing is armed again and nothing is under way in the kernel, so a connection that
//! waits costs nothing but its memory.

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use std::cell::{Cell, RefCell};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Edges taken by one call.
const EVENTS_AT_ONCE: usize = 256;

/// The sockets of one core. Clones are the same set.
#[derive(Clone)]
pub(in super::super) struct Readiness {
    set: Rc<Set>,
}

struct Set {
    epoll: OwnedFd,
    sockets: RefCell<Sockets>,
    events: RefCell<Vec<Event>>,
}

#[derive(Default)]
struct Sockets {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

/// An edge of a socket that has gone meanwhile names an older generation.
struct Slot {
    generation: u32,
    edges: Option<Rc<Edges>>,
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
    edges: Rc<Edges>,
}

impl Readiness {
    pub(in super::super) fn new() -> io::Result<Self> {
        let set = Set {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
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
        let edges = Rc::new(Edges::default());
        edges.readable.set(true);
        edges.writable.set(true);
        let (slot, token) = self.set.sockets.borrow_mut().add(edges.clone());
        let registered = Registered {
            set: self.set.clone(),
            slot,
            edges,
        };
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.set.epoll, socket, EventData::new_u64(token), flags)?;
        Ok(registered)
    }

    /// Takes the edges that are there and wakes who waits for them; whether there were any.
    pub(in super::super) fn take_edges(&self) -> bool {
        let first = self.take_some(&Timespec::default());
        let mut taken = first;
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

    fn take_some(&self, wait: &Timespec) -> usize {
        let mut events = self.set.events.borrow_mut();
        events.clear();
        let buffer = rustix::buffer::spare_capacity(&mut *events);
        let taken = match epoll::wait(&self.set.epoll, buffer, Some(wait)) {
            Ok(taken) => taken,
            // What is there is there in the next round too.
            Err(Errno::INTR) => 0,
            Err(error) => panic!("a set of sockets that worked at the start fails: {error}"),
        };
        for event in events.iter() {
            let edges = self.set.sockets.borrow().find(event.data.u64());
            if let Some(edges) = edges {
                edges.on_event(event.flags);
            }
        }
        taken
    }
}

impl AsFd for Readiness {
    /// Readable while there are edges to take.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.epoll.as_fd()
    }
}

impl Sockets {
    fn add(&mut self, edges: Rc<Edges>) -> (u32, u64) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                edges: None,
            });
            (self.slots.len() - 1) as u32
        });
        let place = &mut self.slots[slot as usize];
        place.edges = Some(edges);
        (slot, u64::from(place.generation) << 32 | u64::from(slot))
    }

    fn find(&self, token: u64) -> Option<Rc<Edges>> {
        let place = self.slots.get(token as u32 as usize)?;
        let current = place.generation == (token >> 32) as u32;
        place.edges.clone().filter(|_| current)
    }

    fn remove(&mut self, slot: u32) {
        let place = &mut self.slots[slot as usize];
        place.edges = None;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(slot);
    }
}

impl Edges {
    fn on_event(&self, flags: EventFlags) {
        let end = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        if flags.intersects(end) {
            self.ended.set(true);
        }
        if flags.intersects(end | EventFlags::IN) {
            self.readable.set(true);
            wake(&self.reader);
        }
        if flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR) {
            self.writable.set(true);
            wake(&self.writer);
        }
    }
}

fn wake(waiting: &RefCell<Option<Waker>>) {
    let waker = waiting.borrow_mut().take();
    if let Some(waker) = waker {
        waker.wake();
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
        let edges = &*self.edges;
        let answer = poll_call(&edges.readable, &edges.reader, cx, &mut call);
        if let Poll::Ready(Ok(count)) = answer {
            // Less than there was room for: it is empty, and what comes later makes an edge.
            edges.readable.set(count == wanted || edges.ended.get());
        }
        answer
    }

    /// Takes what `call` accepts, or leaves a waker.
    pub(super) fn poll_accept<T>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        poll_call(&self.edges.readable, &self.edges.reader, cx, &mut call)
    }

    /// Sends by `call`, or leaves a waker.
    pub(super) fn poll_write<T>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        poll_call(&self.edges.writable, &self.edges.writer, cx, &mut call)
    }

    /// Waits for the end of a connect.
    pub(super) fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.edges.writable.get() {
            return Poll::Ready(());
        }
        *self.edges.writer.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    /// A connect has begun: nothing can be sent until an edge says that it is over.
    pub(super) fn expect_connect(&self) {
        self.edges.writable.set(false);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // The kernel forgets the socket when it is closed.
        self.set.sockets.borrow_mut().remove(self.slot);
    }
}

fn poll_call<T>(
    may: &Cell<bool>,
    waiting: &RefCell<Option<Waker>>,
    cx: &mut Context<'_>,
    call: &mut dyn FnMut() -> io::Result<T>,
) -> Poll<io::Result<T>> {
    while may.get() {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => may.set(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return Poll::Ready(answer),
        }
    }
    let mut waiting = waiting.borrow_mut();
    match &mut *waiting {
        Some(known) => known.clone_from(cx.waker()),
        None => *waiting = Some(cx.waker().clone()),
    }
    Poll::Pending
}
