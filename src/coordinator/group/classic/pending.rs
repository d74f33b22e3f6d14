//! Ids that were given out and not joined with yet (KIP-394).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::coordinator::timers::TimerId;

/// What one group keeps of such ids: some 16,000 of the usual length, 60 of the greatest. Who needs
/// more is not one that starts its members.
const BYTES_MAX: usize = 4 << 20;
/// What an id costs besides its letters: two entries, a timer, its share of a table.
const ENTRY_BYTES: usize = 192;

/// The ids of one group, each until it is joined with, its session is over, or too many have come
/// after it.
///
/// Kafka sets no bound. To refuse further ids would keep everybody out for a session once somebody
/// has taken all; so the oldest goes, and its member, should it come after all, asks anew. A client
/// joins at once with what it was given: others would have to get thousands of ids meanwhile.
#[derive(Debug, Default)]
pub(super) struct PendingJoins {
    by_id: HashMap<Arc<str>, Pending>,
    /// The oldest first.
    by_number: BTreeMap<u64, Arc<str>>,
    given: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Pending {
    number: u64,
    session: TimerId,
}

impl PendingJoins {
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// The timers of their sessions.
    pub(super) fn sessions(&self) -> impl Iterator<Item = TimerId> {
        self.by_id.values().map(|pending| pending.session)
    }

    pub(super) fn add(&mut self, id: Arc<str>, session: TimerId) {
        self.given += 1;
        let number = self.given;
        self.bytes += cost(&id);
        self.by_number.insert(number, id.clone());
        let before = self.by_id.insert(id, Pending { number, session });
        assert!(before.is_none(), "an id is given once");
    }

    /// Takes an id out; the timer of its session.
    pub(super) fn remove(&mut self, id: &str) -> Option<TimerId> {
        let (id, pending) = self.by_id.remove_entry(id)?;
        self.bytes -= cost(&id);
        self.by_number.remove(&pending.number);
        Some(pending.session)
    }

    /// Takes the oldest out if there are too many; the timer of its session.
    pub(super) fn remove_excess(&mut self) -> Option<TimerId> {
        if self.bytes <= BYTES_MAX {
            return None;
        }
        let (_, id) = self.by_number.pop_first()?;
        self.remove(&id)
    }
}

/// An id stands here and at its timer, as one text.
fn cost(id: &str) -> usize {
    id.len() + ENTRY_BYTES
}
