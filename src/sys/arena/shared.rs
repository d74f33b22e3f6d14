//! What the chunks of an arena have in common: the region, a header per block, the way back.

use super::PAGE_BYTES;
use super::buddy::Buddy;
use super::region::{HUGE_PAGE_BYTES, Region};
use std::cell::{Cell, UnsafeCell};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicIsize, AtomicU32, AtomicU64, Ordering, fence};

/// Address space per byte of budget; see the module's comment.
pub(super) const ADDRESS_SPACE_FACTOR: usize = 2;
/// Physical memory is counted and given back in units of so many pages (256 KiB).
const GRANULE_PAGES: usize = 64;
const GRANULE_ORDER: usize = GRANULE_PAGES.trailing_zeros() as usize;
/// End of the list of returned blocks.
const EMPTY: u32 = 0;
/// In place of the list once the arena's owner is gone.
const ABANDONED: u32 = u32::MAX;

/// Lives from [`Shared::reserve`] until the arena and every one of its chunks is gone.
pub(super) struct Shared {
    region: Region,
    /// By the number of a block's first page.
    headers: Headers,
    budget_pages: usize,
    /// The owner's [`thread_number`]; 0 once it has gone.
    owner: AtomicU64,
    /// Blocks freed on other threads: first page + 1 of the newest, each names the next.
    returned: AtomicU32,
    /// After the owner has gone: blocks still out, which may be below zero before it has counted.
    left: AtomicIsize,
    /// The owner's thread alone looks inside.
    local: UnsafeCell<Local>,
}

/// Meaningful while the block is out; `next` only while it is on the way back.
struct Header {
    references: AtomicU32,
    pages: AtomicU32,
    next: AtomicU32,
}

/// A header for each page, physically there only for blocks that were once in use: address space
/// of their own, because what an allocator gives zeroed it may have touched.
struct Headers {
    memory: Region,
    count: usize,
}

impl Headers {
    fn reserve(count: usize) -> io::Result<Self> {
        let bytes = (count * size_of::<Header>()).next_multiple_of(HUGE_PAGE_BYTES);
        let memory = Region::reserve(bytes)?;
        Ok(Self { memory, count })
    }

    fn at(&self, page: usize) -> &Header {
        assert!(page < self.count, "a page of the arena");
        let header = self.memory.at(page * size_of::<Header>()).cast::<Header>();
        // SAFETY: the place is inside the mapping, which lives as long as `self`, and aligned to a
        // header's size from its aligned beginning; fresh memory is zero, a value of its integers,
        // and nobody makes a `&mut` to it.
        unsafe { header.as_ref() }
    }
}

struct Local {
    buddy: Buddy,
    used_pages: usize,
    /// Blocks that are out, or returned and not yet taken back.
    blocks_out: usize,
    /// For each granule, whether it may be physically there.
    resident: Vec<bool>,
    resident_count: usize,
}

// SAFETY: `Shared` is reached from many threads through `BlockRef`. `local` is only touched on the
// thread whose number `owner` holds; `region` is immutable; everything else is atomic.
unsafe impl Send for Shared {}
// SAFETY: as for `Send`.
unsafe impl Sync for Shared {}

impl Shared {
    pub(super) fn reserve(budget_bytes: usize) -> io::Result<NonNull<Self>> {
        let budget_bytes = budget_bytes.next_multiple_of(HUGE_PAGE_BYTES);
        let region_bytes = budget_bytes * ADDRESS_SPACE_FACTOR;
        let pages = region_bytes / PAGE_BYTES;
        assert!(
            pages < ABANDONED as usize - 1,
            "an arena is smaller than 16 TiB"
        );
        let local = Local {
            buddy: Buddy::new(pages),
            used_pages: 0,
            blocks_out: 0,
            resident: vec![false; pages / GRANULE_PAGES],
            resident_count: 0,
        };
        let shared = Box::new(Self {
            region: Region::reserve(region_bytes)?,
            headers: Headers::reserve(pages)?,
            budget_pages: budget_bytes / PAGE_BYTES,
            owner: AtomicU64::new(thread_number()),
            returned: AtomicU32::new(EMPTY),
            left: AtomicIsize::new(0),
            local: UnsafeCell::new(local),
        });
        Ok(NonNull::from(Box::leak(shared)))
    }

