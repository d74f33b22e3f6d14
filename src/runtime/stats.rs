//! What a core has done since it started.

use std::cell::Cell;
use std::fmt;

/// Counters of one core, as they stood at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreStats {
    /// System calls that handed operations to the side ring, or waited for it.
    pub ring_submits: u64,
    /// Answers of the side ring; one of them may say that sockets are ready.
    pub ring_completions: u64,
    /// Writes started.
    pub writes: u64,
    /// Bytes of those writes.
    pub written_bytes: u64,
    /// Writes of those that were direct: the log's.
    pub direct_writes: u64,
    /// Bytes of the direct writes.
    pub direct_bytes: u64,
    /// Syncs of single files started.
    pub syncs: u64,
    /// Times a file was grown ahead of its data.
    pub allocations: u64,
    /// Reads from files by the ring.
    pub reads: u64,
    /// Bytes read from files by the ring.
    pub read_bytes: u64,
    /// Bytes received from sockets.
    pub received_bytes: u64,
    /// Bytes sent from memory that was in memory anyway.
    pub sent_bytes: u64,
    /// Calls of `sendfile` that sent something.
    pub sendfiles: u64,
    /// Bytes of files sent by `sendfile`.
    pub sendfile_bytes: u64,
    /// Bytes of files sent by reading and writing.
    pub copied_bytes: u64,
    /// Polls of a task that lasted longer than the core tolerates.
    pub stalls: u64,
    /// Times the watchdog had to wake the executor.
    pub kicks: u64,
}

impl fmt::Display for CoreStats {
    /// One line of what was asked of the disk, for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} direct writes of {} bytes ({} bytes each), {} syncs, {} allocations, \
             {} ring reads of {} bytes, {} sendfile calls of {} bytes, {} stalls",
            self.direct_writes,
            self.direct_bytes,
            self.direct_bytes / self.direct_writes.max(1),
            self.syncs,
            self.allocations,
            self.reads,
            self.read_bytes,
            self.sendfiles,
            self.sendfile_bytes,
            self.stalls
        )
    }
}

/// The counters while they count: only the core itself adds.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) ring_submits: Cell<u64>,
    pub(super) ring_completions: Cell<u64>,
    pub(super) writes: Cell<u64>,
    pub(super) written_bytes: Cell<u64>,
    pub(super) direct_writes: Cell<u64>,
    pub(super) direct_bytes: Cell<u64>,
    pub(super) syncs: Cell<u64>,
    pub(super) allocations: Cell<u64>,
    pub(super) reads: Cell<u64>,
    pub(super) read_bytes: Cell<u64>,
    pub(super) received_bytes: Cell<u64>,
    pub(super) sent_bytes: Cell<u64>,
    pub(super) sendfiles: Cell<u64>,
    pub(super) sendfile_bytes: Cell<u64>,
    pub(super) copied_bytes: Cell<u64>,
}

impl Counters {
    pub(super) fn add(counter: &Cell<u64>, more: u64) {
        counter.set(counter.get() + more);
    }

    /// The counters with what the watchdog counts.
    pub(super) fn snapshot(&self, stalls: u64, kicks: u64) -> CoreStats {
        CoreStats {
            ring_submits: self.ring_submits.get(),
            ring_completions: self.ring_completions.get(),
            writes: self.writes.get(),
            written_bytes: self.written_bytes.get(),
            direct_writes: self.direct_writes.get(),
            direct_bytes: self.direct_bytes.get(),
            syncs: self.syncs.get(),
            allocations: self.allocations.get(),
            reads: self.reads.get(),
            read_bytes: self.read_bytes.get(),
            received_bytes: self.received_bytes.get(),
            sent_bytes: self.sent_bytes.get(),
            sendfiles: self.sendfiles.get(),
            sendfile_bytes: self.sendfile_bytes.get(),
            copied_bytes: self.copied_bytes.get(),
            stalls,
            kicks,
        }
    }
}
