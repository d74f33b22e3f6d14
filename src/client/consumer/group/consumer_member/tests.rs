use super::super::assignor::tests::of;
use super::*;
use crate::client::Refusal;
use crate::client::backoff::Backoff;
use crate::client::consumer::group::settings::{GroupProtocol, GroupSettings};

const PARTITIONS: i32 = 6;
const TOPIC: Uuid = Uuid::from_u128(700);

fn refused(code: ErrorCode) -> ClientError {
    let refusal = Refusal {
        code,
        message: None,
    };
    refusal.of("ask")
}

fn member(now: Instant, seed: u64) -> ConsumerMember {
    let settings = GroupSettings {
        protocol: GroupProtocol::Consumer(None),
        poll_interval_max: Duration::from_secs(60),
        ..GroupSettings::new("g")
    };
    let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let pace = Pace::new(&settings, backoff, now, fastrand::Rng::with_seed(seed));
    ConsumerMember::new(None, pace)
}

fn reported(epoch: i32, assignment: Option<&[i32]>) -> Answer {
    Answer::Reported(Ok(Reported {
        member_id: None,
        epoch,
        interval: Duration::from_secs(5),
        assignment: assignment.map(|indexes| vec![(TOPIC, indexes.to_vec())]),
    }))
}

fn names() -> Answer {
    Answer::Named(Ok(vec![(TOPIC, "t".into())]))
}

fn take_steps(member: &mut ConsumerMember, now: Instant) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(step) = member.ownership_mut().poll_step() {
        member.on_step_done(now, &step);
        steps.push(step);
    }
    steps
}

fn report(member: &mut ConsumerMember, now: Instant) -> Report {
    match member.poll_work(now) {
        Work::Report(report) => report,
        other => panic!("{other:?}"),
    }
}

fn holding(indexes: &[i32], now: Instant) -> ConsumerMember {
    let mut member = member(now, 0);
    let first = report(&mut member, now);
    assert!(first.in_full && first.identity.epoch == 0);
    assert_eq!(first.owned, Some(Vec::new()));
    member.on_answer(now, reported(1, Some(indexes)));
    assert!(matches!(member.poll_work(now), Work::Name(ids) if ids == [TOPIC]));
    member.on_answer(now, names());
    take_steps(&mut member, now);
    let acknowledged = report(&mut member, now);
    assert_eq!(acknowledged.owned, Some(vec![(TOPIC, indexes.to_vec())]));
    assert!(!acknowledged.in_full);
    member.on_answer(now, reported(1, None));
    member
}

#[test]
fn what_is_revoked_is_acknowledged_when_it_is_done() {
    let now = Instant::now();
    let mut member = holding(&[0, 1], now);
    let later = now + Duration::from_secs(5);
    assert_eq!(report(&mut member, later).owned, None);
    member.on_answer(later, reported(1, Some(&[0])));
    let silent = later + Duration::from_secs(5);
    assert_eq!(report(&mut member, silent).owned, None, "not yet");
    member.on_answer(silent, reported(1, None));
    let steps = take_steps(&mut member, silent);
    assert_eq!(steps, [Step::Revoke(BTreeSet::from([of("t", 1)]))]);
    let told = report(&mut member, silent);
    assert_eq!(told.owned, Some(vec![(TOPIC, vec![0])]));
}

#[test]
fn a_fenced_member_loses_everything_and_joins_under_its_id() {
    let now = Instant::now();
    let mut member = holding(&[0], now);
    let id = member.identity.member_id.clone();
    let later = now + Duration::from_secs(5);
    report(&mut member, later);
    let fenced = Answer::Reported(Err(refused(ErrorCode::FencedMemberEpoch)));
    member.on_answer(later, fenced);
    assert!(matches!(member.poll_work(later), Work::Wait(_)));
    assert!(matches!(
        take_steps(&mut member, later)[..],
        [Step::Lose(_)]
    ));
    let again = report(&mut member, later + Duration::from_secs(1));
    assert_eq!((again.identity.epoch, again.in_full), (0, true));
    assert_eq!(again.identity.member_id, id);
}

#[test]
fn after_a_lost_answer_everything_is_told_again() {
    let now = Instant::now();
    let mut member = holding(&[0], now);
    let later = now + Duration::from_secs(5);
    report(&mut member, later);
    let lost = Answer::Reported(Err(refused(ErrorCode::NotCoordinator)));
    member.on_answer(later, lost);
    let told = report(&mut member, later + Duration::from_secs(1));
    assert!(told.in_full && told.identity.epoch == 1);
    assert_eq!(told.owned, Some(vec![(TOPIC, vec![0])]));
}

