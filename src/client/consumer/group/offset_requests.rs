//! Offsets of a member in Kafka's messages. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::member::Identity;
use super::offset_store::{Committed, Offsets};
use crate::client::admin::{GROUPS_SINCE, STABLE_SINCE, committed_name, of_one_group};
use crate::client::{ClientError, CommittedOffset, Refusal};
use crate::model::{TopicPartition, Uuid};
use crate::protocol::message::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};
use crate::protocol::message::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};

type TopicIds = HashMap<Arc<str>, Uuid>;

pub(super) fn commit(
    group: &str,
    identity: &Identity,
    offsets: &Offsets,
    ids: &TopicIds,
) -> OffsetCommitRequest {
    let mut by_topic: BTreeMap<&Arc<str>, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for (partition, committed) in offsets {
        let partitions = by_topic.entry(&partition.topic).or_default();
        partitions.push(OffsetCommitRequestPartition {
            partition_index: partition.partition,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            committed_metadata: Some(committed.metadata.clone()),
        });
    }
    let topic = |(name, partitions): (&Arc<str>, _)| OffsetCommitRequestTopic {
        name: name.to_string(),
        topic_id: ids.get(name).copied().unwrap_or(Uuid::ZERO),
        partitions,
    };
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: identity.epoch,
        member_id: identity.member_id.clone(),
        group_instance_id: identity.instance_id.clone(),
        topics: by_topic.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

/// The first refusal, if there is one.
pub(super) fn committed(
    group: &str,
    asked: &[OffsetCommitRequestTopic],
    response: OffsetCommitResponse,
) -> Result<(), ClientError> {
    for topic in response.topics {
        let name = committed_name(asked, topic.name, topic.topic_id);
        for answer in topic.partitions {
            let index = answer.partition_index;
            Refusal::check(answer.error_code, None).map_err(|refusal| {
                refusal.of(format!(
                    "commit the offset of group `{group}` in {name}-{index}"
                ))
            })?;
        }
    }
    Ok(())
}

/// Waits for transactions that commit offsets to end, where the broker knows of them (KIP-447).
pub(super) fn fetch(
    group: &str,
    identity: Option<&Identity>,
    partitions: &[TopicPartition],
    ids: &TopicIds,
    version: i16,
) -> OffsetFetchRequest {
    let mut by_topic: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
    for one in partitions {
        by_topic.entry(&one.topic).or_default().push(one.partition);
    }
    let require_stable = version >= STABLE_SINCE;
    if version < GROUPS_SINCE {
        let topic = |(name, partition_indexes): (&Arc<str>, _)| OffsetFetchRequestTopic {
            name: name.to_string(),
            partition_indexes,
        };
        return OffsetFetchRequest {
            group_id: group.to_owned(),
            topics: Some(by_topic.into_iter().map(topic).collect()),
            require_stable,
            ..Default::default()
        };
    }
    let topic = |(name, partition_indexes): (&Arc<str>, _)| OffsetFetchRequestTopics {
        name: name.to_string(),
        topic_id: ids.get(name).copied().unwrap_or(Uuid::ZERO),
        partition_indexes,
    };
    OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.to_owned(),
            member_id: identity.map(|member| member.member_id.clone()),
            member_epoch: identity.map_or(-1, |member| member.epoch),
            topics: Some(by_topic.into_iter().map(topic).collect()),
        }],
        require_stable,
        ..Default::default()
    }
}

/// What is committed; −1 stands for "nothing", which is left out.
pub(super) fn fetched(
    group: &str,
    ids: &TopicIds,
    response: OffsetFetchResponse,
    version: i16,
) -> Result<Committed, ClientError> {
    let what = || format!("fetch the committed offsets of group `{group}`");
    let (code, topics) = of_one_group(response, version);
    Refusal::check(code, None).map_err(|refusal| refusal.of(what()))?;
    let mut committed = Committed::new();
    for topic in topics {
        let by_id = ids
            .iter()
            .find(|(_, id)| **id == topic.topic_id && !id.is_zero());
        let name = by_id.map_or_else(|| topic.name.as_str().into(), |(name, _)| name.clone());
        for answer in topic.partitions {
            Refusal::check(answer.error_code, None).map_err(|refusal| {
                refusal.of(format!("{} in {name}-{}", what(), answer.partition_index))
            })?;
            if answer.committed_offset < 0 {
                continue;
            }
            let partition = TopicPartition {
                topic: name.clone(),
                partition: answer.partition_index,
            };
            let found = CommittedOffset {
                offset: answer.committed_offset,
                leader_epoch: answer.committed_leader_epoch,
                metadata: answer.metadata.unwrap_or_default(),
            };
            committed.insert(partition, found);
        }
    }
    Ok(committed)
}

#[cfg(test)]
mod tests {
    use super::super::assignor::tests::of;
    use super::*;
    use crate::protocol::message::Message;
    use crate::protocol::wire::Writer;

    fn identity() -> Identity {
        Identity {
            member_id: "m".to_owned(),
            epoch: 3,
            instance_id: None,
        }
    }

    fn encodes<'a, M: Message<'a>>(message: &M, version: i16) -> bool {
        let mut w = Writer::new();
        message.encode(&mut w, version);
        w.finish().is_ok()
    }

    /// A field that a version lacks must not be filled: the encoder refuses to lose it.
    #[test]
    fn the_requests_can_be_encoded_in_every_version() {
        let ids = TopicIds::from([("t".into(), Uuid::from_u128(200))]);
        for version in 1..=OffsetFetchRequest::VERSIONS.last {
            let request = fetch("g", Some(&identity()), &[of("t", 0)], &ids, version);
            assert!(encodes(&request, version), "OffsetFetch {version}");
        }
        let offset = CommittedOffset {
            offset: 7,
            leader_epoch: 2,
            metadata: "m".to_owned(),
        };
        let first = OffsetCommitRequest::VERSIONS.first;
        for version in first..=OffsetCommitRequest::VERSIONS.last {
            let request = commit("g", &identity(), &vec![(of("t", 0), offset.clone())], &ids);
            let carries_epochs = encodes(&request, version);
            assert!(carries_epochs, "OffsetCommit {version}");
        }
    }

    #[test]
    fn what_was_never_committed_is_left_out() {
        let topic = |topic_id, offsets: &[i64]| {
            let partition = |(index, offset): (usize, &i64)| {
                crate::protocol::message::offset_fetch::OffsetFetchResponsePartitions {
                    partition_index: index as i32,
                    committed_offset: *offset,
                    ..Default::default()
                }
            };
            crate::protocol::message::offset_fetch::OffsetFetchResponseTopics {
                topic_id,
                partitions: offsets.iter().enumerate().map(partition).collect(),
                ..Default::default()
            }
        };
        let response = OffsetFetchResponse {
            groups: vec![
                crate::protocol::message::offset_fetch::OffsetFetchResponseGroup {
                    topics: vec![topic(Uuid::from_u128(200), &[5, -1])],
                    ..Default::default()
                },
            ],
            ..Default::default()
        };
        let ids = TopicIds::from([("t".into(), Uuid::from_u128(200))]);
        let committed = fetched("g", &ids, response, 10).unwrap();
        assert_eq!(committed.len(), 1);
        assert_eq!(committed[&of("t", 0)].offset, 5);
    }
}
