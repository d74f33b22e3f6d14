use std::collections::BTreeMap;

use super::super::assignor::tests::of;
use super::*;
use crate::client::consumer::group::settings::GroupProtocol;
use crate::client::consumer::group::test_member::{pace, refused, settings};

const PARTITIONS: i32 = 7;

fn member(assignors: &[Assignor], now: Instant, seed: u64) -> ClassicMember {
    let settings = settings(GroupProtocol::Classic(assignors.to_vec()));
    let pace = pace(&settings, now, seed);
    ClassicMember::new(&settings, assignors, vec!["t".into()], pace)
}

fn joined(generation: i32) -> Answer {
    Answer::Joined(Ok(Joined {
        generation,
        member_id: "m".to_owned(),
        assignor: "range".to_owned(),
        candidates: None,
        leads: false,
    }))
}

/// A member of generation 1 that holds partitions 0 and 1.
fn stable(assignors: &[Assignor], now: Instant) -> ClassicMember {
    let mut member = member(assignors, now, 0);
    assert!(matches!(member.poll_work(now), Work::Join(_)));
    member.on_answer(now, Answer::MemberId("m".to_owned()));
    assert!(matches!(member.poll_work(now), Work::Join(plan) if plan.identity.member_id == "m"));
    let mut answer = joined(1);
    if let Answer::Joined(Ok(joined)) = &mut answer {
        joined.assignor = assignors[0].name().to_owned();
    }
    member.on_answer(now, answer);
    assert!(matches!(member.poll_work(now), Work::Sync(_)));
    let assigned = BTreeSet::from([of("t", 0), of("t", 1)]);
    member.on_answer(now, Answer::Synced(Ok(assigned)));
    take_steps(&mut member, now);
    member
}

fn take_steps(member: &mut ClassicMember, now: Instant) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(step) = member.ownership_mut().poll_step() {
        member.on_step_done(now, &step);
        steps.push(step);
    }
    steps
}

fn beat(member: &mut ClassicMember, now: Instant, outcome: Result<(), ClientError>) {
    assert!(matches!(member.poll_work(now), Work::Beat));
    member.on_answer(now, Answer::Beaten(outcome));
}

fn hear_of_rebalance(member: &mut ClassicMember, now: Instant) {
    beat(member, now, Err(refused(ErrorCode::RebalanceInProgress)));
}

#[test]
fn an_eager_member_joins_when_everything_is_given_back() {
    let now = Instant::now();
    let mut member = stable(&[Assignor::Range], now);
    let later = now + Duration::from_secs(3);
    hear_of_rebalance(&mut member, later);
    assert!(matches!(member.poll_work(later), Work::Wait(_)));
    let steps = take_steps(&mut member, later);
    assert!(matches!(&steps[..], [Step::Revoke(all)] if all.len() == 2));
    assert!(matches!(member.poll_work(later), Work::Join(_)));
}

#[test]
fn a_cooperative_member_keeps_reading_and_joins_again_after_giving_back() {
    let now = Instant::now();
    let mut member = stable(&[Assignor::CooperativeSticky], now);
    let later = now + Duration::from_secs(3);
    hear_of_rebalance(&mut member, later);
    let Work::Join(plan) = member.poll_work(later) else {
        panic!("nothing has to be given back first");
    };
    let told = Subscription::decode(&plan.protocols[0].1).unwrap();
    assert_eq!((told.owned.len(), told.generation), (2, 1));
    let mut answer = joined(2);
    if let Answer::Joined(Ok(joined)) = &mut answer {
        joined.assignor = Assignor::CooperativeSticky.name().to_owned();
    }
    member.on_answer(later, answer);
    let kept = BTreeSet::from([of("t", 0)]);
    member.on_answer(later, Answer::Synced(Ok(kept)));
    let steps = take_steps(&mut member, later);
    assert_eq!(steps, [Step::Revoke(BTreeSet::from([of("t", 1)]))]);
    assert!(matches!(member.poll_work(later), Work::Join(_)));
}

#[test]
fn a_member_that_is_thrown_out_loses_everything_and_joins_anew() {
    let now = Instant::now();
    let mut member = stable(&[Assignor::Range], now);
    let later = now + Duration::from_secs(3);
    beat(&mut member, later, Err(refused(ErrorCode::UnknownMemberId)));
    assert!(member.identity().is_none() && !member.ownership().holds(&of("t", 0)));
    let steps = take_steps(&mut member, later);
    assert!(matches!(&steps[..], [Step::Lose(_)]));
    assert!(
        matches!(member.poll_work(later), Work::Join(plan) if plan.identity.member_id.is_empty())
    );
}