#[test]
fn a_member_leaves_for_good_or_for_now() {
    let now = Instant::now();
    let mut dynamic = holding(&[0], now);
    dynamic.close();
    assert!(matches!(dynamic.poll_work(now), Work::Leave(leave) if leave.identity.epoch == -1));
    assert!(matches!(dynamic.poll_work(now), Work::Stop));
    let mut fixed = holding(&[0], now);
    fixed.identity.instance_id = Some("i".to_owned());
    fixed.close();
    assert!(matches!(fixed.poll_work(now), Work::Leave(leave) if leave.identity.epoch == -2));
}

#[test]
fn a_topic_without_a_name_holds_up_nothing_else() {
    let now = Instant::now();
    let other = Uuid::from_u128(800);
    let mut member = member(now, 0);
    report(&mut member, now);
    let assignment = vec![(TOPIC, vec![0]), (other, vec![3])];
    member.on_answer(
        now,
        Answer::Reported(Ok(Reported {
            member_id: None,
            epoch: 1,
            interval: Duration::from_secs(5),
            assignment: Some(assignment),
        })),
    );
    member.poll_work(now);
    member.on_answer(now, names());
    assert_eq!(take_steps(&mut member, now).len(), 1);
    let later = now + Duration::from_secs(1);
    report(&mut member, later);
    member.on_answer(later, reported(1, None));
    assert!(matches!(member.poll_work(later), Work::Name(ids) if ids == [other]));
    member.on_answer(later, Answer::Named(Ok(vec![(other, "u".into())])));
    let steps = take_steps(&mut member, later);
    assert_eq!(steps, [Step::Assign(BTreeSet::from([of("u", 3)]))]);
}

/// As with classic members: never two owners, and in peace one each.
#[test]
fn no_partition_has_two_owners_and_in_peace_each_has_one() {
    for _ in 0..150 {
        let seed = fastrand::u64(..);
        let mut group = Group::new(seed);
        for _ in 0..600 {
            group.disturb();
            group.step(true);
        }
        for _ in 0..3000 {
            group.step(false);
        }
        group.check_peace();
    }
}

/// A coordinator of KIP-848, as small as it can be, and its members.
struct Group {
    seed: u64,
    random: fastrand::Rng,
    now: Instant,
    actors: Vec<Actor>,
    known: BTreeMap<String, Known>,
    epoch: i32,
}

struct Actor {
    member: ConsumerMember,
    step: Option<Step>,
    asleep_until: Instant,
}

struct Known {
    epoch: i32,
    previous_epoch: i32,
    assigned: BTreeSet<i32>,
    revoking: BTreeSet<i32>,
    seen: Instant,
}

impl Group {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        let mut random = fastrand::Rng::with_seed(seed);
        let count = random.usize(1..5);
        let actors = (0..count).map(|_| Actor {
            member: member(now, random.u64(..)),
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
            epoch: 0,
        }
    }

    fn disturb(&mut self) {
        let index = self.random.usize(..self.actors.len());
        match self.random.u8(0..50) {
            0 => {
                let id = self.actors[index].member.identity.member_id.clone();
                self.evict(&id);
            }
            1 => self.actors[index].asleep_until = self.now + Duration::from_secs(90),
            _ => {}
        }
    }

