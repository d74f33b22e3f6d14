//! What the application holds, what it should hold, and the steps between. Pure.
//!
//! The group decides on one thread, the application works on another: a step is asked for with
//! [`Ownership::poll_step`], carried out without any lock, and told with
//! [`Ownership::on_step_done`]; meanwhile the target may change or everything may be lost.

use std::collections::BTreeSet;

use crate::model::TopicPartition;

/// What the application shall do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Commit what was read of these and let go of them.
    Revoke(BTreeSet<TopicPartition>),
    /// These belong to somebody else already; there is nothing to commit any more.
    Lose(BTreeSet<TopicPartition>),
    /// Read these from now on.
    Assign(BTreeSet<TopicPartition>),
}

/// The partitions of one member.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    owned: BTreeSet<TopicPartition>,
    target: Option<BTreeSet<TopicPartition>>,
    /// The application holds what is no longer its own.
    lost: bool,
    under_way: Option<Step>,
    /// Something was revoked on the way to the target.
    revoked: bool,
}

/// The application has come to hold what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reconciled {
    /// Whether it had to let go of something.
    pub(super) revoked: bool,
}

impl Ownership {
    /// What the application holds and may commit.
    pub(super) fn owned(&self) -> &BTreeSet<TopicPartition> {
        &self.owned
    }

    /// What the application holds, is taking, or may take at any moment without asking again.
    pub(super) fn claimed(&self) -> BTreeSet<TopicPartition> {
        let taking = match &self.under_way {
            Some(Step::Assign(partitions)) => Some(partitions),
            _ => None,
        };
        let to_come = taking.into_iter().chain(&self.target).flatten();
        self.owned.iter().chain(to_come).cloned().collect()
    }

    /// Whether the member may speak for this partition.
    pub(super) fn holds(&self, partition: &TopicPartition) -> bool {
        !self.lost && self.owned.contains(partition)
    }

    /// Whether the application holds what is no longer its own.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Whether nothing is left to be done, so that what is owned will not change by itself.
    pub(super) fn is_settled(&self) -> bool {
        self.target.is_none() && !self.lost && self.under_way.is_none()
    }

    /// The group has given these out.
    pub(super) fn set_target(&mut self, target: BTreeSet<TopicPartition>) -> Option<Reconciled> {
        self.target = Some(target);
        self.settle()
    }

    /// Everything is to be given back.
    pub(super) fn revoke_all(&mut self) {
        self.target = Some(BTreeSet::new());
        // With nothing to give back there is nothing to wait for.
        self.settle();
    }

    /// Everything is gone already.
    pub(super) fn lose_all(&mut self) {
        self.target = None;
        self.revoked = false;
        self.lost = !self.owned.is_empty() || self.under_way.is_some();
    }

    /// The next step, to be told when it is done; there is one at a time.
    pub(super) fn poll_step(&mut self) -> Option<Step> {
        let free = self.under_way.is_none();
        assert!(free, "a step is done before the next begins");
        self.under_way = self.next_step();
        self.under_way.clone()
    }

    /// Whether [`Ownership::poll_step`] would have one.
    pub(super) fn has_step(&self) -> bool {
        self.under_way.is_none() && self.next_step().is_some()
    }

    /// The application has carried the step out.
    pub(super) fn on_step_done(&mut self, step: &Step) -> Option<Reconciled> {
        let begun = self.under_way.take();
        assert_eq!(begun.as_ref(), Some(step), "a step that is done was begun");
        match step {
            Step::Revoke(partitions) => {
                self.owned.retain(|one| !partitions.contains(one));
                self.revoked = true;
            }
            Step::Lose(partitions) => {
                self.owned.retain(|one| !partitions.contains(one));
                self.lost = false;
            }
            Step::Assign(partitions) => self.owned.extend(partitions.iter().cloned()),
        }
        self.lost &= !self.owned.is_empty();
        self.settle()
    }

