//! A scripted member: what its script wants, on its connection, at its times.

use std::net::TcpStream;

use super::counts::Counts;
use super::fetcher::Fetcher;
use super::link::{Answer, Asked, Framed, Link};
use super::requests::{commit_code, commit_request, positions, positions_request};
use super::script::{Change, Script, Wanted};
use crate::bench::BenchError;
use crate::model::Uuid;
use crate::protocol::api_key::ApiKey;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use crate::protocol::message::heartbeat::HeartbeatResponse;
use crate::protocol::message::join_group::JoinGroupResponse;
use crate::protocol::message::leave_group::LeaveGroupResponse;
use crate::protocol::message::offset_commit::OffsetCommitResponse;
use crate::protocol::message::offset_fetch::OffsetFetchResponse;
use crate::protocol::message::sync_group::SyncGroupResponse;

/// A coordinator that is not ready is asked again after so long.
const RETRY_US: u64 = 100_000;

/// One member of a group on a connection of its own, as a broker answers the requests of one
/// connection one after the other, and JoinGroup waits.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) script: Script,
    link: Link,
    topic_id: Uuid,
    /// A classic member's own; the others are told by the broker.
    interval_us: u64,
    begun: bool,
    /// It shall leave as soon as what it asked is answered.
    leaving: bool,
    retry_us: u64,
    next_heartbeat_us: u64,
    /// The heartbeat of a member at rest, until something changes.
    heartbeat: Option<Framed>,
    /// What goes to the coordinator now and then although nothing is read.
    commits: Option<Commits>,
    fetcher: Option<Fetcher>,
    /// How far what is given up was read.
    read: Vec<(i32, i64)>,
}

#[derive(Debug)]
struct Commits {
    interval_us: u64,
    next_us: u64,
    framed: Option<Framed>,
}

impl Member {
    pub(super) fn new(script: Script, link: Link, topic_id: Uuid, interval_us: u64) -> Self {
        Self {
            script,
            link,
            topic_id,
            interval_us,
            begun: false,
            leaving: false,
            retry_us: 0,
            next_heartbeat_us: 0,
            heartbeat: None,
            commits: None,
            fetcher: None,
            read: Vec::new(),
        }
    }

    /// Lets it read what it has.
    pub(super) fn reading(self, fetcher: Fetcher) -> Self {
        Self {
            fetcher: Some(fetcher),
            ..self
        }
    }

    /// Joins from now on.
    pub(super) fn begin(&mut self) {
        self.begun = true;
    }

    /// Becomes another member, that has not joined yet.
    pub(super) fn become_new(&mut self, script: Script) {
        self.script = script;
        self.heartbeat = None;
        self.begun = false;
    }

    /// Leaves, having committed what it read.
    pub(super) fn leave(&mut self) {
        if !self.begun {
            return self.script.on_left();
        }
        self.leaving = true;
        if !self.is_waiting() {
            self.leave_now();
        }
    }

    fn leave_now(&mut self) {
        self.leaving = false;
        self.script.leave();
        self.heartbeat = None;
        self.give_up();
    }

    /// Whether it is a member, has what it was assigned and knows of nothing else.
    pub(super) fn is_at_rest(&self) -> bool {
        self.script.wanted() == Wanted::Heartbeat
    }

    pub(super) fn is_gone(&self) -> bool {
        self.script.wanted() == Wanted::Nothing
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.link.waiting() > 0
    }

    /// From now on heartbeats come at this time and every interval after it, and commits too.
    pub(super) fn set_times(&mut self, first_us: u64, commits: Option<(u64, u64)>) {
        self.next_heartbeat_us = first_us;
        self.commits = commits.map(|(next_us, interval_us)| Commits {
            interval_us,
            next_us,
            framed: None,
        });
    }

    /// How often it heartbeats.
    pub(super) fn interval_us(&self) -> u64 {
        match &self.script {
            Script::Classic(_) => self.interval_us,
            Script::Consumer(member) => member.heartbeat_interval_ms.max(1) as u64 * 1000,
        }
    }

    pub(super) fn streams(&self) -> Vec<&TcpStream> {
        let own = std::iter::once(self.link.stream());
        own.chain(self.fetcher.as_ref().map(Fetcher::stream))
            .collect()
    }

    pub(super) fn due_us(&self) -> Option<u64> {
        if !self.begun || self.link.waiting() > 0 {
            return None;
        }
        match self.script.wanted() {
            Wanted::Nothing => None,
            Wanted::Heartbeat => {
                let commit_us = self.commits.as_ref().map_or(u64::MAX, |c| c.next_us);
                Some(self.next_heartbeat_us.min(commit_us).max(self.retry_us))
            }
            _ => Some(self.retry_us),
        }
    }

