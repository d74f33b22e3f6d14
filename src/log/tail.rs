use std::collections::VecDeque;

use super::extent::{BLOCK_BYTES, Extent};
use crate::model::{Offset, TimestampMs};
use crate::protocol::record::BatchHeader;
use crate::sys::arena::{Arena, Chunk, ChunkMut};

/// A partition that writes rarely gets extents of this size.
const EXTENT_BYTES_MIN: usize = 4096;
/// A busy one gets these; a larger batch an extent of its own.
const EXTENT_BYTES_MAX: usize = 1 << 20;
/// An extent filled faster than this is followed by a larger one.
const FILLED_FAST_MS: i64 = 1_000;
/// One filled slower than this is followed by a smaller one.
const FILLED_SLOWLY_MS: i64 = 10_000;

/// The arena has no memory left for an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoMemory;

/// The newest part of a log, in memory: what is not written, not durable or not visible yet, and
/// as much more as the core's memory allows.
#[derive(Debug, Default)]
pub(super) struct Tail {
    extents: VecDeque<Extent>,
    /// The block the tail began in, if that was not at its beginning.
    head: Option<Head>,
    pace: Pace,
}

/// How fast batches are copied in: it decides how large the next extent is.
#[derive(Debug, Default)]
struct Pace {
    /// What the newest extent was meant to hold, also after it was evicted.
    extent_bytes: usize,
    begun_ms: TimestampMs,
    /// Bytes copied since then; adopted batches bring their own memory.
    copied: usize,
}

/// The bytes of a block before the first batch of the tail: on disk, not in memory. The first
/// flush that writes the block reads them and leaves them here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    segment_base: Offset,
    position: u64,
    bytes: usize,
    read: Option<Vec<u8>>,
}

/// Where the next batch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NextBatch {
    pub(super) segment_base: Offset,
    pub(super) position: u64,
    pub(super) base_offset: Offset,
    pub(super) size: usize,
    pub(super) now_ms: TimestampMs,
}

/// The part of a flush that goes to one segment's file.
#[derive(Debug)]
pub(super) struct Pieces {
    /// Where the first piece goes; a multiple of the block size, as are all lengths.
    pub(super) position: u64,
    pub(super) chunks: Vec<Chunk>,
    /// So many bytes of the first piece must be read from the file before it is written.
    pub(super) unread_head: usize,
}

impl Tail {
    /// The first offset in memory; `None` while nothing is.
    pub(super) fn start_offset(&self) -> Option<Offset> {
        self.extents.front().map(|extent| extent.base_offset)
    }

    /// The segment and the file position at which memory begins.
    pub(super) fn start_position(&self) -> Option<(Offset, u64)> {
        let first = self.extents.front()?;
        Some((first.segment_base, first.first_position()))
    }

    pub(super) fn oldest(&self) -> Option<&Extent> {
        self.extents.front()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.extents.iter().map(Extent::capacity).sum()
    }

    /// Makes room for a batch; the capacity of the extent if one had to be begun for it.
    pub(super) fn reserve(&mut self, arena: &Arena, next: NextBatch) -> Result<usize, NoMemory> {
        let last = self.extents.back();
        let fits = |extent: &Extent| {
            extent.segment_base == next.segment_base && extent.has_room(next.size)
        };
        if last.is_some_and(fits) {
            self.pace.copied += next.size;
            return Ok(0);
        }
        let head = (next.position % BLOCK_BYTES as u64) as usize;
        let wanted = self.pace.next_extent_bytes(next.now_ms);
        let bytes = wanted.max(head + next.size);
        let chunk = arena.allocate(bytes);
        let chunk = chunk
            .or_else(|| arena.allocate_least(head + next.size))
            .ok_or(NoMemory)?;
        let capacity = chunk.capacity();
        self.pace = Pace {
            extent_bytes: wanted,
            begun_ms: next.now_ms,
            copied: next.size,
        };
        self.begin(chunk, 0, next);
        Ok(capacity)
    }

