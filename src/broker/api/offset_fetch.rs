//! OffsetFetch (key 9), v1-10
//!
//! Behaviour: what groups have committed, −1 where nothing is. Without a list of topics all that
//!            the caller may describe. An error of a group stands beside it; in version 1 it stands
//!            beside each partition. The empty group name is fine. A partition, or a group, named
//!            twice is answered once: a small request could ask for much memory else.
//! Versions:  v2 all topics · v5 leader epochs (KIP-320) · v6 flexible · v7 stable offsets only
//!            (KIP-447) · v8 several groups (KIP-709) · v9 KIP-848 · v10 topic ids
//! Not done:  –

use std::collections::HashSet;
use std::sync::Arc;

use super::by_group::{ask_groups, check_group, expect_answer};
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::coordinator::group::answer::{Answer, FetchedOffset, FetchedTopic};
use crate::coordinator::group::coordinator::{Call, FetchRequest};
use crate::metadata::MetadataImage;
use crate::model::Uuid;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::shard::Said;

/// The first version with an error beside the topics.
const GROUP_ERROR_FROM: i16 = 2;
/// The first version with several groups.
const GROUPS_FROM: i16 = 8;
/// The first version that names topics by id.
const IDS_FROM: i16 = 10;

/// Looks committed offsets up.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: OffsetFetchRequest,
) -> Result<OffsetFetchResponse, CloseConnection> {
    let version = request.version;
    let must_be_stable = message.require_stable;
    let groups = groups(message, version);
    let image = cx.image();
    let may = |topic: &str| cx.may(request, Operation::Describe, Resource::Topic(topic));
    let view = View {
        image: &image,
        version,
        may: &may,
    };
    let plans: Vec<_> = groups.into_iter().map(|group| view.plan(group)).collect();
    let calls = plans.iter().map(|plan| {
        check_group(cx, request, Operation::Describe, &plan.group)?;
        Ok(Call::Fetch(plan.call(must_be_stable)))
    });
    let said = ask_groups(cx, calls).await?;
    let answered = plans.into_iter().zip(said);
    let answered = answered.map(|(plan, said)| view.answer(plan, said));
    Ok(response(answered.collect(), version))
}

/// The groups asked for, each once, in the form of version 8.
fn groups(message: OffsetFetchRequest, version: i16) -> Vec<OffsetFetchRequestGroup> {
    if version < GROUPS_FROM {
        let topics = message.topics.map(|topics| {
            let topics = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
                name: topic.name,
                partition_indexes: topic.partition_indexes,
                ..Default::default()
            });
            topics.collect()
        });
        return vec![OffsetFetchRequestGroup {
            group_id: message.group_id,
            topics,
            ..Default::default()
        }];
    }
    let mut seen = HashSet::new();
    let groups = message.groups.into_iter();
    groups
        .filter(|group| seen.insert(group.group_id.clone()))
        .collect()
}

/// What is asked of one group.
struct Plan {
    group: String,
    /// Who asks, if it says so (KIP-848).
    member: (Option<Arc<str>>, i32),
    /// `None`: all.
    topics: Option<Vec<PlannedTopic>>,
}

struct PlannedTopic {
    name: Arc<str>,
    id: Uuid,
    /// Why the coordinator is not asked.
    refused: Option<ErrorCode>,
    partitions: Vec<i32>,
}

/// The answer about one group.
struct Answered {
    group: String,
    error: ErrorCode,
    topics: Vec<AnsweredTopic>,
}

struct AnsweredTopic {
    name: String,
    id: Uuid,
    partitions: Vec<FetchedOffset>,
}

/// What the caller may see.
struct View<'a> {
    image: &'a MetadataImage,
    version: i16,
    may: &'a dyn Fn(&str) -> bool,
}

