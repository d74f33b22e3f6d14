//! Compaction (`cleanup.policy=compact`): of each key the last record stays, offsets never change.
//!
//! - `dirt`: what of a log could be cleaned, and how dirty it is (pure state).
//! - `offset_map`: where each key of the dirty part was written last; bounded.
//! - `filter`: which records of a batch stay (pure: bytes in, verdict out).
//! - `groups`: which old segments become one.
//! - `cleaning`: the work itself, in pieces for a pool thread: `noting` the keys, then `writing`
//!   what stays of a `source` to a `cleaned_segment`.
//! - `exchange`: new files for old ones, on disk and in the [`Log`](super::Log).
//! - `unfinished`: what a start makes of an exchange that was cut off.
//!
//! # What happens
//!
//! A log is *clean* below its first dirty offset, which Kafka's `cleaner-offset-checkpoint`
//! remembers; it is written with the other checkpoints, so that a crash may cost a cleaning. The
//! checkpoint also tells a start that gaps below it are no damage, should the topic no longer be
//! compacted. One cleaning:
//!
//! 1. [`Log::dirt`](super::Log::dirt) says what can be cleaned: finished segments only (never the
//!    active one), durable, below the high watermark, and older than `min.compaction.lag.ms`. The
//!    shard takes the dirtiest log of its core; [`Log::begin_cleaning`](super::Log::begin_cleaning)
//!    gives a [`Cleaning`], which owns all it needs.
//! 2. [`Cleaning::step`] reads the dirty part and notes the last offset of each key. When the map
//!    is full the cleaning ends there, and the rest is for the next one.
//! 3. It reads every segment up to that end, a group at a time, and writes what stays to
//!    `.cleaned` files with indexes of their own: synced, then renamed to `.swap`.
//! 4. For each group it gives an [`Exchange`]: the shard tells the log, runs it, tells the log
//!    again, and removes the old files after `file.delete.delay.ms`.
//!
//! Nothing of this runs on a core but the two moments at which the log is told. A step reads and
//! writes half a MiB on one of the two threads of the core's pool; then the core looks whether the log is still
//! there, and rests as long as the step took, longer if `log.cleaner.io.max.bytes.per.second` wants
//! it. What is written is synced every few MiB, so that no flush waits behind a large one.
//!
//! # What stays
//!
//! - The last record of each key, and whatever lies beyond the end of this cleaning.
//! - A record without a value (a tombstone) until its batch's delete horizon: the cleaning that
//!   sees it first sets the horizon `delete.retention.ms` ahead (KIP-534).
//! - The last batch of a producer, empty if need be, so that its sequence survives; and the last
//!   batch of what can be cleaned, so that its end is known from the files.
//! - **Whatever belongs to a transaction.** klamm has no transactions yet, and knows of none
//!   whether it was aborted: markers and transactional batches, which a directory of Kafka's may
//!   hold, stay byte for byte, are never anybody's last record, and no tombstone behind one is
//!   dropped, since an older value could be hidden in it. The same goes for a batch that
//!   decompresses to more than [`PLAIN_BYTES_MAX`].
//! - Records without a key go, as in Kafka; produce refuses them once a topic is compacted.
//!
//! # Readers and retention beside it
//!
//! A read of a file is planned by the state of the log and runs later, by path. So the log counts
//! its exchanges: a read that was planned before one is planned again, and while the names change
//! hands (some renames and two syncs of the directory) who wants to read a file of this log waits.
//! Who holds a range of an old file keeps reading it. Memory of the exchanged segments is given
//! back. Retention goes on between exchanges; if a segment that was being cleaned is gone, the
//! cleaning ends without harm.
//!
//! Durable points speak of segments by name and position: before the first exchange the core's
//! file must say that the log's anchor lies beyond all that is exchanged.
//!
//! # When the power goes
//!
//! | what a start finds | what it was | what becomes of it, in Kafka too |
//! |---|---|---|
//! | `.cleaned` | being written | removed, with every `.swap` at or beyond it |
//! | `.swap`, all old files | complete and synced | old files from its base to its end removed, renamed |
//! | `.swap`, some old files `.deleted` | the exchange, cut off | the same; `.deleted` removed |
//! | `.log` new, `.index.swap` | the last renames, cut off | renamed |
//! | `.deleted` | done, the delay was not over | removed |
//!
//! The log file is the first to lose its `.swap`, and the old names are gone durably before that: so
//! no start ever sees a new segment beside an old one that it replaces. An old segment behind the
//! new one's end may come back; it only holds what later records supersede, and is cleaned again.

mod cleaned_segment;
mod cleaning;
mod dirt;
mod exchange;
mod filter;
mod groups;
mod noting;
mod offset_map;
mod source;
mod unfinished;
mod writing;

pub use cleaning::{CleanError, Cleaned, Cleaning, CleaningSettings, Step};
pub use dirt::{Dirt, Dirtiness};
pub use exchange::{Exchange, Exchanged};
pub(super) use unfinished::finish_exchanges;

/// A step ends after so many bytes were read, or with the batch that goes beyond.
const STEP_BYTES: u64 = 512 << 10;
/// What one batch may decompress to before it is left as it is.
const PLAIN_BYTES_MAX: usize = 64 << 20;
