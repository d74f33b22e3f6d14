//! Memory with one writer and many readers, divided by a mark that only rises.

use super::PAGE_BYTES;
use super::shared::BlockRef;
use std::fmt;
use std::ops::{Deref, Range};
use std::ptr::NonNull;
use std::sync::Arc;

/// A block of an arena with its one writer.
///
/// Bytes below [`ChunkMut::sealed`] are final: they may be shared as [`Chunk`]s and are never
/// written again. Bytes above belong to the writer alone. The memory is initialised but may hold
/// bytes of earlier users: zero the padding that goes to a disk or to a peer.
pub struct ChunkMut {
    block: BlockRef,
    address: NonNull<u8>,
    capacity: usize,
    sealed: usize,
}

// SAFETY: a `ChunkMut` owns the bytes above the mark exclusively and shares those below only for
// reading, so both may happen on any thread; the block's reference count is atomic.
unsafe impl Send for ChunkMut {}
// SAFETY: through a shared `ChunkMut` only sealed, hence immutable bytes can be reached.
unsafe impl Sync for ChunkMut {}

impl ChunkMut {
    /// The writer of a fresh block of `capacity` bytes whose only reference is `block`.
    pub(super) fn new(block: BlockRef, capacity: usize) -> Self {
        Self {
            address: block.address(),
            block,
            capacity,
            sealed: 0,
        }
    }

    /// How many bytes it holds, sealed or not: a multiple of 4096.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many bytes from the beginning are final.
    pub fn sealed(&self) -> usize {
        self.sealed
    }

    /// Everything that is not sealed.
    pub fn spare(&mut self) -> &mut [u8] {
        self.writable(self.sealed..self.capacity)
    }

    /// A part of what is not sealed.
    ///
    /// # Panics
    /// When the range begins below the mark or ends beyond the capacity.
    pub fn writable(&mut self, range: Range<usize>) -> &mut [u8] {
        assert!(
            self.sealed <= range.start,
            "sealed bytes are never written again"
        );
        assert!(
            range.start <= range.end && range.end <= self.capacity,
            "a range of the chunk"
        );
        // SAFETY: the range is inside the block, whose memory is initialised (fresh pages are
        // zeros), and above the mark, where no `Chunk` reaches; `&mut self` makes it exclusive.
        unsafe {
            std::slice::from_raw_parts_mut(self.address.add(range.start).as_ptr(), range.len())
        }
    }

    /// A part of it, sealed or not, as it stands now.
    ///
    /// # Panics
    /// When the range passes the capacity.
    pub fn peek(&self, range: Range<usize>) -> &[u8] {
        assert!(
            range.start <= range.end && range.end <= self.capacity,
            "a range of the chunk"
        );
        // SAFETY: inside the block, whose memory is initialised; bytes above the mark change only
        // through `&mut self`, those below never.
        unsafe { std::slice::from_raw_parts(self.address.add(range.start).as_ptr(), range.len()) }
    }

    /// Makes everything below `upto` final.
    ///
    /// # Panics
    /// When the mark would fall or pass the capacity.
    pub fn seal(&mut self, upto: usize) {
        assert!(
            self.sealed <= upto && upto <= self.capacity,
            "the mark only rises"
        );
        self.sealed = upto;
    }

    /// Sealed bytes, shared.
    ///
    /// # Panics
    /// When the range passes the mark.
    pub fn slice(&self, range: Range<usize>) -> Chunk {
        let bytes = NonNull::from(self.read(range));
        Chunk {
            bytes,
            _memory: Memory::Block {
                _reference: self.block.clone(),
            },
        }
    }

    /// Sealed bytes, borrowed.
    ///
    /// # Panics
    /// When the range passes the mark.
    pub fn read(&self, range: Range<usize>) -> &[u8] {
        assert!(
            range.start <= range.end && range.end <= self.sealed,
            "a range of sealed bytes"
        );
        // SAFETY: inside the block, initialised, and below the mark, where nobody writes.
        unsafe { std::slice::from_raw_parts(self.address.add(range.start).as_ptr(), range.len()) }
    }
}

impl fmt::Debug for ChunkMut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ChunkMut({} of {} bytes sealed)",
            self.sealed, self.capacity
        )
    }
}

/// Immutable bytes that any core may read, clone and drop.
#[derive(Clone)]
pub struct Chunk {
    bytes: NonNull<[u8]>,
    /// Keeps `bytes` alive.
    _memory: Memory,
}

#[derive(Clone)]
enum Memory {
    Block { _reference: BlockRef },
    Heap { _reference: Arc<Vec<u8>> },
    Static,
}

// SAFETY: the bytes are immutable as long as `_memory`, itself `Send` and `Sync`, keeps them.
unsafe impl Send for Chunk {}
// SAFETY: as for `Send`.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// No bytes.
    pub fn empty() -> Self {
        Self {
            bytes: NonNull::from(&[]),
            _memory: Memory::Static,
        }
    }

    /// Bytes that stand outside any arena: small, rebuilt, or of a test.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        let memory = Arc::new(bytes);
        let bytes = NonNull::from(memory.as_slice());
        Self {
            bytes,
            _memory: Memory::Heap { _reference: memory },
        }
    }

    /// A part of it, sharing the memory.
    ///
    /// # Panics
    /// When the range passes the end.
    pub fn slice(&self, range: Range<usize>) -> Self {
        Self {
            bytes: NonNull::from(&self[range]),
            _memory: self._memory.clone(),
        }
    }

    /// Leaves the beginning away.
    ///
    /// # Panics
    /// When there is less.
    pub fn advance(&mut self, count: usize) {
        self.bytes = NonNull::from(&self[count..]);
    }

    /// Whether direct I/O can take it: address and length are multiples of 4096.
    pub fn is_aligned(&self) -> bool {
        self.as_ptr().addr().is_multiple_of(PAGE_BYTES) && self.len().is_multiple_of(PAGE_BYTES)
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `_memory` keeps the bytes alive, and nobody writes them: they lie below the
        // mark of their block, in a vector nobody else can reach mutably, or nowhere.
        unsafe { self.bytes.as_ref() }
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} bytes)", self.len())
    }
}