    pub(super) fn budget_pages(&self) -> usize {
        self.budget_pages
    }

    /// A block of at least `bytes`: its first page and its pages, with one reference; `None` if more
    /// than `limit_pages` would be used.
    ///
    /// # Safety
    /// On the owner's thread only.
    pub(super) unsafe fn allocate(&self, bytes: usize, limit_pages: usize) -> Option<(u32, usize)> {
        // SAFETY: the owner's thread, and no other borrow of `local` is alive (see `local`).
        let local = unsafe { self.local() };
        self.take_back(local);
        let pages = Buddy::rounded(bytes.div_ceil(PAGE_BYTES).max(1));
        if pages > limit_pages.saturating_sub(local.used_pages) {
            return None;
        }
        let first = local.buddy.take(pages)?;
        local.used_pages += pages;
        local.blocks_out += 1;
        self.mark_resident(local, first, pages);
        let header = self.headers.at(first);
        header.pages.store(pages as u32, Ordering::Relaxed);
        header.references.store(1, Ordering::Relaxed);
        Some((first as u32, pages))
    }

    /// # Safety
    /// On the owner's thread only.
    pub(super) unsafe fn used_pages(&self) -> usize {
        // SAFETY: as in `allocate`.
        let local = unsafe { self.local() };
        self.take_back(local);
        local.used_pages
    }

    /// The owner goes: the blocks that are out keep the region until the last of them is free.
    ///
    /// # Safety
    /// On the owner's thread, once; the caller does not use `shared` afterwards.
    pub(super) unsafe fn abandon(shared: NonNull<Self>) {
        // SAFETY: alive, because the owner has not gone yet.
        let this = unsafe { shared.as_ref() };
        this.owner.store(0, Ordering::Relaxed);
        let list = this.returned.swap(ABANDONED, Ordering::AcqRel);
        // SAFETY: still the owner's thread; frees that race with us see ABANDONED and stay out.
        let local = unsafe { this.local() };
        this.take_list(local, list);
        let out = local.blocks_out as isize;
        if this.left.fetch_add(out, Ordering::AcqRel) + out == 0 {
            // SAFETY: no block is out, so nobody else knows this address any more.
            drop(unsafe { Box::from_raw(shared.as_ptr()) });
        }
    }

    /// The owner's part.
    ///
    /// # Safety
    /// On the owner's thread, and not while another borrow of it is alive: callers in this file
    /// take it once, at their beginning, and call nothing that takes it again.
    #[allow(clippy::mut_from_ref)]
    unsafe fn local(&self) -> &mut Local {
        // SAFETY: the caller's promise is exactly that this access is exclusive.
        unsafe { &mut *self.local.get() }
    }

    /// Frees what other threads have returned since the last time.
    fn take_back(&self, local: &mut Local) {
        if self.returned.load(Ordering::Relaxed) != EMPTY {
            let list = self.returned.swap(EMPTY, Ordering::Acquire);
            self.take_list(local, list);
        }
    }

    fn take_list(&self, local: &mut Local, mut list: u32) {
        while list != EMPTY {
            let first = (list - 1) as usize;
            list = self.headers.at(first).next.load(Ordering::Relaxed);
            self.give(local, first);
        }
    }

    fn give(&self, local: &mut Local, first: usize) {
        let pages = self.headers.at(first).pages.load(Ordering::Relaxed) as usize;
        local.buddy.give(first, pages);
        local.used_pages -= pages;
        local.blocks_out -= 1;
    }

    /// Counts what a block may touch; over budget, the memory of free runs goes back to the host.
    fn mark_resident(&self, local: &mut Local, first: usize, pages: usize) {
        let (from, to) = (first / GRANULE_PAGES, (first + pages - 1) / GRANULE_PAGES);
        let mut fresh = 0;
        for resident in &mut local.resident[from..=to] {
            fresh += usize::from(!std::mem::replace(resident, true));
        }
        local.resident_count += fresh;
        if fresh > 0 && local.resident_count * GRANULE_PAGES > self.budget_pages {
            self.release_free(local);
        }
    }

