//! Sockets on whose peers nobody waits, like those that only say now and then that they live.
//!
//! To wake a core costs it more than to answer a heartbeat, above all since it comes back to cold
//! caches. So such sockets are heard together: the first that says something wakes the core at
//! once, and when they say more than that, the core looks at all of them every [`HEARD_EVERY`]
//! instead of being woken by each, as a network card's driver does with its interrupts. Where few
//! speak nothing is late.

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// What names this set among the sockets of the set it is in.
pub(super) const TOKEN: u64 = u64::MAX;
/// So late it may be heard what a quiet socket's peer says.
const HEARD_EVERY: Duration = Duration::from_millis(2);
/// With fewer at a look than so many, each may wake the core again.
const WORTH_A_LOOK: usize = 2;
const RINGING: EventFlags = EventFlags::IN.union(EventFlags::ET);

/// An epoll set in another one.
pub(super) struct Quiet {
    epoll: OwnedFd,
    /// When it is looked at; `None` while it rings.
    due: Cell<Option<Instant>>,
    heard: Cell<Instant>,
}

impl Quiet {
    /// Rings in `within`.
    pub(super) fn new(within: impl AsFd) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(within, &epoll, EventData::new_u64(TOKEN), RINGING)?;
        Ok(Self {
            epoll,
            due: Cell::new(None),
            heard: Cell::new(Instant::now()),
        })
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due.get()
    }

    /// It rang and so many edges were taken.
    pub(super) fn rang(&self, within: impl AsFd, now: Instant, taken: usize) {
        let since = now.saturating_duration_since(self.heard.replace(now));
        if taken > 0 && since < HEARD_EVERY {
            self.change(within, EventFlags::empty());
            self.due.set(Some(now + HEARD_EVERY));
        }
    }

    /// It was looked at in time and so many edges were taken.
    pub(super) fn taken(&self, within: impl AsFd, now: Instant, taken: usize) {
        self.heard.set(now);
        if taken >= WORTH_A_LOOK {
            self.due.set(Some(now + HEARD_EVERY));
        } else {
            self.due.set(None);
            // What has come since makes it ring at once.
            self.change(within, RINGING);
        }
    }

    fn change(&self, within: impl AsFd, flags: EventFlags) {
        epoll::modify(within, &self.epoll, EventData::new_u64(TOKEN), flags)
            .expect("it is there for as long as both are");
    }
}

impl AsFd for Quiet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::Timespec;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    fn rings(within: &OwnedFd) -> bool {
        let mut events = Vec::with_capacity(1);
        let buffer = rustix::buffer::spare_capacity(&mut events);
        epoll::wait(within, buffer, Some(&Timespec::default())).expect("asked") > 0
    }

    #[test]
    fn it_rings_until_much_is_said() {
        let within = epoll::create(CreateFlags::CLOEXEC).expect("a set");
        let quiet = Quiet::new(&within).expect("a set");
        let (mut peer, socket) = UnixStream::pair().expect("a pair");
        epoll::add(&quiet, &socket, EventData::new_u64(1), RINGING).expect("added");
        let mut say = || peer.write_all(b"x").expect("said");
        let begun = Instant::now() + HEARD_EVERY;

        say();
        assert!(rings(&within));
        quiet.rang(&within, begun, 1);
        assert_eq!(quiet.due(), None);

        say();
        assert!(rings(&within));
        let soon = begun + HEARD_EVERY / 2;
        quiet.rang(&within, soon, 1);
        assert_eq!(quiet.due(), Some(soon + HEARD_EVERY));
        say();
        assert!(!rings(&within));

        let looked = soon + HEARD_EVERY;
        quiet.taken(&within, looked, WORTH_A_LOOK);
        assert_eq!(quiet.due(), Some(looked + HEARD_EVERY));
        assert!(!rings(&within));

        // What was said while it did not ring is not forgotten.
        quiet.taken(&within, looked + HEARD_EVERY, WORTH_A_LOOK - 1);
        assert_eq!(quiet.due(), None);
        assert!(rings(&within));
    }
}
