//! The target assignment: what the assignor is given, and what is made of what it says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::Group;
use super::stored;
use super::topics::Topics;
use super::tx::Tx;
use crate::coordinator::group::assignor::{
    Assignment, GroupSpec, MemberSpec, Subscription, TopicPartitions,
};
use crate::model::{TimestampMs, Uuid};

/// What members subscribe to: names, and an expression.
type Wish<'a> = (&'a [Arc<str>], Option<&'a Arc<str>>);

/// What the assignor needs to know of the group as it is.
pub fn spec(group: &Group, topics: &dyn Topics) -> GroupSpec {
    let mut known: BTreeMap<Uuid, u32> = BTreeMap::new();
    let mut shared: BTreeMap<Wish<'_>, Subscription> = BTreeMap::new();
    let members = group.members().iter().map(|(id, member)| {
        let profile = &member.profile;
        let wish = (&*profile.topics, profile.regex.as_ref());
        let subscription = shared.entry(wish).or_insert_with(|| {
            let found = group.topics_of(profile);
            let found = found.filter_map(|name| topics.by_name(name));
            let found: Vec<_> = found.collect();
            known.extend(found.iter().copied());
            Subscription::new(found.into_iter().map(|(id, _)| id))
        });
        let spec = MemberSpec {
            instance_id: profile.instance_id.clone(),
            subscription: subscription.clone(),
            assigned: group.target(id).cloned().unwrap_or_default(),
        };
        (id.clone(), spec)
    });
    GroupSpec {
        members: members.collect(),
        topics: known,
    }
}

/// How much work it is: members and partitions.
pub fn size(spec: &GroupSpec) -> usize {
    let partitions: usize = spec.topics.values().map(|count| *count as usize).sum();
    spec.members.len().saturating_add(partitions)
}

/// Makes an assignment the target of `epoch`. It may be of a while ago: who has left gets nothing,
/// who has come waits for the next, and a static member that is back has what was meant for it.
pub fn install(
    group: &mut Group,
    epoch: i32,
    assignment: &Assignment,
    was_static: &BTreeMap<Arc<str>, Arc<str>>,
    now: TimestampMs,
    tx: &mut Tx,
) {
    let nothing = Arc::new(TopicPartitions::new());
    let changed = group.members().iter().filter_map(|(id, member)| {
        let instance_id = member.profile.instance_id.as_ref();
        let old_id = instance_id.and_then(|instance_id| was_static.get(instance_id));
        let wanted = assignment.get(id);
        let wanted = wanted
            .or_else(|| assignment.get(old_id?))
            .unwrap_or(&nothing);
        (group.target(id) != Some(wanted)).then(|| (id.clone(), wanted.clone()))
    });
    for (id, wanted) in changed.collect::<Vec<_>>() {
        let record = stored::target_record(group.id(), &id, Some(&wanted));
        tx.apply(group, record);
    }
    let record = stored::target_epoch_record(group.id(), Some((epoch, now)));
    tx.apply(group, record);
}
