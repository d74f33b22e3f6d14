//! One request that can be on its way: its frame, and what is needed to judge the answer.

use super::frames::BatchPlace;
use super::report::Flow;

/// A request's memory, used over and over.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) frame: Vec<u8>,
    pub(super) places: Vec<BatchPlace>,
    /// How much of the frame is sent.
    pub(super) sent: usize,
    pub(super) correlation_id: i32,
    /// What is in it.
    pub(super) flow: Flow,
    /// Due times: one for all records that are due together and go together, since they are one
    /// sample of latency, not many.
    pub(super) dues: Vec<u64>,
    /// Which template its first batch is made of; the following have the following.
    pub(super) first_template: usize,
}

impl Slot {
    /// Forgets its last use; frame and places stay, for who patches them.
    pub(super) fn reset(&mut self) {
        self.sent = 0;
        self.flow = Flow {
            requests: 1,
            ..Flow::default()
        };
        self.dues.clear();
    }

    pub(super) fn template_of(&self, batch: usize) -> usize {
        self.first_template + batch
    }

    /// Counts one batch.
    pub(super) fn add(&mut self, records: u64, bytes: u64, payload_bytes: u64) {
        self.flow.records += records;
        self.flow.bytes += bytes;
        self.flow.payload_bytes += payload_bytes;
        self.flow.batches += 1;
    }
}