    pub(super) fn on_due(&mut self, now_us: u64) -> Result<(), BenchError> {
        if self.due_us().is_none_or(|due_us| due_us > now_us) {
            return Ok(());
        }
        match self.script.wanted() {
            Wanted::Heartbeat => self.stay(now_us),
            Wanted::Commit => {
                let request = commit_request(&self.script, self.topic_id, &self.read);
                self.link.ask(&request, now_us)
            }
            Wanted::Positions => self.ask_positions(now_us),
            Wanted::Join | Wanted::Sync | Wanted::Acknowledge | Wanted::Leave => {
                self.ask_as_script(now_us)
            }
            Wanted::Nothing => Ok(()),
        }
    }

    fn ask_positions(&mut self, now_us: u64) -> Result<(), BenchError> {
        let script = &self.script;
        let member = match script {
            Script::Classic(_) => None,
            Script::Consumer(_) => Some(script.identity()),
        };
        let (group, topic) = (&script.membership().group, &script.membership().topic);
        let request = positions_request(group, member, topic, self.topic_id, script.added());
        self.link.ask(&request, now_us)
    }

    /// What only members of this protocol say, or say in this way.
    fn ask_as_script(&mut self, now_us: u64) -> Result<(), BenchError> {
        let link = &mut self.link;
        match (&self.script, self.script.wanted()) {
            (Script::Consumer(member), _) => link.ask(&member.heartbeat_request(), now_us),
            (Script::Classic(member), Wanted::Join) => link.ask(&member.join_request(), now_us),
            (Script::Classic(member), Wanted::Sync) => link.ask(&member.sync_request(), now_us),
            (Script::Classic(member), Wanted::Leave) => link.ask(&member.leave_request(), now_us),
            (Script::Classic(_), wanted) => panic!("a classic member never wants {wanted:?}"),
        }
    }

    pub(super) fn on_ready(
        &mut self,
        link: usize,
        now_us: u64,
        counts: &mut Counts,
    ) -> Result<(), BenchError> {
        if let (1, Some(fetcher)) = (link, &mut self.fetcher) {
            return fetcher.on_ready(now_us, &mut counts.pauses);
        }
        self.link.move_bytes()?;
        let Some(answer) = self.link.next_answer()? else {
            return Ok(());
        };
        let asked = answer.asked;
        let taken = take(&mut self.script, answer, counts);
        self.on_taken(asked, taken, now_us, counts)?;
        if self.leaving && !self.is_waiting() {
            self.leave_now();
        }
        Ok(())
    }

    fn on_taken(
        &mut self,
        asked: Asked,
        taken: Result<Taken, Failed>,
        now_us: u64,
        counts: &mut Counts,
    ) -> Result<(), BenchError> {
        match taken {
            Ok(Taken::Heartbeat(change)) => {
                counts.on_heartbeat(now_us, asked.due_us, change);
                self.on_heartbeat(now_us, change);
            }
            Ok(Taken::Joined) => {
                self.heartbeat = None;
                self.next_heartbeat_us = now_us + self.interval_us();
                self.give_up();
            }
            Ok(Taken::Committed) => {
                counts.on_commit(now_us, asked.due_us);
                if self.script.wanted() == Wanted::Commit {
                    self.read.clear();
                    self.script.on_committed();
                }
            }
            Ok(Taken::Positions(found)) => {
                self.script.on_positions();
                if let Some(fetcher) = &mut self.fetcher {
                    fetcher.begin(&found)?;
                }
            }
            Ok(Taken::Nothing) => {}
            Err(Failed::Refused(code)) if is_passing(code) => {
                counts.retries += 1;
                self.retry_us = now_us + RETRY_US;
            }
            Err(Failed::Refused(code)) => return Err(self.refused(asked.api, code)),
            Err(Failed::Bench(error)) => return Err(error),
        }
        Ok(())
    }

    /// A heartbeat, or a commit, whichever is due first.
    fn stay(&mut self, now_us: u64) -> Result<(), BenchError> {
        let heartbeat_us = self.next_heartbeat_us;
        match &mut self.commits {
            Some(commits) if commits.next_us < heartbeat_us => {
                let due_us = commits.next_us;
                commits.next_us += commits.interval_us;
                let (script, topic_id, link) = (&self.script, self.topic_id, &mut self.link);
                if commits.framed.is_none() {
                    let owned = script.owned().iter();
                    let at: Vec<(i32, i64)> = owned.map(|partition| (*partition, 0)).collect();
                    commits.framed = Some(link.framed(&commit_request(script, topic_id, &at))?);
                }
                let framed = commits.framed.as_mut().expect("it was just framed");
                link.send(framed, due_us)
            }
            _ => self.send_heartbeat(heartbeat_us.min(now_us)),
        }
    }

