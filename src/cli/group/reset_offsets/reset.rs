//! A reset, step by step: is the group empty, which partitions, which offsets, commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::plan::{self, Goal, Known, Planned};
use super::{Goals, WhichArgs, show};
use crate::cli::error::CliError;
use crate::cli::group::topic_spec::TopicSpec;
use crate::cli::group::{explained, stop_first};
use crate::cli::output::{Output, plural};
use crate::client::{
    Admin, AutoCreate, ClientError, Cluster, GroupDescription, Isolation, OffsetSpec,
};
use crate::model::{Offset, TopicPartition};
use crate::protocol::error_code::ErrorCode;

/// A group whose offsets are to be moved.
pub(super) struct Reset {
    cluster: Arc<Cluster>,
    group: String,
}

/// A partition, and where the group shall stand in it.
pub(super) type Target = (TopicPartition, Goal);

impl Reset {
    pub(super) fn new(cluster: Arc<Cluster>, group: String) -> Self {
        Self { cluster, group }
    }

    /// A group that does not exist is as empty as one can be, but may be a slip of the pen.
    pub(super) fn check_empty(&self) -> Result<(), CliError> {
        for described in self.admin().describe_groups(&[self.group.as_str()])? {
            match described.outcome {
                Ok(group) => refuse_occupied(&group)?,
                Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => {
                    eprintln!("klamm: there is no group `{}` yet", self.group);
                }
                Err(error) => return Err(explained(error, &self.group)),
            }
        }
        Ok(())
    }

    /// The partitions to move, each with its goal; all of them exist.
    pub(super) fn targets(&self, goals: Goals, which: &WhichArgs) -> Result<Vec<Target>, CliError> {
        let goal = match goals {
            Goals::Listed(offsets) => {
                self.check_exist(offsets.keys())?;
                let goal = |(partition, offset)| (partition, Goal::Offset(offset));
                return Ok(offsets.into_iter().map(goal).collect());
            }
            Goals::One(goal) => goal,
        };
        let partitions = match which.all_topics {
            true => self.committed_partitions()?,
            false => self.named_partitions(&which.topics)?,
        };
        Ok(partitions.into_iter().map(|one| (one, goal)).collect())
    }

    /// What to commit: goals become offsets inside the logs.
    pub(super) fn plan(&self, targets: &[Target]) -> Result<Vec<Planned>, CliError> {
        let earliest = self.look_up(targets, |_| Some(OffsetSpec::Earliest))?;
        let latest = self.look_up(targets, |_| Some(OffsetSpec::Latest))?;
        let at_time = self.look_up(targets, |goal| match goal {
            Goal::Time(timestamp) => Some(OffsetSpec::Timestamp(timestamp)),
            _ => None,
        })?;
        let committed = self.committed()?;
        let mut planned = Vec::with_capacity(targets.len());
        for (partition, goal) in targets {
            let (Some(earliest), Some(latest)) = (earliest.get(partition), latest.get(partition))
            else {
                return Err(CliError::refused(format!(
                    "the leader of {partition} does not tell its offsets"
                )));
            };
            let known = Known {
                earliest: *earliest,
                latest: *latest,
                at_time: at_time.get(partition).copied(),
                committed: committed.get(partition).copied(),
            };
            let Some(one) = plan::plan(partition, *goal, &known) else {
                return Err(self.nothing_to_shift(partition));
            };
            planned.push(one);
        }
        Ok(planned)
    }

    /// Commits, and shows what could be.
    pub(super) fn execute(
        &self,
        planned: Vec<Planned>,
        export: bool,
        output: &mut Output,
    ) -> Result<Vec<CliError>, CliError> {
        let offsets = planned
            .iter()
            .map(|one| (one.partition.clone(), one.offset));
        let offsets: Vec<(TopicPartition, Offset)> = offsets.collect();
        let committed = self.admin().alter_offsets(&self.group, &offsets);
        let committed = committed.map_err(|error| explained(error, &self.group))?;
        let mut planned: BTreeMap<TopicPartition, Planned> = planned
            .into_iter()
            .map(|one| (one.partition.clone(), one))
            .collect();
        let mut failures = Vec::new();
        for done in committed {
            let one = planned.remove(&done.partition);
            match (done.outcome, one) {
                (Ok(()), Some(one)) => show(output, "set", &one, export)?,
                (Ok(()), None) => {}
                (Err(error), _) => failures.push(explained(error, &self.group)),
            }
        }
        // Whatever the broker left out of its answer may have been committed or not.
        failures.extend(planned.into_keys().map(|partition| {
            CliError::refused(format!(
                "the broker does not tell whether it set {partition}"
            ))
        }));
        Ok(failures)
    }

    fn named_partitions(&self, specs: &[TopicSpec]) -> Result<BTreeSet<TopicPartition>, CliError> {
        let mut named = BTreeSet::new();
        for spec in specs {
            let topic: Arc<str> = spec.topic.as_str().into();
            let indexes: Vec<i32> = match spec.partitions.is_empty() {
                true => (0..self.cluster.partition_count(&spec.topic)?).collect(),
                false => spec.partitions.clone(),
            };
            named.extend(indexes.into_iter().map(|partition| TopicPartition {
                topic: topic.clone(),
                partition,
            }));
        }
        self.check_exist(named.iter())?;
        Ok(named)
    }

