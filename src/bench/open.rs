//! The source of an open loop: what is due by the schedule, whatever the broker does.

use std::ops::Range;
use std::sync::Arc;

use super::frames::frame_produce;
use super::schedule::Schedule;
use super::slot::Slot;
use super::source::{Moment, Writer};
use super::template::Template;

/// A request takes no more than about so much of a backlog.
const REQUEST_BYTES_MAX: u64 = 1_000_000;

/// Due records of one producer.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) templates: Arc<[Template]>,
    pub(super) settings: OpenSettings,
    schedule: Schedule,
    /// The next burst not yet taken, and when it is due.
    next: u64,
    next_due_us: u64,
    given_up: bool,
    /// Taken, and left out of the last request because their batch was full.
    carried: Vec<Due>,
    gathered: Vec<Due>,
    batches: Vec<u8>,
    random: fastrand::Rng,
}

/// What of the workload an open loop needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenSettings {
    pub(super) partitions: u32,
    pub(super) batch_records: u32,
    pub(super) burst_records: u32,
    pub(super) linger_us: u64,
    /// The largest value of a record.
    pub(super) record_bytes_max: u32,
}

/// One burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    partition: u32,
    due_us: u64,
}

impl Open {
    pub(super) fn new(
        templates: Arc<[Template]>,
        settings: OpenSettings,
        schedule: Schedule,
        seed: u64,
    ) -> Self {
        Self {
            templates,
            settings,
            schedule,
            next: 0,
            next_due_us: schedule.due_us(0),
            given_up: false,
            carried: Vec::new(),
            gathered: Vec::new(),
            batches: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Begins a phase.
    pub(super) fn begin(&mut self, start_us: u64, ramp_us: u64) {
        (self.schedule.start_us, self.schedule.ramp_us) = (start_us, ramp_us);
        (self.next, self.next_due_us) = (0, self.schedule.due_us(0));
        self.carried.clear();
        self.given_up = false;
    }

    /// Records of this producer due before `us`.
    pub(super) fn records_due_before(&self, us: u64) -> u64 {
        self.schedule.due_before(us) * u64::from(self.settings.burst_records)
    }

    /// Records per second of this producer alone.
    pub(super) fn records_per_second(&self) -> f64 {
        let all = self.schedule.bursts_per_second * f64::from(self.settings.burst_records);
        all / f64::from(self.schedule.producers)
    }

    /// Sends nothing more in this phase: the broker has fallen too far behind.
    pub(super) fn give_up(&mut self) {
        self.given_up = true;
    }

    pub(super) fn is_exhausted(&self, stop_us: u64) -> bool {
        self.given_up || (self.carried.is_empty() && self.next_due_us >= stop_us)
    }

    /// When there is something to send.
    pub(super) fn ready_us(&self) -> u64 {
        if !self.carried.is_empty() {
            return 0;
        }
        let lingered_us = self.next_due_us + self.settings.linger_us;
        let full_batch = u64::from(self.settings.batch_records / self.settings.burst_records);
        lingered_us.min(self.schedule.due_us(self.next + full_batch - 1))
    }

    pub(super) fn fill(&mut self, slot: &mut Slot, writer: &mut Writer, at: Moment) -> bool {
        if self.is_exhausted(at.stop_us) || self.ready_us() > at.now_us {
            return false;
        }
        self.gather(at);
        let made = self.make_batches(slot, writer, at);
        let parts: Vec<(i32, &[u8])> = made
            .iter()
            .map(|(partition, range)| (*partition as i32, &self.batches[range.clone()]))
            .collect();
        let (frame, places) = (&mut slot.frame, &mut slot.places);
        frame_produce(frame, places, &writer.route, writer.acks, &parts);
        true
    }

    /// Takes what is due, in the order of partitions.
    fn gather(&mut self, at: Moment) {
        self.gathered.clear();
        self.gathered.append(&mut self.carried);
        let burst_bytes = self.settings.burst_records * self.settings.record_bytes_max;
        let bursts_max = (REQUEST_BYTES_MAX / u64::from(burst_bytes)).max(1);
        while self.next_due_us <= at.now_us
            && self.next_due_us < at.stop_us
            && (self.gathered.len() as u64) < bursts_max
        {
            self.gathered.push(Due {
                partition: self.random.u32(..self.settings.partitions),
                due_us: self.next_due_us,
            });
            self.next += 1;
            self.next_due_us = self.schedule.due_us(self.next);
        }
        self.gathered.sort_unstable();
    }

    /// One batch for each partition that something is due for; what does not fit is carried over.
    fn make_batches(
        &mut self,
        slot: &mut Slot,
        writer: &mut Writer,
        at: Moment,
    ) -> Vec<(u32, Range<usize>)> {
        let gathered = std::mem::take(&mut self.gathered);
        let batch_bursts = (self.settings.batch_records / self.settings.burst_records) as usize;
        let mut made = Vec::new();
        self.batches.clear();
        for group in gathered.chunk_by(|one, other| one.partition == other.partition) {
            let (sent, left) = group.split_at(group.len().min(batch_bursts));
            self.carried.extend_from_slice(left);
            made.push((sent[0].partition, self.make_batch(slot, writer, at, sent)));
        }
        self.gathered = gathered;
        made
    }

    fn make_batch(
        &mut self,
        slot: &mut Slot,
        writer: &mut Writer,
        at: Moment,
        dues: &[Due],
    ) -> Range<usize> {
        let burst = self.settings.burst_records;
        let records = dues.len() as u32 * burst;
        let template = &self.templates[self.random.usize(..self.templates.len())];
        let from = self.batches.len();
        self.batches.extend_from_slice(template.beginning(records));
        let of = writer.take(dues[0].partition, records, at.timestamp);
        let due_us = |index: u32| dues[(index / burst) as usize].due_us;
        template.stamp(&mut self.batches[from..], records, &of, due_us);
        let bytes = self.batches.len() - from;
        slot.add(
            records.into(),
            bytes as u64,
            template.payload_bytes(records),
        );
        slot.dues.extend(dues.iter().map(|due| due.due_us));
        from..self.batches.len()
    }
}
