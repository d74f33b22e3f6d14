//! The batches of one partition, in order, from the first record to the last acknowledgement.
//! Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::batch::{Batch, Identity, Stamp};
use crate::client::backoff::Backoff;
use crate::model::{NodeId, TimestampMs};
use crate::protocol::record::{Compression, RecordParts, increment_sequence};

/// What is waiting to be sent to one partition, and how far its sequence has come.
///
/// Batches leave in order and come back, if they fail, to their place. Of an idempotent
/// producer's stream nothing may be left out: when a batch is given up, the batches whose fate is
/// unknown are settled under their old numbers first, and only then does the partition go on
/// under a new identity, from sequence 0.
pub(super) struct Queue {
    /// Where to send to; `None` until metadata tells.
    pub(super) leader: Option<NodeId>,
    waiting: VecDeque<Batch>,
    /// Ordinals of the batches on their way; a handful.
    in_flight: Vec<u64>,
    next_ordinal: u64,
    sequence: Sequence,
    retry_at: Option<Instant>,
    backoff: Backoff,
}

#[derive(Default)]
struct Sequence {
    identity: Option<Identity>,
    next: i32,
    broken: bool,
}

impl Queue {
    /// An empty queue.
    pub(super) fn new(backoff: Backoff) -> Self {
        Self {
            leader: None,
            waiting: VecDeque::new(),
            in_flight: Vec::new(),
            next_ordinal: 0,
            sequence: Sequence::default(),
            retry_at: None,
            backoff,
        }
    }

    /// Adds a record to the last batch, or to a new one if that is closed or would grow beyond
    /// `batch_bytes_max`; says whether another batch waits before it, i.e. one can be sent now.
    pub(super) fn append(
        &mut self,
        now: Instant,
        timestamp: TimestampMs,
        parts: RecordParts<'_>,
        tag: u64,
        (batch_bytes_max, compression): (usize, Compression),
    ) -> bool {
        let room = |batch: &Batch| batch.has_room(timestamp, &parts, batch_bytes_max);
        if !self.waiting.back().is_some_and(room) {
            let batch = Batch::begin(self.next_ordinal, compression, now);
            self.next_ordinal += 1;
            self.waiting.push_back(batch);
        }
        let last = self
            .waiting
            .back_mut()
            .expect("a batch was just made sure of");
        last.append(timestamp, parts, tag);
        let is_full = last.size_bytes() >= batch_bytes_max;
        is_full || self.waiting.len() > 1
    }

    /// When the first waiting batch may be sent: at once, later, or (`None`) not for now.
    pub(super) fn ready_at(&self, linger: Duration, batch_bytes_max: usize) -> Option<Instant> {
        let first = self.next_to_send()?;
        let full =
            self.waiting.len() > 1 || !first.is_open() || first.size_bytes() >= batch_bytes_max;
        let lingered = if full {
            first.begun
        } else {
            first.begun + linger
        };
        Some(
            self.retry_at
                .map_or(lingered, |retry_at| retry_at.max(lingered)),
        )
    }

    /// How large the next batch to send is.
    pub(super) fn next_bytes(&self) -> usize {
        self.next_to_send().map_or(0, Batch::size_bytes)
    }

    /// Goes on under the current identity if the old one is broken and nothing of it is open.
    pub(super) fn settle(&mut self, current: Option<Identity>) {
        if self.sequence.broken && self.is_settled() && current != self.sequence.identity {
            self.sequence = Sequence::default();
            for batch in &mut self.waiting {
                batch.stamp = None;
            }
        }
    }

    /// Whether an idempotent producer must get a new identity before this queue can go on.
    pub(super) fn wants_identity(&self, current: Option<Identity>) -> bool {
        let stuck = self.sequence.broken && self.is_settled();
        !self.waiting.is_empty() && (current.is_none() || stuck)
    }

    /// Takes the next batch, stamped if the producer is idempotent.
    pub(super) fn take(&mut self, current: Option<Identity>) -> Option<Batch> {
        let mut batch = self.waiting.remove(self.next_index()?)?;
        if let (Some(current), None) = (current, batch.stamp) {
            batch.stamp = Some(self.sequence.stamp(current, batch.record_count()));
        }
        self.in_flight.push(batch.ordinal);
        self.retry_at = None;
        Some(batch)
    }

    /// A batch has been acknowledged.
    pub(super) fn on_done(&mut self, batch: &Batch) {
        self.land(batch);
        self.backoff.reset();
    }

    /// A batch comes back to be sent again.
    pub(super) fn put_back(&mut self, batch: Batch, now: Instant, random: u32) {
        self.land(&batch);
        self.retry_at = Some(now + self.backoff.next_delay(random));
        let place = self
            .waiting
            .partition_point(|other| other.ordinal < batch.ordinal);
        self.waiting.insert(place, batch);
    }

    /// A batch that was in flight is given up: its sequence numbers will never arrive.
    pub(super) fn on_given_up(&mut self, batch: &Batch) {
        self.land(batch);
        self.leave_out(batch);
    }

    /// The broker has lost track of the sequence, or we have.
    pub(super) fn break_sequence(&mut self) {
        self.sequence.broken = self.sequence.identity.is_some();
    }

    /// Whether an earlier batch than this one is still to be settled.
    pub(super) fn has_earlier(&self, ordinal: u64) -> bool {
        let waiting = self
            .waiting
            .front()
            .is_some_and(|first| first.ordinal < ordinal);
        waiting || self.in_flight.iter().any(|&other| other < ordinal)
    }

