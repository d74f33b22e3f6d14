//! AlterConfigs, which replaces everything, and IncrementalAlterConfigs (KIP-339).

use std::collections::{BTreeMap, BTreeSet};

use super::config_changes::{change_records, default_text, is_list};
use super::error::{ApiError, code_and_message, too_many_records};
use super::{Controller, Outcome};
use crate::config::{ConfigMap, split_list};
use crate::metadata::batches::RECORDS_PER_OPERATION_MAX;
use crate::metadata::image::{ConfigResource, ResourceType};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::alter_configs::{
    AlterConfigsRequest, AlterConfigsResourceResponse as ReplaceResponse, AlterConfigsResponse,
};
use crate::protocol::message::incremental_alter_configs::{
    AlterConfigsResourceResponse, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use crate::protocol::message::metadata_record::MetadataRecord;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

impl Controller<'_> {
    /// IncrementalAlterConfigs, all versions.
    pub fn incremental_alter_configs(
        &self,
        request: &IncrementalAlterConfigsRequest,
    ) -> Outcome<IncrementalAlterConfigsResponse> {
        let resources: Vec<_> = request
            .resources
            .iter()
            .map(|resource| resource_of(resource.resource_type, &resource.resource_name))
            .collect();
        let changes = request.resources.iter().map(|resource| {
            let named = resource.configs.iter();
            let nullable = |config: &&AlterableConfig| {
                config.config_operation != DELETE && config.value.is_none()
            };
            check_named(named.clone().map(|config| config.name.as_str()))?;
            check_nulls(named.filter(nullable).map(|config| config.name.as_str()))?;
            let kind = ResourceType::from_number(resource.resource_type);
            Ok(move |before: &ConfigMap| apply_operations(kind, before, &resource.configs))
        });
        let (records, results) = self.change_all(&resources, changes, request.validate_only);
        let response = |(resource, result): (ConfigResource, Result<(), ApiError>)| {
            let (error_code, error_message) = code_and_message(&result);
            AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type: resource.kind.number(),
                resource_name: resource.name,
            }
        };
        let responses = resources.into_iter().zip(results).map(response).collect();
        let response = IncrementalAlterConfigsResponse {
            throttle_time_ms: 0,
            responses,
        };
        Outcome { records, response }
    }

    /// AlterConfigs, all versions: what the request does not name is deleted.
    pub fn alter_configs(&self, request: &AlterConfigsRequest) -> Outcome<AlterConfigsResponse> {
        let resources: Vec<_> = request
            .resources
            .iter()
            .map(|resource| resource_of(resource.resource_type, &resource.resource_name))
            .collect();
        let changes = request.resources.iter().map(|resource| {
            let named = resource.configs.iter();
            check_named(named.clone().map(|config| config.name.as_str()))?;
            let nulls = named.clone().filter(|config| config.value.is_none());
            check_nulls(nulls.map(|config| config.name.as_str()))?;
            let pairs = named.filter_map(|c| Some((c.name.clone(), c.value.clone()?)));
            let after: ConfigMap = pairs.collect();
            Ok(move |before: &ConfigMap| {
                let touched = before.keys().chain(after.keys()).cloned().collect();
                Ok(Change { after, touched })
            })
        });
        let (records, results) = self.change_all(&resources, changes, request.validate_only);
        let response = |(resource, result): (ConfigResource, Result<(), ApiError>)| {
            let (error_code, error_message) = code_and_message(&result);
            ReplaceResponse {
                error_code,
                error_message,
                resource_type: resource.kind.number(),
                resource_name: resource.name,
            }
        };
        let responses = resources.into_iter().zip(results).map(response).collect();
        let response = AlterConfigsResponse {
            throttle_time_ms: 0,
            responses,
        };
        Outcome { records, response }
    }

    /// Makes each resource's change, as far as it is allowed; one refused leaves the others.
    fn change_all<C>(
        &self,
        resources: &[ConfigResource],
        changes: impl Iterator<Item = Result<C, ApiError>>,
        validate_only: bool,
    ) -> (Vec<MetadataRecord>, Vec<Result<(), ApiError>>)
    where
        C: FnOnce(&ConfigMap) -> Result<Change, ApiError>,
    {
        let repeated = repeated(resources);
        let mut records = Vec::new();
        let mut results: Vec<_> = resources
            .iter()
            .zip(changes)
            .map(|(resource, change)| {
                if repeated.contains(resource) {
                    let message = "Each resource must appear at most once.";
                    return Err(ApiError::invalid_request(message));
                }
                records.extend(self.change_one(resource, change?)?);
                Ok(())
            })
            .collect();
        if records.len() > RECORDS_PER_OPERATION_MAX {
            records.clear();
            results = resources.iter().map(|_| Err(too_many_records())).collect();
        }
        if validate_only {
            records.clear();
        }
        (records, results)
    }

    fn change_one(
        &self,
        resource: &ConfigResource,
        change: impl FnOnce(&ConfigMap) -> Result<Change, ApiError>,
    ) -> Result<Vec<MetadataRecord>, ApiError> {
        self.check_changeable(resource)?;
        let before = self.image.config(resource.kind, &resource.name);
        let Change { after, touched } = change(before)?;
        self.check_outcome(resource, before, &after)?;
        let touched = touched.iter().map(String::as_str);
        Ok(change_records(resource, before, &after, touched))
    }
}

