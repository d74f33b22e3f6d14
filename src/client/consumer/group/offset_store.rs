//! A member's offsets at the coordinator: one thread that commits and fetches in the order asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::coordinator_link::CoordinatorLink;
use super::member::{Identity, is_passing};
use super::member_thread::Shared;
use super::offset_requests;
use crate::client::{AutoCreate, ClientError, CommittedOffset};
use crate::model::{TopicPartition, Uuid};
use crate::protocol::error_code::ErrorCode;

/// Offsets to commit.
pub(super) type Offsets = Vec<(TopicPartition, CommittedOffset)>;
/// What the group has committed; partitions without an offset are left out.
pub(super) type Committed = BTreeMap<TopicPartition, CommittedOffset>;

/// The application's side.
pub(super) struct OffsetStore {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

enum Job {
    Commit {
        offsets: Offsets,
        /// Until when it is tried again.
        until: Instant,
        done: Box<dyn FnOnce(Result<(), ClientError>) + Send>,
    },
    Fetch {
        partitions: Vec<TopicPartition>,
        done: SyncSender<Result<Committed, ClientError>>,
    },
}

impl OffsetStore {
    /// Starts the thread.
    pub(super) fn start(link: CoordinatorLink, shared: Arc<Shared>, by_epoch: bool) -> Self {
        let (sender, jobs) = mpsc::channel();
        let keeper = Keeper {
            link,
            shared,
            by_epoch,
        };
        let thread = std::thread::Builder::new().name("group-offsets".to_owned());
        let thread = thread.spawn(move || keeper.run(&jobs));
        Self {
            jobs: Some(sender),
            thread: Some(thread.expect("the system can start a thread")),
        }
    }

    /// Commits, and tries again for so long; `done` is called on another thread.
    pub(super) fn commit(
        &self,
        offsets: Offsets,
        patience: Duration,
        done: impl FnOnce(Result<(), ClientError>) + Send + 'static,
    ) {
        let until = Instant::now() + patience;
        let done = Box::new(done);
        self.order(Job::Commit {
            offsets,
            until,
            done,
        });
    }

    /// Commits and waits for the outcome.
    pub(super) fn commit_now(
        &self,
        offsets: Offsets,
        patience: Duration,
    ) -> Result<(), ClientError> {
        let (sender, outcome) = mpsc::sync_channel(1);
        self.commit(offsets, patience, move |result| {
            // Whoever asked waits for it below.
            let _ = sender.send(result);
        });
        outcome.recv().expect("each job is done")
    }

    /// What the group has committed of these partitions, asked once.
    pub(super) fn fetch(&self, partitions: Vec<TopicPartition>) -> Result<Committed, ClientError> {
        let (done, outcome) = mpsc::sync_channel(1);
        self.order(Job::Fetch { partitions, done });
        outcome.recv().expect("each job is done")
    }

    fn order(&self, job: Job) {
        let jobs = self.jobs.as_ref().expect("the thread runs until the end");
        assert!(jobs.send(job).is_ok(), "the thread runs until the end");
    }
}

impl Drop for OffsetStore {
    /// Waits for commits that are still under way.
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the thread that keeps offsets has panicked");
        }
    }
}

struct Keeper {
    link: CoordinatorLink,
    shared: Arc<Shared>,
    /// Whether the coordinator checks a member's epoch when offsets are fetched.
    by_epoch: bool,
}

