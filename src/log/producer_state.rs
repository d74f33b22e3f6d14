use std::collections::HashMap;

use crate::model::{Offset, ProducerEpoch, ProducerId, TimestampMs};
use crate::protocol::record::{BatchHeader, NO_PRODUCER_EPOCH, increment_sequence};

/// Batches of a producer that are remembered: Java's default of requests in flight.
pub(super) const BATCHES_REMEMBERED: usize = 5;

/// What the sequence of an incoming batch means (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// The next batch of its producer, or a batch without a producer id.
    New,
    /// The batch is in the log already. It may not be durable yet: answer it when its last offset
    /// is.
    Duplicate {
        /// Where the first copy begins.
        base_offset: Offset,
        /// Where the first copy ends.
        last_offset: Offset,
        /// The first copy's largest timestamp.
        timestamp: TimestampMs,
    },
}

/// An incoming batch does not follow what its producer sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// OUT_OF_ORDER_SEQUENCE_NUMBER.
    #[error("producer {producer_id} sent sequence {found}, {expected} was next")]
    OutOfOrder {
        /// Who sent it.
        producer_id: ProducerId,
        /// First sequence of the batch.
        found: i32,
        /// The sequence that would have been right.
        expected: i32,
    },
    /// INVALID_PRODUCER_EPOCH: a newer incarnation of the producer has written already.
    #[error("producer {producer_id} has epoch {found}, {current} has written already")]
    InvalidEpoch {
        /// Who sent it.
        producer_id: ProducerId,
        /// Epoch of the batch.
        found: ProducerEpoch,
        /// Newest epoch seen.
        current: ProducerEpoch,
    },
}

/// One remembered batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BatchMeta {
    pub(super) last_sequence: i32,
    pub(super) last_offset: Offset,
    pub(super) offset_delta: i32,
    pub(super) timestamp: TimestampMs,
}

/// What is known of one producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Producer {
    pub(super) epoch: ProducerEpoch,
    pub(super) coordinator_epoch: i32,
    pub(super) last_timestamp: TimestampMs,
    /// First offset of the transaction under way; −1 for none.
    pub(super) transaction_first_offset: Offset,
    batches: [BatchMeta; BATCHES_REMEMBERED],
    remembered: u8,
}

/// The idempotent producers of one partition.
///
/// Grows by about 200 bytes for each producer id that wrote within the expiration time; Kafka has
/// the same bound and the same setting for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Producers {
    entries: HashMap<ProducerId, Producer>,
    /// What stood before each change that may have to be taken back, oldest first.
    undo: Vec<Undo>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Undo {
    base_offset: Offset,
    producer_id: ProducerId,
    before: Option<Producer>,
}

impl Producers {
    /// Whether `header` continues its producer's sequence; changes nothing.
    pub(super) fn check(&self, header: &BatchHeader) -> Result<Sequence, SequenceError> {
        match self.entries.get(&header.producer_id) {
            Some(producer) if header.has_producer() => producer.check(header),
            _ => Ok(Sequence::New),
        }
    }

    /// Remembers a batch that now stands at `header.base_offset`; it can be taken back.
    pub(super) fn append(&mut self, header: &BatchHeader) {
        if header.has_producer() {
            self.undo.push(Undo {
                base_offset: header.base_offset,
                producer_id: header.producer_id,
                before: self.entries.get(&header.producer_id).copied(),
            });
            self.replay(header);
        }
    }

    /// Remembers a batch read from the log.
    pub(super) fn replay(&mut self, header: &BatchHeader) {
        if header.has_producer() {
            let entry = self.entries.entry(header.producer_id);
            entry.or_insert_with(Producer::unknown).on_batch(header);
        }
    }

    /// Batches below `end` can no longer be taken back.
    pub(super) fn settle(&mut self, end: Offset) {
        let settled = self.undo.partition_point(|undo| undo.base_offset < end);
        self.undo.drain(..settled);
    }

    /// Gives back memory that only a busy log needs.
    pub(super) fn rest(&mut self) {
        self.undo.shrink_to_fit();
    }

