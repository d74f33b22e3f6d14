//! Members as clients see themselves, against the group: in random order, with lost answers and
//! failing appends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::change::refresh;
use super::group::{Group, State};
use super::heartbeat::{HeartbeatRequest, Refused, Told, check, fence, finish, heartbeat, steady};
use super::heartbeat::{check_leave, leave_for_a_while};
use super::reconcile::Target;
use super::target::{install, spec};
use super::topics::Topics;
use super::tx::Tx;
use crate::coordinator::group::assignor::Assignor;
use crate::coordinator::group::record::GroupRecord;
use crate::model::Uuid;
use crate::protocol::error_code::ErrorCode;

impl Topics for BTreeMap<&'static str, u32> {
    fn by_name(&self, name: &str) -> Option<(Uuid, u32)> {
        Some((id_of(name), *self.get(name)?))
    }

    fn name_of(&self, id: Uuid) -> Option<Arc<str>> {
        let found = self.keys().find(|name| id_of(name) == id);
        found.map(|name| Arc::from(*name))
    }

    fn visit_names(&self, visit: &mut dyn FnMut(&Arc<str>)) {
        self.keys().for_each(|name| visit(&Arc::from(*name)));
    }

    fn version(&self) -> i64 {
        1
    }
}

fn id_of(name: &str) -> Uuid {
    Uuid::from_u128(name.bytes().fold(7, |id, byte| id * 256 + u128::from(byte)))
}

/// A group, its log, and the cluster's topics.
struct Cluster {
    group: Group,
    log: Vec<GroupRecord>,
    topics: BTreeMap<&'static str, u32>,
}

/// A consumer.
#[derive(Clone, Debug)]
struct Client {
    id: Arc<str>,
    instance_id: Option<Arc<str>>,
    epoch: i32,
    owned: Target,
    topics: Vec<Arc<str>>,
    /// Its last answer was lost, so it says everything next time, as clients do: else it would
    /// never hear of partitions that it has to give up.
    says_all: bool,
}

impl Cluster {
    fn new() -> Self {
        Self {
            group: Group::new("g".into()),
            log: Vec::new(),
            topics: BTreeMap::from([("a", 4), ("b", 3)]),
        }
    }

    /// A heartbeat with its target, if it needs one, in one breath.
    fn take(&mut self, request: HeartbeatRequest) -> Result<Told, Refused> {
        let mut tx = Tx::default();
        let told = self.plan(request, &mut tx);
        match told {
            Ok(_) => self.log.append(&mut tx.records),
            Err(_) => tx.undo(&mut self.group),
        }
        told
    }

    fn plan(&mut self, request: HeartbeatRequest, tx: &mut Tx) -> Result<Told, Refused> {
        let Self { group, topics, .. } = self;
        check("g", &request, &[Assignor::Uniform, Assignor::Range])?;
        if request.epoch < 0 {
            check_leave(group, &request)?;
            match request.epoch {
                -1 => fence(group, &request.member_id, topics, tx),
                _ => leave_for_a_while(group, &request.member_id, tx),
            }
            return Ok(Told {
                epoch: request.epoch,
                member_id: request.member_id,
                assigned: None,
            });
        }
        let told = steady(group, &request);
        let pending = heartbeat(group, request, 1000, topics, 0, tx)?;
        if group.epoch() > group.target_epoch() {
            let assignor = group.assignor().unwrap_or_default();
            let assignment = assignor.assign(&spec(group, topics)).expect("known topics");
            install(group, group.epoch(), &assignment, &BTreeMap::new(), 0, tx);
        }
        let finished = finish(group, pending, topics, tx)?;
        if let Some(told) = told {
            assert!(tx.records.is_empty());
            assert_eq!(told, finished, "the short way leads to the same");
        }
        Ok(finished)
    }

    fn fence(&mut self, id: &Arc<str>) {
        let mut tx = Tx::default();
        fence(&mut self.group, id, &self.topics, &mut tx);
        self.log.append(&mut tx.records);
    }

    /// Its topics have changed.
    fn refresh(&mut self) {
        let mut tx = Tx::default();
        refresh(&mut self.group, &self.topics, &mut tx);
        self.log.append(&mut tx.records);
    }

    /// What the log says.
    fn restored(&self) -> Group {
        let mut group = Group::new("g".into());
        self.log.iter().for_each(|record| group.replay(record));
        group
    }
}

