//! How the leader of a classic group divides the partitions. Pure.
//!
//! Kafka's own assignors by Kafka's names, so that members of any client share a group.

mod even;
mod sticky;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

use crate::client::consumer_protocol::{Subscription, decode_sticky_data};
use crate::model::TopicPartition;

/// A way to divide the partitions of the subscribed topics among a group's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assignor {
    /// Each topic in stretches: partitions of the same number of several topics meet.
    Range,
    /// All partitions in turn.
    RoundRobin,
    /// Evenly, and everybody keeps as much as possible; all is given back before (KIP-54).
    Sticky,
    /// Evenly, and everybody keeps on reading what stays with it (KIP-429).
    CooperativeSticky,
}

/// A member as the leader sees it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) member_id: String,
    pub(super) instance_id: Option<String>,
    pub(super) subscription: Subscription,
}

/// How many partitions each topic has.
pub(super) type PartitionCounts = BTreeMap<Arc<str>, i32>;
/// What each member gets.
pub(super) type Plan = BTreeMap<String, BTreeSet<TopicPartition>>;

impl Assignor {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Range,
        Self::RoundRobin,
        Self::Sticky,
        Self::CooperativeSticky,
    ];

    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// Whether members keep what they own while they join.
    pub fn is_cooperative(self) -> bool {
        self == Self::CooperativeSticky
    }

    /// Divides the partitions; every member has an entry.
    pub(super) fn assign(self, candidates: &[Candidate], counts: &PartitionCounts) -> Plan {
        let mut candidates: Vec<_> = candidates.iter().map(|one| self.prepared(one)).collect();
        candidates.sort_by(|a, b| order(a).cmp(&order(b)));
        let empty = candidates.iter().map(|one| one.member_id.clone());
        let mut plan: Plan = empty.map(|member| (member, BTreeSet::new())).collect();
        match self {
            Self::Range => even::range(&candidates, counts, &mut plan),
            Self::RoundRobin => even::round_robin(&candidates, counts, &mut plan),
            Self::Sticky => sticky::assign(&candidates, counts, &mut plan),
            Self::CooperativeSticky => {
                sticky::assign(&candidates, counts, &mut plan);
                sticky::hold_back(&candidates, &mut plan);
            }
        }
        plan
    }

    /// The candidate with the partitions it had: an eager one tells them in data of its own, and
    /// bytes that cannot be read tell nothing.
    fn prepared(self, candidate: &Candidate) -> Candidate {
        let mut candidate = candidate.clone();
        if self == Self::Sticky {
            let told = decode_sticky_data(&candidate.subscription.user_data);
            let (owned, generation) = told.unwrap_or_else(|_| (Vec::new(), -1));
            candidate.subscription.owned = owned;
            candidate.subscription.generation = generation;
        }
        candidate
    }
}

impl FromStr for Assignor {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{name}` is not an assignor: use {names}")
        })
    }
}

/// The order of members, as Kafka has it: static ones by their instance id first, so that they
/// keep their share over restarts.
fn order(candidate: &Candidate) -> (bool, &str) {
    match &candidate.instance_id {
        Some(instance) => (false, instance),
        None => (true, &candidate.member_id),
    }
}

fn subscribes(candidate: &Candidate, topic: &Arc<str>) -> bool {
    candidate.subscription.topics.contains(topic)
}

fn partitions<'a>(
    topic: &'a Arc<str>,
    count: &i32,
) -> impl Iterator<Item = TopicPartition> + use<'a> {
    (0..*count).map(move |partition| TopicPartition {
        topic: topic.clone(),
        partition,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::client::consumer::group) fn of(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition {
            topic: topic.into(),
            partition,
        }
    }

    pub(super) fn candidate(name: &str, topics: &[&str], owned: &[TopicPartition]) -> Candidate {
        Candidate {
            member_id: name.to_owned(),
            instance_id: None,
            subscription: Subscription {
                topics: topics.iter().map(|topic| (*topic).into()).collect(),
                owned: owned.to_vec(),
                generation: 1,
                ..Subscription::default()
            },
        }
    }

    pub(super) fn counts(of: &[(&str, i32)]) -> PartitionCounts {
        of.iter()
            .map(|(topic, count)| ((*topic).into(), *count))
            .collect()
    }

    #[test]
    fn names_are_kafkas() {
        for assignor in Assignor::ALL {
            assert_eq!(assignor.name().parse(), Ok(assignor));
        }
        let error = "uniform".parse::<Assignor>().unwrap_err();
        assert!(error.contains("cooperative-sticky"), "{error}");
    }

    #[test]
    fn static_members_come_first_by_their_instance() {
        let mut members = [
            candidate("b", &["t"], &[]),
            candidate("a", &["t"], &[]),
            candidate("z", &["t"], &[]),
        ];
        members[2].instance_id = Some("1".to_owned());
        let plan = Assignor::Range.assign(&members, &counts(&[("t", 1)]));
        assert_eq!(plan["z"], BTreeSet::from([of("t", 0)]));
    }

    /// Whatever the members claim: each partition that somebody wants has one owner, who wants it.
    #[test]
    fn every_partition_has_one_owner_who_subscribes() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..300 {
            let counts = counts(&[("t", random.i32(0..7)), ("u", random.i32(1..4))]);
            let members: Vec<_> = (0..random.usize(1..6))
                .map(|index| random_candidate(index, &mut random))
                .collect();
            for assignor in Assignor::ALL {
                check(assignor, &members, &counts, seed);
            }
        }
    }

    fn random_candidate(index: usize, random: &mut fastrand::Rng) -> Candidate {
        let topics: &[&str] = match random.u8(0..3) {
            0 => &["t"],
            1 => &["u", "missing"],
            _ => &["t", "u"],
        };
        let owned = (0..random.usize(0..5)).map(|_| {
            let topic = ["t", "u", "gone"][random.usize(0..3)];
            of(topic, random.i32(-1..8))
        });
        let owned: Vec<_> = owned.collect();
        let mut made = candidate(&format!("m{index}"), topics, &owned);
        made.subscription.generation = random.i32(-1..3);
        made
    }

    fn check(assignor: Assignor, members: &[Candidate], counts: &PartitionCounts, seed: u64) {
        let plan = assignor.assign(members, counts);
        assert_eq!(plan.len(), members.len(), "seed {seed}");
        let mut given = BTreeSet::new();
        for member in members {
            for partition in &plan[&member.member_id] {
                assert!(subscribes(member, &partition.topic), "seed {seed}");
                assert!(given.insert(partition.clone()), "twice, seed {seed}");
            }
        }
        for (topic, count) in counts {
            let wanted = members.iter().any(|member| subscribes(member, topic));
            for partition in partitions(topic, count).filter(|_| wanted) {
                let owners = members.iter();
                let claimed = owners
                    .filter(|one| one.subscription.owned.contains(&partition))
                    .count();
                let held_back = assignor.is_cooperative() && claimed > 0;
                assert!(given.contains(&partition) || held_back, "seed {seed}");
            }
        }
    }
}
