//! Reads: what is in memory is answered at once, what is on disk is located first.

use super::message::{ReadData, ReadDone, ReadRefused, ReadRequest, ShardReply};
use super::shards::ReplyTo;
use super::{Owned, Shard};
use crate::log::{ColdRead, Located, ReadError, ReadPlan};
use crate::partition::PartitionError;

/// A segment may be deleted or skipped while a read is located; then it is planned again.
const PLANS_MAX: usize = 8;

enum Planned {
    Done(Result<ReadDone, ReadRefused>),
    Cold(ReadDone, ColdRead),
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
    ) -> Result<ReadDone, ReadRefused> {
        let mut request = *request;
        for _ in 0..PLANS_MAX {
            let (mut done, cold) = match planned {
                Planned::Done(result) => return result,
                Planned::Cold(done, cold) => (done, cold),
            };
            match cold.locate(&self.dir).await {
                Ok(Located::Range(range)) => {
                    done.data = ReadData::File(range);
                    return Ok(done);
                }
                Ok(Located::Empty) => return Ok(done),
                Ok(Located::Skip(offset)) => request.offset = offset,
                Err(ReadError::Gone) => self.core.turn().await,
                Err(error) => {
                    log::error!("{}: a read failed: {error}", request.partition);
                    return Err(refused(&done, PartitionError::from(&error)));
                }
            }
            planned = self.state.borrow().plan_read(&request);
        }
        Err(ReadRefused {
            error: PartitionError::Storage,
            high_watermark: -1,
            log_start: -1,
        })
    }
}

impl Planned {
    fn done(self) -> Option<Result<ReadDone, ReadRefused>> {
        match self {
            Self::Done(result) => Some(result),
            Self::Cold(..) => None,
        }
    }
}

impl Shard {
    fn plan_read(&self, request: &ReadRequest) -> Planned {
        let refuse = |error| {
            Planned::Done(Err(ReadRefused {
                error,
                high_watermark: -1,
                log_start: -1,
            }))
        };
        let Some(partition) = self.partitions.get(&request.partition) else {
            return refuse(PartitionError::Unknown);
        };
        if let Err(error) = partition.check_epoch(request.leader_epoch) {
            return refuse(error);
        }
        let log = partition.log();
        let mut done = ReadDone {
            high_watermark: partition.high_watermark(),
            log_start: log.log_start(),
            data: ReadData::Empty,
            diverging: diverging(log, request),
        };
        if done.diverging.is_some() {
            return Planned::Done(Ok(done));
        }
        let upper = done.high_watermark;
        match log.plan_read(request.offset, request.bytes_max, upper, true) {
            Ok(ReadPlan::Empty) => Planned::Done(Ok(done)),
            Ok(ReadPlan::Memory(chunks)) => {
                done.data = ReadData::Memory(chunks);
                Planned::Done(Ok(done))
            }
            Ok(ReadPlan::File(cold)) => Planned::Cold(done, cold),
            Err(error) => Planned::Done(Err(refused(&done, PartitionError::from(&error)))),
        }
    }
}

/// Where the client's last epoch ended here, if it has records beyond that (KIP-595).
fn diverging(log: &crate::log::Log, request: &ReadRequest) -> Option<(i32, i64)> {
    if request.last_fetched_epoch < 0 {
        return None;
    }
    let (epoch, end) = log.end_offset_for_epoch(request.last_fetched_epoch);
    (epoch < request.last_fetched_epoch || end < request.offset).then_some((epoch, end))
}

fn refused(done: &ReadDone, error: PartitionError) -> ReadRefused {
    ReadRefused {
        error,
        high_watermark: done.high_watermark,
        log_start: done.log_start,
    }
}
