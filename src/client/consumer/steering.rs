//! Partitions that come, go, rest and jump while the consumer runs.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::worker::Event;
use super::{Consumer, ConsumerSettings};
use crate::client::{ClientError, Cluster};
use crate::model::{Offset, TopicPartition};

/// Ends a consumer's wait from another thread.
#[derive(Clone, Debug)]
pub(super) struct Waker(SyncSender<Event>);

impl Waker {
    /// A consumer that has something to do need not be woken.
    pub(super) fn wake(&self) {
        let _ = self.0.try_send(Event::Woken);
    }
}

impl Consumer {
    /// A consumer of nothing yet, which waits for leaders as long as it takes.
    pub(super) fn idle(
        cluster: Arc<Cluster>,
        settings: ConsumerSettings,
    ) -> Result<Self, ClientError> {
        let mut consumer = Self::start(cluster, settings, &[])?;
        consumer.patience = Duration::MAX;
        Ok(consumer)
    }

    pub(super) fn waker(&self) -> Waker {
        Waker(self.sender.clone())
    }

    /// Begins to fetch a partition at this offset, or goes on there.
    pub fn seek(&mut self, partition: &TopicPartition, offset: Offset) {
        self.stop_fetching(std::slice::from_ref(partition));
        self.positions.insert(partition.clone(), offset);
        if !self.paused.contains(partition) {
            self.homeless.add(vec![partition.clone()], None);
        }
    }

    /// Forgets partitions; what was fetched of them already is dropped.
    pub fn remove(&mut self, partitions: &[TopicPartition]) {
        self.stop_fetching(partitions);
        for partition in partitions {
            self.positions.remove(partition);
            self.paused.remove(partition);
        }
    }

    /// Stops fetching partitions without forgetting how far they have come.
    pub fn pause(&mut self, partitions: &[TopicPartition]) {
        self.stop_fetching(partitions);
        self.paused.extend(partitions.iter().cloned());
    }

    /// Goes on with paused partitions.
    pub fn resume(&mut self, partitions: &[TopicPartition]) {
        let paused = partitions.iter().filter(|one| self.paused.contains(*one));
        let mut resumed: Vec<_> = paused.cloned().collect();
        for partition in &resumed {
            self.paused.remove(partition);
        }
        resumed.retain(|one| self.positions.contains_key(one));
        self.homeless.add(resumed, None);
    }

    fn stop_fetching(&mut self, partitions: &[TopicPartition]) {
        let homeless = &mut self.homeless.partitions;
        homeless.retain(|one| !partitions.contains(one));
        for partition in partitions {
            self.tickets.remove(partition);
            let home = self.homes.remove(partition);
            if let Some(worker) = home.and_then(|node| self.workers.get(&node)) {
                worker.remove(vec![partition.clone()]);
            }
        }
    }
}
