//! What a producer sends next: batches patched in place, batches prepared, or what is due.

use std::sync::Arc;

use super::frames::{Route, frame_produce};
use super::open::Open;
use super::pool::Prepared;
use super::slot::Slot;
use super::template::{Identity, Template, Use, identify};
use super::value::Stamp;
use crate::model::TimestampMs;

/// Who writes: what all batches of a producer have in common.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) run: u32,
    /// The producer's number in the run.
    pub(super) producer: u32,
    pub(super) acks: i16,
    pub(super) identity: Option<Identity>,
    pub(super) route: Route,
    /// The next sequence in each partition.
    pub(super) sequences: Vec<u64>,
}

impl Writer {
    /// What the next batch of a partition is stamped with; the records are taken from its sequence.
    pub(super) fn take(&mut self, partition: u32, records: u32, timestamp: TimestampMs) -> Use {
        let sequence = &mut self.sequences[partition as usize];
        let first = Stamp {
            run: self.run,
            producer: self.producer,
            sequence: *sequence,
            due_us: 0,
        };
        *sequence += u64::from(records);
        Use {
            first,
            timestamp,
            identity: self.identity,
        }
    }

    fn partitions(&self) -> u32 {
        self.sequences.len() as u32
    }
}

/// The time at which a slot is filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now_us: u64,
    /// The same as the time of day.
    pub(super) timestamp: TimestampMs,
    /// What is due from here on is not sent.
    pub(super) stop_us: u64,
}

/// Where requests come from.
#[derive(Debug)]
pub(super) enum Source {
    Patched(Patched),
    Pool(Pool),
    Open(Box<Open>),
}

impl Source {
    /// Makes the next request in the slot; `false` if there is none now.
    pub(super) fn fill(&mut self, slot: &mut Slot, writer: &mut Writer, at: Moment) -> bool {
        slot.reset();
        match self {
            Self::Patched(_) | Self::Pool(_) if at.now_us >= at.stop_us => false,
            Self::Patched(patched) => patched.fill(slot, writer, at),
            Self::Pool(pool) => pool.fill(slot, writer, at),
            Self::Open(open) => open.fill(slot, writer, at),
        }
    }

    /// Whether nothing more will come in this phase.
    pub(super) fn is_exhausted(&self, now_us: u64, stop_us: u64) -> bool {
        match self {
            Self::Patched(_) => now_us >= stop_us,
            Self::Pool(pool) => now_us >= stop_us || pool.is_used_up(),
            Self::Open(open) => open.is_exhausted(stop_us),
        }
    }

    /// When [`Source::fill`] has something again; `None` if not in this phase.
    pub(super) fn ready_us(&self, now_us: u64, stop_us: u64) -> Option<u64> {
        if self.is_exhausted(now_us, stop_us) {
            return None;
        }
        match self {
            Self::Patched(_) | Self::Pool(_) => Some(now_us),
            Self::Open(open) => Some(open.ready_us()),
        }
    }
}

/// Closed loop without codec: each slot has its own frame, made once.
#[derive(Debug)]
pub(super) struct Patched {
    pub(super) templates: Arc<[Template]>,
    pub(super) batches_per_request: u32,
    /// The partition of the next batch.
    pub(super) next_partition: u32,
    /// Counts up so that each place of each slot gets another template.
    pub(super) next_template: usize,
}

impl Patched {
    fn fill(&mut self, slot: &mut Slot, writer: &mut Writer, at: Moment) -> bool {
        if slot.frame.is_empty() {
            self.frame(slot, writer);
        }
        let places = std::mem::take(&mut slot.places);
        for (index, place) in places.iter().enumerate() {
            let template = &self.templates[slot.template_of(index) % self.templates.len()];
            let (partition, records) = (self.next_partition, template.record_count());
            self.next_partition = (partition + 1) % writer.partitions();
            let of = writer.take(partition, records, at.timestamp);
            let batch = &mut slot.frame[place.batch.clone()];
            template.stamp(batch, records, &of, |_| at.now_us);
            place.set_partition(&mut slot.frame, partition as i32);
            let payload_bytes = template.payload_bytes(records);
            slot.add(records.into(), place.batch.len() as u64, payload_bytes);
        }
        slot.places = places;
        slot.dues.push(at.now_us);
        true
    }

    fn frame(&mut self, slot: &mut Slot, writer: &Writer) {
        slot.first_template = self.next_template;
        self.next_template += self.batches_per_request as usize;
        let batches: Vec<(i32, &[u8])> = (0..self.batches_per_request as usize)
            .map(|index| {
                let template = &self.templates[slot.template_of(index) % self.templates.len()];
                (0, template.beginning(template.record_count()))
            })
            .collect();
        let (frame, places) = (&mut slot.frame, &mut slot.places);
        frame_produce(frame, places, &writer.route, writer.acks, &batches);
    }
}

/// Closed loop with a codec: batches compressed before the window, each used once.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) batches: Vec<Prepared>,
    pub(super) batches_per_request: u32,
    pub(super) used: usize,
    /// How many may be used in this phase.
    pub(super) allowed: usize,
}

impl Pool {
    /// Begins a phase in which so much of the pool, 0 to 1, may be used up.
    pub(super) fn allow(&mut self, share: f64) {
        self.allowed = (self.batches.len() as f64 * share) as usize;
    }

    fn is_used_up(&self) -> bool {
        self.used + self.batches_per_request as usize > self.allowed
    }

    fn fill(&mut self, slot: &mut Slot, writer: &mut Writer, at: Moment) -> bool {
        if self.is_used_up() {
            return false;
        }
        let until = self.used + self.batches_per_request as usize;
        let taken = &self.batches[self.used..until];
        self.used = until;
        let parts: Vec<_> = taken
            .iter()
            .map(|b| (b.partition as i32, &b.bytes[..]))
            .collect();
        let (frame, places) = (&mut slot.frame, &mut slot.places);
        frame_produce(frame, places, &writer.route, writer.acks, &parts);
        for (batch, place) in taken.iter().zip(slot.places.clone()) {
            let of = writer.take(batch.partition, batch.records, at.timestamp);
            assert_eq!(
                of.first.sequence, batch.sequence,
                "prepared in the order of use"
            );
            if of.identity.is_some() {
                identify(&mut slot.frame[place.batch], &of);
            }
            slot.add(
                batch.records.into(),
                batch.bytes.len() as u64,
                batch.payload_bytes,
            );
        }
        slot.dues.push(at.now_us);
        true
    }
}
