//! Requests out of a connection's bytes.
//!
//! Small requests are slices of what was received, never copied. A frame that did not arrive whole
//! gets memory of its own. A modest length is believed as long as the core's allowance for memory
//! that is not filled yet lasts; beyond, memory grows with what the peer really sends, to at most
//! [`GROWTH`] times that. Memory comes from the core's arena; while that is exhausted, or the core's share for requests is, the connection
//! waits, and with it the peer's socket.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use super::placement::Frame;
use crate::protocol::frame::{self, FrameError, PREFIX_LEN};
use crate::runtime::{Conn, Core, Patience};
use crate::sys::arena::{Chunk, ChunkMut};

/// So much is received at first where a large frame is expected.
const BEGINNING_BYTES: usize = 16 << 10;
/// A frame gets this much memory before more of it has arrived.
const CAPACITY_MIN: usize = 64 << 10;
/// A frame's memory is at most so many times what has arrived of it.
const GROWTH: usize = 4;
/// A frame of at most this length may have all its memory at once.
const TRUSTED_BYTES: usize = 8 << 20;
/// So much memory of a core may wait for bytes that were only declared.
const UNEARNED_BYTES_MAX: usize = 16 << 20;
/// How often a connection without memory looks again.
const MEMORY_POLL: Duration = Duration::from_millis(5);

/// The memory of one core for requests that are still arriving.
#[derive(Debug)]
pub(super) struct ReceiveBudget {
    bytes_max: usize,
    used: Cell<usize>,
    /// Memory given to frames whose declared length was believed.
    unearned: Cell<usize>,
}

impl ReceiveBudget {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            used: Cell::new(0),
            unearned: Cell::new(0),
        }
    }

    /// Believes a declared length, if it is modest and the allowance lasts.
    fn trust(&self, len: usize) -> Option<Trust<'_>> {
        let unearned = self.unearned.get() + len;
        if len > TRUSTED_BYTES || unearned > UNEARNED_BYTES_MAX {
            return None;
        }
        self.unearned.set(unearned);
        Some(Trust { budget: self, len })
    }

    /// Takes a share if there is one left; a lone request always gets through.
    fn try_take(&self, bytes: usize) -> bool {
        let used = self.used.get();
        let fits = used == 0 || used + bytes <= self.bytes_max;
        if fits {
            self.used.set(used + bytes);
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        self.used.set(self.used.get() - bytes);
    }
}

/// A declared length that was believed, until the frame is there.
struct Trust<'a> {
    budget: &'a ReceiveBudget,
    len: usize,
}

impl Drop for Trust<'_> {
    fn drop(&mut self) {
        let unearned = &self.budget.unearned;
        unearned.set(unearned.get() - self.len);
    }
}

/// The peer's bytes cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReceiveError {
    /// The length in front of a frame makes no sense.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The connection broke.
    #[error("receiving: {0}")]
    Io(#[from] io::Error),
    /// The connection ended within a frame.
    #[error("the peer closed the connection within a request")]
    Cut,
    /// The peer began a request and then sent nothing for too long.
    #[error("the peer began a request of {declared} bytes, sent {received} and then nothing more")]
    Stalled {
        /// How long it was to be.
        declared: usize,
        /// How much of it came.
        received: usize,
    },
    /// The core's memory was used up for too long.
    #[error("a request of {declared} bytes found no memory")]
    NoMemory {
        /// How long it was to be.
        declared: usize,
    },
    /// The peer said nothing for `connections.max.idle.ms`.
    #[error("idle")]
    Idle,
}

/// Limits of a connection's reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceiveLimits {
    /// `socket.request.max.bytes`.
    pub(super) frame_bytes_max: usize,
    /// How long a request may pause while it arrives.
    pub(super) stall_max: Duration,
    /// How long a connection may say nothing; `None` for ever.
    pub(super) idle_max: Option<Duration>,
}

