//! The table of group settings: all 17 that Kafka 4.3.1 has.

use crate::config::reason::{SHARE, STREAMS};
use crate::config::setting::Status;
use crate::config::valid::Valid;
use crate::config::value::Kind;

/// One row of the table of group settings.
#[derive(Debug)]
pub struct GroupSetting {
    /// Kafka's name.
    pub name: &'static str,
    /// What its text must parse as.
    pub kind: Kind,
    /// The default where no broker setting gives one.
    pub default: &'static str,
    /// Which values make sense at all.
    pub valid: Valid,
    /// The broker setting it falls back to.
    pub broker: Option<&'static str>,
    /// The broker setting that bounds it from below.
    pub least: Option<&'static str>,
    /// The broker setting that bounds it from above.
    pub most: Option<&'static str>,
    /// What klamm does with it.
    pub status: Status,
    /// Its meaning, in one sentence.
    pub doc: &'static str,
}

/// Name, kind, default, values that make sense, the three broker settings, status, meaning.
macro_rules! group_settings {
    ($(
        $name:literal $kind:ident $default:literal { $valid:expr }
            ($broker:expr, $least:expr, $most:expr) { $status:expr }
            $doc:literal;
    )*) => {
        &[$(GroupSetting {
            name: $name,
            kind: Kind::$kind,
            default: $default,
            valid: { use Valid::*; $valid },
            broker: $broker,
            least: $least,
            most: $most,
            status: { use Status::*; $status },
            doc: $doc,
        }),*]
    };
}

