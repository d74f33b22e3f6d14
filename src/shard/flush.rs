//! Group commit: everything that arrived while a flush was under way goes into the next one,
//! across all partitions of the core. What is small goes to the journal, by rounds of its own
//! beside these (`journal.rs`), so that neither waits for the other.

use std::time::Duration;

use super::{Owned, Shard};
use crate::log::{Failed, FlushError, FlushPlan, SyncPlan, Synced, Written, sync_all};
use crate::model::PartitionId;
use crate::partition::{CommitRule, PartitionError, Progress, Watcher};
use crate::runtime::sync::join_all;

use super::appends::AppendTicket;

/// With `klamm.flush=written` nobody waits for a sync; it follows after so long at most.
const LAZY_SYNC: Duration = Duration::from_millis(200);

impl Owned {
    /// Flushes whenever something is dirty, for as long as the core lives.
    pub(super) async fn flush_forever(self, shards: super::Shards) {
        loop {
            self.flush_wanted.notified().await;
            while self.flush_round(&shards).await {
                self.core.breathe().await;
            }
        }
    }

    /// Syncs what was only written, from time to time; idle unless `klamm.flush=written`.
    pub(super) async fn sync_lazily_forever(self, shards: super::Shards) {
        loop {
            self.core.sleep(LAZY_SYNC).await;
            let ids: Vec<PartitionId> = self.state.borrow_mut().unsynced.drain().collect();
            self.sync(&shards, &ids).await;
            self.sync_journal().await;
            self.after_round();
        }
    }

    /// Writes all that is dirty, then syncs it; whether there was anything to do.
    pub(super) async fn flush_round(&self, shards: &super::Shards) -> bool {
        let plans = self.state.borrow_mut().plan_flushes();
        let late = self.state.borrow_mut().take_late_syncs();
        if plans.is_empty() && late.is_empty() {
            return false;
        }
        let writes = plans
            .into_iter()
            .map(|(id, plan)| self.write(id, plan))
            .collect();
        let written = join_all(writes).await;
        let (mut to_sync, woken) = self.state.borrow_mut().on_writes(written);
        shards.wake(woken);
        to_sync.extend(late);
        self.sync(shards, &to_sync).await;
        self.after_round();
        true
    }

    pub(super) async fn write(
        &self,
        id: PartitionId,
        plan: FlushPlan,
    ) -> (PartitionId, Result<Written, FlushError>) {
        (id, plan.write(&self.dir).await)
    }

    pub(super) async fn sync(&self, shards: &super::Shards, ids: &[PartitionId]) {
        let (ids, plans) = self.state.borrow_mut().plan_syncs(ids);
        if plans.is_empty() {
            return;
        }
        let results = sync_all(&self.dir, plans).await;
        let synced = ids.into_iter().zip(results).collect();
        let woken = self.state.borrow_mut().on_syncs(synced);
        shards.wake(woken);
    }

    /// Evicts, retries what waited for memory, and wakes whoever has work now.
    pub(super) fn after_round(&self) {
        let mut state = self.state.borrow_mut();
        state.relieve_memory();
        state.retry_stalled();
        self.wake_flushes(&state);
    }

    /// Wakes the loops for which there is something to write or to sync.
    pub(super) fn wake_flushes(&self, state: &Shard) {
        if !state.dirty.is_empty() || !state.sync_later.is_empty() {
            self.flush_wanted.notify_one();
        }
        if !state.journal.small.is_empty() {
            self.journal_wanted.notify_one();
        }
        if !state.journal.destage.is_empty() {
            self.destage_wanted.notify_one();
        }
    }
}

impl Shard {
    fn plan_flushes(&mut self) -> Vec<(PartitionId, FlushPlan)> {
        let arena = self.core.arena().clone();
        let dirty: Vec<PartitionId> = self.dirty.drain().collect();
        let mut plans = Vec::with_capacity(dirty.len());
        for id in dirty {
            let Some(partition) = self.partitions.get_mut(&id) else {
                continue;
            };
            match partition.log_mut().plan_flush(&arena) {
                Some(plan) => plans.push((id, plan)),
                None if partition.log().is_dirty() && partition.is_online() => {
                    self.dirty.insert(id);
                }
                None => {}
            }
        }
        plans
    }

