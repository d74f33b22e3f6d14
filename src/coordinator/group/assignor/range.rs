//! The range assignor: each topic is cut into contiguous ranges, one for every subscriber.
//!
//! Members take their ranges in one order for all topics, so where everybody subscribes to the
//! same topics and those have equally many partitions, a member gets the same indexes of each:
//! topics that are partitioned alike can be joined. Past targets are not looked at; what keeps a
//! member's range in place is its place in the order, and a static member's instance id keeps
//! that through a restart (KIP-345).

use super::{AssignError, GroupSpec, MemberSpec, TopicPartitions, subscribers};
use crate::model::Uuid;

/// What each member shall own, in the order of the members. There must be one.
pub(super) fn targets(spec: &GroupSpec) -> Result<Vec<TopicPartitions>, AssignError> {
    let members = spec.member_list();
    let order = order_of_ranges(&members);
    let mut targets = vec![TopicPartitions::new(); members.len()];
    if let Some(subscription) = spec.common_subscription() {
        for &topic_id in subscription.topic_ids() {
            let partitions = spec.partition_count(topic_id)?;
            divide(topic_id, partitions, &order, &mut targets);
        }
    } else {
        for (topic_id, subscribers) in subscribers(&members, order) {
            let partitions = spec.partition_count(topic_id)?;
            divide(topic_id, partitions, &subscribers, &mut targets);
        }
    }
    Ok(targets)
}

/// Static members first, by instance id; the others after them, by member id. Those without an
/// instance id come back under another member id, so they would push the static ones about.
fn order_of_ranges(members: &[&MemberSpec]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    // The sort is stable: equals stay in the order of their member ids.
    order.sort_by_key(|&member| {
        let instance_id = members[member].instance_id.as_deref();
        (instance_id.is_none(), instance_id)
    });
    order
}

/// Gives each subscriber its range; the first ones get one more if the division does not come out even.
fn divide(
    topic_id: Uuid,
    partitions: usize,
    subscribers: &[usize],
    targets: &mut [TopicPartitions],
) {
    let quota = partitions / subscribers.len();
    let larger = partitions % subscribers.len();
    let mut start = 0;
    for (place, &member) in subscribers.iter().enumerate() {
        let end = start + quota + usize::from(place < larger);
        if start == end {
            // More subscribers than partitions: nothing is left for this one and all after it.
            break;
        }
        let range = (start..end).map(|index| index as i32);
        targets[member].insert(topic_id, range.collect());
        start = end;
    }
}
