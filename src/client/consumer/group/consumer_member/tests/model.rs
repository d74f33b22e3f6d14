//! Members and a coordinator of KIP-848, as small as it can be, through random mishaps.

use super::*;

/// As with classic members: never two owners, and in peace one each.
#[test]
fn no_partition_has_two_owners_and_in_peace_each_has_one() {
    for round in 0..150 {
        let network = [Network::Prompt, Network::Late][round % 2];
        live_through(network, fastrand::u64(..));
    }
}

/// Both lost the answer that took partitions back while the application was taking them.
#[test]
fn what_once_went_wrong_stays_right() {
    for seed in [10_556_119_968_605_702_996, 4_873_369_184_299_334_026] {
        live_through(Network::Prompt, seed);
    }
}

fn live_through(network: Network, seed: u64) {
    let mut group = Group::new(network, seed);
    for _ in 0..600 {
        group.disturb();
        group.step(true);
    }
    for _ in 0..3000 {
        group.step(false);
    }
    group.check_peace();
}

/// Whether anything happens between a request, what the coordinator makes of it and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    Prompt,
    Late,
}

struct Group {
    network: Network,
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
    call: Option<Call>,
    asleep_until: Instant,
}

/// What a member's thread waits for.
enum Call {
    Asked(Work),
    Answered(Answer),
}

struct Known {
    epoch: i32,
    previous_epoch: i32,
    assigned: BTreeSet<i32>,
    revoking: BTreeSet<i32>,
    seen: Instant,
}

impl Group {
    fn new(network: Network, seed: u64) -> Self {
        let now = Instant::now();
        let mut random = fastrand::Rng::with_seed(seed);
        let count = random.usize(1..5);
        let actors = (0..count).map(|_| Actor {
            member: member(now, random.u64(..)),
            step: None,
            call: None,
            asleep_until: now,
        });
        let actors = actors.collect();
        Self {
            network,
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
        let lost = answers_get_lost && self.random.u8(0..12) == 0;
        loop {
            let call = match self.actors[index].call.take() {
                None => match self.actors[index].member.poll_work(self.now) {
                    Work::Wait(_) => return,
                    work => Call::Asked(work),
                },
                Some(Call::Asked(work)) => Call::Answered(self.answer(&work, lost)),
                Some(Call::Answered(answer)) => {
                    return self.actors[index].member.on_answer(self.now, answer);
                }
            };
            self.actors[index].call = Some(call);
            if self.network == Network::Late && self.random.bool() {
                return;
            }
        }
    }

    fn answer(&mut self, work: &Work, lost: bool) -> Answer {
        match work {
            Work::Report(report) => {
                let answer = self.on_report(report);
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
            other => panic!("{other:?}"),
        }
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
        let tells = known.assigned != before || report.in_full;
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

    /// Not even what a member may still take is another's. One that the coordinator has forgotten,
    /// or taken anew, speaks for nothing.
    fn check(&self) {
        let mut claimed = BTreeMap::new();
        for actor in &self.actors {
            let (identity, ownership) = (&actor.member.identity, actor.member.ownership());
            let current = self.known.get(&identity.member_id).is_some_and(|known| {
                identity.epoch > 0 && [known.epoch, known.previous_epoch].contains(&identity.epoch)
            });
            if !current || ownership.is_lost() {
                continue;
            }
            for partition in ownership.claimed() {
                let other = claimed.insert(partition.clone(), identity.member_id.clone());
                assert!(other.is_none(), "{partition} twice, seed {}", self.seed);
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
