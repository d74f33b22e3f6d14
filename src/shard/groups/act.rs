//! One step of a coordinator: what was appended before, what it does now, what that appends.

use std::collections::VecDeque;
use std::iter;

use super::super::Owned;
use super::super::appends::AppendTicket;
use super::super::message::{AppendBatch, BatchBytes};
use super::super::shards::ReplyTo;
use super::batch::{encode_batch, offsets_compression};
use super::topics::ImageTopics;
use super::{Host, Hosted};
use crate::coordinator::group::consumer::topics::Topics;
use crate::coordinator::group::coordinator::{AssignmentJob, Coordinator, Turn, Write};
use crate::model::{Offset, PartitionId, TimestampMs};
use crate::partition::{PartitionError, Promise};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::record::{BatchHeader, Validated};
use crate::sys::arena::Chunk;

/// What has become of a partition's appends.
enum Fate {
    /// All of them are in the log; those below are committed.
    Committed(Offset),
    /// A full disk has dropped those from here on; those below the other are committed, the ones
    /// between will be.
    Dropped(Offset, Offset),
    /// The log is offline: nobody knows.
    Unknown,
    /// The partition was deleted.
    Gone,
}

impl Owned {
    /// Has a coordinator do something, if there is one; writes and answers what comes of it.
    pub(super) fn act(
        &self,
        partition: PartitionId,
        act: impl FnOnce(&mut Coordinator, &dyn Topics, TimestampMs) -> Turn,
    ) {
        let now_ms = self.core.now_ms();
        self.settle_group(partition, now_ms);
        self.act_settled(partition, now_ms, act);
    }

    /// [`Owned::act`] right after [`Owned::settle_group`].
    pub(super) fn act_settled(
        &self,
        partition: PartitionId,
        now_ms: TimestampMs,
        act: impl FnOnce(&mut Coordinator, &dyn Topics, TimestampMs) -> Turn,
    ) {
        let image = self.state.borrow().image.clone();
        let mut hosted = self.groups.hosted.borrow_mut();
        let Some(coordinator) = hosted.ready(partition) else {
            return;
        };
        let turn = act(coordinator, &ImageTopics(&image), now_ms);
        self.carry_out(&mut hosted, partition, turn, now_ms);
    }

    /// Tells a coordinator what has become of what it appended. Before anything else is asked of
    /// it: nothing may be planned on what the log does not have.
    pub(super) fn settle_group(&self, partition: PartitionId, now_ms: TimestampMs) {
        let mut hosted = self.groups.hosted.borrow_mut();
        let Some(coordinator) = hosted.ready(partition) else {
            return;
        };
        let turn = match self.fate_of(partition) {
            Fate::Committed(end) => coordinator.durable(end, now_ms),
            Fate::Dropped(from, committed_end) => {
                let mut turn = coordinator.durable(committed_end, now_ms);
                let error = ErrorCode::CoordinatorNotAvailable;
                turn.add(coordinator.lost(from, error, now_ms));
                turn
            }
            fate @ (Fate::Unknown | Fate::Gone) => {
                if matches!(fate, Fate::Unknown) {
                    log::error!(
                        "{partition}: offline; its groups have no coordinator until the next start"
                    );
                }
                let turn = coordinator.unload(now_ms);
                hosted.hosts.insert(partition, Host::Failed);
                turn
            }
        };
        self.carry_out(&mut hosted, partition, turn, now_ms);
    }

    fn fate_of(&self, partition: PartitionId) -> Fate {
        let mut state = self.state.borrow_mut();
        let Some(partition) = state.partitions.get_mut(&partition) else {
            return Fate::Gone;
        };
        match (partition.is_online(), partition.take_dropped()) {
            (false, _) => Fate::Unknown,
            (true, Some(from)) => Fate::Dropped(from, partition.high_watermark().min(from)),
            (true, None) => Fate::Committed(partition.high_watermark()),
        }
    }

    /// Sends the answers of a turn and appends its writes, and so on with what comes of these. Once
    /// a write of a turn is not taken, those behind it are not offered: they rest on it.
    pub(super) fn carry_out(
        &self,
        hosted: &mut Hosted,
        partition: PartitionId,
        turn: Turn,
        now_ms: TimestampMs,
    ) {
        let mut turns = VecDeque::new();
        // Most only answer.
        match turn.writes.is_empty() && turn.jobs.is_empty() {
            true => hosted.answer(turn.answers),
            false => turns.push_back(turn),
        }
        while let Some(turn) = turns.pop_front() {
            hosted.answer(turn.answers);
            self.run_jobs(partition, turn.jobs);
            let mut writes = turn.writes.into_iter();
            while let Some(write) = writes.next() {
                let appended = self.append_group_records(partition, &write);
                let Some(coordinator) = hosted.ready(partition) else {
                    return;
                };
                match appended {
                    Ok(base) => coordinator.appended(write, base, now_ms),
                    Err(error) => {
                        let left: Vec<Write> = iter::once(write).chain(writes).collect();
                        // What was done last is undone first.
                        let left = left.into_iter().rev();
                        turns.extend(left.map(|write| coordinator.refused(write, error, now_ms)));
                        break;
                    }
                }
            }
        }
        self.ring_for(hosted, partition);
    }

