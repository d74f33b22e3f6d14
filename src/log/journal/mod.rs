//! The journal of a core: one sequential file for the small appends of all its partitions.
//!
//! A direct write and a sync cost the same for 100 bytes as for 64 KiB. A flush round over
//! thousands of partitions with a few hundred bytes each therefore goes as one write, a *round*,
//! to the core's journal, and one sync of that file at most; the segments get the same bytes later, in
//! larger writes (*destaging*). Large appends go to their segment at once, as without a journal.
//!
//! # Ends
//!
//! `log_end ≥ durable_end ≥ synced`, and `log_end ≥ written ≥ synced`. `synced` is durable in the
//! segments; what lies from there to `durable_end` is in a round that was synced, or is synced in
//! its segment too. `written` may lie on either side of `durable_end`: a log whose `written` is
//! below is *behind*. What recovery trusts without reading it (durable points, anchors, exact file
//! lengths) rests on `synced`, and only what is `synced` leaves memory.
//!
//! # What a log may journal
//!
//! The bytes from `durable_end` to the log's end, so that the entries of a partition leave no gap;
//! fewer than 64 KiB; and only in a segment that has synced bytes already, so that file and
//! directory are there whatever happens. The first flush of a segment and of a partition goes to
//! the segment. Segment writes under way do not matter: they are other files, and hold the same
//! bytes at the same offsets. That last is why a log whose appends were dropped by a full disk
//! does not use the journal again before its next segment: the file may still hold what was
//! dropped. What a round is being written of is never dropped (`kept`).
//!
//! # Files
//!
//! Two per core, preallocated and zero-filled in the background after the start: overwriting
//! written blocks needs no commit of the file system's own journal. A file is filled, then
//! *drained*: every partition that has entries in it is written and synced in its segment beyond
//! them, a few at a time. Then it is free and begun again with a new generation. While no file is
//! free, or after a failed write or sync of the journal, rounds go to the segments. Such a failure
//! takes the partitions of that round offline; what the journal holds of others stays good. A full
//! disk while destaging refuses appends but drops nothing that is journaled.
//!
//! # Without a sync
//!
//! With `klamm.flush=written` rounds are synced some time after they count, many at once
//! ([`Syncing::Later`]); only the one that opens a file is synced before the next, as ever, so that
//! what an older filling left is never taken for this one. A loss of power then takes any of the
//! rounds since the last sync, not just the last ones: one behind a hole of at most 1 MiB is found
//! all the same, and of it what continues its log exactly is taken. Segments are synced in the same moments, so
//! that what is lost is younger than these. After a failed sync nothing is offline: what the files
//! have is in memory still, and the segments get it.
//!
//! # Recovery
//!
//! Logs are opened from their segments, then all journals of the directory, whoever wrote them,
//! are read in the order of their generations and rounds. A batch below the log's end is known
//! already, one that continues it exactly is appended, one beyond is told as lost. Then everything
//! is written and synced, and only then the journals are removed, so that a crash in between
//! repeats the same. A torn last round is no loss where rounds are synced: it was never acknowledged. A clean stop destages
//! everything and removes the files: Kafka finds its own.

mod files;
mod pending;
mod reader;
mod round;
mod settle;
mod space;

pub(super) use files::FILE_PREFIX;
pub use files::{Journal, JournalStats, JournalSync, RoundPlan, Syncing, remove_journals};
pub use pending::{ReplayError, Replayed};
pub use reader::{FoundEntry, JournalReader};
pub use round::{Entry, RoundWriter};
pub use settle::settle_all;
