//! A coordinator with a log that can fail, and topics that can change.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::coordinator::group::answer::{
    Answer, ConsumerHeartbeatAnswer, JoinAnswer, SyncAnswer, Ticket,
};
use crate::coordinator::group::classic::{
    JoinRequest, LeaveRequest, Leaving, Protocol, SyncRequest,
};
use crate::coordinator::group::config::GroupConfig;
use crate::coordinator::group::consumer::heartbeat::HeartbeatRequest;
use crate::coordinator::group::consumer::reconcile::Target;
use crate::coordinator::group::consumer::topics::Topics;
use crate::coordinator::group::coordinator::{
    Call, CommitRequest, Coordinator, OffsetToCommit, Turn,
};
use crate::coordinator::group::record::GroupRecord;
use crate::model::{Offset, TimestampMs, Uuid};
use crate::protocol::error_code::ErrorCode;

/// The group of all tests that need but one.
pub(super) const GROUP: &str = "g";

/// Topics with their partitions.
#[derive(Clone, Debug, Default)]
pub(super) struct Cluster {
    pub(super) topics: BTreeMap<Arc<str>, (Uuid, u32)>,
    pub(super) version: i64,
}

/// A coordinator at work.
pub(super) struct Bench {
    pub(super) coordinator: Coordinator,
    pub(super) cluster: Cluster,
    pub(super) config: GroupConfig,
    pub(super) now: TimestampMs,
    /// What the log has taken.
    pub(super) log: Vec<GroupRecord>,
    /// How much of it is durable.
    pub(super) durable: usize,
    /// Appends become durable at once.
    pub(super) is_prompt: bool,
    /// Appends are refused.
    pub(super) is_full: bool,
    pub(super) answers: BTreeMap<u64, Answer>,
    tickets: u64,
    born: u64,
}

impl Topics for Cluster {
    fn by_name(&self, name: &str) -> Option<(Uuid, u32)> {
        self.topics.get(name).copied()
    }

    fn name_of(&self, id: Uuid) -> Option<Arc<str>> {
        let found = self.topics.iter().find(|(_, (topic, _))| *topic == id);
        found.map(|(name, _)| name.clone())
    }

