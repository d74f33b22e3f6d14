//! File ranges that are not in the page cache.

use super::super::core::Core;
use super::super::op::{Buffer, Kind, Read};
use super::super::stats::Counters;
use super::super::sync::oneshot;
use super::conn::Conn;
use super::send::{
    Attempt, FileRange, SMALL_PIECE_BYTES, TRICKLE_BYTES, send_copied, shorter_than_said, trickle,
};
use std::io;
use std::time::Duration;

/// So much of a file is brought in at a time. The device's own readahead may be sixteen times as
/// much, and a flush of the tail waits until every read before it is done.
const STRETCH_BYTES: usize = 512 << 10;
/// Stretches that a core has on their way at a time, for all its readers.
pub(in super::super) const STRETCHES_MAX: usize = 2;

/// A stretch of a file on its way into the page cache, whether or not anybody waits for it.
pub(super) struct Stretch {
    end: u64,
    arrival: oneshot::Receiver<io::Result<()>>,
}

impl Stretch {
    /// Has the kernel bring in the first stretch of `range`, in turn with other readers.
    ///
    /// The file must be open with [`advise_random`](crate::sys::file::advise_random): nothing
    /// beyond is then read.
    pub(super) fn begin(core: &Core, range: &FileRange) -> Self {
        let stretch = range.first(STRETCH_BYTES);
        let (end, task_core) = (stretch.end(), core.clone());
        let (sender, arrival) = oneshot::channel();
        core.spawn(async move {
            let brought = bring_in(&task_core, &stretch).await;
            // Its reader may have gone meanwhile.
            let _ = sender.send(brought);
        });
        Self { end, arrival }
    }

    /// Waits for it; where it ends in the file.
    pub(super) async fn arrived(self) -> io::Result<u64> {
        // Nobody answers when the core is about to end.
        self.arrival.await.unwrap_or(Ok(()))?;
        Ok(self.end)
    }
}

/// Reads a range into the page cache and waits until its last byte is there.
async fn bring_in(core: &Core, range: &FileRange) -> io::Result<()> {
    let core = &core.inner;
    let _permit = core.stretches.acquire(1).await;
    let advise = Kind::BringIn {
        file: range.file.descriptor().clone(),
        from: range.position,
        bytes: range.len as u32,
    };
    // Only advice: where it is not taken, the range is read when it is sent.
    let _ = core.ring.start(advise).await;
    let last = Buffer::Vec(vec![0]);
    let read = Read::new(&range.file, last, range.end() - 1, 1);
    core.ring.start(Kind::Read(read)).await.1?;
    // What came into the page cache was not read into memory of ours.
    Counters::add(&core.counters.reads, 1);
    Counters::add(&core.counters.read_bytes, 1);
    Ok(())
}

/// Reads a range into memory by the ring and sends what the socket takes of it: where the page cache
/// is too short to hold a range until it is sent.
pub(super) async fn send_cold(
    conn: &Conn,
    piece: &FileRange,
    stall_max: Duration,
) -> io::Result<usize> {
    let core = &conn.core().inner;
    let (into, len) = match core.arena.allocate(piece.len) {
        Some(chunk) => (Buffer::Chunk(chunk), piece.len),
        // Short of memory, and perhaps because nothing is sent: go on, with little.
        None => {
            let len = piece.len.min(SMALL_PIECE_BYTES);
            (Buffer::Vec(vec![0; len]), len)
        }
    };
    let read = Read::new(&piece.file, into, piece.position, len);
    let (work, result) = core.ring.start(Kind::Read(read)).await;
    let count = result? as usize;
    Counters::add(&core.counters.reads, 1);
    Counters::add(&core.counters.read_bytes, count as u64);
    if count == 0 {
        return Err(shorter_than_said());
    }
    let mut buffer = work.into_buffer();
    let bytes = buffer.filled(count);
    match send_copied(conn, bytes)? {
        Attempt::Sent(sent) => Ok(sent),
        // At least a little, lest the range leaves the cache again and again.
        _ => {
            let some = bytes[..count.min(TRICKLE_BYTES)].to_vec();
            drop(buffer);
            trickle(conn, &some, stall_max).await
        }
    }
}
