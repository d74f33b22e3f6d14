//! The one actor of a core: owner of its partitions, of their memory and of their flushes.
//!
//! State lives in `Shard`, borrowed for the length of one synchronous step and never across
//! an await: plan under the borrow, run on owned data, bring the result back. Other cores reach
//! it by [`ShardCall`]s through the mailboxes of [`Shards`]; on its own core a call is a call.

mod appends;
mod cleaner;
mod control;
mod controller;
mod destage;
mod flush;
mod group_config;
mod groups;
mod housekeeping;
mod journal;
mod journal_replay;
mod log_config;
mod message;
mod metadata_log;
mod metadata_replay;
mod metadata_snapshots;
mod offsets;
mod points;
mod reads;
mod settings;
mod shards;
mod tail_limit;
mod topics;
mod watches;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

pub use cleaner::CleanerStats;
pub use control::{ControlCall, ControlReply};
pub use controller::ControlError;
pub use group_config::group_config;
pub use groups::{Asked, GroupFigures, Said, coordinator_partition};
pub use journal_replay::{JournalError, JournalReport};
pub use log_config::topic_config;
pub use message::{
    AppendBatch, AppendCall, AppendDone, BatchBytes, EpochQuery, GroupFilter, OffsetFound,
    OffsetQuery, OffsetTarget, Publication, ReadData, ReadDone, ReadRequest, ShardCall, ShardReply,
    WatchCall,
};
pub use metadata_log::{MetadataBoot, MetadataError, open_metadata_log};
pub use shards::{CoreGone, Shards};
pub use topics::{LogPositions, OpenReport, strays};
pub use watches::FetchWatch;

use crate::config::BrokerConfig;
use crate::log::DataDir;
use crate::metadata::MetadataImage;
use crate::model::{PartitionId, PartitionMap, PartitionSet};
use crate::partition::{CommitRule, Partition};
use crate::runtime::Core;
use crate::runtime::sync::{Notify, Semaphore};
use appends::{AppendTicket, StalledAppend};
use cleaner::Cleaner;
use groups::Groups;
use journal::Journaling;
use journal_replay::OpenedLog;
use points::Points;
use tail_limit::TailLimit;

/// The mesh that joins all shards.
pub type ShardMesh = crate::runtime::mesh::Mesh<ShardCall, ShardReply>;
/// One core's end of it, before the core runs.
pub type ShardMeshEnd = crate::runtime::mesh::MeshEnd<ShardCall, ShardReply>;

/// What a core owns. Never leaves its core.
struct Shard {
    core: Core,
    dir: DataDir,
    /// The settings of the start.
    started_with: Arc<BrokerConfig>,
    /// Those in force now.
    config: Rc<BrokerConfig>,
    image: Arc<MetadataImage>,
    partitions: PartitionMap<Partition<AppendTicket>>,
    /// Logs that are open and not led yet, and the image they were opened for.
    opened: PartitionMap<OpenedLog>,
    opening: Option<Arc<MetadataImage>>,
    /// Partitions with appends for their segments that no flush has taken yet.
    dirty: PartitionSet,
    /// Written while a sync of theirs was under way: they need another one.
    sync_later: PartitionSet,
    journal: Journaling,
    /// Written but not synced; only of interest with `klamm.flush=written`.
    unsynced: PartitionSet,
    /// Whose extents were begun, oldest first: the order of eviction.
    extents: VecDeque<PartitionId>,
    /// How much of them is kept for readers.
    tail_limit: Cell<TailLimit>,
    /// Appends that found the memory full, in order; nothing overtakes them.
    stalled: VecDeque<StalledAppend>,
    /// Deleted partitions whose flush was under way.
    doomed: Vec<Partition<AppendTicket>>,
    /// The durable points as they stand in this core's file.
    points: Points,
    cleaner: Cleaner,
    /// Batches that were given a place, for the summary at the end.
    batches_appended: u64,
    /// Those of them that were received where they are written from.
    batches_in_place: u64,
    closing: bool,
}

/// The shard as its tasks hold it.
#[derive(Clone)]
struct Owned {
    state: Rc<RefCell<Shard>>,
    /// Something is dirty.
    flush_wanted: Rc<Notify>,
    /// Something small is dirty.
    journal_wanted: Rc<Notify>,
    /// Something in the journal is to come to its segment.
    destage_wanted: Rc<Notify>,
    /// The coordinators of groups.
    groups: Rc<Groups>,
    /// One permit: whoever has it writes this core's durable points.
    points_file: Semaphore,
    core: Core,
    dir: DataDir,
}

