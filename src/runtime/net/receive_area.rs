//! The memory into which all connections of a core receive.

use super::super::core::Core;
use super::super::sync::Notify;
use crate::sys::arena::{Arena, Chunk, ChunkMut};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// The chunk that is received into, and shared out in slices until it is used up.
const AREA_BYTES: usize = 256 << 10;
/// With less room than this a new chunk is begun.
const ROOM_BYTES_MIN: usize = 4 << 10;
/// How often an exhausted arena is asked again.
const RETRY_EVERY: Duration = Duration::from_millis(2);

/// One per core. Only a connection that is receiving at this very moment uses it, so idle ones
/// hold no memory.
#[derive(Clone)]
pub struct ReceiveArea {
    inner: Rc<Inner>,
}

struct Inner {
    arena: Arena,
    chunk: RefCell<Option<ChunkMut>>,
    refilled: Notify,
    refilling: Cell<bool>,
}

impl ReceiveArea {
    pub(in super::super) fn new(arena: Arena) -> Self {
        let inner = Inner {
            arena,
            chunk: RefCell::new(None),
            refilled: Notify::new(),
            refilling: Cell::new(false),
        };
        Self {
            inner: Rc::new(inner),
        }
    }

    /// Lets `fill` write into the area and shares what it wrote: the count it returns.
    ///
    /// `None` when the arena has no memory now.
    pub(super) fn fill<T, E>(
        &self,
        fill: impl FnOnce(&mut [u8]) -> (Option<usize>, Result<T, E>),
    ) -> Option<(Result<T, E>, Chunk)> {
        let mut slot = self.inner.chunk.borrow_mut();
        let chunk = with_room(&mut slot, &self.inner.arena)?;
        let (count, result) = fill(chunk.spare());
        let from = chunk.sealed();
        let to = from + count.unwrap_or(0);
        chunk.seal(to);
        let filled = if to > from {
            chunk.slice(from..to)
        } else {
            Chunk::empty()
        };
        Some((result, filled))
    }

    /// Waits until there is memory again: this is what pushes back on the sockets.
    pub(super) async fn refilled(&self, core: &Core) {
        if !self.inner.refilling.replace(true) {
            let (area, clock) = (self.clone(), core.clone());
            core.spawn(async move { area.refill(&clock).await });
        }
        self.inner.refilled.notified().await;
    }

    /// One task asks for all that wait.
    async fn refill(&self, core: &Core) {
        loop {
            core.sleep(RETRY_EVERY).await;
            if with_room(&mut self.inner.chunk.borrow_mut(), &self.inner.arena).is_some() {
                break;
            }
        }
        self.inner.refilling.set(false);
        self.inner.refilled.notify_all();
    }
}

/// The chunk, a new one when the old is used up.
fn with_room<'a>(slot: &'a mut Option<ChunkMut>, arena: &Arena) -> Option<&'a mut ChunkMut> {
    let room = slot
        .as_ref()
        .map_or(0, |chunk| chunk.capacity() - chunk.sealed());
    if room < ROOM_BYTES_MIN {
        // The old one goes first: when nobody shares it any more, it is the new one.
        *slot = None;
        *slot = arena.allocate(AREA_BYTES);
    }
    slot.as_mut()
}
