//! The uniform assignor: balance first, then as few moves as balance allows.
//!
//! Where all members subscribe to the same topics, the numbers of partitions they own differ by
//! at most one, and no assignment balanced like that moves fewer partitions. The time is nearly
//! linear in members and partitions.
//!
//! Otherwise the subscribers of each topic are balanced topic by topic, in rounds, until no
//! partition can move to a subscriber that owns at least two fewer. That is what Kafka promises
//! too; a better balance by a chain of moves over several topics is not looked for.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

use super::{AssignError, GroupSpec, MemberSpec, Subscription, TopicPartitions, subscribers};
use crate::model::Uuid;

/// How often the topics of unlike subscriptions are gone through at most. A few rounds do when
/// those who share a topic share all; where subscriptions overlap, a round takes away a share of
/// the imbalance that is left. The bound keeps a long chain of overlaps from taking for ever.
/// (Kafka's is 16.)
const ROUNDS_MAX: usize = 64;

/// What each member shall own, in the order of the members. There must be one.
pub(super) fn targets(spec: &GroupSpec) -> Result<Vec<TopicPartitions>, AssignError> {
    let ledger = match spec.common_subscription() {
        Some(subscription) => balance_alike(spec, subscription)?,
        None => balance_unlike(spec)?,
    };
    Ok(ledger.into_targets())
}

/// Everybody may own every partition: a quota for each member decides.
fn balance_alike<'a>(
    spec: &'a GroupSpec,
    subscription: &Subscription,
) -> Result<Ledger<'a>, AssignError> {
    let mut ledger = Ledger::new(spec, subscription.topic_ids().iter().copied())?;
    ledger.keep_assigned();
    let quotas = quotas(&ledger.loads, ledger.owners.len());
    ledger.take_excess(&quotas);
    ledger.fill(&quotas);
    Ok(ledger)
}

/// How many partitions each member shall own, given how many it owns now.
///
/// The quotas differ by at most one. The larger ones go first to those who own more than the
/// smaller one: each of them thereby keeps a partition that would otherwise move.
fn quotas(loads: &[usize], partitions: usize) -> Vec<usize> {
    let quota = partitions / loads.len();
    let mut larger = partitions % loads.len();
    let mut quotas = vec![quota; loads.len()];
    for owns_more in [true, false] {
        for (member_quota, &load) in quotas.iter_mut().zip(loads) {
            if larger > 0 && (load > quota) == owns_more {
                *member_quota += 1;
                larger -= 1;
            }
        }
    }
    quotas
}

/// Not everybody may own every partition: topic by topic, the least loaded subscriber decides.
fn balance_unlike(spec: &GroupSpec) -> Result<Ledger<'_>, AssignError> {
    let members = spec.member_list();
    let subscribers = subscribers(&members, 0..members.len());
    let mut ledger = Ledger::new(spec, subscribers.keys().copied())?;
    ledger.keep_assigned();
    let topics = in_order_of_need(&ledger.topics, subscribers);
    for topic in &topics {
        ledger.assign_free(topic);
    }
    for _ in 0..ROUNDS_MAX {
        let mut moved = false;
        for topic in &topics {
            moved |= ledger.balance_topic(topic);
        }
        if !moved {
            break;
        }
    }
    Ok(ledger)
}

/// The topics with most partitions per subscriber first, of those the ones with fewest
/// subscribers: what comes later, and can go to more members, evens out what came before.
fn in_order_of_need(
    topics: &[Topic],
    subscribers: BTreeMap<Uuid, Vec<usize>>,
) -> Vec<SubscribedTopic> {
    // Both are in the order of the topic ids.
    let pairs = topics.iter().zip(subscribers.into_values());
    let mut subscribed: Vec<SubscribedTopic> = pairs
        .map(|(&topic, subscribers)| SubscribedTopic { topic, subscribers })
        .collect();
    // The sort is stable: equals stay in the order of their ids.
    subscribed.sort_by(SubscribedTopic::compare_need);
    subscribed
}

/// A topic in a [`Ledger`].
#[derive(Clone, Copy)]
struct Topic {
    id: Uuid,
    /// The ledger's number of its partition 0; the others follow.
    first: usize,
    /// How many partitions it has.
    partitions: usize,
}

