//! How a classic group's leader spreads partitions. Pure.

use std::collections::HashSet;

/// A member and what it owns, or gets.
pub(super) type Share = (String, Vec<i32>);

/// By which rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assignor {
    /// Neighbouring partitions to each member in the order of ids; everybody gives up everything
    /// before each rebalance (eager).
    Range,
    /// What members own they keep as far as it is fair; what moves is given up in one rebalance
    /// and given to its new owner in the next (cooperative).
    CooperativeSticky,
}

impl Assignor {
    /// What members call it when they join.
    pub(super) fn protocol(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// Whether members give up everything before a rebalance.
    pub(super) fn is_eager(self) -> bool {
        self == Self::Range
    }

    /// Spreads the partitions of a topic over members, which must be some.
    pub(super) fn assign(self, members: Vec<Share>, partitions: i32) -> Vec<Share> {
        assert!(!members.is_empty(), "a group with a leader has members");
        match self {
            Self::Range => range(members, partitions),
            Self::CooperativeSticky => withhold_moving(&members, sticky(&members, partitions)),
        }
    }
}

fn range(mut members: Vec<Share>, partitions: i32) -> Vec<Share> {
    members.sort();
    let mut next = 0;
    let quotas = quotas(members.len(), partitions);
    for ((_, share), quota) in members.iter_mut().zip(quotas) {
        *share = (next..next + quota).collect();
        next += quota;
    }
    members
}

/// A fair target that leaves with each member what it owns, up to its quota; who owns most gets
/// what does not go round evenly.
fn sticky(members: &[Share], partitions: i32) -> Vec<Share> {
    let mut order: Vec<&Share> = members.iter().collect();
    order.sort_by_key(|(id, owned)| (std::cmp::Reverse(owned.len()), id.clone()));
    let mut taken = HashSet::new();
    let quotas = quotas(members.len(), partitions);
    let mut shares: Vec<(Share, i32)> = Vec::new();
    for ((id, owned), quota) in order.into_iter().zip(quotas) {
        let kept = owned
            .iter()
            .copied()
            .filter(|partition| taken.insert(*partition));
        let kept: Vec<i32> = kept.take(quota as usize).collect();
        shares.push(((id.clone(), kept), quota));
    }
    let kept: HashSet<i32> = shares
        .iter()
        .flat_map(|((_, kept), _)| kept)
        .copied()
        .collect();
    let mut free = (0..partitions).filter(|partition| !kept.contains(partition));
    for ((_, share), quota) in &mut shares {
        let missing = *quota as usize - share.len();
        share.extend(free.by_ref().take(missing));
    }
    shares.into_iter().map(|(share, _)| share).collect()
}

/// A partition that somebody else still owns is not given away before it is given up.
fn withhold_moving(members: &[Share], target: Vec<Share>) -> Vec<Share> {
    let owned_by = |id: &str, partition: &i32| {
        let owners = members
            .iter()
            .filter(|(_, owned)| owned.contains(partition));
        owners.map(|(owner, _)| owner).all(|owner| owner == id)
    };
    let without = |(id, share): Share| {
        let share = share
            .into_iter()
            .filter(|partition| owned_by(&id, partition));
        let share = share.collect();
        (id, share)
    };
    target.into_iter().map(without).collect()
}

/// How many each of so many members gets; the first ones one more where it does not go round.
fn quotas(members: usize, partitions: i32) -> impl Iterator<Item = i32> {
    let (each, more) = (partitions / members as i32, partitions % members as i32);
    (0..members as i32).map(move |number| each + i32::from(number < more))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(owned: &[&[i32]]) -> Vec<Share> {
        let member = |(number, owned): (usize, &&[i32])| (format!("m{number}"), owned.to_vec());
        owned.iter().enumerate().map(member).collect()
    }

    fn all(shares: &[Share]) -> Vec<i32> {
        let mut all: Vec<i32> = shares
            .iter()
            .flat_map(|(_, share)| share)
            .copied()
            .collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn range_gives_neighbours_in_the_order_of_ids() {
        let mut given = members(&[&[], &[], &[]]);
        given.reverse();
        let shares = Assignor::Range.assign(given, 7);
        assert_eq!(shares, members(&[&[0, 1, 2], &[3, 4], &[5, 6]]));
    }

    #[test]
    fn cooperation_moves_only_what_must_in_two_rounds() {
        let sticky = Assignor::CooperativeSticky;
        let before = members(&[&[0, 1, 2], &[3, 4, 5], &[]]);
        let first = sticky.assign(before.clone(), 6);
        assert_eq!(all(&first), [0, 1, 3, 4], "2 and 5 are withheld");
        let second = sticky.assign(first, 6);
        assert_eq!(all(&second), (0..6).collect::<Vec<_>>());
        let joiner = second.iter().find(|(id, _)| id == "m2").unwrap();
        assert_eq!(joiner.1, [2, 5]);
        assert_eq!(sticky.assign(second.clone(), 6), second, "at rest");
    }

    #[test]
    fn what_two_claim_one_keeps() {
        let claimed = members(&[&[0, 1], &[0, 1]]);
        let first = Assignor::CooperativeSticky.assign(claimed, 2);
        assert!(all(&first).len() < 2, "{first:?}: nobody is sure of both");
    }
}
