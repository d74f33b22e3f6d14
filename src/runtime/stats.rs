//! What a core has done since it started.

use std::cell::Cell;

/// Counters of one core, as they stood at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreStats {
    /// System calls that handed operations to the side ring.
    pub ring_submits: u64,
    /// Answers of the side ring.
    pub ring_completions: u64,
    /// Writes started.
    pub writes: u64,
    /// Bytes of those writes.
    pub written_bytes: u64,
    /// Syncs of single files started.
    pub syncs: u64,
    /// Bytes read from files by the ring.
    pub read_bytes: u64,
    /// Bytes received from sockets.
    pub received_bytes: u64,
    /// Bytes sent from memory that was in memory anyway.
    pub sent_bytes: u64,
    /// Bytes of files sent by `sendfile`.
    pub sendfile_bytes: u64,
    /// Bytes of files sent by reading and writing.
    pub copied_bytes: u64,
    /// Polls of a task that lasted longer than the core tolerates.
    pub stalls: u64,
    /// Times the watchdog had to wake the executor.
    pub kicks: u64,
}

/// The counters while they count: only the core itself adds.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) ring_submits: Cell<u64>,
    pub(super) ring_completions: Cell<u64>,
    pub(super) writes: Cell<u64>,
    pub(super) written_bytes: Cell<u64>,
    pub(super) syncs: Cell<u64>,
    pub(super) read_bytes: Cell<u64>,
    pub(super) received_bytes: Cell<u64>,
    pub(super) sent_bytes: Cell<u64>,
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
            syncs: self.syncs.get(),
            read_bytes: self.read_bytes.get(),
            received_bytes: self.received_bytes.get(),
            sent_bytes: self.sent_bytes.get(),
            sendfile_bytes: self.sendfile_bytes.get(),
            copied_bytes: self.copied_bytes.get(),
            stalls,
            kicks,
        }
    }
}
