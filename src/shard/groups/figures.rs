//! What coordinators count: of a core, and gathered from all cores by a call to each.
//!
//! Nothing shows it over the network yet. The log does: a line when a core has loaded its groups, one
//! at its end, and one a minute with `RUST_LOG=klamm::shard=debug`, if anything was counted in it.

use std::time::{Duration, Instant};

use super::super::message::ShardReply;
use super::super::shards::ReplyTo;
use super::super::{Owned, Shards};
use super::Host;
use crate::coordinator::group::coordinator::Figures;

/// How often the log is told of all cores.
const TELL_INTERVAL: Duration = Duration::from_secs(60);
/// A log that takes longer to load is told of.
pub(super) const LOAD_SLOW: Duration = Duration::from_millis(100);

/// What the coordinators of a core, or of all cores, count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFigures {
    /// Coordinators that answer.
    pub ready: usize,
    /// Coordinators whose log is being read.
    pub loading: usize,
    /// Coordinators whose log cannot be read, or takes nothing any more.
    pub failed: usize,
    /// What those that answer count together.
    pub counts: Figures,
    /// Logs that were read since the start.
    pub loads: usize,
    /// How long the longest of that took.
    pub load_longest: Duration,
}

impl GroupFigures {
    pub(in super::super) fn add(&mut self, other: &Self) {
        self.ready += other.ready;
        self.loading += other.loading;
        self.failed += other.failed;
        self.counts.add(&other.counts);
        self.loads += other.loads;
        self.load_longest = self.load_longest.max(other.load_longest);
    }

    fn count(&mut self, host: &Host) {
        match host {
            Host::Loading { .. } => self.loading += 1,
            Host::Ready(coordinator) => {
                self.ready += 1;
                self.counts.add(&coordinator.figures());
            }
            Host::Failed => self.failed += 1,
        }
    }
}

/// The loads of a core since it started.
#[derive(Debug, Default)]
pub(super) struct Loads {
    under_way: usize,
    /// Since when there are some under way without a break.
    since: Option<Instant>,
    done: usize,
    longest: Duration,
}

impl Loads {
    pub(super) fn begin(&mut self, now: Instant) {
        self.under_way += 1;
        self.since.get_or_insert(now);
    }

    /// One is done. The time of all that were under way, if it was the last of them.
    fn end(&mut self, took: Duration) -> Option<Instant> {
        self.under_way -= 1;
        self.done += 1;
        self.longest = self.longest.max(took);
        self.since.take_if(|_| self.under_way == 0)
    }
}

impl Shards {
    /// Tells the log once in a while what has happened since, for as long as the broker runs.
    pub(in super::super) async fn tell_group_figures(self) {
        let mut told = Figures::default();
        loop {
            self.owned().core.sleep(TELL_INTERVAL).await;
            if !log::log_enabled!(log::Level::Debug) {
                continue;
            }
            let Ok(figures) = self.group_figures().await else {
                return;
            };
            let since = figures.counts.since(&told);
            if !since.is_idle() {
                log::debug!("groups of all cores, in {TELL_INTERVAL:?}: {since}");
            }
            told = figures.counts;
        }
    }
}

impl Owned {
    /// Counts groups, of which there may be hundreds of thousands, with everything else in between.
    pub(in super::super) fn send_group_figures(&self, reply: ReplyTo) {
        let owned = self.clone();
        self.core.spawn(async move {
            let mut figures = owned.figures_of_loads();
            let partitions = owned.groups.hosted.borrow().partitions();
            for partition in partitions {
                if let Some(host) = owned.groups.hosted.borrow().hosts.get(&partition) {
                    figures.count(host);
                }
                owned.core.breathe().await;
            }
            reply.send(ShardReply::GroupFigures(figures));
        });
    }

    /// A log has been read. With the last of those under way, how much there is.
    pub(super) fn on_loaded(&self, begun: Instant) {
        let now = self.core.monotonic();
        let mut loads = self.groups.loads.borrow_mut();
        let Some(since) = loads.end(now - begun) else {
            return;
        };
        drop(loads);
        let figures = self.figures_at_once();
        log::info!(
            "core {}: {} coordinators, {} groups and {} committed offsets are there after {:.1?}",
            self.core.id(),
            figures.ready,
            figures.counts.group_count(),
            figures.counts.offsets,
            now - since
        );
    }

