use std::path::Path;
use std::sync::Arc;

use super::durable_points::{Anchor, DurablePoint};
use super::log::{Health, Log};
use super::offset_index;
use super::plan::FlushError;
use super::producer_snapshot;
use super::segment::Segment;
use super::time_index;
use crate::model::Offset;

/// Snapshots that stand at no segment's base and are kept: the durable points on disk may still
/// speak of the last but one.
const FREE_SNAPSHOTS_KEPT: usize = 2;

/// Files that hold state derived from the log, so that a start need not read the log again:
/// index entries, epochs, producers. Finishes segments that were rolled, too.
///
/// Runs beside appends and flushes. Until its result is back the log keeps all of it in memory.
#[derive(Debug)]
#[must_use = "the log waits for the result"]
pub struct AnchorPlan {
    pub(super) dir: Arc<Path>,
    pub(super) segments: Vec<SegmentState>,
    pub(super) snapshots: Vec<(Offset, Vec<u8>)>,
    pub(super) snapshots_removed: Vec<Offset>,
    pub(super) epochs: Option<String>,
    anchor: Anchor,
}

/// The unwritten part of one segment's derived state.
#[derive(Debug)]
pub(super) struct SegmentState {
    pub(super) base: Offset,
    /// The exact length of the `.log` file, once nothing more is written to it.
    pub(super) log_bytes: Option<u32>,
    pub(super) offset_index: IndexPart,
    pub(super) time_index: IndexPart,
}

/// Bytes that complete an index file from `position` on, and end it.
#[derive(Debug)]
pub(super) struct IndexPart {
    pub(super) position: u64,
    pub(super) bytes: Vec<u8>,
    entries: u32,
}

/// An [`AnchorPlan`] is done, for [`Log::on_anchored`].
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct Anchored(pub(super) AnchorPlan);

/// A log is closed: what the next start should know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// For Kafka's recovery-point checkpoint.
    pub recovery_point: Offset,
    /// For klamm's own file.
    pub point: DurablePoint,
}

impl Log {
    /// The derived state that is due to be written; `None` if none is or a plan is under way.
    ///
    /// Cheap to ask: after each sync, or on a timer.
    pub fn plan_anchor(&mut self) -> Option<AnchorPlan> {
        let waits = self.anchoring || self.pending_anchor.is_some();
        if waits || !self.on_disk || self.health == Health::Offline {
            return None;
        }
        let active = self.active().base_offset;
        if self.anchor.segment_base < active && self.synced.segment_base == active {
            return Some(self.anchor_at_active_base());
        }
        let grown = self.end.position.saturating_sub(self.anchor.position);
        let same = self.anchor.segment_base == active && self.synced.segment_base == active;
        (same && grown >= self.config.anchor_interval_bytes).then(|| self.anchor_at_end(false))
    }

    /// The last work of a clean shutdown: exact lengths, complete indexes, producers, epochs.
    ///
    /// Everything must be synced and nothing under way. `None` if the log has nothing on disk or
    /// nothing changed since it was opened: then [`Log::closed`] speaks at once.
    pub fn plan_close(&mut self) -> Option<AnchorPlan> {
        assert!(!self.is_busy(), "nothing is under way");
        let settled = self.synced.offset == self.end.offset && self.health != Health::Offline;
        let work = self.on_disk && settled && !self.is_closed();
        work.then(|| self.anchor_at_end(true))
    }

    /// What the next start should know; `None` if it has to recover this log, or if nothing of
    /// the log was ever written.
    pub fn closed(&self) -> Option<Closed> {
        let complete = self.is_closed() && self.health != Health::Offline;
        let point = self.durable_point().filter(|_| complete)?;
        Some(Closed {
            recovery_point: self.end.offset,
            point,
        })
    }

    /// Whether the files are as a clean shutdown leaves them.
    pub(super) fn is_closed(&self) -> bool {
        let active = self.active();
        let exact = active.allocated == u64::from(active.size).max(1);
        exact && self.anchor.offset == self.end.offset && !self.epochs_changed
    }

    /// A plan is done.
    pub fn on_anchored(&mut self, anchored: Anchored) {
        assert!(self.anchoring, "a plan was under way");
        self.anchoring = false;
        let plan = anchored.0;
        for (offset, _) in &plan.snapshots {
            if let Err(at) = self.snapshots.binary_search(offset) {
                self.snapshots.insert(at, *offset);
            }
            if let Some(segment) = self.segment_mut(*offset) {
                segment.base_snapshot = None;
            }
        }
        self.snapshots
            .retain(|offset| !plan.snapshots_removed.contains(offset));
        for state in plan
            .segments
            .iter()
            .filter(|state| state.log_bytes.is_some())
        {
            self.on_finished(state);
        }
        if plan.anchor.offset <= self.end.offset {
            self.pending_anchor = Some(plan.anchor);
            self.promote_anchor();
        }
    }

