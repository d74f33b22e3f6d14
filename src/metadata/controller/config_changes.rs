//! What both ways of changing configurations share: which resources may be changed, and whether
//! the outcome makes sense.

use super::error::ApiError;
use super::{Controller, TopicOperation};
use crate::config::{
    BrokerLayers, ConfigMap, Kind, find, find_group_setting, find_topic_setting,
    validate_broker_overrides, validate_group_overrides, validate_topic_overrides,
};
use crate::metadata::image::{ConfigResource, ResourceType};
use crate::metadata::topic_name::check_topic_name;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::metadata_record::MetadataRecord;
use crate::protocol::message::metadata_record::config::ConfigRecord;

impl Controller<'_> {
    /// Refuses a resource that cannot be changed here, or not by the one who asks.
    pub(super) fn check_changeable(&self, resource: &ConfigResource) -> Result<(), ApiError> {
        let name = resource.name.as_str();
        match resource.kind {
            ResourceType::Topic if !self.access.may(TopicOperation::AlterConfigs, name) => {
                Err(ApiError::bare(ErrorCode::TopicAuthorizationFailed))
            }
            ResourceType::Topic => check_topic_resource(name),
            ResourceType::Broker if !self.access.may_configure_cluster(true) => {
                Err(ApiError::bare(ErrorCode::ClusterAuthorizationFailed))
            }
            ResourceType::Broker => self.check_broker_resource(name),
            ResourceType::Group if !self.access.may_configure_group(name, true) => {
                Err(ApiError::bare(ErrorCode::GroupAuthorizationFailed))
            }
            ResourceType::Group if name.is_empty() => Err(ApiError::invalid_request(
                "Default group resources are not allowed.",
            )),
            ResourceType::Group => Ok(()),
            other => Err(unknown_type(other)),
        }
    }

    /// Refuses what a resource would have set after a change.
    pub(super) fn check_outcome(
        &self,
        resource: &ConfigResource,
        before: &ConfigMap,
        configs: &ConfigMap,
    ) -> Result<(), ApiError> {
        match resource.kind {
            ResourceType::Broker => self.check_broker_outcome(&resource.name, before, configs),
            ResourceType::Group => validate_group_overrides(&self.group_layers(configs))
                .map_err(|error| ApiError::invalid_config(&error)),
            _ => self.check_topic_outcome(&resource.name, configs),
        }
    }

    fn check_topic_outcome(&self, name: &str, configs: &ConfigMap) -> Result<(), ApiError> {
        validate_topic_overrides(&self.topic_layers(configs))
            .map_err(|error| ApiError::invalid_config(&error))?;
        if self.image.topic(name).is_some() {
            return Ok(());
        }
        let message = format!("The topic '{name}' does not exist.");
        Err(ApiError::new(ErrorCode::UnknownTopicOrPartition, message))
    }

    /// What was there before and stays was allowed when it was set.
    fn check_broker_outcome(
        &self,
        name: &str,
        before: &ConfigMap,
        configs: &ConfigMap,
    ) -> Result<(), ApiError> {
        let is_new = |(name, text): &(&String, &String)| before.get(*name) != Some(*text);
        let owned = |(name, text): (&String, &String)| (name.clone(), text.clone());
        let new: ConfigMap = configs.iter().filter(is_new).map(owned).collect();
        validate_broker_overrides(&new, !name.is_empty())
            .map_err(|error| ApiError::invalid_request(error.to_string()))?;
        let BrokerLayers {
            broker, cluster, ..
        } = self.broker_layers();
        let together = if name.is_empty() {
            self.config.with_changes(broker, configs)
        } else {
            self.config.with_changes(configs, cluster)
        };
        together
            .map(drop)
            .map_err(|errors| ApiError::invalid_request(errors.to_string()))
    }

    /// The name is empty, for all brokers, or this broker's id.
    pub(super) fn check_broker_resource(&self, name: &str) -> Result<(), ApiError> {
        if name.is_empty() {
            return Ok(());
        }
        let id: i32 = name.parse().map_err(|_| {
            ApiError::invalid_request(format!("Node id must be an integer, but it is: {name}"))
        })?;
        let me = self.node_id();
        if id == me {
            return Ok(());
        }
        let message = format!("Unexpected broker id, expected {me}, but received {name}");
        Err(ApiError::invalid_request(message))
    }
}

/// Whether the setting is a list, which alone can be appended to.
pub(super) fn is_list(kind: ResourceType, name: &str) -> bool {
    let setting_kind = match kind {
        ResourceType::Topic => find_topic_setting(name).map(|setting| setting.kind),
        ResourceType::Group => find_group_setting(name).map(|setting| setting.kind),
        _ => find(name).map(|setting| setting.kind),
    };
    setting_kind == Some(Kind::List)
}

/// What a list is before anything was set.
pub(super) fn default_text(kind: ResourceType, name: &str) -> &'static str {
    match kind {
        ResourceType::Topic => find_topic_setting(name).map_or("", |setting| setting.default),
        ResourceType::Group => find_group_setting(name).map_or("", |setting| setting.default),
        _ => find(name)
            .and_then(|setting| setting.default)
            .unwrap_or_default(),
    }
}

/// The records that lead from `before` to `after`. For brokers also the values that stay, if
/// named in `touched`: Kafka's brokers reload files on them.
pub(super) fn change_records<'a>(
    resource: &ConfigResource,
    before: &ConfigMap,
    after: &ConfigMap,
    touched: impl Iterator<Item = &'a str>,
) -> Vec<MetadataRecord> {
    let is_broker = resource.kind == ResourceType::Broker;
    let changed = |name: &&str| before.get(*name) != after.get(*name);
    let record = |name: &str| ConfigRecord {
        resource_type: resource.kind.number(),
        resource_name: resource.name.clone(),
        name: name.to_owned(),
        value: after.get(name).cloned(),
    };
    let written = touched.filter(|name| is_broker || changed(name));
    written.map(|name| record(name).into()).collect()
}

pub(super) fn unknown_type(kind: ResourceType) -> ApiError {
    let message = match kind {
        ResourceType::Other(number) => format!("Unknown resource type {number}"),
        known => format!(
            "Configurations of type {} are not there yet",
            known.number()
        ),
    };
    ApiError::invalid_request(message)
}

pub(super) fn check_topic_resource(name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(ApiError::invalid_request(
            "Default topic resources are not allowed.",
        ));
    }
    let invalid = |message| ApiError::new(ErrorCode::InvalidTopicException, message);
    check_topic_name(name).map_err(invalid)
}