impl Plan {
    fn call(&self, must_be_stable: bool) -> FetchRequest {
        let asked = |topics: &Vec<PlannedTopic>| {
            let asked = topics.iter().filter(|topic| topic.refused.is_none());
            let asked = asked.map(|topic| (topic.name.clone(), topic.partitions.clone()));
            asked.collect()
        };
        FetchRequest {
            group: self.group.as_str().into(),
            member_id: self.member.0.clone(),
            member_epoch: self.member.1,
            topics: self.topics.as_ref().map(asked),
            must_be_stable,
        }
    }
}

impl View<'_> {
    fn plan(&self, group: OffsetFetchRequestGroup) -> Plan {
        let mut seen = HashSet::new();
        let topics = group.topics.map(|topics| {
            let topics = topics.into_iter().map(|topic| self.plan_topic(topic));
            let topics = topics.map(|mut topic| {
                let place = |index: i32| (topic.name.clone(), topic.id, index);
                topic.partitions.retain(|index| seen.insert(place(*index)));
                topic
            });
            topics.collect()
        });
        Plan {
            group: group.group_id,
            member: (group.member_id.map(Into::into), group.member_epoch),
            topics,
        }
    }

    fn plan_topic(&self, topic: OffsetFetchRequestTopics) -> PlannedTopic {
        let name: Result<Arc<str>, ErrorCode> = match self.image.topic_by_id(topic.topic_id) {
            _ if self.version < IDS_FROM => Ok(topic.name.into()),
            Some(known) => Ok(known.name.clone()),
            None => Err(ErrorCode::UnknownTopicId),
        };
        let refused = match &name {
            Err(code) => Some(*code),
            Ok(name) if !(self.may)(name) => Some(ErrorCode::TopicAuthorizationFailed),
            Ok(_) => None,
        };
        PlannedTopic {
            name: name.unwrap_or_default(),
            id: topic.topic_id,
            refused,
            partitions: topic.partition_indexes,
        }
    }

    fn answer(&self, plan: Plan, said: Said) -> Answered {
        let fetched =
            said.and_then(|answer| expect_answer!(answer, Answer::Fetch(fetched) => fetched));
        let (error, topics) = match (fetched, plan.topics) {
            (Ok(fetched), None) => (ErrorCode::None, self.all(fetched)),
            (Ok(fetched), Some(topics)) => (ErrorCode::None, merge(topics, fetched)),
            (Err(error), topics) if self.version < GROUP_ERROR_FROM => {
                let topics = topics.unwrap_or_default().into_iter();
                let topics = topics.map(|topic| failed(topic, error)).collect();
                (error, topics)
            }
            (Err(error), _) => (error, Vec::new()),
        };
        Answered {
            group: plan.group,
            error,
            topics,
        }
    }

    /// All topics of a group that the caller may know of. Where topics are named by their ids,
    /// those that are gone have no name.
    fn all(&self, fetched: Vec<FetchedTopic>) -> Vec<AnsweredTopic> {
        let seen = fetched.into_iter().filter(|topic| (self.may)(&topic.topic));
        let answered = seen.filter_map(|topic| {
            let id = self.image.topic(&topic.topic).map(|known| known.id);
            (self.version < IDS_FROM || id.is_some()).then(|| AnsweredTopic {
                name: topic.topic.to_string(),
                id: id.unwrap_or(Uuid::ZERO),
                partitions: topic.partitions,
            })
        });
        answered.collect()
    }
}

/// What the coordinator says of the topics it was asked for, in the order of the request.
fn merge(topics: Vec<PlannedTopic>, fetched: Vec<FetchedTopic>) -> Vec<AnsweredTopic> {
    let mut fetched = fetched.into_iter();
    let mut answer = |topic: PlannedTopic| match topic.refused {
        Some(code) => failed(topic, code),
        None => AnsweredTopic {
            name: topic.name.to_string(),
            id: topic.id,
            partitions: fetched.next().expect("an answer for each topic").partitions,
        },
    };
    topics.into_iter().map(&mut answer).collect()
}

