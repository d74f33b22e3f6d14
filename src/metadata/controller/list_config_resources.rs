//! ListConfigResources (KIP-1142): what can be configured, or is.

use super::Controller;
use crate::metadata::image::ResourceType;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};

const ALL: [ResourceType; 5] = [
    ResourceType::Topic,
    ResourceType::Broker,
    ResourceType::BrokerLogger,
    ResourceType::ClientMetrics,
    ResourceType::Group,
];

impl Controller<'_> {
    /// ListConfigResources, all versions; version 0 knows client metrics only.
    pub fn list_config_resources(
        &self,
        request: &ListConfigResourcesRequest,
        version: i16,
    ) -> ListConfigResourcesResponse {
        let failed = |code: ErrorCode| ListConfigResourcesResponse {
            error_code: code.code(),
            ..ListConfigResourcesResponse::default()
        };
        if !self.access.may_configure_cluster(false) {
            return failed(ErrorCode::ClusterAuthorizationFailed);
        }
        let mut kinds: Vec<_> = request
            .resource_types
            .iter()
            .map(|number| ResourceType::from_number(*number))
            .collect();
        if kinds
            .iter()
            .any(|kind| matches!(kind, ResourceType::Other(_)))
        {
            return failed(ErrorCode::UnsupportedVersion);
        }
        if kinds.is_empty() {
            kinds = ALL.to_vec();
        }
        if version == 0 {
            kinds = vec![ResourceType::ClientMetrics];
        }
        kinds.sort();
        kinds.dedup();
        ListConfigResourcesResponse {
            config_resources: kinds
                .into_iter()
                .flat_map(|kind| self.resources(kind))
                .collect(),
            ..ListConfigResourcesResponse::default()
        }
    }

    fn resources(&self, kind: ResourceType) -> Vec<ConfigResource> {
        let names: Vec<String> = match kind {
            ResourceType::Topic => self
                .image
                .topics
                .sorted()
                .iter()
                .map(|topic| topic.name.to_string())
                .collect(),
            ResourceType::Broker | ResourceType::BrokerLogger => {
                self.image.brokers.keys().map(ToString::to_string).collect()
            }
            kind => {
                let set = self
                    .image
                    .configs
                    .keys()
                    .filter(|resource| resource.kind == kind);
                set.map(|resource| resource.name.clone()).collect()
            }
        };
        let resource_type = kind.number();
        let resource = |resource_name| ConfigResource {
            resource_name,
            resource_type,
        };
        names.into_iter().map(resource).collect()
    }
}
