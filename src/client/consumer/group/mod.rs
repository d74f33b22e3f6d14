//! A consumer as a member of a group.
//!
//! Three threads and what they share: the application's, which polls and carries out what a
//! rebalance asks of it ([`GroupConsumer`]); the member's, which talks to the coordinator
//! (`member_thread`) as the state machine of the protocol decides (`classic_member`,
//! `consumer_member`); and one that commits and fetches offsets in order (`offset_store`).
//!
//! Not there: topics by regular expression in classic groups, racks, a change of the subscription.

mod assignor;
mod classic_member;
mod consumer_member;
mod coordinator_link;
mod listener;
mod member;
mod member_thread;
mod offset_requests;
mod offset_store;
mod ownership;
mod positions;
mod rebalance;
mod requests;
mod settings;
#[cfg(test)]
mod test_member;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::coordinator_link::CoordinatorLink;
use self::member::Member;
use self::member_thread::{MemberThread, Shared};
use self::offset_store::OffsetStore;
use self::positions::Positions;
use super::{Consumer, Fetched, Polled};
use crate::client::{ClientError, Cluster, CommittedOffset};
use crate::model::{Offset, TopicPartition};

pub use assignor::Assignor;
pub use listener::{NoListener, RebalanceListener};
pub use settings::{GroupProtocol, GroupSettings, OffsetReset, Subscription};

/// Reads the partitions that its group gives it, from where the group has come to.
///
/// The application polls; heartbeats go out beside. Everything that changes what is read happens
/// within a poll, so that between two of them the assignment stands still. A consumer that is
/// dropped leaves its group too, but commits nothing; [`GroupConsumer::close`] does.
pub struct GroupConsumer {
    settings: GroupSettings,
    cluster: Arc<Cluster>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    fetcher: Consumer,
    store: OffsetStore,
    positions: Positions,
    /// Away while it is called, when no rebalance may go on either.
    listener: Option<Box<dyn RebalanceListener>>,
}

/// What a broker knows a member by, as a transaction that commits its offsets must tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupIdentity {
    /// The group.
    pub group: String,
    /// The member.
    pub member_id: String,
    /// The generation of a classic group, the member's epoch in another.
    pub epoch: i32,
    /// The name of a static member.
    pub instance_id: Option<String>,
}

/// How often a waiting poll shows that the application is alive, at least.
const POLL_STEP_MAX: Duration = Duration::from_secs(1);

impl GroupConsumer {
    /// Begins to join the group; partitions come with the polls.
    pub fn start(
        cluster: Arc<Cluster>,
        settings: GroupSettings,
        subscription: Subscription,
        listener: Box<dyn RebalanceListener>,
    ) -> Result<Self, ClientError> {
        settings.check(&subscription)?;
        let fetcher = Consumer::idle(cluster.clone(), settings.consumer.clone())?;
        let shared = Shared::new(Member::new(
            &settings,
            subscription.clone(),
            cluster.backoff(),
            Instant::now(),
            fastrand::Rng::new(),
        ));
        let link = || CoordinatorLink::new(cluster.clone(), settings.group.clone());
        let by_epoch = matches!(settings.protocol, GroupProtocol::Consumer(_));
        let store = OffsetStore::start(link(), shared.clone(), by_epoch);
        let member = MemberThread {
            shared: shared.clone(),
            link: link(),
            settings: settings.clone(),
            subscription,
            waker: fetcher.waker(),
            assignor: None,
        };
        let thread = std::thread::Builder::new().name("group-member".to_owned());
        let thread = thread.spawn(move || member.run());
        Ok(Self {
            positions: Positions::new(&settings, Instant::now()),
            settings,
            cluster,
            shared,
            thread: Some(thread.expect("the system can start a thread")),
            fetcher,
            store,
            listener: Some(listener),
        })
    }

    /// The next records of any partition, waiting for them at most so long; takes part in
    /// rebalances meanwhile.
    ///
    /// Whoever polls is done with what the last poll brought: its offsets count as consumed.
    pub fn poll(&mut self, wait: Duration) -> Result<Option<Fetched>, ClientError> {
        let deadline = Instant::now() + wait;
        loop {
            self.attend()?;
            let now = Instant::now();
            let step = deadline
                .saturating_duration_since(now)
                .min(self.poll_step());
            match self.fetcher.poll_once(step)? {
                Polled::Fetched(fetched) => {
                    self.positions
                        .advance(&fetched.partition, fetched.next_offset);
                    return Ok(Some(fetched));
                }
                Polled::OutOfRange(partition) => self.positions.on_out_of_range(&partition),
                Polled::Nothing if Instant::now() >= deadline => return Ok(None),
                Polled::Nothing => {}
            }
        }
    }

