//! CreatePartitions: more partitions for existing topics.

use std::collections::BTreeSet;

use super::assignment::invalid_assignment;
use super::error::{ApiError, code_and_message, too_many_records};
use super::{Controller, Outcome, TopicOperation};
use crate::metadata::CONSUMER_OFFSETS;
use crate::metadata::batches::RECORDS_PER_OPERATION_MAX;
use crate::metadata::image::{PartitionImage, TopicImage};
use crate::model::PartitionId;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::create_partitions::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsResponse,
    CreatePartitionsTopic, CreatePartitionsTopicResult,
};
use crate::protocol::message::metadata_record::MetadataRecord;

impl Controller<'_> {
    /// CreatePartitions, all versions.
    pub fn create_partitions(
        &self,
        request: &CreatePartitionsRequest,
    ) -> Outcome<CreatePartitionsResponse> {
        let mut seen = BTreeSet::new();
        let names = request.topics.iter().map(|topic| topic.name.as_str());
        let repeated: BTreeSet<_> = names.filter(|name| !seen.insert(*name)).collect();
        let (mut records, mut results) = (Vec::new(), Vec::new());
        for topic in &request.topics {
            let added = if repeated.contains(topic.name.as_str()) {
                Err(ApiError::invalid_request("Duplicate topic name."))
            } else {
                self.add_partitions(topic)
            };
            let result = added.map(|added| records.extend(added));
            results.push(answer(&topic.name, &result));
            if records.len() > RECORDS_PER_OPERATION_MAX {
                break;
            }
        }
        if records.len() > RECORDS_PER_OPERATION_MAX {
            records.clear();
            let refused = Err(too_many_records());
            results = request
                .topics
                .iter()
                .map(|topic| answer(&topic.name, &refused))
                .collect();
        }
        if request.validate_only {
            records.clear();
        }
        let response = CreatePartitionsResponse {
            throttle_time_ms: 0,
            results,
        };
        Outcome { records, response }
    }

    fn add_partitions(
        &self,
        topic: &CreatePartitionsTopic,
    ) -> Result<Vec<MetadataRecord>, ApiError> {
        if !self.access.may(TopicOperation::Alter, &topic.name) {
            return Err(ApiError::bare(ErrorCode::TopicAuthorizationFailed));
        }
        let existing = self.image.topic(&topic.name);
        let existing =
            existing.ok_or_else(|| ApiError::bare(ErrorCode::UnknownTopicOrPartition))?;
        let before = existing.partitions.len() as i32;
        check_count(topic, before)?;
        check_is_not_of_groups(topic, before)?;
        let partitions = self.placed(topic, existing, before)?;
        let topic_id = existing.id;
        let record = |(index, partition): (i32, PartitionImage)| {
            partition.to_record(PartitionId { topic_id, index }).into()
        };
        Ok((before..).zip(partitions).map(record).collect())
    }

    fn placed(
        &self,
        topic: &CreatePartitionsTopic,
        existing: &TopicImage,
        before: i32,
    ) -> Result<Vec<PartitionImage>, ApiError> {
        let additional = topic.count - before;
        if additional as usize > RECORDS_PER_OPERATION_MAX {
            return Err(too_many_records());
        }
        let replicas = existing
            .partitions
            .values()
            .next()
            .map_or(1, |first| first.replicas.len());
        let Some(assignments) = &topic.assignments else {
            return self.place(before, additional, replicas as i16);
        };
        if assignments.len() != additional as usize {
            return Err(invalid_assignment(format!(
                "Attempted to add {additional} additional partition(s), but only {} \
                 assignment(s) were specified.",
                assignments.len()
            )));
        }
        let indexed = (before..).zip(assignments);
        let place = |(index, assignment): (i32, &_)| {
            let CreatePartitionsAssignment { broker_ids } = assignment;
            self.place_manually(index, broker_ids, Some(replicas))
        };
        indexed.map(place).collect()
    }
}

fn check_count(topic: &CreatePartitionsTopic, before: i32) -> Result<(), ApiError> {
    let message = if topic.count == before {
        format!("Topic already has {before} partition(s).")
    } else if topic.count < before {
        format!(
            "The topic {} currently has {before} partition(s); {} would not be an increase.",
            topic.name, topic.count
        )
    } else {
        return Ok(());
    };
    Err(ApiError::new(ErrorCode::InvalidPartitions, message))
}

/// A group is found by its name's hash modulo the number of partitions: with another number most
/// would be looked for where their offsets are not. Kafka grants it, goes on with the old number until
/// it restarts, and then loses them.
fn check_is_not_of_groups(topic: &CreatePartitionsTopic, before: i32) -> Result<(), ApiError> {
    if topic.name != CONSUMER_OFFSETS {
        return Ok(());
    }
    Err(ApiError::invalid_request(format!(
        "{CONSUMER_OFFSETS} has {before} partitions for as long as it exists: groups are found by \
         that number, and would lose their offsets. Set offsets.topic.num.partitions before the \
         first group comes."
    )))
}

fn answer(name: &str, result: &Result<(), ApiError>) -> CreatePartitionsTopicResult {
    let (error_code, error_message) = code_and_message(result);
    CreatePartitionsTopicResult {
        name: name.to_owned(),
        error_code,
        error_message,
    }
}
