//! A member's next step towards its target, as KIP-848 has it.
//!
//! It keeps what it has and shall have; gives up the rest, and stays at its epoch until it has said
//! that it did; then goes to the target's epoch with what is free of the rest of its part, and
//! waits for what others still have.

use std::collections::{BTreeMap, BTreeSet};

use super::member::{Current, Held, Progress};
use crate::model::Uuid;

/// What a member shall have.
pub type Target = BTreeMap<Uuid, BTreeSet<i32>>;

/// What the step is taken from.
pub struct Step<'a, F> {
    /// The target's epoch.
    pub target_epoch: i32,
    /// The member's part of it.
    pub target: &'a Target,
    /// The topics that it subscribes to now; the target may be of before.
    pub subscribed: &'a BTreeSet<Uuid>,
    /// Whether that has changed with this heartbeat.
    pub has_changed: bool,
    /// What the member says that it has, if it says so in this heartbeat.
    pub owned: Option<&'a Target>,
    /// Whether nobody has a partition, nor is about to give it up.
    pub is_free: F,
}

/// The member must begin anew, without partitions: `FENCED_MEMBER_EPOCH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MustRejoin;

impl<F: Fn(Uuid, i32) -> bool> Step<'_, F> {
    /// Where the member is afterwards; as before if it cannot go on yet.
    ///
    /// # Errors
    /// [`MustRejoin`] for a member that a later Kafka has left in a state we do not know.
    pub fn of(&self, current: &Current) -> Result<Current, MustRejoin> {
        let stays = match current.progress {
            Progress::Stable => current.epoch == self.target_epoch,
            Progress::Unrevoked => self.still_has(&current.revoking),
            Progress::Unreleased => false,
            Progress::Unknown if self.owned.is_some_and(Target::is_empty) => {
                return Ok(self.next(current, self.target_epoch));
            }
            Progress::Unknown => return Err(MustRejoin),
        };
        Ok(match (stays, self.has_changed) {
            (true, true) => self.without_unsubscribed(current),
            (true, false) => current.clone(),
            (false, _) => self.next(current, current.epoch),
        })
    }

    fn next(&self, current: &Current, epoch: i32) -> Current {
        let (mut assigned, revoking) = self.divide(&current.assigned);
        if !revoking.is_empty() && self.still_has(&revoking) {
            return Current {
                epoch,
                previous_epoch: current.epoch,
                progress: Progress::Unrevoked,
                assigned,
                revoking,
            };
        }
        let all_free = self.take_what_is_free(current, &mut assigned);
        Current {
            epoch: self.target_epoch,
            previous_epoch: current.epoch,
            progress: match all_free {
                true => Progress::Stable,
                false => Progress::Unreleased,
            },
            assigned,
            revoking: Held::new(),
        }
    }

    /// The same step on its way, but for topics that are not subscribed to any more.
    fn without_unsubscribed(&self, current: &Current) -> Current {
        let (assigned, gone): (Held, Held) = current
            .assigned
            .clone()
            .into_iter()
            .partition(|(topic, _)| self.subscribed.contains(topic));
        if gone.is_empty() {
            return current.clone();
        }
        let mut revoking = current.revoking.clone();
        for (topic, partitions) in gone {
            revoking.entry(topic).or_default().extend(partitions);
        }
        let waits = self.still_has(&revoking);
        Current {
            previous_epoch: current.epoch,
            progress: match waits {
                true => Progress::Unrevoked,
                false => current.progress,
            },
            assigned,
            revoking: match waits {
                true => revoking,
                false => current.revoking.clone(),
            },
            ..current.clone()
        }
    }

    /// What stays, and what has to go.
    fn divide(&self, held: &Held) -> (Held, Held) {
        let (mut stays, mut goes) = (Held::new(), Held::new());
        for (topic, partitions) in held {
            let wanted = self.target.get(topic);
            let wanted = wanted.filter(|_| self.subscribed.contains(topic));
            for (partition, epoch) in partitions {
                let into = match wanted.is_some_and(|wanted| wanted.contains(partition)) {
                    true => &mut stays,
                    false => &mut goes,
                };
                into.entry(*topic).or_default().insert(*partition, *epoch);
            }
        }
        (stays, goes)
    }

    /// Whether that was all of the target. What the member itself has just given up is free.
    fn take_what_is_free(&self, current: &Current, assigned: &mut Held) -> bool {
        let mut all = true;
        let wanted = self.target.iter();
        for (topic, partitions) in wanted.filter(|(topic, _)| self.subscribed.contains(*topic)) {
            let own = current.revoking.get(topic);
            for partition in partitions {
                let has = assigned
                    .get(topic)
                    .is_some_and(|has| has.contains_key(partition));
                if has {
                    continue;
                }
                let is_own = own.is_some_and(|own| own.contains_key(partition));
                if is_own || (self.is_free)(*topic, *partition) {
                    let of_topic = assigned.entry(*topic).or_default();
                    of_topic.insert(*partition, self.target_epoch);
                } else {
                    all = false;
                }
            }
        }
        all
    }

    /// Also where it does not say.
    fn still_has(&self, revoking: &Held) -> bool {
        let Some(owned) = self.owned else {
            return true;
        };
        revoking.iter().any(|(topic, partitions)| {
            let has = owned.get(topic);
            has.is_some_and(|has| partitions.keys().any(|partition| has.contains(partition)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: Uuid = Uuid::from_u128(1);

    fn target(partitions: &[i32]) -> Target {
        match partitions {
            [] => Target::new(),
            some => Target::from([(TOPIC, some.iter().copied().collect())]),
        }
    }

    fn held(partitions: &[(i32, i32)]) -> Held {
        match partitions {
            [] => Held::new(),
            some => Held::from([(TOPIC, some.iter().copied().collect())]),
        }
    }

    fn at(
        epoch: i32,
        progress: Progress,
        assigned: &[(i32, i32)],
        revoking: &[(i32, i32)],
    ) -> Current {
        Current {
            epoch,
            previous_epoch: epoch,
            progress,
            assigned: held(assigned),
            revoking: held(revoking),
        }
    }

    fn step(current: &Current, to: (i32, &[i32]), owned: Option<&[i32]>, taken: &[i32]) -> Current {
        let (target_epoch, wanted) = to;
        let (wanted, owned) = (target(wanted), owned.map(target));
        let step = Step {
            target_epoch,
            target: &wanted,
            subscribed: &BTreeSet::from([TOPIC]),
            has_changed: false,
            owned: owned.as_ref(),
            is_free: |_, partition| !taken.contains(&partition),
        };
        step.of(current).expect("a known state")
    }

    #[test]
    fn a_new_member_takes_what_is_free_and_waits_for_the_rest() {
        let new = Current::new();
        let next = step(&new, (1, &[0, 1]), Some(&[]), &[1]);
        assert_eq!((next.epoch, next.progress), (1, Progress::Unreleased));
        assert_eq!(next.assigned, held(&[(0, 1)]));
        let last = step(&next, (1, &[0, 1]), None, &[]);
        assert_eq!(last.progress, Progress::Stable);
        assert_eq!(last.assigned, held(&[(0, 1), (1, 1)]));
    }

    #[test]
    fn what_has_to_go_goes_first() {
        let stable = at(1, Progress::Stable, &[(0, 1), (1, 1)], &[]);
        let asked = step(&stable, (2, &[0]), None, &[]);
        assert_eq!((asked.epoch, asked.progress), (1, Progress::Unrevoked));
        assert_eq!(
            (&asked.assigned, &asked.revoking),
            (&held(&[(0, 1)]), &held(&[(1, 1)]))
        );
        assert_eq!(
            step(&asked, (2, &[0]), Some(&[0, 1]), &[]),
            asked,
            "not yet"
        );
        let done = step(&asked, (2, &[0]), Some(&[0]), &[]);
        assert_eq!((done.epoch, done.progress), (2, Progress::Stable));
        assert!(done.revoking.is_empty());
    }

    #[test]
    fn what_stays_keeps_the_epoch_it_was_given_at() {
        let stable = at(3, Progress::Stable, &[(0, 1)], &[]);
        let next = step(&stable, (4, &[0, 1]), None, &[]);
        assert_eq!(next.assigned, held(&[(0, 1), (1, 4)]));
        assert!(next.may_commit(TOPIC, 0, 2) && !next.may_commit(TOPIC, 1, 3));
        assert!(next.may_commit(TOPIC, 1, 4) && !next.may_commit(TOPIC, 1, 5));
    }

    #[test]
    fn a_stable_member_stays_as_it_is() {
        let stable = at(2, Progress::Stable, &[(0, 1)], &[]);
        assert_eq!(step(&stable, (2, &[0]), Some(&[0]), &[]), stable);
        assert!(stable.has_reached(2) && !stable.has_reached(3));
    }

    #[test]
    fn a_state_of_a_later_kafka_begins_anew() {
        let unknown = at(2, Progress::from_code(9), &[(0, 1)], &[]);
        let wanted = target(&[0]);
        let subscribed = BTreeSet::from([TOPIC]);
        let step = |owned| Step {
            target_epoch: 3,
            target: &wanted,
            subscribed: &subscribed,
            has_changed: false,
            owned,
            is_free: |_, _| true,
        };
        assert_eq!(step(None).of(&unknown), Err(MustRejoin));
        let none = Target::new();
        assert!(step(Some(&none)).of(&unknown).is_ok());
    }

    #[test]
    fn topics_that_are_not_subscribed_to_any_more_go_at_once() {
        let stable = at(2, Progress::Stable, &[(0, 1)], &[]);
        let (wanted, subscribed) = (target(&[0]), BTreeSet::new());
        let step = |owned| Step {
            target_epoch: 2,
            target: &wanted,
            subscribed: &subscribed,
            has_changed: true,
            owned,
            is_free: |_, _| true,
        };
        let asked = step(None).of(&stable).unwrap();
        assert_eq!((asked.epoch, asked.progress), (2, Progress::Unrevoked));
        assert_eq!(asked.revoking, held(&[(0, 1)]));
        let none = Target::new();
        let gone = step(Some(&none)).of(&stable).unwrap();
        assert_eq!((gone.progress, gone.assigned.len()), (Progress::Stable, 0));
    }

    #[test]
    fn what_was_given_up_and_is_wanted_again_comes_back() {
        let asked = at(1, Progress::Unrevoked, &[(0, 1)], &[(1, 1)]);
        let next = step(&asked, (3, &[0, 1]), Some(&[0]), &[1]);
        assert_eq!((next.epoch, next.progress), (3, Progress::Stable));
        assert_eq!(next.assigned, held(&[(0, 1), (1, 3)]));
    }
}