fn failed(topic: PlannedTopic, error: ErrorCode) -> AnsweredTopic {
    let nothing: Arc<str> = "".into();
    let partitions = topic.partitions.into_iter().map(|partition| FetchedOffset {
        partition,
        error,
        offset: -1,
        leader_epoch: -1,
        metadata: nothing.clone(),
    });
    AnsweredTopic {
        name: topic.name.to_string(),
        id: topic.id,
        partitions: partitions.collect(),
    }
}

fn response(mut groups: Vec<Answered>, version: i16) -> OffsetFetchResponse {
    if version >= GROUPS_FROM {
        return OffsetFetchResponse {
            groups: groups.into_iter().map(of_group).collect(),
            ..Default::default()
        };
    }
    let only = groups.pop().expect("before version 8 there is one group");
    OffsetFetchResponse {
        topics: only.topics.into_iter().map(of_topic_alone).collect(),
        error_code: only.error.code(),
        ..Default::default()
    }
}

fn of_group(group: Answered) -> OffsetFetchResponseGroup {
    OffsetFetchResponseGroup {
        group_id: group.group,
        topics: group.topics.into_iter().map(of_topic).collect(),
        error_code: group.error.code(),
    }
}

fn of_topic(topic: AnsweredTopic) -> OffsetFetchResponseTopics {
    let of_partition = |fetched: FetchedOffset| OffsetFetchResponsePartitions {
        partition_index: fetched.partition,
        committed_offset: fetched.offset,
        committed_leader_epoch: fetched.leader_epoch,
        metadata: Some(fetched.metadata.to_string()),
        error_code: fetched.error.code(),
    };
    OffsetFetchResponseTopics {
        name: topic.name,
        topic_id: topic.id,
        partitions: topic.partitions.into_iter().map(of_partition).collect(),
    }
}

