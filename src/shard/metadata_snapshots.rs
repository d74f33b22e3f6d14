//! Snapshots of the metadata on core 0: written when they are due, removed when they are old.
//!
//! A crash between any two steps is safe: a new snapshot is on disk before anything goes; the log
//! never begins beyond the newest one; segments go oldest first, old snapshots after them.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Shards;
use super::metadata_log::{METADATA_PARTITION, metadata_name};
use crate::metadata::{
    MetadataImage, SnapshotFile, SnapshotId, SnapshotReason, SnapshotSchedule, encode_snapshot,
    successor_of_surplus,
};
use crate::model::{Offset, TimestampMs};

/// How often it is looked whether a snapshot is due.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How often old snapshots are looked for (Kafka's).
const CLEAN_INTERVAL: Duration = Duration::from_secs(60);

/// The snapshots of this broker, and when the next is due. Core 0 has it.
pub(super) struct Snapshots {
    schedule: RefCell<SnapshotSchedule>,
    /// Those on disk, ascending.
    files: RefCell<Vec<SnapshotFile>>,
}

impl Snapshots {
    /// With those found at the start, ascending, and the length of the log after the newest.
    pub(super) fn new(files: Vec<SnapshotFile>, bytes_since: u64, now_ms: TimestampMs) -> Self {
        let newest = files.last().map_or(0, |file| file.id.end_offset);
        Self {
            schedule: SnapshotSchedule::new(newest, bytes_since, now_ms).into(),
            files: files.into(),
        }
    }

    /// So many bytes were added to the metadata log.
    pub(super) fn on_append(&self, bytes: usize) {
        self.schedule.borrow_mut().on_append(bytes as u64);
    }
}

impl Shards {
    /// Writes and removes snapshots, for as long as core 0 lives.
    pub async fn keep_snapshots(self) {
        let mut cleaned = self.core().monotonic();
        loop {
            self.core().sleep(LOOK_INTERVAL).await;
            if self.owned().state.borrow().closing {
                return;
            }
            let written = match self.plan_snapshot() {
                Some((image, reason)) => self.write_snapshot(image, reason).await,
                None => false,
            };
            if written || cleaned.elapsed() >= CLEAN_INTERVAL {
                cleaned = self.core().monotonic();
                self.remove_old_snapshots().await;
            }
        }
    }

    /// The image to be written now, if it is time.
    fn plan_snapshot(&self) -> Option<(Arc<MetadataImage>, SnapshotReason)> {
        let image = self.controlled_image();
        let (end_offset, now_ms) = (SnapshotId::of(&image).end_offset, self.core().now_ms());
        let mut schedule = self.expect_controlling().snapshots.schedule.borrow_mut();
        let reason = schedule.due(&self.config().metadata_log, end_offset, now_ms)?;
        schedule.on_snapshot(end_offset, now_ms);
        Some((image, reason))
    }

    /// Whether the snapshot is there and will survive a power cut.
    async fn write_snapshot(&self, image: Arc<MetadataImage>, reason: SnapshotReason) -> bool {
        let id = SnapshotId::of(&image);
        let timestamp_ms = Some(image.provenance.last_timestamp_ms);
        let now_ms = self.core().now_ms();
        let encoded = self
            .core()
            .blocking(move || encode_snapshot(&image, now_ms));
        let content = match encoded.await {
            Ok(content) => content,
            Err(error) => {
                log::error!("the metadata snapshot does not encode: {error}");
                return false;
            }
        };
        let bytes = content.len() as u64;
        let path = self.path(id);
        if let Err(error) = self.core().disk().write_atomic(&path, content).await {
            log::warn!("the metadata snapshot was not written: {error}");
            return false;
        }
        log::info!("metadata snapshot {} written: {reason}", id.file_name());
        let mut files = self.expect_controlling().snapshots.files.borrow_mut();
        files.push(SnapshotFile {
            id,
            bytes,
            timestamp_ms,
        });
        true
    }

    /// One after the other: the log shrinks with each.
    async fn remove_old_snapshots(&self) {
        while let Some(first) = self.plan_removal() {
            self.begin_log_at(first.end_offset);
            self.owned().retain(METADATA_PARTITION).await;
            if let Err(error) = self.remove_snapshots_before(first).await {
                log::warn!("an old metadata snapshot was not removed: {error}");
            }
        }
    }

    fn plan_removal(&self) -> Option<SnapshotId> {
        let files = self.expect_controlling().snapshots.files.borrow();
        let config = self.config();
        let now_ms = self.core().now_ms();
        successor_of_surplus(&files, self.log_bytes(), &config.metadata_log, now_ms)
    }

    fn log_bytes(&self) -> u64 {
        let state = self.owned().state.borrow();
        state.partitions[&METADATA_PARTITION].log().size_bytes()
    }

    /// What is in the snapshot need not be in the log.
    fn begin_log_at(&self, offset: Offset) {
        let mut state = self.owned().state.borrow_mut();
        let partition = state.partitions.get_mut(&METADATA_PARTITION);
        let partition = partition.expect("core 0 has the metadata log");
        assert!(
            offset <= partition.high_watermark(),
            "a snapshot is of durable records"
        );
        let moved = partition.log_mut().delete_records(offset);
        moved.expect("the offset is within the log");
    }

    /// They are forgotten even if their removal fails: the next start finds them again.
    async fn remove_snapshots_before(&self, first: SnapshotId) -> std::io::Result<()> {
        let gone: Vec<SnapshotFile> = {
            let mut files = self.expect_controlling().snapshots.files.borrow_mut();
            let kept = files.partition_point(|file| file.id < first);
            files.drain(..kept).collect()
        };
        for file in gone {
            self.core().disk().unlink(&self.path(file.id)).await?;
            log::info!("metadata snapshot {} removed", file.id.file_name());
        }
        Ok(())
    }

    fn path(&self, id: SnapshotId) -> PathBuf {
        let name = metadata_name().to_string();
        self.owned().dir.path().join(name).join(id.file_name())
    }
}