/// Cuts a connection's bytes into frames.
pub(super) struct Frames<'a> {
    core: Core,
    conn: Conn,
    patience: Patience,
    budget: &'a ReceiveBudget,
    limits: ReceiveLimits,
    place: &'a dyn Fn(&[u8]) -> Option<usize>,
    /// Received and not yet taken.
    rest: Chunk,
    /// The last frame was a large one: then only the beginning of the next is received into the
    /// shared area, the rest straight into its own memory, without a copy.
    expects_large: bool,
}

impl<'a> Frames<'a> {
    /// `place` is asked where in its memory a frame shall begin of which so much has arrived.
    pub(super) fn new(
        core: Core,
        conn: Conn,
        budget: &'a ReceiveBudget,
        limits: ReceiveLimits,
        place: &'a dyn Fn(&[u8]) -> Option<usize>,
    ) -> Self {
        Self {
            patience: Patience::new(core.clone()),
            core,
            conn,
            budget,
            limits,
            place,
            rest: Chunk::empty(),
            expects_large: false,
        }
    }

    /// The next frame without its length; `None` at the orderly end of the connection.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, ReceiveError> {
        let Some(prefix) = self.prefix().await? else {
            return Ok(None);
        };
        let len = frame::frame_len(prefix, self.limits.frame_bytes_max)?;
        self.expects_large = len > BEGINNING_BYTES;
        if self.rest.len() > len {
            let frame = self.rest.slice(0..len);
            self.rest.advance(len);
            return Ok(Some(Frame::Shared(frame)));
        }
        let early = std::mem::replace(&mut self.rest, Chunk::empty());
        if early.len() == len {
            return Ok(Some(Frame::Shared(early)));
        }
        self.large(len, &early).await.map(Some)
    }

    /// Whether nothing has been received beyond the last frame.
    pub(super) fn is_drained(&self) -> bool {
        self.rest.is_empty()
    }

    async fn prefix(&mut self) -> Result<Option<[u8; PREFIX_LEN]>, ReceiveError> {
        let (mut prefix, mut have) = ([0; PREFIX_LEN], 0);
        while have < PREFIX_LEN {
            if self.rest.is_empty() {
                self.rest = self.receive(have > 0).await?;
                if self.rest.is_empty() {
                    return if have == 0 {
                        Ok(None)
                    } else {
                        Err(ReceiveError::Cut)
                    };
                }
            }
            let take = self.rest.len().min(PREFIX_LEN - have);
            prefix[have..have + take].copy_from_slice(&self.rest[..take]);
            have += take;
            self.rest.advance(take);
        }
        Ok(Some(prefix))
    }

    async fn receive(&mut self, within_frame: bool) -> Result<Chunk, ReceiveError> {
        let bytes_max = if self.expects_large {
            BEGINNING_BYTES
        } else {
            usize::MAX
        };
        let area = self.core.receive_area();
        let receiving = self.conn.receive_at_most(area, bytes_max);
        let bound = if within_frame {
            Some(self.limits.stall_max)
        } else {
            self.limits.idle_max
        };
        match bound {
            None => Ok(receiving.await?),
            Some(bound) => match self.patience.wait(bound, receiving).await {
                Some(received) => Ok(received?),
                None if within_frame => Err(ReceiveError::Stalled {
                    declared: PREFIX_LEN,
                    received: 0,
                }),
                None => Err(ReceiveError::Idle),
            },
        }
    }

    /// Receives a frame that did not arrive with its beginning.
    async fn large(&mut self, len: usize, early: &[u8]) -> Result<Frame, ReceiveError> {
        let Some(_trust) = self.budget.trust(len) else {
            return self.grown(len, early).await;
        };
        let start = (self.place)(early);
        let mut buffer = self.buffer(start.unwrap_or(0), len, len, early).await?;
        self.fill(&mut buffer, len, early.len(), len).await?;
        Ok(match start {
            Some(_) => buffer.into_place(len),
            None => Frame::Shared(buffer.into_frame(len)),
        })
    }

    /// Receives a frame whose length is not believed: memory grows with what arrives.
    async fn grown(&mut self, len: usize, early: &[u8]) -> Result<Frame, ReceiveError> {
        let mut have = early.len();
        let mut buffer = self.buffer(0, capacity_for(len, have), len, early).await?;
        loop {
            let end = len.min(buffer.capacity());
            self.fill(&mut buffer, len, have, end).await?;
            if end == len {
                return Ok(Frame::Shared(buffer.into_frame(len)));
            }
            have = end;
            let arrived = buffer.into_frame(have);
            buffer = self
                .buffer(0, capacity_for(len, have), len, &arrived)
                .await?;
        }
    }

    /// Receives until the buffer holds `end` bytes of the frame.
    async fn fill(
        &mut self,
        buffer: &mut Buffer<'_>,
        declared: usize,
        mut have: usize,
        end: usize,
    ) -> Result<(), ReceiveError> {
        while have < end {
            let to = buffer.start + have..buffer.start + end;
            let receiving = self.conn.receive_into(buffer.chunk_mut(), to);
            let stall_max = self.limits.stall_max;
            let Some(received) = self.patience.wait(stall_max, receiving).await else {
                return Err(ReceiveError::Stalled {
                    declared,
                    received: have,
                });
            };
            have += match received? {
                0 => return Err(ReceiveError::Cut),
                received => received,
            };
        }
        Ok(())
    }

    /// Memory for a frame, filled with what has arrived of it; waits until there is some.
    async fn buffer(
        &self,
        start: usize,
        bytes: usize,
        declared: usize,
        early: &[u8],
    ) -> Result<Buffer<'a>, ReceiveError> {
        let mut waited = Duration::ZERO;
        loop {
            if let Some(mut buffer) = Buffer::take(&self.core, self.budget, start, bytes) {
                let to = start..start + early.len();
                buffer.chunk_mut().writable(to).copy_from_slice(early);
                return Ok(buffer);
            }
            if waited >= self.limits.stall_max {
                return Err(ReceiveError::NoMemory { declared });
            }
            self.core.sleep(MEMORY_POLL).await;
            waited += MEMORY_POLL;
        }
    }
}

