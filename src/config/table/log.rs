//! Logs on disk, topics and compaction.

use crate::config::reason::{CLEANERS, CORES, ONE_DIR, PLUGIN, STEPS, STRETCHES, SYNC, TOGETHER};
use crate::config::setting::{Setting, settings};

pub(super) const ROWS: &[Setting] = settings! {
    "num.partitions" Int "1" { AtLeast(1) } ReadOnly { Honoured }
        "Partitions of a topic created without saying how many.";
    "log.dir" List null { Any } ReadOnly { Honoured }
        "The data directory, where `log.dirs` is not set.";
    "log.dirs" List "./klamm-data" { Any } ReadOnly { Honoured }
        "The data directory; one only, several are refused for now.";
    "cordoned.log.dirs" List "" { Any } PerBroker { Refused(ONE_DIR) }
        "Directories that get no new partitions.";
    "log.segment.bytes" Int "1073741824" { AtLeast(1048576) } ClusterWide { Honoured }
        "A segment is closed and a new one begun at this size.";
    "log.roll.ms" Long null { Any } ClusterWide { Honoured }
        "A segment is closed at this age; wins over `log.roll.hours`.";
    "log.roll.hours" Int "168" { AtLeast(1) } ReadOnly { Honoured }
        "A segment is closed at this age, in hours.";
    "log.roll.jitter.ms" Long null { Any } ClusterWide { Honoured }
        "Random time taken off the age, so that segments do not roll all at once.";
    "log.roll.jitter.hours" Int "0" { AtLeast(0) } ReadOnly { Honoured }
        "The same in hours.";
    "log.retention.ms" Long null { Any } ClusterWide { Honoured }
        "Records older than this are deleted, -1 keeps them; wins over minutes and hours.";
    "log.retention.minutes" Int null { Any } ReadOnly { Honoured }
        "The same in minutes; wins over hours.";
    "log.retention.hours" Int "168" { Any } ReadOnly { Honoured }
        "The same in hours.";
    "log.retention.bytes" Long "-1" { Any } ClusterWide { Honoured }
        "The oldest segments of a partition go when it passes this size; -1 means no limit.";
    "log.retention.check.interval.ms" Long "300000" { AtLeast(1) } ReadOnly { Honoured }
        "How often retention is looked at.";
    "log.cleanup.policy" List "delete" { EachOf(&["compact", "delete"]) } ClusterWide { Honoured }
        "What becomes of old segments: delete, compact, both, or (empty) kept for ever.";
    "log.index.size.max.bytes" Int "10485760" { AtLeast(4) } ClusterWide { Honoured }
        "Largest size of an index file; a full index closes its segment.";
    "log.index.interval.bytes" Int "4096" { AtLeast(0) } ClusterWide { Honoured }
        "One index entry for about this many bytes.";
    "log.flush.interval.messages" Long "9223372036854775807" { AtLeast(1) } ClusterWide { Ignored(SYNC) }
        "Kafka syncs a partition after this many records.";
    "log.segment.delete.delay.ms" Long "60000" { AtLeast(0) } ClusterWide { Honoured }
        "How long a deleted segment's file stays for those still reading it.";
    "log.flush.scheduler.interval.ms" Long "9223372036854775807" { Any } ReadOnly { Ignored(SYNC) }
        "How often Kafka looks for partitions to sync.";
    "log.flush.interval.ms" Long null { Any } ClusterWide { Ignored(SYNC) }
        "Kafka syncs a partition after this long.";
    "log.flush.offset.checkpoint.interval.ms" Int "60000" { AtLeast(0) } ReadOnly { Honoured }
        "How often the recovery points are written.";
    "log.flush.start.offset.checkpoint.interval.ms" Int "60000" { AtLeast(0) } ReadOnly { Ignored(TOGETHER) }
        "How often the log start offsets are written.";
    "log.preallocate" Boolean "false" { Any } ClusterWide { Ignored(STEPS) }
        "Whether Kafka reserves a whole segment when it begins one.";
    "num.recovery.threads.per.data.dir" Int "2" { AtLeast(1) } ClusterWide { Ignored(CORES) }
        "Kafka's threads that load logs at start.";
    "auto.create.topics.enable" Boolean "true" { Any } ReadOnly { Honoured }
        "Whether asking for the metadata of an unknown topic creates it.";
    "min.insync.replicas" Int "1" { AtLeast(1) } ClusterWide { Honoured }
        "How many replicas must have a record before acks=all is answered.";
    "log.message.timestamp.type" Text "CreateTime" { OneOf(&["CreateTime", "LogAppendTime"]) } ClusterWide { Honoured }
        "Whether records keep the producer's time or get the broker's.";
    "log.message.timestamp.before.max.ms" Long "9223372036854775807" { AtLeast(0) } ClusterWide { Honoured }
        "How far in the past a producer's timestamp may lie.";
    "log.message.timestamp.after.max.ms" Long "3600000" { AtLeast(0) } ClusterWide { Honoured }
        "How far in the future a producer's timestamp may lie.";
    "create.topic.policy.class.name" Class null { Any } ReadOnly { Refused(PLUGIN) }
        "A plug-in that may refuse new topics.";
    "alter.config.policy.class.name" Class null { Any } ReadOnly { Refused(PLUGIN) }
        "A plug-in that may refuse new configurations.";
    "log.dir.failure.timeout.ms" Long "30000" { AtLeast(1) } ReadOnly { Ignored(ONE_DIR) }
        "How long a failed directory may stay unreported.";
    "log.initial.task.delay.ms" Long "30000" { AtLeast(0) } Hidden { Honoured }
        "How long after the start housekeeping begins.";
    "log.cleaner.threads" Int "1" { AtLeast(0) } ClusterWide { Ignored(CLEANERS) }
        "Kafka's threads that compact.";
    "log.cleaner.io.max.bytes.per.second" Double "1.7976931348623157E308" { Any } ClusterWide { Honoured }
        "Most bytes a second that compaction reads and writes, over all cores.";
    "log.cleaner.dedupe.buffer.size" Long "134217728" { Any } ClusterWide { Honoured }
        "Memory for the keys of the compactions under way, over all cores; taken as far as they need it.";
    "log.cleaner.io.buffer.size" Int "524288" { AtLeast(0) } ClusterWide { Ignored(STRETCHES) }
        "Memory for reading and writing while compacting.";
    "log.cleaner.io.buffer.load.factor" Double "0.9" { Any } ClusterWide { Honoured }
        "How full the key table may become.";
    "log.cleaner.backoff.ms" Long "15000" { AtLeast(0) } ClusterWide { Honoured }
        "Pause when nothing is left to compact.";
    "log.cleaner.min.cleanable.ratio" Double "0.5" { Fraction(1.0) } ClusterWide { Honoured }
        "Share of a log that must be uncompacted before it is compacted again.";
    "log.cleaner.enable" Boolean "true" { Any } ReadOnly { Honoured }
        "Whether compaction runs.";
    "log.cleaner.delete.retention.ms" Long "86400000" { AtLeast(0) } ClusterWide { Honoured }
        "How long tombstones stay after they were compacted first.";
    "log.cleaner.min.compaction.lag.ms" Long "0" { AtLeast(0) } ClusterWide { Honoured }
        "A record younger than this is not compacted.";
    "log.cleaner.max.compaction.lag.ms" Long "9223372036854775807" { AtLeast(1) } ClusterWide { Honoured }
        "A record older than this is compacted soon.";
};
