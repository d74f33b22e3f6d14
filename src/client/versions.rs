//! Which version of each API to use with a broker. Pure.

use std::collections::BTreeMap;

use crate::protocol::message::api_versions::ApiVersionsResponse;
use crate::protocol::schema::Versions;

/// The versions a broker offers, as it told in ApiVersions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferedVersions(BTreeMap<i16, (i16, i16)>);

impl OfferedVersions {
    /// Takes them from the broker's answer; the last word on a key counts.
    pub(super) fn from_response(response: &ApiVersionsResponse) -> Self {
        let keys = response.api_keys.iter();
        Self(
            keys.map(|api| (api.api_key, (api.min_version, api.max_version)))
                .collect(),
        )
    }

    /// The newest version that both sides speak, if there is one.
    pub fn highest_common(&self, key: i16, ours: Versions) -> Option<i16> {
        let (first, last) = *self.0.get(&key)?;
        let (lowest, highest) = (ours.first.max(first), ours.last.min(last));
        (lowest <= highest).then_some(highest)
    }

    /// What is offered of this API, for people: `3 to 13`, or `none`.
    pub fn describe(&self, key: i16) -> String {
        match self.0.get(&key) {
            Some((first, last)) => format!("{first} to {last}"),
            None => "none".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::api_versions::ApiVersion;

    #[test]
    fn the_highest_version_of_both_wins() {
        let offered = OfferedVersions::from_response(&ApiVersionsResponse {
            api_keys: vec![ApiVersion {
                api_key: 1,
                min_version: 4,
                max_version: 18,
            }],
            ..Default::default()
        });
        assert_eq!(
            offered.highest_common(1, Versions::between(4, 12)),
            Some(12)
        );
        assert_eq!(
            offered.highest_common(1, Versions::between(10, 20)),
            Some(18)
        );
        assert_eq!(offered.highest_common(1, Versions::between(0, 3)), None);
        assert_eq!(offered.highest_common(2, Versions::between(0, 3)), None);
        assert_eq!(offered.describe(1), "4 to 18");
    }
}