    /// Takes `chunk`, in which a batch stands at `at`, as the newest extent. `at` must be congruent
    /// to the batch's file position modulo the block size, and nothing of the chunk sealed.
    pub(super) fn adopt(&mut self, chunk: ChunkMut, at: usize, next: NextBatch) {
        let head = (next.position % BLOCK_BYTES as u64) as usize;
        self.begin(chunk, at - head, next);
    }

    /// The place reserved for a batch of `size` bytes.
    pub(super) fn place(&mut self, size: usize) -> &mut [u8] {
        self.newest().place(size)
    }

    /// The batch in the place is complete.
    pub(super) fn seal(&mut self, header: &BatchHeader) {
        self.newest().seal(header);
    }

    /// Slices of batches from the one that holds `offset` on, below `upper`: `bytes_max` bytes, or
    /// the first batch whole if that is more and `at_least_one`.
    pub(super) fn read(
        &self,
        offset: Offset,
        bytes_max: usize,
        upper: Offset,
        at_least_one: bool,
    ) -> Vec<Chunk> {
        let first = self
            .extents
            .partition_point(|extent| extent.end_offset <= offset);
        let Some(extent) = self.extents.get(first) else {
            return Vec::new();
        };
        let batch = extent.find(offset);
        let batch_bytes = (batch.end - batch.start) as usize;
        if batch_bytes > bytes_max && !at_least_one {
            return Vec::new();
        }
        let (mut left, mut from) = (bytes_max.max(batch_bytes) as u64, batch.start);
        let mut slices = Vec::new();
        for extent in self.extents.range(first..) {
            from = if slices.is_empty() {
                from
            } else {
                extent.first_position()
            };
            let end = end_below(extent, upper).min(from + left);
            if end <= from {
                break;
            }
            left -= end - from;
            slices.push(extent.slice(from..end));
        }
        slices
    }

    /// What a flush writes to the file of one segment: everything from `from` to the end of what
    /// memory has of it. The last block is a copy, padded with zeros: later appends go on beside it.
    pub(super) fn pieces(&self, arena: &Arena, segment_base: Offset, from: u64) -> Pieces {
        let of_segment = |extent: &&Extent| extent.segment_base == segment_base;
        let start = from - from % BLOCK_BYTES as u64;
        let mut pieces = Pieces {
            position: start,
            chunks: Vec::new(),
            unread_head: 0,
        };
        let mut extents = self.extents.iter().filter(of_segment).peekable();
        while let Some(extent) = extents.next() {
            let last = extents.peek().is_none();
            self.add_pieces(arena, extent, last, &mut pieces);
        }
        pieces
    }

