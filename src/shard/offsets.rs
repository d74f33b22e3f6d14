//! Offsets by time and by epoch, log starts, and sizes.

use super::message::{EpochQuery, OffsetFound, OffsetQuery, OffsetTarget, ShardReply};
use super::shards::ReplyTo;
use super::{Owned, Shard};
use crate::log::{ReadError, TimestampLookup, TimestampOffset};
use crate::model::{LeaderEpoch, Offset, PartitionId};
use crate::partition::{Partition, PartitionError};

use super::appends::AppendTicket;
use super::reads::EXCHANGE_POLL;

type OffsetResult = Result<OffsetFound, PartitionError>;

enum Lookup {
    Known(OffsetResult),
    Search {
        lookup: TimestampLookup,
        below: Offset,
        /// How often segments had been exchanged.
        exchanges: u64,
    },
    /// The names of files are changing hands.
    Later,
}

impl Owned {
    pub(super) fn find_offsets(&self, queries: Vec<OffsetQuery>, reply: ReplyTo) {
        let lookups: Vec<Lookup> = {
            let state = self.state.borrow();
            queries
                .iter()
                .map(|query| state.plan_lookup(query))
                .collect()
        };
        let owned = self.clone();
        self.core.spawn(async move {
            let mut found = Vec::with_capacity(lookups.len());
            for (lookup, query) in lookups.into_iter().zip(&queries) {
                found.push(owned.look_up(lookup, query).await);
            }
            reply.send(ShardReply::Offsets(found));
        });
    }

    /// Moves log starts at once; answers when no crash can take that back.
    pub(super) fn delete_records(&self, before: &[(PartitionId, Offset)], reply: ReplyTo) {
        let (starts, moved) = {
            let mut state = self.state.borrow_mut();
            let starts = state.delete_records(before);
            (starts, state.points.on_log_starts_moved())
        };
        if starts.iter().all(Result::is_err) {
            return reply.send(ShardReply::DeleteRecords(starts));
        }
        let owned = self.clone();
        self.core.spawn(async move {
            let settled = owned.settle_log_starts(moved).await;
            let told = |start| settled.then_some(start).ok_or(PartitionError::Storage);
            let starts = starts.into_iter().map(|start| start.and_then(told));
            reply.send(ShardReply::DeleteRecords(starts.collect()));
        });
    }

    async fn look_up(&self, mut lookup: Lookup, query: &OffsetQuery) -> OffsetResult {
        loop {
            match lookup {
                Lookup::Known(result) => return result,
                Lookup::Later => self.core.sleep(EXCHANGE_POLL).await,
                Lookup::Search {
                    lookup,
                    below,
                    exchanges,
                } => {
                    let found = lookup.run(&self.dir).await;
                    if self.state.borrow().exchanges(query.partition) == exchanges {
                        return found_below(found, below);
                    }
                }
            }
            lookup = self.state.borrow().plan_lookup(query);
        }
    }
}

/// What consumers cannot see yet is as if it were not there.
fn found_below(found: Result<Option<TimestampOffset>, ReadError>, below: Offset) -> OffsetResult {
    let found = found.map_err(|error| {
        log::error!("looking an offset up by time failed: {error}");
        PartitionError::from(&error)
    })?;
    let found = found.filter(|found| found.offset < below);
    Ok(found.map_or(OffsetFound::NOTHING, |found| OffsetFound {
        offset: found.offset,
        timestamp: found.timestamp,
        leader_epoch: found.leader_epoch,
    }))
}

impl Shard {
    fn plan_lookup(&self, query: &OffsetQuery) -> Lookup {
        let partition = match self.readable(query.partition, query.leader_epoch) {
            Ok(partition) => partition,
            Err(error) => return Lookup::Known(Err(error)),
        };
        let log = partition.log();
        let below = partition.high_watermark();
        match query.target {
            OffsetTarget::Earliest => Lookup::Known(Ok(at(partition, log.log_start()))),
            OffsetTarget::Latest => Lookup::Known(Ok(OffsetFound {
                offset: below,
                timestamp: -1,
                leader_epoch: partition.leader_epoch(),
            })),
            OffsetTarget::Tiered => Lookup::Known(Ok(OffsetFound::NOTHING)),
            _ if log.is_exchanging() => Lookup::Later,
            OffsetTarget::MaxTimestamp => Lookup::Search {
                lookup: log.plan_largest_timestamp_lookup(),
                below,
                exchanges: log.exchanges(),
            },
            OffsetTarget::Timestamp(target) => Lookup::Search {
                lookup: log.plan_timestamp_lookup(target),
                below,
                exchanges: log.exchanges(),
            },
        }
    }

    pub(super) fn epoch_ends(
        &self,
        queries: &[EpochQuery],
    ) -> Vec<Result<(LeaderEpoch, Offset), PartitionError>> {
        let find = |query: &EpochQuery| {
            let partition = self.readable(query.partition, query.current_leader_epoch)?;
            Ok(partition.log().end_offset_for_epoch(query.leader_epoch))
        };
        queries.iter().map(find).collect()
    }

    fn delete_records(
        &mut self,
        before: &[(PartitionId, Offset)],
    ) -> Vec<Result<Offset, PartitionError>> {
        before
            .iter()
            .map(|(id, offset)| self.delete_records_of(*id, *offset))
            .collect()
    }

    fn delete_records_of(
        &mut self,
        id: PartitionId,
        before: Offset,
    ) -> Result<Offset, PartitionError> {
        let partition = self
            .partitions
            .get_mut(&id)
            .ok_or(PartitionError::Unknown)?;
        partition.check_online()?;
        let high_watermark = partition.high_watermark();
        let before = if before == -1 { high_watermark } else { before };
        if !(0..=high_watermark).contains(&before) {
            return Err(PartitionError::OffsetOutOfRange);
        }
        partition
            .log_mut()
            .delete_records(before)
            .map_err(|error| PartitionError::from(&error))
    }

    pub(super) fn sizes(&self) -> Vec<(PartitionId, u64)> {
        let sizes = self.partitions.iter();
        sizes
            .map(|(id, partition)| (*id, partition.log().size_bytes()))
            .collect()
    }
}

/// An offset that is known without its record: it has an epoch but no timestamp.
fn at(partition: &Partition<AppendTicket>, offset: Offset) -> OffsetFound {
    let epoch = partition
        .log()
        .epoch_at(offset)
        .unwrap_or(partition.leader_epoch());
    OffsetFound {
        offset,
        timestamp: -1,
        leader_epoch: epoch,
    }
}
