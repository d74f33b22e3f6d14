//! What a core does besides: derived files, durable points, retention, checkpoints, and the end.

use std::time::Duration;

use super::destage::can_destage;
use super::message::ShardReply;
use super::shards::ReplyTo;
use super::topics::LogPositions;
use super::{Owned, Shard, Shards};
use crate::log::{AnchorPlan, Checkpoint, DeletedSegments, Retention, anchor_all};
use crate::model::{Offset, PartitionId, TopicPartition};
use crate::partition::Partition;

/// How often derived files are looked after.
const ANCHOR_INTERVAL: Duration = Duration::from_millis(500);
/// How long a closing core looks again whether its flushes are through.
const CLOSE_POLL: Duration = Duration::from_millis(2);

impl Owned {
    /// Starts everything that runs for as long as the core lives.
    pub(super) fn start_tasks(&self, shards: &Shards) {
        let (owned, shards) = (self.clone(), shards.clone());
        let lazy = (owned.clone(), shards.clone());
        let journal = (owned.clone(), shards.clone());
        let destage = (owned.clone(), shards.clone());
        let upkeep = owned.clone();
        owned.start_group_tasks();
        if self.core.id() == 0 {
            let telling = shards.clone();
            self.core
                .spawn(async move { telling.tell_group_figures().await });
        }
        let retention = owned.clone();
        let cleaning = (owned.clone(), shards.clone());
        self.core
            .spawn(async move { owned.flush_forever(shards).await });
        self.core
            .spawn(async move { lazy.0.sync_lazily_forever(lazy.1).await });
        self.core
            .spawn(async move { journal.0.journal_forever(journal.1).await });
        self.core
            .spawn(async move { destage.0.destage_forever(destage.1).await });
        self.core
            .spawn(async move { upkeep.keep_derived_files().await });
        self.core
            .spawn(async move { retention.retain_forever().await });
        self.core
            .spawn(async move { cleaning.0.clean_forever(cleaning.1).await });
    }

    async fn keep_derived_files(self) {
        let interval = self.state.borrow().config.log.durable_points_interval_ms;
        let mut since_points = Duration::ZERO;
        loop {
            self.core.sleep(ANCHOR_INTERVAL).await;
            since_points += ANCHOR_INTERVAL;
            let due = since_points >= Duration::from_millis(interval);
            if self.anchor_logs().await || due {
                since_points = Duration::ZERO;
                self.write_durable_points().await;
            }
            self.look_after_destaging();
            // Readers give memory back at any time: what waits for it must not wait for a flush.
            self.after_round();
        }
    }

    /// Writes the derived files that are due; whether there were any.
    async fn anchor_logs(&self) -> bool {
        if self.state.borrow().closing {
            return false;
        }
        let ids: Vec<PartitionId> = self.state.borrow().partitions.keys().copied().collect();
        let mut any = false;
        for id in ids {
            let plan = {
                let mut state = self.state.borrow_mut();
                state
                    .partitions
                    .get_mut(&id)
                    .and_then(|own| own.log_mut().plan_anchor())
            };
            let Some(plan) = plan else { continue };
            any = true;
            let result = plan.run(&self.dir).await;
            let mut state = self.state.borrow_mut();
            let Some(partition) = state.any_partition(id) else {
                continue;
            };
            match result {
                Ok(anchored) => partition.log_mut().on_anchored(anchored),
                Err(error) => partition.log_mut().on_anchor_failed(&error),
            }
        }
        any
    }

    async fn retain_forever(self) {
        let (interval, delay) = {
            let state = self.state.borrow();
            (
                state.config.log.retention_check_interval_ms,
                state.config.log.initial_delay_ms,
            )
        };
        self.core
            .sleep(Duration::from_millis(delay.min(interval)))
            .await;
        loop {
            let ids: Vec<PartitionId> = self.state.borrow().partitions.keys().copied().collect();
            for id in ids {
                self.retain(id).await;
                self.core.breathe().await;
            }
            self.expire_producers();
            self.core.sleep(Duration::from_millis(interval)).await;
        }
    }

