//! The view of offsets: how far a group has come in each partition, and how far it has to go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::number;
use crate::cli::group::or_dash;
use crate::client::{
    Admin, AutoCreate, ClientError, Cluster, GroupDescription, GroupMember, Isolation, Metadata,
    OffsetSpec,
};
use crate::model::{Offset, TopicPartition};

/// A line for each partition, and one for the sum.
pub(super) fn lines(
    cluster: &Arc<Cluster>,
    group: &GroupDescription,
) -> Result<Vec<String>, ClientError> {
    let committed = committed(cluster, &group.group)?;
    let owners = owners(&group.members);
    let partitions: BTreeSet<TopicPartition> =
        owners.keys().chain(committed.keys()).cloned().collect();
    let ends = log_ends(cluster, &partitions)?;
    let rows: Vec<Row<'_>> = partitions
        .into_iter()
        .map(|partition| Row {
            committed: committed.get(&partition).copied(),
            end: ends.get(&partition).copied(),
            owner: owners.get(&partition).copied(),
            partition,
        })
        .collect();
    let mut lines: Vec<String> = rows.iter().map(Row::line).collect();
    lines.push(Total::of(&rows).line());
    Ok(lines)
}

/// One partition that the group has committed an offset of, or that a member has.
struct Row<'a> {
    partition: TopicPartition,
    committed: Option<Offset>,
    end: Option<Offset>,
    owner: Option<&'a GroupMember>,
}

impl Row<'_> {
    fn lag(&self) -> Option<i64> {
        Some(lag(self.committed?, self.end?))
    }

    fn line(&self) -> String {
        let (consumer, host, client) = match self.owner {
            Some(member) => (
                or_dash(&member.member_id),
                or_dash(&member.client_host),
                or_dash(&member.client_id),
            ),
            None => ("-", "-", "-"),
        };
        format!(
            "  partition {} committed={} end={} lag={} \
             consumer={consumer} host={host} client={client}",
            self.partition,
            number(self.committed),
            number(self.end),
            number(self.lag()),
        )
    }
}

/// The lags of a group together.
#[derive(Debug, PartialEq, Eq)]
struct Total {
    lag: i64,
    partitions: usize,
    /// Partitions with a committed offset.
    committed: usize,
    /// Partitions whose lag is not known, and not in the sum.
    unknown: usize,
}

impl Total {
    fn of(rows: &[Row<'_>]) -> Self {
        let lags: Vec<i64> = rows.iter().filter_map(Row::lag).collect();
        Self {
            lag: lags
                .iter()
                .fold(0, |sum: i64, lag| sum.saturating_add(*lag)),
            partitions: rows.len(),
            committed: rows.iter().filter(|row| row.committed.is_some()).count(),
            unknown: rows.len() - lags.len(),
        }
    }

    fn line(&self) -> String {
        format!(
            "  total lag={} partitions={} unknown={} committed={}",
            self.lag, self.partitions, self.unknown, self.committed
        )
    }
}

/// A group may have committed beyond the end, of a topic that was made anew since.
fn lag(committed: Offset, end: Offset) -> i64 {
    end.saturating_sub(committed).max(0)
}

/// What the group has committed; a partition whose offset is refused is told and left out.
fn committed(
    cluster: &Arc<Cluster>,
    group: &str,
) -> Result<BTreeMap<TopicPartition, Offset>, ClientError> {
    let mut committed = BTreeMap::new();
    for one in Admin::new(cluster.clone()).committed_offsets(group, false)? {
        match one.outcome {
            Ok(found) => {
                committed.insert(one.partition, found.offset);
            }
            Err(error) => log::warn!("{error}"),
        }
    }
    Ok(committed)
}

fn owners(members: &[GroupMember]) -> BTreeMap<TopicPartition, &GroupMember> {
    let mut owners = BTreeMap::new();
    for member in members {
        for partition in member.assignment.iter().flatten() {
            owners.insert(partition.clone(), member);
        }
    }
    owners
}

/// Where the logs of these partitions end; one in trouble has no end.
fn log_ends(
    cluster: &Arc<Cluster>,
    partitions: &BTreeSet<TopicPartition>,
) -> Result<HashMap<TopicPartition, Offset>, ClientError> {
    let mut topics: Vec<&str> = partitions.iter().map(|one| &*one.topic).collect();
    topics.dedup();
    // What is wrong with a topic shows in the metadata: it is not there, or has no leaders.
    cluster.refresh(&topics, AutoCreate::Never)?;
    let metadata = cluster.metadata();
    let led = partitions.iter().filter(|one| is_led(&metadata, one));
    let wanted: Vec<_> = led.map(|one| (one.clone(), OffsetSpec::Latest)).collect();
    let admin = Admin::new(cluster.clone());
    let listed = admin.list_offsets(&wanted, Isolation::ReadUncommitted)?;
    let found = listed.into_iter().filter_map(|one| {
        let offset = one.outcome.ok()?.offset;
        Some((one.partition, offset))
    });
    Ok(found.collect())
}

/// Whether the partition can be asked for offsets without waiting: its topic is there, and led as
/// a whole.
fn is_led(metadata: &Metadata, partition: &TopicPartition) -> bool {
    let Some(topic) = metadata.topic(&partition.topic) else {
        return false;
    };
    let all_led = topic.partitions.iter().all(|one| one.leader.is_some());
    all_led && metadata.leader(partition).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{member, of};
    use super::*;

    fn row(committed: Option<Offset>, end: Option<Offset>) -> Row<'static> {
        Row {
            partition: of("orders", 0),
            committed,
            end,
            owner: None,
        }
    }

    #[test]
    fn lag_is_what_is_left_to_read() {
        assert_eq!(lag(10, 15), 5);
        assert_eq!(lag(15, 15), 0);
        assert_eq!(lag(20, 15), 0, "a topic made anew");
        assert_eq!(lag(i64::MIN, i64::MAX), i64::MAX);
    }

    #[test]
    fn a_partition_line_names_its_consumer() {
        let member = member(None);
        let row = Row {
            owner: Some(&member),
            ..row(Some(10), Some(15))
        };
        assert_eq!(
            row.line(),
            "  partition orders-0 committed=10 end=15 lag=5 consumer=m-1 host=/10.0.0.7 client=app"
        );
    }

    #[test]
    fn what_is_not_known_is_a_dash_and_not_in_the_sum() {
        let rows = [
            row(None, Some(15)),
            row(Some(3), None),
            row(Some(3), Some(10)),
        ];
        assert!(
            rows[0]
                .line()
                .contains("committed=- end=15 lag=- consumer=- ")
        );
        assert_eq!(
            Total::of(&rows).line(),
            "  total lag=7 partitions=3 unknown=2 committed=2"
        );
    }

    #[test]
    fn every_assigned_partition_has_its_owner() {
        let members = [member(Some(vec![of("a", 0)])), member(None)];
        let owners = owners(&members);
        assert_eq!(owners.keys().collect::<Vec<_>>(), [&of("a", 0)]);
    }
}