    /// Takes back every batch at or beyond `end`, as far as none of them was settled.
    pub(super) fn take_back(&mut self, end: Offset) {
        while let Some(undo) = self.undo.pop_if(|undo| undo.base_offset >= end) {
            match undo.before {
                Some(before) => self.entries.insert(undo.producer_id, before),
                None => self.entries.remove(&undo.producer_id),
            };
        }
    }

    /// Forgets producers for which `expired` holds by their last timestamp, unless they have a
    /// transaction under way.
    pub(super) fn expire(&mut self, expired: impl Fn(TimestampMs) -> bool) {
        let keeps = |entry: &Producer| {
            entry.transaction_first_offset >= 0 || !expired(entry.last_timestamp)
        };
        self.entries.retain(|_, entry| keeps(entry));
    }

    pub(super) fn knows(&self, producer_id: ProducerId) -> bool {
        self.entries.contains_key(&producer_id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ProducerId, &Producer)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    pub(super) fn insert(&mut self, producer_id: ProducerId, producer: Producer) {
        self.entries.insert(producer_id, producer);
    }
}

impl Producer {
    /// A producer of which only its last batch is known, as in a snapshot.
    pub(super) fn with_last_batch(epoch: ProducerEpoch, last: Option<BatchMeta>) -> Self {
        let mut producer = Self {
            epoch,
            ..Self::unknown()
        };
        if let Some(batch) = last {
            producer.remember(batch);
        }
        producer
    }

    pub(super) fn last_batch(&self) -> Option<&BatchMeta> {
        self.batches().last()
    }

    fn unknown() -> Self {
        Self {
            epoch: NO_PRODUCER_EPOCH,
            coordinator_epoch: -1,
            last_timestamp: -1,
            transaction_first_offset: -1,
            batches: Default::default(),
            remembered: 0,
        }
    }

    fn batches(&self) -> &[BatchMeta] {
        &self.batches[..usize::from(self.remembered)]
    }

    fn check(&self, header: &BatchHeader) -> Result<Sequence, SequenceError> {
        if let Some(batch) = self.duplicate_of(header) {
            return Ok(Sequence::Duplicate {
                base_offset: batch.last_offset - Offset::from(batch.offset_delta),
                last_offset: batch.last_offset,
                timestamp: batch.timestamp,
            });
        }
        if header.producer_epoch < self.epoch {
            return Err(SequenceError::InvalidEpoch {
                producer_id: header.producer_id,
                found: header.producer_epoch,
                current: self.epoch,
            });
        }
        self.check_order(header)
    }

    /// A new epoch begins at 0; within an epoch sequences are dense. An epoch of which no batch is
    /// known (only a marker was written) begins at 0 too.
    fn check_order(&self, header: &BatchHeader) -> Result<Sequence, SequenceError> {
        let expected = match self.last_batch() {
            Some(last) if header.producer_epoch == self.epoch => {
                increment_sequence(last.last_sequence, 1)
            }
            _ if self.epoch == NO_PRODUCER_EPOCH => return Ok(Sequence::New),
            _ => 0,
        };
        if header.base_sequence == expected {
            return Ok(Sequence::New);
        }
        Err(SequenceError::OutOfOrder {
            producer_id: header.producer_id,
            found: header.base_sequence,
            expected,
        })
    }

    fn duplicate_of(&self, header: &BatchHeader) -> Option<&BatchMeta> {
        let same = |batch: &&BatchMeta| {
            batch.last_sequence == header.last_sequence()
                && batch.offset_delta == header.last_offset_delta
        };
        let candidates = self.batches().iter();
        let mut candidates = candidates.filter(|_| header.producer_epoch == self.epoch);
        candidates.find(same)
    }

