//! One partition on disk: segments, indexes and checkpoints in Kafka's formats, written by direct
//! I/O from the core's own memory.
//!
//! [`Log`] is plain state without handles, clock or waiting. Work on the disk is planned under the
//! borrow as a value that owns its data, run with the core's [`DataDir`], and its result brought
//! back: [`Log::plan_flush`] → [`FlushPlan::write`] → [`Log::on_written`], and so for each.
//!
//! What is where:
//! - `log`, `append`, `plan`, `anchor`, `evict`, `read`, `retention`: the state and its plans.
//! - `cleaner`: compaction.
//! - `journal`: one file for the small appends of all logs of a core.
//! - `tail`, `extent`: the newest batches in memory, laid out as in the file.
//! - `segment`, `offset_index`, `time_index`, `leader_epoch`, `producer_state`: derived state.
//! - `writer`, `reader`, `derived_files`, `timestamp_lookup`, `delete`: what awaits or blocks.
//! - `directory`, `open`, `recovery`, `replay`, `scan`: the start.
//! - `checkpoint`, `durable_points`, `producer_snapshot`, `meta_properties`, `names`: formats.
//!
//! # Ends and promises
//!
//! `log_end ≥ written_end ≥ durable_end`. Every byte below `durable_end` survives a loss of power, in
//! its segment or in the [`Journal`]. What is not in memory is synced in its segment. The last block of the active segment is padded with zeros and
//! rewritten with its records repeated; two writes never touch one block at the same time; padding
//! is never read as records, and a finished or cleanly closed file ends after its last batch.
//!
//! # Bounds
//!
//! Arena memory is taken by [`Log::append`] only and given back by [`Log::evict_oldest`]. On the
//! heap a log keeps the index entries since its last anchor (20 bytes for each 4 KiB of the newest
//! 16 MiB, more if anchors are not taken) and 200 bytes for each producer that wrote within
//! `producer.id.expiration.ms`.

mod anchor;
mod append;
mod checkpoint;
mod cleaner;
mod config;
mod data_dir;
mod delete;
mod derived_files;
mod directory;
mod durable_points;
mod evict;
mod extent;
mod fields;
mod journal;
mod leader_epoch;
#[expect(
    clippy::module_inception,
    reason = "the room is named for its one noun"
)]
mod log;
mod meta_properties;
mod names;
mod offset_index;
mod open;
mod plan;
mod producer_snapshot;
mod producer_state;
mod read;
mod reader;
mod recovery;
mod replay;
mod retention;
mod scan;
mod segment;
mod tail;
#[cfg(test)]
mod test_batches;
mod time_index;
mod timestamp_lookup;
mod writer;

pub use self::log::{Log, Status};
pub use anchor::{AnchorPlan, Anchored, Closed};
pub use append::{AppendError, Appended, NewBatch};
pub use checkpoint::{Checkpoint, MalformedCheckpoint};
pub use cleaner::{
    CleanError, Cleaned, Cleaning, CleaningSettings, Dirt, Dirtiness, Exchange, Exchanged, Step,
};
pub use config::LogConfig;
pub use data_dir::DataDir;
pub use delete::{DeleteLog, DeletedLog};
pub use derived_files::anchor_all;
pub use directory::{
    DirectoryError, LoadedDir, PartitionDir, format, load, mark_clean_shutdown, purge_deleted,
    remove_surplus_points, set_stray_aside, write_checkpoint, write_durable_points,
};
pub use durable_points::{DurablePoint, DurablePoints};
pub use evict::OldestExtent;
pub use journal::{
    Entry, FoundEntry, Journal, JournalReader, JournalStats, JournalSync, ReplayError, Replayed,
    RoundPlan, RoundWriter, Syncing, remove_journals, settle_all,
};
pub use meta_properties::{MalformedMeta, MetaProperties};
pub use open::{OpenError, OpenLog, Opened};
pub use plan::{Failed, FlushError, FlushPlan, Stage, SyncPlan, Synced, Written};
pub use producer_state::{Sequence, SequenceError};
pub use read::{ColdRead, FileRange, Located, ReadError, ReadPlan};
pub use recovery::Recovery;
pub use retention::{DeleteSegments, DeletedSegments, Retention, Timestamps, TimestampsLoad};
pub use timestamp_lookup::{TimestampLookup, TimestampOffset};
pub use writer::sync_all;
