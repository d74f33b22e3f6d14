//! The assignors without memory.

use super::{Candidate, PartitionCounts, Plan, partitions, subscribes};

/// Topic by topic: each subscriber gets a stretch, the first ones one partition more where it does
/// not come out even.
pub(super) fn range(candidates: &[Candidate], counts: &PartitionCounts, plan: &mut Plan) {
    for (topic, count) in counts {
        let subscribers: Vec<_> = candidates
            .iter()
            .filter(|one| subscribes(one, topic))
            .collect();
        let mut left = partitions(topic, count);
        for (index, member) in subscribers.iter().enumerate() {
            let (members, count) = (subscribers.len(), *count as usize);
            let share = count / members + usize::from(index < count % members);
            let stretch = left.by_ref().take(share);
            plan.entry(member.member_id.clone())
                .or_default()
                .extend(stretch);
        }
    }
}

/// All partitions of all topics in turn, past those who do not subscribe.
pub(super) fn round_robin(candidates: &[Candidate], counts: &PartitionCounts, plan: &mut Plan) {
    let mut next = 0;
    for (topic, count) in counts {
        if !candidates.iter().any(|one| subscribes(one, topic)) {
            continue;
        }
        for partition in partitions(topic, count) {
            while !subscribes(&candidates[next % candidates.len()], topic) {
                next += 1;
            }
            let member = &candidates[next % candidates.len()];
            plan.entry(member.member_id.clone())
                .or_default()
                .insert(partition);
            next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Assignor;
    use super::super::tests::{candidate, counts, of};

    #[test]
    fn ranges_are_stretches_of_each_topic() {
        let members = [
            candidate("a", &["t", "u"], &[]),
            candidate("b", &["t", "u"], &[]),
        ];
        let plan = Assignor::Range.assign(&members, &counts(&[("t", 3), ("u", 3)]));
        let of_a: Vec<_> = plan["a"].iter().cloned().collect();
        assert_eq!(of_a, [of("t", 0), of("t", 1), of("u", 0), of("u", 1)]);
        assert_eq!(plan["b"].len(), 2);
    }

    #[test]
    fn round_robin_goes_on_from_topic_to_topic() {
        let members = [
            candidate("a", &["t", "u"], &[]),
            candidate("b", &["t", "u"], &[]),
        ];
        let plan = Assignor::RoundRobin.assign(&members, &counts(&[("t", 3), ("u", 3)]));
        let of_a: Vec<_> = plan["a"].iter().cloned().collect();
        assert_eq!(of_a, [of("t", 0), of("t", 2), of("u", 1)]);
    }
}
