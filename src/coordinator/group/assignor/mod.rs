//! Server-side assignors of consumer groups (KIP-848): who shall own which partition.
//!
//! Pure: a [`GroupSpec`] goes in, an [`Assignment`] comes out. Both own what they hold or share
//! it behind an `Arc`, so that a large group can be worked out on another thread while its core
//! goes on serving. The same input always gives the same output. Racks play no part, as in
//! Kafka 4.

mod range;
#[cfg(test)]
mod tests;
mod uniform;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Uuid;

/// Partitions by topic id: each topic's indexes ascending and without repeats, no topic with none.
pub type TopicPartitions = BTreeMap<Uuid, Vec<i32>>;

/// What each member of the group shall own, by member id: every member has an entry, which may
/// be empty.
///
/// A member whose partitions are those it had is given the very value that the [`MemberSpec`]
/// brought, so `Arc::ptr_eq` tells whom the assignment leaves alone.
pub type Assignment = BTreeMap<Arc<str>, Arc<TopicPartitions>>;

/// A way to divide the partitions among the members, by the name that clients ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assignor {
    /// `uniform`: everybody as many partitions as the others, and few of them move.
    #[default]
    Uniform,
    /// `range`: of each topic a contiguous range to every subscriber.
    Range,
}

/// A group as an assignor sees it.
#[derive(Clone, Debug, Default)]
pub struct GroupSpec {
    /// The members, by member id.
    pub members: BTreeMap<Arc<str>, MemberSpec>,
    /// How many partitions each topic has. Topics that nobody subscribes to do no harm.
    pub topics: BTreeMap<Uuid, u32>,
}

/// A member as an assignor sees it.
#[derive(Clone, Debug)]
pub struct MemberSpec {
    /// The instance id of a static member (KIP-345).
    pub instance_id: Option<Arc<str>>,
    /// What it subscribes to; members with the same topics had best share one value.
    pub subscription: Subscription,
    /// Its target assignment so far; what it must no longer own is passed over. A static member
    /// that takes another's place takes over that one's target.
    pub assigned: Arc<TopicPartitions>,
}

/// The ids of some topics, ascending and without repeats. Cheap to clone; clones compare at once.
#[derive(Clone, Debug)]
pub struct Subscription(Arc<[Uuid]>);

/// Why there is no assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssignError {
    /// A subscription names a topic that [`GroupSpec::topics`] does not. The caller makes
    /// subscriptions from the topics that exist, so this is a mistake of the caller's.
    #[error("a member subscribes to topic {0}, which does not exist")]
    UnknownTopic(Uuid),
}

impl Assignor {
    /// The name that clients ask for, in `ServerAssignor` of ConsumerGroupHeartbeat.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor of this name, if there is one.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Uniform, Self::Range]
            .into_iter()
            .find(|assignor| assignor.name() == name)
    }

    /// Divides the partitions of the topics that somebody subscribes to. Each gets exactly one
    /// owner, who subscribes to its topic.
    pub fn assign(self, spec: &GroupSpec) -> Result<Assignment, AssignError> {
        if spec.members.is_empty() {
            return Ok(Assignment::new());
        }
        let targets = match self {
            Self::Uniform => uniform::targets(spec)?,
            Self::Range => range::targets(spec)?,
        };
        Ok(spec.assignment(targets))
    }
}

impl Subscription {
    /// A subscription to these topics, given in any order.
    pub fn new(topic_ids: impl IntoIterator<Item = Uuid>) -> Self {
        let mut topic_ids: Vec<Uuid> = topic_ids.into_iter().collect();
        topic_ids.sort_unstable();
        topic_ids.dedup();
        Self(topic_ids.into())
    }

    /// The topics, ascending.
    pub fn topic_ids(&self) -> &[Uuid] {
        &self.0
    }

    /// Whether the topic is among them.
    pub fn contains(&self, topic_id: Uuid) -> bool {
        self.0.binary_search(&topic_id).is_ok()
    }
}

impl PartialEq for Subscription {
    fn eq(&self, other: &Self) -> bool {
        // In most groups all members share one value: a group of thousands is then compared
        // without a look at its topics.
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Subscription {}

impl GroupSpec {
    /// What every member subscribes to, if all subscribe to the same.
    fn common_subscription(&self) -> Option<&Subscription> {
        let mut members = self.members.values();
        let first = &members.next()?.subscription;
        let alike = members.all(|member| member.subscription == *first);
        alike.then_some(first)
    }

    /// The members in the order of their ids; an assignor knows them by their positions in it.
    fn member_list(&self) -> Vec<&MemberSpec> {
        self.members.values().collect()
    }

    fn partition_count(&self, topic_id: Uuid) -> Result<usize, AssignError> {
        let count = self.topics.get(&topic_id).copied();
        count
            .map(|count| count as usize)
            .ok_or(AssignError::UnknownTopic(topic_id))
    }

    /// The assignment of these targets, which are in the order of the members.
    fn assignment(&self, targets: Vec<TopicPartitions>) -> Assignment {
        assert_eq!(targets.len(), self.members.len(), "a target for everybody");
        let members = self.members.iter().zip(targets);
        let entries = members.map(|((id, member), target)| {
            let target = if *member.assigned == target {
                Arc::clone(&member.assigned)
            } else {
                Arc::new(target)
            };
            (Arc::clone(id), target)
        });
        entries.collect()
    }
}

/// Who subscribes to each topic: positions among the members, in the order given.
fn subscribers(
    members: &[&MemberSpec],
    order: impl IntoIterator<Item = usize>,
) -> BTreeMap<Uuid, Vec<usize>> {
    let mut subscribers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for member in order {
        for &topic_id in members[member].subscription.topic_ids() {
            subscribers.entry(topic_id).or_default().push(member);
        }
    }
    subscribers
}
