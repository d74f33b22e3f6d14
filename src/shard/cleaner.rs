//! Compaction of this core's logs: one at a time, the dirtiest first, in small pieces on a thread
//! of the pool with rests between them.

use std::time::{Duration, Instant};

use super::{Owned, Shard, Shards};
use crate::log::{
    CleanError, Cleaned, Cleaning, CleaningSettings, Dirt, Exchange, Step, TimestampsLoad,
};
use crate::model::{PartitionId, PartitionMap};

/// Between two looks there is at least so long, whatever `log.cleaner.backoff.ms` says.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// A rest is cut into pieces: a core that closes must not wait for its end.
const REST_PIECE: Duration = Duration::from_millis(50);
/// A log whose files could not be read or written is left alone for so long.
const ASIDE: Duration = Duration::from_secs(300);

/// What compaction did on this core so far, for whoever reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanerStats {
    /// How often a log was cleaned.
    pub cleanings: u64,
    /// Bytes of the segments that were cleaned, before.
    pub bytes_before: u64,
    /// The same, after.
    pub bytes_after: u64,
    /// How long that took, rests included.
    pub time: Duration,
    /// Logs that cannot be cleaned.
    pub uncleanable: u64,
}

/// What the cleaner of a core keeps in mind.
#[derive(Default)]
pub(super) struct Cleaner {
    pub(super) stats: CleanerStats,
    /// Logs that are left alone until then.
    aside: PartitionMap<Instant>,
}

impl Owned {
    /// Cleans whenever a log is dirty enough, for as long as the core lives.
    pub(super) async fn clean_forever(self, shards: Shards) {
        loop {
            let config = self.state.borrow().config.cleaner;
            if config.enabled && self.clean_dirtiest(&shards).await {
                self.core.turn().await;
            } else {
                let backoff = Duration::from_millis(config.backoff_ms);
                self.core.sleep(backoff.max(BACKOFF_MIN)).await;
            }
        }
    }

    /// Whether there was a log to clean.
    async fn clean_dirtiest(&self, shards: &Shards) -> bool {
        self.load_timestamps().await;
        let begun = self.state.borrow_mut().begin_cleaning();
        let Some((id, cleaning)) = begun else {
            return false;
        };
        self.clean(id, Box::new(cleaning), shards).await;
        true
    }

    async fn load_timestamps(&self) {
        let loads = self.state.borrow().timestamps_wanted();
        for (id, load) in loads {
            match load.run(&self.dir).await {
                Ok(timestamps) => self.with_log(id, |log| log.on_timestamps(timestamps)),
                Err(error) => {
                    log::warn!("{id}: compaction reads no timestamps: {error}");
                    self.state.borrow_mut().set_aside(id);
                }
            }
        }
    }

    async fn clean(&self, id: PartitionId, mut cleaning: Box<Cleaning>, shards: &Shards) {
        let began = self.core.monotonic();
        // The points on disk must not speak of places within what is exchanged.
        let mut points_tell = false;
        while self.state.borrow().may_clean(id) {
            let step_began = self.core.monotonic();
            let step = match cleaning.step(&self.dir).await {
                Ok((next, step)) => {
                    cleaning = next;
                    step
                }
                Err(error) => return self.on_clean_error(id, &error),
            };
            match step {
                Step::More(bytes) => self.rest(id, step_began.elapsed(), bytes).await,
                Step::Exchange(exchange) => {
                    points_tell = points_tell || self.write_durable_points().await;
                    if !self.exchange(id, *exchange, points_tell, shards).await {
                        break;
                    }
                }
                Step::Done(cleaned) => return self.on_cleaned(id, &cleaned, began.elapsed()),
            }
        }
        if let Err(error) = cleaning.abandon(&self.dir).await {
            log::warn!("{id}: what compaction had written is not removed: {error}");
        }
    }

