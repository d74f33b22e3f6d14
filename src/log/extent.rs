use std::ops::Range;

use crate::model::{Offset, TimestampMs};
use crate::protocol::record::BatchHeader;
use crate::sys::arena::{Chunk, ChunkMut};

/// What direct I/O is aligned to.
pub(super) const BLOCK_BYTES: usize = 4096;
/// About one lookup entry for so many bytes of batches.
const LOOKUP_INTERVAL_BYTES: usize = 4096;

/// A run of whole batches in memory, laid out as in the segment's file.
///
/// Byte `origin` of the chunk stands at a block boundary of the file, so that whole blocks are
/// written straight from here. The first `head` bytes repeat what the file has before the run.
#[derive(Debug)]
pub(super) struct Extent {
    chunk: ChunkMut,
    origin: usize,
    end: usize,
    head: usize,
    /// The segment whose file this is a part of.
    pub(super) segment_base: Offset,
    /// Where `origin` stands in that file; a multiple of [`BLOCK_BYTES`].
    pub(super) position: u64,
    /// First offset of the run.
    pub(super) base_offset: Offset,
    /// The offset after the run.
    pub(super) end_offset: Offset,
    /// When the run was begun.
    pub(super) begun_ms: TimestampMs,
    /// Base offset and chunk position of some batches, the first among them.
    lookup: Vec<(Offset, usize)>,
}

impl Extent {
    /// An empty run whose first batch will stand `head` bytes after `position`; `origin` is a
    /// multiple of the block size. The caller fills the head.
    pub(super) fn new(
        chunk: ChunkMut,
        origin: usize,
        (segment_base, position): (Offset, u64),
        head: usize,
        base_offset: Offset,
        begun_ms: TimestampMs,
    ) -> Self {
        assert!(head < BLOCK_BYTES, "a head is part of one block");
        assert!(
            origin.is_multiple_of(BLOCK_BYTES),
            "blocks are written in place"
        );
        assert!(
            position.is_multiple_of(BLOCK_BYTES as u64),
            "files are written in blocks"
        );
        Self {
            end: origin + head,
            chunk,
            origin,
            head,
            segment_base,
            position,
            base_offset,
            end_offset: base_offset,
            begun_ms,
            lookup: Vec::new(),
        }
    }

    /// Where the head goes.
    pub(super) fn head_mut(&mut self) -> &mut [u8] {
        self.chunk.writable(self.origin..self.origin + self.head)
    }

    pub(super) fn capacity(&self) -> usize {
        self.chunk.capacity()
    }

    /// Whether a batch of `size` bytes fits. Never again once batches were dropped from the end:
    /// sealed bytes do not change.
    pub(super) fn has_room(&self, size: usize) -> bool {
        self.chunk.sealed() <= self.end && self.end + size <= self.chunk.capacity()
    }

    /// The file's byte after the last batch.
    pub(super) fn end_position(&self) -> u64 {
        self.position + (self.end - self.origin) as u64
    }

    /// The file's first byte of the run's own batches.
    pub(super) fn first_position(&self) -> u64 {
        self.position + self.head as u64
    }

    /// Bytes of the block that holds the last batch's end, up to that end: the head of the next
    /// extent. `None` where that block is the first one: then its beginning is in the head.
    pub(super) fn last_block(&self) -> &[u8] {
        self.chunk.read(self.last_block_at()..self.end)
    }

    /// The file position of [`Extent::last_block`].
    pub(super) fn last_block_position(&self) -> u64 {
        self.position + (self.last_block_at() - self.origin) as u64
    }

    /// The place for a batch of `size` bytes, which [`Extent::seal`] completes.
    pub(super) fn place(&mut self, size: usize) -> &mut [u8] {
        assert!(self.has_room(size), "the caller made room");
        self.chunk.writable(self.end..self.end + size)
    }

    /// The batch in the place is complete: it never changes from now on.
    pub(super) fn seal(&mut self, header: &BatchHeader) {
        assert_eq!(header.base_offset, self.end_offset, "offsets are dense");
        let last = self.lookup.last().map(|entry| entry.1);
        if last.is_none_or(|at| self.end - at >= LOOKUP_INTERVAL_BYTES) {
            self.lookup.push((header.base_offset, self.end));
        }
        self.end += header.size_bytes();
        self.end_offset = header.next_offset();
        self.chunk.seal(self.end);
    }

    /// The bytes from a file position of the run's own batches to its end.
    pub(super) fn bytes_from(&self, position: u64) -> &[u8] {
        self.chunk.read(self.at(position)..self.end)
    }

    /// The bytes between two file positions.
    pub(super) fn slice(&self, positions: Range<u64>) -> Chunk {
        self.chunk
            .slice(self.at(positions.start)..self.at(positions.end))
    }

    /// The file positions of the batch that holds `offset`.
    pub(super) fn find(&self, offset: Offset) -> Range<u64> {
        let above = self.lookup.partition_point(|entry| entry.0 <= offset);
        let mut at = self.lookup[above.saturating_sub(1)].1;
        loop {
            let header = self.header_at(at);
            let next = at + header.size_bytes();
            if header.next_offset() > offset {
                let file = |at: usize| self.position + (at - self.origin) as u64;
                return file(at)..file(next);
            }
            at = next;
        }
    }

    /// Drops the batches at and beyond `offset`, a batch's base.
    pub(super) fn truncate(&mut self, offset: Offset) {
        if offset >= self.end_offset {
            return;
        }
        self.end = self.at(self.find(offset).start);
        self.end_offset = offset;
        self.lookup.retain(|entry| entry.0 < offset);
    }

    fn header_at(&self, at: usize) -> BatchHeader {
        let bytes = self.chunk.read(at..self.end);
        BatchHeader::parse(bytes).expect("an extent holds whole batches")
    }

    fn last_block_at(&self) -> usize {
        self.end - self.end % BLOCK_BYTES
    }

    fn at(&self, position: u64) -> usize {
        self.origin + (position - self.position) as usize
    }
}
