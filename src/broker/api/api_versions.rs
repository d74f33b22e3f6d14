//! ApiVersions (key 18), v0-5
//!
//! Behaviour: names everything that is served, in any version. A version that is not known is
//!            answered in version 0 with UNSUPPORTED_VERSION and ApiVersions' own range, so that
//!            the client can ask again (KIP-511). Names of client software that break Kafka's
//!            pattern are INVALID_REQUEST. A client that meant another cluster or another node is
//!            told REBOOTSTRAP_REQUIRED: its connection was routed here by mistake (KIP-1242).
//! Versions:  v1 throttle · v3 flexible, client software (KIP-511), features (KIP-584) · v4
//!            features that begin at 0 · v5 the cluster and node meant (KIP-1242)
//! Not done:  –

use crate::broker::context::{Context, Identity, Request};
use crate::broker::dispatch::{CloseConnection, SERVED, decode};
use crate::broker::response::Response;
use crate::metadata::{MetadataImage, supported_features};
use crate::protocol::api_key::ApiKey;
use crate::protocol::api_versions::{is_client_software, readable_features};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Message;
use crate::protocol::message::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use crate::protocol::schema::Versions;

/// The first version that names the client's software.
const SOFTWARE_FROM: i16 = 3;

/// Answers ApiVersions in whatever version it comes.
pub(in crate::broker) fn answer(
    cx: &Context,
    request: &Request,
) -> Result<Response, CloseConnection> {
    if !ApiVersionsRequest::VERSIONS.contain(request.version) {
        let encoded = request.head().respond_in(&unknown_version(), 0)?;
        return Ok(Response::with_bodies(encoded, std::iter::empty()));
    }
    let message: ApiVersionsRequest = decode(request, &request.frame)?;
    let answer = match refusal(&message, request.version, &cx.identity) {
        None => everything(&cx.image(), request.version),
        Some(code) => ApiVersionsResponse {
            error_code: code.code(),
            ..Default::default()
        },
    };
    Ok(Response::encode(request, &answer)?)
}

fn unknown_version() -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: vec![range(ApiKey::ApiVersions, ApiVersionsRequest::VERSIONS)],
        ..Default::default()
    }
}

/// Why the client cannot go on, if so.
fn refusal(message: &ApiVersionsRequest, version: i16, own: &Identity) -> Option<ErrorCode> {
    if !is_acceptable(message, version) {
        return Some(ErrorCode::InvalidRequest);
    }
    is_misrouted(message, own).then_some(ErrorCode::RebootstrapRequired)
}

/// Whether the client meant somebody else. Before version 5, and before it knows the cluster, it
/// does not say whom it means.
fn is_misrouted(message: &ApiVersionsRequest, own: &Identity) -> bool {
    let meant = message.cluster_id.as_ref();
    meant.is_some_and(|id| *id != own.cluster_id || message.node_id != own.node_id)
}

fn is_acceptable(message: &ApiVersionsRequest, version: i16) -> bool {
    version < SOFTWARE_FROM
        || is_client_software(&message.client_software_name)
            && is_client_software(&message.client_software_version)
}

fn everything(image: &MetadataImage, version: i16) -> ApiVersionsResponse {
    let supported = supported_features().map(|feature| SupportedFeatureKey {
        name: feature.name.to_owned(),
        min_version: feature.min,
        max_version: feature.max,
    });
    ApiVersionsResponse {
        api_keys: served(),
        supported_features: readable_features(supported, version),
        finalized_features_epoch: image.provenance.last_offset,
        finalized_features: finalized(image),
        ..Default::default()
    }
}

/// What is served, in the order of the keys.
fn served() -> Vec<ApiVersion> {
    let mut keys: Vec<_> = SERVED
        .iter()
        .map(|served| range(served.api, served.versions()))
        .collect();
    keys.sort_by_key(|range| range.api_key);
    keys
}

fn finalized(image: &MetadataImage) -> Vec<FinalizedFeatureKey> {
    let levels = image.features.iter().filter(|(_, level)| **level > 0);
    let key = |(name, level): (&String, &i16)| FinalizedFeatureKey {
        name: name.clone(),
        max_version_level: *level,
        min_version_level: *level,
    };
    levels.map(key).collect()
}

fn range(api: ApiKey, versions: Versions) -> ApiVersion {
    ApiVersion {
        api_key: api.number(),
        min_version: versions.first,
        max_version: versions.last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uuid;
    use std::path::PathBuf;

    #[test]
    fn keys_ascend_and_name_api_versions_once() {
        let keys: Vec<i16> = served().iter().map(|range| range.api_key).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert!(keys.contains(&ApiKey::ApiVersions.number()));
    }

    #[test]
    fn software_names_are_checked_from_version_3_on() {
        let nameless = ApiVersionsRequest::default();
        assert!(is_acceptable(&nameless, 2) && !is_acceptable(&nameless, 3));
        let named = ApiVersionsRequest {
            client_software_name: "librdkafka".to_owned(),
            client_software_version: "2.11.1".to_owned(),
            ..Default::default()
        };
        assert!(is_acceptable(&named, 3));
    }

    #[test]
    fn whoever_meant_another_broker_is_sent_back() {
        let own = Identity {
            cluster_id: "here".to_owned(),
            node_id: 1,
            data_dir: PathBuf::new(),
            directory_id: Uuid::ZERO,
        };
        let misrouted = |cluster_id: Option<&str>, node_id| {
            let cluster_id = cluster_id.map(str::to_owned);
            is_misrouted(
                &ApiVersionsRequest {
                    cluster_id,
                    node_id,
                    ..Default::default()
                },
                &own,
            )
        };
        assert!(!misrouted(None, -1) && !misrouted(Some("here"), 1));
        assert!(misrouted(Some("there"), 1) && misrouted(Some("here"), 2));
    }

    #[test]
    fn an_unknown_version_is_told_the_known_ones() {
        let answer = unknown_version();
        assert_eq!(answer.error_code, 35);
        assert_eq!(
            answer.api_keys,
            [range(ApiKey::ApiVersions, Versions::between(0, 5))]
        );
    }
}