    fn send_heartbeat(&mut self, due_us: u64) -> Result<(), BenchError> {
        self.next_heartbeat_us = due_us + self.interval_us();
        let framed = match self.heartbeat.take() {
            Some(framed) => framed,
            None => match &self.script {
                Script::Classic(member) => self.link.framed(&member.heartbeat_request())?,
                Script::Consumer(member) => self.link.framed(&member.heartbeat_request())?,
            },
        };
        let framed = self.heartbeat.insert(framed);
        self.link.send(framed, due_us)
    }

    fn on_heartbeat(&mut self, now_us: u64, change: Change) {
        if change == Change::None {
            return;
        }
        self.heartbeat = None;
        if let Some(commits) = &mut self.commits {
            commits.framed = None;
        }
        if matches!(self.script, Script::Consumer(_)) {
            self.next_heartbeat_us = now_us + self.interval_us();
        }
        self.give_up();
    }

    /// Stops reading what was revoked.
    fn give_up(&mut self) {
        if let Some(fetcher) = &mut self.fetcher {
            self.read.extend(fetcher.end(self.script.revoked()));
        }
    }

    fn refused(&self, api: ApiKey, code: ErrorCode) -> BenchError {
        BenchError::Group {
            doing: api.name(),
            group: self.script.membership().group.clone(),
            code,
        }
    }
}

/// What an answer was to a member.
enum Taken {
    Heartbeat(Change),
    /// It is further on its way into the group.
    Joined,
    Committed,
    Positions(Vec<(i32, i64)>),
    Nothing,
}

enum Failed {
    Refused(ErrorCode),
    Bench(BenchError),
}

impl From<BenchError> for Failed {
    fn from(error: BenchError) -> Self {
        Self::Bench(error)
    }
}

impl From<ErrorCode> for Failed {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code)
    }
}

/// Tells the script of an answer.
fn take(script: &mut Script, answer: Answer<'_>, counts: &mut Counts) -> Result<Taken, Failed> {
    let leaving = script.wanted() == Wanted::Leave;
    match (answer.asked.api, script) {
        (ApiKey::Heartbeat, Script::Classic(member)) => {
            let response: HeartbeatResponse = answer.decode()?;
            let code = ErrorCode::from_code(response.error_code);
            Ok(Taken::Heartbeat(member.on_heartbeat(code)?))
        }
        (ApiKey::ConsumerGroupHeartbeat, Script::Consumer(member)) => {
            let response: ConsumerGroupHeartbeatResponse = answer.decode()?;
            if leaving {
                succeeded(response.error_code)?;
                member.on_left();
                return Ok(Taken::Nothing);
            }
            Ok(Taken::Heartbeat(member.on_heartbeat(&response)?))
        }
        (ApiKey::JoinGroup, Script::Classic(member)) => {
            member.on_joined(&answer.decode::<JoinGroupResponse<'_>>()?)?;
            Ok(Taken::Joined)
        }
        (ApiKey::SyncGroup, Script::Classic(member)) => {
            member.on_synced(&answer.decode::<SyncGroupResponse<'_>>()?)?;
            Ok(Taken::Joined)
        }
        (ApiKey::LeaveGroup, Script::Classic(member)) => {
            succeeded(answer.decode::<LeaveGroupResponse>()?.error_code)?;
            member.on_left();
            Ok(Taken::Nothing)
        }
        (ApiKey::OffsetCommit, _) => {
            match commit_code(&answer.decode::<OffsetCommitResponse>()?) {
                ErrorCode::None => {}
                ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => {
                    counts.uncommitted += 1;
                }
                code => return Err(code.into()),
            }
            Ok(Taken::Committed)
        }
        (ApiKey::OffsetFetch, _) => {
            let response: OffsetFetchResponse = answer.decode()?;
            Ok(Taken::Positions(positions(&response)?))
        }
        (api, _) => panic!("a member never asks {}", api.name()),
    }
}

fn succeeded(code: i16) -> Result<(), ErrorCode> {
    match ErrorCode::from_code(code) {
        ErrorCode::None => Ok(()),
        code => Err(code),
    }
}

/// What a coordinator says that is not ready yet.
fn is_passing(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
    )
}
