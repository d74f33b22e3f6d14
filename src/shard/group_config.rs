//! From the broker's settings to what its coordinators of groups keep to.

use crate::config::BrokerConfig;
use crate::coordinator::group::config::GroupConfig;

/// The limits of groups in force now.
pub fn group_config(config: &BrokerConfig) -> GroupConfig {
    let limits = &config.groups;
    GroupConfig {
        members_max: limits.members_max,
        initial_rebalance_delay_ms: limits.initial_rebalance_delay_ms,
        session_timeout_ms_min: limits.session_timeout_ms_min,
        session_timeout_ms_max: limits.session_timeout_ms_max,
        offset_metadata_bytes_max: limits.offset_metadata_bytes_max,
        offsets_retention_ms: limits.offsets_retention_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_the_limits_are_kafkas() {
        let limits = group_config(&BrokerConfig::default());
        assert_eq!(limits, GroupConfig::default());
    }
}