impl Topic {
    /// The ledger's numbers of all its partitions.
    fn numbers(self) -> Range<usize> {
        self.first..self.first + self.partitions
    }

    /// The ledger's number of one of its partitions, if there is such a partition.
    fn number(self, index: i32) -> Option<usize> {
        let index = usize::try_from(index).ok()?;
        (index < self.partitions).then_some(self.first + index)
    }
}

/// A topic and those who may own its partitions.
struct SubscribedTopic {
    topic: Topic,
    /// Positions among the members, ascending; never empty.
    subscribers: Vec<usize>,
}

impl SubscribedTopic {
    fn compare_need(&self, other: &Self) -> Ordering {
        // Of the two fractions partitions / subscribers the larger comes first; multiplied out,
        // they compare without rounding.
        let own = self.topic.partitions * other.subscribers.len();
        let others = other.topic.partitions * self.subscribers.len();
        let fewer = self.subscribers.len().cmp(&other.subscribers.len());
        others.cmp(&own).then(fewer)
    }
}

/// Who owns what while an assignment is made. Members go by their positions among the members,
/// partitions by numbers that run on from topic to topic, in the order of the topic ids.
struct Ledger<'a> {
    members: Vec<&'a MemberSpec>,
    /// The topics that somebody subscribes to, by ascending id.
    topics: Vec<Topic>,
    /// The owner of each partition.
    owners: Vec<Option<usize>>,
    /// How many partitions each member owns.
    loads: Vec<usize>,
}

impl<'a> Ledger<'a> {
    /// A ledger of these topics, whose ids ascend; nobody owns anything yet.
    fn new(
        spec: &'a GroupSpec,
        topic_ids: impl Iterator<Item = Uuid>,
    ) -> Result<Self, AssignError> {
        let members = spec.member_list();
        let mut topics = Vec::new();
        let mut first = 0;
        for id in topic_ids {
            let partitions = spec.partition_count(id)?;
            topics.push(Topic {
                id,
                first,
                partitions,
            });
            first += partitions;
        }
        Ok(Self {
            loads: vec![0; members.len()],
            owners: vec![None; first],
            members,
            topics,
        })
    }

    /// Lets the members keep what they may own. Of several members that claim a partition the
    /// first keeps it: two owners must not come out of here, whatever goes in.
    fn keep_assigned(&mut self) {
        for member in 0..self.members.len() {
            let spec: &'a MemberSpec = self.members[member];
            for (&topic_id, indexes) in spec.assigned.iter() {
                let Some(topic) = self.topic(topic_id) else {
                    continue;
                };
                if spec.subscription.contains(topic_id) {
                    self.keep(member, topic, indexes);
                }
            }
        }
    }

    fn keep(&mut self, member: usize, topic: Topic, indexes: &[i32]) {
        for number in indexes.iter().filter_map(|&index| topic.number(index)) {
            if self.owners[number].is_none() {
                self.give(number, member);
            }
        }
    }

    fn topic(&self, topic_id: Uuid) -> Option<Topic> {
        let topics = &self.topics;
        let found = topics.binary_search_by_key(&topic_id, |topic| topic.id);
        found.ok().map(|place| topics[place])
    }

    /// Makes the member the owner, whoever was.
    fn give(&mut self, number: usize, member: usize) {
        let previous = self.owners[number].replace(member);
        if let Some(previous) = previous {
            self.loads[previous] -= 1;
        }
        self.loads[member] += 1;
    }

    /// Takes from each member what exceeds its quota; it keeps the partitions that come first.
    fn take_excess(&mut self, quotas: &[usize]) {
        let mut kept = vec![0; self.members.len()];
        for owner in &mut self.owners {
            let Some(member) = *owner else {
                continue;
            };
            if kept[member] < quotas[member] {
                kept[member] += 1;
            } else {
                *owner = None;
            }
        }
        self.loads = kept;
    }

    /// Gives every free partition to the first member below its quota. The quotas add up to the
    /// number of partitions, so there is always one.
    fn fill(&mut self, quotas: &[usize]) {
        let mut member = 0;
        for owner in &mut self.owners {
            if owner.is_some() {
                continue;
            }
            while self.loads[member] >= quotas[member] {
                member += 1;
            }
            *owner = Some(member);
            self.loads[member] += 1;
        }
    }

