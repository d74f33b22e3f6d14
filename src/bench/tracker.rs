//! Who of the records is missing, there twice, or late. Pure.

use std::collections::BTreeSet;

/// What is remembered of missing records before they only count.
const REMEMBERED_MAX: usize = 1 << 20;

/// Follows the sequences of all producers in all partitions, in the order of each log.
#[derive(Debug)]
pub(super) struct Tracker {
    partitions: usize,
    /// Next sequence by producer and partition.
    next: Vec<u64>,
    /// Producer and partition, sequence: passed over and not seen since.
    missing: BTreeSet<(usize, u64)>,
    forgotten: u64,
    found: Findings,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) records: u64,
    pub(super) lost: u64,
    pub(super) duplicated: u64,
    pub(super) reordered: u64,
    pub(super) corrupt: u64,
}

impl Tracker {
    /// For so many producers and partitions.
    pub(super) fn new(producers: usize, partitions: usize) -> Self {
        Self {
            partitions,
            next: vec![0; producers * partitions],
            missing: BTreeSet::new(),
            forgotten: 0,
            found: Findings::default(),
        }
    }

    /// A sound record, in the order of its partition; one of an unknown producer is corrupt.
    #[inline]
    pub(super) fn see(&mut self, producer: u32, partition: u32, sequence: u64) {
        let place = producer as usize * self.partitions + partition as usize;
        let Some(next) = self.next.get_mut(place) else {
            return self.see_corrupt();
        };
        self.found.records += 1;
        if sequence == *next {
            *next += 1;
            return;
        }
        self.see_odd(place, sequence);
    }

    /// A record, or a whole batch, that is not what was sent.
    pub(super) fn see_corrupt(&mut self) {
        self.found.corrupt += 1;
    }

    /// Compares with what was acknowledged, by producer and partition as in [`Tracker::new`].
    pub(super) fn finish(mut self, acknowledged: &[Vec<u64>]) -> Findings {
        let mut beyond = 0;
        for (producer, counts) in acknowledged.iter().enumerate() {
            for (partition, count) in counts.iter().enumerate() {
                let next = self.next[producer * self.partitions + partition];
                beyond += count.saturating_sub(next);
            }
        }
        self.found.lost = self.missing.len() as u64 + self.forgotten + beyond;
        self.found
    }

    #[cold]
    fn see_odd(&mut self, place: usize, sequence: u64) {
        let next = self.next[place];
        if sequence > next {
            self.next[place] = sequence + 1;
            return self.miss(place, next, sequence);
        }
        match self.missing.remove(&(place, sequence)) {
            true => self.found.reordered += 1,
            false => self.found.duplicated += 1,
        }
    }

    fn miss(&mut self, place: usize, from: u64, until: u64) {
        let room = (REMEMBERED_MAX - self.missing.len()) as u64;
        let remembered = until.min(from + room);
        let missing = (from..remembered).map(|sequence| (place, sequence));
        self.missing.extend(missing);
        self.forgotten += until - remembered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sequences: &[u64], acknowledged: u64) -> Findings {
        let mut tracker = Tracker::new(2, 3);
        for sequence in sequences {
            tracker.see(1, 2, *sequence);
        }
        tracker.finish(&[vec![0, 0, 0], vec![0, 0, acknowledged]])
    }

    #[test]
    fn a_whole_sequence_is_clean() {
        let clean = Findings {
            records: 4,
            ..Findings::default()
        };
        assert_eq!(found(&[0, 1, 2, 3], 4), clean);
    }

    #[test]
    fn planted_loss_is_found() {
        assert_eq!(found(&[0, 1, 3], 4).lost, 1);
        assert_eq!(found(&[0, 1, 2], 5).lost, 2);
        assert_eq!(found(&[], 3).lost, 3);
        assert_eq!(found(&[1 << 40], 0).lost, 1 << 40);
    }

    #[test]
    fn planted_duplicates_are_found() {
        let twice = found(&[0, 1, 1, 2, 0], 3);
        assert_eq!((twice.duplicated, twice.lost, twice.reordered), (2, 0, 0));
    }

    #[test]
    fn planted_reordering_is_no_loss() {
        let swapped = found(&[0, 2, 1, 3], 4);
        assert_eq!(
            (swapped.reordered, swapped.lost, swapped.duplicated),
            (1, 0, 0)
        );
    }

    #[test]
    fn what_nobody_sent_is_corrupt() {
        let mut tracker = Tracker::new(1, 1);
        tracker.see(5, 0, 0);
        tracker.see_corrupt();
        assert_eq!(tracker.finish(&[vec![0]]).corrupt, 2);
    }
}