    pub(super) async fn retain(&self, id: PartitionId) {
        loop {
            let planned = self.plan_retention(id);
            match planned {
                Retention::Nothing => return,
                Retention::Load(load) => match load.run(&self.dir).await {
                    Ok(timestamps) => self.with_log(id, |log| log.on_timestamps(timestamps)),
                    Err(error) => {
                        return log::warn!("{id}: retention reads no timestamps: {error}");
                    }
                },
                Retention::Delete(segments) => {
                    self.with_log(id, |log| {
                        log::info!(
                            "{}: old segments are deleted, the log begins at {}",
                            log.name(),
                            log.log_start()
                        );
                    });
                    return self.delete_segments(id, segments).await;
                }
            }
        }
    }

    fn plan_retention(&self, id: PartitionId) -> Retention {
        let now_ms = self.core.now_ms();
        let mut state = self.state.borrow_mut();
        let Some(partition) = state.partitions.get_mut(&id) else {
            return Retention::Nothing;
        };
        if partition.log().is_behind() {
            // A log is rolled for its age only once its segment has all of it: the next time.
            state.journal.destage.push(id);
        }
        let partition = state.partitions.get_mut(&id).expect("it was just there");
        let high_watermark = partition.high_watermark();
        partition.log_mut().plan_retention(now_ms, high_watermark)
    }

    async fn delete_segments(&self, id: PartitionId, segments: crate::log::DeleteSegments) {
        match segments.run(&self.dir).await {
            Ok(deleted) => self.remove_later(id, deleted),
            Err(error) => log::error!("{id}: deleting segments failed: {error}"),
        }
    }

    /// Removes the files of old segments after `file.delete.delay.ms`.
    pub(super) fn remove_later(&self, id: PartitionId, deleted: DeletedSegments) {
        let mut delay = 0;
        self.with_log(id, |log| delay = log.config().file_delete_delay_ms);
        let (dir, core) = (self.dir.clone(), self.core.clone());
        self.core.spawn(async move {
            core.sleep(Duration::from_millis(delay)).await;
            if let Err(error) = deleted.remove(&dir).await {
                log::warn!("{id}: removing deleted segments failed: {error}");
            }
        });
    }

    fn expire_producers(&self) {
        let now_ms = self.core.now_ms();
        for partition in self.state.borrow_mut().partitions.values_mut() {
            partition.log_mut().expire_producers(now_ms);
        }
    }

    pub(super) fn with_log(&self, id: PartitionId, act: impl FnOnce(&mut crate::log::Log)) {
        if let Some(partition) = self.state.borrow_mut().any_partition(id) {
            act(partition.log_mut());
        }
    }

    /// Flushes what is there, closes every log, and tells where they stand.
    pub(super) fn close(&self, shards: &Shards, reply: ReplyTo) {
        let (owned, shards) = (self.clone(), shards.clone());
        self.unload_groups();
        self.state.borrow_mut().closing = true;
        self.core.spawn(async move {
            owned.drain(&shards).await;
            owned.close_logs().await;
            owned.close_journal().await;
            owned.write_durable_points().await;
            owned.sum_up();
            let positions = owned.state.borrow().closed_positions();
            reply.send(ShardReply::Closed(positions));
        });
    }

    /// What the core did in its life, in one line.
    fn sum_up(&self) {
        let (stats, state) = (self.core.stats(), self.state.borrow());
        let (batches, in_place) = (state.batches_appended, state.batches_in_place);
        if batches == 0 && stats.reads == 0 && stats.sendfiles == 0 {
            return;
        }
        let each = batches as f64 / stats.direct_writes.max(1) as f64;
        let journal = state.journal.stats();
        log::info!(
            "core {}: {batches} batches, {in_place} of them received in place, {each:.1} each direct write; {stats}; \
             journal: {} rounds of {} entries, {} bytes, {} writes to segments later",
            self.core.id(),
            journal.rounds,
            journal.entries,
            journal.bytes,
            state.journal.destages
        );
    }