    /// Who could not be synced with what was written last, and can be now.
    fn take_late_syncs(&mut self) -> Vec<PartitionId> {
        let Self {
            partitions,
            sync_later,
            ..
        } = self;
        let can_go = |id: &PartitionId| {
            let own = partitions.get(id);
            own.is_none_or(|own| !own.log().is_syncing())
        };
        sync_later.extract_if(can_go).collect()
    }

    pub(super) fn on_writes(
        &mut self,
        written: Vec<(PartitionId, Result<Written, FlushError>)>,
    ) -> (Vec<PartitionId>, Vec<Watcher>) {
        let (mut to_sync, mut woken) = (Vec::new(), Vec::new());
        for (id, result) in written {
            match result {
                Ok(written) => {
                    let Some(partition) = self.any_partition(id) else {
                        continue;
                    };
                    let rule = partition.commit_rule();
                    partition.log_mut().on_written(written);
                    if rule == CommitRule::Written {
                        partition.log_mut().rely_on_writes();
                    }
                    woken.extend(answer(partition.on_progress()));
                    match rule {
                        CommitRule::Durable => to_sync.push(id),
                        CommitRule::Written => drop(self.unsynced.insert(id)),
                    }
                }
                Err(error) => {
                    woken.extend(self.on_flush_error(id, &error));
                    // Of what was written before, something may wait for its sync still.
                    to_sync.push(id);
                }
            }
        }
        (to_sync, woken)
    }

    fn plan_syncs(&mut self, ids: &[PartitionId]) -> (Vec<PartitionId>, Vec<SyncPlan>) {
        let mut planned = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(partition) = self.any_partition(*id) else {
                continue;
            };
            let log = partition.log_mut();
            match log.plan_sync() {
                Some(plan) => planned.push((*id, plan)),
                None if log.needs_sync() && log.is_syncing() => drop(self.sync_later.insert(*id)),
                None => {}
            }
        }
        planned.into_iter().unzip()
    }

    fn on_syncs(&mut self, synced: Vec<(PartitionId, Result<Synced, FlushError>)>) -> Vec<Watcher> {
        let mut woken = Vec::new();
        for (id, result) in synced {
            match result {
                Ok(synced) => {
                    let Some(partition) = self.any_partition(id) else {
                        continue;
                    };
                    partition.log_mut().on_synced(synced);
                    woken.extend(answer(partition.on_progress()));
                }
                Err(error) => woken.extend(self.on_flush_error(id, &error)),
            }
        }
        woken
    }

    pub(super) fn on_flush_error(&mut self, id: PartitionId, error: &FlushError) -> Vec<Watcher> {
        let now_ms = self.core.now_ms();
        let Some(partition) = self.any_partition(id) else {
            return Vec::new();
        };
        match partition.log_mut().on_failed(error, now_ms) {
            Failed::Offline => fail(partition.on_failure()),
            Failed::DiskFull { dropped_from } => fail(partition.on_disk_full(dropped_from)),
        }
    }

    /// A partition that lives, or one that only waits for its last flush to be deleted.
    pub(super) fn any_partition(
        &mut self,
        id: PartitionId,
    ) -> Option<&mut crate::partition::Partition<AppendTicket>> {
        let doomed = self
            .doomed
            .iter_mut()
            .find(|partition| partition.log().partition() == id);
        self.partitions.get_mut(&id).or(doomed)
    }
}

/// Answers the producers whose promise is kept.
pub(super) fn answer(progress: Progress<AppendTicket>) -> Vec<Watcher> {
    progress
        .answered
        .into_iter()
        .for_each(AppendTicket::resolve);
    progress.woken
}

/// Tells the producers whose batches were dropped, or may be lost.
fn fail(progress: Progress<AppendTicket>) -> Vec<Watcher> {
    for ticket in progress.answered {
        ticket.fail(PartitionError::Storage);
    }
    progress.woken
}
