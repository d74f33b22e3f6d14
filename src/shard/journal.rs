//! Rounds of the core's journal: everything small that was appended while a round was under way
//! goes into the next one, across all partitions of the core.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io;

use super::flush::answer;
use super::metadata_log::METADATA_PARTITION;
use super::{Owned, Shard, Shards};
use crate::config::FlushPolicy;
use crate::log::{FlushError, Journal, JournalStats, JournalSync, RoundPlan, Syncing};
use crate::model::{Offset, PartitionId, PartitionSet};
use crate::partition::Watcher;

/// This core's journal and who waits for it.
#[derive(Default)]
pub(super) struct Journaling {
    /// `None` until it is prepared, if there is none, and when it is closed.
    journal: Option<Journal>,
    /// Whether its files are being made.
    preparing: bool,
    /// Whether a round is being written.
    under_way: bool,
    /// Partitions with appends for the next rounds.
    pub(super) small: Queue,
    /// Partitions to destage before others.
    pub(super) destage: Queue,
    /// Writes that destaged a log.
    pub(super) destages: u64,
    /// Of the journal, when it is closed.
    last_stats: JournalStats,
}

/// Partitions in the order of their arrival, each of them once.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: VecDeque<PartitionId>,
    known: PartitionSet,
}

impl Queue {
    pub(super) fn push(&mut self, id: PartitionId) {
        if self.known.insert(id) {
            self.order.push_back(id);
        }
    }

    pub(super) fn pop(&mut self) -> Option<PartitionId> {
        let id = self.order.pop_front()?;
        self.known.remove(&id);
        Some(id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Puts in front what was taken and could not be used.
    fn put_back(&mut self, id: PartitionId) {
        if self.known.insert(id) {
            self.order.push_front(id);
        }
    }
}

impl Journaling {
    pub(super) fn journal_mut(&mut self) -> Option<&mut Journal> {
        self.journal.as_mut()
    }

    pub(super) fn is_draining(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::is_draining)
    }

    pub(super) fn is_preparing(&self) -> bool {
        self.preparing
    }

    pub(super) fn stats(&self) -> JournalStats {
        let open = self.journal.as_ref().map(Journal::stats);
        open.unwrap_or(self.last_stats)
    }

    /// Whether a round could begin with what is there, and waits for its turn only.
    pub(super) fn could_begin(&self) -> bool {
        !self.under_way && !self.small.is_empty()
    }

    fn has_room(&mut self) -> bool {
        self.journal.as_mut().is_some_and(Journal::has_room)
    }
}

impl Owned {
    /// Makes the journal in the background, if the settings want one and it has a use.
    pub(super) fn prepare_journal(&self, generation: u64) {
        let wanted = self.state.borrow().journal_file_bytes();
        let Some(file_bytes) = wanted else { return };
        self.state.borrow_mut().journal.preparing = true;
        let owned = self.clone();
        self.core.spawn(async move {
            let goes_on = || !owned.state.borrow().closing;
            let core = owned.core.id();
            let named = (generation, RandomState::new().hash_one(generation));
            let made = Journal::prepare(&owned.dir, core, file_bytes, named, goes_on).await;
            owned.state.borrow_mut().on_journal_made(made);
        });
    }

    /// Journals whenever something small is dirty, for as long as the core lives.
    pub(super) async fn journal_forever(self, shards: Shards) {
        loop {
            self.journal_wanted.notified().await;
            while self.journal_round(&shards).await {
                self.core.breathe().await;
            }
        }
    }

    /// Writes one round, and syncs it where that is due; whether there was one.
    async fn journal_round(&self, shards: &Shards) -> bool {
        let planned = self.state.borrow_mut().plan_round();
        // What has grown too large goes to its segment beside this round.
        self.wake_flushes(&self.state.borrow());
        let Some((plan, ids)) = planned else {
            self.hurry_draining();
            return false;
        };
        self.state.borrow_mut().journal.under_way = true;
        let result = plan.write().await;
        self.state.borrow_mut().journal.under_way = false;
        let woken = self.state.borrow_mut().on_round(&ids, &result);
        shards.wake(woken);
        if ids.is_empty() {
            // A file was opened: the one before is to be drained.
            self.hurry_draining();
        }
        self.after_round();
        true
    }

