//! How far groups have consumed, as their coordinators keep it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::coordinators::final_word;
use super::{Admin, PartitionOutcome};
use crate::client::error::Refusal;
use crate::client::{AutoCreate, ClientError};
use crate::model::{LeaderEpoch, Offset, TopicPartition, Uuid};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};
use crate::protocol::message::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
};
use crate::protocol::message::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};

/// How far a group has consumed one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The first record that is not consumed yet.
    pub offset: Offset,
    /// The epoch of the last consumed record's leader; −1 if the group did not tell.
    pub leader_epoch: LeaderEpoch,
    /// What the group wrote beside it.
    pub metadata: String,
}

/// The version of OffsetFetch that leaves out what open transactions have committed (KIP-447).
pub(in crate::client) const STABLE_SINCE: i16 = 7;
/// The version of OffsetFetch that takes several groups (KIP-709).
pub(in crate::client) const GROUPS_SINCE: i16 = 8;

impl Admin {
    /// Every offset that a group has committed, by partition.
    ///
    /// With `require_stable` it waits for transactions that commit offsets to end; a broker before
    /// Kafka 2.5 knows of none. A group that does not exist has committed nothing.
    pub fn committed_offsets(
        &self,
        group: &str,
        require_stable: bool,
    ) -> Result<Vec<PartitionOutcome<CommittedOffset>>, ClientError> {
        let what = format!("fetch the committed offsets of group `{group}`");
        let mut committed = self.ask_coordinator(group, &what, |connection| {
            let version = connection.version_of::<OffsetFetchRequest>()?;
            let response = connection.call(&fetch_request(group, require_stable, version))?;
            let (code, topics) = of_one_group(response.decode()?, version);
            Refusal::check(code, None).map_err(|refusal| refusal.of(&what))?;
            self.fetched(group, topics)
        })?;
        committed.sort_by(|a, b| a.partition.cmp(&b.partition));
        Ok(committed)
    }

    /// Commits offsets for a group that nobody is in, as a consumer without a group would; the
    /// group comes about if it does not exist.
    pub fn alter_offsets(
        &self,
        group: &str,
        offsets: &[(TopicPartition, Offset)],
    ) -> Result<Vec<PartitionOutcome<()>>, ClientError> {
        let topics = self.topics_to_commit(offsets)?;
        let what = format!("commit offsets of group `{group}`");
        self.ask_coordinator(group, &what, |connection| {
            // No generation and no member id, which are the defaults, mean: not from a member.
            let request = OffsetCommitRequest {
                group_id: group.to_owned(),
                topics: topics.clone(),
                ..Default::default()
            };
            let response = connection.call(&request)?;
            let response: OffsetCommitResponse = response.decode()?;
            let mut outcomes = Vec::new();
            for topic in response.topics {
                let name = committed_name(&topics, topic.name, topic.topic_id);
                for answer in topic.partitions {
                    let partition = of(&name, answer.partition_index);
                    let what = format!("commit the offset of group `{group}` in {partition}");
                    outcomes.push(PartitionOutcome {
                        outcome: final_word(answer.error_code, what)?,
                        partition,
                    });
                }
            }
            Ok(outcomes)
        })
    }

    /// Forgets the offsets that a group has committed for these partitions (KIP-496); nobody in
    /// the group may be subscribed to their topics.
    pub fn delete_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<PartitionOutcome<()>>, ClientError> {
        let what = format!("delete offsets of group `{group}`");
        self.ask_coordinator(group, &what, |connection| {
            let request = OffsetDeleteRequest {
                group_id: group.to_owned(),
                topics: topics_to_delete(partitions),
            };
            let response = connection.call(&request)?;
            let response: OffsetDeleteResponse = response.decode()?;
            Refusal::check(response.error_code, None).map_err(|refusal| refusal.of(&what))?;
            let mut outcomes = Vec::new();
            for topic in response.topics {
                let name: Arc<str> = topic.name.into();
                for answer in topic.partitions {
                    let partition = of(&name, answer.partition_index);
                    let what = format!("delete the offset of group `{group}` in {partition}");
                    outcomes.push(PartitionOutcome {
                        outcome: final_word(answer.error_code, what)?,
                        partition,
                    });
                }
            }
            Ok(outcomes)
        })
    }

