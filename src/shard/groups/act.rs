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
        self.settle_group(partition);
        let now_ms = self.core.now_ms();
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
    pub(super) fn settle_group(&self, partition: PartitionId) {
        let now_ms = self.core.now_ms();
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
        let mut turns = VecDeque::from([turn]);
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
    fn append_group_records(
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
        match state.append_batch(&mut batch, Some(Promise::Committed), &ticket) {
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