    async fn drain(&self, shards: &Shards) {
        loop {
            self.state.borrow_mut().destage_for_close();
            let unsynced = self.state.borrow().unsynced();
            self.sync(shards, &unsynced).await;
            if !self.state.borrow().is_busy() {
                return;
            }
            self.flush_wanted.notify_one();
            self.core.sleep(CLOSE_POLL).await;
        }
    }

    /// Closes all logs as a group: every file written, then all synced at once.
    async fn close_logs(&self) {
        let (ids, plans) = self.state.borrow_mut().plan_closes();
        let results = anchor_all(&self.dir, plans).await;
        for (id, result) in ids.into_iter().zip(results) {
            self.with_log(id, |log| match result {
                Ok(anchored) => log.on_anchored(anchored),
                Err(error) => {
                    log::error!(
                        "{}: not closed, the next start recovers it: {error}",
                        log.name()
                    );
                }
            });
        }
    }
}

impl Shard {
    /// What was written and is not synced, or is being synced.
    fn unsynced(&self) -> Vec<PartitionId> {
        let unsynced = self.partitions.iter();
        let unsynced = unsynced.filter(|(_, own)| own.is_online() && own.log().needs_sync());
        unsynced.map(|(id, _)| *id).collect()
    }

    fn is_busy(&self) -> bool {
        let busy = |own: &Partition<_>| {
            let log = own.log();
            let waits = log.is_dirty() || log.needs_sync() || can_destage(own);
            own.is_online() && (log.is_busy() || waits)
        };
        self.journal.is_preparing() || self.partitions.values().any(busy)
    }

    fn plan_closes(&mut self) -> (Vec<PartitionId>, Vec<AnchorPlan>) {
        let idle = self
            .partitions
            .iter_mut()
            .filter(|(_, partition)| !partition.log().is_busy());
        idle.filter_map(|(id, partition)| Some((*id, partition.log_mut().plan_close()?)))
            .unzip()
    }
}

impl Shards {
    /// Kafka's checkpoints of the whole directory, gathered from all cores. Core 0 does it.
    pub async fn write_checkpoints(&self) -> Result<(), super::CoreGone> {
        let mut positions: Vec<LogPositions> = Vec::new();
        for core in 0..self.core().count() {
            positions.extend(self.positions(core).await?);
        }
        self.write_checkpoint(Checkpoint::RecoveryPoint, &positions, |at| {
            Some(at.recovery_point)
        })
        .await;
        self.write_checkpoint(Checkpoint::HighWatermark, &positions, |at| {
            Some(at.high_watermark)
        })
        .await;
        self.write_checkpoint(Checkpoint::LogStart, &positions, |at| {
            Some(at.log_start).filter(|log_start| *log_start > 0)
        })
        .await;
        self.write_checkpoint(Checkpoint::Cleaner, &positions, |at| at.cleaned_to)
            .await;
        Ok(())
    }

    async fn write_checkpoint(
        &self,
        checkpoint: Checkpoint,
        positions: &[LogPositions],
        offset: impl Fn(&LogPositions) -> Option<Offset>,
    ) {
        let entries: Vec<(TopicPartition, Offset)> = positions
            .iter()
            .filter_map(|at| Some((at.name.clone(), offset(at)?)))
            .collect();
        if let Err(error) = self.owned().dir.write_checkpoint(checkpoint, entries).await {
            log::warn!(
                "the checkpoint {} was not written: {error}",
                checkpoint.file_name()
            );
        }
    }

    /// Checkpoints at their interval, for as long as core 0 lives.
    pub async fn keep_checkpoints(self) {
        loop {
            let interval = self.config().log.recovery_point_interval_ms;
            self.core().sleep(Duration::from_millis(interval)).await;
            if self.write_checkpoints().await.is_err() {
                return;
            }
        }
    }
}
