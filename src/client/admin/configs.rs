use super::Admin;
use crate::client::error::Refusal;
use crate::client::{ClientError, Target};
use crate::model::NodeId;
use crate::protocol::message::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse,
};
use crate::protocol::message::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

/// What has configs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigResource {
    /// A topic by name.
    Topic(String),
    /// One broker.
    Broker(NodeId),
    /// The defaults of all brokers.
    ClusterDefault,
    /// A group by its id; it need not exist.
    Group(String),
}

/// One config and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; `None` for secrets.
    pub value: Option<String>,
    /// Whether it was set on this very topic, broker or group.
    pub is_own: bool,
    /// Whether it can be changed while the broker runs.
    pub is_read_only: bool,
}

/// A change of one config (KIP-339).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// Give it this value.
    Set(String, String),
    /// Let the default hold again.
    Unset(String),
}

/// Sources of a config that mean "set on this very resource".
const SOURCE_TOPIC: i8 = 1;
const SOURCE_BROKER: i8 = 2;
const SOURCE_GROUP: i8 = 8;

impl Admin {
    /// All configs of a resource, by name.
    pub fn describe_configs(&self, of: &ConfigResource) -> Result<Vec<ConfigEntry>, ClientError> {
        let (resource_type, resource_name) = of.on_the_wire();
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type,
                resource_name,
                configuration_keys: None,
            }],
            ..Default::default()
        };
        let response = self.cluster.ask(of.target(), &request)?;
        let response: DescribeConfigsResponse = response.decode()?;
        let mut entries = Vec::new();
        for result in response.results {
            Refusal::check(result.error_code, result.error_message.as_deref())
                .map_err(|refusal| refusal.of(format!("describe the configs of {of}")))?;
            entries.extend(result.configs.into_iter().map(entry));
        }
        entries.sort_by(|a: &ConfigEntry, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Changes some configs of a resource, all or none.
    pub fn alter_configs(
        &self,
        of: &ConfigResource,
        changes: &[ConfigChange],
    ) -> Result<(), ClientError> {
        let (resource_type, resource_name) = of.on_the_wire();
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type,
                resource_name,
                configs: changes.iter().map(alterable).collect(),
            }],
            validate_only: false,
        };
        let response = self.cluster.ask(of.target(), &request)?;
        let response: IncrementalAlterConfigsResponse = response.decode()?;
        for result in response.responses {
            Refusal::check(result.error_code, result.error_message.as_deref())
                .map_err(|refusal| refusal.of(format!("change the configs of {of}")))?;
        }
        Ok(())
    }
}

impl ConfigResource {
    fn on_the_wire(&self) -> (i8, String) {
        const TOPIC: i8 = 2;
        const BROKER: i8 = 4;
        const GROUP: i8 = 32;
        match self {
            Self::Topic(name) => (TOPIC, name.clone()),
            Self::Broker(node) => (BROKER, node.to_string()),
            Self::ClusterDefault => (BROKER, String::new()),
            Self::Group(name) => (GROUP, name.clone()),
        }
    }

    /// A broker knows its own settings only.
    fn target(&self) -> Target {
        match self {
            Self::Broker(node) => Target::Node(*node),
            _ => Target::Controller,
        }
    }
}

impl std::fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic `{name}`"),
            Self::Broker(node) => write!(f, "broker {node}"),
            Self::ClusterDefault => f.write_str("all brokers"),
            Self::Group(name) => write!(f, "group `{name}`"),
        }
    }
}

fn entry(config: DescribeConfigsResourceResult) -> ConfigEntry {
    ConfigEntry {
        name: config.name,
        value: config.value.filter(|_| !config.is_sensitive),
        is_own: [SOURCE_TOPIC, SOURCE_BROKER, SOURCE_GROUP].contains(&config.config_source),
        is_read_only: config.read_only,
    }
}

fn alterable(change: &ConfigChange) -> AlterableConfig {
    const SET: i8 = 0;
    const DELETE: i8 = 1;
    let (name, config_operation, value) = match change {
        ConfigChange::Set(name, value) => (name, SET, Some(value.clone())),
        ConfigChange::Unset(name) => (name, DELETE, None),
    };
    AlterableConfig {
        name: name.clone(),
        config_operation,
        value,
    }
}