    /// The partitions the group has committed offsets of, but for those that are gone.
    fn committed_partitions(&self) -> Result<BTreeSet<TopicPartition>, CliError> {
        let mut partitions: BTreeSet<TopicPartition> = self.committed()?.into_keys().collect();
        if partitions.is_empty() {
            let message = format!(
                "--all-topics: group `{}` has no committed offsets",
                self.group
            );
            return Err(CliError::refused(message).with_cure("name topics: --topic TOPIC"));
        }
        let mut topics: Vec<&str> = partitions.iter().map(|one| &*one.topic).collect();
        topics.dedup();
        self.cluster.refresh(&topics, AutoCreate::Never)?;
        let metadata = self.cluster.metadata();
        partitions.retain(|one| {
            let partitions = metadata
                .topic(&one.topic)
                .map(|topic| topic.partitions.len());
            let exists = (one.partition as usize) < partitions.unwrap_or(0);
            if !exists {
                eprintln!("klamm: {one} is left out, it does not exist any more");
            }
            exists
        });
        Ok(partitions)
    }

    /// Fails at the first partition that does not exist.
    fn check_exist<'a>(
        &self,
        partitions: impl Iterator<Item = &'a TopicPartition>,
    ) -> Result<(), CliError> {
        for one in partitions {
            let count = self.cluster.partition_count(&one.topic)?;
            if !(0..count).contains(&one.partition) {
                let missing = ClientError::NoPartition {
                    topic: one.topic.to_string(),
                    partition: one.partition,
                    partitions: count as usize,
                };
                return Err(missing.into());
            }
        }
        Ok(())
    }

    /// What the group has committed, when no transaction is about to change it.
    fn committed(&self) -> Result<BTreeMap<TopicPartition, Offset>, CliError> {
        let mut committed = BTreeMap::new();
        for one in self.admin().committed_offsets(&self.group, true)? {
            committed.insert(one.partition, one.outcome?.offset);
        }
        Ok(committed)
    }

    /// The offsets that the goals ask for, of the partitions whose goals do.
    fn look_up(
        &self,
        targets: &[Target],
        spec: impl Fn(Goal) -> Option<OffsetSpec>,
    ) -> Result<BTreeMap<TopicPartition, Offset>, CliError> {
        let asked = targets.iter();
        let wanted: Vec<_> = asked
            .filter_map(|(partition, goal)| Some((partition.clone(), spec(*goal)?)))
            .collect();
        let mut found = BTreeMap::new();
        let admin = self.admin();
        for one in admin.list_offsets(&wanted, Isolation::ReadUncommitted)? {
            found.insert(one.partition, one.outcome?.offset);
        }
        Ok(found)
    }

    fn nothing_to_shift(&self, partition: &TopicPartition) -> CliError {
        let group = &self.group;
        let message =
            format!("--shift-by: group `{group}` has committed no offset of {partition} to shift");
        CliError::refused(message).with_cure("use --to-offset, --to-earliest or --to-latest for it")
    }

    fn admin(&self) -> Admin {
        Admin::new(self.cluster.clone())
    }
}

/// Members would go on from where they are, and commit that.
fn refuse_occupied(group: &GroupDescription) -> Result<(), CliError> {
    if group.members.is_empty() && group.state == "Empty" {
        return Ok(());
    }
    let message = format!(
        "group `{}` is {} with {}: its offsets can only be reset while it is empty",
        group.group,
        group.state,
        plural(group.members.len() as u64, "member"),
    );
    Err(CliError::refused(message).with_cure(stop_first(&group.group)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Address, Coordinator, GroupMember};

    fn group(state: &str, members: usize) -> GroupDescription {
        let member = GroupMember {
            member_id: "m".to_owned(),
            instance_id: None,
            client_id: String::new(),
            client_host: String::new(),
            epoch: None,
            assignment: None,
            target: None,
        };
        GroupDescription {
            group: "g".to_owned(),
            group_type: "classic",
            protocol_type: "consumer".to_owned(),
            state: state.to_owned(),
            assignor: String::new(),
            epoch: None,
            assignment_epoch: None,
            coordinator: Coordinator {
                node: 0,
                address: Address {
                    host: "h".to_owned(),
                    port: 9092,
                },
            },
            members: vec![member; members],
        }
    }

    #[test]
    fn only_an_empty_group_is_reset() {
        assert!(refuse_occupied(&group("Empty", 0)).is_ok());
        assert!(refuse_occupied(&group("PreparingRebalance", 0)).is_err());
        let error = refuse_occupied(&group("Stable", 2))
            .unwrap_err()
            .to_string();
        assert!(error.contains("is Stable with 2 members"), "{error}");
        assert!(error.contains("remove-member g --all"), "{error}");
    }
}