    fn next_step(&self) -> Option<Step> {
        if self.lost {
            return (!self.owned.is_empty()).then(|| Step::Lose(self.owned.clone()));
        }
        let target = self.target.as_ref()?;
        let surplus: BTreeSet<_> = self.owned.difference(target).cloned().collect();
        if !surplus.is_empty() {
            return Some(Step::Revoke(surplus));
        }
        let missing: BTreeSet<_> = target.difference(&self.owned).cloned().collect();
        (!missing.is_empty()).then_some(Step::Assign(missing))
    }

    fn settle(&mut self) -> Option<Reconciled> {
        let reached = self.target.as_ref() == Some(&self.owned);
        if !reached || self.under_way.is_some() || self.lost {
            return None;
        }
        self.target = None;
        let revoked = std::mem::take(&mut self.revoked);
        Some(Reconciled { revoked })
    }
}

#[cfg(test)]
mod tests {
    use super::super::assignor::tests::of;
    use super::*;

    fn set(indexes: &[i32]) -> BTreeSet<TopicPartition> {
        indexes.iter().map(|index| of("t", *index)).collect()
    }

    fn owning(indexes: &[i32]) -> Ownership {
        let mut ownership = Ownership::default();
        ownership.set_target(set(indexes));
        let step = ownership.poll_step().unwrap();
        assert!(ownership.on_step_done(&step).is_some());
        ownership
    }

    #[test]
    fn what_is_revoked_goes_before_what_is_assigned_comes() {
        let mut ownership = owning(&[0, 1]);
        assert_eq!(ownership.set_target(set(&[1, 2])), None);
        let revoke = ownership.poll_step().unwrap();
        assert_eq!(revoke, Step::Revoke(set(&[0])));
        assert_eq!(ownership.on_step_done(&revoke), None);
        let assign = ownership.poll_step().unwrap();
        assert_eq!(assign, Step::Assign(set(&[2])));
        let done = ownership.on_step_done(&assign);
        assert_eq!(done, Some(Reconciled { revoked: true }));
        assert!(ownership.is_settled());
    }

    #[test]
    fn nothing_to_change_is_reconciled_at_once() {
        let mut ownership = owning(&[3]);
        let done = ownership.set_target(set(&[3]));
        assert_eq!(done, Some(Reconciled { revoked: false }));
        assert_eq!(ownership.poll_step(), None);
    }

    #[test]
    fn what_is_lost_during_a_step_is_lost_after_it() {
        let mut ownership = owning(&[0]);
        ownership.set_target(set(&[0, 1]));
        let assign = ownership.poll_step().unwrap();
        ownership.lose_all();
        assert_eq!(ownership.on_step_done(&assign), None);
        let lose = ownership.poll_step().unwrap();
        assert_eq!(lose, Step::Lose(set(&[0, 1])));
        ownership.on_step_done(&lose);
        assert!(ownership.is_settled() && ownership.owned().is_empty());
    }

    #[test]
    fn what_may_come_to_be_held_is_claimed() {
        let mut ownership = owning(&[0, 1]);
        ownership.set_target(set(&[1, 2]));
        assert_eq!(ownership.claimed(), set(&[0, 1, 2]));
        let revoke = ownership.poll_step().unwrap();
        ownership.on_step_done(&revoke);
        assert_eq!(ownership.claimed(), set(&[1, 2]));
        let assign = ownership.poll_step().unwrap();
        ownership.set_target(set(&[1]));
        assert_eq!(ownership.claimed(), set(&[1, 2]), "it is being taken");
        ownership.on_step_done(&assign);
        let revoke = ownership.poll_step().unwrap();
        ownership.on_step_done(&revoke);
        assert_eq!(ownership.claimed(), set(&[1]));
    }

    #[test]
    fn losing_nothing_takes_no_step() {
        let mut ownership = Ownership::default();
        ownership.lose_all();
        assert!(ownership.is_settled() && !ownership.has_step());
        let mut ownership = owning(&[0]);
        ownership.revoke_all();
        let revoke = ownership.poll_step().unwrap();
        ownership.lose_all();
        ownership.on_step_done(&revoke);
        assert!(ownership.is_settled(), "all was given back meanwhile");
    }
}