    /// Syncs rounds that were only written. If that fails the segments get what they hold.
    pub(super) async fn sync_journal(&self) {
        let planned = self.state.borrow_mut().plan_journal_sync();
        let Some(plan) = planned else { return };
        if let Err(error) = plan.run().await {
            self.state.borrow_mut().retire_journal(&error);
            self.hurry_draining();
        }
    }

    /// Sees to it that a full file becomes free.
    pub(super) fn hurry_draining(&self) {
        if self.state.borrow().journal.is_draining() {
            self.destage_wanted.notify_one();
        }
    }

    /// Removes the journal's files, all of it being in the segments.
    pub(super) async fn close_journal(&self) {
        let Some(journal) = self.state.borrow_mut().take_journal() else {
            return;
        };
        if journal.is_needed() {
            return log::warn!("the journal stays for the next start, which recovers from it");
        }
        if let Err(error) = journal.remove(&self.dir).await {
            log::warn!("the files of the journal stay, nothing in them is needed: {error}");
        }
    }
}

impl Shard {
    /// What was appended to a partition goes to the journal if it is small, else to its segment.
    pub(super) fn mark_dirty(&mut self, id: PartitionId) {
        let Some(partition) = self.partitions.get(&id) else {
            return;
        };
        let log = partition.log();
        if !log.is_dirty() {
            return;
        }
        let journaled = self.journal.journal.is_some() && id != METADATA_PARTITION;
        match journaled && !self.closing && log.journal_bytes().is_some() {
            true => self.journal.small.push(id),
            false => drop(self.dirty.insert(id)),
        }
    }

    /// The size of the journal's files; `None` for no journal.
    fn journal_file_bytes(&self) -> Option<u64> {
        let wanted = self.config.log.journal_bytes;
        let arena_bytes = self.core.arena().budget_bytes();
        Journal::file_bytes(wanted, arena_bytes).filter(|_| !self.closing)
    }

    fn on_journal_made(&mut self, made: io::Result<Journal>) {
        self.journal.preparing = false;
        let syncing = match self.config.flush {
            FlushPolicy::Durable => Syncing::EachRound,
            FlushPolicy::Written => Syncing::Later,
        };
        match made {
            Ok(journal) => self.journal.journal = Some(journal.syncing(syncing)),
            Err(_) if self.closing => {}
            Err(error) => log::warn!(
                "core {} has no journal until the next start, every partition is written by \
                 itself: {error}; make space on the disk, or set klamm.journal.bytes lower",
                self.core.id()
            ),
        }
    }

    /// The next round and whose appends are in it.
    fn plan_round(&mut self) -> Option<(RoundPlan, Vec<PartitionId>)> {
        if self.journal.small.is_empty() {
            return None;
        }
        if self.closing || !self.journal.has_room() {
            self.give_up_small();
            return None;
        }
        let arena = self.core.arena().clone();
        let journal = self.journal.journal.as_mut().expect("it has room");
        if journal.opens_file() {
            return Some((journal.plan_round(&arena, (0, 0), |_| {}), Vec::new()));
        }
        let (ids, batch_bytes) = self.take_small();
        if ids.is_empty() {
            return None;
        }
        let journal = self.journal.journal.as_mut().expect("it has room");
        let mut ends: Vec<Offset> = Vec::with_capacity(ids.len());
        let plan = journal.plan_round(&arena, (ids.len(), batch_bytes), |round| {
            for id in &ids {
                let partition = self.partitions.get_mut(id).expect("it was just asked");
                ends.push(partition.log_mut().journal(round));
            }
        });
        for (id, end) in ids.iter().zip(ends) {
            journal.need(*id, end);
        }
        Some((plan, ids))
    }

