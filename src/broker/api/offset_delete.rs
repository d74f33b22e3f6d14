//! OffsetDelete (key 47), v0
//!
//! Behaviour: offsets of topics that nobody in the group reads are forgotten (KIP-496). The
//!            coordinator is asked even if no partition is left to ask for, so that a group that
//!            is not there is told of. With an error of the whole no partition is named.
//! Versions:  v0
//! Not done:  –

use std::sync::Arc;

use super::by_core::find_partition;
use super::by_group::{check_group, expect_answer, not_empty};
use crate::broker::authorization::{Operation, Resource};
use crate::broker::context::{Context, Request};
use crate::broker::dispatch::CloseConnection;
use crate::coordinator::group::answer::Answer;
use crate::coordinator::group::coordinator::Call;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestTopic, OffsetDeleteResponse,
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use crate::shard::Said;

/// Forgets offsets.
pub(in crate::broker) async fn handle(
    cx: &Context,
    request: &Request,
    message: OffsetDeleteRequest,
) -> Result<OffsetDeleteResponse, CloseConnection> {
    let group = check_group(cx, request, Operation::Delete, &message.group_id)
        .and_then(|()| not_empty(&message.group_id));
    let places = places(cx, request, &message.topics);
    let said = match group {
        Err(code) => Err(code),
        Ok(group) => {
            let places = places.iter().flatten().cloned().collect();
            cx.shards
                .group(Call::DeleteOffsets { group, places })
                .await?
        }
    };
    Ok(response(message.topics, places, said))
}

fn places(
    cx: &Context,
    request: &Request,
    topics: &[OffsetDeleteRequestTopic],
) -> Vec<Result<(Arc<str>, i32), ErrorCode>> {
    let image = cx.image();
    let mut places = Vec::new();
    for topic in topics {
        let may = cx.may(request, Operation::Read, Resource::Topic(&topic.name));
        let name: Arc<str> = topic.name.as_str().into();
        places.extend(topic.partitions.iter().map(|partition| {
            if !may {
                return Err(ErrorCode::TopicAuthorizationFailed);
            }
            let index = partition.partition_index;
            find_partition(&image, &topic.name, index)?;
            Ok((name.clone(), index))
        }));
    }
    places
}

fn response(
    topics: Vec<OffsetDeleteRequestTopic>,
    places: Vec<Result<(Arc<str>, i32), ErrorCode>>,
    said: Said,
) -> OffsetDeleteResponse {
    let (error, codes) = match said {
        Ok(answer) => expect_answer!(answer, Answer::DeleteOffsets(error, codes) => (error, codes)),
        Err(error) => (error, Vec::new()),
    };
    if error != ErrorCode::None {
        return OffsetDeleteResponse {
            error_code: error.code(),
            ..Default::default()
        };
    }
    let mut codes = codes.into_iter();
    let mut told = places.into_iter().map(|place| match place {
        Ok(_) => codes.next().expect("a code for each offset"),
        Err(code) => code,
    });
    let mut answer = |topic: OffsetDeleteRequestTopic| OffsetDeleteResponseTopic {
        name: topic.name,
        partitions: topic
            .partitions
            .iter()
            .map(|partition| OffsetDeleteResponsePartition {
                partition_index: partition.partition_index,
                error_code: told.next().expect("a code for each partition").code(),
            })
            .collect(),
    };
    OffsetDeleteResponse {
        topics: topics.into_iter().map(&mut answer).collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::offset_delete::OffsetDeleteRequestPartition;

    fn topic(name: &str, indexes: &[i32]) -> OffsetDeleteRequestTopic {
        let partition = |index: &i32| OffsetDeleteRequestPartition {
            partition_index: *index,
        };
        OffsetDeleteRequestTopic {
            name: name.to_owned(),
            partitions: indexes.iter().map(partition).collect(),
        }
    }

    #[test]
    fn answers_are_merged_in_the_order_of_the_request() {
        let unknown = Err(ErrorCode::UnknownTopicOrPartition);
        let places = vec![
            Ok(("a".into(), 0)),
            unknown.clone(),
            unknown,
            Ok(("c".into(), 1)),
        ];
        let topics = vec![topic("a", &[0, 7]), topic("b", &[0]), topic("c", &[1])];
        let codes = vec![ErrorCode::None, ErrorCode::GroupSubscribedToTopic];
        let said = Ok(Answer::DeleteOffsets(ErrorCode::None, codes));
        let response = response(topics, places, said);
        let told: Vec<_> = response
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .map(|partition| partition.error_code)
            .collect();
        assert_eq!((response.error_code, told), (0, vec![0, 3, 3, 86]));
    }

    #[test]
    fn an_error_of_the_whole_stands_alone() {
        let said = Ok(Answer::DeleteOffsets(
            ErrorCode::GroupIdNotFound,
            Vec::new(),
        ));
        let response = response(vec![topic("a", &[0])], vec![Ok(("a".into(), 0))], said);
        assert_eq!((response.error_code, response.topics.len()), (69, 0));
    }
}
