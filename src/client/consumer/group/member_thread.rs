//! The thread that keeps a member in its group while the application works.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::assignor::{Assignor, Candidate, PartitionCounts};
use super::coordinator_link::CoordinatorLink;
use super::member::{Answer, Assignments, Identity, JoinPlan, Leave, Member, Report, Work};
use super::requests;
use super::settings::{GroupProtocol, GroupSettings, Subscription};
use crate::client::cluster::lock;
use crate::client::connection::Closer;
use crate::client::consumer::Waker;
use crate::client::consumer_protocol::encode_assignment;
use crate::client::{AutoCreate, ClientError, Refusal, Response};
use crate::model::Uuid;
use crate::protocol::message::heartbeat::HeartbeatResponse;
use crate::protocol::message::join_group::JoinGroupResponse;

/// How much longer than a rebalance may take its answer is waited for.
const GRACE: Duration = Duration::from_secs(5);
/// How long the coordinator may take over a goodbye.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// The member, shared between the application and its thread.
pub(super) struct Shared {
    member: Mutex<Member>,
    changed: Condvar,
    long_call: Mutex<LongCall>,
}

/// What ends a request that may be answered late.
#[derive(Default)]
struct LongCall {
    closer: Option<Closer>,
    closing: bool,
}

impl Shared {
    pub(super) fn new(member: Member) -> Arc<Self> {
        Arc::new(Self {
            member: Mutex::new(member),
            changed: Condvar::new(),
            long_call: Mutex::default(),
        })
    }

