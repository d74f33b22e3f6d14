//! A question about many partitions, put to the cores that own them.

use std::future::Future;

use crate::broker::codes;
use crate::metadata::MetadataImage;
use crate::model::{CoreId, PartitionId};
use crate::partition::PartitionError;
use crate::protocol::error_code::ErrorCode;
use crate::runtime::sync::join_all;
use crate::shard::CoreGone;

/// The partition that a client names, if it exists.
pub(super) fn find_partition(
    image: &MetadataImage,
    topic: &str,
    index: i32,
) -> Result<PartitionId, ErrorCode> {
    let topic = image
        .topic(topic)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    topic
        .partition(index)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    Ok(PartitionId {
        topic_id: topic.id,
        index,
    })
}

/// Asks each owner core once, all of them at the same time. What was refused before it could be
/// asked stays refused. The answers are in the order of the questions.
pub(super) async fn ask_owners<Q, A, F>(
    questions: Vec<Result<Q, ErrorCode>>,
    owner: impl Fn(&Q) -> CoreId,
    ask: impl Fn(CoreId, Vec<Q>) -> F,
) -> Result<Vec<Result<A, ErrorCode>>, CoreGone>
where
    F: Future<Output = Result<Vec<Result<A, PartitionError>>, CoreGone>>,
{
    let mut answers: Vec<Option<Result<A, ErrorCode>>> = Vec::with_capacity(questions.len());
    let mut groups: Vec<Group<Q>> = Vec::new();
    for (place, question) in questions.into_iter().enumerate() {
        answers.push(None);
        match question {
            Ok(question) => put(&mut groups, owner(&question), place, question),
            Err(code) => answers[place] = Some(Err(code)),
        }
    }
    let (places, pending): (Vec<_>, Vec<_>) = groups
        .into_iter()
        .map(|group| (group.places, ask(group.core, group.questions)))
        .unzip();
    for (places, of_core) in places.into_iter().zip(join_all(pending).await) {
        for (place, answer) in places.into_iter().zip(of_core?) {
            answers[place] = Some(answer.map_err(codes::of_partition));
        }
    }
    Ok(answers
        .into_iter()
        .map(|answer| answer.expect("a core answers all it is asked"))
        .collect())
}

/// What one core is asked, and where its answers belong.
struct Group<Q> {
    core: CoreId,
    places: Vec<usize>,
    questions: Vec<Q>,
}

fn put<Q>(groups: &mut Vec<Group<Q>>, core: CoreId, place: usize, question: Q) {
    match groups.iter_mut().find(|group| group.core == core) {
        Some(group) => {
            group.places.push(place);
            group.questions.push(question);
        }
        None => groups.push(Group {
            core,
            places: vec![place],
            questions: vec![question],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{CoreOptions, block_on_one_core};

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        let questions = vec![Ok(5), Err(ErrorCode::InvalidRequest), Ok(4), Ok(7), Ok(-1)];
        let answers = block_on_one_core(CoreOptions::default(), |_| async move {
            let owner = |question: &i32| question.rem_euclid(2) as CoreId;
            let tenfold = |question: i32| match question {
                ..0 => Err(PartitionError::Unknown),
                _ => Ok(question * 10),
            };
            ask_owners(questions, owner, |core, questions| async move {
                assert!(questions.iter().all(|question| owner(question) == core));
                Ok(questions.into_iter().map(tenfold).collect())
            })
            .await
        });
        let expected = vec![
            Ok(50),
            Err(ErrorCode::InvalidRequest),
            Ok(40),
            Ok(70),
            Err(ErrorCode::UnknownTopicOrPartition),
        ];
        assert_eq!(answers, Ok(expected));
    }
}