#[test]
fn an_application_that_does_not_poll_leaves_until_it_does() {
    let now = Instant::now();
    let mut member = stable(&[Assignor::Range], now);
    let late = now + Duration::from_secs(61);
    assert!(matches!(member.poll_work(late), Work::Leave(_)));
    member.on_answer(late, Answer::Left);
    assert!(matches!(member.poll_work(late), Work::Wait(None)));
    assert!(member.on_poll(late));
    assert!(matches!(take_steps(&mut member, late)[..], [Step::Lose(_)]));
    assert!(matches!(member.poll_work(late), Work::Join(_)));
}

#[test]
fn a_static_member_keeps_its_place_when_it_closes() {
    let now = Instant::now();
    let mut member = stable(&[Assignor::Range], now);
    member.identity.instance_id = Some("i".to_owned());
    member.close();
    assert!(matches!(member.poll_work(now), Work::Stop));
    let mut member = stable(&[Assignor::Range], now);
    member.close();
    assert!(matches!(member.poll_work(now), Work::Leave(_)));
    assert!(matches!(member.poll_work(now), Work::Stop));
}

#[test]
fn what_cannot_pass_ends_the_membership() {
    let now = Instant::now();
    let mut member = stable(&[Assignor::Range], now);
    let later = now + Duration::from_secs(3);
    beat(
        &mut member,
        later,
        Err(refused(ErrorCode::FencedInstanceId)),
    );
    assert!(matches!(member.poll_work(later), Work::Stop));
    let code = member.take_error().and_then(|error| error.code());
    assert_eq!(code, Some(ErrorCode::FencedInstanceId));
}

/// Members and a coordinator in random order, with lost answers, lost sessions and applications
/// that stop for a while: nobody ever may commit what somebody else may, and when peace returns
/// every partition is read.
#[test]
fn no_partition_has_two_owners_and_in_peace_each_has_one() {
    let strategies: [&[Assignor]; 4] = [
        &[Assignor::Range, Assignor::CooperativeSticky],
        &[Assignor::Sticky],
        &[Assignor::CooperativeSticky],
        &[Assignor::RoundRobin],
    ];
    for round in 0..120 {
        let seed = fastrand::u64(..);
        let mut group = Group::new(strategies[round % 4], seed);
        for _ in 0..600 {
            group.disturb();
            group.step();
        }
        for _ in 0..3000 {
            group.step();
        }
        group.check_peace();
    }
}

/// A classic coordinator, as small as it can be, and its members.
struct Group {
    seed: u64,
    random: fastrand::Rng,
    now: Instant,
    actors: Vec<Actor>,
    known: BTreeMap<String, Known>,
    generation: i32,
    stage: Stage,
    ids_given: u32,
}

struct Actor {
    member: ClassicMember,
    waiting: Option<Waiting>,
    step: Option<Step>,
    asleep_until: Instant,
}

enum Waiting {
    Join(String),
    Sync(String),
}

struct Known {
    metadata: Vec<(Assignor, Vec<u8>)>,
    joined: bool,
    assignment: BTreeSet<TopicPartition>,
    seen: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Preparing(Instant),
    Completing,
    Stable,
}

impl Group {
    fn new(assignors: &[Assignor], seed: u64) -> Self {
        let now = Instant::now();
        let mut random = fastrand::Rng::with_seed(seed);
        let count = random.usize(1..5);
        let actors = (0..count).map(|_| Actor {
            member: member(assignors, now, random.u64(..)),
            waiting: None,
            step: None,
            asleep_until: now,
        });
        let actors = actors.collect();
        Self {
            seed,
            random,
            now,
            actors,
            known: BTreeMap::new(),
            generation: 0,
            stage: Stage::Stable,
            ids_given: 0,
        }
    }

    fn disturb(&mut self) {
        let index = self.random.usize(..self.actors.len());
        match self.random.u8(0..40) {
            0 => {
                let id = self.actors[index].member.identity.member_id.clone();
                self.evict(&id);
            }
            1 => self.actors[index].asleep_until = self.now + Duration::from_secs(90),
            2 => {
                let broken = || Err(refused(ErrorCode::NotCoordinator));
                let answer = match self.actors[index].waiting.take() {
                    Some(Waiting::Join(_)) => Answer::Joined(broken()),
                    Some(Waiting::Sync(_)) => {
                        Answer::Synced(Err(refused(ErrorCode::NotCoordinator)))
                    }
                    None => return,
                };
                self.actors[index].member.on_answer(self.now, answer);
            }
            _ => {}
        }
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(self.random.u64(0..400));
        self.expire();
        let index = self.random.usize(..self.actors.len());
        match self.random.bool() {
            true => self.application(index),
            false => self.work(index),
        }
        self.check();
    }

