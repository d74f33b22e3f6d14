//! Buffers that decompressing uses again and again, a few of them kept by each core.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// What a core keeps for the next batch: enough for one lz4 block of the largest kind beside the
/// small buffers, little against the core's memory budget.
const KEPT_BYTES_MAX: usize = 6 * 1024 * 1024;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of bytes that mean nothing until they are written.
#[derive(Debug)]
pub(super) struct Scratch(Vec<u8>);

impl Scratch {
    /// At least `len` bytes. A spare buffer spares the zeroing, which costs as much as lz4 does.
    pub(super) fn new(len: usize) -> Self {
        let mut buffer = SPARE.with_borrow_mut(|spare| take(spare, len));
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        Self(buffer)
    }

    /// Makes room for `len` bytes; the content may be lost.
    pub(super) fn ensure(&mut self, len: usize) {
        if self.0.len() < len {
            *self = Self::new(len);
        }
    }
}

fn take(spare: &mut Vec<Vec<u8>>, len: usize) -> Vec<u8> {
    let fitting = spare.iter().position(|buffer| buffer.len() >= len);
    match fitting {
        Some(index) => spare.swap_remove(index),
        None => Vec::new(),
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        // At the thread's end there is no place to keep it, nor a use for it.
        let _ = SPARE.try_with(|spare| keep(&mut spare.borrow_mut(), buffer));
    }
}

fn keep(spare: &mut Vec<Vec<u8>>, buffer: Vec<u8>) {
    let kept: usize = spare.iter().map(Vec::capacity).sum();
    if buffer.capacity() > 0 && kept + buffer.capacity() <= KEPT_BYTES_MAX {
        spare.push(buffer);
    }
}

impl Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
