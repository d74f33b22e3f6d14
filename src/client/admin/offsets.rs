use std::collections::BTreeMap;
use std::sync::Arc;

use super::Admin;
use crate::client::error::Refusal;
use crate::client::{AutoCreate, ClientError, Isolation, Target};
use crate::model::{LeaderEpoch, NodeId, Offset, TimestampMs, TopicPartition};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use crate::protocol::message::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic,
};

/// Which offset of a partition to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The oldest record there is.
    Earliest,
    /// Behind the newest record a consumer may see.
    Latest,
    /// The first record as new as this.
    Timestamp(TimestampMs),
    /// The record with the largest timestamp (KIP-734).
    MaxTimestamp,
}

/// What one partition answered.
#[derive(Debug)]
pub struct PartitionOutcome<T> {
    /// The partition asked.
    pub partition: TopicPartition,
    /// What came of it.
    pub outcome: Result<T, ClientError>,
}

/// A position and, if it was found by a timestamp, the record's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetAndTimestamp {
    /// −1 if no record is as new as asked for.
    pub offset: Offset,
    /// −1 unless the offset was looked up by timestamp.
    pub timestamp: TimestampMs,
    /// The epoch of the leader that wrote the record; −1 if unknown.
    pub leader_epoch: LeaderEpoch,
}

/// Partitions of several topics, by the broker that leads them.
type ByLeader<T> = BTreeMap<NodeId, BTreeMap<Arc<str>, Vec<(i32, T)>>>;

impl Admin {
    /// Looks up one offset of each of these partitions.
    pub fn list_offsets(
        &self,
        wanted: &[(TopicPartition, OffsetSpec)],
        isolation: Isolation,
    ) -> Result<Vec<PartitionOutcome<OffsetAndTimestamp>>, ClientError> {
        let deadline = self.cluster.settings().deadline;
        self.cluster
            .try_until(deadline, "look up offsets", |attempt| {
                self.list_offsets_once(wanted, isolation, attempt > 0)
            })
    }

    /// Forgets the records below an offset of each partition, −1 for all (KIP-107); answers with
    /// the first offset that is left.
    pub fn delete_records(
        &self,
        before: &[(TopicPartition, Offset)],
    ) -> Result<Vec<PartitionOutcome<Offset>>, ClientError> {
        let deadline = self.cluster.settings().deadline;
        self.cluster
            .try_until(deadline, "delete records", |attempt| {
                self.delete_records_once(before, attempt > 0)
            })
    }

    fn list_offsets_once(
        &self,
        wanted: &[(TopicPartition, OffsetSpec)],
        isolation: Isolation,
        refresh: bool,
    ) -> Result<Vec<PartitionOutcome<OffsetAndTimestamp>>, ClientError> {
        let mut listed = Vec::new();
        for (node, topics) in self.by_leader(wanted, refresh)? {
            let request = ListOffsetsRequest {
                replica_id: -1,
                isolation_level: isolation.level(),
                topics: topics
                    .iter()
                    .map(|(name, specs)| topic_of(name, specs))
                    .collect(),
                timeout_ms: self.timeout_ms(),
            };
            let response = self.cluster.ask(Target::Node(node), &request)?;
            let response: ListOffsetsResponse = response.decode()?;
            for topic in response.topics {
                let name: Arc<str> = topic.name.into();
                for partition in topic.partitions {
                    listed.push(listed_offset(&name, &partition)?);
                }
            }
        }
        Ok(listed)
    }