    fn release_free(&self, local: &mut Local) {
        local.buddy.merge_kept();
        for (first, pages) in local.buddy.free_blocks(GRANULE_ORDER) {
            let granules = first / GRANULE_PAGES..(first + pages) / GRANULE_PAGES;
            let freed = local.resident[granules.clone()]
                .iter()
                .filter(|there| **there)
                .count();
            if freed > 0 {
                // SAFETY: the run is free: no chunk, hence no reference, points into it.
                unsafe { self.region.release(first * PAGE_BYTES, pages * PAGE_BYTES) };
                local.resident[granules].fill(false);
                local.resident_count -= freed;
            }
        }
    }
}

/// One counted reference to a block of an arena.
pub(super) struct BlockRef {
    shared: NonNull<Shared>,
    page: u32,
}

// SAFETY: the reference count and the way back are atomic, and `Shared` outlives its blocks. What
// may be done with the memory is the matter of `Chunk` and `ChunkMut`.
unsafe impl Send for BlockRef {}
// SAFETY: as for `Send`.
unsafe impl Sync for BlockRef {}

impl BlockRef {
    /// Takes over the one reference that a fresh block has.
    pub(super) fn first(shared: NonNull<Shared>, page: u32) -> Self {
        Self { shared, page }
    }

    /// The block's first byte; it is valid for the block's pages while a reference exists.
    pub(super) fn address(&self) -> NonNull<u8> {
        self.shared().region.at(self.page as usize * PAGE_BYTES)
    }

    fn shared(&self) -> &Shared {
        // SAFETY: `Shared` lives as long as any of its blocks is out, and this one is.
        unsafe { self.shared.as_ref() }
    }

    fn header(&self) -> &Header {
        self.shared().headers.at(self.page as usize)
    }
}

impl Clone for BlockRef {
    fn clone(&self) -> Self {
        let before = self.header().references.fetch_add(1, Ordering::Relaxed);
        if before > u32::MAX / 2 {
            // Only leaking two billion references gets here; wrapping round would free in use.
            std::process::abort();
        }
        Self {
            shared: self.shared,
            page: self.page,
        }
    }
}

impl Drop for BlockRef {
    fn drop(&mut self) {
        if self.header().references.fetch_sub(1, Ordering::Release) == 1 {
            // Whatever other threads did with the block has happened before we free it.
            fence(Ordering::Acquire);
            // SAFETY: the last reference is gone, so the block is freed once.
            unsafe { free(self.shared, self.page) };
        }
    }
}

/// # Safety
/// The block is out, nobody refers to it, and it is freed only once. `shared` may be gone after.
unsafe fn free(shared: NonNull<Shared>, page: u32) {
    // SAFETY: the block is still counted as out, so `shared` is alive.
    let this = unsafe { shared.as_ref() };
    if this.owner.load(Ordering::Relaxed) == thread_number() {
        // SAFETY: this is the owner's thread; chunks are not dropped inside a borrow of `local`.
        let local = unsafe { this.local() };
        this.give(local, page as usize);
        return;
    }
    let mut head = this.returned.load(Ordering::Acquire);
    while head != ABANDONED {
        this.headers
            .at(page as usize)
            .next
            .store(head, Ordering::Relaxed);
        let pushed = this.returned.compare_exchange_weak(
            head,
            page + 1,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        match pushed {
            Ok(_) => return,
            Err(now) => head = now,
        }
    }
    if this.left.fetch_sub(1, Ordering::AcqRel) == 1 {
        // SAFETY: the owner has gone and has counted, and this was the last block that was out.
        drop(unsafe { Box::from_raw(shared.as_ptr()) });
    }
}

/// A number no other thread of this process has or had; never 0.
fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: Cell<u64> = const { Cell::new(0) };
    }
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}