    fn visit_names(&self, visit: &mut dyn FnMut(&Arc<str>)) {
        self.topics.keys().for_each(visit);
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Cluster {
    /// Makes a topic, with another id than any before it.
    pub(super) fn create(&mut self, name: &str, partitions: u32) {
        self.version += 1;
        let id = Uuid::from_u128(self.version as u128);
        self.topics.insert(name.into(), (id, partitions));
    }
}

impl Bench {
    pub(super) fn new(config: GroupConfig) -> Self {
        let mut cluster = Cluster::default();
        cluster.create("a", 4);
        cluster.create("b", 3);
        let mut bench = Self {
            coordinator: Coordinator::new(config.clone()),
            cluster,
            config,
            now: 1_000_000,
            log: Vec::new(),
            durable: 0,
            is_prompt: true,
            is_full: false,
            answers: BTreeMap::new(),
            tickets: 0,
            born: 0,
        };
        let turn = bench.coordinator.begin(bench.now);
        bench.take(turn);
        bench
    }

    /// One that assigns whenever there is need.
    pub(super) fn eager() -> Self {
        let mut config = GroupConfig::default();
        config.consumer.assignment_interval_ms.default = 0;
        config.initial_rebalance_delay_ms = 0;
        Self::new(config)
    }

    pub(super) fn call(&mut self, call: Call) -> u64 {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let turn = self.coordinator.call(ticket, call, &self.cluster, self.now);
        self.take(turn);
        self.tickets
    }

    /// What a shard does with a turn.
    pub(super) fn take(&mut self, turn: Turn) {
        self.hear(turn.answers);
        let (taken, refused) = match self.is_full {
            true => (Vec::new(), turn.writes),
            false => (turn.writes, Vec::new()),
        };
        for write in refused.into_iter().rev() {
            let error = ErrorCode::CoordinatorNotAvailable;
            let turn = self.coordinator.refused(write, error, self.now);
            self.take(turn);
        }
        for write in taken {
            let base = self.log.len() as Offset;
            self.log.extend(write.records.iter().cloned());
            self.coordinator.appended(write, base, self.now);
        }
        for job in turn.jobs {
            let turn = self.coordinator.assigned(job.run(), self.now);
            self.take(turn);
        }
        if self.is_prompt && self.durable < self.log.len() {
            self.sync_log();
        }
    }

    /// Everything appended becomes durable.
    pub(super) fn sync_log(&mut self) {
        self.durable = self.log.len();
        let turn = self.coordinator.durable(self.durable as Offset, self.now);
        self.take(turn);
    }

    /// What is not durable is lost.
    pub(super) fn lose(&mut self) {
        self.log.truncate(self.durable);
        let error = ErrorCode::NotCoordinator;
        let from = self.durable as Offset;
        let turn = self.coordinator.lost(from, error, self.now);
        self.take(turn);
    }

    /// A coordinator that has loaded the log.
    pub(super) fn loaded(&self) -> Coordinator {
        let mut coordinator = Coordinator::new(self.config.clone());
        for (offset, record) in (0..).zip(&self.log) {
            coordinator.load(offset, -1, record, self.now);
        }
        coordinator
    }

    /// The broker restarts.
    pub(super) fn restart(&mut self) {
        self.log.truncate(self.durable);
        self.coordinator = self.loaded();
        let turn = self.coordinator.begin(self.now);
        self.take(turn);
    }

    /// Time passes, timer by timer.
    pub(super) fn pass(&mut self, ms: i64) {
        let end = self.now + ms;
        while let Some(at) = self.coordinator.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            while let Some(turn) = self.coordinator.tick(&self.cluster, self.now) {
                self.take(turn);
            }
        }
        self.now = end;
    }

    /// Topics have changed.
    pub(super) fn refresh(&mut self) {
        self.cluster.version += 1;
        let turn = self.coordinator.refresh(&self.cluster, self.now);
        self.take(turn);
    }

    pub(super) fn beat(&mut self, request: HeartbeatRequest) -> ConsumerHeartbeatAnswer {
        let ticket = self.call(Call::ConsumerHeartbeat(GROUP.into(), request));
        match self.answers.remove(&ticket) {
            Some(Answer::ConsumerHeartbeat(answer)) => answer,
            other => panic!("{other:?} to a heartbeat"),
        }
    }

    pub(super) fn join(&mut self, member: &Classic) -> u64 {
        self.born += 1;
        let request = JoinRequest {
            member_id: member.id.clone(),
            new_member_id: format!("classic-{}", self.born).into(),
            instance_id: member.instance_id.clone(),
            client_id: "client".into(),
            client_host: "/127.0.0.1".into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocol_type: "consumer".into(),
            protocols: vec![Protocol {
                name: "range".into(),
                metadata: member.subscription(&self.cluster),
            }],
            reason: None,
            must_know_its_id: true,
            may_skip_assignment: true,
        };
        self.call(Call::Join(GROUP.into(), request))
    }

    pub(super) fn joined(&mut self, ticket: u64) -> Option<JoinAnswer> {
        match self.answers.remove(&ticket)? {
            Answer::Join(answer) => Some(answer),
            other => panic!("{other:?} to a join"),
        }
    }

    pub(super) fn sync(&mut self, member: &Classic, given: Vec<(Arc<str>, Bytes)>) -> u64 {
        let request = SyncRequest {
            member_id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            generation: member.generation,
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignments: given,
        };
        self.call(Call::Sync(GROUP.into(), request))
    }

    pub(super) fn synced(&mut self, ticket: u64) -> Option<SyncAnswer> {
        match self.answers.remove(&ticket)? {
            Answer::Sync(answer) => Some(answer),
            other => panic!("{other:?} to a sync"),
        }
    }

    pub(super) fn classic_beat(&mut self, member: &Classic) -> ErrorCode {
        let ticket = self.call(Call::Heartbeat {
            group: GROUP.into(),
            member_id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            generation: member.generation,
        });
        match self.answers.remove(&ticket) {
            Some(Answer::Heartbeat(code)) => code,
            other => panic!("{other:?} to a heartbeat"),
        }
    }

    pub(super) fn leave(&mut self, member: &Classic) -> u64 {
        let leaving = Leaving {
            member_id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            reason: None,
        };
        let request = LeaveRequest {
            members: vec![leaving],
        };
        self.call(Call::Leave(GROUP.into(), request))
    }

    pub(super) fn commit(
        &mut self,
        member_id: &str,
        epoch: i32,
        topic: &str,
        partition: i32,
    ) -> u64 {
        self.call(Call::Commit(CommitRequest {
            group: GROUP.into(),
            member_id: member_id.into(),
            instance_id: None,
            generation: epoch,
            knows_new_errors: true,
            retention_ms: None,
            offsets: vec![OffsetToCommit {
                topic: topic.into(),
                topic_id: Uuid::ZERO,
                partition,
                offset: 7,
                leader_epoch: -1,
                metadata: None,
            }],
        }))
    }

    pub(super) fn committed(&mut self, ticket: u64) -> Option<ErrorCode> {
        match self.answers.remove(&ticket)? {
            Answer::Commit(codes) => Some(codes[0]),
            other => panic!("{other:?} to a commit"),
        }
    }

    pub(super) fn ask(&mut self, call: Call) -> Answer {
        let ticket = self.call(call);
        self.answers.remove(&ticket).expect("answered at once")
    }

    /// Kind and state of the group; nothing if it is not there.
    pub(super) fn state(&self) -> Option<(&'static str, &'static str)> {
        let listed = self.coordinator.list(&[], &[]);
        let found = listed.iter().find(|group| &*group.id == GROUP);
        found.map(|group| (group.kind, group.state))
    }

    fn hear(&mut self, answers: Vec<(Ticket, Answer)>) {
        for (ticket, answer) in answers {
            let twice = self.answers.insert(ticket.0, answer);
            assert!(twice.is_none(), "{ticket:?} is answered twice");
        }
    }
}

/// A consumer of the consumer protocol.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    pub(super) id: Arc<str>,
    pub(super) instance_id: Option<Arc<str>>,
    pub(super) epoch: i32,
    pub(super) owned: Target,
    pub(super) topics: Vec<Arc<str>>,
    pub(super) regex: Option<Arc<str>>,
}

