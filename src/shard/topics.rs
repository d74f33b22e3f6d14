//! Partitions come and go with the metadata; at a start, with what lies in the data directory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::appends::AppendTicket;
use super::journal_replay::OpenedLog;
use super::log_config::{log_config, topic_config};
use super::message::{Publication, ShardReply};
use super::shards::ReplyTo;
use super::{Owned, Shard};
use crate::config::BrokerConfig;
use crate::log::{LoadedDir, Log, LogConfig, OpenError, OpenLog, Opened, set_stray_aside};
use crate::metadata::{CLUSTER_METADATA, MetadataImage, ResourceType, TopicImage};
use crate::model::{Offset, PartitionId, TopicPartition};
use crate::partition::{Partition, PartitionError, Progress, Watcher};
use crate::runtime::sync::join_all;

/// Logs opened by one call: opening goes on in so many pieces side by side.
const OPEN_TOGETHER: usize = 256;

/// How often a deletion looks whether the partition's last flush is through.
const DOOMED_POLL: Duration = Duration::from_millis(2);

/// Logs found on disk, opened, and waiting for their partitions.
#[derive(Debug, Default)]
pub struct OpenReport {
    /// How many logs were opened.
    pub logs: usize,
    /// How many of them had to be recovered.
    pub recovered: usize,
    /// Bytes whose checksums were verified for that.
    pub bytes_verified: u64,
    /// Logs that could not be opened, with the reason.
    pub failed: Vec<(TopicPartition, String)>,
}

/// What the next start should know of a log.
#[derive(Clone, Debug)]
pub struct LogPositions {
    /// The log.
    pub name: TopicPartition,
    /// For Kafka's recovery-point checkpoint.
    pub recovery_point: Offset,
    /// For Kafka's log-start checkpoint.
    pub log_start: Offset,
    /// For Kafka's high-watermark checkpoint.
    pub high_watermark: Offset,
    /// For Kafka's cleaner checkpoint; `None` for a log that was never compacted.
    pub cleaned_to: Option<Offset>,
    /// Whether its files are complete: only then may a next start trust them unread.
    pub closed: bool,
}

impl Owned {
    /// Opens this core's share of the logs that were found.
    pub(super) async fn open_logs(
        &self,
        image: Arc<MetadataImage>,
        found: Arc<LoadedDir>,
    ) -> OpenReport {
        let config = self.state.borrow().config.clone();
        let now_ms = self.core.now_ms();
        self.state.borrow_mut().points.generation = found.points.generation();
        self.state.borrow_mut().opening = Some(image.clone());
        let mut wanted: Vec<OpenLog> = Vec::new();
        let mut configs = Configs::new(&config, &image);
        for dir in &found.partitions {
            let Some(id) = identify(&image, &dir.name) else {
                continue;
            };
            if id.owner_core(self.core.count()) == self.core.id() {
                wanted.push(open_log(
                    id,
                    &dir.name,
                    configs.of(&dir.name.topic),
                    &found,
                    now_ms,
                ));
            }
        }
        let mut report = OpenReport::default();
        let pieces: Vec<Vec<OpenLog>> = wanted.chunks(OPEN_TOGETHER).map(<[_]>::to_vec).collect();
        let opening = pieces
            .into_iter()
            .map(|piece| self.open_piece(piece))
            .collect();
        for (name, opened) in join_all(opening).await.into_iter().flatten() {
            if let Err(OpenError::TopicId { .. }) = &opened {
                self.set_aside(name, &mut report).await;
                continue;
            }
            self.state
                .borrow_mut()
                .take_opened(&found, name, opened, &mut report);
        }
        report
    }

    /// A log of an earlier topic of the same name makes way for the one of today.
    async fn set_aside(&self, name: TopicPartition, report: &mut OpenReport) {
        let (path, stray, unique) = (self.dir.path().to_owned(), name.clone(), fastrand::u128(..));
        let renamed = self
            .core
            .blocking(move || set_stray_aside(&path, &stray, unique))
            .await;
        match renamed {
            Ok(aside) => log::warn!("{name} is of another topic, see {}", aside.display()),
            Err(error) => report.failed.push((name, error.to_string())),
        }
    }

    async fn open_piece(
        &self,
        piece: Vec<OpenLog>,
    ) -> Vec<(TopicPartition, Result<Opened, OpenError>)> {
        let names: Vec<TopicPartition> = piece.iter().map(|log| log.name.clone()).collect();
        let opened = Log::open_many(&self.dir, piece).await;
        names.into_iter().zip(opened).collect()
    }

