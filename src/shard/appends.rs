//! Appends: batches take their place in the order of their arrival, the answer comes when the
//! promise of the whole call is kept.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use super::destage::can_destage;
use super::message::{AppendBatch, AppendCall, AppendDone, BatchBytes, ShardReply};
use super::shards::ReplyTo;
use super::{Owned, Shard};
use crate::model::PartitionId;
use crate::partition::{Adoption, Partition, PartitionError, Placed, Promise};
use crate::sys::arena::{Chunk, ChunkMut};

type AppendResult = Result<AppendDone, PartitionError>;

/// What one call waits for; answers when the last of its batches is through.
#[derive(Debug)]
struct Gather {
    results: RefCell<Vec<AppendResult>>,
    missing: Cell<usize>,
    reply: RefCell<Option<ReplyTo>>,
}

/// One batch's share in its call's answer.
#[derive(Clone, Debug)]
pub(super) struct AppendTicket {
    gather: Rc<Gather>,
    slot: usize,
}

/// A batch that found the core's memory full.
pub(super) struct StalledAppend {
    batch: AppendBatch,
    promise: Option<Promise>,
    ticket: AppendTicket,
}

/// What an append takes its memory from.
#[derive(Clone, Copy)]
enum Memory {
    /// What everybody shares.
    Budget,
    /// That, and what stands beside it for the broker's own appends.
    Reserve,
}

impl Gather {
    fn new(batches: usize, reply: ReplyTo) -> Rc<Self> {
        Rc::new(Self {
            results: RefCell::new(vec![Err(PartitionError::ShuttingDown); batches]),
            missing: Cell::new(batches),
            reply: RefCell::new(Some(reply)),
        })
    }
}

impl AppendTicket {
    /// The only batch of a call.
    pub(super) fn alone(reply: ReplyTo) -> Self {
        let gather = Gather::new(1, reply);
        Self { gather, slot: 0 }
    }

    fn set(&self, result: AppendResult) {
        self.gather.results.borrow_mut()[self.slot] = result;
    }

    /// The promise is kept: what was set is the answer.
    pub(super) fn resolve(self) {
        let missing = self.gather.missing.get() - 1;
        self.gather.missing.set(missing);
        if missing == 0 {
            let results = self.gather.results.take();
            let reply = self.gather.reply.take().expect("a call is answered once");
            reply.send(ShardReply::Append(results));
        }
    }

    /// The promise is broken, or the batch was refused.
    pub(super) fn fail(self, error: PartitionError) {
        self.set(Err(error));
        self.resolve();
    }

    fn succeed(self, done: AppendDone) {
        self.set(Ok(done));
        self.resolve();
    }
}

impl Owned {
    /// Takes the batches of a call; all have their place when this returns, but for those that
    /// wait for memory, which keep their order.
    pub(super) fn append(&self, call: AppendCall, reply: ReplyTo) {
        if call.batches.is_empty() {
            return reply.send(ShardReply::Append(Vec::new()));
        }
        let gather = Gather::new(call.batches.len(), reply);
        let mut state = self.state.borrow_mut();
        for (slot, batch) in call.batches.into_iter().enumerate() {
            let ticket = AppendTicket {
                gather: gather.clone(),
                slot,
            };
            state.append_in_order(StalledAppend {
                batch,
                promise: call.promise,
                ticket,
            });
        }
        if !state.stalled.is_empty() {
            state.destage_oldest();
        }
        self.wake_flushes(&state);
    }
}

impl Shard {
    fn append_in_order(&mut self, append: StalledAppend) {
        if self.closing {
            return append.ticket.fail(PartitionError::ShuttingDown);
        }
        if self.stalled.is_empty() {
            self.append_or_stall(append);
        } else {
            self.stalled.push_back(append);
        }
    }

    /// Tries again what found the memory full; stops at the first that still does.
    pub(super) fn retry_stalled(&mut self) {
        while let Some(append) = self.stalled.pop_front() {
            let waiting = self.stalled.len();
            self.append_or_stall(append);
            if self.stalled.len() > waiting {
                return;
            }
        }
    }

    fn append_or_stall(&mut self, append: StalledAppend) {
        let StalledAppend {
            mut batch,
            promise,
            ticket,
        } = append;
        match self.append_batch(&mut batch, promise, &ticket) {
            Ok(Some(done)) => ticket.succeed(done),
            Ok(None) => {}
            Err(PartitionError::NoMemory) if self.has_unflushed() => {
                self.stalled.push_front(StalledAppend {
                    batch,
                    promise,
                    ticket,
                });
            }
            Err(error) => ticket.fail(error),
        }
    }

