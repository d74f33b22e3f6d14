//! What a core does for its coordinators besides answering: follows their appends, rings when
//! deadlines come, lets offsets expire, and takes up and gives up partitions.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::group_config::{group_config, group_overrides, overrides_of};
use super::super::message::Publication;
use super::super::{Owned, Shards};
use super::{Host, Hosted, coordinator_partition};
use crate::coordinator::group::coordinator::Walk;
use crate::metadata::{CONSUMER_OFFSETS, Changes, ConfigResource, MetadataImage, ResourceType};
use crate::model::{PartitionId, TimestampMs};

/// Deadlines come together to so much: thousands of sessions must not wake the core one by one.
const ALARM_GRAIN_MS: i64 = 5;

impl Owned {
    /// Starts what runs for as long as the core lives.
    pub(in super::super) fn start_group_tasks(&self) {
        let (follow, ring, expire) = (self.clone(), self.clone(), self.clone());
        self.core.spawn(async move { follow.follow_groups().await });
        self.core.spawn(async move { ring.ring_forever().await });
        self.core
            .spawn(async move { expire.expire_offsets().await });
    }

    /// Tells coordinators of appends that are committed, or lost.
    async fn follow_groups(self) {
        loop {
            self.groups.moved.news.notified().await;
            let moved = self.groups.moved.partitions.take();
            for partition in moved {
                self.settle_group(partition, self.core.now_ms());
                self.core.breathe().await;
            }
        }
    }

    async fn ring_forever(self) {
        loop {
            let next = self.groups.hosted.borrow().next_deadline();
            self.groups.alarm.set(next);
            let changed = self.groups.alarm_changed.notified();
            match next {
                None => changed.await,
                Some(at) => {
                    let wait_ms = (at - self.core.now_ms()).max(ALARM_GRAIN_MS);
                    let wait = Duration::from_millis(wait_ms.unsigned_abs());
                    let _ = self.core.timeout(wait, changed).await;
                }
            }
            self.ring_due().await;
        }
    }

    /// Looks at everything that is due, one deadline at a time.
    async fn ring_due(&self) {
        // What is set anew meanwhile has its turn the next time.
        let now_ms = self.core.now_ms();
        let due = self.groups.hosted.borrow().due(now_ms);
        for partition in due {
            let mut any = true;
            while any {
                self.act(partition, |coordinator, topics, _| {
                    let turn = coordinator.tick(topics, now_ms);
                    any = turn.is_some();
                    turn.unwrap_or_default()
                });
                any &= self.groups.hosted.borrow().is_ready(partition);
                self.core.breathe().await;
            }
        }
    }

    /// Sees to it that the core looks when this coordinator's next deadline comes.
    pub(super) fn ring_for(&self, hosted: &mut Hosted, partition: PartitionId) {
        let coordinator = hosted.ready(partition);
        let Some(deadline) = coordinator.and_then(|coordinator| coordinator.next_deadline()) else {
            return;
        };
        let alarm = self.groups.alarm.get();
        if alarm.is_none_or(|alarm| deadline + ALARM_GRAIN_MS < alarm) {
            self.groups.alarm.set(Some(deadline));
            self.groups.alarm_changed.notify_one();
        }
    }

    async fn expire_offsets(self) {
        loop {
            let interval = self.state.borrow().config.groups.offsets_check_interval_ms;
            self.core.sleep(Duration::from_millis(interval)).await;
            let partitions = self.groups.hosted.borrow().partitions();
            for partition in partitions {
                self.expire_of(partition).await;
            }
        }
    }

    /// One coordinator's, in stretches with everything else in between.
    async fn expire_of(&self, partition: PartitionId) {
        let mut walk = Some(Walk::default());
        while let Some(from) = walk.take() {
            self.act(partition, |coordinator, _, now_ms| {
                let (turn, next) = coordinator.expire(&from, now_ms);
                walk = next;
                turn
            });
            self.core.breathe().await;
        }
    }

    /// Takes up and gives up coordinators with the partitions of `__consumer_offsets`; offsets of
    /// deleted topics go.
    pub(in super::super) fn take_group_changes(&self, shards: &Shards, publication: &Publication) {
        let Publication { image, changes } = publication;
        let deleted = changes.topics_deleted.values();
        for partition in deleted.clone().flat_map(|topic| &topic.partitions) {
            // Who waits for it is told to look for another coordinator.
            self.settle_group(*partition, self.core.now_ms());
            self.groups.hosted.borrow_mut().hosts.remove(partition);
        }
        let names: HashSet<Arc<str>> = deleted.map(|topic| topic.name.clone()).collect();
        if !names.is_empty() {
            self.forget_topics(&names);
        }
        if !changes.partitions_created.is_empty() {
            for partition in self.unhosted(image) {
                self.host_group(shards, partition, changes.clone());
            }
        }
        let of_groups = |resource: &ConfigResource| {
            matches!(resource.kind, ResourceType::Group | ResourceType::Broker)
        };
        if changes.configs_changed.iter().any(of_groups) {
            self.configure_all_groups(changes);
        }
        if !changes.partitions_created.is_empty() || !changes.topics_deleted.is_empty() {
            self.refresh_groups();
        }
    }