    /// Puts an image in force; replies once the directories of deleted partitions have their new
    /// names, so that a topic of the same name can be created at once.
    pub(super) fn publish(&self, publication: &Publication, reply: ReplyTo) -> Vec<Watcher> {
        let (deleted, woken) = self.state.borrow_mut().apply(publication);
        if deleted.is_empty() && self.state.borrow().doomed.is_empty() {
            reply.send(ShardReply::Published);
            return woken;
        }
        let owned = self.clone();
        self.core.spawn(async move {
            owned.delete_all(deleted).await;
            reply.send(ShardReply::Published);
        });
        woken
    }

    async fn delete_all(&self, deleted: Vec<Partition<AppendTicket>>) {
        join_all(
            deleted
                .into_iter()
                .map(|partition| self.delete(partition))
                .collect(),
        )
        .await;
        loop {
            let idle = self.state.borrow_mut().take_doomed();
            let none_left = idle.is_empty() && self.state.borrow().doomed.is_empty();
            join_all(
                idle.into_iter()
                    .map(|partition| self.delete(partition))
                    .collect(),
            )
            .await;
            if none_left {
                return;
            }
            self.core.sleep(DOOMED_POLL).await;
        }
    }

    /// Renames a deleted partition's directory now and removes it after the delay.
    async fn delete(&self, partition: Partition<AppendTicket>) {
        let (log, _, _) = partition.into_log();
        let delay = Duration::from_millis(log.config().file_delete_delay_ms);
        let name = log.name().clone();
        match log.delete().run(&self.dir, fastrand::u128(..)).await {
            Ok(deleted) => {
                let (dir, core) = (self.dir.clone(), self.core.clone());
                self.core.spawn(async move {
                    core.sleep(delay).await;
                    if let Err(error) = deleted.remove(&dir).await {
                        log::error!("{name}: removing the deleted log failed: {error}");
                    }
                });
            }
            Err(error) => log::error!("{name}: renaming the deleted log failed: {error}"),
        }
    }
}

impl Shard {
    /// The log is led once it has what the journals have of it.
    fn take_opened(
        &mut self,
        found: &LoadedDir,
        name: TopicPartition,
        opened: Result<Opened, OpenError>,
        report: &mut OpenReport,
    ) {
        match opened {
            Ok(Opened { log, recovery }) => {
                report.logs += 1;
                report.recovered += usize::from(!recovery.clean);
                report.bytes_verified += recovery.bytes_verified;
                let id = log.partition();
                let log_start = log_start(found, id, &name);
                self.opened.insert(id, OpenedLog { log, log_start });
            }
            Err(error) => report.failed.push((name, error.to_string())),
        }
    }

    fn apply(&mut self, publication: &Publication) -> (Vec<Partition<AppendTicket>>, Vec<Watcher>) {
        let Publication { image, changes } = publication;
        self.image = image.clone();
        self.take_broker_settings(image, changes);
        let gone = changes
            .topics_deleted
            .values()
            .flat_map(|topic| &topic.partitions);
        let mut woken = Vec::new();
        let gone: Vec<PartitionId> = gone.copied().collect();
        let deleted = gone
            .iter()
            .filter_map(|id| self.remove(*id, &mut woken))
            .collect();
        let created: Vec<PartitionId> = changes.partitions_created.iter().copied().collect();
        self.create(image, &created);
        for id in &changes.partitions_changed {
            if let (Some((_, partition)), Some(own)) =
                (image.partition(*id), self.partitions.get_mut(id))
            {
                own.set_leader_epoch(partition.leader_epoch.max(own.leader_epoch()));
            }
        }
        let topics = changes.configs_changed.iter();
        for resource in topics {
            match resource.kind {
                ResourceType::Topic => self.reconfigure(image, Some(&resource.name)),
                ResourceType::Broker => self.reconfigure(image, None),
                _ => {}
            }
        }
        (deleted, woken)
    }

    fn create(&mut self, image: &MetadataImage, created: &[PartitionId]) {
        let config = self.config.clone();
        let mut configs = Configs::new(&config, image);
        let now_ms = self.core.now_ms();
        for id in created {
            if !self.owns(*id) || self.partitions.contains_key(id) {
                continue;
            }
            let Some((topic, partition)) = image.partition(*id) else {
                continue;
            };
            let name = TopicPartition {
                topic: topic.name.clone(),
                partition: id.index,
            };
            let log_config = configs.of(&topic.name);
            let log = Log::new(self.dir.path(), name, id.topic_id, log_config, now_ms);
            let rule = self.commit_rule();
            self.partitions
                .insert(*id, Partition::lead(log, partition.leader_epoch, rule));
        }
    }