impl Client {
    fn new(id: &str, topics: &[&str]) -> Self {
        Self {
            id: id.into(),
            instance_id: None,
            epoch: 0,
            owned: Target::new(),
            topics: topics.iter().map(|name| Arc::from(*name)).collect(),
            says_all: false,
        }
    }

    fn request(&self) -> HeartbeatRequest {
        let joins = self.epoch == 0 || self.says_all;
        HeartbeatRequest {
            member_id: self.id.clone(),
            epoch: self.epoch,
            instance_id: self.instance_id.clone(),
            rack_id: None,
            rebalance_timeout_ms: joins.then_some(60_000),
            client_id: "client".into(),
            client_host: "/127.0.0.1".into(),
            topics: joins.then(|| self.topics.clone()),
            regex: None,
            assignor: None,
            owned: Some(self.owned.clone()),
        }
    }

    /// Takes what it was told: what it has to give up, it has given up at once.
    fn hear(&mut self, told: Told) {
        (self.epoch, self.says_all) = (told.epoch, false);
        if let Some(assigned) = told.assigned {
            let sets = assigned.into_iter();
            self.owned = sets
                .map(|(topic, partitions)| (topic, partitions.into_iter().collect()))
                .collect();
        }
    }

    fn beat(&mut self, cluster: &mut Cluster) -> Result<(), ErrorCode> {
        match cluster.take(self.request()) {
            Ok(told) => {
                self.hear(told);
                Ok(())
            }
            Err(refused) => {
                (self.epoch, self.owned) = (0, Target::new());
                Err(refused.code)
            }
        }
    }

    fn count(&self) -> usize {
        self.owned.values().map(BTreeSet::len).sum()
    }
}

fn settle(clients: &mut [Client], cluster: &mut Cluster) {
    for _ in 0..8 {
        for client in &mut *clients {
            client.beat(cluster).expect("it is in");
        }
    }
    assert_eq!(cluster.group.state(), State::Stable);
}

#[test]
fn members_share_what_there_is() {
    let mut cluster = Cluster::new();
    let mut clients = vec![Client::new("1", &["a", "b"])];
    clients[0].beat(&mut cluster).unwrap();
    assert_eq!(
        clients[0].count(),
        7,
        "the first gets all with its first answer"
    );
    clients.push(Client::new("2", &["a", "b"]));
    clients[1].beat(&mut cluster).unwrap();
    assert_eq!(clients[1].count(), 0, "nothing has been given up yet");
    assert_eq!(cluster.group.state(), State::Reconciling);
    settle(&mut clients, &mut cluster);
    assert_eq!(clients[0].count() + clients[1].count(), 7);
    assert!(clients[0].count().abs_diff(clients[1].count()) <= 1);
    assert_eq!(cluster.restored(), cluster.group);
}

#[test]
fn who_is_behind_or_ahead_is_fenced() {
    let mut cluster = Cluster::new();
    let mut client = Client::new("1", &["a"]);
    client.beat(&mut cluster).unwrap();
    let mut ahead = client.clone();
    ahead.epoch += 1;
    assert_eq!(ahead.beat(&mut cluster), Err(ErrorCode::FencedMemberEpoch));
    let mut stranger = client.clone();
    stranger.id = "2".into();
    assert_eq!(stranger.beat(&mut cluster), Err(ErrorCode::UnknownMemberId));
    assert_eq!(client.beat(&mut cluster), Ok(()));
}

#[test]
fn new_partitions_are_dealt_out() {
    let mut cluster = Cluster::new();
    let mut clients = vec![Client::new("1", &["a"]), Client::new("2", &["a"])];
    clients[0].beat(&mut cluster).unwrap();
    clients[1].beat(&mut cluster).unwrap();
    settle(&mut clients, &mut cluster);
    cluster.topics.insert("a", 8);
    cluster.refresh();
    settle(&mut clients, &mut cluster);
    assert_eq!((clients[0].count(), clients[1].count()), (4, 4));
}

#[test]
fn a_static_member_finds_its_part_again() {
    let mut cluster = Cluster::new();
    let mut one = Client::new("1", &["a"]);
    one.instance_id = Some("i".into());
    let mut two = Client::new("2", &["a"]);
    one.beat(&mut cluster).unwrap();
    two.beat(&mut cluster).unwrap();
    let mut clients = vec![one, two];
    settle(&mut clients, &mut cluster);
    let before = clients[0].owned.clone();
    let mut impostor = clients[0].clone();
    (impostor.id, impostor.epoch, impostor.owned) = ("3".into(), 0, Target::new());
    assert_eq!(
        impostor.clone().beat(&mut cluster),
        Err(ErrorCode::UnreleasedInstanceId)
    );
    clients[0].epoch = super::LEFT_FOR_A_WHILE;
    clients[0].beat(&mut cluster).unwrap();
    let epoch = cluster.group.epoch();
    impostor.beat(&mut cluster).unwrap();
    assert_eq!(impostor.owned, before);
    assert_eq!(cluster.group.epoch(), epoch, "nobody else notices");
    assert_eq!(cluster.restored(), cluster.group);
}