impl Consumer {
    pub(super) fn new(id: &str, topics: &[&str]) -> Self {
        Self {
            id: id.into(),
            instance_id: None,
            epoch: 0,
            owned: Target::new(),
            topics: topics.iter().map(|name| Arc::from(*name)).collect(),
            regex: None,
        }
    }

    pub(super) fn request(&self) -> HeartbeatRequest {
        let joins = self.epoch == 0;
        HeartbeatRequest {
            member_id: self.id.clone(),
            epoch: self.epoch,
            instance_id: self.instance_id.clone(),
            rack_id: None,
            rebalance_timeout_ms: joins.then_some(60_000),
            client_id: "client".into(),
            client_host: "/127.0.0.1".into(),
            topics: joins.then(|| self.topics.clone()),
            regex: self.regex.clone().filter(|_| joins),
            assignor: None,
            owned: Some(self.owned.clone()),
        }
    }

    /// Takes what it was told: what it has to give up, it has given up at once.
    pub(super) fn hear(&mut self, told: &ConsumerHeartbeatAnswer) {
        if told.error != ErrorCode::None {
            return self.begin_anew();
        }
        self.epoch = told.epoch;
        if let Some(assigned) = &told.assigned {
            let sets = assigned.iter();
            let sets = sets.map(|(topic, some)| (*topic, some.iter().copied().collect()));
            self.owned = sets.collect();
        }
    }

    pub(super) fn begin_anew(&mut self) {
        (self.epoch, self.owned) = (0, Target::new());
    }

    pub(super) fn beat(&mut self, bench: &mut Bench) -> ErrorCode {
        let told = bench.beat(self.request());
        self.hear(&told);
        told.error
    }

    pub(super) fn count(&self) -> usize {
        self.owned.values().map(|partitions| partitions.len()).sum()
    }
}

/// A consumer of the classic protocol, which revokes everything before it joins.
#[derive(Clone, Debug)]
pub(super) struct Classic {
    pub(super) id: Arc<str>,
    pub(super) instance_id: Option<Arc<str>>,
    pub(super) generation: i32,
    pub(super) topics: Vec<Arc<str>>,
    pub(super) owned: Vec<(Arc<str>, Vec<i32>)>,
}

impl Classic {
    pub(super) fn new(topics: &[&str]) -> Self {
        Self {
            id: "".into(),
            instance_id: None,
            generation: -1,
            topics: topics.iter().map(|name| Arc::from(*name)).collect(),
            owned: Vec::new(),
        }
    }

    /// ConsumerProtocolSubscription, version 1; nothing is owned.
    fn subscription(&self, _cluster: &Cluster) -> Bytes {
        let mut bytes = 1_i16.to_be_bytes().to_vec();
        bytes.extend((self.topics.len() as i32).to_be_bytes());
        for topic in &self.topics {
            bytes.extend((topic.len() as i16).to_be_bytes());
            bytes.extend(topic.as_bytes());
        }
        bytes.extend((-1_i32).to_be_bytes());
        bytes.extend(0_i32.to_be_bytes());
        bytes.into()
    }

    /// Gets into a group that answers at once: an id, a generation, an assignment.
    pub(super) fn enter(&mut self, bench: &mut Bench) -> ErrorCode {
        self.owned.clear();
        let mut ticket = bench.join(self);
        let mut told = bench.joined(ticket).expect("answered at once");
        if told.error == ErrorCode::MemberIdRequired {
            self.id = told.member_id;
            ticket = bench.join(self);
            told = bench.joined(ticket).expect("answered at once");
        }
        if told.error != ErrorCode::None {
            return told.error;
        }
        (self.id, self.generation) = (told.member_id, told.generation);
        let ticket = bench.sync(self, Vec::new());
        let told = bench.synced(ticket).expect("answered at once");
        self.take(&told);
        told.error
    }

    pub(super) fn take(&mut self, told: &SyncAnswer) {
        if told.error == ErrorCode::None {
            self.owned = crate::coordinator::group::embedded::parse_assignment(&told.assignment)
                .expect("well formed");
        }
    }

    pub(super) fn count(&self) -> usize {
        self.owned
            .iter()
            .map(|(_, partitions)| partitions.len())
            .sum()
    }
}
