//! DescribeConfigs: values, where they come from, and what else they could be.

use super::config_changes::{check_topic_resource, unknown_type};
use super::error::ApiError;
use super::{Controller, TopicOperation};
use crate::config::{
    BrokerEffective, Effective, EffectiveSynonym, GROUP_SETTINGS, GroupLayers, GroupSetting, Kind,
    Scope, Setting, Source, TOPIC_SETTINGS, TopicLayers, TopicSetting, find, settings,
};
use crate::metadata::image::ResourceType;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};

impl Controller<'_> {
    /// DescribeConfigs, all versions.
    pub fn describe_configs(&self, request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
        let wanted = Wanted {
            synonyms: request.include_synonyms,
            documentation: request.include_documentation,
        };
        let describe = |resource: &DescribeConfigsResource| {
            let described = self.describe(resource, wanted);
            let result = DescribeConfigsResult {
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                ..DescribeConfigsResult::default()
            };
            match described {
                Ok(configs) => {
                    let error_message = None;
                    DescribeConfigsResult {
                        configs,
                        error_message,
                        ..result
                    }
                }
                Err(error) => DescribeConfigsResult {
                    error_code: error.code.code(),
                    error_message: Some(error.message),
                    ..result
                },
            }
        };
        let results = request.resources.iter().map(describe).collect();
        DescribeConfigsResponse {
            throttle_time_ms: 0,
            results,
        }
    }

    fn describe(
        &self,
        resource: &DescribeConfigsResource,
        wanted: Wanted,
    ) -> Result<Vec<DescribeConfigsResourceResult>, ApiError> {
        let keys = resource
            .configuration_keys
            .as_deref()
            .filter(|keys| !keys.is_empty());
        let is_asked = |name: &str| keys.is_none_or(|keys| keys.iter().any(|key| key == name));
        let name = resource.resource_name.as_str();
        match ResourceType::from_number(resource.resource_type) {
            ResourceType::Topic => {
                self.check_topic(name)?;
                let layers = self.topic_layers(self.image.topic_overrides(name));
                let asked = TOPIC_SETTINGS
                    .iter()
                    .filter(|setting| is_asked(setting.name));
                Ok(asked
                    .map(|setting| wanted.topic_entry(&layers, setting))
                    .collect())
            }
            ResourceType::Broker => {
                self.check_broker(name)?;
                let described = self.described_broker_settings(name);
                let asked = described
                    .into_iter()
                    .filter(|setting| is_asked(setting.name));
                Ok(asked
                    .map(|setting| self.broker_entry(wanted, setting, name))
                    .collect())
            }
            ResourceType::Group => {
                self.check_group(name)?;
                let layers = self.group_layers(self.image.group_overrides(name));
                let asked = GROUP_SETTINGS
                    .iter()
                    .filter(|setting| is_asked(setting.name));
                Ok(asked
                    .map(|setting| wanted.group_entry(&layers, setting))
                    .collect())
            }
            other => Err(unknown_type(other)),
        }
    }

    fn check_topic(&self, name: &str) -> Result<(), ApiError> {
        if !self.access.may(TopicOperation::DescribeConfigs, name) {
            return Err(ApiError::bare(ErrorCode::TopicAuthorizationFailed));
        }
        check_topic_resource(name)?;
        let unknown = || ApiError::bare(ErrorCode::UnknownTopicOrPartition);
        self.image.topic(name).map(|_| ()).ok_or_else(unknown)
    }

    fn check_broker(&self, name: &str) -> Result<(), ApiError> {
        if !self.access.may_configure_cluster(false) {
            return Err(ApiError::bare(ErrorCode::ClusterAuthorizationFailed));
        }
        let me = self.node_id();
        match name.parse::<i32>() {
            _ if name.is_empty() => Ok(()),
            Ok(id) if id == me => Ok(()),
            Ok(_) => Err(ApiError::invalid_request(format!(
                "Unexpected broker id, expected {me} or empty string, but received {name}"
            ))),
            Err(_) => Err(ApiError::invalid_request(format!(
                "Broker id must be an integer, but it is: {name}"
            ))),
        }
    }

    /// The group need not exist: its configuration may come first.
    fn check_group(&self, name: &str) -> Result<(), ApiError> {
        if !self.access.may_configure_group(name, false) {
            return Err(ApiError::bare(ErrorCode::GroupAuthorizationFailed));
        }
        if name.is_empty() {
            return Err(ApiError::invalid_request("Group name must not be empty"));
        }
        Ok(())
    }

    /// All of a broker's settings, or of all brokers those that are set.
    fn described_broker_settings(&self, name: &str) -> Vec<&'static Setting> {
        if name.is_empty() {
            let set = self.image.cluster_overrides().keys();
            return set.filter_map(|name| find(name)).collect();
        }
        let shown = |setting: &&&'static Setting| {
            let given = self.config.settings.given(setting.name).is_some();
            setting.scope != Scope::Hidden || given
        };
        settings().iter().filter(shown).copied().collect()
    }

    fn broker_entry(
        &self,
        wanted: Wanted,
        setting: &'static Setting,
        resource_name: &str,
    ) -> DescribeConfigsResourceResult {
        let layers = self.broker_layers();
        let mut synonyms = layers.synonyms(setting);
        let BrokerEffective {
            mut value,
            source: mut config_source,
        } = layers.effective(setting);
        if resource_name.is_empty() {
            synonyms.retain(|synonym| synonym.source == Source::DynamicCluster);
            value = self.image.cluster_overrides().get(setting.name).cloned();
            config_source = Source::DynamicCluster;
        }
        let is_sensitive = setting.is_sensitive();
        DescribeConfigsResourceResult {
            name: setting.name.to_owned(),
            value: value.filter(|_| !is_sensitive),
            read_only: !setting.changes_at_run_time(),
            config_source: config_source as i8,
            is_sensitive,
            synonyms: wanted.synonyms(synonyms, is_sensitive),
            config_type: type_number(setting.kind),
            documentation: wanted.documentation(setting.doc),
        }
    }
}

