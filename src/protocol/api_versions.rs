//! What an ApiVersions answer says, beyond its table (KIP-35, KIP-511, KIP-584).

use super::api_key::ApiKey;
use super::message::api_versions::SupportedFeatureKey;
use super::message::{API_SCHEMAS, Message, init_producer_id::InitProducerIdRequest};
use super::schema::{Kind, Versions};

/// The versions of this API that klamm reads and writes and may advertise once it behaves; `None`
/// if there is no table of it.
///
/// Two differ from their tables. Produce is advertised from 0 on although versions 0 to 2 are
/// refused, because librdkafka before 2.11.1 stops compressing where the lowest is above 0
/// (KAFKA-18659). The last version of InitProducerId is not stable in Kafka 4.4.0.
pub const fn advertised(api: ApiKey) -> Option<Versions> {
    let versions = ADVERTISED[api.number() as usize];
    if versions.is_empty() {
        return None;
    }
    Some(versions)
}

/// By the number of the key: every request asks.
static ADVERTISED: [Versions; ApiKey::NUMBERS_END] = {
    let mut table = [Versions::NONE; ApiKey::NUMBERS_END];
    let mut next = 0;
    while next < API_SCHEMAS.len() {
        let schema = API_SCHEMAS[next];
        if let Kind::Request(number) = schema.kind {
            table[number as usize] = schema.versions;
        }
        next += 1;
    }
    table[ApiKey::Produce.number() as usize].first = 0;
    table[ApiKey::InitProducerId.number() as usize].last = InitProducerIdRequest::VERSIONS.last - 1;
    table
};

/// Whether a client's software name or version is one that Kafka accepts: letters, digits, dashes
/// and dots, neither dash nor dot at an end. Others are answered INVALID_REQUEST from version 3 on.
pub fn is_client_software(text: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.iter().all(inner) && end(bytes.first()) && end(bytes.last())
}

/// The features an answer of this version names: before version 4 a client cannot read a range
/// that begins at 0, so those are left out (KAFKA-17011).
pub fn readable_features(
    features: impl IntoIterator<Item = SupportedFeatureKey>,
    version: i16,
) -> Vec<SupportedFeatureKey> {
    let readable = |feature: &SupportedFeatureKey| version >= 4 || feature.min_version > 0;
    features.into_iter().filter(readable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_tables_with_two_exceptions() {
        assert_eq!(advertised(ApiKey::Fetch), Some(Versions::between(4, 18)));
        assert_eq!(advertised(ApiKey::Produce), Some(Versions::between(0, 13)));
        assert_eq!(
            advertised(ApiKey::InitProducerId),
            Some(Versions::between(0, 5))
        );
        assert_eq!(advertised(ApiKey::ShareFetch), None);
    }

    #[test]
    fn software_names_follow_kafkas_pattern() {
        for good in ["a", "apache-kafka-java", "4.4.0", "librdkafka", "v1.0-RC1"] {
            assert!(is_client_software(good), "{good}");
        }
        for bad in ["", "-a", "a.", "a b", "a_b", "ä"] {
            assert!(!is_client_software(bad), "{bad}");
        }
    }

    #[test]
    fn old_clients_do_not_see_features_that_begin_at_zero() {
        let feature = |name: &str, min_version| SupportedFeatureKey {
            name: name.into(),
            min_version,
            max_version: 30,
        };
        let features = [feature("metadata.version", 7), feature("kraft.version", 0)];
        assert_eq!(readable_features(features.clone(), 3), features[..1]);
        assert_eq!(readable_features(features.clone(), 4), features);
    }
}