/// How much memory a frame may have after `received` of its `len` bytes.
fn capacity_for(len: usize, received: usize) -> usize {
    len.min((received * GROWTH).max(CAPACITY_MIN))
}

/// A frame's own memory and its share of the budget.
struct Buffer<'a> {
    chunk: Option<ChunkMut>,
    budget: &'a ReceiveBudget,
    share: usize,
    /// Where the frame begins in it.
    start: usize,
}

impl<'a> Buffer<'a> {
    fn take(core: &Core, budget: &'a ReceiveBudget, start: usize, bytes: usize) -> Option<Self> {
        let bytes = start + bytes;
        if !budget.try_take(bytes) {
            return None;
        }
        let buffer = Self {
            chunk: core.arena().allocate(bytes),
            budget,
            share: bytes,
            start,
        };
        buffer.chunk.is_some().then_some(buffer)
    }

    fn chunk_mut(&mut self) -> &mut ChunkMut {
        self.chunk.as_mut().expect("taken only at the end")
    }

    fn capacity(&self) -> usize {
        self.chunk.as_ref().map_or(0, ChunkMut::capacity)
    }

    fn into_frame(mut self, len: usize) -> Chunk {
        let mut chunk = self.chunk.take().expect("taken once");
        let range = self.start..self.start + len;
        chunk.seal(range.end);
        chunk.slice(range)
    }

    /// The frame with its memory, for the log to take.
    fn into_place(mut self, len: usize) -> Frame {
        Frame::InPlace {
            chunk: self.chunk.take().expect("taken once"),
            range: self.start..self.start + len,
        }
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        self.budget.give_back(self.share);
    }
}
