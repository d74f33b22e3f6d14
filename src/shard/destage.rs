//! What the journal has comes to the segments, in larger writes and in the background: of logs
//! that have gathered enough, of those whose memory is needed, and of all that a full journal file
//! waits for. A few at a time, so that rounds of the journal come in between.

use std::time::Duration;

use super::{Owned, Shard, Shards};
use crate::log::{FlushPlan, Status};
use crate::model::PartitionId;
use crate::partition::Partition;
use crate::runtime::sync::join_all;

use super::appends::AppendTicket;

/// Logs that are synced together.
const GROUP_LOGS: usize = 512;
/// Logs that are written without anything in between.
const PIECE_LOGS: usize = 16;
/// No log more is added to so many bytes: a disk takes one write after the other, and a round of the
/// journal waits for all that were handed to it before.
const PIECE_BYTES: usize = 64 << 10;
/// Between two groups, so that the next one gathers more.
const PAUSE: Duration = Duration::from_millis(20);

impl Owned {
    /// Destages whenever something has to be, for as long as the core lives.
    pub(super) async fn destage_forever(self, shards: Shards) {
        loop {
            self.destage_wanted.notified().await;
            while self.destage_group(&shards).await {
                self.core.sleep(PAUSE).await;
            }
        }
    }

    /// Writes some logs and syncs them together; whether there were any.
    async fn destage_group(&self, shards: &Shards) -> bool {
        let ids = self.state.borrow_mut().take_destage_group();
        let mut left = ids.as_slice();
        while !left.is_empty() {
            let plans = self.state.borrow_mut().plan_destages(&mut left);
            let writes = plans
                .into_iter()
                .map(|(id, plan)| self.write(id, plan))
                .collect();
            let written = join_all(writes).await;
            let (_, woken) = self.state.borrow_mut().on_writes(written);
            shards.wake(woken);
            self.core.turn().await;
        }
        self.sync(shards, &ids).await;
        self.after_round();
        !ids.is_empty()
    }

    /// From time to time: files that wait to be drained, and logs that could not be destaged.
    pub(super) fn look_after_destaging(&self) {
        self.state.borrow_mut().retry_full();
        self.hurry_draining();
    }
}

impl Shard {
    /// The logs to write and sync next: those that were asked for, then those that a file waits
    /// for. What is offline keeps its journal file.
    fn take_destage_group(&mut self) -> Vec<PartitionId> {
        let mut group = Vec::new();
        while group.len() < GROUP_LOGS
            && let Some(id) = self.journal.destage.pop()
        {
            group.push(id);
        }
        if self.journal.is_draining() {
            self.release_journal();
            let partitions = &self.partitions;
            let can_go = |id: &PartitionId| partitions.get(id).is_some_and(can_destage);
            let left = GROUP_LOGS - group.len();
            let journal = self.journal.journal_mut().expect("it is draining");
            group.extend(journal.awaited().filter(can_go).take(left));
        }
        group
    }

    /// Takes some logs from `left` and plans to write them.
    fn plan_destages(&mut self, left: &mut &[PartitionId]) -> Vec<(PartitionId, FlushPlan)> {
        let arena = self.core.arena().clone();
        let (mut plans, mut bytes) = (Vec::new(), 0);
        while plans.len() < PIECE_LOGS
            && bytes < PIECE_BYTES
            && let Some((id, rest)) = left.split_first()
        {
            *left = rest;
            let partition = self.partitions.get_mut(id);
            let behind = partition.filter(|own| own.log().is_behind());
            if let Some(plan) = behind.and_then(|own| own.log_mut().plan_flush(&arena)) {
                bytes += plan.bytes();
                plans.push((*id, plan));
            }
        }
        self.journal.destages += plans.len() as u64;
        plans
    }

    /// Asks for the logs whose memory was taken first, of those that the journal keeps in it.
    pub(super) fn destage_oldest(&mut self) {
        for id in self.extents.iter().take(GROUP_LOGS) {
            let behind = self.partitions.get(id).is_some_and(can_destage);
            if behind {
                self.journal.destage.push(*id);
            }
        }
    }

    /// A full disk may have space again.
    fn retry_full(&mut self) {
        for (id, own) in &self.partitions {
            if own.log().status() == Status::DiskFull && own.log().is_behind() {
                self.journal.destage.push(*id);
            }
        }
    }

    /// Before a core closes: everything the journal has is to be written, a group after the other.
    pub(super) fn destage_for_close(&mut self) {
        self.give_up_small();
        let behind = self.partitions.iter();
        let behind = behind.filter(|(_, own)| can_destage(own) && own.log().is_behind());
        // Those of the group that are being written stay in it until they are.
        let group = behind.take(GROUP_LOGS);
        let idle = group.filter(|(_, own)| !own.log().is_busy());
        self.dirty.extend(idle.map(|(id, _)| *id));
    }
}

/// Whether the segments can get what the journal has, or have it and want a sync.
pub(super) fn can_destage(own: &Partition<AppendTicket>) -> bool {
    let log = own.log();
    log.status() == Status::Online && (log.is_behind() || log.needs_sync())
}