    /// The partitions that are read now.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.positions.partitions()
    }

    /// The offset after the last record that was given out; `None` if the partition is not
    /// assigned or has no position yet.
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        self.positions.get(partition)
    }

    /// Goes on with an assigned partition at this offset.
    pub fn seek(&mut self, partition: &TopicPartition, offset: Offset) -> Result<(), ClientError> {
        self.check_assigned(partition)?;
        self.positions.advance(partition, offset);
        self.fetcher.seek(partition, offset);
        Ok(())
    }

    /// Brings no records of these until they are resumed; they stay assigned, and what was fetched
    /// of them is fetched again.
    pub fn pause(&mut self, partitions: &[TopicPartition]) {
        self.fetcher.pause(partitions);
    }

    /// Brings records of these again.
    pub fn resume(&mut self, partitions: &[TopicPartition]) {
        self.fetcher.resume(partitions);
    }

    /// Commits everything that polls have given out, and waits for it.
    pub fn commit(&mut self) -> Result<(), ClientError> {
        let offsets = self.positions.uncommitted();
        self.commit_offsets(offsets)
    }

    /// Commits these offsets of assigned partitions, and waits for it. A rebalance under way is
    /// waited for, until the cluster's deadline.
    pub fn commit_offsets(
        &mut self,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
    ) -> Result<(), ClientError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let patience = self.cluster.settings().deadline;
        self.store.commit_now(offsets.clone(), patience)?;
        self.positions.on_committed(&offsets);
        Ok(())
    }

    /// Commits these offsets without waiting, once; `done` is told on a thread of the consumer's.
    /// Commits keep their order, whether they are waited for or not.
    pub fn commit_async(
        &mut self,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
        done: impl FnOnce(Result<(), ClientError>) + Send + 'static,
    ) {
        if offsets.is_empty() {
            return done(Ok(()));
        }
        let on_committed = self.positions.committed_note(offsets.clone());
        self.store.commit(offsets, Duration::ZERO, move |outcome| {
            if outcome.is_ok() {
                on_committed();
            }
            done(outcome);
        });
    }

    /// What the group has committed of these partitions, assigned or not; those it has committed
    /// nothing of are left out.
    pub fn committed(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, CommittedOffset)>, ClientError> {
        let patience = self.cluster.settings().deadline;
        let what = format!(
            "fetch the committed offsets of group `{}`",
            self.settings.group
        );
        let committed = self
            .cluster
            .try_until(patience, &what, |_| self.store.fetch(partitions.to_vec()))?;
        Ok(committed.into_iter().collect())
    }

    /// As whom the consumer is in its group; `None` while it is not.
    pub fn identity(&self) -> Option<GroupIdentity> {
        let identity = self.shared.member().identity()?;
        Some(GroupIdentity {
            group: self.settings.group.clone(),
            member_id: identity.member_id,
            epoch: identity.epoch,
            instance_id: identity.instance_id,
        })
    }

    /// Why the coordinator is not heard of at the moment; polls go on trying.
    pub fn trouble(&self) -> Option<String> {
        self.shared.member().trouble().map(str::to_owned)
    }

    /// Gives everything back, after a last commit if the consumer commits by itself, and leaves
    /// the group; a static member leaves its place open until its session ends.
    pub fn close(mut self) -> Result<(), ClientError> {
        let (owned, lost) = {
            let member = self.shared.member();
            let ownership = member.ownership();
            (ownership.owned().clone(), ownership.is_lost())
        };
        let committed = match lost {
            true => {
                self.lose(&owned);
                Ok(())
            }
            false => self.revoke(&owned),
        };
        self.leave();
        committed
    }

    fn check_assigned(&self, partition: &TopicPartition) -> Result<(), ClientError> {
        match self.positions.contains(partition) {
            true => Ok(()),
            false => Err(ClientError::NotAssigned {
                group: self.settings.group.clone(),
                partition: partition.clone(),
            }),
        }
    }

    /// A wait that is short enough for the longest poll interval and for what is due meanwhile.
    fn poll_step(&self) -> Duration {
        let due = self.positions.due_in(Instant::now());
        let alive = (self.settings.poll_interval_max / 4).min(POLL_STEP_MAX);
        due.unwrap_or(POLL_STEP_MAX).min(alive)
    }

    fn leave(&mut self) {
        self.shared.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the thread of the group's member has panicked");
        }
    }
}

impl Drop for GroupConsumer {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.leave();
        }
    }
}

impl std::fmt::Debug for GroupConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupConsumer")
            .field("settings", &self.settings)
            .field("positions", &self.positions)
            .finish_non_exhaustive()
    }
}