    /// What the core's coordinators did in its life, in one line.
    pub(super) fn sum_up_groups(&self) {
        let counts = self.figures_at_once().counts;
        if !counts.is_idle() {
            log::info!("core {}: {counts}", self.core.id());
        }
    }

    fn figures_at_once(&self) -> GroupFigures {
        let mut figures = self.figures_of_loads();
        let hosted = self.groups.hosted.borrow();
        hosted.hosts.values().for_each(|host| figures.count(host));
        figures
    }

    fn figures_of_loads(&self) -> GroupFigures {
        let loads = self.groups.loads.borrow();
        GroupFigures {
            loads: loads.done,
            load_longest: loads.longest,
            ..GroupFigures::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::coordinator::group::config::GroupConfig;
    use crate::coordinator::group::coordinator::Coordinator;
    use crate::coordinator::group::record::GroupRecord;
    use crate::log::DataDir;
    use crate::model::{PartitionId, Uuid};
    use crate::protocol::message::group_record::offset::{OffsetCommitKey, OffsetCommitValue};
    use crate::runtime::{Core, CoreOptions, run_on_cores};
    use crate::shard::{ShardMesh, ShardMeshEnd};

    /// A coordinator of one group with so many offsets.
    fn coordinator(offsets: i32) -> Coordinator {
        let mut coordinator = Coordinator::new(GroupConfig::default());
        for partition in 0..offsets {
            let key = OffsetCommitKey {
                group: "g".to_owned(),
                topic: "t".to_owned(),
                partition,
            };
            let value = Some(OffsetCommitValue::default());
            let record = GroupRecord::OffsetCommit { key, value };
            coordinator.load(0, -1, &record, 0);
        }
        coordinator
    }

    /// A core with three coordinators, one of which answers.
    fn hosting(core: &Core, end: ShardMeshEnd) -> Shards {
        let dir = DataDir::new(core.clone(), "nowhere".into(), 8);
        let shards = Shards::start(core, end, dir, Default::default(), None);
        let offsets = 1 + core.id() as i32;
        let deleted = Default::default();
        let hosts = [
            Host::Ready(Box::new(coordinator(offsets))),
            Host::Loading { deleted },
            Host::Failed,
        ];
        let mut hosted = shards.owned().groups.hosted.borrow_mut();
        for (index, host) in (0..).zip(hosts) {
            let topic_id = Uuid::from_u128(1);
            hosted.hosts.insert(PartitionId { topic_id, index }, host);
        }
        drop(hosted);
        shards
    }

    #[test]
    fn the_figures_of_all_cores_come_together() {
        let ends: Vec<_> = ShardMesh::build(2).into_iter().map(Some).collect();
        let (ends, is_done) = (Mutex::new(ends), AtomicBool::new(false));
        let (ends, is_done) = (&ends, &is_done);
        let gathered = run_on_cores(2, &CoreOptions::default(), |core| async move {
            let end = ends.lock().expect("no panic")[core.id()].take();
            let shards = hosting(&core, end.expect("taken once"));
            if core.id() == 0 {
                let figures = shards.group_figures().await.expect("both are up");
                is_done.store(true, Ordering::Relaxed);
                return Some(figures);
            }
            while !is_done.load(Ordering::Relaxed) {
                core.sleep(Duration::from_millis(1)).await;
            }
            None
        });
        let figures = gathered[0].as_ref().expect("the first has asked");
        assert_eq!((figures.ready, figures.loading, figures.failed), (2, 2, 2));
        assert_eq!(figures.counts.groups[&("classic", "Empty")], 2);
        assert_eq!((figures.counts.offsets, figures.counts.commits), (3, 0));
    }

    #[test]
    fn the_last_load_of_many_tells_how_long_all_took() {
        let (mut loads, begun) = (Loads::default(), Instant::now());
        loads.begin(begun);
        loads.begin(begun + Duration::from_millis(1));
        assert_eq!(loads.end(Duration::from_millis(7)), None);
        assert_eq!(loads.end(Duration::from_millis(3)), Some(begun));
        assert_eq!((loads.done, loads.longest.as_millis()), (2, 7));
        loads.begin(begun + Duration::from_millis(9));
        assert!(loads.end(Duration::ZERO) > Some(begun));
    }
}