    fn on_batch(&mut self, header: &BatchHeader) {
        if self.epoch != header.producer_epoch {
            self.epoch = header.producer_epoch;
            self.remembered = 0;
        }
        self.last_timestamp = header.max_timestamp;
        if header.is_control() {
            self.transaction_first_offset = -1;
            return;
        }
        if header.is_transactional() && self.transaction_first_offset < 0 {
            self.transaction_first_offset = header.base_offset;
        }
        self.remember(BatchMeta {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
    }

    fn remember(&mut self, batch: BatchMeta) {
        if usize::from(self.remembered) == BATCHES_REMEMBERED {
            self.batches.rotate_left(1);
            self.remembered -= 1;
        }
        self.batches[usize::from(self.remembered)] = batch;
        self.remembered += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::test_batches::header;

    fn produced(batches: &[(ProducerEpoch, i32, i32)]) -> Producers {
        let mut producers = Producers::default();
        let mut base_offset = 0;
        for (epoch, sequence, records) in batches {
            let mut next = header(base_offset, *records);
            (next.producer_id, next.producer_epoch, next.base_sequence) = (7, *epoch, *sequence);
            producers.append(&next);
            base_offset = next.next_offset();
        }
        producers
    }

    fn check(
        producers: &Producers,
        epoch: ProducerEpoch,
        sequence: i32,
        records: i32,
    ) -> Result<Sequence, SequenceError> {
        let mut next = header(0, records);
        (next.producer_id, next.producer_epoch, next.base_sequence) = (7, epoch, sequence);
        producers.check(&next)
    }

    #[test]
    fn sequences_are_dense_within_an_epoch() {
        let producers = produced(&[(0, 0, 10), (0, 10, 5)]);
        assert_eq!(check(&producers, 0, 15, 1), Ok(Sequence::New));
        for wrong in [14, 16, 0] {
            let error = SequenceError::OutOfOrder {
                producer_id: 7,
                found: wrong,
                expected: 15,
            };
            assert_eq!(check(&producers, 0, wrong, 2), Err(error));
        }
    }

    #[test]
    fn an_unknown_producer_may_begin_anywhere() {
        assert_eq!(check(&Producers::default(), 3, 1_000, 1), Ok(Sequence::New));
    }

    #[test]
    fn a_new_epoch_begins_at_zero() {
        let producers = produced(&[(1, 0, 10)]);
        assert_eq!(check(&producers, 2, 0, 1), Ok(Sequence::New));
        assert!(matches!(
            check(&producers, 2, 10, 1),
            Err(SequenceError::OutOfOrder { expected: 0, .. })
        ));
        assert!(matches!(
            check(&producers, 0, 10, 1),
            Err(SequenceError::InvalidEpoch { current: 1, .. })
        ));
    }

    #[test]
    fn the_last_five_batches_are_recognised() {
        let batches: Vec<_> = (0..6).map(|n| (0, n * 2, 2)).collect();
        let producers = produced(&batches);
        for n in 1..6 {
            let duplicate = Sequence::Duplicate {
                base_offset: i64::from(n) * 2,
                last_offset: i64::from(n) * 2 + 1,
                timestamp: header(0, 2).max_timestamp,
            };
            assert_eq!(check(&producers, 0, n * 2, 2), Ok(duplicate));
        }
        assert!(check(&producers, 0, 0, 2).is_err());
    }

    #[test]
    fn sequences_wrap_to_zero() {
        let producers = produced(&[(0, i32::MAX - 1, 2)]);
        assert_eq!(check(&producers, 0, 0, 1), Ok(Sequence::New));
        let across = produced(&[(0, i32::MAX - 1, 4)]);
        assert_eq!(check(&across, 0, 2, 1), Ok(Sequence::New));
        assert!(matches!(
            check(&across, 0, i32::MAX - 1, 4),
            Ok(Sequence::Duplicate { base_offset: 0, .. })
        ));
    }

    #[test]
    fn unsettled_batches_can_be_taken_back_exactly() {
        let mut producers = produced(&[(0, 0, 1), (0, 1, 1)]);
        producers.settle(2);
        let before = producers.clone();
        for n in 2..9 {
            let mut next = header(n, 1);
            (next.producer_id, next.producer_epoch, next.base_sequence) = (7, 0, n as i32);
            producers.append(&next);
        }
        let mut bumped = header(9, 1);
        (
            bumped.producer_id,
            bumped.producer_epoch,
            bumped.base_sequence,
        ) = (7, 1, 0);
        producers.append(&bumped);
        producers.take_back(2);
        assert_eq!(producers, before);
    }

    #[test]
    fn silent_producers_are_forgotten() {
        let mut producers = produced(&[(0, 0, 1)]);
        producers.expire(|last| last < 0);
        assert_eq!(producers.len(), 1);
        producers.expire(|_| true);
        assert!(producers.is_empty());
    }
}