/// What a resource has set after a change, and the names the change is about.
struct Change {
    after: ConfigMap,
    touched: BTreeSet<String>,
}

fn resource_of(number: i8, name: &str) -> ConfigResource {
    ConfigResource {
        kind: ResourceType::from_number(number),
        name: name.to_owned(),
    }
}

fn repeated(resources: &[ConfigResource]) -> BTreeSet<&ConfigResource> {
    let mut counts: BTreeMap<&ConfigResource, usize> = BTreeMap::new();
    for resource in resources {
        *counts.entry(resource).or_default() += 1;
    }
    counts
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(resource, _)| resource)
        .collect()
}

fn check_named<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), ApiError> {
    let mut seen = BTreeSet::new();
    let mut names = names;
    if names.all(|name| seen.insert(name)) {
        return Ok(());
    }
    Err(ApiError::invalid_request(
        "Error due to duplicate config keys",
    ))
}

fn check_nulls<'a>(nulls: impl Iterator<Item = &'a str>) -> Result<(), ApiError> {
    let nulls: Vec<_> = nulls.collect();
    if nulls.is_empty() {
        return Ok(());
    }
    let message = format!("Null value not supported for : {}", nulls.join(", "));
    Err(ApiError::invalid_request(message))
}

fn apply_operations(
    kind: ResourceType,
    before: &ConfigMap,
    operations: &[AlterableConfig],
) -> Result<Change, ApiError> {
    let mut after = before.clone();
    for operation in operations {
        let name = operation.name.clone();
        let value = operation.value.clone().unwrap_or_default();
        match operation.config_operation {
            SET => {
                after.insert(name, value);
            }
            DELETE => {
                after.remove(&name);
            }
            APPEND | SUBTRACT => {
                let changed = change_list(kind, &after, operation)?;
                after.insert(name, changed);
            }
            other => {
                let message = format!("Unknown operations type {other}");
                return Err(ApiError::invalid_request(message));
            }
        }
    }
    let touched = operations
        .iter()
        .map(|operation| operation.name.clone())
        .collect();
    Ok(Change { after, touched })
}

fn change_list(
    kind: ResourceType,
    current: &ConfigMap,
    operation: &AlterableConfig,
) -> Result<String, ApiError> {
    let name = operation.name.as_str();
    let appends = operation.config_operation == APPEND;
    if !is_list(kind, name) {
        let verb = if appends { "APPEND" } else { "SUBTRACT" };
        let message = format!("Can't {verb} to key {name} because its type is not LIST.");
        return Err(ApiError::new(ErrorCode::InvalidConfig, message));
    }
    let text = current
        .get(name)
        .map_or_else(|| default_text(kind, name), String::as_str);
    let mut elements = split_list(text);
    elements.retain(|element| !element.is_empty());
    for element in split_list(operation.value.as_deref().unwrap_or_default()) {
        let at = elements.iter().position(|kept| *kept == element);
        match (appends, at) {
            (true, None) => elements.push(element),
            (false, Some(index)) => {
                elements.remove(index);
            }
            _ => {}
        }
    }
    Ok(elements.join(","))
}