    fn fetched(
        &self,
        group: &str,
        topics: Vec<OffsetFetchResponseTopics>,
    ) -> Result<Vec<PartitionOutcome<CommittedOffset>>, ClientError> {
        let mut outcomes = Vec::new();
        for topic in topics {
            // A topic deleted this moment has no name any more, and its offsets go with it.
            let Some(name) = self.fetched_name(&topic)? else {
                continue;
            };
            for answer in topic.partitions {
                outcomes.extend(fetched_offset(group, &name, answer)?);
            }
        }
        Ok(outcomes)
    }

    /// A topic's name, which version 10 leaves to its id.
    fn fetched_name(
        &self,
        topic: &OffsetFetchResponseTopics,
    ) -> Result<Option<Arc<str>>, ClientError> {
        if topic.topic_id.is_zero() {
            return Ok(Some(topic.name.as_str().into()));
        }
        let known = self.cluster.metadata();
        if let Some(name) = known.name_of(topic.topic_id) {
            return Ok(Some(name.clone()));
        }
        self.cluster.refresh_all_topics()?;
        let known = self.cluster.metadata();
        Ok(known.name_of(topic.topic_id).cloned())
    }

    /// Names and ids both: which of them goes out depends on the version.
    fn topics_to_commit(
        &self,
        offsets: &[(TopicPartition, Offset)],
    ) -> Result<Vec<OffsetCommitRequestTopic>, ClientError> {
        let mut by_topic: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for (partition, offset) in offsets {
            let partitions = by_topic.entry(&partition.topic).or_default();
            partitions.push(OffsetCommitRequestPartition {
                partition_index: partition.partition,
                committed_offset: *offset,
                committed_leader_epoch: -1,
                committed_metadata: Some(String::new()),
            });
        }
        let mut topics = Vec::with_capacity(by_topic.len());
        for (name, partitions) in by_topic {
            topics.push(OffsetCommitRequestTopic {
                topic_id: self.cluster.topic(name, AutoCreate::Never)?.id,
                name: name.to_owned(),
                partitions,
            });
        }
        Ok(topics)
    }
}

/// The request for every offset of a group: the fields differ with the version.
fn fetch_request(group: &str, require_stable: bool, version: i16) -> OffsetFetchRequest {
    let require_stable = require_stable && version >= STABLE_SINCE;
    if version < GROUPS_SINCE {
        return OffsetFetchRequest {
            group_id: group.to_owned(),
            topics: None,
            require_stable,
            ..Default::default()
        };
    }
    OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.to_owned(),
            topics: None,
            ..Default::default()
        }],
        require_stable,
        ..Default::default()
    }
}

/// The group's error code and topics, as the versions with several groups have them.
pub(in crate::client) fn of_one_group(
    response: OffsetFetchResponse,
    version: i16,
) -> (i16, Vec<OffsetFetchResponseTopics>) {
    if version < GROUPS_SINCE {
        let topics = response.topics.into_iter().map(as_in_later_versions);
        return (response.error_code, topics.collect());
    }
    match response.groups.into_iter().next() {
        Some(group) => (group.error_code, group.topics),
        None => (ErrorCode::UnknownServerError.code(), Vec::new()),
    }
}

fn as_in_later_versions(topic: OffsetFetchResponseTopic) -> OffsetFetchResponseTopics {
    let partition = |early: OffsetFetchResponsePartition| OffsetFetchResponsePartitions {
        partition_index: early.partition_index,
        committed_offset: early.committed_offset,
        committed_leader_epoch: early.committed_leader_epoch,
        metadata: early.metadata,
        error_code: early.error_code,
    };
    OffsetFetchResponseTopics {
        name: topic.name,
        topic_id: Uuid::ZERO,
        partitions: topic.partitions.into_iter().map(partition).collect(),
    }
}

/// −1 stands for "nothing committed", which is no outcome.
fn fetched_offset(
    group: &str,
    topic: &Arc<str>,
    answer: OffsetFetchResponsePartitions,
) -> Result<Option<PartitionOutcome<CommittedOffset>>, ClientError> {
    let partition = of(topic, answer.partition_index);
    let what = format!("fetch the committed offset of group `{group}` in {partition}");
    let outcome = match final_word(answer.error_code, what)? {
        Ok(()) if answer.committed_offset < 0 => return Ok(None),
        Ok(()) => Ok(CommittedOffset {
            offset: answer.committed_offset,
            leader_epoch: answer.committed_leader_epoch,
            metadata: answer.metadata.unwrap_or_default(),
        }),
        Err(error) => Err(error),
    };
    Ok(Some(PartitionOutcome { partition, outcome }))
}