impl Keeper {
    fn run(mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            match job {
                Job::Commit {
                    offsets,
                    until,
                    done,
                } => done(self.commit(&offsets, until)),
                Job::Fetch { partitions, done } => {
                    // Whoever asked has given up if it is gone.
                    let _ = done.send(self.fetch(&partitions));
                }
            }
        }
    }

    fn commit(&mut self, offsets: &Offsets, until: Instant) -> Result<(), ClientError> {
        let begun = Instant::now();
        let mut backoff = self.link.cluster().backoff();
        loop {
            let error = match self.commit_once(offsets) {
                Err(error) if is_worth_retrying(&error) => error,
                outcome => return outcome,
            };
            let delay = backoff.next_delay(fastrand::u32(..));
            if Instant::now() + delay >= until {
                return Err(match begun.elapsed() < delay {
                    true => error,
                    false => ClientError::Deadline {
                        what: format!("commit offsets of group `{}`", self.link.group()),
                        after: begun.elapsed(),
                        last: Box::new(error),
                    },
                });
            }
            log::debug!("commit failed, trying again in {delay:?}: {error}");
            std::thread::sleep(delay);
        }
    }

    fn commit_once(&mut self, offsets: &Offsets) -> Result<(), ClientError> {
        let identity = self.identity_for(offsets)?;
        let ids = self.topic_ids(offsets.iter().map(|(partition, _)| partition))?;
        let group = self.link.group().to_owned();
        let request = offset_requests::commit(&group, &identity, offsets, &ids);
        let topics = request.topics.clone();
        let response = self.link.ask(self.patience(), |_| request)?;
        let committed = offset_requests::committed(&group, &topics, response.decode()?);
        committed.inspect_err(|error| self.link.on_error(error))
    }

    fn fetch(&mut self, partitions: &[TopicPartition]) -> Result<Committed, ClientError> {
        let ids = self.topic_ids(partitions.iter())?;
        let group = self.link.group().to_owned();
        let identity = self.shared.member().identity();
        let identity = identity.filter(|_| self.by_epoch);
        let mut spoken = 0;
        let response = self.link.ask(self.patience(), |version| {
            spoken = version;
            offset_requests::fetch(&group, identity.as_ref(), partitions, &ids, version)
        })?;
        let fetched = offset_requests::fetched(&group, &ids, response.decode()?, spoken);
        fetched.inspect_err(|error| self.link.on_error(error))
    }

    /// As whom to commit: only what the member still holds is its to commit.
    fn identity_for(&self, offsets: &Offsets) -> Result<Identity, ClientError> {
        let member = self.shared.member();
        let held = |partition: &TopicPartition| member.ownership().holds(partition);
        let foreign = offsets.iter().find(|(partition, _)| !held(partition));
        let refused = |partition: &TopicPartition| ClientError::NotAssigned {
            group: self.link.group().to_owned(),
            partition: partition.clone(),
        };
        match (foreign, member.identity()) {
            (None, Some(identity)) => Ok(identity),
            (Some((partition, _)), _) => Err(refused(partition)),
            (None, None) => Err(refused(&offsets[0].0)),
        }
    }

    /// Names go with ids, because newer versions have the one and older ones the other.
    fn topic_ids<'a>(
        &self,
        partitions: impl Iterator<Item = &'a TopicPartition> + Clone,
    ) -> Result<HashMap<Arc<str>, Uuid>, ClientError> {
        let cluster = self.link.cluster();
        let known = cluster.metadata();
        let unknown = |one: &&TopicPartition| known.topic(&one.topic).is_none();
        let mut missing: Vec<&str> = partitions
            .clone()
            .filter(unknown)
            .map(|one| &*one.topic)
            .collect();
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            cluster.refresh(&missing, AutoCreate::Never)?;
        }
        let known = cluster.metadata();
        let id = |one: &TopicPartition| known.topic(&one.topic).map(|topic| topic.id);
        Ok(partitions
            .filter_map(|one| Some((one.topic.clone(), id(one)?)))
            .collect())
    }

    fn patience(&self) -> Duration {
        self.link.cluster().settings().connection.request_timeout
    }
}

/// Whether the same offsets may be taken soon: the coordinator moves, or the member's thread is
/// about to learn of a new generation.
pub(super) fn is_worth_retrying(error: &ClientError) -> bool {
    let catching_up = matches!(
        error.code(),
        Some(
            ErrorCode::RebalanceInProgress
                | ErrorCode::IllegalGeneration
                | ErrorCode::StaleMemberEpoch
                | ErrorCode::UnstableOffsetCommit
        )
    );
    catching_up || is_passing(error)
}