    /// What is subscribed to may have changed.
    fn refresh_groups(&self) {
        let partitions = self.groups.hosted.borrow().partitions();
        for partition in partitions {
            self.act(partition, |coordinator, topics, now_ms| {
                coordinator.refresh(topics, now_ms)
            });
        }
    }

    fn configure_all_groups(&self, changes: &Changes) {
        let partitions = self.groups.hosted.borrow().partitions();
        for partition in partitions {
            self.configure_groups(partition);
        }
        // Those whose last setting was taken back are not among the image's any more.
        let changed = changes.configs_changed.iter();
        for resource in changed.filter(|resource| resource.kind == ResourceType::Group) {
            self.configure_group(&resource.name);
        }
    }

    fn configure_group(&self, name: &str) {
        let (partition, overrides) = {
            let state = self.state.borrow();
            let overrides = overrides_of(&state.config, &state.image, name);
            (coordinator_partition(&state.image, name), overrides)
        };
        let mut hosted = self.groups.hosted.borrow_mut();
        let host = partition.and_then(|partition| hosted.ready(partition));
        if let Some(coordinator) = host {
            coordinator.configure_group(name.into(), overrides);
        }
    }

    /// Brings a coordinator the settings of the broker, and of those groups that have their own.
    pub(super) fn configure_groups(&self, partition: PartitionId) {
        let state = self.state.borrow();
        let mut hosted = self.groups.hosted.borrow_mut();
        let Some(coordinator) = hosted.ready(partition) else {
            return;
        };
        coordinator.configure(group_config(&state.config, &state.image));
        for (group, overrides) in group_overrides(&state.config, &state.image) {
            if coordinator_partition(&state.image, &group) == Some(partition) {
                coordinator.configure_group(group, overrides);
            }
        }
    }

    fn forget_topics(&self, names: &HashSet<Arc<str>>) {
        let partitions = self.groups.hosted.borrow().partitions();
        for partition in partitions {
            if let Some(Host::Loading { deleted }) =
                self.groups.hosted.borrow_mut().hosts.get_mut(&partition)
            {
                deleted.extend(names.iter().cloned());
            }
            self.act(partition, |coordinator, _, _| {
                coordinator.forget_topics(names)
            });
        }
    }

    /// Partitions of `__consumer_offsets` that this core leads and that have no coordinator yet.
    fn unhosted(&self, image: &MetadataImage) -> Vec<PartitionId> {
        let (state, hosted) = (self.state.borrow(), self.groups.hosted.borrow());
        let topic = image.topic(CONSUMER_OFFSETS).into_iter();
        let led = topic
            .flat_map(|topic| topic.partition_ids())
            .filter(|id| state.partitions.contains_key(id));
        led.filter(|id| !hosted.hosts.contains_key(id)).collect()
    }

    /// Gives all coordinators up: the core closes. Members are told to look for another.
    pub(in super::super) fn unload_groups(&self) {
        self.sum_up_groups();
        let partitions = self.groups.hosted.borrow().partitions();
        for partition in partitions {
            self.act(partition, |coordinator, _, now_ms| {
                coordinator.unload(now_ms)
            });
            let mut hosted = self.groups.hosted.borrow_mut();
            hosted.hosts.insert(partition, Host::Failed);
        }
    }
}

impl Hosted {
    pub(super) fn partitions(&self) -> Vec<PartitionId> {
        self.hosts.keys().copied().collect()
    }

    fn is_ready(&self, partition: PartitionId) -> bool {
        matches!(self.hosts.get(&partition), Some(Host::Ready(_)))
    }

    /// Those with a deadline that has come.
    fn due(&self, now_ms: TimestampMs) -> Vec<PartitionId> {
        let due = self.deadlines().filter(|(_, at)| *at <= now_ms);
        due.map(|(partition, _)| partition).collect()
    }

    fn next_deadline(&self) -> Option<TimestampMs> {
        self.deadlines().map(|(_, at)| at).min()
    }

    fn deadlines(&self) -> impl Iterator<Item = (PartitionId, TimestampMs)> {
        let of = |host: &Host| match host {
            Host::Ready(coordinator) => coordinator.next_deadline(),
            Host::Loading { .. } | Host::Failed => None,
        };
        let hosts = self.hosts.iter();
        hosts.filter_map(move |(partition, host)| Some((*partition, of(host)?)))
    }
}
