//! Fetches that wait: on the home core a number and a bell, on the owners' cores the number.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use super::Shard;
use super::message::WatchCall;
use super::shards::Shards;
use crate::model::{CoreId, Offset, PartitionId};
use crate::partition::Watcher;
use crate::runtime::sync::Notify;

/// The waiting fetches of one home core.
#[derive(Default)]
pub(super) struct Watches {
    next: Cell<u64>,
    bells: RefCell<HashMap<u64, Rc<Notify>>>,
}

impl Watches {
    /// Rings for a fetch; it may have been answered meanwhile.
    pub(super) fn fire(&self, fetch: u64) {
        if let Some(bell) = self.bells.borrow().get(&fetch) {
            bell.notify_one();
        }
    }

    fn begin(&self) -> (u64, Rc<Notify>) {
        let fetch = self.next.get();
        self.next.set(fetch + 1);
        let bell = Rc::new(Notify::new());
        self.bells.borrow_mut().insert(fetch, bell.clone());
        (fetch, bell)
    }
}

/// A fetch's eye on partitions of any core; closes when dropped.
pub struct FetchWatch {
    shards: Shards,
    watcher: Watcher,
    bell: Rc<Notify>,
    by_core: HashMap<CoreId, Vec<PartitionId>>,
}

impl FetchWatch {
    /// Begins to watch partitions; each comes with the high watermark that the fetch saw, so that
    /// nothing that happened since is missed.
    pub fn begin(shards: &Shards, seen: impl IntoIterator<Item = (PartitionId, Offset)>) -> Self {
        let (fetch, bell) = shards.watches().begin();
        let watcher = Watcher {
            home: shards.core().id(),
            fetch,
        };
        let mut calls: HashMap<CoreId, Vec<(PartitionId, Offset)>> = HashMap::new();
        for (partition, offset) in seen {
            calls
                .entry(shards.owner(partition))
                .or_default()
                .push((partition, offset));
        }
        let mut by_core = HashMap::with_capacity(calls.len());
        for (core, seen) in calls {
            by_core.insert(core, seen.iter().map(|(partition, _)| *partition).collect());
            shards.watch(core, WatchCall { watcher, seen });
        }
        Self {
            shards: shards.clone(),
            watcher,
            bell,
            by_core,
        }
    }

    /// Waits until a partition moved, or for so long.
    pub async fn wait(&self, at_most: Duration) -> bool {
        self.shards
            .core()
            .timeout(at_most, self.bell.notified())
            .await
            .is_some()
    }
}

impl Drop for FetchWatch {
    fn drop(&mut self) {
        self.shards
            .watches()
            .bells
            .borrow_mut()
            .remove(&self.watcher.fetch);
        for (core, partitions) in std::mem::take(&mut self.by_core) {
            self.shards.unwatch(core, self.watcher, partitions);
        }
    }
}

impl Shard {
    /// Registers a fetch; true if there is news already.
    pub(super) fn watch(&mut self, call: &WatchCall) -> bool {
        let mut waits = true;
        for (id, seen) in &call.seen {
            let partition = self.partitions.get_mut(id);
            waits &= partition.is_some_and(|partition| partition.watch(call.watcher, *seen));
        }
        !waits
    }
}

impl super::Owned {
    pub(super) fn unwatch(&self, watcher: Watcher, partitions: &[PartitionId]) {
        let mut state = self.state.borrow_mut();
        for id in partitions {
            if let Some(partition) = state.partitions.get_mut(id) {
                partition.unwatch(watcher);
            }
        }
    }
}