/// Xorshift; the seed is printed with a failure.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn nothing_has_two_owners_whatever_happens() {
    for seed in 1..=200 {
        let dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let outcome = std::panic::catch_unwind(|| random_walk(dice));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

fn random_walk(dice: Dice) {
    let mut walk = Walk {
        dice,
        cluster: Cluster::new(),
        clients: Vec::new(),
        born: 0,
    };
    for _ in 0..300 {
        walk.step();
        check_owners(&walk.clients);
    }
    assert_eq!(walk.cluster.restored(), walk.cluster.group);
    walk.come_to_rest();
    assert_eq!(walk.cluster.restored(), walk.cluster.group);
    if !walk.clients.is_empty() {
        assert_eq!(walk.cluster.group.state(), State::Stable);
    }
}

struct Walk {
    dice: Dice,
    cluster: Cluster,
    clients: Vec<Client>,
    born: u32,
}

impl Walk {
    fn step(&mut self) {
        let whose = self.dice.below(self.clients.len().max(1));
        let somebody = !self.clients.is_empty();
        match self.dice.below(20) {
            0 | 1 if self.clients.len() < 8 => self.start_client(),
            2 if somebody => self.stop_client(whose),
            3 if somebody => self.silence(whose),
            4 => self.add_partition(),
            5 if somebody => self.fail_append(whose),
            6 if somebody => self.lose_answer(whose),
            _ if somebody => {
                let _ = self.clients[whose].beat(&mut self.cluster);
            }
            _ => {}
        }
    }

    fn start_client(&mut self) {
        self.born += 1;
        let topics: &[&str] = [&["a", "b"][..], &["a"], &["b"]][self.dice.below(3)];
        self.clients
            .push(Client::new(&self.born.to_string(), topics));
    }

    fn stop_client(&mut self, whose: usize) {
        let mut client = self.clients.remove(whose);
        if client.epoch > 0 {
            client.epoch = -1;
            client.beat(&mut self.cluster).expect("it was in");
        } else if self.cluster.group.members().contains_key(&client.id) {
            // It never heard that it was in; its session ends.
            self.cluster.fence(&client.id);
        }
    }

    /// Its partitions are not its any more.
    fn silence(&mut self, whose: usize) {
        let client = &mut self.clients[whose];
        if client.epoch > 0 {
            self.cluster.fence(&client.id);
            (client.epoch, client.owned) = (0, Target::new());
        }
    }

    fn add_partition(&mut self) {
        let more = self.cluster.topics["a"] + 1;
        if more < 12 {
            self.cluster.topics.insert("a", more);
            self.cluster.refresh();
        }
    }

    /// The log does not take it: all is as before, and the client tries again.
    fn fail_append(&mut self, whose: usize) {
        let before = self.cluster.group.clone();
        let mut tx = Tx::default();
        let _ = self.cluster.plan(self.clients[whose].request(), &mut tx);
        tx.undo(&mut self.cluster.group);
        assert_eq!(self.cluster.group, before);
        self.clients[whose].says_all = true;
    }

    fn lose_answer(&mut self, whose: usize) {
        let _ = self.cluster.take(self.clients[whose].request());
        self.clients[whose].says_all = true;
    }

    /// Who was fenced, or lost an answer to its joining, is in again after a while.
    fn come_to_rest(&mut self) {
        for _ in 0..20 {
            for client in &mut self.clients {
                if client.beat(&mut self.cluster) == Err(ErrorCode::FencedMemberEpoch) {
                    self.cluster.fence(&client.id);
                }
            }
            check_owners(&self.clients);
        }
    }
}

fn check_owners(clients: &[Client]) {
    let mut owners: BTreeMap<(Uuid, i32), &Arc<str>> = BTreeMap::new();
    for client in clients {
        for (topic, partitions) in &client.owned {
            for partition in partitions {
                let other = owners.insert((*topic, *partition), &client.id);
                assert_eq!(other, None, "{topic}-{partition} is also {}'s", client.id);
            }
        }
    }
}
