//! CreateTopics.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::assignment::invalid_assignment;
use super::error::{ApiError, code_and_message, too_many_records};
use super::{Controller, Outcome, TopicOperation};
use crate::config::{ConfigMap, TOPIC_SETTINGS, TopicSetting};
use crate::metadata::batches::RECORDS_PER_OPERATION_MAX;
use crate::metadata::image::{PartitionImage, ResourceType};
use crate::metadata::topic_name::{CLUSTER_METADATA, can_collide, check_topic_name, collision_key};
use crate::model::{PartitionId, Uuid};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use crate::protocol::message::metadata_record::MetadataRecord;
use crate::protocol::message::metadata_record::config::ConfigRecord;
use crate::protocol::message::metadata_record::topic::TopicRecord;

impl Controller<'_> {
    /// CreateTopics, all versions. `random` gives 128 random bits for each topic's id.
    pub fn create_topics(
        &self,
        request: &CreateTopicsRequest,
        random: &mut dyn FnMut() -> u128,
    ) -> Outcome<CreateTopicsResponse> {
        let mut creation = Creation::new(self, request);
        let results: Result<Vec<_>, _> = match creation.check_partition_total(request) {
            Ok(()) => request
                .topics
                .iter()
                .map(|topic| creation.answer(topic, random))
                .collect(),
            Err(error) => Err(error),
        };
        let topics = match results {
            Ok(topics) => topics,
            Err(error) => return all_refused(request, &error),
        };
        let records = if request.validate_only {
            Vec::new()
        } else {
            creation.records
        };
        Outcome {
            records,
            response: CreateTopicsResponse {
                throttle_time_ms: 0,
                topics,
            },
        }
    }
}

/// One request under way.
struct Creation<'a> {
    controller: &'a Controller<'a>,
    records: Vec<MetadataRecord>,
    /// Names that the request has more than once.
    repeated: BTreeSet<&'a str>,
    /// Existing topics by what they collide with.
    collisions: HashMap<String, String>,
    /// Ids given within this request.
    ids: BTreeSet<Uuid>,
}

impl<'a> Creation<'a> {
    fn new(controller: &'a Controller<'a>, request: &'a CreateTopicsRequest) -> Self {
        let mut seen = BTreeSet::new();
        let names = request.topics.iter().map(|topic| topic.name.as_str());
        let repeated = names.filter(|name| !seen.insert(*name)).collect();
        let collisions = collisions(controller, request);
        Self {
            controller,
            records: Vec::new(),
            repeated,
            collisions,
            ids: BTreeSet::new(),
        }
    }

    fn check_partition_total(&self, request: &CreateTopicsRequest) -> Result<(), ApiError> {
        let default = self.controller.config.topics.partitions_default;
        let partitions = |topic: &CreatableTopic| match topic.assignments.len() {
            0 if topic.num_partitions == -1 => i64::from(default),
            0 => i64::from(topic.num_partitions.max(0)),
            assigned => assigned as i64,
        };
        let total: i64 = request.topics.iter().map(partitions).sum();
        if total <= RECORDS_PER_OPERATION_MAX as i64 {
            return Ok(());
        }
        let message = "Excessively large number of partitions per request.";
        Err(ApiError::new(ErrorCode::PolicyViolation, message))
    }

    /// The topic's part of the response; an error is one of the whole request.
    fn answer(
        &mut self,
        topic: &CreatableTopic,
        random: &mut dyn FnMut() -> u128,
    ) -> Result<CreatableTopicResult, ApiError> {
        let checked = self.check_name(topic).and_then(|()| {
            let configs = self.check_configs(topic)?;
            Ok((self.partitions(topic)?, configs))
        });
        let (partitions, configs) = match checked {
            Ok(checked) => checked,
            Err(error) => return Ok(refused(&topic.name, &error)),
        };
        let topic_id = self.new_id(random);
        let result = self.created(topic, topic_id, &partitions, &configs);
        self.write(topic, topic_id, partitions, configs)?;
        Ok(result)
    }

