//! The table of topic settings: all 33 that Kafka 4.3.1 makes public.

use crate::config::reason::{ONE_NODE, STEPS, SYNC, TIERED};
use crate::config::setting::Status;
use crate::config::valid::Valid;
use crate::config::value::Kind;

/// One row of the table of topic settings.
#[derive(Debug)]
pub struct TopicSetting {
    /// Kafka's name.
    pub name: &'static str,
    /// What its text must parse as.
    pub kind: Kind,
    /// The default when the broker settings it falls back to are not set either.
    pub default: &'static str,
    /// Which values make sense.
    pub valid: Valid,
    /// The broker settings it falls back to, the first that is set wins.
    pub synonyms: &'static [Synonym],
    /// What klamm does with it.
    pub status: Status,
    /// Its meaning, in one sentence.
    pub doc: &'static str,
}

/// A broker setting that a topic setting falls back to.
#[derive(Debug)]
pub struct Synonym {
    /// The broker setting's name.
    pub name: &'static str,
    /// How many of the topic setting's units one of the broker setting's is.
    pub factor: i64,
}

impl Synonym {
    /// The broker setting's text in the topic setting's unit.
    pub fn convert(&self, text: &str) -> String {
        match text.trim().parse::<i64>() {
            Ok(number) if self.factor != 1 => number.saturating_mul(self.factor).to_string(),
            _ => text.to_owned(),
        }
    }
}

macro_rules! topic_settings {
    ($(
        $name:literal $kind:ident $default:literal { $valid:expr }
            ($($synonym:literal $(* $factor:expr)?),*) { $status:expr }
            $doc:literal;
    )*) => {
        &[$(TopicSetting {
            name: $name,
            kind: Kind::$kind,
            default: $default,
            valid: { use Valid::*; $valid },
            synonyms: &[$(Synonym { name: $synonym, factor: 1 $(* $factor)? }),*],
            status: { use Status::*; $status },
            doc: $doc,
        }),*]
    };
}

const MINUTES: i64 = 60_000;
const HOURS: i64 = 60 * MINUTES;