    fn application(&mut self, index: usize) {
        let (now, slow) = (self.now, self.random.bool());
        let actor = &mut self.actors[index];
        if actor.asleep_until > now {
            return;
        }
        if let Some(step) = actor.step.take() {
            actor.member.on_step_done(now, &step);
            return;
        }
        actor.member.on_poll(now);
        let step = actor.member.ownership_mut().poll_step();
        match step {
            Some(step) if slow => actor.step = Some(step),
            Some(step) => actor.member.on_step_done(now, &step),
            None => {}
        }
    }

    fn work(&mut self, index: usize) {
        if self.actors[index].waiting.is_some() {
            return;
        }
        let now = self.now;
        let work = self.actors[index].member.poll_work(now);
        let identity = self.actors[index].member.identity.clone();
        let answer = match work {
            Work::Join(plan) => self.join(index, plan),
            Work::Sync(assignments) => self.sync(index, &identity, assignments),
            Work::Beat => Some(Answer::Beaten(self.beat(&identity))),
            Work::Lead(assignor, candidates) => {
                let counts = PartitionCounts::from([("t".into(), PARTITIONS)]);
                let plan = assignor.assign(&candidates, &counts).into_iter();
                let encoded = plan.map(|(id, set)| {
                    let bytes = crate::client::consumer_protocol::encode_assignment(&set);
                    (id, bytes.unwrap())
                });
                Some(Answer::Led(Ok((encoded.collect(), counts))))
            }
            Work::Count(_) => {
                let counts = PartitionCounts::from([("t".into(), PARTITIONS)]);
                Some(Answer::Counted(Ok(counts)))
            }
            Work::Leave(leave) => {
                self.evict(&leave.identity.member_id);
                Some(Answer::Left)
            }
            Work::Wait(_) => None,
            other => panic!("{other:?}"),
        };
        if let Some(answer) = answer {
            self.actors[index].member.on_answer(now, answer);
        }
    }

    fn join(&mut self, index: usize, plan: JoinPlan) -> Option<Answer> {
        let id = plan.identity.member_id;
        if id.is_empty() {
            self.ids_given += 1;
            let id = format!("m{}", self.ids_given);
            let known = Known {
                metadata: Vec::new(),
                joined: false,
                assignment: BTreeSet::new(),
                seen: self.now,
            };
            self.known.insert(id.clone(), known);
            self.prepare();
            return Some(Answer::MemberId(id));
        }
        let Some(known) = self.known.get_mut(&id) else {
            return Some(Answer::Joined(Err(refused(ErrorCode::UnknownMemberId))));
        };
        known.metadata = plan.protocols;
        known.joined = true;
        self.actors[index].waiting = Some(Waiting::Join(id));
        self.prepare();
        self.complete_join();
        None
    }

    /// The members that wait for the leader are told to join again.
    fn prepare(&mut self) {
        if !matches!(self.stage, Stage::Preparing(_)) {
            self.stage = Stage::Preparing(self.now);
            let waits = |actor: &Actor| matches!(actor.waiting, Some(Waiting::Sync(_)));
            for actor in self.actors.iter_mut().filter(|actor| waits(actor)) {
                actor.waiting = None;
                let again = Err(refused(ErrorCode::RebalanceInProgress));
                actor.member.on_answer(self.now, Answer::Synced(again));
            }
        }
    }

    fn complete_join(&mut self) {
        let complete = self.known.values().all(|known| known.joined);
        if !complete || !matches!(self.stage, Stage::Preparing(_)) || self.known.is_empty() {
            return;
        }
        self.generation += 1;
        self.stage = Stage::Completing;
        let leader = self.known.keys().next().unwrap().clone();
        let assignor = self.known[&leader].metadata[0].0;
        let candidate = |(id, known): (&String, &Known)| Candidate {
            member_id: id.clone(),
            instance_id: None,
            subscription: Subscription::decode(&known.metadata[0].1).unwrap(),
        };
        let candidates: Vec<_> = self.known.iter().map(candidate).collect();
        for actor in &mut self.actors {
            let Some(Waiting::Join(id)) = &actor.waiting else {
                continue;
            };
            let joined = Joined {
                generation: self.generation,
                member_id: id.clone(),
                assignor: assignor.name().to_owned(),
                candidates: (*id == leader).then(|| candidates.clone()),
                leads: *id == leader,
            };
            actor.waiting = None;
            actor.member.on_answer(self.now, Answer::Joined(Ok(joined)));
        }
        for known in self.known.values_mut() {
            (known.joined, known.seen) = (false, self.now);
            known.assignment.clear();
        }
    }

