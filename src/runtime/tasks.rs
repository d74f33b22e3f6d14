//! The tasks of a core, so that they can be dropped when it ends.
//!
//! glommio 0.9 does not drop what an executor has not finished: sockets would stay open, memory
//! taken, and other cores waiting for answers. Here every task's future is kept where the core's
//! end finds it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// A task as it is kept.
pub(super) type Task = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
pub(super) struct Tasks {
    /// `None` while the task is polled, and in free slots.
    slots: RefCell<Vec<Option<Task>>>,
    free: RefCell<Vec<usize>>,
    ended: Cell<bool>,
}

impl Tasks {
    /// A future that polls `task` from where it is kept.
    pub(super) fn keep(self: &Rc<Self>, task: Task) -> impl Future<Output = ()> + use<> {
        let tasks = self.clone();
        let slot = tasks.insert(task);
        poll_fn(move |cx| {
            // Taken out, so that it may spawn others while it is polled.
            let taken = tasks
                .slots
                .borrow_mut()
                .get_mut(slot)
                .and_then(Option::take);
            let Some(mut task) = taken else {
                return Poll::Ready(());
            };
            if task.as_mut().poll(cx).is_pending() {
                return tasks.put_back(slot, task);
            }
            tasks.free.borrow_mut().push(slot);
            Poll::Ready(())
        })
    }

    /// Drops every task; those that are spawned from now on are dropped unpolled.
    pub(super) fn end(&self) {
        self.ended.set(true);
        let tasks = self.slots.take();
        drop(tasks);
    }

    fn insert(&self, task: Task) -> usize {
        if self.ended.get() {
            return usize::MAX;
        }
        let mut slots = self.slots.borrow_mut();
        if let Some(slot) = self.free.borrow_mut().pop() {
            slots[slot] = Some(task);
            return slot;
        }
        slots.push(Some(task));
        slots.len() - 1
    }

    fn put_back(&self, slot: usize, task: Task) -> Poll<()> {
        match self.slots.borrow_mut().get_mut(slot) {
            Some(place) => {
                *place = Some(task);
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}