    fn check_name(&self, topic: &CreatableTopic) -> Result<(), ApiError> {
        let name = topic.name.as_str();
        if self.repeated.contains(name) {
            return Err(ApiError::invalid_request("Duplicate topic name."));
        }
        if name == CLUSTER_METADATA {
            return Err(ApiError::invalid_request(format!(
                "Creation of internal topic {CLUSTER_METADATA} is prohibited."
            )));
        }
        if !self.controller.access.may(TopicOperation::Create, name) {
            let code = ErrorCode::TopicAuthorizationFailed;
            return Err(ApiError::new(code, "Authorization failed."));
        }
        if self.controller.image.topic(name).is_some() {
            let message = format!("Topic '{name}' already exists.");
            return Err(ApiError::new(ErrorCode::TopicAlreadyExists, message));
        }
        let invalid = |message| ApiError::new(ErrorCode::InvalidTopicException, message);
        check_topic_name(name).map_err(invalid)?;
        match self
            .collisions
            .get(&collision_key(name))
            .filter(|_| can_collide(name))
        {
            Some(existing) => Err(invalid(format!(
                "Topic '{name}' collides with existing topic: {existing}"
            ))),
            None => Ok(()),
        }
    }

    fn check_configs(&self, topic: &CreatableTopic) -> Result<ConfigMap, ApiError> {
        let nulls = topic.configs.iter().filter(|config| config.value.is_none());
        let nulls: Vec<_> = nulls.map(|config| config.name.as_str()).collect();
        if !nulls.is_empty() {
            let names = nulls.join(",");
            let message = format!("Null value not supported for topic configs: {names}");
            return Err(ApiError::new(ErrorCode::InvalidConfig, message));
        }
        let pairs = topic.configs.iter();
        let configs: ConfigMap = pairs
            .filter_map(|config| Some((config.name.clone(), config.value.clone()?)))
            .collect();
        let layers = self.controller.topic_layers(&configs);
        crate::config::validate_topic_overrides(&layers)
            .map_err(|error| ApiError::invalid_config(&error))?;
        Ok(configs)
    }

    fn partitions(&self, topic: &CreatableTopic) -> Result<Vec<PartitionImage>, ApiError> {
        if !topic.assignments.is_empty() {
            return self.assigned_partitions(topic);
        }
        let defaults = &self.controller.config.topics;
        let factor = match topic.replication_factor {
            -1 => defaults.replication_factor_default,
            factor if factor > 0 => factor,
            _ => {
                let code = ErrorCode::InvalidReplicationFactor;
                let message =
                    "Replication factor must be larger than 0, or -1 to use the default value.";
                return Err(ApiError::new(code, message));
            }
        };
        let count = match topic.num_partitions {
            -1 => defaults.partitions_default,
            count if count > 0 => count,
            _ => {
                let message = "Number of partitions was set to an invalid non-positive value.";
                return Err(ApiError::new(ErrorCode::InvalidPartitions, message));
            }
        };
        self.controller.place(0, count, factor)
    }

    fn assigned_partitions(&self, topic: &CreatableTopic) -> Result<Vec<PartitionImage>, ApiError> {
        const PREFIX: &str = "A manual partition assignment was specified, but";
        if topic.replication_factor != -1 {
            let message = format!("{PREFIX} replication factor was not set to -1.");
            return Err(ApiError::invalid_request(message));
        }
        if topic.num_partitions != -1 {
            let message = format!("{PREFIX} numPartitions was not set to -1.");
            return Err(ApiError::invalid_request(message));
        }
        let mut partitions = BTreeMap::new();
        let mut replicas = None;
        for assignment in &topic.assignments {
            let index = assignment.partition_index;
            if partitions.contains_key(&index) {
                return Err(invalid_assignment(format!(
                    "Found multiple manual partition assignments for partition {index}"
                )));
            }
            let ids = &assignment.broker_ids;
            partitions.insert(index, self.controller.place_manually(index, ids, replicas)?);
            replicas = Some(ids.len());
        }
        let consecutive = partitions
            .keys()
            .zip(0..)
            .all(|(index, expected)| *index == expected);
        if !consecutive {
            let message = "partitions should be a consecutive 0-based integer sequence";
            return Err(invalid_assignment(message.to_owned()));
        }
        Ok(partitions.into_values().collect())
    }