    /// Gives each free partition of the topic to the subscriber that owns fewest.
    fn assign_free(&mut self, subscribed: &SubscribedTopic) {
        let numbers = subscribed.topic.numbers();
        let free: Vec<usize> = numbers
            .filter(|&number| self.owners[number].is_none())
            .collect();
        if free.is_empty() {
            return;
        }
        let mut receivers = Receivers::new(&subscribed.subscribers, &self.loads);
        for number in free {
            self.give(number, receivers.least_loaded());
            receivers.on_given(&self.loads);
        }
    }

    /// Moves partitions of the topic from the subscribers that own most to those that own
    /// fewest, while the two differ by more than one. Says whether anything moved.
    ///
    /// Nobody both gives and receives: those who have given own at least as many as the giver
    /// will after its turn, which is more than the receiver does. So the numbers by which the
    /// two queues are ordered may be old where it does not matter.
    fn balance_topic(&mut self, subscribed: &SubscribedTopic) -> bool {
        if self.spread(&subscribed.subscribers) <= 1 {
            return false;
        }
        let mut owned = self.numbers_by_owner(subscribed.topic);
        let mut givers: BinaryHeap<(usize, usize)> = owned
            .keys()
            .map(|&member| (self.loads[member], member))
            .collect();
        let mut receivers = Receivers::new(&subscribed.subscribers, &self.loads);
        let mut moved = false;
        while let Some((load, giver)) = givers.pop() {
            let receiver = receivers.least_loaded();
            if load <= self.loads[receiver] + 1 {
                break;
            }
            // One that has no partition of this topic left, whatever else it owns, is done.
            let Some(number) = owned.get_mut(&giver).and_then(Vec::pop) else {
                continue;
            };
            self.give(number, receiver);
            receivers.on_given(&self.loads);
            givers.push((load - 1, giver));
            moved = true;
        }
        moved
    }

    /// By how many partitions the members that own most and fewest differ.
    fn spread(&self, members: &[usize]) -> usize {
        let loads = members.iter().map(|&member| self.loads[member]);
        let most = loads.clone().max().unwrap_or(0);
        let fewest = loads.min().unwrap_or(0);
        most - fewest
    }

    /// The partitions of the topic, ascending, by the member that owns them.
    fn numbers_by_owner(&self, topic: Topic) -> BTreeMap<usize, Vec<usize>> {
        let mut owned: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for number in topic.numbers() {
            if let Some(owner) = self.owners[number] {
                owned.entry(owner).or_default().push(number);
            }
        }
        owned
    }

    /// What each member owns, in the order of the members.
    fn into_targets(self) -> Vec<TopicPartitions> {
        let mut targets = vec![TopicPartitions::new(); self.members.len()];
        for topic in &self.topics {
            for (index, owner) in (0..).zip(&self.owners[topic.numbers()]) {
                let owner = owner.expect("every partition has got an owner");
                targets[owner].entry(topic.id).or_default().push(index);
            }
        }
        targets
    }
}

/// The subscribers of a topic as a queue for its partitions: whoever owns fewest is next, and
/// those who own equally many take turns.
struct Receivers {
    /// Positions among the members, by what they owned at the beginning.
    by_load: Vec<usize>,
    next: usize,
}

impl Receivers {
    /// A queue of these members, of which there is at least one.
    fn new(members: &[usize], loads: &[usize]) -> Self {
        let mut by_load = members.to_vec();
        // The sort is stable: equals stay in the order of the members.
        by_load.sort_by_key(|&member| loads[member]);
        Self { by_load, next: 0 }
    }

    fn least_loaded(&self) -> usize {
        self.by_load[self.next]
    }

    /// The least loaded one has got a partition, and `loads` says so already.
    fn on_given(&mut self, loads: &[usize]) {
        // Those before it own as many as it does now. If the one after it does too, or more, the
        // first is among the least loaded again.
        let load = loads[self.least_loaded()];
        self.next += 1;
        let level = self.by_load.get(self.next);
        if level.is_none_or(|&member| loads[member] >= load) {
            self.next = 0;
        }
    }
}
