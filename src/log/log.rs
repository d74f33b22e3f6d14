use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::LogConfig;
use super::durable_points::{Anchor, DurablePoint, LogPoint};
use super::leader_epoch::LeaderEpochs;
use super::names;
use super::plan::FlushMark;
use super::producer_state::{Producers, Sequence, SequenceError};
use super::segment::Segment;
use super::tail::Tail;
use crate::model::{
    LeaderEpoch, Offset, PartitionId, ProducerId, TimestampMs, TopicPartition, Uuid,
};
use crate::protocol::record::BatchHeader;

/// So long after a full disk the producers may still be sending what it dropped: many times what a
/// request of theirs needs that was on its way.
const HEALING_MS: i64 = 10_000;

/// One partition's log, as its core sees it: state only, no handles, no clock, no waiting.
///
/// What touches the disk is planned here as a value that owns its data, run elsewhere, and its
/// result brought back. The log's end moves with each append, the written end with each flush, the
/// synced end with each sync, and the durable end with that or with a round of the journal.
#[derive(Debug)]
pub struct Log {
    pub(super) name: TopicPartition,
    pub(super) partition: PartitionId,
    pub(super) dir: Arc<Path>,
    pub(super) config: Arc<LogConfig>,
    pub(super) health: Health,
    /// When the log last found space again.
    pub(super) healed_ms: Option<TimestampMs>,
    pub(super) log_start: Offset,
    /// Never empty; the last one is active.
    pub(super) segments: VecDeque<Segment>,
    pub(super) tail: Tail,
    pub(super) end: LogPoint,
    /// What is in the segments' files.
    pub(super) written: LogPoint,
    /// The furthest that a write or a round of the journal took: a full disk takes back the rest.
    pub(super) kept: FlushMark,
    /// What survives a loss of power, in the segments or in the journal. With
    /// `klamm.flush=written` what is written to either: its sync follows.
    pub(super) durable: LogPoint,
    /// What survives it in the segments.
    pub(super) synced: LogPoint,
    /// The end of the round of the journal that is under way.
    pub(super) journaling: Option<FlushMark>,
    /// Only segments with this base or a later one use the journal.
    pub(super) journal_from: Offset,
    /// Whether the partition's directory exists.
    pub(super) on_disk: bool,
    pub(super) writing: bool,
    pub(super) syncing: bool,
    pub(super) unsynced: Unsynced,
    pub(super) epochs: LeaderEpochs,
    /// Whether the epochs changed since their file was written.
    pub(super) epochs_changed: bool,
    pub(super) producers: Producers,
    /// Offsets of the producer snapshots on disk, ascending.
    pub(super) snapshots: Vec<Offset>,
    pub(super) anchor: Anchor,
    /// An anchor whose files are written but whose place is not durable yet.
    pub(super) pending_anchor: Option<Anchor>,
    pub(super) anchoring: bool,
    /// Held by plans that use the files without being answered for.
    pub(super) files_in_use: Arc<()>,
    /// Up to where the log is compacted, as far as that is known.
    pub(super) cleaned_to: Option<Offset>,
    /// Whether compacted segments are being put in place.
    pub(super) exchanging: bool,
    /// How often that was begun.
    pub(super) exchanges: u64,
    /// Whether compaction met something that it does not get past.
    pub(super) uncleanable: bool,
}

/// Whether a log takes appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Online,
    /// The disk is full: it does again, one append at a time, once a second until one succeeds.
    DiskFull,
    /// A write or a sync failed: never again in this run.
    Offline,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Online,
    Full { since_ms: TimestampMs },
    Offline,
}

/// What was written and not yet synced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unsynced {
    /// Segments with new bytes, and whether the file is new.
    pub(super) segments: Vec<(Offset, bool)>,
    /// Whether the directory itself is new.
    pub(super) partition: bool,
}

impl Log {
    /// A log without records and, until its first flush, without a trace on disk.
    pub fn new(
        data_dir: &Path,
        name: TopicPartition,
        topic_id: Uuid,
        config: Arc<LogConfig>,
        now_ms: TimestampMs,
    ) -> Self {
        let dir: PathBuf = data_dir.join(names::partition_dir(&name));
        let start = LogPoint::at_base(0);
        Self {
            partition: PartitionId {
                topic_id,
                index: name.partition,
            },
            name,
            dir: dir.into(),
            config,
            health: Health::Online,
            healed_ms: None,
            log_start: 0,
            segments: VecDeque::from([Segment::new(0, now_ms)]),
            tail: Tail::default(),
            end: start,
            written: start,
            kept: FlushMark::at_base(0),
            durable: start,
            synced: start,
            journaling: None,
            journal_from: 0,
            on_disk: false,
            writing: false,
            syncing: false,
            unsynced: Unsynced::default(),
            epochs: LeaderEpochs::default(),
            epochs_changed: false,
            producers: Producers::default(),
            snapshots: Vec::new(),
            anchor: Anchor::at_base(0, false),
            pending_anchor: None,
            anchoring: false,
            files_in_use: Arc::default(),
            cleaned_to: None,
            exchanging: false,
            exchanges: 0,
            uncleanable: false,
        }
    }

    /// The partition by its topic's name.
    pub fn name(&self) -> &TopicPartition {
        &self.name
    }

    /// The partition by its topic's id.
    pub fn partition(&self) -> PartitionId {
        self.partition
    }

    /// What the log keeps to.
    pub fn config(&self) -> &Arc<LogConfig> {
        &self.config
    }

    /// Exchanges the config; it applies from the next append and the next retention on.
    pub fn set_config(&mut self, config: Arc<LogConfig>) {
        self.config = config;
    }

