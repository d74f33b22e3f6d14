//! The event loop of a load of many connections, most of which have nothing to do most of the time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::bench::BenchError;
use crate::bench::phase::Clock;
use crate::sys::thread::set_precise_timers;

/// Events taken at a time.
const EVENTS_MAX: usize = 256;
/// The longest sleep, so that who runs the stage looks around now and then.
const SLEEP_US_MAX: u64 = 10_000;
/// Connections of one actor at most.
const LINKS_MAX: u64 = 2;

/// Somebody with connections and a time at which to do something.
pub(super) trait Actor {
    /// What all actors of a stage count into.
    type Shared;

    /// Its sockets, at most two; their order is their numbers.
    fn streams(&self) -> Vec<&TcpStream>;

    /// Something can be received, or sent, on the connection of this number.
    fn on_ready(
        &mut self,
        link: usize,
        now_us: u64,
        shared: &mut Self::Shared,
    ) -> Result<(), BenchError>;

    /// Its time has come.
    fn on_due(&mut self, now_us: u64, shared: &mut Self::Shared) -> Result<(), BenchError>;

    /// When that is, if ever.
    fn due_us(&self) -> Option<u64>;
}

/// All actors of a load.
pub(super) struct Stage<A: Actor> {
    clock: Clock,
    epoll: OwnedFd,
    actors: Vec<A>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    /// The time by which each actor stands in `due`; entries of other times are stale.
    scheduled: Vec<Option<u64>>,
    events: Vec<epoll::Event>,
}

impl<A: Actor> Stage<A> {
    /// An empty stage on the calling thread, pinned to `core`.
    pub(super) fn new(clock: Clock, core: Option<usize>) -> Result<Self, BenchError> {
        set_precise_timers();
        if let Some(id) = core {
            core_affinity::set_for_current(core_affinity::CoreId { id });
        }
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC);
        Ok(Self {
            clock,
            epoll: epoll.map_err(failed)?,
            actors: Vec::new(),
            due: BinaryHeap::new(),
            scheduled: Vec::new(),
            events: Vec::with_capacity(EVENTS_MAX),
        })
    }

    /// Brings an actor on; its number.
    pub(super) fn add(&mut self, actor: A) -> Result<usize, BenchError> {
        let number = self.actors.len();
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        for (link, stream) in actor.streams().into_iter().enumerate() {
            let data = epoll::EventData::new_u64(number as u64 * LINKS_MAX + link as u64);
            epoll::add(&self.epoll, stream, data, flags).map_err(failed)?;
        }
        self.actors.push(actor);
        self.scheduled.push(None);
        self.schedule(number);
        Ok(number)
    }

    pub(super) fn actors(&self) -> &[A] {
        &self.actors
    }

    pub(super) fn now_us(&self) -> u64 {
        self.clock.now_us()
    }

    /// Changes an actor, whose time may be another then.
    pub(super) fn tell<T>(&mut self, number: usize, change: impl FnOnce(&mut A) -> T) -> T {
        let changed = change(&mut self.actors[number]);
        self.schedule(number);
        changed
    }

    /// Lets act whose time has come, waits a little, and takes in what has arrived.
    pub(super) fn turn(&mut self, shared: &mut A::Shared) -> Result<(), BenchError> {
        let now_us = self.clock.now_us();
        while let Some(number) = self.next_due(now_us) {
            self.actors[number].on_due(now_us, shared)?;
            self.schedule(number);
        }
        self.wait()?;
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            let (number, link) = (event.data.u64() / LINKS_MAX, event.data.u64() % LINKS_MAX);
            let now_us = self.clock.now_us();
            let actor = &mut self.actors[number as usize];
            actor.on_ready(link as usize, now_us, shared)?;
            self.schedule(number as usize);
        }
        self.events = events;
        Ok(())
    }

    fn next_due(&mut self, now_us: u64) -> Option<usize> {
        loop {
            let Reverse((due_us, number)) = *self.due.peek()?;
            let stale = self.scheduled[number] != Some(due_us);
            if !stale && due_us > now_us {
                return None;
            }
            self.due.pop();
            if !stale {
                self.scheduled[number] = None;
                return Some(number);
            }
        }
    }

    fn schedule(&mut self, number: usize) {
        let due_us = self.actors[number].due_us();
        if due_us == self.scheduled[number] {
            return;
        }
        self.scheduled[number] = due_us;
        if let Some(due_us) = due_us {
            self.due.push(Reverse((due_us, number)));
        }
    }

    fn wait(&mut self) -> Result<(), BenchError> {
        let next_us = self.due.peek().map_or(u64::MAX, |Reverse((us, _))| *us);
        let sleep_us = next_us
            .saturating_sub(self.clock.now_us())
            .min(SLEEP_US_MAX);
        let sleep = Duration::from_micros(sleep_us);
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: sleep.subsec_nanos().into(),
        };
        let room = spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, room, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(failed(errno)),
        }
    }
}

fn failed(errno: rustix::io::Errno) -> BenchError {
    BenchError::local("wait for sockets")(errno.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rings at its time, and then at the next, if there is one.
    struct Alarm {
        due_us: Option<u64>,
        next_us: Option<u64>,
    }

    impl Actor for Alarm {
        type Shared = Vec<u64>;

        fn streams(&self) -> Vec<&TcpStream> {
            Vec::new()
        }

        fn on_ready(&mut self, _: usize, _: u64, _: &mut Vec<u64>) -> Result<(), BenchError> {
            panic!("it has no connection");
        }

        fn on_due(&mut self, _: u64, rung: &mut Vec<u64>) -> Result<(), BenchError> {
            rung.extend(self.due_us);
            self.due_us = self.next_us.take();
            Ok(())
        }

        fn due_us(&self) -> Option<u64> {
            self.due_us
        }
    }

    #[test]
    fn who_is_due_acts_in_order_and_who_was_told_otherwise_does_not() {
        const NEVER: u64 = u64::MAX;
        let mut stage = Stage::new(Clock::start(), None).unwrap();
        let alarm = |due_us, next_us| Alarm {
            due_us: Some(due_us),
            next_us,
        };
        for alarm in [alarm(0, None), alarm(NEVER, None), alarm(0, Some(NEVER))] {
            stage.add(alarm).unwrap();
        }
        let put_off = stage.add(alarm(0, None)).unwrap();
        stage.tell(put_off, |alarm| alarm.due_us = Some(NEVER));
        let mut rung = Vec::new();
        stage.turn(&mut rung).unwrap();
        assert_eq!(rung, [0, 0], "the second waits, the last was put off");
        stage.tell(put_off, |alarm| alarm.due_us = Some(0));
        stage.turn(&mut rung).unwrap();
        assert_eq!(rung.len(), 3);
    }
}