    fn new_id(&mut self, random: &mut dyn FnMut() -> u128) -> Uuid {
        loop {
            let id = Uuid::from_random(random());
            let is_free = self.controller.image.topic_by_id(id).is_none();
            if !id.is_reserved_or_dashed() && is_free && self.ids.insert(id) {
                return id;
            }
        }
    }

    fn write(
        &mut self,
        topic: &CreatableTopic,
        topic_id: Uuid,
        partitions: Vec<PartitionImage>,
        configs: ConfigMap,
    ) -> Result<(), ApiError> {
        let name = topic.name.clone();
        self.records.push(
            TopicRecord {
                name: name.clone(),
                topic_id,
            }
            .into(),
        );
        let config_record = |(config, value): (String, String)| ConfigRecord {
            resource_type: ResourceType::Topic.number(),
            resource_name: name.clone(),
            name: config,
            value: Some(value),
        };
        self.records
            .extend(configs.into_iter().map(|pair| config_record(pair).into()));
        let indexed = (0..).zip(partitions);
        self.records.extend(
            indexed.map(|(index, partition)| {
                partition.to_record(PartitionId { topic_id, index }).into()
            }),
        );
        if self.records.len() > RECORDS_PER_OPERATION_MAX {
            return Err(too_many_records());
        }
        if can_collide(&topic.name) {
            self.collisions
                .insert(collision_key(&topic.name), topic.name.clone());
        }
        Ok(())
    }

    fn created(
        &self,
        topic: &CreatableTopic,
        topic_id: Uuid,
        partitions: &[PartitionImage],
        configs: &ConfigMap,
    ) -> CreatableTopicResult {
        let name = topic.name.clone();
        let result = CreatableTopicResult {
            name,
            topic_id,
            ..CreatableTopicResult::default()
        };
        if !self
            .controller
            .access
            .may(TopicOperation::DescribeConfigs, &topic.name)
        {
            let topic_config_error_code = ErrorCode::TopicAuthorizationFailed.code();
            return CreatableTopicResult {
                topic_config_error_code,
                ..result
            };
        }
        let replicas = partitions
            .first()
            .map_or(0, |partition| partition.replicas.len());
        CreatableTopicResult {
            num_partitions: partitions.len() as i32,
            replication_factor: replicas as i16,
            configs: Some(self.all_configs(configs)),
            ..result
        }
    }

    fn all_configs(&self, configs: &ConfigMap) -> Vec<CreatableTopicConfigs> {
        let layers = self.controller.topic_layers(configs);
        let entry = |setting: &TopicSetting| {
            let effective = layers.effective(setting);
            CreatableTopicConfigs {
                name: setting.name.to_owned(),
                value: Some(effective.value),
                read_only: false,
                config_source: effective.source as i8,
                is_sensitive: false,
            }
        };
        TOPIC_SETTINGS.iter().map(entry).collect()
    }
}

/// What new names could collide with; looked for only if one of them can collide at all.
fn collisions(
    controller: &Controller<'_>,
    request: &CreateTopicsRequest,
) -> HashMap<String, String> {
    if !request.topics.iter().any(|topic| can_collide(&topic.name)) {
        return HashMap::new();
    }
    let existing = controller
        .image
        .topics
        .iter()
        .map(|topic| topic.name.as_ref());
    let colliding = existing.filter(|name| can_collide(name));
    colliding
        .map(|name| (collision_key(name), name.to_owned()))
        .collect()
}

fn refused(name: &str, error: &ApiError) -> CreatableTopicResult {
    let (error_code, error_message) = code_and_message(&Err(error.clone()));
    let name = name.to_owned();
    CreatableTopicResult {
        name,
        error_code,
        error_message,
        ..CreatableTopicResult::default()
    }
}

fn all_refused(request: &CreateTopicsRequest, error: &ApiError) -> Outcome<CreateTopicsResponse> {
    let topics = request
        .topics
        .iter()
        .map(|topic| refused(&topic.name, error))
        .collect();
    let response = CreateTopicsResponse {
        throttle_time_ms: 0,
        topics,
    };
    Outcome {
        records: Vec::new(),
        response,
    }
}
