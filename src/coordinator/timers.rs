//! The deadlines of a coordinator: thousands of sessions that are put off at every heartbeat.
//!
//! Putting a deadline off is one assignment: the queue keeps the earlier time and looks again when
//! that has come. It looks at many together, a little before they are due: of thousands of sessions
//! most have been put off by then, and whoever waits for the queue is not woken for each. Those that
//! are left come exactly when they are due. Pure; the time is an argument.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::TimestampMs;

/// The queue is rebuilt when it has so many entries more than twice the timers.
const STALE_ENTRIES_MAX: usize = 1024;

/// Deadlines that were put off are looked at when a multiple of this has come.
const LOOK_EVERY_MS: i64 = 500;

/// Timers with what each is for.
#[derive(Debug)]
pub struct Timers<K> {
    slots: Vec<Slot<K>>,
    free: Vec<u32>,
    queue: BinaryHeap<Reverse<Entry>>,
}

/// One timer; valid until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId {
    index: u32,
    generation: u32,
}

#[derive(Debug)]
struct Slot<K> {
    generation: u32,
    /// `None` in free slots.
    key: Option<K>,
    deadline: Option<TimestampMs>,
    /// The time of its entry in the queue that counts; not after the deadline.
    queued: Option<TimestampMs>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: TimestampMs,
    index: u32,
    generation: u32,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            queue: BinaryHeap::new(),
        }
    }
}

impl<K: Clone> Timers<K> {
    /// A timer that is not set.
    pub fn add(&mut self, key: K) -> TimerId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                key: None,
                deadline: None,
                queued: None,
            });
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        slot.key = Some(key);
        TimerId {
            index,
            generation: slot.generation,
        }
    }

    /// Sets a timer, instead of what it was set to before.
    pub fn set(&mut self, id: TimerId, at: TimestampMs) {
        let slot = self.slot(id);
        slot.deadline = Some(at);
        if slot.queued.is_none_or(|queued| queued > at) {
            slot.queued = Some(at);
            self.enqueue(id, at);
        }
    }

    /// Stops a timer; it can be set again.
    pub fn clear(&mut self, id: TimerId) {
        self.slot(id).deadline = None;
    }

    /// Forgets a timer.
    pub fn remove(&mut self, id: TimerId) {
        let slot = self.slot(id);
        slot.generation = slot.generation.wrapping_add(1);
        (slot.key, slot.deadline, slot.queued) = (None, None, None);
        self.free.push(id.index);
    }

    /// When to look for due timers next; there may be none then.
    pub fn next(&self) -> Option<TimestampMs> {
        self.queue.peek().map(|Reverse(entry)| entry.at)
    }

    /// What a timer that is due is for; it is then not set any more. The earliest first.
    pub fn pop_due(&mut self, now: TimestampMs) -> Option<K> {
        while let Some(&Reverse(entry)) = self.queue.peek() {
            if entry.at > now {
                return None;
            }
            self.queue.pop();
            let slot = &mut self.slots[entry.index as usize];
            if slot.generation != entry.generation || slot.queued != Some(entry.at) {
                continue;
            }
            slot.queued = slot.deadline.and_then(|deadline| look_at(deadline, now));
            match (slot.queued, slot.deadline) {
                (Some(later), _) => self.queue.push(Reverse(Entry { at: later, ..entry })),
                (None, Some(_)) => {
                    slot.deadline = None;
                    return slot.key.clone();
                }
                (None, None) => {}
            }
        }
        None
    }

    fn slot(&mut self, id: TimerId) -> &mut Slot<K> {
        let slot = &mut self.slots[id.index as usize];
        assert_eq!(slot.generation, id.generation, "the timer was removed");
        slot
    }

    fn enqueue(&mut self, id: TimerId, at: TimestampMs) {
        if self.queue.len() > 2 * self.slots.len() + STALE_ENTRIES_MAX {
            self.drop_stale();
        }
        self.queue.push(Reverse(Entry {
            at,
            index: id.index,
            generation: id.generation,
        }));
    }

    /// Timers that were removed, or set to an earlier time, leave entries behind.
    fn drop_stale(&mut self) {
        let slots = &self.slots;
        self.queue.retain(|Reverse(entry)| {
            let slot = &slots[entry.index as usize];
            slot.generation == entry.generation && slot.queued == Some(entry.at)
        });
    }
}

/// When to look at a deadline again; `None` when it has come.
fn look_at(deadline: TimestampMs, now: TimestampMs) -> Option<TimestampMs> {
    let with_others = deadline - deadline.rem_euclid(LOOK_EVERY_MS);
    let later = if with_others > now {
        with_others
    } else {
        deadline
    };
    (later > now).then_some(later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_once() {
        let mut timers = Timers::default();
        for (name, at) in [("b", 20), ("a", 10), ("c", 30)] {
            let id = timers.add(name);
            timers.set(id, at);
        }
        assert_eq!(timers.next(), Some(10));
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(timers.pop_due(25), Some("a"));
        assert_eq!(timers.pop_due(25), Some("b"));
        assert_eq!(timers.pop_due(25), None);
        assert_eq!(timers.pop_due(30), Some("c"));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_deadline_moves_both_ways() {
        let mut timers = Timers::default();
        let id = timers.add(());
        timers.set(id, 10);
        timers.set(id, 50);
        assert_eq!(timers.pop_due(49), None, "put off");
        timers.set(id, 20);
        assert_eq!(timers.pop_due(20), Some(()), "brought forward");
        assert_eq!(timers.pop_due(100), None, "once");
        timers.set(id, 110);
        timers.clear(id);
        assert_eq!(timers.pop_due(200), None, "cleared");
        timers.set(id, 210);
        timers.remove(id);
        let other = timers.add(());
        assert_ne!(id, other, "the place is used again, the name is not");
        assert_eq!(timers.pop_due(300), None, "removed");
    }

    #[test]
    fn what_is_put_off_is_looked_at_together_and_due_exactly() {
        let mut timers = Timers::default();
        let ids: Vec<_> = (0..100).map(|name| timers.add(name)).collect();
        for (id, at) in ids.iter().zip(1_000..) {
            timers.set(*id, at);
            timers.set(*id, at + 10_000);
        }
        let mut looks = 0;
        while timers.next().expect("all are set") < 11_000 {
            let at = timers.next().expect("all are set");
            assert_eq!(timers.pop_due(at), None);
            looks += 1;
        }
        assert_eq!(looks, 100, "each once, at its first time");
        for name in 0..100 {
            assert_eq!(timers.pop_due(11_000 + name - 1), None);
            assert_eq!(timers.pop_due(11_000 + name), Some(name));
        }
        for id in &ids {
            timers.set(*id, 12_000);
            timers.set(*id, 20_333);
        }
        assert_eq!(timers.pop_due(12_000), None);
        assert_eq!(timers.next(), Some(20_000));
        assert_eq!(timers.pop_due(20_000), None);
        assert_eq!(timers.next(), Some(20_333));
    }

    #[test]
    fn what_is_stale_does_not_pile_up() {
        let mut timers = Timers::default();
        let id = timers.add(());
        for at in (0..100_000).rev() {
            timers.set(id, at);
        }
        assert!(timers.queue.len() <= STALE_ENTRIES_MAX + 4);
        assert_eq!(timers.pop_due(0), Some(()));
    }
}