    /// Takes a partition away; `Some` if its log can be deleted at once.
    fn remove(
        &mut self,
        id: PartitionId,
        woken: &mut Vec<Watcher>,
    ) -> Option<Partition<AppendTicket>> {
        let mut partition = self.partitions.remove(&id)?;
        self.dirty.remove(&id);
        self.unsynced.remove(&id);
        self.sync_later.remove(&id);
        let Progress {
            answered,
            woken: watchers,
        } = partition.on_failure();
        answered
            .into_iter()
            .for_each(|ticket| ticket.fail(PartitionError::Unknown));
        woken.extend(watchers);
        if partition.log().is_busy() {
            self.doomed.push(partition);
            return None;
        }
        Some(partition)
    }

    /// Deleted partitions whose last flush is through.
    pub(super) fn take_doomed(&mut self) -> Vec<Partition<AppendTicket>> {
        let doomed = std::mem::take(&mut self.doomed);
        let (busy, idle) = doomed
            .into_iter()
            .partition(|partition| partition.log().is_busy());
        self.doomed = busy;
        idle
    }

    /// Takes new settings for the partitions of one topic, or of all.
    fn reconfigure(&mut self, image: &MetadataImage, topic: Option<&str>) {
        let config = self.config.clone();
        let mut configs = Configs::new(&config, image);
        let named: Vec<&Arc<TopicImage>> = match topic {
            Some(name) => image.topic(name).into_iter().collect(),
            None => image.topics.iter().collect(),
        };
        for topic in named {
            let log_config = configs.of(&topic.name);
            for id in topic.partition_ids() {
                if let Some(partition) = self.partitions.get_mut(&id) {
                    partition.log_mut().set_config(log_config.clone());
                }
            }
        }
    }

    /// Where every log of this core stands, once they are closed.
    pub(super) fn closed_positions(&self) -> Vec<LogPositions> {
        let mut positions = self.positions();
        for position in &mut positions {
            position.recovery_point = position.recovery_point.max(position.high_watermark);
        }
        positions
    }

    /// Where every log of this core stands.
    pub(super) fn positions(&self) -> Vec<LogPositions> {
        let position = |partition: &Partition<AppendTicket>| LogPositions {
            name: partition.log().name().clone(),
            recovery_point: partition.log().recovery_point(),
            log_start: partition.log().log_start(),
            high_watermark: partition.high_watermark(),
            cleaned_to: partition.log().cleaned_to(),
            closed: partition.log().closed().is_some(),
        };
        let on_disk = self
            .partitions
            .values()
            .filter(|partition| partition.log().is_on_disk());
        on_disk.map(position).collect()
    }
}

/// The log settings of topics, worked out once for each.
struct Configs<'a> {
    config: &'a BrokerConfig,
    image: &'a MetadataImage,
    known: HashMap<String, Arc<LogConfig>>,
}

impl<'a> Configs<'a> {
    fn new(config: &'a BrokerConfig, image: &'a MetadataImage) -> Self {
        Self {
            config,
            image,
            known: HashMap::new(),
        }
    }

    fn of(&mut self, topic: &str) -> Arc<LogConfig> {
        if let Some(known) = self.known.get(topic) {
            return known.clone();
        }
        let made = log_config(self.config, &topic_config(self.config, self.image, topic));
        self.known.insert(topic.to_owned(), made.clone());
        made
    }
}

/// The directories whose partitions the metadata does not know: deleted just before a crash, or
/// of another cluster. They must not be taken for logs of later topics of the same names.
pub fn strays(image: &MetadataImage, found: &LoadedDir) -> Vec<TopicPartition> {
    let names = found.partitions.iter().map(|dir| &dir.name);
    names
        .filter(|name| &*name.topic != CLUSTER_METADATA && identify(image, name).is_none())
        .cloned()
        .collect()
}

/// The partition that a directory's name means today.
fn identify(image: &MetadataImage, name: &TopicPartition) -> Option<PartitionId> {
    let topic = image.topic(&name.topic)?;
    let index = name.partition;
    topic.partition(index).map(|_| PartitionId {
        topic_id: topic.id,
        index,
    })
}

/// Where a log is to start, by whichever file says so.
fn log_start(found: &LoadedDir, id: PartitionId, name: &TopicPartition) -> Offset {
    let point = found.points.get(id).map_or(0, |point| point.log_start);
    found
        .log_starts
        .get(name)
        .map_or(point, |start| point.max(*start))
}

fn open_log(
    id: PartitionId,
    name: &TopicPartition,
    config: Arc<LogConfig>,
    found: &LoadedDir,
    now_ms: i64,
) -> OpenLog {
    OpenLog {
        name: name.clone(),
        topic_id: Some(id.topic_id),
        config,
        clean: found.clean,
        point: found.points.get(id).copied(),
        recovery_point: found.recovery_points.get(name).copied().unwrap_or(0),
        log_start: found.log_starts.get(name).copied().unwrap_or(0),
        cleaned_to: found.cleaned.get(name).copied(),
        now_ms,
    }
}
