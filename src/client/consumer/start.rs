//! From "where to start" to offsets.

use std::sync::Arc;

use super::{Isolation, StartAt};
use crate::client::{Admin, ClientError, Cluster, OffsetSpec};
use crate::model::{Offset, TopicPartition};

type Position = (TopicPartition, Offset);

/// The offset each partition starts at.
pub(super) fn resolve(
    cluster: &Arc<Cluster>,
    assignment: &[(TopicPartition, StartAt)],
    isolation: Isolation,
) -> Result<Vec<Position>, ClientError> {
    let specs = |which: fn(StartAt) -> Option<OffsetSpec>| -> Vec<_> {
        let wanted = assignment.iter();
        wanted
            .filter_map(|(partition, start)| Some((partition.clone(), which(*start)?)))
            .collect()
    };
    let first = look_up(cluster, &specs(first_lookup), isolation)?;
    let second = look_up(cluster, &specs(second_lookup), isolation)?;
    let of = |found: &[Position], partition: &TopicPartition| {
        found
            .iter()
            .find(|(other, _)| other == partition)
            .map_or(-1, |(_, offset)| *offset)
    };
    let offset = |(partition, start): &(TopicPartition, StartAt)| {
        let (first, second) = (of(&first, partition), of(&second, partition));
        (partition.clone(), start_offset(*start, first, second))
    };
    Ok(assignment.iter().map(offset).collect())
}

/// Where to go on when the offset asked for is not there: at the oldest record if retention was
/// faster than we were. Beyond the end there is nothing sensible to do.
pub(super) fn back_in_range(
    cluster: &Arc<Cluster>,
    lost: &[Position],
) -> Result<Vec<Position>, ClientError> {
    let specs: Vec<_> = lost
        .iter()
        .map(|(p, _)| (p.clone(), OffsetSpec::Earliest))
        .collect();
    let earliest = look_up(cluster, &specs, Isolation::ReadUncommitted)?;
    let mut back = Vec::new();
    for (partition, position) in lost {
        let found = earliest.iter().find(|(other, _)| other == partition);
        match found {
            Some((_, first)) if position < first => {
                log::warn!(
                    "{partition}: offsets {position} to {} are gone, going on at {first}",
                    first - 1
                );
                back.push((partition.clone(), *first));
            }
            _ => {
                return Err(ClientError::OffsetBeyondEnd {
                    partition: partition.clone(),
                    offset: *position,
                });
            }
        }
    }
    Ok(back)
}

fn look_up(
    cluster: &Arc<Cluster>,
    specs: &[(TopicPartition, OffsetSpec)],
    isolation: Isolation,
) -> Result<Vec<Position>, ClientError> {
    let listed = Admin::new(cluster.clone()).list_offsets(specs, isolation)?;
    listed
        .into_iter()
        .map(|listed| Ok((listed.partition, listed.outcome?.offset)))
        .collect()
}

fn first_lookup(start: StartAt) -> Option<OffsetSpec> {
    match start {
        StartAt::Earliest | StartAt::BeforeEnd(_) => Some(OffsetSpec::Earliest),
        StartAt::Timestamp(timestamp) => Some(OffsetSpec::Timestamp(timestamp)),
        StartAt::Latest | StartAt::Offset(_) => None,
    }
}

fn second_lookup(start: StartAt) -> Option<OffsetSpec> {
    match start {
        StartAt::Latest | StartAt::BeforeEnd(_) | StartAt::Timestamp(_) => Some(OffsetSpec::Latest),
        StartAt::Earliest | StartAt::Offset(_) => None,
    }
}

/// `first` and `second` are what the lookups found, −1 where there was nothing to find.
fn start_offset(start: StartAt, first: Offset, second: Offset) -> Offset {
    match start {
        StartAt::Offset(offset) => offset,
        StartAt::Earliest => first,
        StartAt::Latest => second,
        StartAt::BeforeEnd(records) => second.saturating_sub_unsigned(records).max(first),
        StartAt::Timestamp(_) if first < 0 => second,
        StartAt::Timestamp(_) => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_become_offsets() {
        assert_eq!(start_offset(StartAt::Offset(7), -1, -1), 7);
        assert_eq!(start_offset(StartAt::Earliest, 3, -1), 3);
        assert_eq!(start_offset(StartAt::BeforeEnd(4), 3, 10), 6);
        assert_eq!(start_offset(StartAt::BeforeEnd(40), 3, 10), 3);
        assert_eq!(start_offset(StartAt::Timestamp(99), 5, 10), 5);
        assert_eq!(start_offset(StartAt::Timestamp(99), -1, 10), 10);
    }
}