    /// As long as the work took, or as `log.cleaner.io.max.bytes.per.second` wants it.
    async fn rest(&self, id: PartitionId, worked: Duration, bytes: u64) {
        let share = self.state.borrow().config.cleaner.bytes_per_second_max;
        let seconds = bytes as f64 * self.core.count() as f64 / share;
        let mut left = worked.max(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        while !left.is_zero() && self.state.borrow().may_clean(id) {
            let piece = left.min(REST_PIECE);
            self.core.sleep(piece).await;
            left -= piece;
        }
    }

    /// Puts a new segment in the place of old ones; false if that could not be.
    async fn exchange(
        &self,
        id: PartitionId,
        exchange: Exchange,
        points_tell: bool,
        shards: &Shards,
    ) -> bool {
        let begun = points_tell && self.state.borrow_mut().begin_exchange(id, &exchange);
        if !begun {
            if let Err(error) = exchange.abandon(&self.dir).await {
                log::warn!("{id}: what compaction had written is not removed: {error}");
            }
            self.state.borrow_mut().set_aside(id);
            return false;
        }
        match exchange.run(&self.dir).await {
            Ok(exchanged) => {
                let mut deleted = None;
                self.with_log(id, |log| deleted = Some(log.on_exchanged(exchanged)));
                if let Some(deleted) = deleted {
                    self.remove_later(id, deleted);
                }
                true
            }
            Err(error) => {
                let woken = self.state.borrow_mut().on_flush_error(id, &error);
                shards.wake(woken);
                false
            }
        }
    }

    fn on_cleaned(&self, id: PartitionId, cleaned: &Cleaned, took: Duration) {
        self.with_log(id, |log| {
            log.on_cleaned(cleaned.end);
            log::info!(
                "{}: compacted up to {}: {} bytes in {} segments became {} in {}, {} keys, {:.1} s",
                log.name(),
                cleaned.end,
                cleaned.bytes_before,
                cleaned.segments_before,
                cleaned.bytes_after,
                cleaned.segments_after,
                cleaned.keys,
                took.as_secs_f64()
            );
        });
        let stats = &mut self.state.borrow_mut().cleaner.stats;
        stats.cleanings += 1;
        stats.bytes_before += cleaned.bytes_before;
        stats.bytes_after += cleaned.bytes_after;
        stats.time += took;
    }

    fn on_clean_error(&self, id: PartitionId, error: &CleanError) {
        let minutes = ASIDE.as_secs() / 60;
        match error {
            CleanError::Corrupt { .. } => {
                self.with_log(id, |log| {
                    log.on_uncleanable();
                    log::error!(
                        "{}: NOT COMPACTED until restart, all of it is kept: {error}",
                        log.name()
                    );
                });
                self.state.borrow_mut().cleaner.stats.uncleanable += 1;
            }
            CleanError::Io { .. } => {
                log::warn!("{id}: not compacted for the next {minutes} minutes: {error}");
                self.state.borrow_mut().set_aside(id);
            }
        }
    }
}

impl Shards {
    /// What compaction did on this core.
    pub fn cleaner_stats(&self) -> CleanerStats {
        self.owned().state.borrow().cleaner.stats
    }
}

impl Shard {
    /// Whether a cleaning of this log may begin, and go on.
    fn may_clean(&self, id: PartitionId) -> bool {
        let partition = self.partitions.get(&id).filter(|own| own.is_online());
        !self.closing && partition.is_some_and(|own| own.log().config().compacted)
    }

    fn set_aside(&mut self, id: PartitionId) {
        let until = self.core.monotonic() + ASIDE;
        self.cleaner.aside.insert(id, until);
    }

    /// The logs that compaction looks at.
    fn compacted(&self) -> impl Iterator<Item = (PartitionId, Dirt)> {
        let now_ms = self.core.now_ms();
        let ids = self.partitions.keys().copied();
        let ids = ids.filter(|id| self.may_clean(*id) && !self.cleaner.aside.contains_key(id));
        ids.map(move |id| {
            let partition = &self.partitions[&id];
            let dirt = partition.log().dirt(now_ms, partition.high_watermark());
            (id, dirt)
        })
    }

    fn timestamps_wanted(&self) -> Vec<(PartitionId, TimestampsLoad)> {
        let loads = self.compacted().filter_map(|(id, dirt)| match dirt {
            Dirt::Load(load) => Some((id, load)),
            _ => None,
        });
        loads.collect()
    }

    /// Begins with the dirtiest of the logs that are due.
    fn begin_cleaning(&mut self) -> Option<(PartitionId, Cleaning)> {
        let now = self.core.monotonic();
        self.cleaner.aside.retain(|_, until| *until > now);
        let due = self.compacted().filter_map(|(id, dirt)| match dirt {
            Dirt::Some(dirtiness) if dirtiness.is_due => Some((dirtiness.ratio, id)),
            _ => None,
        });
        let (_, id) = due.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let settings = CleaningSettings {
            map_bytes: self.config.cleaner.map_bytes / self.core.count(),
            load_factor: self.config.cleaner.map_load_factor,
        };
        let partition = &self.partitions[&id];
        let high_watermark = partition.high_watermark();
        let log = partition.log();
        let cleaning = log.begin_cleaning(self.core.now_ms(), high_watermark, settings)?;
        Some((id, cleaning))
    }

    fn begin_exchange(&mut self, id: PartitionId, exchange: &Exchange) -> bool {
        let begun = self.points.has_begun() && self.may_clean(id);
        let partition = self.partitions.get_mut(&id).filter(|_| begun);
        partition.is_some_and(|own| own.log_mut().begin_exchange(exchange))
    }
}
