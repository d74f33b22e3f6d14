//! The memory of one core: a region reserved once, handed out as chunks, taken back from any core.
//!
//! [`Arena`] stays on the core that made it. A [`ChunkMut`] has one writer, who seals what is
//! final; a [`Chunk`] is a shared, immutable part of what was sealed and may be cloned, read and
//! dropped on any core. Memory comes back to the arena when the last of them is gone: at once on
//! the arena's own core, through a list that the owner drains on any other.
//!
//! Nothing is touched before it is used, so a large budget costs nothing while it is idle. The
//! region is twice the budget of address space, so that free memory in unlucky places cannot make
//! a large request fail: what is *used* is what counts against the budget, and physical memory of
//! free runs is given back when more than the budget has been touched. (Free holes below 256 KiB
//! stay resident, so a badly fragmented arena can hold somewhat more than its budget.)
//!
//! Beside the budget stands a reserve, a sixteenth of it, for what must go on while others have
//! filled the budget: [`Arena::with_reserve`].

mod bitset;
mod buddy;
mod chunk;
mod region;
mod shared;

pub use chunk::{Chunk, ChunkMut};

use shared::{BlockRef, Shared};
use std::io;
use std::ptr::NonNull;
use std::rc::Rc;

/// The unit of allocation and of direct I/O: addresses and sizes of chunks are multiples of it.
pub const PAGE_BYTES: usize = 4096;
/// The reserve is the budget divided by this.
const RESERVE_SHARE: usize = 16;

const _: () = assert!(shared::ADDRESS_SPACE_FACTOR > 1 && RESERVE_SHARE > 1);

/// The chunk memory of one core. Clones share it; it never leaves its thread.
#[derive(Clone)]
pub struct Arena {
    owner: Rc<Owner>,
    may_use_reserve: bool,
}

impl Arena {
    /// Reserves an arena whose chunks may take `budget_bytes` in all, rounded up to 2 MiB.
    ///
    /// # Errors
    /// When the kernel refuses the address space.
    pub fn new(budget_bytes: usize) -> io::Result<Self> {
        let shared = Shared::reserve(budget_bytes)?;
        Ok(Self {
            owner: Rc::new(Owner { shared }),
            may_use_reserve: false,
        })
    }

    /// The same arena, for who may use its reserve: the broker's own small appends, which members of
    /// groups wait for and producers must not crowd out.
    pub fn with_reserve(&self) -> Self {
        Self {
            owner: self.owner.clone(),
            may_use_reserve: true,
        }
    }

    /// A chunk of at least `bytes`, rounded up by at most an eighth and to whole pages.
    ///
    /// Its memory may hold bytes of earlier users. `None` when the budget is exhausted: wait for
    /// chunks to be dropped, or free some.
    pub fn allocate(&self, bytes: usize) -> Option<ChunkMut> {
        self.allocate_within(bytes, self.budget_bytes())
    }

    /// As [`Arena::allocate`] for what cannot do with less; where the budget is exhausted, from the
    /// reserve, if this handle may.
    pub fn allocate_least(&self, bytes: usize) -> Option<ChunkMut> {
        let reserve_bytes = match self.may_use_reserve {
            true => self.reserve_bytes(),
            false => 0,
        };
        self.allocate_within(bytes, self.budget_bytes() + reserve_bytes)
    }

    fn allocate_within(&self, bytes: usize, limit_bytes: usize) -> Option<ChunkMut> {
        let shared = self.owner.shared;
        // SAFETY: we are on the owner's thread (`Arena` is not `Send`) and `Owner` keeps the
        // shared part alive.
        let (page, pages) = unsafe { shared.as_ref().allocate(bytes, limit_bytes / PAGE_BYTES)? };
        Some(ChunkMut::new(
            BlockRef::first(shared, page),
            pages * PAGE_BYTES,
        ))
    }

    /// Bytes that chunks hold now, in whole pages; those of the reserve may take it beyond the
    /// budget.
    pub fn used_bytes(&self) -> usize {
        // SAFETY: as in `allocate`.
        unsafe { self.owner.shared.as_ref().used_pages() * PAGE_BYTES }
    }

    /// Bytes that chunks may hold in all, but for the reserve.
    pub fn budget_bytes(&self) -> usize {
        // SAFETY: `Owner` keeps the shared part alive.
        unsafe { self.owner.shared.as_ref() }.budget_pages() * PAGE_BYTES
    }

    /// Bytes beyond the budget, for handles that may use them.
    pub fn reserve_bytes(&self) -> usize {
        self.budget_bytes() / RESERVE_SHARE
    }

    /// Bytes that can still be handed out, the reserve aside.
    pub fn free_bytes(&self) -> usize {
        self.budget_bytes().saturating_sub(self.used_bytes())
    }
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Arena({} of {} bytes used)",
            self.used_bytes(),
            self.budget_bytes()
        )
    }
}

/// The last clone of an arena leaves the region to the chunks that are still out.
struct Owner {
    shared: NonNull<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        // SAFETY: this is the owner's thread, and after this call nobody uses `shared` as owner.
        unsafe { Shared::abandon(self.shared) };
    }
}

#[cfg(test)]
mod tests;
