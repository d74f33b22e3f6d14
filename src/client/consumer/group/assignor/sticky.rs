//! The assignor that moves as little as it must.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Candidate, PartitionCounts, Plan, partitions, subscribes};
use crate::model::TopicPartition;

/// Everybody keeps what it has, what nobody has goes to who has least, and then partitions move
/// while one member has two more than another that could take one.
pub(super) fn assign(candidates: &[Candidate], counts: &PartitionCounts, plan: &mut Plan) {
    let mut free = keep_owned(candidates, counts, plan);
    // Those that few can take come first, so that the others can even it out.
    let takers = |one: &TopicPartition| {
        let able = candidates.iter().filter(|who| subscribes(who, &one.topic));
        able.count()
    };
    let takers: BTreeMap<_, _> = counts
        .keys()
        .map(|topic| {
            (
                topic.clone(),
                takers(&TopicPartition {
                    topic: topic.clone(),
                    partition: 0,
                }),
            )
        })
        .collect();
    free.sort_by_key(|one| takers[&one.topic]);
    for partition in free {
        give_to_least(partition, candidates, plan);
    }
    while move_one(candidates, plan) {}
}

/// Takes out of the plan what a member is to get that another one still owns: it must be given
/// back first, and the next rebalance hands it over (KIP-429).
pub(super) fn hold_back(candidates: &[Candidate], plan: &mut Plan) {
    let mut leaving = BTreeSet::new();
    for candidate in candidates {
        let kept = &plan[&candidate.member_id];
        let owned = candidate.subscription.owned.iter();
        leaving.extend(owned.filter(|one| !kept.contains(*one)).cloned());
    }
    for candidate in candidates {
        let owned: BTreeSet<_> = candidate.subscription.owned.iter().collect();
        let kept = plan.entry(candidate.member_id.clone()).or_default();
        kept.retain(|one| owned.contains(one) || !leaving.contains(one));
    }
}

/// Gives each partition to who owned it, and returns those that nobody did. Who has missed a
/// generation owns nothing any more, and of two that claim the same neither is believed.
fn keep_owned(
    candidates: &[Candidate],
    counts: &PartitionCounts,
    plan: &mut Plan,
) -> Vec<TopicPartition> {
    let generations = candidates.iter().map(|one| one.subscription.generation);
    let newest = generations.max().unwrap_or(-1);
    let mut claims: BTreeMap<&TopicPartition, Vec<&Candidate>> = BTreeMap::new();
    for candidate in candidates {
        let subscription = &candidate.subscription;
        let believed = subscription.generation == newest;
        for partition in subscription.owned.iter().filter(|_| believed) {
            claims.entry(partition).or_default().push(candidate);
        }
    }
    let mut free = Vec::new();
    for (topic, count) in counts {
        for partition in partitions(topic, count) {
            match claims.get(&partition).map(Vec::as_slice) {
                Some([owner]) if subscribes(owner, topic) => {
                    let kept = plan.entry(owner.member_id.clone()).or_default();
                    kept.insert(partition);
                }
                _ => free.push(partition),
            }
        }
    }
    free
}

fn give_to_least(partition: TopicPartition, candidates: &[Candidate], plan: &mut Plan) {
    let able = candidates
        .iter()
        .filter(|one| subscribes(one, &partition.topic));
    if let Some(least) = able.min_by_key(|one| plan[&one.member_id].len()) {
        let taken = plan.entry(least.member_id.clone()).or_default();
        taken.insert(partition);
    }
}

/// Moves one partition from a member to another with two less at least. Each move evens the plan
/// out, so there is an end to them.
fn move_one(candidates: &[Candidate], plan: &mut Plan) -> bool {
    let load = |one: &&Candidate| plan[&one.member_id].len();
    let mut by_load: Vec<&Candidate> = candidates.iter().collect();
    by_load.sort_by_key(load);
    let mut richest: Vec<&Candidate> = by_load.clone();
    richest.sort_by_key(|one| Reverse(load(one)));
    for from in richest {
        for to in &by_load {
            if load(&from) < load(to) + 2 {
                break;
            }
            let of_from = &plan[&from.member_id];
            let movable = of_from.iter().rev();
            let moved = movable.clone().find(|one| subscribes(to, &one.topic));
            if let Some(moved) = moved.cloned() {
                plan.entry(from.member_id.clone())
                    .or_default()
                    .remove(&moved);
                plan.entry(to.member_id.clone()).or_default().insert(moved);
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::Assignor;
    use super::super::tests::{candidate, counts, of};
    use super::*;

    #[test]
    fn a_new_member_takes_only_its_share() {
        let all: Vec<_> = (0..4).map(|index| of("t", index)).collect();
        let members = [candidate("a", &["t"], &all), candidate("b", &["t"], &[])];
        let counts = counts(&[("t", 4)]);
        let mut plan: Plan = [("a", BTreeSet::new()), ("b", BTreeSet::new())]
            .map(|(name, none)| (name.to_owned(), none))
            .into();
        assign(&members, &counts, &mut plan);
        assert_eq!((plan["a"].len(), plan["b"].len()), (2, 2));
        let cooperative = Assignor::CooperativeSticky.assign(&members, &counts);
        assert_eq!(cooperative["a"].len(), 2);
        assert!(cooperative["b"].is_empty(), "a has to let go first");
    }

    #[test]
    fn what_is_owned_stays_when_a_member_leaves() {
        let members = [
            candidate("a", &["t"], &[of("t", 0), of("t", 3)]),
            candidate("b", &["t"], &[of("t", 1)]),
        ];
        let plan = Assignor::CooperativeSticky.assign(&members, &counts(&[("t", 4)]));
        assert_eq!(plan["a"], BTreeSet::from([of("t", 0), of("t", 3)]));
        assert_eq!(plan["b"], BTreeSet::from([of("t", 1), of("t", 2)]));
    }

    #[test]
    fn who_missed_a_generation_owns_nothing() {
        let mut late = candidate("late", &["t"], &[of("t", 0)]);
        late.subscription.generation = 0;
        let members = [late, candidate("there", &["t"], &[of("t", 0), of("t", 1)])];
        let mut plan: Plan = [("late", BTreeSet::new()), ("there", BTreeSet::new())]
            .map(|(name, none)| (name.to_owned(), none))
            .into();
        assign(&members, &counts(&[("t", 2)]), &mut plan);
        assert_eq!(plan["there"], BTreeSet::from([of("t", 0)]));
    }

    #[test]
    fn the_difference_is_one_at_most_where_all_subscribe_to_all() {
        for (partitions, members) in [(1, 3), (7, 3), (100, 7), (12, 12)] {
            let owned: Vec<_> = (0..partitions / 2).map(|index| of("t", index)).collect();
            let mut all: Vec<_> = (1..members)
                .map(|index| candidate(&format!("m{index}"), &["t"], &[]))
                .collect();
            all.push(candidate("m0", &["t"], &owned));
            let mut plan: Plan = all
                .iter()
                .map(|one| (one.member_id.clone(), BTreeSet::new()))
                .collect();
            assign(&all, &counts(&[("t", partitions)]), &mut plan);
            let loads: Vec<_> = plan.values().map(BTreeSet::len).collect();
            let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
            assert!(most - least <= 1, "{loads:?}");
        }
    }
}
