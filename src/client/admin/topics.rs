use super::Admin;
use crate::client::error::Refusal;
use crate::client::{ClientError, Target};
use crate::model::Uuid;
use crate::protocol::message::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
};
use crate::protocol::message::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use crate::protocol::message::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

/// A topic to create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; the broker's default if `None`.
    pub partitions: Option<i32>,
    /// How many copies; the broker's default if `None`.
    pub replication_factor: Option<i16>,
    /// Configs that shall differ from the broker's defaults.
    pub configs: Vec<(String, String)>,
}

/// What became of one topic.
#[derive(Debug)]
pub struct TopicOutcome<T> {
    /// Its name.
    pub name: String,
    /// What came of it.
    pub outcome: Result<T, ClientError>,
}

/// A topic as it was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id; zero from brokers that know none.
    pub id: Uuid,
    /// How many partitions it has; −1 if the broker does not tell.
    pub partitions: i32,
    /// How many copies of each; −1 if the broker does not tell.
    pub replication_factor: i16,
}

impl Admin {
    /// Creates topics, or with `validate_only` lets the broker check whether it would.
    pub fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<Vec<TopicOutcome<CreatedTopic>>, ClientError> {
        let request = CreateTopicsRequest {
            topics: topics.iter().map(creatable).collect(),
            timeout_ms: self.timeout_ms(),
            validate_only,
        };
        let response = self.cluster.ask(Target::Controller, &request)?;
        let response: CreateTopicsResponse = response.decode()?;
        let outcome = |topic: CreatableTopicResult| {
            let created = CreatedTopic {
                id: topic.topic_id,
                partitions: topic.num_partitions,
                replication_factor: topic.replication_factor,
            };
            let result = Refusal::check(topic.error_code, topic.error_message.as_deref());
            TopicOutcome::of("create", topic.name, result.map(|()| created))
        };
        Ok(response.topics.into_iter().map(outcome).collect())
    }

    /// Deletes topics with everything in them; the broker must speak version 6 (Kafka 2.8).
    pub fn delete_topics(&self, names: &[&str]) -> Result<Vec<TopicOutcome<()>>, ClientError> {
        let state = |name: &&str| DeleteTopicState {
            name: Some((*name).to_owned()),
            ..Default::default()
        };
        let request = DeleteTopicsRequest {
            topics: names.iter().map(state).collect(),
            timeout_ms: self.timeout_ms(),
            ..Default::default()
        };
        let response = self.cluster.ask(Target::Controller, &request)?;
        let response: DeleteTopicsResponse = response.decode()?;
        let outcome = |topic: DeletableTopicResult| {
            let result = Refusal::check(topic.error_code, topic.error_message.as_deref());
            TopicOutcome::of("delete", topic.name.unwrap_or_default(), result)
        };
        Ok(response.responses.into_iter().map(outcome).collect())
    }

    /// Gives a topic more partitions: `count` in all.
    pub fn create_partitions(&self, topic: &str, count: i32) -> Result<(), ClientError> {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: topic.to_owned(),
                count,
                assignments: None,
            }],
            timeout_ms: self.timeout_ms(),
            validate_only: false,
        };
        let response = self.cluster.ask(Target::Controller, &request)?;
        let response: CreatePartitionsResponse = response.decode()?;
        for result in response.results {
            Refusal::check(result.error_code, result.error_message.as_deref())
                .map_err(|refusal| refusal.of(format!("give topic {topic} {count} partitions")))?;
        }
        Ok(())
    }
}

impl<T> TopicOutcome<T> {
    fn of(verb: &str, name: String, result: Result<T, Refusal>) -> Self {
        let outcome = result.map_err(|refusal| refusal.of(format!("{verb} topic `{name}`")));
        Self { name, outcome }
    }
}

/// −1 asks for the broker's default (KIP-464).
fn creatable(topic: &NewTopic) -> CreatableTopic {
    let config = |(name, value): &(String, String)| CreatableTopicConfig {
        name: name.clone(),
        value: Some(value.clone()),
    };
    CreatableTopic {
        name: topic.name.clone(),
        num_partitions: topic.partitions.unwrap_or(-1),
        replication_factor: topic.replication_factor.unwrap_or(-1),
        configs: topic.configs.iter().map(config).collect(),
        ..Default::default()
    }
}