fn of_topic_alone(topic: AnsweredTopic) -> OffsetFetchResponseTopic {
    let of_partition = |fetched: FetchedOffset| OffsetFetchResponsePartition {
        partition_index: fetched.partition,
        committed_offset: fetched.offset,
        committed_leader_epoch: fetched.leader_epoch,
        metadata: Some(fetched.metadata.to_string()),
        error_code: fetched.error.code(),
    };
    OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(of_partition).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::offset_fetch::OffsetFetchRequestTopic;

    fn with_view<T>(version: i16, act: impl FnOnce(&View<'_>) -> T) -> T {
        let image = MetadataImage::default();
        act(&View {
            image: &image,
            version,
            may: &|topic| topic != "secret",
        })
    }

    fn asking(topics: &[(&str, &[i32])]) -> OffsetFetchRequestGroup {
        let topic = |(name, indexes): &(&str, &[i32])| OffsetFetchRequestTopics {
            name: (*name).to_owned(),
            partition_indexes: indexes.to_vec(),
            ..Default::default()
        };
        OffsetFetchRequestGroup {
            group_id: "g".to_owned(),
            topics: Some(topics.iter().map(topic).collect()),
            ..Default::default()
        }
    }

    fn fetched(topic: &str, offsets: &[(i32, i64)]) -> FetchedTopic {
        let offset = |(partition, offset): &(i32, i64)| FetchedOffset {
            partition: *partition,
            error: ErrorCode::None,
            offset: *offset,
            leader_epoch: 0,
            metadata: "".into(),
        };
        FetchedTopic {
            topic: topic.into(),
            partitions: offsets.iter().map(offset).collect(),
        }
    }

    /// Topic, partition, offset and error of each answer.
    fn told(answered: &Answered) -> Vec<(&str, i32, i64, i16)> {
        let of_topic = |topic: &'_ AnsweredTopic| {
            let of_partition = |one: &FetchedOffset| (one.partition, one.offset, one.error.code());
            topic
                .partitions
                .iter()
                .map(of_partition)
                .collect::<Vec<_>>()
        };
        let topics = answered.topics.iter();
        topics
            .flat_map(|topic| {
                let of_topic = of_topic(topic).into_iter();
                of_topic.map(|(index, offset, code)| (topic.name.as_str(), index, offset, code))
            })
            .collect()
    }

    #[test]
    fn what_is_not_asked_for_keeps_its_place_in_the_answer() {
        with_view(8, |view| {
            let plan = view.plan(asking(&[("a", &[0]), ("secret", &[1]), ("b", &[2])]));
            let asked = plan.call(false).topics.unwrap();
            let expected: [(Arc<str>, Vec<i32>); 2] =
                [("a".into(), vec![0]), ("b".into(), vec![2])];
            assert_eq!(asked, expected);
            let said = vec![fetched("a", &[(0, 5)]), fetched("b", &[(2, 6)])];
            let answered = view.answer(plan, Ok(Answer::Fetch(Ok(said))));
            let expected = [("a", 0, 5, 0), ("secret", 1, -1, 29), ("b", 2, 6, 0)];
            assert_eq!(told(&answered), expected);
        });
    }

    #[test]
    fn a_partition_named_twice_is_asked_for_once() {
        with_view(8, |view| {
            let plan = view.plan(asking(&[("a", &[0, 1, 0]), ("b", &[0]), ("a", &[1, 2])]));
            let asked = plan.call(true).topics.unwrap();
            let expected: [(Arc<str>, Vec<i32>); 3] = [
                ("a".into(), vec![0, 1]),
                ("b".into(), vec![0]),
                ("a".into(), vec![2]),
            ];
            assert_eq!(asked, expected);
        });
    }

    #[test]
    fn a_topic_id_that_nobody_has_is_told_so() {
        with_view(10, |view| {
            let plan = view.plan(asking(&[("", &[3])]));
            assert_eq!(plan.call(false).topics, Some(Vec::new()));
            let answered = view.answer(plan, Ok(Answer::Fetch(Ok(Vec::new()))));
            assert_eq!(told(&answered), [("", 3, -1, 100)]);
        });
    }

    #[test]
    fn all_topics_are_those_that_the_caller_may_know_of() {
        let all = |view: &View<'_>| {
            let plan = view.plan(OffsetFetchRequestGroup {
                topics: None,
                ..Default::default()
            });
            let said = vec![fetched("a", &[(0, 5)]), fetched("secret", &[(0, 6)])];
            let answered = view.answer(plan, Ok(Answer::Fetch(Ok(said))));
            answered
                .topics
                .into_iter()
                .map(|topic| topic.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(with_view(9, all), ["a"]);
        assert!(with_view(10, all).is_empty(), "it is not there any more");
    }

    #[test]
    fn in_version_1_a_groups_error_stands_beside_each_partition() {
        let refused = |version| {
            with_view(version, |view| {
                let plan = view.plan(asking(&[("a", &[0, 1])]));
                let answered = view.answer(plan, Err(ErrorCode::NotCoordinator));
                response(vec![answered], version)
            })
        };
        let codes = |response: &OffsetFetchResponse| {
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            partitions
                .map(|partition| partition.error_code)
                .collect::<Vec<_>>()
        };
        assert_eq!(codes(&refused(1)), [16, 16]);
        let newer = refused(2);
        assert_eq!((codes(&newer), newer.error_code), (vec![], 16));
        assert_eq!(refused(8).groups[0].error_code, 16);
    }

    #[test]
    fn old_versions_ask_for_one_group_and_new_ones_for_each_once() {
        let old = OffsetFetchRequest {
            group_id: "g".to_owned(),
            topics: Some(vec![OffsetFetchRequestTopic {
                name: "a".to_owned(),
                partition_indexes: vec![1],
            }]),
            ..Default::default()
        };
        assert_eq!(groups(old, 7), [asking(&[("a", &[1])])]);
        let new = OffsetFetchRequest {
            groups: vec![asking(&[("a", &[1])]), asking(&[("b", &[1])])],
            ..Default::default()
        };
        assert_eq!(groups(new, 8), [asking(&[("a", &[1])])]);
    }
}
