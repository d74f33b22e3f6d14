//! What was committed, and what somebody who asks may therefore find.
//!
//! A client may hold a commit back while it has no coordinator, and a group takes it from a member of
//! the current generation, whoever has the partition meanwhile: offsets may go back, in Kafka too.
//! What may not be: that somebody finds a commit behind which another one was begun and confirmed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

#[derive(Default)]
pub(super) struct Commits {
    made: Mutex<Vec<Commit>>,
}

struct Commit {
    partition: i32,
    next: i64,
    begun: Instant,
    /// When it was confirmed; a commit that was not may still arrive.
    confirmed: Option<Instant>,
}

impl Commits {
    /// A commit begins; what to [`Commits::confirm`].
    pub(super) fn begin(&self, partition: i32, next: i64) -> usize {
        let mut made = self.made.lock().expect("no panic while holding it");
        made.push(Commit {
            partition,
            next,
            begun: Instant::now(),
            confirmed: None,
        });
        made.len() - 1
    }

    pub(super) fn confirm(&self, commit: usize) {
        let mut made = self.made.lock().expect("no panic while holding it");
        made[commit].confirmed = Some(Instant::now());
    }

    /// What was lost, if offsets that were asked for at `asked` are so; −1 for none.
    pub(super) fn lost(&self, found: &BTreeMap<i32, i64>, asked: Instant) -> Option<String> {
        let made = self.made.lock().expect("no panic while holding it");
        found.iter().find_map(|(partition, found)| {
            let commits: Vec<_> = made
                .iter()
                .filter(|one| one.partition == *partition)
                .collect();
            let done = commits.iter().filter(|one| one.is_confirmed_before(asked));
            let mut done = done.peekable();
            let lost = done.peek()?.next;
            let mut may_be = commits.iter().filter(|one| one.next == *found);
            let is_there = may_be.any(|one| done.clone().all(|other| !one.is_before(other)));
            (!is_there)
                .then(|| format!("{partition}: {found} is there, {lost} and more were confirmed"))
        })
    }
}

impl Commit {
    fn is_confirmed_before(&self, asked: Instant) -> bool {
        self.confirmed.is_some_and(|confirmed| confirmed < asked)
    }

    /// Whether it was over when the other one began.
    fn is_before(&self, other: &Self) -> bool {
        self.confirmed
            .is_some_and(|confirmed| confirmed < other.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_confirmed_behind_it_takes_its_place() {
        let commits = Commits::default();
        let lost = |found| commits.lost(&BTreeMap::from([(0, found)]), Instant::now());
        assert_eq!(lost(-1), None);
        let held_back = commits.begin(0, 3);
        let first = commits.begin(0, 5);
        commits.confirm(first);
        let second = commits.begin(0, 8);
        assert!(lost(-1).is_some());
        assert!(lost(4).is_some(), "nobody committed that");
        assert_eq!(lost(5), None);
        assert_eq!(lost(8), None, "it may have arrived");
        commits.confirm(second);
        assert!(lost(5).is_some());
        assert_eq!(lost(3), None, "it may arrive at any time");
        commits.confirm(held_back);
        let third = commits.begin(0, 9);
        commits.confirm(third);
        assert!(lost(3).is_some());
        assert!(lost(8).is_some());
        assert_eq!(lost(9), None);
    }
}