    /// Whether a flush or a sync under way or to come will make memory evictable.
    fn has_unflushed(&self) -> bool {
        let comes = |own: &Partition<_>| own.log().is_flushing() || can_destage(own);
        !self.dirty.is_empty() || !self.unsynced.is_empty() || self.partitions.values().any(comes)
    }

    /// Appends one batch; `Some` if it may be answered at once, else its ticket is parked.
    pub(super) fn append_batch(
        &mut self,
        batch: &mut AppendBatch,
        promise: Option<Promise>,
        ticket: &AppendTicket,
    ) -> Result<Option<AppendDone>, PartitionError> {
        let placed = self.place_or_evict(batch)?;
        self.on_placed(batch.partition, placed, promise, ticket)
    }

    /// As [`Shard::append_batch`] for a batch of the broker's own that cannot wait: where producers
    /// have filled the memory it takes from the reserve.
    pub(super) fn append_own_batch(
        &mut self,
        batch: &mut AppendBatch,
        promise: Option<Promise>,
        ticket: &AppendTicket,
    ) -> Result<Option<AppendDone>, PartitionError> {
        let placed = match self.place_or_evict(batch) {
            Err(PartitionError::NoMemory) => self.place(batch, Memory::Reserve)?,
            placed => placed?,
        };
        self.on_placed(batch.partition, placed, promise, ticket)
    }

    fn place_or_evict(&mut self, batch: &mut AppendBatch) -> Result<Placed, PartitionError> {
        loop {
            match self.place(batch, Memory::Budget) {
                Err(PartitionError::NoMemory) if self.evict_one() => {}
                placed => return placed,
            }
        }
    }

    fn on_placed(
        &mut self,
        id: PartitionId,
        placed: Placed,
        promise: Option<Promise>,
        ticket: &AppendTicket,
    ) -> Result<Option<AppendDone>, PartitionError> {
        self.batches_appended += 1;
        if placed.extent_bytes > 0 {
            self.extents.push_back(id);
        }
        self.mark_dirty(id);
        let partition = self
            .partitions
            .get_mut(&id)
            .ok_or(PartitionError::Unknown)?;
        let done = AppendDone {
            base_offset: placed.base_offset,
            log_append_time: placed.log_append_time,
            log_start: partition.log().log_start(),
        };
        let Some(promise) = promise else {
            return Ok(Some(done));
        };
        if partition.keeps(promise, placed.end_offset) {
            return Ok(Some(done));
        }
        ticket.set(Ok(done));
        partition.park(promise, placed.end_offset, ticket.clone());
        Ok(None)
    }

    fn place(&mut self, batch: &mut AppendBatch, memory: Memory) -> Result<Placed, PartitionError> {
        let partition = self
            .partitions
            .get_mut(&batch.partition)
            .ok_or(PartitionError::Unknown)?;
        let now_ms = self.core.now_ms();
        let validated = &batch.validated;
        let patch = |stored: &mut [u8]| validated.patch(stored);
        let header = &validated.header;
        let size = header.size_bytes();
        let bytes = match std::mem::take(&mut batch.bytes) {
            BatchBytes::Shared(bytes) => bytes,
            BatchBytes::InPlace { chunk, at } => {
                match partition.adopt(chunk, at, header, now_ms, patch)? {
                    Adoption::Placed(placed) => {
                        self.batches_in_place += 1;
                        return Ok(placed);
                    }
                    Adoption::Moved(chunk) => shared(chunk, at..at + size),
                }
            }
        };
        let source = validated.rebuilt.as_deref().unwrap_or(&bytes);
        let reserve = matches!(memory, Memory::Reserve).then(|| self.core.arena().with_reserve());
        let arena = reserve.as_ref().unwrap_or(self.core.arena());
        let placed = partition.append(arena, &source[..size], header, now_ms, patch);
        batch.bytes = BatchBytes::Shared(bytes);
        placed
    }
}

/// A batch that cannot be adopted, as one to be copied.
fn shared(mut chunk: ChunkMut, range: Range<usize>) -> Chunk {
    chunk.seal(range.end);
    chunk.slice(range)
}