/// The name of a topic in the answer to a commit, which version 10 leaves to its id.
pub(in crate::client) fn committed_name(
    topics: &[OffsetCommitRequestTopic],
    name: String,
    id: Uuid,
) -> Arc<str> {
    if id.is_zero() {
        return name.into();
    }
    match topics.iter().find(|topic| topic.topic_id == id) {
        Some(topic) => topic.name.as_str().into(),
        None => id.to_string().into(),
    }
}

fn topics_to_delete(partitions: &[TopicPartition]) -> Vec<OffsetDeleteRequestTopic> {
    let mut by_topic: BTreeMap<&str, Vec<OffsetDeleteRequestPartition>> = BTreeMap::new();
    for partition in partitions {
        let partition_index = partition.partition;
        let partitions = by_topic.entry(&partition.topic).or_default();
        partitions.push(OffsetDeleteRequestPartition { partition_index });
    }
    let topic = |(name, partitions): (&str, _)| OffsetDeleteRequestTopic {
        name: name.to_owned(),
        partitions,
    };
    by_topic.into_iter().map(topic).collect()
}

fn of(topic: &Arc<str>, partition: i32) -> TopicPartition {
    TopicPartition {
        topic: topic.clone(),
        partition,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::Message;
    use crate::protocol::message::offset_fetch::OffsetFetchResponseGroup;
    use crate::protocol::wire::Writer;

    /// A field that a version lacks must not be filled: the encoder refuses to lose it.
    #[test]
    fn the_request_can_be_encoded_in_every_version() {
        for version in 2..=OffsetFetchRequest::VERSIONS.last {
            let request = fetch_request("g", true, version);
            let mut w = Writer::new();
            request.encode(&mut w, version);
            assert!(w.finish().is_ok(), "version {version}");
        }
    }

    fn partition(committed_offset: i64, error_code: i16) -> OffsetFetchResponsePartitions {
        OffsetFetchResponsePartitions {
            committed_offset,
            error_code,
            ..Default::default()
        }
    }

    #[test]
    fn early_and_late_answers_read_the_same() {
        let early = OffsetFetchResponse {
            topics: vec![OffsetFetchResponseTopic {
                name: "t".to_owned(),
                partitions: vec![OffsetFetchResponsePartition {
                    committed_offset: 7,
                    ..Default::default()
                }],
            }],
            ..Default::default()
        };
        let late = OffsetFetchResponse {
            groups: vec![OffsetFetchResponseGroup {
                topics: vec![OffsetFetchResponseTopics {
                    name: "t".to_owned(),
                    topic_id: Uuid::ZERO,
                    partitions: vec![partition(7, 0)],
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        assert_eq!(of_one_group(early, 7), of_one_group(late, 8));
        let (code, _) = of_one_group(OffsetFetchResponse::default(), 9);
        assert_eq!(ErrorCode::from_code(code), ErrorCode::UnknownServerError);
    }

    #[test]
    fn only_what_was_committed_is_told() {
        let topic: Arc<str> = "t".into();
        let told = |answer| fetched_offset("g", &topic, answer);
        assert!(told(partition(-1, 0)).unwrap().is_none());
        let committed = told(partition(0, 0)).unwrap().unwrap();
        assert_eq!(committed.outcome.unwrap().offset, 0);
        let code = ErrorCode::TopicAuthorizationFailed.code();
        let refused = told(partition(-1, code)).unwrap().unwrap();
        assert!(refused.outcome.is_err());
        let unstable = ErrorCode::UnstableOffsetCommit.code();
        assert!(told(partition(-1, unstable)).is_err());
    }

    #[test]
    fn answers_by_id_find_their_name() {
        let topics = [OffsetCommitRequestTopic {
            name: "t".to_owned(),
            topic_id: Uuid::from_u128(500),
            partitions: Vec::new(),
        }];
        let name = |name: &str, id| committed_name(&topics, name.to_owned(), id);
        assert_eq!(&*name("", Uuid::from_u128(500)), "t");
        assert_eq!(&*name("other", Uuid::ZERO), "other");
    }
}