    /// Takes out the waiting batches that began before `deadline`.
    pub(super) fn expire(&mut self, deadline: Instant) -> Vec<Batch> {
        let fresh = self.waiting.iter().position(|batch| batch.begun > deadline);
        let expired: Vec<_> = self
            .waiting
            .drain(..fresh.unwrap_or(self.waiting.len()))
            .collect();
        for batch in &expired {
            self.leave_out(batch);
        }
        expired
    }

    /// Whether nothing waits and nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }

    fn land(&mut self, batch: &Batch) {
        self.in_flight.retain(|&ordinal| ordinal != batch.ordinal);
    }

    fn leave_out(&mut self, batch: &Batch) {
        if batch.stamp.is_some() {
            self.break_sequence();
        }
    }

    fn next_to_send(&self) -> Option<&Batch> {
        self.waiting.get(self.next_index()?)
    }

    /// With a broken sequence only batches of unknown fate may go, under their old numbers.
    fn next_index(&self) -> Option<usize> {
        match self.sequence.broken {
            true => self.next_in_doubt(),
            false => (!self.waiting.is_empty()).then_some(0),
        }
    }

    fn is_settled(&self) -> bool {
        self.in_flight.is_empty() && self.next_in_doubt().is_none()
    }

    fn next_in_doubt(&self) -> Option<usize> {
        self.waiting.iter().position(|batch| batch.in_doubt)
    }
}

impl Sequence {
    fn stamp(&mut self, current: Identity, records: i32) -> Stamp {
        let identity = *self.identity.get_or_insert(current);
        let base_sequence = self.next;
        self.next = increment_sequence(self.next, records);
        Stamp {
            identity,
            base_sequence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::record::Codec;

    const LIMITS: (usize, Compression) = (
        200,
        Compression {
            codec: Codec::None,
            level: None,
        },
    );

    fn identity(producer_id: i64) -> Option<Identity> {
        Some(Identity {
            producer_id,
            epoch: 0,
        })
    }

    fn queue_of(batches: usize, now: Instant) -> Queue {
        let ms = Duration::from_millis;
        let mut queue = Queue::new(Backoff::new(ms(10), ms(100)));
        for tag in 0..batches {
            let parts = RecordParts {
                value: Some(&[7; 100]),
                ..RecordParts::default()
            };
            queue.append(now, 0, parts, tag as u64, LIMITS);
        }
        queue
    }

    fn sequences(batches: &[Batch]) -> Vec<i32> {
        let stamps = batches.iter().map(|batch| batch.stamp.unwrap());
        stamps.map(|stamp| stamp.base_sequence).collect()
    }

    #[test]
    fn a_batch_waits_for_company_but_not_when_full() {
        let now = Instant::now();
        let linger = Duration::from_millis(5);
        let mut queue = queue_of(1, now);
        assert_eq!(queue.ready_at(linger, 200), Some(now + linger));
        let parts = RecordParts {
            value: Some(&[7; 100]),
            ..RecordParts::default()
        };
        assert!(
            queue.append(now, 0, parts, 1, LIMITS),
            "the second record opens a second batch"
        );
        assert_eq!(queue.ready_at(linger, 200), Some(now));
    }

    #[test]
    fn failed_batches_return_to_their_places() {
        let now = Instant::now();
        let mut queue = queue_of(4, now);
        let first = queue.take(identity(1)).unwrap();
        let second = queue.take(identity(1)).unwrap();
        queue.put_back(second, now, 0);
        assert!(!queue.has_earlier(0) && queue.has_earlier(1) && queue.has_earlier(2));
        queue.put_back(first, now, 0);
        let again: Vec<_> = (0..4).map(|_| queue.take(identity(1)).unwrap()).collect();
        assert_eq!(sequences(&again), [0, 1, 2, 3]);
        assert_eq!(again[0].tags, [0]);
    }

    #[test]
    fn a_retry_waits_for_its_backoff() {
        let now = Instant::now();
        let mut queue = queue_of(1, now);
        let batch = queue.take(None).unwrap();
        queue.put_back(batch, now, 0);
        let ready = queue.ready_at(Duration::ZERO, 200).unwrap();
        assert_eq!(ready, now + Duration::from_millis(10));
    }

    #[test]
    fn after_a_loss_the_stream_begins_anew_once_settled() {
        let now = Instant::now();
        let mut queue = queue_of(4, now);
        let lost = queue.take(identity(1)).unwrap();
        let mut doubtful = queue.take(identity(1)).unwrap();
        queue.on_given_up(&lost);
        doubtful.in_doubt = true;
        queue.put_back(doubtful, now, 0);
        queue.settle(identity(1));
        assert!(
            !queue.wants_identity(identity(1)),
            "the doubtful batch comes first"
        );
        let mut doubtful = queue.take(identity(1)).unwrap();
        assert_eq!(
            doubtful.stamp.unwrap().base_sequence,
            1,
            "under its old number"
        );
        assert!(
            queue.take(identity(1)).is_none(),
            "nothing else may go meanwhile"
        );
        doubtful.in_doubt = false;
        queue.put_back(doubtful, now, 0);
        assert!(queue.wants_identity(identity(1)));
        queue.settle(identity(2));
        let rest: Vec<_> = (0..3).map(|_| queue.take(identity(2)).unwrap()).collect();
        assert_eq!(sequences(&rest), [0, 1, 2]);
        assert!(
            rest.iter()
                .all(|batch| batch.stamp.unwrap().identity == identity(2).unwrap())
        );
    }

    #[test]
    fn old_batches_expire_in_order() {
        let now = Instant::now();
        let mut queue = queue_of(2, now);
        assert!(queue.expire(now - Duration::from_secs(1)).is_empty());
        assert_eq!(queue.expire(now).len(), 2);
        assert!(queue.is_idle());
    }
}