    /// Has assignments of large groups made by the pool, and brings them back.
    fn run_jobs(&self, partition: PartitionId, jobs: Vec<AssignmentJob>) {
        for job in jobs {
            let owned = self.clone();
            self.core.spawn(async move {
                let assigned = owned.core.blocking(move || job.run()).await;
                owned.act(partition, |coordinator, _, now_ms| {
                    coordinator.assigned(assigned, now_ms)
                });
            });
        }
    }

    /// Appends a write as one batch; the offset of its first record.
    ///
    /// It cannot wait for memory, because nothing may be asked of the coordinator before the write is
    /// taken or refused. So it may use the arena's reserve, a sixteenth of the core's memory: that
    /// holds what groups write in the time in which a flush frees producers' memory. Only what does
    /// not fit into that either is refused, with an error upon which clients try again. Upkeep, for
    /// which nobody waits, leaves the reserve alone.
    pub(super) fn append_group_records(
        &self,
        partition: PartitionId,
        write: &Write,
    ) -> Result<Offset, ErrorCode> {
        let mut state = self.state.borrow_mut();
        if state.closing {
            return Err(ErrorCode::NotCoordinator);
        }
        let now_ms = self.core.now_ms();
        let bytes = encode_batch(&write.records, offsets_compression(&state.config), now_ms)
            .map_err(|error| {
                log::error!("{partition}: a record of a group cannot be written: {error}");
                ErrorCode::UnknownServerError
            })?;
        let header = BatchHeader::parse(&bytes).expect("our own batch");
        let mut batch = AppendBatch {
            partition,
            bytes: BatchBytes::Shared(Chunk::from_vec(bytes)),
            validated: Validated::own(header),
        };
        let reply = ReplyTo::Coordinator(self.groups.moved.clone(), partition);
        let ticket = AppendTicket::alone(reply);
        let promise = Some(Promise::Committed);
        let appended = match write.is_upkeep() {
            true => state.append_batch(&mut batch, promise, &ticket),
            false => state.append_own_batch(&mut batch, promise, &ticket),
        };
        match appended {
            Ok(None) => {}
            // Nothing is committed at once but a duplicate, which our batches never are.
            Ok(Some(_)) => unreachable!("a new batch is committed by a later flush"),
            Err(error) => {
                if error == PartitionError::NoMemory {
                    state.destage_oldest();
                }
                return Err(code_of(error));
            }
        }
        self.wake_flushes(&state);
        let log = state.partitions[&partition].log();
        Ok(log.log_end() - write.records.len() as Offset)
    }
}

