//! The start after a run that did not end cleanly: what the journals have and the segments lack
//! is brought to the logs before they are led. All journals are read once, by core 0, a piece at a
//! time; the entries go to the cores that own their partitions today.

use std::collections::HashMap;
use std::io;

use super::message::ShardReply;
use super::shards::ReplyTo;
use super::{CoreGone, Owned, Shard, Shards};
use crate::log::{
    FlushError, FoundEntry, JournalReader, LoadedDir, Log, ReplayError, Replayed, remove_journals,
    settle_all,
};
use crate::metadata::MetadataImage;
use crate::model::{CoreId, Offset, PartitionId, PartitionMap};
use crate::partition::Partition;

/// Bytes of rounds in memory at once.
const PIECE_BYTES: usize = 4 << 20;

/// A log that is open and not led yet.
pub(super) struct OpenedLog {
    pub(super) log: Log,
    /// Where it is to start, which may lie in what only a journal has.
    pub(super) log_start: Offset,
}

/// What the journals brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalReport {
    /// Batches that the segments lacked.
    pub batches: usize,
    /// Entries of partitions that are deleted.
    pub entries_dropped: usize,
    /// Entries that do not continue their logs: each was told.
    pub gaps: usize,
}

/// The journals cannot be recovered from. They stay as they are for the next start.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Reading or removing them.
    #[error("the journals in the data directory: {0}")]
    Io(#[from] io::Error),
    /// Bringing a log up to date; a full disk needs space before the start can succeed.
    #[error(
        "what the journal has cannot be written to its log: {0}; nothing is lost, mend it and start again"
    )]
    Write(#[from] FlushError),
    /// An entry that makes no sense.
    #[error("{0}")]
    Entry(#[from] ReplayError),
    /// A core has ended.
    #[error(transparent)]
    Gone(#[from] CoreGone),
}

impl JournalReport {
    fn add(&mut self, other: Self) {
        self.batches += other.batches;
        self.entries_dropped += other.entries_dropped;
        self.gaps += other.gaps;
    }
}

impl Shards {
    /// Brings every core's opened logs up to what the journals have, lets the cores lead them, and
    /// begins new journals in the background. Core 0 does it, before the first publication.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub async fn recover_journals(&self, found: &LoadedDir) -> Result<JournalReport, JournalError> {
        let (core, paths) = (self.core(), found.journals.clone());
        let mut reader = core.blocking(move || JournalReader::open(&paths)).await?;
        let (generation, paths) = (reader.generation(), reader.paths());
        let mut report = JournalReport::default();
        loop {
            let next = move || {
                let entries = reader.next_entries(PIECE_BYTES);
                (reader, entries)
            };
            let (back, entries) = core.blocking(next).await;
            reader = back;
            let entries = entries?;
            if entries.is_empty() {
                break;
            }
            report.add(self.replay(entries).await?);
        }
        for on in 0..core.count() {
            self.lead_logs(on).await??;
        }
        remove_journals(&self.owned().dir, paths).await?;
        for on in 0..core.count() {
            self.begin_journal(on, generation);
        }
        Ok(report)
    }

    /// Brings entries to the cores that own their partitions.
    async fn replay(&self, entries: Vec<FoundEntry>) -> Result<JournalReport, JournalError> {
        let mut by_core: HashMap<CoreId, Vec<FoundEntry>> = HashMap::new();
        for found in entries {
            let owner = self.owner(found.entry.partition);
            by_core.entry(owner).or_default().push(found);
        }
        let mut report = JournalReport::default();
        for (on, entries) in by_core {
            report.add(self.replay_on(on, entries).await??);
        }
        Ok(report)
    }
}

impl Owned {
    /// Appends what this core's logs lack of the entries.
    pub(super) fn replay(&self, entries: Vec<FoundEntry>, reply: ReplyTo) {
        let owned = self.clone();
        self.core.spawn(async move {
            let mut opened = std::mem::take(&mut owned.state.borrow_mut().opened);
            let result = owned.replay_all(&mut opened, &entries).await;
            owned.state.borrow_mut().opened = opened;
            reply.send(ShardReply::Replayed(result));
        });
    }

    async fn replay_all(
        &self,
        opened: &mut PartitionMap<OpenedLog>,
        entries: &[FoundEntry],
    ) -> Result<JournalReport, JournalError> {
        let mut report = JournalReport::default();
        for found in entries {
            let result = match self.replay_entry(opened, found) {
                Err(ReplayError::NoMemory) => {
                    settle(&self.dir, opened).await?;
                    self.replay_entry(opened, found)
                }
                result => result,
            };
            match result? {
                None => report.entries_dropped += 1,
                Some(Replayed::Appended(batches)) => report.batches += batches,
                Some(Replayed::Gap { .. }) => report.gaps += 1,
            }
            self.core.breathe().await;
        }
        Ok(report)
    }

    /// `None` if the partition is not there any more.
    fn replay_entry(
        &self,
        opened: &mut PartitionMap<OpenedLog>,
        found: &FoundEntry,
    ) -> Result<Option<Replayed>, ReplayError> {
        let entry = &found.entry;
        let Some(OpenedLog { log, .. }) = opened.get_mut(&entry.partition) else {
            return Ok(None);
        };
        let replayed = log.replay(self.core.arena(), entry, &found.bytes, self.core.now_ms())?;
        if let Replayed::Gap { log_end } = replayed {
            log::error!(
                "{}: DATA LOST, the log ends at {log_end}, the journal goes on at {}",
                log.name(),
                entry.base_offset()
            );
        }
        Ok(Some(replayed))
    }

    /// Makes everything that was replayed durable in the segments, then leads all logs.
    pub(super) fn lead_logs(&self, reply: ReplyTo) {
        let owned = self.clone();
        self.core.spawn(async move {
            let mut opened = std::mem::take(&mut owned.state.borrow_mut().opened);
            let settled = settle(&owned.dir, &mut opened).await;
            if settled.is_ok() {
                owned.state.borrow_mut().lead_all(opened);
            }
            reply.send(ShardReply::Led(settled.map_err(JournalError::from)));
        });
    }
}

async fn settle(
    dir: &crate::log::DataDir,
    opened: &mut PartitionMap<OpenedLog>,
) -> Result<(), FlushError> {
    let logs = opened.values_mut().map(|opened| &mut opened.log);
    settle_all(dir, logs.collect()).await
}

impl Shard {
    fn lead_all(&mut self, opened: PartitionMap<OpenedLog>) {
        let image = self.opening.take().unwrap_or_default();
        for (id, opened) in opened {
            self.lead(&image, id, opened);
        }
        self.points.begin();
    }

    fn lead(&mut self, image: &MetadataImage, id: PartitionId, opened: OpenedLog) {
        let OpenedLog { mut log, log_start } = opened;
        let start = log_start.min(log.log_end());
        log.delete_records(start)
            .expect("the start is within the log");
        let (_, partition) = image.partition(id).expect("only known logs are opened");
        let rule = self.commit_rule();
        let leads = Partition::lead(log, partition.leader_epoch, rule);
        self.partitions.insert(id, leads);
    }
}
