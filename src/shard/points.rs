//! The durable points of a core: its own file, replaced from time to time, when records were
//! deleted, and at the end.
//!
//! Deleted records stay deleted once it is said that they are: Kafka's checkpoint of the log
//! starts is only written every minute, so the new start is brought to this file before the
//! answer. Deletions that come close together share one write.

use std::time::{Duration, Instant};

use super::{Owned, Shard};
use crate::log::DurablePoint;

/// Between two writes for deletions there is at least so long.
const DELETIONS_PAUSE: Duration = Duration::from_millis(200);

/// What this core's file says, and what it does not say yet.
#[derive(Debug, Default)]
pub(super) struct Points {
    /// As they stand in the file.
    written: Vec<DurablePoint>,
    /// The file's; larger than that of every file of earlier runs.
    pub(super) generation: u64,
    /// How often log starts were moved, and how many of these moves the file has.
    moves: u64,
    moves_written: u64,
    last_write: Option<Instant>,
    /// Whether the last attempt failed: only the first one is told.
    failing: bool,
    /// Whether all logs are led: before, the file of the last run says more.
    begun: bool,
}

impl Points {
    /// All logs of the core are led: from now on the points are written.
    pub(super) fn begin(&mut self) {
        self.begun = true;
    }

    /// Whether the points of this run are those in the file, or will be.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Counts a move of log starts; its number is what [`Owned::settle_log_starts`] waits for.
    pub(super) fn on_log_starts_moved(&mut self) -> u64 {
        self.moves += 1;
        self.moves
    }
}

impl Owned {
    /// Writes the points, unless the file says the same already; whether it does now.
    pub(super) async fn write_durable_points(&self) -> bool {
        let _alone = self.points_file.acquire(1).await;
        self.write_points().await
    }

    /// Waits until a move of log starts is on stable storage; false if that failed.
    pub(super) async fn settle_log_starts(&self, moved: u64) -> bool {
        let _alone = self.points_file.acquire(1).await;
        if self.state.borrow().points.moves_written >= moved {
            return true;
        }
        let last = self.state.borrow().points.last_write;
        let since = last.map_or(DELETIONS_PAUSE, |last| self.core.monotonic() - last);
        if since < DELETIONS_PAUSE {
            self.core.sleep(DELETIONS_PAUSE - since).await;
        }
        self.write_points().await
    }

    /// Only with the file's permit: two writes of one file would mix.
    async fn write_points(&self) -> bool {
        let Some(next) = self.state.borrow_mut().plan_points() else {
            return true;
        };
        let (generation, points) = (next.generation, next.written.clone());
        match self.dir.write_durable_points(generation, points).await {
            Ok(()) => {
                self.state.borrow_mut().on_points_written(next);
                true
            }
            Err(error) => {
                let told = std::mem::replace(&mut self.state.borrow_mut().points.failing, true);
                if !told {
                    log::warn!(
                        "the durable points cannot be written until further notice: {error}"
                    );
                }
                false
            }
        }
    }
}

/// A file of points on its way.
struct NextPoints {
    written: Vec<DurablePoint>,
    generation: u64,
    moves: u64,
}

impl Shard {
    /// The file as it should be; `None` if it is.
    fn plan_points(&mut self) -> Option<NextPoints> {
        if !self.points.begun {
            return None;
        }
        let points = self.partitions.values();
        let written: Vec<_> = points.filter_map(|own| own.log().durable_point()).collect();
        if written == self.points.written {
            self.points.moves_written = self.points.moves;
            return None;
        }
        self.points.generation += 1;
        Some(NextPoints {
            written,
            generation: self.points.generation,
            moves: self.points.moves,
        })
    }

    fn on_points_written(&mut self, next: NextPoints) {
        if std::mem::take(&mut self.points.failing) {
            log::info!("the durable points are written again");
        }
        self.points.written = next.written;
        self.points.moves_written = next.moves;
        self.points.last_write = Some(self.core.monotonic());
    }
}