    /// The partitions of one round, oldest first, and how many bytes they bring.
    fn take_small(&mut self) -> (Vec<PartitionId>, usize) {
        let (mut ids, mut batch_bytes) = (Vec::new(), 0);
        while let Some(id) = self.journal.small.pop() {
            let Some(partition) = self.partitions.get(&id) else {
                continue;
            };
            let Some(bytes) = partition.log().journal_bytes() else {
                if partition.log().is_dirty() {
                    self.dirty.insert(id);
                }
                continue;
            };
            let journal = self.journal.journal.as_ref().expect("it has room");
            if !journal.fits(ids.len() + 1, batch_bytes + bytes) {
                self.journal.small.put_back(id);
                break;
            }
            ids.push(id);
            batch_bytes += bytes;
        }
        (ids, batch_bytes)
    }

    /// What waits for the journal goes to the segments.
    pub(super) fn give_up_small(&mut self) {
        while let Some(id) = self.journal.small.pop() {
            self.dirty.insert(id);
        }
    }

    fn on_round(&mut self, ids: &[PartitionId], result: &Result<(), FlushError>) -> Vec<Watcher> {
        match (result, self.journal.journal_mut()) {
            (Ok(()), Some(journal)) => journal.on_round(),
            (Ok(()), None) => {}
            (Err(error), _) => return self.on_round_failed(ids, error),
        }
        ids.iter().flat_map(|id| self.on_journaled(*id)).collect()
    }

    fn on_journaled(&mut self, id: PartitionId) -> Vec<Watcher> {
        let Some(partition) = self.any_partition(id) else {
            return Vec::new();
        };
        partition.log_mut().on_journaled();
        let woken = answer(partition.on_progress());
        if partition.log().is_far_behind() {
            self.journal.destage.push(id);
        }
        woken
    }

    /// The partitions of the round are offline, and the journal takes nothing more: what is in the
    /// file is known up to its last sync only.
    fn on_round_failed(&mut self, ids: &[PartitionId], error: &FlushError) -> Vec<Watcher> {
        self.retire_journal(error);
        let woken = ids.iter().flat_map(|id| self.on_flush_error(*id, error));
        woken.collect()
    }

    fn retire_journal(&mut self, error: &FlushError) {
        log::error!(
            "the journal of core {} is not used any more until a restart: {error}",
            self.core.id()
        );
        if let Some(journal) = self.journal.journal_mut() {
            journal.retire();
        }
    }

    fn plan_journal_sync(&mut self) -> Option<JournalSync> {
        self.journal.journal_mut()?.plan_sync()
    }

    fn take_journal(&mut self) -> Option<Journal> {
        self.journal.journal_mut()?.drain_all();
        self.release_journal();
        let journal = self.journal.journal.take()?;
        self.journal.last_stats = journal.stats();
        Some(journal)
    }