/// All group settings, sorted by name.
pub const GROUP_SETTINGS: &[GroupSetting] = group_settings! {
    "consumer.assignment.interval.ms" Int "1000" { AtLeast(0) }
        (Some("group.consumer.assignment.interval.ms"),
            Some("group.consumer.min.assignment.interval.ms"),
            Some("group.consumer.max.assignment.interval.ms")) { Honoured }
        "Least time between two assignments of a consumer group.";
    "consumer.heartbeat.interval.ms" Int "5000" { AtLeast(1) }
        (Some("group.consumer.heartbeat.interval.ms"),
            Some("group.consumer.min.heartbeat.interval.ms"),
            Some("group.consumer.max.heartbeat.interval.ms")) { Honoured }
        "How often the members of a consumer group shall send heartbeats.";
    "consumer.session.timeout.ms" Int "45000" { AtLeast(1) }
        (Some("group.consumer.session.timeout.ms"),
            Some("group.consumer.min.session.timeout.ms"),
            Some("group.consumer.max.session.timeout.ms")) { Honoured }
        "How long a member of a consumer group may be silent before it is given up.";
    "share.assignment.interval.ms" Int "1000" { AtLeast(0) }
        (Some("group.share.assignment.interval.ms"),
            Some("group.share.min.assignment.interval.ms"),
            Some("group.share.max.assignment.interval.ms")) { Ignored(SHARE) }
        "Least time between two assignments of a share group.";
    "share.auto.offset.reset" Text "latest" { OffsetReset } (None, None, None) { Ignored(SHARE) }
        "Where a share group begins: earliest, latest, or so long ago (by_duration:PT1H).";
    "share.delivery.count.limit" Int "5" { AtLeast(2) }
        (Some("group.share.delivery.count.limit"),
            Some("group.share.min.delivery.count.limit"),
            Some("group.share.max.delivery.count.limit")) { Ignored(SHARE) }
        "How often a record is delivered before it is given up.";
    "share.heartbeat.interval.ms" Int "5000" { AtLeast(1) }
        (Some("group.share.heartbeat.interval.ms"),
            Some("group.share.min.heartbeat.interval.ms"),
            Some("group.share.max.heartbeat.interval.ms")) { Ignored(SHARE) }
        "How often the members of a share group shall send heartbeats.";
    "share.isolation.level" Text "read_uncommitted"
        { OneOf(&["read_committed", "read_uncommitted"]) } (None, None, None) { Ignored(SHARE) }
        "Whether a share group sees records of open and aborted transactions.";
    "share.partition.max.record.locks" Int "2000" { AtLeast(100) }
        (Some("group.share.partition.max.record.locks"),
            Some("group.share.min.partition.max.record.locks"),
            Some("group.share.max.partition.max.record.locks")) { Ignored(SHARE) }
        "Most locked records of a share partition.";
    "share.record.lock.duration.ms" Int "30000" { AtLeast(1000) }
        (Some("group.share.record.lock.duration.ms"),
            Some("group.share.min.record.lock.duration.ms"),
            Some("group.share.max.record.lock.duration.ms")) { Ignored(SHARE) }
        "How long an acquired record stays locked.";
    "share.renew.acknowledge.enable" Boolean "true" { Any } (None, None, None) { Ignored(SHARE) }
        "Whether a share consumer may lengthen the lock of a record.";
    "share.session.timeout.ms" Int "45000" { AtLeast(1) }
        (Some("group.share.session.timeout.ms"),
            Some("group.share.min.session.timeout.ms"),
            Some("group.share.max.session.timeout.ms")) { Ignored(SHARE) }
        "How long a member of a share group may be silent before it is given up.";
    "streams.assignment.interval.ms" Int "1000" { AtLeast(0) }
        (Some("group.streams.assignment.interval.ms"),
            Some("group.streams.min.assignment.interval.ms"),
            Some("group.streams.max.assignment.interval.ms")) { Ignored(STREAMS) }
        "Least time between two assignments of a streams group.";
    "streams.heartbeat.interval.ms" Int "5000" { AtLeast(1) }
        (Some("group.streams.heartbeat.interval.ms"),
            Some("group.streams.min.heartbeat.interval.ms"),
            Some("group.streams.max.heartbeat.interval.ms")) { Ignored(STREAMS) }
        "How often the members of a streams group shall send heartbeats.";
    "streams.initial.rebalance.delay.ms" Int "3000" { AtLeast(0) }
        (Some("group.streams.initial.rebalance.delay.ms"), None, None) { Ignored(STREAMS) }
        "How long a new streams group waits for more members.";
    "streams.num.standby.replicas" Int "0" { AtLeast(0) }
        (Some("group.streams.num.standby.replicas"),
            None,
            Some("group.streams.max.standby.replicas")) { Ignored(STREAMS) }
        "Standby replicas of each task.";
    "streams.session.timeout.ms" Int "45000" { AtLeast(1) }
        (Some("group.streams.session.timeout.ms"),
            Some("group.streams.min.session.timeout.ms"),
            Some("group.streams.max.session.timeout.ms")) { Ignored(STREAMS) }
        "How long a member of a streams group may be silent before it is given up.";
};

/// The group setting of this name.
pub fn find_group_setting(name: &str) -> Option<&'static GroupSetting> {
    GROUP_SETTINGS.iter().find(|setting| setting.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table;

    #[test]
    fn all_17_are_known_once_and_their_defaults_make_sense() {
        assert_eq!(GROUP_SETTINGS.len(), 17);
        assert!(GROUP_SETTINGS.is_sorted_by(|a, b| a.name < b.name));
        for setting in GROUP_SETTINGS {
            let value = setting.kind.parse(setting.name, setting.default).unwrap();
            setting.valid.check(setting.name, &value).unwrap();
        }
    }

    #[test]
    fn broker_settings_exist_and_agree() {
        for setting in GROUP_SETTINGS {
            let names = [setting.broker, setting.least, setting.most];
            for name in names.into_iter().flatten() {
                let broker = table::find(name).expect(name);
                assert_eq!(broker.status, setting.status, "{name}");
                assert_eq!(broker.kind, setting.kind, "{name}");
            }
            let broker = setting.broker.and_then(table::find);
            if let Some(broker) = broker {
                assert_eq!(broker.default, Some(setting.default), "{}", setting.name);
            }
        }
    }
}