    /// Fills `into` with what stands in the file of one segment from `from` to its end, all of
    /// which is in memory.
    pub(super) fn copy(&self, segment_base: Offset, from: u64, into: &mut [u8]) {
        let of_segment =
            |extent: &&Extent| extent.segment_base == segment_base && extent.end_position() > from;
        let mut at = 0;
        for extent in self.extents.iter().filter(of_segment) {
            let bytes = extent.bytes_from(from.max(extent.first_position()));
            into[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        }
        assert_eq!(at, into.len(), "memory has all of it");
    }

    /// The beginning of the tail's first block, read by a flush.
    pub(super) fn on_head_read(&mut self, bytes: Vec<u8>) {
        if let Some(head) = self.head.as_mut().filter(|head| head.bytes == bytes.len()) {
            head.read = Some(bytes);
        }
    }

    /// Gives the oldest extent back; its capacity.
    pub(super) fn evict_oldest(&mut self) -> usize {
        let evicted = self.extents.pop_front();
        if self.extents.is_empty() {
            self.head = None;
        }
        evicted.map_or(0, |extent| extent.capacity())
    }

    /// Drops the batches at and beyond `offset`, a batch's base.
    pub(super) fn truncate(&mut self, offset: Offset) {
        while self
            .extents
            .pop_back_if(|extent| extent.base_offset >= offset)
            .is_some()
        {}
        if let Some(last) = self.extents.back_mut() {
            last.truncate(offset);
        }
        if self.extents.is_empty() {
            self.head = None;
        }
    }

    fn begin(&mut self, chunk: ChunkMut, origin: usize, next: NextBatch) {
        let head_bytes = (next.position % BLOCK_BYTES as u64) as usize;
        let place = (next.segment_base, next.position - head_bytes as u64);
        let mut extent = Extent::new(
            chunk,
            origin,
            place,
            head_bytes,
            next.base_offset,
            next.now_ms,
        );
        match self.extents.back() {
            None => self.head = unread_head(place, head_bytes),
            Some(_) if head_bytes == 0 => {}
            Some(last) => {
                assert_eq!(last.last_block_position(), place.1, "the tail has no gap");
                extent.head_mut().copy_from_slice(last.last_block());
            }
        }
        self.extents.push_back(extent);
    }

    fn newest(&mut self) -> &mut Extent {
        self.extents
            .back_mut()
            .expect("the caller reserved a place")
    }

    fn add_pieces(&self, arena: &Arena, extent: &Extent, last: bool, pieces: &mut Pieces) {
        let whole_end = extent.last_block_position();
        let mut start = pieces.position.max(extent.position);
        if let Some(head) = self.head_of(extent).filter(|head| head.position == start) {
            let end = extent.end_position().min(start + BLOCK_BYTES as u64);
            if end < start + BLOCK_BYTES as u64 && !last {
                return;
            }
            let own = extent.slice(start + head.bytes as u64..end);
            let known = head.read.as_deref();
            pieces.unread_head = if known.is_some() { 0 } else { head.bytes };
            let zeros = vec![0; head.bytes];
            pieces
                .chunks
                .push(block(arena, &[known.unwrap_or(&zeros), &own]));
            start += BLOCK_BYTES as u64;
        }
        if start < whole_end {
            pieces.chunks.push(extent.slice(start..whole_end));
        }
        if last && whole_end >= start && extent.end_position() > whole_end {
            pieces.chunks.push(block(arena, &[extent.last_block()]));
        }
    }

    fn head_of(&self, extent: &Extent) -> Option<&Head> {
        let begins = |head: &&Head| {
            (head.segment_base, head.position) == (extent.segment_base, extent.position)
        };
        self.head.as_ref().filter(begins)
    }
}

impl Pieces {
    /// Takes the first block off, if there is more than that.
    pub(super) fn take_first_block(&mut self) -> Option<Chunk> {
        let only_one = self.chunks.len() == 1;
        let first = self.chunks.first_mut()?;
        let block = match first.len() {
            BLOCK_BYTES if only_one => return None,
            BLOCK_BYTES => self.chunks.remove(0),
            len => {
                let block = first.slice(0..BLOCK_BYTES);
                *first = first.slice(BLOCK_BYTES..len);
                block
            }
        };
        self.position += BLOCK_BYTES as u64;
        Some(block)
    }

