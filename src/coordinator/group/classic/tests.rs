use std::sync::Arc;

use bytes::Bytes;

use super::super::answer::{Answer, JoinAnswer, SyncAnswer, Ticket};
use super::super::config::GroupConfig;
use super::super::effects::{Append, Cx, Deadline};
use super::*;
use crate::coordinator::timers::Timers;

/// A group with its surroundings; what it wants written is written at once unless told otherwise.
struct Bench {
    group: Group,
    timers: Timers<Deadline>,
    config: GroupConfig,
    answers: Vec<(Ticket, Answer)>,
    now: TimestampMs,
    tickets: u64,
    born: u64,
    /// What was written last.
    written: Option<Snapshot>,
    log_fails: bool,
}

impl Bench {
    fn new() -> Self {
        let config = GroupConfig::default();
        let (mut timers, mut answers) = (Timers::default(), Vec::new());
        let group = Group::new(
            "g".into(),
            &mut Cx {
                now: 0,
                config: &config,
                timers: &mut timers,
                answers: &mut answers,
            },
        );
        Self {
            group,
            timers,
            config,
            answers,
            now: 0,
            tickets: 0,
            born: 0,
            written: None,
            log_fails: false,
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Group, &mut Cx<'_>) -> T) -> T {
        let mut cx = Cx {
            now: self.now,
            config: &self.config,
            timers: &mut self.timers,
            answers: &mut self.answers,
        };
        act(&mut self.group, &mut cx)
    }

    fn write(&mut self, mut append: Append) {
        while append != Append::Nothing {
            let result = match self.log_fails {
                true => Err(ErrorCode::CoordinatorNotAvailable),
                false => Ok(()),
            };
            let snapshot = match &append {
                Append::Assignment(assignment) => self.group.snapshot_of(assignment),
                _ => self.group.snapshot(),
            };
            if !self.log_fails {
                self.written = Some(snapshot);
            }
            append = self.with(|group, cx| match append {
                Append::Nothing | Append::Group => Append::Nothing,
                Append::Assignment(assignment) => group.on_assignment(assignment, result, cx),
                Append::Replacement(replacement) => {
                    group.on_replacement(replacement, result, cx);
                    Append::Nothing
                }
            });
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn request(&mut self, id: &str, offers: &[&str]) -> JoinRequest {
        self.born += 1;
        JoinRequest {
            member_id: id.into(),
            new_member_id: format!("m{}", self.born).into(),
            instance_id: None,
            client_id: "client".into(),
            client_host: "/127.0.0.1".into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocol_type: CONSUMER.into(),
            protocols: offers.iter().map(|name| offer(name)).collect(),
            reason: None,
            must_know_its_id: true,
            may_skip_assignment: true,
        }
    }

    fn join(&mut self, request: JoinRequest) -> Ticket {
        let ticket = self.ticket();
        let append = self.with(|group, cx| group.join(ticket, request, cx));
        self.write(append);
        ticket
    }

    /// Gets an id and joins with it; the id and the ticket.
    fn enter(&mut self, offers: &[&str]) -> (Arc<str>, Ticket) {
        let request = self.request("", offers);
        let ticket = self.join(request);
        let told = self.joined(ticket).expect("answered at once");
        assert_eq!(told.error, ErrorCode::MemberIdRequired);
        let request = self.request(&told.member_id, offers);
        (told.member_id, self.join(request))
    }

    /// Somebody with the instance id `i`, under a new member id.
    fn join_as_instance(&mut self) -> Ticket {
        let mut request = self.request("", &["range"]);
        request.instance_id = Some("i".into());
        self.join(request)
    }

    fn sync(&mut self, id: &str, assignments: &[(&Arc<str>, &'static str)]) -> Ticket {
        let ticket = self.ticket();
        let request = SyncRequest {
            member_id: id.into(),
            instance_id: None,
            generation: self.group.generation(),
            protocol_type: Some(CONSUMER.into()),
            protocol_name: None,
            assignments: assignments
                .iter()
                .map(|(id, bytes)| ((*id).clone(), Bytes::from_static(bytes.as_bytes())))
                .collect(),
        };
        let append = self.with(|group, cx| group.sync(ticket, request, cx));
        self.write(append);
        ticket
    }

    /// Lets time pass, timer by timer.
    fn pass(&mut self, ms: i64) {
        let end = self.now + ms;
        while let Some(at) = self.timers.next().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let Some(due) = self.timers.pop_due(self.now) else {
                continue;
            };
            let append = self.with(|group, cx| match due {
                Deadline::Session { member, .. } => group.on_session_deadline(&member, cx),
                Deadline::Join { .. } => group.on_join_deadline(cx),
                Deadline::Sync { .. } => group.on_sync_deadline(cx),
                Deadline::Step { .. } | Deadline::Forget => unreachable!("of others"),
            });
            self.write(append);
        }
        self.now = end;
    }

    fn heartbeat(&mut self, id: &str) -> Result<(), ErrorCode> {
        let generation = self.group.generation();
        self.with(|group, cx| group.heartbeat(id, None, generation, cx))
    }

    fn joined(&self, ticket: Ticket) -> Option<JoinAnswer> {
        self.answers.iter().find_map(|(to, answer)| match answer {
            Answer::Join(join) if *to == ticket => Some(join.clone()),
            _ => None,
        })
    }

    fn synced(&self, ticket: Ticket) -> Option<SyncAnswer> {
        self.answers.iter().find_map(|(to, answer)| match answer {
            Answer::Sync(sync) if *to == ticket => Some(sync.clone()),
            _ => None,
        })
    }

    /// A member with an instance id, stable and alone.
    fn stable_static() -> (Self, Arc<str>) {
        let mut bench = Self::new();
        let ticket = bench.join_as_instance();
        bench.pass(3_000);
        let id = bench.joined(ticket).unwrap().member_id;
        bench.sync(&id, &[(&id, "0")]);
        (bench, id)
    }

    /// Two members, stable: leader and follower.
    fn stable_pair() -> (Self, Arc<str>, Arc<str>) {
        let mut bench = Self::new();
        let (a, _) = bench.enter(&["range"]);
        let (b, _) = bench.enter(&["range"]);
        bench.pass(6_000);
        assert_eq!(bench.group.state(), State::CompletingRebalance);
        let (leader, follower) = match bench.group.is_leader(&a) {
            true => (a, b),
            false => (b, a),
        };
        bench.sync(&follower, &[]);
        bench.sync(&leader, &[(&leader, "0"), (&follower, "1")]);
        assert_eq!(bench.group.state(), State::Stable);
        (bench, leader, follower)
    }
}

fn offer(name: &str) -> Protocol {
    Protocol {
        name: name.into(),
        metadata: Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t"),
    }
}

#[test]
fn the_first_members_wait_for_more() {
    let mut bench = Bench::new();
    let (a, first) = bench.enter(&["range", "sticky"]);
    bench.pass(2_999);
    assert_eq!(bench.joined(first), None);
    let (_, second) = bench.enter(&["sticky"]);
    bench.pass(3_000);
    assert_eq!(
        bench.joined(first),
        None,
        "somebody came: the wait begins anew"
    );
    bench.pass(1);
    let (first, second) = (bench.joined(first).unwrap(), bench.joined(second).unwrap());
    assert_eq!((first.generation, second.generation), (1, 1));
    assert_eq!(
        first.protocol_name.as_deref(),
        Some("sticky"),
        "all offer it"
    );
    assert_eq!(first.leader, Some(a), "who came first leads");
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
}

#[test]
fn everybody_gets_what_the_leader_gave() {
    let (mut bench, leader, follower) = Bench::stable_pair();
    let ticket = bench.sync(&follower, &[]);
    assert_eq!(bench.synced(ticket).unwrap().assignment, "1");
    let written = bench.written.clone().unwrap();
    assert_eq!((written.generation, written.members.len()), (1, 2));
    assert_eq!(written.leader, Some(leader));
    assert!(bench.group.subscribes_to("t") && !bench.group.subscribes_to("u"));
}

#[test]
fn silence_makes_the_others_join_again() {
    let (mut bench, leader, follower) = Bench::stable_pair();
    bench.pass(6_000);
    assert_eq!(bench.heartbeat(&leader), Ok(()));
    bench.pass(5_000);
    assert_eq!(bench.group.state(), State::PreparingRebalance);
    assert_eq!(
        bench.heartbeat(&leader),
        Err(ErrorCode::RebalanceInProgress)
    );
    assert_eq!(bench.heartbeat(&follower), Err(ErrorCode::UnknownMemberId));
    let request = bench.request(&leader, &["range"]);
    let ticket = bench.join(request);
    let joined = bench.joined(ticket).expect("nobody else is waited for");
    assert_eq!((joined.generation, joined.members.len()), (2, 1));
}

#[test]
fn a_follower_that_asks_again_causes_nothing() {
    let (mut bench, leader, follower) = Bench::stable_pair();
    let request = bench.request(&follower, &["range"]);
    let ticket = bench.join(request);
    assert_eq!(bench.joined(ticket).unwrap().generation, 1);
    assert_eq!(bench.group.state(), State::Stable);
    let request = bench.request(&leader, &["range"]);
    bench.join(request);
    assert_eq!(
        bench.group.state(),
        State::PreparingRebalance,
        "the leader may"
    );
}

#[test]
fn late_members_are_left_behind() {
    let (mut bench, leader, follower) = Bench::stable_pair();
    let request = bench.request(&leader, &["range"]);
    let ticket = bench.join(request);
    for _ in 0..11 {
        bench.pass(5_000);
        let _ = bench.heartbeat(&follower);
    }
    assert_eq!(bench.joined(ticket), None, "it still may come");
    bench.pass(5_000);
    assert_eq!(bench.joined(ticket).unwrap().members.len(), 1);
    assert_eq!(bench.heartbeat(&follower), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let (mut bench, old) = Bench::stable_static();
    let ticket = bench.join_as_instance();
    let back = bench.joined(ticket).unwrap();
    assert_eq!((back.error, back.generation), (ErrorCode::None, 1));
    assert!(back.skip_assignment && back.member_id != old);
    assert_eq!(
        bench.group.check_member(&old, Some("i")),
        Err(ErrorCode::FencedInstanceId)
    );
    let ticket = bench.sync(&back.member_id, &[]);
    assert_eq!(
        bench.synced(ticket).unwrap().assignment,
        "0",
        "it kept its part"
    );
}

#[test]
fn a_log_that_fails_takes_a_static_members_new_id_back() {
    let (mut bench, old) = Bench::stable_static();
    bench.log_fails = true;
    let ticket = bench.join_as_instance();
    let refused = bench.joined(ticket).unwrap();
    assert_eq!(refused.error, ErrorCode::CoordinatorNotAvailable);
    assert_eq!(bench.group.check_member(&old, Some("i")), Ok(()));
    assert_eq!(bench.heartbeat(&old), Ok(()));
}

#[test]
fn a_log_that_fails_makes_members_join_again() {
    let mut bench = Bench::new();
    let (a, _) = bench.enter(&["range"]);
    bench.pass(3_000);
    bench.log_fails = true;
    let ticket = bench.sync(&a, &[(&a, "0")]);
    let refused = bench.synced(ticket).unwrap();
    assert_eq!(refused.error, ErrorCode::CoordinatorNotAvailable);
    assert_eq!(bench.group.state(), State::PreparingRebalance);
}

#[test]
fn who_leaves_is_gone_at_once() {
    let (mut bench, leader, follower) = Bench::stable_pair();
    let request = LeaveRequest {
        members: vec![
            Leaving {
                member_id: follower.clone(),
                instance_id: None,
                reason: None,
            },
            Leaving {
                member_id: "stranger".into(),
                instance_id: None,
                reason: None,
            },
        ],
    };
    let (codes, append) = bench.with(|group, cx| group.leave(&request, cx)).unwrap();
    bench.write(append);
    assert_eq!(codes, [ErrorCode::None, ErrorCode::UnknownMemberId]);
    assert_eq!(bench.group.state(), State::PreparingRebalance);
    let request = LeaveRequest {
        members: vec![Leaving {
            member_id: leader,
            instance_id: None,
            reason: Some("closing".into()),
        }],
    };
    let (_, append) = bench.with(|group, cx| group.leave(&request, cx)).unwrap();
    bench.write(append);
    assert_eq!(bench.group.state(), State::Empty);
    let written = bench.written.clone().unwrap();
    assert!(written.members.is_empty() && written.protocol_name.is_none());
    assert_eq!(written.protocol_type.as_deref(), Some(CONSUMER));
}

#[test]
fn commits_pass_while_members_join_and_not_while_the_leader_assigns() {
    let (mut bench, leader, follower) = Bench::stable_pair();
    let commit = |bench: &mut Bench, id: &str, generation| {
        bench.with(|group, cx| group.check_commit(id, None, generation, cx))
    };
    assert_eq!(commit(&mut bench, &follower, 1), Ok(()));
    assert_eq!(
        commit(&mut bench, &follower, 0),
        Err(ErrorCode::IllegalGeneration)
    );
    assert_eq!(
        commit(&mut bench, "", -1),
        Err(ErrorCode::UnknownMemberId),
        "the group is not empty"
    );
    for id in [&leader, &follower] {
        assert_eq!(commit(&mut bench, id, 1), Ok(()));
        let request = bench.request(id, &["range"]);
        bench.join(request);
    }
    assert_eq!(bench.group.state(), State::CompletingRebalance);
    assert_eq!(
        commit(&mut bench, &follower, 2),
        Err(ErrorCode::RebalanceInProgress)
    );
}

#[test]
fn a_restored_group_goes_on_where_it_was() {
    let (mut bench, _, follower) = Bench::stable_pair();
    let snapshot = bench.written.clone().unwrap();
    let now = bench.now;
    let restored = bench.with(|_, cx| {
        let mut group = Group::restored("g".into(), snapshot.clone(), cx);
        group.resume(cx);
        group
    });
    assert_eq!(restored.snapshot(), snapshot);
    bench.group = restored;
    assert_eq!(bench.group.state(), State::Stable);
    assert_eq!(bench.heartbeat(&follower), Ok(()));
    let ticket = bench.sync(&follower, &[]);
    assert_eq!(bench.synced(ticket).unwrap().assignment, "1");
    bench.pass(10_001);
    assert_eq!(bench.group.state(), State::Empty, "{now}: all were silent");
}

#[test]
fn a_full_group_takes_nobody() {
    let (mut bench, leader, _) = Bench::stable_pair();
    bench.config.members_max = 2;
    let request = bench.request("", &["range"]);
    let ticket = bench.join(request);
    let refused = bench.joined(ticket).unwrap();
    assert_eq!(refused.error, ErrorCode::GroupMaxSizeReached);
    let request = bench.request(&leader, &["range"]);
    bench.join(request);
    assert_eq!(
        bench.group.state(),
        State::PreparingRebalance,
        "members may"
    );
}

/// A peer could ask for ids without end, each of 32 KiB.
#[test]
fn ids_that_nobody_joins_with_are_forgotten_the_oldest_first() {
    let mut bench = Bench::new();
    let mut ids = Vec::new();
    for number in 0..1_000 {
        let mut request = bench.request("", &["range"]);
        request.new_member_id = format!("{number}-{}", "x".repeat(30_000)).into();
        ids.push(request.new_member_id.clone());
        bench.join(request);
    }
    let join = |bench: &mut Bench, id: &str| {
        let request = bench.request(id, &["range"]);
        let ticket = bench.join(request);
        bench.joined(ticket).map(|told| told.error)
    };
    assert_eq!(
        join(&mut bench, &ids[0]),
        Some(ErrorCode::UnknownMemberId),
        "too many came after it"
    );
    assert_eq!(join(&mut bench, &ids[999]), None, "it waits");
    bench.pass(10_000);
    assert_eq!(
        join(&mut bench, &ids[998]),
        Some(ErrorCode::UnknownMemberId),
        "its session is over"
    );
}

/// Each member may say as much as a request holds, and none of that was ever counted together.
#[test]
fn a_group_holds_so_much_of_its_members_words_and_no_more() {
    let mut bench = Bench::new();
    let mut joins = 0;
    let refused = loop {
        let mut request = bench.request("", &["range"]);
        request.must_know_its_id = false;
        request.protocols[0].metadata = Bytes::from(vec![0; 1 << 20]);
        let ticket = bench.join(request);
        joins += 1;
        assert!(joins < 100, "there is no bound");
        if let Some(refused) = bench.joined(ticket) {
            break refused;
        }
    };
    assert_eq!(refused.error, ErrorCode::GroupMaxSizeReached);
    assert_eq!(joins, 32, "as much as MEMBERS_BYTES_MAX says");
    let request = bench.request("", &["range"]);
    let (id, ticket) = (request.new_member_id.clone(), bench.join(request));
    assert_eq!(
        bench.joined(ticket).map(|told| told.error),
        Some(ErrorCode::MemberIdRequired),
        "who says little may come"
    );
    let mut request = bench.request(&id, &["range"]);
    request.protocols[0].metadata = Bytes::from(vec![0; 1 << 20]);
    let ticket = bench.join(request);
    assert_eq!(
        bench.joined(ticket).map(|told| told.error),
        Some(ErrorCode::GroupMaxSizeReached)
    );
}

/// A group that was larger when it was loaded lost its members, one by one, as they joined again.
#[test]
fn who_says_no_more_than_before_stays() {
    let (mut bench, leader, follower) = Bench::stable_pair();
    let mut snapshot = bench.written.clone().unwrap();
    for member in &mut snapshot.members {
        member.subscription = Bytes::from(vec![0; 17 << 20]);
    }
    bench.group = bench.with(|_, cx| {
        let mut group = Group::restored("g".into(), snapshot, cx);
        group.resume(cx);
        group
    });
    let mut join = |id: &str, bytes: usize| {
        let mut request = bench.request(id, &["range"]);
        request.protocols[0].metadata = Bytes::from(vec![0; bytes]);
        let ticket = bench.join(request);
        bench.joined(ticket).map(|told| told.error)
    };
    let refused = Some(ErrorCode::GroupMaxSizeReached);
    assert_eq!(join(&leader, (17 << 20) + 1), refused);
    assert_eq!(join(&leader, 17 << 20), None, "it waits for the other");
    assert_eq!(join(&follower, 17 << 20), Some(ErrorCode::None));
}