    /// Frees what the segments have by now.
    pub(super) fn release_journal(&mut self) {
        let partitions = &self.partitions;
        if let Some(journal) = self.journal.journal.as_mut() {
            journal.release(|id| partitions.get(&id).map(|own| own.log().synced_end()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::log::{DataDir, Log, LogConfig, NewBatch, Stage, Status, sync_all};
    use crate::model::{TopicPartition, Uuid};
    use crate::partition::{CommitRule, Partition};
    use crate::protocol::record::{BatchBuilder, BatchHeader, BatchSpec, RecordParts};
    use crate::runtime::{Core, CoreOptions, block_on_one_core};

    fn append(core: &Core, log: &mut Log) {
        let mut builder = BatchBuilder::new(BatchSpec::default());
        builder.append(0, &RecordParts::default());
        let bytes = builder.build();
        let batch = NewBatch {
            header: &BatchHeader::parse(&bytes).unwrap(),
            leader_epoch: 0,
            now_ms: 0,
        };
        log.append(core.arena(), &bytes, batch, |_| {}).unwrap();
    }

    async fn flush(dir: &DataDir, log: &mut Log) {
        let plan = log.plan_flush(dir.core().arena()).unwrap();
        log.on_written(plan.write(dir).await.unwrap());
        for synced in sync_all(dir, vec![log.plan_sync().unwrap()]).await {
            log.on_synced(synced.unwrap());
        }
    }

    /// A shard with a journal and `count` partitions of one durable record each.
    async fn shard(core: &Core, path: &Path, count: i32) -> (Shard, Vec<PartitionId>) {
        let dir = DataDir::new(core.clone(), path.to_owned(), 8);
        let mut shard = Shard::new(core.clone(), dir.clone(), Arc::default());
        let mut ids = Vec::new();
        for partition in 0..count {
            let topic = "t".into();
            let name = TopicPartition { topic, partition };
            let mut log = Log::new(path, name, Uuid::ZERO, Arc::new(LogConfig::default()), 0);
            append(core, &mut log);
            flush(&dir, &mut log).await;
            ids.push(log.partition());
            let leads = Partition::lead(log, 0, CommitRule::Durable);
            shard.partitions.insert(ids[ids.len() - 1], leads);
        }
        let journal = Journal::prepare(&dir, 0, 1 << 20, (0, 0), || true).await;
        shard.on_journal_made(journal);
        (shard, ids)
    }

    fn append_to(shard: &mut Shard, id: PartitionId) {
        let core = shard.core.clone();
        append(&core, shard.partitions.get_mut(&id).unwrap().log_mut());
        shard.mark_dirty(id);
    }

    fn with_shard<F: Future<Output = ()>>(
        run: impl FnOnce(Shard, Vec<PartitionId>) -> F + Send + 'static,
    ) {
        block_on_one_core(CoreOptions::default(), async |core| {
            let dir = tempfile::tempdir_in(".").unwrap();
            let (shard, ids) = shard(&core, dir.path(), 3).await;
            run(shard, ids).await;
        });
    }

    #[test]
    fn a_round_takes_all_small_partitions_and_makes_them_durable() {
        with_shard(async |mut shard, ids| {
            append_to(&mut shard, ids[0]);
            append_to(&mut shard, ids[2]);
            append_to(&mut shard, ids[0]);
            assert!(shard.dirty.is_empty());
            let (opening, none) = shard.plan_round().unwrap();
            assert!(none.is_empty(), "the file is opened first");
            let opened = opening.write().await;
            shard.on_round(&none, &opened);
            let (plan, taken) = shard.plan_round().unwrap();
            assert_eq!(taken, [ids[0], ids[2]]);
            append_to(&mut shard, ids[0]);
            let written = plan.write().await;
            shard.on_round(&taken, &written);
            let end = |shard: &Shard, id| shard.partitions[id].high_watermark();
            assert_eq!(
                ids.iter().map(|id| end(&shard, id)).collect::<Vec<_>>(),
                [3, 1, 2]
            );
            let (_, taken) = shard.plan_round().unwrap();
            assert_eq!(taken, [ids[0]]);
        });
    }

    #[test]
    fn a_failed_round_takes_its_partitions_offline_and_retires_the_journal() {
        with_shard(async |mut shard, ids| {
            append_to(&mut shard, ids[0]);
            let (opening, none) = shard.plan_round().unwrap();
            let opened = opening.write().await;
            shard.on_round(&none, &opened);
            let (_, taken) = shard.plan_round().unwrap();
            append_to(&mut shard, ids[1]);
            let error = FlushError {
                path: "klamm-journal-0-0".into(),
                source: std::io::ErrorKind::Other.into(),
                stage: Stage::Journal,
            };
            shard.on_round(&taken, &Err(error));
            let status = |shard: &Shard, id| shard.partitions[id].log().status();
            assert_eq!(status(&shard, &ids[0]), Status::Offline);
            assert_eq!(status(&shard, &ids[1]), Status::Online);
            assert!(shard.plan_round().is_none());
            assert!(shard.dirty.contains(&ids[1]), "it goes to its segment");
        });
    }
}