/// As a member is to be told why its group's records were not taken; Kafka's map.
fn code_of(error: PartitionError) -> ErrorCode {
    match error {
        PartitionError::NoMemory => ErrorCode::CoordinatorNotAvailable,
        PartitionError::Unknown | PartitionError::Storage | PartitionError::ShuttingDown => {
            ErrorCode::NotCoordinator
        }
        PartitionError::TooLarge
        | PartitionError::FencedLeaderEpoch
        | PartitionError::UnknownLeaderEpoch
        | PartitionError::OffsetOutOfRange
        | PartitionError::OutOfOrderSequence
        | PartitionError::InvalidProducerEpoch => ErrorCode::UnknownServerError,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::{BTreeSet, HashSet};
    use std::rc::Rc;
    use std::sync::Arc;

    use super::*;
    use crate::coordinator::group::coordinator::{Call, CommitRequest, OffsetToCommit};
    use crate::coordinator::group::record::GroupRecord;
    use crate::log::{DataDir, Log, LogConfig};
    use crate::model::{TopicPartition, Uuid};
    use crate::partition::{CommitRule, Partition};
    use crate::protocol::message::group_record::offset::{OffsetCommitKey, OffsetCommitValue};
    use crate::runtime::sync::{Notify, Semaphore};
    use crate::runtime::{Core, CoreOptions, block_on_one_core};
    use crate::shard::Shard;
    use crate::sys::arena::ChunkMut;

    /// A shard with one partition, which coordinates groups; nothing is flushed.
    fn coordinating(core: &Core) -> (Owned, PartitionId) {
        let dir = DataDir::new(core.clone(), "nowhere".into(), 8);
        let mut shard = Shard::new(core.clone(), dir.clone(), Arc::default());
        let name = TopicPartition {
            topic: "__consumer_offsets".into(),
            partition: 0,
        };
        let log = Log::new(
            dir.path(),
            name,
            Uuid::ZERO,
            Arc::new(LogConfig::default()),
            0,
        );
        let id = log.partition();
        let leads = Partition::lead(log, 0, CommitRule::Durable);
        shard.partitions.insert(id, leads);
        let owned = Owned {
            state: Rc::new(RefCell::new(shard)),
            flush_wanted: Rc::new(Notify::new()),
            journal_wanted: Rc::new(Notify::new()),
            destage_wanted: Rc::new(Notify::new()),
            groups: Rc::default(),
            points_file: Semaphore::new(1),
            core: core.clone(),
            dir,
        };
        let coordinator = Coordinator::new(Default::default());
        let host = Host::Ready(Box::new(coordinator));
        owned.groups.hosted.borrow_mut().hosts.insert(id, host);
        (owned, id)
    }

    fn commit() -> Call {
        Call::Commit(CommitRequest {
            group: "g".into(),
            member_id: "".into(),
            instance_id: None,
            generation: -1,
            knows_new_errors: false,
            retention_ms: None,
            offsets: vec![OffsetToCommit {
                topic: "t".into(),
                topic_id: Uuid::ZERO,
                partition: 0,
                offset: 7,
                leader_epoch: -1,
                metadata: None,
            }],
        })
    }

    fn offset_of(topic: &str) -> GroupRecord {
        let key = OffsetCommitKey {
            group: "g".to_owned(),
            topic: topic.to_owned(),
            partition: 0,
        };
        let value = Some(OffsetCommitValue::default());
        GroupRecord::OffsetCommit { key, value }
    }

    /// It is written before anybody can ask.
    #[test]
    fn what_a_load_lets_go_is_written() {
        block_on_one_core(CoreOptions::default(), async |core| {
            let (owned, id) = coordinating(&core);
            let mut loaded = Coordinator::new(Default::default());
            loaded.load(0, -1, &offset_of("gone"), 0);
            owned.forget_lost(id, &mut loaded, &BTreeSet::new()).await;
            assert_eq!(loaded.figures().offsets, 0);
            assert_eq!(owned.state.borrow().partitions[&id].log().log_end(), 1);
        });
    }

    /// Producers had filled the core's memory, and commits were refused until a flush had freed
    /// some.
    #[test]
    fn groups_write_while_the_memory_is_full() {
        block_on_one_core(CoreOptions::default(), async |core| {
            let (owned, id) = coordinating(&core);
            let _full = fill(&core);
            for count in 1..=1_000 {
                let asked = owned.ask_group(id, commit());
                let ticket = asked.expect_err("it is answered once it is durable");
                owned.await_answer(ticket, ReplyTo::Nobody);
                let state = owned.state.borrow();
                assert_eq!(
                    state.partitions[&id].log().log_end(),
                    count,
                    "it was refused"
                );
            }
        });
    }

    /// It took from what is kept for commits.
    #[test]
    fn upkeep_waits_while_the_memory_is_full() {
        block_on_one_core(CoreOptions::default(), async |core| {
            let (owned, id) = coordinating(&core);
            owned.act(id, |coordinator, _, now_ms| {
                coordinator.load(0, -1, &offset_of("t"), now_ms);
                Turn::default()
            });
            let full = fill(&core);
            let deleted = HashSet::from(["t".into()]);
            owned.act(id, |coordinator, _, _| coordinator.forget_topics(&deleted));
            let log_end = || owned.state.borrow().partitions[&id].log().log_end();
            assert_eq!(log_end(), 0, "it was taken");
            drop(full);
            owned.act(id, |coordinator, topics, now_ms| {
                let turn = coordinator.tick(topics, now_ms + 1_000);
                turn.expect("it is offered again")
            });
            assert_eq!(log_end(), 1);
        });
    }

    /// Takes all of a core's memory but its reserve.
    fn fill(core: &Core) -> Vec<ChunkMut> {
        let often = |bytes: usize| iter::repeat_n(bytes, 1 << 10);
        let sizes = often(1 << 20).chain(often(1));
        let full = sizes.flat_map(|bytes| core.arena().allocate(bytes));
        let full = full.collect();
        assert_eq!(core.arena().free_bytes(), 0);
        full
    }
}