    pub(super) fn member(&self) -> MutexGuard<'_, Member> {
        lock(&self.member)
    }

    /// Lets the member's thread look again.
    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Makes the member leave, even if it waits for a rebalance.
    pub(super) fn close(&self) {
        self.member().close();
        let mut long_call = lock(&self.long_call);
        long_call.closing = true;
        if let Some(closer) = &long_call.closer {
            closer.close();
        }
        self.notify();
    }

    /// Waits until there is something to do.
    fn next_work(&self) -> Work {
        let mut member = self.member();
        loop {
            let now = Instant::now();
            let work = member.poll_work(now);
            let Work::Wait(until) = work else {
                return work;
            };
            member = match until {
                None => self
                    .changed
                    .wait(member)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(now);
                    let waited = self.changed.wait_timeout(member, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// The thread's own side.
pub(super) struct MemberThread {
    pub(super) shared: Arc<Shared>,
    pub(super) link: CoordinatorLink,
    pub(super) settings: GroupSettings,
    pub(super) subscription: Subscription,
    pub(super) waker: Waker,
    /// The assignor of the generation, which SyncGroup repeats.
    pub(super) assignor: Option<String>,
}

impl MemberThread {
    pub(super) fn run(mut self) {
        loop {
            let answer = match self.shared.next_work() {
                Work::Stop => break,
                Work::Wait(_) => continue,
                Work::Join(plan) => self.join(&plan),
                Work::Lead(assignor, candidates) => Answer::Led(self.lead(assignor, &candidates)),
                Work::Sync(assignments) => self.sync(&assignments),
                Work::Beat => Answer::Beaten(self.beat()),
                Work::Count(topics) => Answer::Counted(self.count(&topics)),
                Work::Report(report) => Answer::Reported(self.report(&report)),
                Work::Name(ids) => Answer::Named(self.name(&ids)),
                Work::Leave(leave) => self.leave(&leave),
            };
            let mut member = self.shared.member();
            member.on_answer(Instant::now(), answer);
            if member.ownership().has_step() {
                self.waker.wake();
            }
        }
        self.waker.wake();
    }

    fn join(&mut self, plan: &JoinPlan) -> Answer {
        let settings = self.settings.clone();
        let called = self
            .call_long(|link, patience| link.ask(patience, |_| requests::join(&settings, plan)));
        let answer = called.and_then(|response| {
            let decoded: JoinGroupResponse<'_> = response.decode()?;
            self.assignor.clone_from(&decoded.protocol_name);
            Ok(requests::joined(&settings.group, decoded))
        });
        let answer = answer.unwrap_or_else(|error| Answer::Joined(Err(error)));
        if let Answer::Joined(Err(error)) = &answer {
            self.link.on_error(error);
        }
        answer
    }

    fn sync(&mut self, assignments: &[(String, Vec<u8>)]) -> Answer {
        let (settings, identity) = (self.settings.clone(), self.identity());
        let assignor = self.assignor.clone();
        let called = self.call_long(|link, patience| {
            link.ask(patience, |_| {
                requests::sync(&settings, &identity, assignor, assignments)
            })
        });
        let synced =
            called.and_then(|response| requests::synced(&settings.group, &response.decode()?));
        Answer::Synced(synced.inspect_err(|error| self.link.on_error(error)))
    }

    fn beat(&mut self) -> Result<(), ClientError> {
        let (identity, group) = (self.identity(), self.settings.group.clone());
        let patience = self.patience().min(self.settings.session_timeout);
        let response = self
            .link
            .ask(patience, |_| requests::beat(&group, &identity))?;
        let response: HeartbeatResponse = response.decode()?;
        Refusal::check(response.error_code, None)
            .map_err(|refusal| refusal.of(format!("stay in group `{group}`")))
            .inspect_err(|error| self.link.on_error(error))
    }

    fn report(&mut self, report: &Report) -> Result<super::member::Reported, ClientError> {
        let patience = self.patience();
        let (settings, subscription) = (&self.settings, &self.subscription);
        let response = self.link.ask(patience, |_| {
            requests::report(settings, subscription, report)
        })?;
        requests::reported(&self.settings.group, response.decode()?)
            .inspect_err(|error| self.link.on_error(error))
    }

    /// One attempt: whoever goes does not wait for the coordinator to be found, and what it
    /// answers changes nothing.
    fn leave(&mut self, leave: &Leave) -> Answer {
        let (group, classic) = (self.settings.group.clone(), self.is_classic());
        let patience = self.patience().min(LEAVE_PATIENCE);
        let left = match classic {
            true => self
                .link
                .ask(patience, |version| requests::leave(&group, leave, version)),
            false => self
                .link
                .ask(patience, |_| requests::last_report(&group, leave)),
        };
        if let Err(error) = left {
            log::debug!("group `{group}` could not be told of the leave: {error}");
        }
        Answer::Left
    }

    fn lead(
        &self,
        assignor: Assignor,
        candidates: &[Candidate],
    ) -> Result<(Assignments, PartitionCounts), ClientError> {
        let topics = candidates.iter().flat_map(|one| &one.subscription.topics);
        let mut topics: Vec<Arc<str>> = topics.cloned().collect();
        topics.sort();
        topics.dedup();
        let counts = self.count(&topics)?;
        let plan = assignor.assign(candidates, &counts);
        let encoded = plan.into_iter().map(|(member, assigned)| {
            let bytes = encode_assignment(&assigned).map_err(|why| ClientError::Unencodable {
                api: "SyncGroup",
                why: why.to_string(),
            });
            Ok((member, bytes?))
        });
        Ok((encoded.collect::<Result<_, ClientError>>()?, counts))
    }

    /// How many partitions each topic has; one that does not exist has none.
    fn count(&self, topics: &[Arc<str>]) -> Result<PartitionCounts, ClientError> {
        let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
        self.link.cluster().refresh(&names, AutoCreate::Never)?;
        let metadata = self.link.cluster().metadata();
        let count = |topic: &Arc<str>| {
            let partitions = metadata.topic(topic).map(|known| known.partitions.len());
            (topic.clone(), partitions.unwrap_or(0) as i32)
        };
        Ok(topics.iter().map(count).collect::<BTreeMap<_, _>>())
    }

    fn name(&self, ids: &[Uuid]) -> Result<Vec<(Uuid, Arc<str>)>, ClientError> {
        let cluster = self.link.cluster();
        let known = |ids: &[Uuid]| -> Vec<(Uuid, Arc<str>)> {
            let metadata = cluster.metadata();
            let named = ids.iter();
            named
                .filter_map(|id| Some((*id, metadata.name_of(*id)?.clone())))
                .collect()
        };
        let found = known(ids);
        if found.len() == ids.len() {
            return Ok(found);
        }
        match &self.subscription {
            Subscription::Topics(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                cluster.refresh(&names, AutoCreate::Never)?
            }
            Subscription::Regex(_) => cluster.refresh_all_topics()?,
        };
        Ok(known(ids))
    }

    /// A call whose answer may take as long as a rebalance, and which closing ends.
    fn call_long(
        &mut self,
        call: impl FnOnce(&mut CoordinatorLink, Duration) -> Result<Response, ClientError>,
    ) -> Result<Response, ClientError> {
        let patience = self.patience().max(self.settings.poll_interval_max + GRACE);
        let closer = self
            .link
            .closer()
            .inspect_err(|error| self.link.on_error(error))?;
        {
            let mut long_call = lock(&self.shared.long_call);
            if long_call.closing {
                closer.close();
            }
            long_call.closer = Some(closer);
        }
        let called = call(&mut self.link, patience);
        lock(&self.shared.long_call).closer = None;
        called
    }

    fn identity(&self) -> Identity {
        self.shared.member().identity().unwrap_or_default()
    }

    fn is_classic(&self) -> bool {
        matches!(self.settings.protocol, GroupProtocol::Classic(_))
    }

    fn patience(&self) -> Duration {
        self.link.cluster().settings().connection.request_timeout
    }
}