impl Shard {
    fn new(core: Core, dir: DataDir, config: Arc<BrokerConfig>) -> Self {
        let tail_limit = TailLimit::new(tail_bytes_max(&core));
        Self {
            core,
            dir,
            tail_limit: Cell::new(tail_limit),
            config: Rc::new(BrokerConfig::clone(&config)),
            started_with: config,
            image: Arc::default(),
            partitions: PartitionMap::default(),
            opened: PartitionMap::default(),
            opening: None,
            dirty: PartitionSet::default(),
            sync_later: PartitionSet::default(),
            journal: Journaling::default(),
            unsynced: PartitionSet::default(),
            extents: VecDeque::new(),
            stalled: VecDeque::new(),
            doomed: Vec::new(),
            points: Points::default(),
            cleaner: Cleaner::default(),
            batches_appended: 0,
            batches_in_place: 0,
            closing: false,
        }
    }

    /// Whether this core owns the partition.
    fn owns(&self, partition: PartitionId) -> bool {
        partition.owner_core(self.core.count()) == self.core.id()
    }

    /// What consumers of ordinary topics may see.
    fn commit_rule(&self) -> CommitRule {
        match self.config.flush {
            crate::config::FlushPolicy::Durable => CommitRule::Durable,
            crate::config::FlushPolicy::Written => CommitRule::Written,
        }
    }

    /// Gives memory back until the arena is at most three quarters full, and what readers do not
    /// come back for besides.
    ///
    /// Only what is synced and below the high watermark goes; the oldest first. What only the
    /// journal has besides is asked to its segment.
    fn relieve_memory(&mut self) {
        let arena = self.core.arena().clone();
        let limit = tail_bytes_max(&self.core);
        while arena.used_bytes() > limit && self.evict_one() {}
        if arena.used_bytes() > limit {
            self.destage_oldest();
        }
        self.evict_unwanted();
    }

    /// Some at a time, so that no round lasts longer for it; never a log's newest extent, which
    /// the next append would have to read again.
    fn evict_unwanted(&mut self) {
        let mut limit = self.tail_limit.get();
        limit.on_time(self.core.now_ms());
        self.tail_limit.set(limit);
        for _ in 0..UNWANTED_AT_ONCE_MAX {
            if self.core.arena().used_bytes() <= limit.bytes() || !self.evict_one_unwanted() {
                return;
            }
        }
    }

    /// The same, with the turn of a log that would lose its newest extent left to the others.
    fn evict_one_unwanted(&mut self) -> bool {
        let Some(id) = self.extents.front().copied() else {
            return false;
        };
        let own = self.partitions.get(&id).map(Partition::log);
        let end = own.and_then(|log| Some((log.oldest_extent()?.end, log.log_end())));
        match end {
            Some((extent_end, log_end)) if extent_end == log_end => {
                self.extents.rotate_left(1);
                true
            }
            _ => self.evict_one(),
        }
    }

    /// Evicts the oldest extent of this core; false if it must stay, or there is none.
    fn evict_one(&mut self) -> bool {
        let Some(id) = self.extents.pop_front() else {
            return false;
        };
        let may_go =
            |own: &&mut Partition<_>| own.is_online() && own.log().oldest_extent().is_some();
        let Some(partition) = self.partitions.get_mut(&id).filter(may_go) else {
            // It went with its partition or its segment, or a full disk dropped it; what is offline
            // keeps its memory and must not keep the core from evicting the rest.
            return true;
        };
        let high_watermark = partition.high_watermark();
        if partition.log_mut().evict_oldest(high_watermark) == 0 {
            self.extents.push_front(id);
            return false;
        }
        true
    }
}

/// The most recent data a core keeps: the rest of its memory is for requests on their way.
fn tail_bytes_max(core: &Core) -> usize {
    core.arena().budget_bytes() / 4 * 3
}

/// Extents that one round may give back although there is memory.
const UNWANTED_AT_ONCE_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Log, LogConfig};
    use crate::model::{TopicPartition, Uuid};
    use crate::runtime::{CoreOptions, block_on_one_core};

    /// A full disk or retention takes extents that the shard still counts: they must not keep it
    /// from evicting what was begun after them.
    #[test]
    fn an_extent_that_is_gone_does_not_stop_eviction() {
        block_on_one_core(CoreOptions::default(), async |core| {
            let dir = DataDir::new(core.clone(), "nowhere".into(), 8);
            let mut shard = Shard::new(core, dir, Arc::default());
            let name = TopicPartition {
                topic: "t".into(),
                partition: 0,
            };
            let config = Arc::new(LogConfig::default());
            let log = Log::new(shard.dir.path(), name, Uuid::ZERO, config, 0);
            let id = log.partition();
            let partition = Partition::lead(log, 0, CommitRule::Durable);
            shard.partitions.insert(id, partition);
            shard.extents.extend([id, id]);
            assert!(shard.evict_one() && shard.evict_one());
            assert!(shard.extents.is_empty());
        });
    }
}