    /// The first offset that can be read.
    pub fn log_start(&self) -> Offset {
        self.log_start
    }

    /// The offset the next record gets.
    pub fn log_end(&self) -> Offset {
        self.end.offset
    }

    /// Records below this are in the file or in the journal, not necessarily on stable storage.
    pub fn written_end(&self) -> Offset {
        self.written.offset.max(self.durable.offset)
    }

    /// Records below this are on stable storage, or as good as that: [`Log::rely_on_writes`].
    pub fn durable_end(&self) -> Offset {
        self.durable.offset
    }

    /// Where in its segment's file the next batch will stand; adoption needs it modulo 4,096.
    pub fn next_position(&self) -> u64 {
        u64::from(self.end.position)
    }

    /// Bytes of batches in all segments; padding and preallocation do not count.
    pub fn size_bytes(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| u64::from(segment.size))
            .sum()
    }

    /// About how many bytes lie between `offset` and the log's end, as if all records were of a size.
    pub fn bytes_behind(&self, offset: Offset) -> u64 {
        let records = (self.end.offset - self.log_start).max(1);
        let behind = (self.end.offset - offset).clamp(0, records);
        (self.size_bytes() as f64 * behind as f64 / records as f64) as u64
    }

    /// How many segments there are, the active one among them.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Whether the log takes appends.
    pub fn status(&self) -> Status {
        match self.health {
            Health::Online => Status::Online,
            Health::Full { .. } => Status::DiskFull,
            Health::Offline => Status::Offline,
        }
    }

    /// The directory exists, or will with the flush under way.
    pub fn is_on_disk(&self) -> bool {
        self.on_disk
    }

    /// Whether there are appends that neither a flush has taken to the file nor a round to the
    /// journal yet.
    pub fn is_dirty(&self) -> bool {
        self.end.offset > self.written_end()
    }

    /// Whether a flush's write is under way.
    pub fn is_writing(&self) -> bool {
        self.writing
    }

    /// Whether a sync is under way.
    pub fn is_syncing(&self) -> bool {
        self.syncing
    }

    /// Whether a write, a sync or a round of the journal is under way: memory comes free after it.
    pub fn is_flushing(&self) -> bool {
        self.writing || self.syncing || self.journaling.is_some()
    }

    /// Whether something is under way that uses the files: a log is deleted only when nothing is.
    pub fn is_busy(&self) -> bool {
        let in_use = Arc::strong_count(&self.files_in_use) > 1;
        in_use || self.is_flushing() || self.anchoring || self.exchanging
    }

    /// Whether there is something to sync.
    pub fn needs_sync(&self) -> bool {
        !self.unsynced.segments.is_empty()
    }

    /// Below this offset Kafka may trust the files as they are: no padding, indexes complete.
    pub fn recovery_point(&self) -> Offset {
        match self.is_closed() {
            true => self.end.offset,
            false => self.anchor.segment_base,
        }
    }

    /// What to remember of this log for the next start; `None` before anything is durable.
    pub fn durable_point(&self) -> Option<DurablePoint> {
        let known = self.on_disk && !self.unsynced.partition;
        known.then_some(DurablePoint {
            partition: self.partition,
            log_start: self.log_start,
            end: self.synced,
            anchor: self.anchor,
        })
    }

    /// Whether a batch continues its producer's sequence (KIP-98); changes nothing.
    pub fn check_producer(&self, header: &BatchHeader) -> Result<Sequence, SequenceError> {
        self.producers.check(header)
    }

    /// Whether anything is known of a producer.
    pub fn knows_producer(&self, producer_id: ProducerId) -> bool {
        self.producers.knows(producer_id)
    }

    /// Whether the disk is full or was a moment ago: producers whose batches were dropped or
    /// refused have not yet sent all of them again.
    pub fn was_full_lately(&self, now_ms: TimestampMs) -> bool {
        let healed = self.healed_ms;
        self.status() == Status::DiskFull
            || healed.is_some_and(|healed_ms| now_ms - healed_ms < HEALING_MS)
    }

    /// Forgets producers that have been silent for the configured time; how many are left.
    pub fn expire_producers(&mut self, now_ms: TimestampMs) -> usize {
        let config = &self.config;
        self.producers
            .expire(|last| config.producer_expired(last, now_ms));
        self.producers.len()
    }

    /// A leader takes over: its epoch begins at the log's end, also if it never writes, so that
    /// whoever asks where that epoch ends gets an answer (KIP-101).
    pub fn begin_epoch(&mut self, epoch: LeaderEpoch) {
        if self.epochs.latest() != Some(epoch) {
            self.epochs.assign(epoch, self.end.offset);
            self.epochs_changed = true;
        }
    }

    /// The newest epoch.
    pub fn last_leader_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest()
    }

    /// The epoch that wrote `offset`; `None` if the log does not know.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.epoch_at(offset)
    }

    /// The largest epoch at or below `epoch` and the offset at which it ends (KIP-279); (−1, −1)
    /// for an epoch newer than all that wrote.
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        self.epochs.end_offset_for(epoch, self.end.offset)
    }

    pub(super) fn active(&self) -> &Segment {
        self.segments.back().expect("a log has an active segment")
    }

    pub(super) fn active_mut(&mut self) -> &mut Segment {
        self.segments
            .back_mut()
            .expect("a log has an active segment")
    }

    /// The segment with this base.
    pub(super) fn segment_mut(&mut self, base: Offset) -> Option<&mut Segment> {
        let at = self
            .segments
            .binary_search_by_key(&base, |segment| segment.base_offset);
        self.segments.get_mut(at.ok()?)
    }
}