    fn sync(
        &mut self,
        index: usize,
        identity: &Identity,
        assignments: Vec<(String, Vec<u8>)>,
    ) -> Option<Answer> {
        if let Err(error) = self.check_identity(identity) {
            return Some(Answer::Synced(Err(error)));
        }
        if matches!(self.stage, Stage::Preparing(_)) {
            let error = refused(ErrorCode::RebalanceInProgress);
            return Some(Answer::Synced(Err(error)));
        }
        for (id, bytes) in &assignments {
            let assigned = crate::client::consumer_protocol::assigned_partitions(bytes).unwrap();
            if let Some(known) = self.known.get_mut(id) {
                known.assignment = assigned.into_iter().collect();
            }
            self.stage = Stage::Stable;
        }
        self.actors[index].waiting = Some(Waiting::Sync(identity.member_id.clone()));
        if self.stage == Stage::Stable {
            for actor in &mut self.actors {
                if let Some(Waiting::Sync(id)) = &actor.waiting {
                    let known = self.known.get_mut(id).expect("who waits is known");
                    known.seen = self.now;
                    let assigned = known.assignment.clone();
                    actor.waiting = None;
                    actor
                        .member
                        .on_answer(self.now, Answer::Synced(Ok(assigned)));
                }
            }
        }
        None
    }

    fn beat(&mut self, identity: &Identity) -> Result<(), ClientError> {
        self.check_identity(identity)?;
        self.known.get_mut(&identity.member_id).unwrap().seen = self.now;
        match self.stage {
            Stage::Preparing(_) => Err(refused(ErrorCode::RebalanceInProgress)),
            _ => Ok(()),
        }
    }

    fn check_identity(&self, identity: &Identity) -> Result<(), ClientError> {
        match self.known.contains_key(&identity.member_id) {
            false => Err(refused(ErrorCode::UnknownMemberId)),
            true if identity.epoch != self.generation => Err(refused(ErrorCode::IllegalGeneration)),
            true => Ok(()),
        }
    }

    fn evict(&mut self, id: &str) {
        if self.known.remove(id).is_none() {
            return;
        }
        for actor in &mut self.actors {
            let unknown = || refused(ErrorCode::UnknownMemberId);
            let answer = match &actor.waiting {
                Some(Waiting::Join(other)) if other == id => Answer::Joined(Err(unknown())),
                Some(Waiting::Sync(other)) if other == id => Answer::Synced(Err(unknown())),
                _ => continue,
            };
            actor.waiting = None;
            actor.member.on_answer(self.now, answer);
        }
        self.prepare();
        self.complete_join();
        if self.known.is_empty() {
            self.stage = Stage::Stable;
        }
    }

    /// Sessions end, and a rebalance does not wait for ever.
    fn expire(&mut self) {
        let waits = |id: &String| {
            self.actors.iter().any(|actor| match &actor.waiting {
                Some(Waiting::Join(other) | Waiting::Sync(other)) => other == id,
                None => false,
            })
        };
        let session = Duration::from_secs(45);
        let late = match self.stage {
            Stage::Preparing(since) => self.now.duration_since(since) > Duration::from_secs(60),
            _ => false,
        };
        let gone = self.known.iter().filter(|(id, known)| {
            let silent = self.now.duration_since(known.seen) > session;
            (silent && !waits(id)) || (late && !known.joined)
        });
        let gone: Vec<_> = gone.map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.evict(&id);
        }
    }

    fn check(&self) {
        let mut held = BTreeMap::new();
        for actor in &self.actors {
            let identity = &actor.member.identity;
            let in_group = self.known.contains_key(&identity.member_id);
            for index in (0..PARTITIONS).filter(|_| in_group && identity.epoch >= 0) {
                if actor.member.ownership().holds(&of("t", index)) {
                    let other = held.insert(index, identity.member_id.clone());
                    let (me, seed) = (&identity.member_id, self.seed);
                    assert!(
                        other.is_none(),
                        "t-{index}: {me} and {other:?}, seed {seed}"
                    );
                }
            }
        }
    }

    fn check_peace(&self) {
        let seed = self.seed;
        let all = self.actors.iter();
        let held: usize = all
            .map(|actor| actor.member.ownership().owned().len())
            .sum();
        assert_eq!(self.stage, Stage::Stable, "seed {seed}");
        assert_eq!(held, PARTITIONS as usize, "seed {seed}");
    }
}