    fn step(&mut self, answers_get_lost: bool) {
        self.now += Duration::from_millis(self.random.u64(0..400));
        self.expire();
        let index = self.random.usize(..self.actors.len());
        match self.random.bool() {
            true => self.application(index),
            false => self.work(index, answers_get_lost),
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
        match actor.member.ownership_mut().poll_step() {
            Some(step) if slow => actor.step = Some(step),
            Some(step) => actor.member.on_step_done(now, &step),
            None => {}
        }
    }

    fn work(&mut self, index: usize, answers_get_lost: bool) {
        let now = self.now;
        let lost = answers_get_lost && self.random.u8(0..12) == 0;
        let answer = match self.actors[index].member.poll_work(now) {
            Work::Report(report) => {
                let answer = self.on_report(&report);
                match lost {
                    true => Answer::Reported(Err(refused(ErrorCode::NotCoordinator))),
                    false => Answer::Reported(answer),
                }
            }
            Work::Name(_) if lost => Answer::Named(Ok(Vec::new())),
            Work::Name(_) => names(),
            Work::Leave(leave) => {
                if !lost {
                    self.evict(&leave.identity.member_id);
                }
                Answer::Left
            }
            Work::Wait(_) => return,
            other => panic!("{other:?}"),
        };
        self.actors[index].member.on_answer(now, answer);
    }

    fn on_report(&mut self, report: &Report) -> Result<Reported, ClientError> {
        let id = &report.identity.member_id;
        if report.identity.epoch == 0 {
            assert_eq!(report.owned, Some(Vec::new()), "seed {}", self.seed);
            self.epoch += 1;
            let fresh = Known {
                epoch: 0,
                previous_epoch: 0,
                assigned: BTreeSet::new(),
                revoking: BTreeSet::new(),
                seen: self.now,
            };
            self.known.insert(id.clone(), fresh);
        }
        let Some(known) = self.known.get_mut(id) else {
            return Err(refused(ErrorCode::UnknownMemberId));
        };
        known.seen = self.now;
        let owned = report.owned.as_ref();
        let owned: Option<BTreeSet<i32>> =
            owned.map(|owned| owned.iter().flat_map(|(_, list)| list.clone()).collect());
        let epoch = report.identity.epoch;
        let behind = epoch == known.previous_epoch
            && owned
                .as_ref()
                .is_some_and(|owned| owned.is_subset(&known.assigned));
        if epoch != known.epoch && !behind {
            return Err(refused(ErrorCode::FencedMemberEpoch));
        }
        if owned
            .as_ref()
            .is_some_and(|owned| owned.is_disjoint(&known.revoking))
        {
            known.revoking.clear();
        }
        let before = known.assigned.clone();
        self.reconcile(id);
        let known = &self.known[id];
        let tells = known.assigned != before || report.in_full || !known.revoking.is_empty();
        let assigned: Vec<i32> = known.assigned.iter().copied().collect();
        let assignment = match assigned.is_empty() {
            true => Vec::new(),
            false => vec![(TOPIC, assigned)],
        };
        Ok(Reported {
            member_id: Some(id.clone()),
            epoch: known.epoch,
            interval: Duration::from_secs(5),
            assignment: tells.then_some(assignment),
        })
    }

    /// One step of a member towards its share of the partitions.
    fn reconcile(&mut self, id: &str) {
        let rank = self.known.keys().position(|other| other == id).unwrap() as i32;
        let members = self.known.len() as i32;
        let target: BTreeSet<i32> = (0..PARTITIONS)
            .filter(|index| index % members == rank)
            .collect();
        let others = self.known.iter().filter(|(other, _)| *other != id);
        let taken: BTreeSet<i32> = others
            .flat_map(|(_, known)| known.assigned.union(&known.revoking))
            .copied()
            .collect();
        let group_epoch = self.epoch;
        let known = self.known.get_mut(id).unwrap();
        if !known.revoking.is_empty() {
            return;
        }
        let surplus: BTreeSet<i32> = known.assigned.difference(&target).copied().collect();
        if !surplus.is_empty() {
            known.assigned.retain(|index| target.contains(index));
            known.revoking = surplus;
            return;
        }
        if known.epoch != group_epoch {
            known.previous_epoch = known.epoch;
            known.epoch = group_epoch;
        }
        let free = target.iter().filter(|index| !taken.contains(index));
        known.assigned.extend(free);
    }

    fn evict(&mut self, id: &str) {
        if self.known.remove(id).is_some() {
            self.epoch += 1;
        }
    }

    fn expire(&mut self) {
        let session = Duration::from_secs(45);
        let now = self.now;
        let gone = self.known.iter();
        let gone = gone.filter(|(_, known)| now.duration_since(known.seen) > session);
        let gone: Vec<_> = gone.map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.evict(&id);
        }
    }

    /// A member that the coordinator has forgotten, or taken anew, speaks for nothing.
    fn check(&self) {
        let mut held = BTreeMap::new();
        for actor in &self.actors {
            let identity = &actor.member.identity;
            let current = self.known.get(&identity.member_id).is_some_and(|known| {
                identity.epoch > 0 && [known.epoch, known.previous_epoch].contains(&identity.epoch)
            });
            for index in (0..PARTITIONS).filter(|_| current) {
                if actor.member.ownership().holds(&of("t", index)) {
                    let other = held.insert(index, identity.member_id.clone());
                    assert!(other.is_none(), "t-{index} twice, seed {}", self.seed);
                }
            }
        }
    }

    fn check_peace(&self) {
        let mut held = BTreeSet::new();
        for actor in &self.actors {
            held.extend(actor.member.ownership().owned().iter().cloned());
        }
        assert_eq!(held.len(), PARTITIONS as usize, "seed {}", self.seed);
    }
}