    fn delete_records_once(
        &self,
        before: &[(TopicPartition, Offset)],
        refresh: bool,
    ) -> Result<Vec<PartitionOutcome<Offset>>, ClientError> {
        let mut deleted = Vec::new();
        for (node, topics) in self.by_leader(before, refresh)? {
            let topic = |(name, offsets): (&Arc<str>, &Vec<(i32, Offset)>)| DeleteRecordsTopic {
                name: name.to_string(),
                partitions: offsets
                    .iter()
                    .map(|&(index, offset)| deletion(index, offset))
                    .collect(),
            };
            let request = DeleteRecordsRequest {
                topics: topics.iter().map(topic).collect(),
                timeout_ms: self.timeout_ms(),
            };
            let response = self.cluster.ask(Target::Node(node), &request)?;
            let response: DeleteRecordsResponse = response.decode()?;
            for topic in response.topics {
                let name: Arc<str> = topic.name.into();
                for result in topic.partitions {
                    let partition = of(&name, result.partition_index);
                    let what = format!("delete records of {partition}");
                    let outcome = settled(result.error_code, &what)?;
                    deleted.push(PartitionOutcome {
                        partition,
                        outcome: outcome.map(|()| result.low_watermark),
                    });
                }
            }
        }
        Ok(deleted)
    }

    fn by_leader<T: Copy>(
        &self,
        wanted: &[(TopicPartition, T)],
        refresh: bool,
    ) -> Result<ByLeader<T>, ClientError> {
        self.learn_topics(wanted.iter().map(|(partition, _)| partition), refresh)?;
        let metadata = self.cluster.metadata();
        let mut found = ByLeader::new();
        for (partition, asked) in wanted {
            let leader = metadata
                .leader(partition)
                .ok_or_else(|| leaderless(partition))?;
            let topics = found.entry(leader).or_default();
            let partitions = topics.entry(partition.topic.clone()).or_default();
            partitions.push((partition.partition, *asked));
        }
        Ok(found)
    }

    fn learn_topics<'a>(
        &self,
        partitions: impl Iterator<Item = &'a TopicPartition>,
        refresh: bool,
    ) -> Result<(), ClientError> {
        let mut names: Vec<&str> = partitions.map(|partition| &*partition.topic).collect();
        names.sort_unstable();
        names.dedup();
        if refresh {
            self.cluster.refresh(&names, AutoCreate::Never)?;
        }
        for name in names {
            self.cluster.topic(name, AutoCreate::Never)?;
        }
        Ok(())
    }
}

fn topic_of(name: &Arc<str>, specs: &[(i32, OffsetSpec)]) -> ListOffsetsTopic {
    let partition = |&(partition_index, spec): &(i32, OffsetSpec)| ListOffsetsPartition {
        partition_index,
        timestamp: spec.sentinel(),
        ..Default::default()
    };
    ListOffsetsTopic {
        name: name.to_string(),
        partitions: specs.iter().map(partition).collect(),
    }
}

fn listed_offset(
    topic: &Arc<str>,
    answer: &ListOffsetsPartitionResponse,
) -> Result<PartitionOutcome<OffsetAndTimestamp>, ClientError> {
    let partition = of(topic, answer.partition_index);
    let outcome = settled(
        answer.error_code,
        &format!("look up an offset of {partition}"),
    )?;
    let found = OffsetAndTimestamp {
        offset: answer.offset,
        timestamp: answer.timestamp,
        leader_epoch: answer.leader_epoch,
    };
    Ok(PartitionOutcome {
        partition,
        outcome: outcome.map(|()| found),
    })
}

fn deletion(partition_index: i32, offset: Offset) -> DeleteRecordsPartition {
    DeleteRecordsPartition {
        partition_index,
        offset,
    }
}

/// An outcome that is final; what may pass is an error of the whole call, which tries again.
fn settled(code: i16, what: &str) -> Result<Result<(), ClientError>, ClientError> {
    match Refusal::check(code, None).map_err(|refusal| refusal.of(what)) {
        Err(error) if error.is_retriable() => Err(error),
        outcome => Ok(outcome),
    }
}

fn leaderless(partition: &TopicPartition) -> ClientError {
    let refusal = Refusal {
        code: ErrorCode::LeaderNotAvailable,
        message: None,
    };
    refusal.of(format!("find the leader of {partition}"))
}

fn of(topic: &Arc<str>, partition: i32) -> TopicPartition {
    TopicPartition {
        topic: topic.clone(),
        partition,
    }
}

impl OffsetSpec {
    /// The number that stands for it in a ListOffsets request.
    fn sentinel(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::Timestamp(timestamp) => timestamp,
        }
    }
}
