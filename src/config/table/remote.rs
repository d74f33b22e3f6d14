//! Tiered storage.

use crate::config::reason::TIERED;
use crate::config::setting::{Setting, settings};

pub(super) const ROWS: &[Setting] = settings! {
    "remote.log.storage.system.enable" Boolean "false" { Any } ReadOnly { Refused(TIERED) }
        "Whether old segments move to remote storage.";
    "remote.log.storage.manager.impl.prefix" Text "rsm.config." { NonEmpty } ReadOnly { Ignored(TIERED) }
        "Prefix of the remote storage plug-in's own settings.";
    "remote.log.metadata.manager.impl.prefix" Text "rlmm.config." { NonEmpty } ReadOnly { Ignored(TIERED) }
        "Prefix of the remote metadata plug-in's own settings.";
    "remote.log.storage.manager.class.name" Text null { NonEmpty } ReadOnly { Ignored(TIERED) }
        "Plug-in that stores remote segments.";
    "remote.log.storage.manager.class.path" Text null { Any } ReadOnly { Ignored(TIERED) }
        "Where that plug-in is found.";
    "remote.log.metadata.manager.class.name" Text "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager" { NonEmpty } ReadOnly { Ignored(TIERED) }
        "Plug-in that knows the remote segments.";
    "remote.log.metadata.manager.class.path" Text null { Any } ReadOnly { Ignored(TIERED) }
        "Where that plug-in is found.";
    "remote.log.metadata.manager.listener.name" Text null { NonEmpty } ReadOnly { Ignored(TIERED) }
        "Listener that plug-in connects to.";
    "remote.log.metadata.custom.metadata.max.bytes" Int "128" { AtLeast(0) } ReadOnly { Ignored(TIERED) }
        "Most bytes a storage plug-in may note for a segment.";
    "remote.log.index.file.cache.total.size.bytes" Long "1073741824" { AtLeast(1) } ClusterWide { Ignored(TIERED) }
        "Space for indexes of remote segments.";
    "remote.log.index.file.cache.ttl.ms" Long "900000" { AtLeast(-1) } Hidden { Ignored(TIERED) }
        "How long such an index stays unused.";
    "remote.log.manager.thread.pool.size" Int "2" { AtLeast(1) } ReadOnly { Ignored(TIERED) }
        "Kafka's threads for remote storage.";
    "remote.log.manager.copier.thread.pool.size" Int "10" { AtLeast(1) } ClusterWide { Ignored(TIERED) }
        "Kafka's threads that copy segments out.";
    "remote.log.manager.expiration.thread.pool.size" Int "10" { AtLeast(1) } ClusterWide { Ignored(TIERED) }
        "Kafka's threads that delete remote segments.";
    "remote.log.manager.follower.thread.pool.size" Int "2" { AtLeast(1) } ClusterWide { Ignored(TIERED) }
        "Kafka's threads that follow remote segments.";
    "remote.log.manager.task.interval.ms" Long "30000" { AtLeast(1) } ReadOnly { Ignored(TIERED) }
        "How often segments to copy are looked for.";
    "remote.log.manager.task.retry.backoff.ms" Long "500" { AtLeast(1) } Hidden { Ignored(TIERED) }
        "Pause before remote work is tried again.";
    "remote.log.manager.task.retry.backoff.max.ms" Long "30000" { AtLeast(1) } Hidden { Ignored(TIERED) }
        "Longest such pause.";
    "remote.log.manager.task.retry.jitter" Double "0.2" { Fraction(0.5) } Hidden { Ignored(TIERED) }
        "Random share of such a pause.";
    "remote.log.reader.threads" Int "10" { AtLeast(1) } ClusterWide { Ignored(TIERED) }
        "Kafka's threads that read remote segments.";
    "remote.log.reader.max.pending.tasks" Int "100" { AtLeast(1) } ReadOnly { Ignored(TIERED) }
        "Most waiting reads of remote segments.";
    "log.local.retention.ms" Long "-2" { AtLeast(-2) } ClusterWide { Ignored(TIERED) }
        "How long a tiered partition keeps segments here; -2 means as long as its retention.";
    "log.local.retention.bytes" Long "-2" { AtLeast(-2) } ClusterWide { Ignored(TIERED) }
        "How many bytes a tiered partition keeps here; -2 means as many as its retention.";
    "remote.log.manager.copy.max.bytes.per.second" Long "9223372036854775807" { AtLeast(1) } ClusterWide { Ignored(TIERED) }
        "Bytes a second that copying out may take.";
    "remote.log.manager.copy.quota.window.num" Int "11" { AtLeast(1) } ReadOnly { Ignored(TIERED) }
        "Samples that rate is measured over.";
    "remote.log.manager.copy.quota.window.size.seconds" Int "1" { AtLeast(1) } ReadOnly { Ignored(TIERED) }
        "Length of such a sample.";
    "remote.log.manager.fetch.max.bytes.per.second" Long "9223372036854775807" { AtLeast(1) } ClusterWide { Ignored(TIERED) }
        "Bytes a second that remote reads may take.";
    "remote.log.manager.fetch.quota.window.num" Int "11" { AtLeast(1) } ReadOnly { Ignored(TIERED) }
        "Samples that rate is measured over.";
    "remote.log.manager.fetch.quota.window.size.seconds" Int "1" { AtLeast(1) } ReadOnly { Ignored(TIERED) }
        "Length of such a sample.";
    "remote.fetch.max.wait.ms" Int "500" { AtLeast(1) } ClusterWide { Ignored(TIERED) }
        "How long a fetch waits for remote storage.";
    "remote.list.offsets.request.timeout.ms" Long "30000" { AtLeast(1) } ClusterWide { Ignored(TIERED) }
        "How long ListOffsets waits for remote storage.";
};
