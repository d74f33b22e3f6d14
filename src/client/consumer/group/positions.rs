//! How far each assigned partition has come, where it starts, and what is committed of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::GroupConsumer;
use super::offset_store::{Offsets, is_worth_retrying};
use super::settings::{GroupSettings, OffsetReset};
use crate::client::cluster::lock;
use crate::client::consumer::{StartAt, start};
use crate::client::{ClientError, CommittedOffset};
use crate::model::{Offset, TopicPartition};
use crate::protocol::error_code::ErrorCode;

/// The assigned partitions.
#[derive(Debug)]
pub(super) struct Positions {
    places: BTreeMap<TopicPartition, Place>,
    /// What the group has committed, as far as this member knows; commits are noted from another
    /// thread.
    committed: Arc<Mutex<BTreeMap<TopicPartition, Offset>>>,
    auto_commit_interval: Option<Duration>,
    commit_at: Instant,
    find_at: Instant,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// To start where the group has committed.
    Unknown,
    /// To start where the reset policy says: what was committed is gone.
    OutOfRange,
    At(Offset),
}

/// The pause after a search for positions that failed.
const FIND_PAUSE: Duration = Duration::from_millis(200);

impl Positions {
    pub(super) fn new(settings: &GroupSettings, now: Instant) -> Self {
        Self {
            places: BTreeMap::new(),
            committed: Arc::default(),
            auto_commit_interval: settings.auto_commit_interval,
            commit_at: now + settings.auto_commit_interval.unwrap_or_default(),
            find_at: now,
            ended: false,
        }
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.places.keys()
    }

    pub(super) fn contains(&self, partition: &TopicPartition) -> bool {
        self.places.contains_key(partition)
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<Offset> {
        match self.places.get(partition)? {
            Place::At(offset) => Some(*offset),
            Place::Unknown | Place::OutOfRange => None,
        }
    }

    pub(super) fn add<'a>(&mut self, partitions: impl Iterator<Item = &'a TopicPartition>) {
        self.places
            .extend(partitions.map(|one| (one.clone(), Place::Unknown)));
    }

    pub(super) fn remove(&mut self, partitions: &BTreeSet<TopicPartition>) {
        self.places.retain(|one, _| !partitions.contains(one));
        lock(&self.committed).retain(|one, _| !partitions.contains(one));
    }

    pub(super) fn advance(&mut self, partition: &TopicPartition, offset: Offset) {
        if let Some(place) = self.places.get_mut(partition) {
            *place = Place::At(offset);
        }
    }

    pub(super) fn on_out_of_range(&mut self, partition: &TopicPartition) {
        if let Some(place) = self.places.get_mut(partition) {
            log::warn!("{partition}: its position is not among its offsets, starting anew");
            *place = Place::OutOfRange;
        }
    }

    /// Positions that differ from what is committed.
    pub(super) fn uncommitted(&self) -> Offsets {
        let committed = lock(&self.committed);
        let places = self.places.iter();
        let changed = places.filter_map(|(partition, place)| match place {
            Place::At(offset) if committed.get(partition) != Some(offset) => {
                Some((partition.clone(), plain(*offset)))
            }
            _ => None,
        });
        changed.collect()
    }

    pub(super) fn on_committed(&self, offsets: &Offsets) {
        note(&self.committed, offsets);
    }

    /// What notes these offsets as committed, on whichever thread learns of it.
    pub(super) fn committed_note(&self, offsets: Offsets) -> impl FnOnce() + Send + 'static {
        let committed = self.committed.clone();
        move || note(&committed, &offsets)
    }

    /// The membership is over.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// How long until something is due.
    pub(super) fn due_in(&self, now: Instant) -> Option<Duration> {
        let commit_at = self.auto_commit_interval.map(|_| self.commit_at);
        let find_at = (!self.unknown().is_empty()).then_some(self.find_at);
        let due = [commit_at, find_at].into_iter().flatten().min();
        due.map(|at| at.saturating_duration_since(now))
    }

    fn unknown(&self) -> Vec<TopicPartition> {
        let places = self.places.iter();
        let unknown = places.filter(|(_, place)| !matches!(place, Place::At(_)));
        unknown.map(|(partition, _)| partition.clone()).collect()
    }
}

fn note(committed: &Mutex<BTreeMap<TopicPartition, Offset>>, offsets: &Offsets) {
    let offsets = offsets.iter();
    lock(committed).extend(offsets.map(|(partition, at)| (partition.clone(), at.offset)));
}

fn plain(offset: Offset) -> CommittedOffset {
    CommittedOffset {
        offset,
        leader_epoch: -1,
        metadata: String::new(),
    }
}

impl GroupConsumer {
    /// Finds where newly assigned partitions start; what fails for a reason that passes is tried
    /// again by a later poll, since the assignment may change meanwhile.
    pub(super) fn find_positions(&mut self, now: Instant) -> Result<(), ClientError> {
        let unknown = self.positions.unknown();
        if unknown.is_empty() || now < self.positions.find_at {
            return Ok(());
        }
        match self.look_up(&unknown) {
            Ok(()) => Ok(()),
            Err(error) if is_transient(&error) => {
                log::debug!("no positions yet: {error}");
                self.positions.find_at = now + FIND_PAUSE;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn look_up(&mut self, unknown: &[TopicPartition]) -> Result<(), ClientError> {
        let places = &self.positions.places;
        let fresh = unknown.iter().filter(|one| places[*one] == Place::Unknown);
        let fresh: Vec<_> = fresh.cloned().collect();
        let committed = match fresh.is_empty() {
            true => BTreeMap::new(),
            false => self.store.fetch(fresh)?,
        };
        let known: Offsets = committed.into_iter().collect();
        self.positions.on_committed(&known);
        for (partition, at) in known {
            self.seek(&partition, at.offset)?;
        }
        self.reset_the_rest()
    }

    fn reset_the_rest(&mut self) -> Result<(), ClientError> {
        let rest = self.positions.unknown();
        let Some(first) = rest.first() else {
            return Ok(());
        };
        let start = match self.settings.offset_reset {
            OffsetReset::Earliest => StartAt::Earliest,
            OffsetReset::Latest => StartAt::Latest,
            OffsetReset::None => {
                return Err(ClientError::NoCommittedOffset {
                    group: self.settings.group.clone(),
                    partition: first.clone(),
                });
            }
        };
        let wanted: Vec<_> = rest.into_iter().map(|one| (one, start)).collect();
        let isolation = self.settings.consumer.isolation;
        for (partition, offset) in start::resolve(&self.cluster, &wanted, isolation)? {
            self.seek(&partition, offset)?;
        }
        Ok(())
    }

    /// Commits what was given out by earlier polls, without waiting.
    pub(super) fn commit_if_due(&mut self, now: Instant) {
        let Some(interval) = self.positions.auto_commit_interval else {
            return;
        };
        if now < self.positions.commit_at {
            return;
        }
        self.positions.commit_at = now + interval;
        let offsets = self.positions.uncommitted();
        self.commit_async(offsets, |outcome| {
            if let Err(error) = outcome {
                log::debug!("automatic commit failed, the next one repeats it: {error}");
            }
        });
    }
}

/// Whether positions may be found soon: the member or a topic has just changed.
fn is_transient(error: &ClientError) -> bool {
    let unsettled = matches!(
        error.code(),
        Some(ErrorCode::UnknownMemberId | ErrorCode::UnknownTopicId)
    );
    let changing = matches!(
        error,
        ClientError::Deadline { .. } | ClientError::NoTopic { .. }
    );
    unsettled || changing || is_worth_retrying(error) || error.is_retriable()
}