/// All topic settings, sorted by name.
pub const TOPIC_SETTINGS: &[TopicSetting] = topic_settings! {
    "cleanup.policy" List "delete" { EachOf(&["compact", "delete"]) }
        ("log.cleanup.policy") { Honoured }
        "What becomes of old segments: delete, compact, both, or (empty) kept for ever; compact keeps the last record of each key.";
    "compression.gzip.level" Int "-1" { GzipLevel } ("compression.gzip.level") { Honoured }
        "Level when the broker itself compresses with gzip; -1 is the codec's own default.";
    "compression.lz4.level" Int "9" { Between(1, 17) } ("compression.lz4.level") { Honoured }
        "Level when the broker itself compresses with lz4.";
    "compression.type" Text "producer"
        { OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]) }
        ("compression.type") { Honoured }
        "How batches are stored: as the producer sent them, or in one named codec.";
    "compression.zstd.level" Int "3" { Between(-131072, 22) } ("compression.zstd.level") { Honoured }
        "Level when the broker itself compresses with zstd.";
    "delete.retention.ms" Long "86400000" { AtLeast(0) }
        ("log.cleaner.delete.retention.ms") { Honoured }
        "How long tombstones stay after they were compacted first.";
    "file.delete.delay.ms" Long "60000" { AtLeast(0) } ("log.segment.delete.delay.ms") { Honoured }
        "How long a deleted segment's file stays for those still reading it.";
    "flush.messages" Long "9223372036854775807" { AtLeast(1) }
        ("log.flush.interval.messages") { Ignored(SYNC) }
        "Kafka syncs the partition after this many records.";
    "flush.ms" Long "9223372036854775807" { AtLeast(0) }
        ("log.flush.interval.ms", "log.flush.scheduler.interval.ms") { Ignored(SYNC) }
        "Kafka syncs the partition after this long.";
    "follower.replication.throttled.replicas" List "" { ThrottledReplicas } () { Ignored(ONE_NODE) }
        "Replicas whose fetching is throttled.";
    "index.interval.bytes" Int "4096" { AtLeast(0) } ("log.index.interval.bytes") { Honoured }
        "One index entry for about this many bytes.";
    "leader.replication.throttled.replicas" List "" { ThrottledReplicas } () { Ignored(ONE_NODE) }
        "Replicas whose sending is throttled.";
    "local.retention.bytes" Long "-2" { AtLeast(-2) } ("log.local.retention.bytes") { Ignored(TIERED) }
        "Bytes a tiered partition keeps here; -2 means as many as its retention.";
    "local.retention.ms" Long "-2" { AtLeast(-2) } ("log.local.retention.ms") { Ignored(TIERED) }
        "How long a tiered partition keeps segments here; -2 means as long as its retention.";
    "max.compaction.lag.ms" Long "9223372036854775807" { AtLeast(1) }
        ("log.cleaner.max.compaction.lag.ms") { Honoured }
        "A record older than this is compacted soon.";
    "max.message.bytes" Int "1048588" { AtLeast(0) } ("message.max.bytes") { Honoured }
        "Largest record batch the topic takes.";
    "message.timestamp.after.max.ms" Long "3600000" { AtLeast(0) }
        ("log.message.timestamp.after.max.ms") { Honoured }
        "How far in the future a producer's timestamp may lie.";
    "message.timestamp.before.max.ms" Long "9223372036854775807" { AtLeast(0) }
        ("log.message.timestamp.before.max.ms") { Honoured }
        "How far in the past a producer's timestamp may lie.";
    "message.timestamp.type" Text "CreateTime" { OneOf(&["CreateTime", "LogAppendTime"]) }
        ("log.message.timestamp.type") { Honoured }
        "Whether records keep the producer's time or get the broker's.";
    "min.cleanable.dirty.ratio" Double "0.5" { Fraction(1.0) }
        ("log.cleaner.min.cleanable.ratio") { Honoured }
        "Share of the log that must be uncompacted before it is compacted again.";
    "min.compaction.lag.ms" Long "0" { AtLeast(0) }
        ("log.cleaner.min.compaction.lag.ms") { Honoured }
        "A record younger than this is not compacted.";
    "min.insync.replicas" Int "1" { AtLeast(1) } ("min.insync.replicas") { Honoured }
        "How many replicas must have a record before acks=all is answered.";
    "preallocate" Boolean "false" { Any } ("log.preallocate") { Ignored(STEPS) }
        "Whether Kafka reserves a whole segment when it begins one.";
    "remote.log.copy.disable" Boolean "false" { Any } () { Ignored(TIERED) }
        "Whether tiered data becomes read-only.";
    "remote.log.delete.on.disable" Boolean "false" { Any } () { Ignored(TIERED) }
        "Whether tiered data is deleted when tiering is turned off.";
    "remote.storage.enable" Boolean "false" { Any } () { Refused(TIERED) }
        "Whether old segments move to remote storage.";
    "retention.bytes" Long "-1" { Any } ("log.retention.bytes") { Honoured }
        "The oldest segments of a partition go when it passes this size; -1 means no limit.";
    "retention.ms" Long "604800000" { AtLeast(-1) }
        ("log.retention.ms", "log.retention.minutes" * MINUTES, "log.retention.hours" * HOURS)
        { Honoured }
        "Records older than this are deleted; -1 keeps them.";
    "segment.bytes" Int "1073741824" { AtLeast(1048576) } ("log.segment.bytes") { Honoured }
        "A segment is closed and a new one begun at this size.";
    "segment.index.bytes" Int "10485760" { AtLeast(4) } ("log.index.size.max.bytes") { Honoured }
        "Largest size of an index file; a full index closes its segment.";
    "segment.jitter.ms" Long "0" { AtLeast(0) }
        ("log.roll.jitter.ms", "log.roll.jitter.hours" * HOURS) { Honoured }
        "Random time taken off the age, so that segments do not roll all at once.";
    "segment.ms" Long "604800000" { AtLeast(1) } ("log.roll.ms", "log.roll.hours" * HOURS) { Honoured }
        "A segment is closed at this age.";
    "unclean.leader.election.enable" Boolean "false" { Any }
        ("unclean.leader.election.enable") { Ignored(ONE_NODE) }
        "Whether a replica that may have lost records can lead.";
};

/// The topic setting of this name.
pub fn find_topic_setting(name: &str) -> Option<&'static TopicSetting> {
    let at = TOPIC_SETTINGS.binary_search_by_key(&name, |setting| setting.name);
    at.ok().map(|index| &TOPIC_SETTINGS[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table;

    #[test]
    fn all_33_topic_settings_are_sorted_and_sound() {
        assert_eq!(TOPIC_SETTINGS.len(), 33);
        assert!(
            TOPIC_SETTINGS
                .windows(2)
                .all(|pair| pair[0].name < pair[1].name)
        );
        for setting in TOPIC_SETTINGS {
            let value = setting.kind.parse(setting.name, setting.default).unwrap();
            setting.valid.check(setting.name, &value).unwrap();
        }
    }

    #[test]
    fn fallbacks_exist_and_agree_with_the_default() {
        for setting in TOPIC_SETTINGS {
            let texts = setting.synonyms.iter().filter_map(|synonym| {
                let broker = table::find(synonym.name).unwrap();
                assert_eq!(broker.status, setting.status, "{}", synonym.name);
                broker.default.map(|text| synonym.convert(text))
            });
            for text in texts {
                assert_eq!(text, setting.default, "{}", setting.name);
            }
        }
    }
}
