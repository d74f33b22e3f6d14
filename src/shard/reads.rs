//! Reads: what is in memory is answered at once, what is on disk is located first.

use std::time::Duration;

use super::appends::AppendTicket;
use super::message::{ReadData, ReadDone, ReadRequest, ShardReply};
use super::shards::ReplyTo;
use super::{Owned, Shard};
use crate::log::{ColdRead, FileRange, Located, Log, ReadError, ReadPlan};
use crate::model::{LeaderEpoch, PartitionId};
use crate::partition::{Partition, PartitionError};

/// A segment may be deleted or skipped while a read is located; then it is planned again.
const PLANS_MAX: usize = 8;
/// How often a read looks again whether compacted segments are in their place.
pub(super) const EXCHANGE_POLL: Duration = Duration::from_millis(1);

enum Planned {
    Done(Result<ReadDone, PartitionError>),
    /// With how often segments had been exchanged.
    Cold(ReadDone, ColdRead, u64),
    /// The names of files are changing hands.
    Later,
}

impl Owned {
    pub(super) fn read(&self, requests: Vec<ReadRequest>, reply: ReplyTo) {
        let planned: Vec<Planned> = {
            let state = self.state.borrow();
            requests
                .iter()
                .map(|request| state.plan_read(request))
                .collect()
        };
        if planned
            .iter()
            .all(|planned| matches!(planned, Planned::Done(_)))
        {
            let done = planned.into_iter().filter_map(Planned::done).collect();
            return reply.send(ShardReply::Read(done));
        }
        let owned = self.clone();
        self.core.spawn(async move {
            let mut results = Vec::with_capacity(planned.len());
            for (planned, request) in planned.into_iter().zip(&requests) {
                results.push(owned.complete(planned, request).await);
            }
            reply.send(ShardReply::Read(results));
        });
    }

    async fn complete(
        &self,
        mut planned: Planned,
        request: &ReadRequest,
    ) -> Result<ReadDone, PartitionError> {
        let (mut request, mut plans) = (*request, 0);
        while plans < PLANS_MAX {
            let (mut done, cold, exchanges) = match planned {
                Planned::Done(result) => return result,
                Planned::Cold(done, cold, exchanges) => (done, cold, exchanges),
                Planned::Later => {
                    self.core.sleep(EXCHANGE_POLL).await;
                    planned = self.state.borrow().plan_read(&request);
                    continue;
                }
            };
            plans += 1;
            match cold.locate(&self.dir).await {
                // The directory's name may be another topic's by now.
                Ok(_) if !self.state.borrow().leads(request.partition) => {
                    return Err(PartitionError::Unknown);
                }
                // The segment's name may be that of a compacted one.
                _ if self.state.borrow().exchanges(request.partition) != exchanges => plans -= 1,
                Ok(Located::Range(range)) => {
                    self.state.borrow().note_cold_read(&request, &range);
                    done.data = ReadData::File(range);
                    return Ok(done);
                }
                Ok(Located::Empty) => return Ok(done),
                Ok(Located::Skip(offset)) => request.offset = offset,
                Err(ReadError::Gone) => self.core.turn().await,
                Err(error) => {
                    log::error!("{}: a read failed: {error}", request.partition);
                    return Err(PartitionError::from(&error));
                }
            }
            planned = self.state.borrow().plan_read(&request);
        }
        Err(PartitionError::Storage)
    }
}

impl Planned {
    fn done(self) -> Option<Result<ReadDone, PartitionError>> {
        match self {
            Self::Done(result) => Some(result),
            Self::Cold(..) | Self::Later => None,
        }
    }
}

impl Shard {
    fn leads(&self, id: PartitionId) -> bool {
        self.partitions.contains_key(&id)
    }

    /// How often compacted segments took the place of others in the log of a partition.
    pub(super) fn exchanges(&self, id: PartitionId) -> u64 {
        let partition = self.partitions.get(&id);
        partition.map_or(0, |own| own.log().exchanges())
    }

    /// A partition that may be read by somebody who believes in `epoch`.
    pub(super) fn readable(
        &self,
        id: PartitionId,
        epoch: LeaderEpoch,
    ) -> Result<&Partition<AppendTicket>, PartitionError> {
        let partition = self.partitions.get(&id).ok_or(PartitionError::Unknown)?;
        partition.check_online()?;
        partition.check_epoch(epoch)?;
        Ok(partition)
    }

    fn plan_read(&self, request: &ReadRequest) -> Planned {
        let partition = match self.readable(request.partition, request.leader_epoch) {
            Ok(partition) => partition,
            Err(error) => return Planned::Done(Err(error)),
        };
        let log = partition.log();
        let mut done = ReadDone {
            high_watermark: partition.high_watermark(),
            log_start: log.log_start(),
            data: ReadData::Empty,
            diverging: None,
        };
        match diverging(log, request) {
            Err(error) => return Planned::Done(Err(error)),
            Ok(None) => {}
            Ok(diverging) => {
                done.diverging = diverging;
                return Planned::Done(Ok(done));
            }
        }
        let upper = done.high_watermark;
        match log.plan_read(request.offset, request.bytes_max, upper, true) {
            Ok(ReadPlan::Empty) => Planned::Done(Ok(done)),
            Ok(ReadPlan::Memory(chunks)) => {
                done.data = ReadData::Memory(chunks);
                Planned::Done(Ok(done))
            }
            Ok(ReadPlan::File(_)) if log.is_exchanging() => Planned::Later,
            Ok(ReadPlan::File(cold)) => Planned::Cold(done, cold, log.exchanges()),
            Err(error) => Planned::Done(Err(PartitionError::from(&error))),
        }
    }

    /// A reader finds on disk what it wanted. It misses memory if the page cache does not have it
    /// either, and twice the memory of its log would have held it.
    fn note_cold_read(&self, request: &ReadRequest, range: &FileRange) {
        let log = self.partitions.get(&request.partition).map(Partition::log);
        let near = |log: &Log| log.bytes_behind(request.offset) <= 2 * log.memory_bytes() as u64;
        if log.is_some_and(near) && !range.file.is_cached(range.position, range.bytes) {
            let mut limit = self.tail_limit.get();
            limit.on_near_miss(self.core.now_ms());
            self.tail_limit.set(limit);
        }
    }
}

/// Where the client's last epoch ended here, if it has records beyond that (KIP-595).
fn diverging(log: &Log, request: &ReadRequest) -> Result<Option<(i32, i64)>, PartitionError> {
    if request.last_fetched_epoch < 0 {
        return Ok(None);
    }
    let (epoch, end) = log.end_offset_for_epoch(request.last_fetched_epoch);
    if epoch < 0 || end < 0 || request.offset < log.log_start() {
        return Err(PartitionError::OffsetOutOfRange);
    }
    let diverges = epoch < request.last_fetched_epoch || end < request.offset;
    Ok(diverges.then_some((epoch, end)))
}
