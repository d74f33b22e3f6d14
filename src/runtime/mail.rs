//! How a core learns that another one has put something into one of its queues.

use super::net::{Readiness, Registered};
use rustix::event::{EventfdFlags, eventfd};
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// Wakes a core that sleeps; costs nothing while it is awake. Any core may ring it.
#[derive(Debug)]
pub(super) struct Bell {
    sleeping: AtomicBool,
    event: OwnedFd,
}

/// A queue of this core, or one that this core fills.
pub(super) trait Mailbox {
    /// Wakes the task of this core that can go on with it, if there is anything to do; whether
    /// there was.
    fn deliver(&self) -> bool;
}

/// All that other cores may put something into, or take something out of.
pub(super) struct Mail {
    bell: Arc<Bell>,
    boxes: RefCell<Vec<Rc<dyn Mailbox>>>,
    /// Keeps the bell in the set of sockets.
    _registered: Registered,
}

impl Bell {
    /// After something was put into a queue: the core is awake, or wakes and looks.
    pub(super) fn ring(&self) {
        // Either this sees that the core is about to sleep, or the core, which looks once more
        // before it does, sees what was put.
        fence(Ordering::SeqCst);
        if self.sleeping.load(Ordering::Relaxed) && self.sleeping.swap(false, Ordering::AcqRel) {
            // It fails only when 2^64 rings were not heard.
            let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
        }
    }
}

impl Mail {
    /// The mail of a core whose set of sockets this is.
    pub(super) fn new(sockets: &Readiness) -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let registered = sockets.register(&event)?;
        let bell = Bell {
            sleeping: AtomicBool::new(false),
            event,
        };
        Ok(Self {
            bell: Arc::new(bell),
            boxes: RefCell::default(),
            _registered: registered,
        })
    }

    /// What other cores ring.
    pub(super) fn bell(&self) -> Arc<Bell> {
        self.bell.clone()
    }

    /// Looks into a mailbox in every round from now on.
    pub(super) fn add(&self, mailbox: Rc<dyn Mailbox>) {
        self.boxes.borrow_mut().push(mailbox);
    }

    /// Wakes the tasks for which there is something; whether there was any.
    pub(super) fn deliver(&self) -> bool {
        let boxes = self.boxes.borrow();
        let delivered = boxes.iter().filter(|mailbox| mailbox.deliver());
        delivered.count() > 0
    }

    /// From here on whoever puts something in rings the bell. False if something is there already:
    /// then the core does not sleep.
    pub(super) fn fall_asleep(&self) -> bool {
        self.bell.sleeping.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let quiet = !self.deliver();
        if !quiet {
            self.awake();
        }
        quiet
    }

    /// The core looks by itself again.
    pub(super) fn awake(&self) {
        self.bell.sleeping.store(false, Ordering::Relaxed);
    }
}