    /// The file's byte after the last piece.
    pub(super) fn end(&self) -> u64 {
        let bytes: usize = self.chunks.iter().map(|chunk| chunk.len()).sum();
        self.position + bytes as u64
    }
}

impl Pace {
    fn next_extent_bytes(&self, now_ms: TimestampMs) -> usize {
        let filled = self.copied * 2 >= self.extent_bytes;
        let bytes = match now_ms - self.begun_ms {
            ..FILLED_FAST_MS if filled => self.extent_bytes * 4,
            ..FILLED_SLOWLY_MS if filled => self.extent_bytes,
            _ => self.extent_bytes / 4,
        };
        bytes.clamp(EXTENT_BYTES_MIN, EXTENT_BYTES_MAX)
    }
}

/// A block of its own that holds `parts`, then zeros.
pub(super) fn block(arena: &Arena, parts: &[&[u8]]) -> Chunk {
    aligned(arena, BLOCK_BYTES, |block| join(block, parts))
}

/// `bytes` bytes, a multiple of the block size, for a direct write; `fill` writes all of them.
///
/// From the heap where the arena is used up: a flush must never wait for memory that only a flush
/// can free.
pub(super) fn aligned(arena: &Arena, bytes: usize, fill: impl FnOnce(&mut [u8])) -> Chunk {
    match arena.allocate(bytes) {
        Some(mut chunk) => {
            fill(&mut chunk.spare()[..bytes]);
            chunk.seal(bytes);
            chunk.slice(0..bytes)
        }
        None => {
            let mut memory = vec![0; bytes + BLOCK_BYTES];
            let start = memory.as_ptr().align_offset(BLOCK_BYTES);
            fill(&mut memory[start..start + bytes]);
            Chunk::from_vec(memory).slice(start..start + bytes)
        }
    }
}

fn join(block: &mut [u8], parts: &[&[u8]]) {
    let mut at = 0;
    for part in parts {
        block[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    block[at..].fill(0);
}

fn unread_head((segment_base, position): (Offset, u64), bytes: usize) -> Option<Head> {
    (bytes > 0).then_some(Head {
        segment_base,
        position,
        bytes,
        read: None,
    })
}

/// The file position up to which an extent's batches lie below `upper`.
fn end_below(extent: &Extent, upper: Offset) -> u64 {
    if extent.end_offset <= upper {
        extent.end_position()
    } else if extent.base_offset >= upper {
        extent.first_position()
    } else {
        extent.find(upper).start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::test_batches::{bytes, header};

    /// Appends batches of these record counts from `position` of segment 0 on; the tail and what
    /// the file must hold from the beginning of the first block on.
    fn tail(arena: &Arena, position: u64, records: &[i32]) -> (Tail, Vec<u8>) {
        let mut tail = Tail::default();
        let mut image = vec![0; position as usize % BLOCK_BYTES];
        let mut base_offset = 100;
        let start = position - image.len() as u64;
        for records in records {
            let header = header(base_offset, *records);
            let next = NextBatch {
                segment_base: 0,
                position: start + image.len() as u64,
                base_offset,
                size: header.size_bytes(),
                now_ms: 0,
            };
            tail.reserve(arena, next).unwrap();
            tail.place(next.size).copy_from_slice(&bytes(&header));
            tail.seal(&header);
            image.extend(bytes(&header));
            base_offset = header.next_offset();
        }
        (tail, image)
    }

    fn arena() -> Arena {
        Arena::new(8 << 20).unwrap()
    }

    fn joined(chunks: &[Chunk]) -> Vec<u8> {
        chunks.iter().flat_map(|chunk| chunk.to_vec()).collect()
    }

    const MIXED: [i32; 9] = [10, 700, 3, 2_000, 1, 1, 5_000, 40, 12];

    #[test]
    fn pieces_are_the_file_whatever_the_extents() {
        let arena = arena();
        for position in [0, 5, 4_000, 4_096, 9_999] {
            let (tail, mut image) = tail(&arena, position, &MIXED);
            image.resize(image.len().next_multiple_of(BLOCK_BYTES), 0);
            let pieces = tail.pieces(&arena, 0, position);
            assert_eq!(pieces.position, position - position % 4_096);
            assert_eq!(pieces.unread_head as u64, position % 4_096);
            assert!(pieces.chunks.iter().all(Chunk::is_aligned));
            assert_eq!(joined(&pieces.chunks), image);
        }
    }

    #[test]
    fn later_pieces_begin_with_the_block_they_go_on_in() {
        let arena = arena();
        let (tail, mut image) = tail(&arena, 0, &MIXED);
        image.resize(image.len().next_multiple_of(BLOCK_BYTES), 0);
        for from in (0..image.len() - BLOCK_BYTES).step_by(777) {
            let pieces = tail.pieces(&arena, 0, from as u64);
            let start = from - from % BLOCK_BYTES;
            assert_eq!(joined(&pieces.chunks), image[start..], "from {from}");
        }
    }

    #[test]
    fn the_first_block_can_be_taken_off() {
        let arena = arena();
        let (tail, mut image) = tail(&arena, 0, &MIXED);
        image.resize(image.len().next_multiple_of(BLOCK_BYTES), 0);
        for from in (0..image.len() as u64).step_by(777) {
            let mut pieces = tail.pieces(&arena, 0, from);
            let (start, end) = (pieces.position, pieces.end());
            let block = pieces.take_first_block();
            assert_eq!(block.is_some(), end - start > BLOCK_BYTES as u64);
            let rest = joined(&pieces.chunks);
            let both = [block.map_or(Vec::new(), |block| block.to_vec()), rest].concat();
            assert_eq!(both, image[start as usize..]);
            assert_eq!(pieces.end(), end);
            assert!(pieces.chunks.iter().all(Chunk::is_aligned));
        }
    }

    #[test]
    fn a_head_read_once_is_repeated_until_its_block_is_full() {
        let arena = arena();
        let (mut tail, image) = tail(&arena, 300, &[10, 10]);
        tail.on_head_read(vec![9; 300]);
        let pieces = tail.pieces(&arena, 0, 300);
        assert_eq!(pieces.unread_head, 0);
        let block = joined(&pieces.chunks);
        assert_eq!(block[..300], [9; 300]);
        assert_eq!(block[300..image.len()], image[300..]);
    }

    #[test]
    fn reads_are_whole_batches_cut_only_at_the_end() {
        let arena = arena();
        let (tail, image) = tail(&arena, 0, &MIXED);
        let mut position = 0;
        let mut base = 100;
        for records in MIXED {
            let size = header(base, records).size_bytes();
            for inside in [base, base + i64::from(records) - 1] {
                for bytes_max in [1, size - 1, size, size + 5, 1 << 20] {
                    let got = joined(&tail.read(inside, bytes_max, i64::MAX, true));
                    let end = (position + bytes_max.max(size)).min(image.len());
                    assert_eq!(got, image[position..end]);
                    let whole = tail.read(inside, bytes_max, i64::MAX, false);
                    assert_eq!(whole.is_empty(), bytes_max < size);
                }
            }
            let bounded = joined(&tail.read(100, 1 << 20, base + i64::from(records), true));
            assert_eq!(bounded, image[..position + size]);
            position += size;
            base += i64::from(records);
        }
    }

    #[test]
    fn what_is_truncated_can_be_appended_anew() {
        let arena = arena();
        let (mut tail, image) = tail(&arena, 0, &[10, 10, 10]);
        tail.truncate(110);
        let header = header(110, 20);
        let next = NextBatch {
            segment_base: 0,
            position: 161,
            base_offset: 110,
            size: header.size_bytes(),
            now_ms: 0,
        };
        tail.reserve(&arena, next).unwrap();
        tail.place(next.size).copy_from_slice(&bytes(&header));
        tail.seal(&header);
        let expected = [&image[..161], &bytes(&header)].concat();
        let pieces = tail.pieces(&arena, 0, 0);
        assert_eq!(joined(&pieces.chunks)[..expected.len()], expected);
        assert_eq!(joined(&tail.read(100, 1 << 20, i64::MAX, true)), expected);
    }

    #[test]
    fn extents_grow_with_the_pace_and_shrink_again() {
        let arena = arena();
        let (tail, _) = tail(&arena, 0, &[30; 3_000]);
        let largest = tail.extents.iter().map(Extent::capacity).max();
        assert!(largest.unwrap() >= 256 << 10);
        let pace = Pace {
            extent_bytes: 1 << 20,
            begun_ms: 0,
            copied: 1 << 20,
        };
        assert_eq!(pace.next_extent_bytes(500), 1 << 20);
        assert_eq!(pace.next_extent_bytes(20_000), 1 << 18);
    }

    #[test]
    fn a_flush_needs_no_arena() {
        let arena = arena();
        let (tail, image) = tail(&arena, 0, &[10]);
        while arena.allocate(BLOCK_BYTES).map(std::mem::forget).is_some() {}
        let pieces = tail.pieces(&arena, 0, 0);
        assert!(pieces.chunks.iter().all(Chunk::is_aligned));
        assert_eq!(joined(&pieces.chunks)[..image.len()], image);
    }
}