/// What a request wants beside the values.
#[derive(Clone, Copy)]
struct Wanted {
    synonyms: bool,
    documentation: bool,
}

impl Wanted {
    fn topic_entry(
        self,
        layers: &TopicLayers<'_>,
        setting: &'static TopicSetting,
    ) -> DescribeConfigsResourceResult {
        DescribeConfigsResourceResult {
            name: setting.name.to_owned(),
            config_type: type_number(setting.kind),
            documentation: self.documentation(setting.doc),
            ..self.open_entry(layers.effective(setting), layers.synonyms(setting))
        }
    }

    fn group_entry(
        self,
        layers: &GroupLayers<'_>,
        setting: &'static GroupSetting,
    ) -> DescribeConfigsResourceResult {
        DescribeConfigsResourceResult {
            name: setting.name.to_owned(),
            config_type: type_number(setting.kind),
            documentation: self.documentation(setting.doc),
            ..self.open_entry(layers.effective(setting), layers.synonyms(setting))
        }
    }

    /// Topics and groups have no secrets, and all that is theirs can be changed.
    fn open_entry(
        self,
        effective: Effective,
        synonyms: Vec<EffectiveSynonym>,
    ) -> DescribeConfigsResourceResult {
        DescribeConfigsResourceResult {
            value: Some(effective.value),
            read_only: false,
            config_source: effective.source as i8,
            is_sensitive: false,
            synonyms: self.synonyms(synonyms, false),
            ..Default::default()
        }
    }

    fn synonyms(
        self,
        synonyms: Vec<EffectiveSynonym>,
        is_sensitive: bool,
    ) -> Vec<DescribeConfigsSynonym> {
        let shown = |synonym: EffectiveSynonym| DescribeConfigsSynonym {
            name: synonym.name.to_owned(),
            value: (!is_sensitive).then_some(synonym.value),
            source: synonym.source as i8,
        };
        let asked = synonyms.into_iter().filter(|_| self.synonyms);
        asked.map(shown).collect()
    }

    fn documentation(self, doc: &str) -> Option<String> {
        self.documentation.then(|| doc.to_owned())
    }
}

/// Kafka's numbers of types (KIP-569); a size with its unit is a text.
fn type_number(kind: Kind) -> i8 {
    match kind {
        Kind::Boolean => 1,
        Kind::Text | Kind::Size => 2,
        Kind::Int => 3,
        Kind::Short => 4,
        Kind::Long => 5,
        Kind::Double => 6,
        Kind::List => 7,
        Kind::Class => 8,
        Kind::Password => 9,
    }
}
