//! The application's part in a rebalance: the steps that the group asks for.

use std::collections::BTreeSet;
use std::time::Instant;

use super::ownership::Step;
use super::{GroupConsumer, RebalanceListener};
use crate::client::ClientError;
use crate::model::TopicPartition;

impl GroupConsumer {
    /// Carries out what the group asks for, finds positions, commits what is due.
    pub(super) fn attend(&mut self) -> Result<(), ClientError> {
        // Called by a listener: what it is told of has to be done first.
        if self.listener.is_none() {
            return Ok(());
        }
        let now = Instant::now();
        if self.shared.member().on_poll(now) {
            self.shared.notify();
        }
        while let Some(step) = self.next_step() {
            self.carry_out(&step);
            self.shared.member().on_step_done(Instant::now(), &step);
            self.shared.notify();
        }
        if let Some(error) = self.shared.member().take_error() {
            self.positions.end();
            return Err(error);
        }
        if self.positions.has_ended() {
            let group = self.settings.group.clone();
            return Err(ClientError::GroupEnded { group });
        }
        self.find_positions(now)?;
        self.commit_if_due(now);
        Ok(())
    }

    fn next_step(&self) -> Option<Step> {
        self.shared.member().poll_step()
    }

    fn carry_out(&mut self, step: &Step) {
        match step {
            Step::Revoke(partitions) => {
                if let Err(error) = self.revoke(partitions) {
                    log::warn!("what was read before the rebalance is not committed: {error}");
                }
            }
            Step::Lose(partitions) => self.lose(partitions),
            Step::Assign(partitions) => {
                self.positions.add(partitions.iter());
                self.tell(partitions, |listener, consumer, assigned| {
                    listener.on_assigned(consumer, assigned);
                });
            }
        }
    }

    /// The last commit comes before the listener, who may commit something else.
    pub(super) fn revoke(
        &mut self,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<(), ClientError> {
        let committed = match self.settings.auto_commit_interval {
            Some(_) => {
                let of_these = self.positions.uncommitted().into_iter();
                let of_these = of_these.filter(|(one, _)| partitions.contains(one));
                self.commit_offsets(of_these.collect())
            }
            None => Ok(()),
        };
        self.tell(partitions, |listener, consumer, revoked| {
            listener.on_revoked(consumer, revoked);
        });
        self.let_go(partitions);
        committed
    }

    pub(super) fn lose(&mut self, partitions: &BTreeSet<TopicPartition>) {
        self.tell(partitions, |listener, consumer, lost| {
            listener.on_lost(consumer, lost);
        });
        self.let_go(partitions);
    }

    fn let_go(&mut self, partitions: &BTreeSet<TopicPartition>) {
        let list: Vec<_> = partitions.iter().cloned().collect();
        self.fetcher.remove(&list);
        self.positions.remove(partitions);
    }

    fn tell(
        &mut self,
        partitions: &BTreeSet<TopicPartition>,
        call: impl FnOnce(&mut dyn RebalanceListener, &mut Self, &[TopicPartition]),
    ) {
        let Some(mut listener) = self.listener.take() else {
            return;
        };
        let list: Vec<_> = partitions.iter().cloned().collect();
        if !list.is_empty() {
            call(&mut *listener, self, &list);
        }
        self.listener = Some(listener);
    }
}
