//! Which batches of a fetched range belong to aborted transactions. Pure.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use crate::model::{Offset, ProducerId};

/// Walks a fetched range beside its batches and tells which of them a read-committed consumer
/// must not show.
///
/// The broker lists the aborted transactions that overlap the range by producer and first offset;
/// where each of them ends is told by its abort marker in the range itself.
#[derive(Debug, Default)]
pub(crate) struct AbortedTransactions {
    upcoming: BinaryHeap<Reverse<(Offset, ProducerId)>>,
    open: HashSet<ProducerId>,
}

impl AbortedTransactions {
    /// The transactions a Fetch response lists for one partition, in any order.
    pub(crate) fn new(listed: impl IntoIterator<Item = (ProducerId, Offset)>) -> Self {
        let upcoming = listed
            .into_iter()
            .map(|(producer_id, first_offset)| Reverse((first_offset, producer_id)))
            .collect();
        Self {
            upcoming,
            open: HashSet::new(),
        }
    }

    /// Whether the transactional batch that ends at `last_offset` was aborted.
    ///
    /// Batches must be asked for in offset order.
    pub(crate) fn hides(&mut self, producer_id: ProducerId, last_offset: Offset) -> bool {
        while let Some(Reverse((first_offset, producer_id))) = self.upcoming.peek().copied() {
            if first_offset > last_offset {
                break;
            }
            self.upcoming.pop();
            self.open.insert(producer_id);
        }
        self.open.contains(&producer_id)
    }

    /// The abort marker of this producer's transaction has been passed.
    pub(crate) fn on_abort_marker(&mut self, producer_id: ProducerId) {
        self.open.remove(&producer_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_between_first_offset_and_marker_are_hidden() {
        let mut aborted = AbortedTransactions::new([(7, 20), (9, 10)]);
        assert!(!aborted.hides(9, 9), "before the transaction");
        assert!(aborted.hides(9, 12));
        assert!(!aborted.hides(7, 15), "another producer's turn comes later");
        aborted.on_abort_marker(9);
        assert!(
            !aborted.hides(9, 19),
            "the next transaction of the same producer"
        );
        assert!(aborted.hides(7, 25));
    }

    #[test]
    fn one_producer_may_abort_twice_in_a_range() {
        let mut aborted = AbortedTransactions::new([(1, 0), (1, 10)]);
        assert!(aborted.hides(1, 3));
        aborted.on_abort_marker(1);
        assert!(!aborted.hides(1, 8));
        assert!(aborted.hides(1, 14));
    }
}
