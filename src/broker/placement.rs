//! Large batches are received to where the log writes them from: no copy on their own core.
//!
//! The beginning of a produce request tells its one partition before the rest has arrived. If that
//! lives on this core, the frame's memory is begun so that the batch lies as it will in the
//! segment's file, modulo the block size of direct I/O; the log then adopts the memory. Should the
//! log have moved meanwhile, or roll, the batch is copied like any other.

use std::ops::{Deref, Range};

use super::context::Context;
use crate::model::PartitionId;
use crate::protocol::api_key::ApiKey;
use crate::protocol::frame::RequestHead;
use crate::protocol::message::produce::SoleBatch;
use crate::shard::BatchBytes;
use crate::sys::arena::{Chunk, ChunkMut, PAGE_BYTES};

/// Smaller batches are cheaper copied beside their neighbours than kept in memory of their own.
const BATCH_BYTES_MIN: usize = 64 << 10;

/// A request's bytes without their length.
#[derive(Debug)]
pub(super) enum Frame {
    /// A slice of what was received.
    Shared(Chunk),
    /// In memory of its own that the log may take as it is.
    InPlace {
        /// The memory, nothing of it sealed.
        chunk: ChunkMut,
        /// Where the frame lies in it.
        range: Range<usize>,
    },
}

impl Frame {
    /// A frame that can wait for long: a small slice would keep everything from reuse that was
    /// received together with it; a large frame has memory of its own anyway.
    pub(super) fn detached(self) -> Self {
        match self {
            Self::Shared(slice) if slice.len() < BATCH_BYTES_MIN => {
                Self::Shared(Chunk::from_vec(slice.to_vec()))
            }
            other => other,
        }
    }

    /// Gives up the batch at `range`; a frame in place has but one, and is empty then.
    pub(super) fn take_batch(&mut self, range: Range<usize>) -> BatchBytes {
        match std::mem::take(self) {
            Self::Shared(frame) => {
                let batch = frame.slice(range);
                *self = Self::Shared(frame);
                BatchBytes::Shared(batch)
            }
            Self::InPlace { chunk, range: own } => BatchBytes::InPlace {
                chunk,
                at: own.start + range.start,
            },
        }
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::Shared(Chunk::empty())
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Shared(chunk) => chunk,
            Self::InPlace { chunk, range } => chunk.peek(range.clone()),
        }
    }
}

/// Where in its memory a frame of which `early` has arrived shall begin, if the place of its batch
/// is known and matters.
pub(super) fn start_of_frame(cx: &Context, early: &[u8]) -> Option<usize> {
    let (head, body) = RequestHead::parse(early).ok()?;
    if head.api != ApiKey::Produce {
        return None;
    }
    let batch = SoleBatch::find(body, head.version).ok()??;
    if batch.len < BATCH_BYTES_MIN {
        return None;
    }
    let position = cx.shards.next_position(partition_of(cx, &head, &batch)?)?;
    Some(start_for(batch.at, position))
}

fn partition_of(
    cx: &Context,
    head: &RequestHead<'_>,
    batch: &SoleBatch<'_>,
) -> Option<PartitionId> {
    let image = cx.image();
    let topic = match head.version {
        13.. => image.topic_by_id(batch.topic_id)?,
        _ => image.topic(batch.name)?,
    };
    Some(PartitionId {
        topic_id: topic.id,
        index: batch.index,
    })
}

/// The smallest begin of a frame that lays its byte `at` like `position`, modulo a block.
fn start_for(at: usize, position: u64) -> usize {
    let wanted = (position % PAGE_BYTES as u64) as usize;
    (wanted + PAGE_BYTES - at % PAGE_BYTES) % PAGE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::arena::Arena;

    #[test]
    fn a_frame_begins_where_its_batch_lies_as_in_the_file() {
        for at in [0, 1, 71, 4_095, 4_096, 9_000] {
            for position in [0, 1, 70, 71, 72, 4_095, 4_096, 123_456_789] {
                let start = start_for(at, position);
                assert!(start < PAGE_BYTES);
                assert_eq!((start + at) as u64 % 4_096, position % 4_096);
            }
        }
    }

    #[test]
    fn a_frame_reads_the_same_wherever_it_lies() {
        let arena = Arena::new(1 << 20).unwrap();
        let mut chunk = arena.allocate(8_192).unwrap();
        chunk.writable(100..105).copy_from_slice(b"frame");
        let mut frame = Frame::InPlace {
            chunk,
            range: 100..105,
        };
        assert_eq!(&frame[1..], b"rame");
        let BatchBytes::InPlace { chunk, at } = frame.take_batch(2..5) else {
            panic!("in place");
        };
        assert_eq!(chunk.peek(at..at + 3), b"ame");
        let mut shared = Frame::Shared(Chunk::from_vec(b"frame".to_vec()));
        for _ in 0..2 {
            let BatchBytes::Shared(batch) = shared.take_batch(2..5) else {
                panic!("shared");
            };
            assert_eq!(&batch[..], b"ame");
        }
    }
}
