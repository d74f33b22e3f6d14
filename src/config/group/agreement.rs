//! Broker settings of groups must agree with each other, as Kafka demands at its start.

use super::super::checks::invalid;
use super::super::error::ConfigError;
use super::super::layers::Settings;
use super::super::setting::Status;
use super::super::value::split_list;
use super::table::{GROUP_SETTINGS, GroupSetting};

/// Refuses bounds that nothing fits in, defaults outside of them, and protocols without the
/// classic one.
pub(in crate::config) fn check_groups(settings: &Settings) -> Vec<ConfigError> {
    let honoured = |setting: &&GroupSetting| setting.status == Status::Honoured;
    let groups = GROUP_SETTINGS.iter().filter(honoured);
    let pairs = groups.flat_map(|setting| {
        let GroupSetting {
            broker,
            least,
            most,
            ..
        } = *setting;
        [(least, most), (least, broker), (broker, most)]
    });
    let ordered = pairs.filter_map(|(low, high)| Some((low?, high?)));
    let mut errors: Vec<_> = ordered
        .filter_map(|(low, high)| out_of_order(settings, low, high))
        .collect();
    errors.extend(heartbeats_outlast_sessions(settings));
    errors.extend(without_classic(settings));
    errors
}

fn out_of_order(settings: &Settings, low: &str, high: &str) -> Option<ConfigError> {
    let (least, most) = (number(settings, low)?, number(settings, high)?);
    if least <= most {
        return None;
    }
    // Whoever set one of the two shall read of that one.
    let (name, relation, other, bound) = match settings.given(high) {
        Some(_) => (high, "greater", low, least),
        None => (low, "less", high, most),
    };
    let why = format!("it must be {relation} than or equal to {other}, which is {bound}");
    let cure = "Set both so that they agree.";
    Some(invalid(settings, name, why, cure))
}

fn heartbeats_outlast_sessions(settings: &Settings) -> Option<ConfigError> {
    let (heartbeat, session) = (
        "group.consumer.heartbeat.interval.ms",
        "group.consumer.session.timeout.ms",
    );
    let timeout = number(settings, session)?;
    let why = format!("it must be less than {session}, which is {timeout}");
    let cure = "Let members send several heartbeats in a session.";
    (number(settings, heartbeat)? >= timeout).then(|| invalid(settings, heartbeat, why, cure))
}

fn without_classic(settings: &Settings) -> Option<ConfigError> {
    let name = "group.coordinator.rebalance.protocols";
    let protocols = split_list(settings.text(name)?);
    let offered = protocols.iter().any(|protocol| protocol == "classic");
    let why = "groups of the classic protocol are always offered".to_owned();
    (!offered).then(|| invalid(settings, name, why, "Add classic."))
}

fn number(settings: &Settings, name: &str) -> Option<i64> {
    settings.value(name)?.number()
}