    /// A plan failed. Nothing is lost but time: it is tried again later, or recovery reads more.
    pub fn on_anchor_failed(&mut self, error: &FlushError) {
        log::warn!("{}: {error}", self.name);
        self.anchoring = false;
        self.epochs_changed = true;
    }

    /// Takes a written anchor into use once its place is synced.
    pub(super) fn promote_anchor(&mut self) {
        let synced = self.synced.offset;
        let Some(anchor) = self
            .pending_anchor
            .take_if(|anchor| anchor.offset <= synced)
        else {
            return;
        };
        if let Some(segment) = self.segment_mut(anchor.segment_base) {
            segment.offset_index.on_stored(anchor.offset_entries);
            segment.time_index.on_stored(anchor.time_entries);
        }
        self.anchor = anchor;
    }

    /// Finishes all segments before the active one.
    fn anchor_at_active_base(&mut self) -> AnchorPlan {
        let active = self.active().base_offset;
        let first = self.anchor.segment_base;
        let rolled = self.segments.iter();
        let rolled = rolled.filter(|s| (first..active).contains(&s.base_offset));
        let segments = rolled.map(|segment| segment_state(segment, true)).collect();
        let begun = self.segments.iter().filter(|s| s.base_offset > first);
        let snapshots = begun.filter_map(|s| Some((s.base_offset, s.base_snapshot.clone()?)));
        let snapshots: Vec<_> = snapshots.collect();
        let kept = snapshots.iter().any(|(offset, _)| *offset == active);
        let anchor = Anchor::at_base(active, kept || self.snapshots.contains(&active));
        self.anchor_plan(segments, snapshots, anchor)
    }

    /// Writes down everything up to the log's end; `closing` ends the active segment's file there.
    fn anchor_at_end(&mut self, closing: bool) -> AnchorPlan {
        if closing {
            self.active_mut().index_max_timestamp();
        }
        let first = self.anchor.segment_base;
        let open = self.segments.iter().filter(|s| s.base_offset >= first);
        let active = self.active();
        let state = |s: &Segment| segment_state(s, closing || s.base_offset != active.base_offset);
        let segments = open.map(state).collect();
        let begun = self.segments.iter().filter(|s| s.base_offset > first);
        let snapshots = begun.filter_map(|s| Some((s.base_offset, s.base_snapshot.clone()?)));
        let mut snapshots: Vec<_> = snapshots.collect();
        let known = !self.producers.is_empty() || !self.snapshots.is_empty();
        if known
            && snapshots
                .last()
                .is_none_or(|(offset, _)| *offset != self.end.offset)
        {
            snapshots.push((self.end.offset, producer_snapshot::encode(&self.producers)));
        }
        let anchor = Anchor {
            segment_base: active.base_offset,
            offset: self.end.offset,
            position: self.end.position,
            offset_entries: active.offset_index.entries(),
            time_entries: active.time_index.entries(),
            marks: active.marks,
            snapshot: known,
        };
        self.anchor_plan(segments, snapshots, anchor)
    }

    fn anchor_plan(
        &mut self,
        segments: Vec<SegmentState>,
        snapshots: Vec<(Offset, Vec<u8>)>,
        anchor: Anchor,
    ) -> AnchorPlan {
        self.anchoring = true;
        let epochs = self.epochs_changed.then(|| self.epochs.encode());
        self.epochs_changed = false;
        AnchorPlan {
            dir: self.dir.clone(),
            segments,
            snapshots,
            snapshots_removed: self.superseded_snapshots(),
            epochs,
            anchor,
        }
    }

    /// Snapshots that stand at no segment's base, but for the newest ones.
    fn superseded_snapshots(&self) -> Vec<Offset> {
        let is_base = |offset: &Offset| self.segments.iter().any(|s| s.base_offset == *offset);
        let free: Vec<_> = self
            .snapshots
            .iter()
            .filter(|offset| !is_base(offset))
            .collect();
        let surplus = free.len().saturating_sub(FREE_SNAPSHOTS_KEPT);
        free[..surplus].iter().map(|offset| **offset).collect()
    }

    fn on_finished(&mut self, state: &SegmentState) {
        let bytes = u64::from(state.log_bytes.unwrap_or_default());
        if let Some(segment) = self.segment_mut(state.base) {
            segment.allocated = bytes.max(1);
            segment.offset_index.on_stored(state.offset_index.entries);
            segment.time_index.on_stored(state.time_index.entries);
        }
    }
}

fn segment_state(segment: &Segment, finished: bool) -> SegmentState {
    let (offsets, times) = (&segment.offset_index, &segment.time_index);
    SegmentState {
        base: segment.base_offset,
        log_bytes: finished.then_some(segment.size),
        offset_index: IndexPart {
            position: u64::from(offsets.stored()) * offset_index::ENTRY_BYTES as u64,
            bytes: offsets.unstored(),
            entries: offsets.entries(),
        },
        time_index: IndexPart {
            position: u64::from(times.stored()) * time_index::ENTRY_BYTES as u64,
            bytes: times.unstored(),
            entries: times.entries(),
        },
    }
}
