//! Replication, quotas, metrics and delegation tokens.

use crate::config::reason::{
    CORES, METRICS, ONE_NODE, PLUGIN, QUOTAS, SASL, TIERED, TLS, TOGETHER,
};
use crate::config::setting::{Setting, settings};

pub(super) const ROWS: &[Setting] = settings! {
    "controller.socket.timeout.ms" Int "30000" { Any } ReadOnly { Ignored(ONE_NODE) }
        "Socket timeout towards the controller.";
    "default.replication.factor" Int "1" { Any } ReadOnly { Honoured }
        "Replicas of a topic created without saying how many.";
    "replica.lag.time.max.ms" Long "30000" { Any } ReadOnly { Ignored(ONE_NODE) }
        "A follower behind for this long leaves the in-sync replicas.";
    "replica.socket.timeout.ms" Int "30000" { Any } ReadOnly { Ignored(ONE_NODE) }
        "Socket timeout of a follower.";
    "replica.socket.receive.buffer.bytes" Int "65536" { Any } ReadOnly { Ignored(ONE_NODE) }
        "Receive buffer of a follower's socket.";
    "replica.fetch.max.bytes" Int "1048576" { AtLeast(0) } ReadOnly { Ignored(ONE_NODE) }
        "Bytes a follower asks for, for each partition.";
    "replica.fetch.wait.max.ms" Int "500" { Any } ReadOnly { Ignored(ONE_NODE) }
        "How long a follower's fetch may wait.";
    "replica.fetch.backoff.ms" Int "1000" { AtLeast(0) } ReadOnly { Ignored(ONE_NODE) }
        "Pause of a follower after an error.";
    "replica.fetch.min.bytes" Int "1" { Any } ReadOnly { Ignored(ONE_NODE) }
        "Bytes a follower's fetch waits for.";
    "replica.fetch.response.max.bytes" Int "10485760" { AtLeast(0) } ReadOnly { Ignored(ONE_NODE) }
        "Bytes a follower asks for in all.";
    "num.replica.fetchers" Int "1" { AtLeast(1) } ClusterWide { Ignored(ONE_NODE) }
        "Kafka's threads that follow each other broker.";
    "replica.high.watermark.checkpoint.interval.ms" Long "5000" { Any } ReadOnly { Ignored(TOGETHER) }
        "How often the high watermarks are written.";
    "fetch.purgatory.purge.interval.requests" Int "1000" { Any } ReadOnly { Ignored(CORES) }
        "Completed fetches are swept out after this many.";
    "producer.purgatory.purge.interval.requests" Int "1000" { Any } ReadOnly { Ignored(CORES) }
        "Completed produce requests are swept out after this many.";
    "delete.records.purgatory.purge.interval.requests" Int "1" { Any } ReadOnly { Ignored(CORES) }
        "Completed DeleteRecords requests are swept out after this many.";
    "auto.leader.rebalance.enable" Boolean "true" { Any } ReadOnly { Ignored(ONE_NODE) }
        "Whether leadership returns to preferred replicas.";
    "leader.imbalance.check.interval.seconds" Long "300" { AtLeast(1) } ReadOnly { Ignored(ONE_NODE) }
        "How often preferred leaders are looked at.";
    "unclean.leader.election.interval.ms" Long "300000" { AtLeast(1) } Hidden { Ignored(ONE_NODE) }
        "How often leaderless partitions are looked at.";
    "unclean.leader.election.enable" Boolean "false" { Any } ClusterWide { Ignored(ONE_NODE) }
        "Whether a replica that may have lost records can lead.";
    "security.inter.broker.protocol" Text "PLAINTEXT" { OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]) } ReadOnly { Refused(TLS) }
        "Protocol between brokers.";
    "inter.broker.listener.name" Text null { Any } ReadOnly { Ignored(ONE_NODE) }
        "Listener that other brokers use.";
    "replica.selector.class" Text null { Any } ReadOnly { Ignored(ONE_NODE) }
        "Plug-in that chooses which replica a consumer reads.";
    "follower.fetch.last.tiered.offset.enable" Boolean "false" { Any } ClusterWide { Ignored(TIERED) }
        "Whether an empty follower begins at the last tiered offset.";
    "quota.window.num" Int "11" { AtLeast(1) } ReadOnly { Ignored(QUOTAS) }
        "Samples a client quota is measured over.";
    "replication.quota.window.num" Int "11" { AtLeast(1) } ReadOnly { Ignored(QUOTAS) }
        "Samples a replication quota is measured over.";
    "alter.log.dirs.replication.quota.window.num" Int "11" { AtLeast(1) } ReadOnly { Ignored(QUOTAS) }
        "Samples a directory-move quota is measured over.";
    "controller.quota.window.num" Int "11" { AtLeast(1) } ReadOnly { Ignored(QUOTAS) }
        "Samples a controller mutation quota is measured over.";
    "quota.window.size.seconds" Int "1" { AtLeast(1) } ReadOnly { Ignored(QUOTAS) }
        "Length of a client quota's sample.";
    "replication.quota.window.size.seconds" Int "1" { AtLeast(1) } ReadOnly { Ignored(QUOTAS) }
        "Length of a replication quota's sample.";
    "alter.log.dirs.replication.quota.window.size.seconds" Int "1" { AtLeast(1) } ReadOnly { Ignored(QUOTAS) }
        "Length of a directory-move quota's sample.";
    "controller.quota.window.size.seconds" Int "1" { AtLeast(1) } ReadOnly { Ignored(QUOTAS) }
        "Length of a controller mutation quota's sample.";
    "client.quota.callback.class" Class null { Any } ReadOnly { Refused(PLUGIN) }
        "Plug-in that decides client quotas.";
    "leader.replication.throttled.rate" Long "9223372036854775807" { AtLeast(0) } ClusterWide { Ignored(QUOTAS) }
        "Bytes a second that throttled leaders send to followers.";
    "follower.replication.throttled.rate" Long "9223372036854775807" { AtLeast(0) } ClusterWide { Ignored(QUOTAS) }
        "Bytes a second that throttled followers fetch.";
    "replica.alter.log.dirs.io.max.bytes.per.second" Long "9223372036854775807" { AtLeast(0) } ClusterWide { Ignored(QUOTAS) }
        "Bytes a second that moves between directories may take.";
    "metrics.num.samples" Int "2" { AtLeast(1) } ReadOnly { Ignored(METRICS) }
        "Samples a metric is computed over.";
    "metrics.sample.window.ms" Long "30000" { AtLeast(1) } ReadOnly { Ignored(METRICS) }
        "Length of a metric's sample.";
    "metric.reporters" List "org.apache.kafka.common.metrics.JmxReporter" { Any } ClusterWide { Ignored(METRICS) }
        "Plug-ins that export metrics.";
    "metrics.recording.level" Text "INFO" { Any } ReadOnly { Ignored(METRICS) }
        "How detailed the metrics are.";
    "kafka.metrics.reporters" List "" { Any } ReadOnly { Ignored(METRICS) }
        "Older plug-ins that export metrics.";
    "kafka.metrics.polling.interval.secs" Int "10" { AtLeast(1) } ReadOnly { Ignored(METRICS) }
        "How often the older plug-ins are asked.";
    "telemetry.max.bytes" Int "1048576" { AtLeast(1) } ReadOnly { Ignored(METRICS) }
        "Largest telemetry push of a client.";
    "delegation.token.secret.key" Password null { Any } ReadOnly { Refused(SASL) }
        "Key that delegation tokens are made with.";
    "delegation.token.max.lifetime.ms" Long "604800000" { AtLeast(1) } ReadOnly { Ignored(SASL) }
        "Longest life of a delegation token.";
    "delegation.token.expiry.time.ms" Long "86400000" { AtLeast(1) } ReadOnly { Ignored(SASL) }
        "Life of a delegation token until it is renewed.";
    "delegation.token.expiry.check.interval.ms" Long "3600000" { AtLeast(1) } ReadOnly { Ignored(SASL) }
        "How often expired delegation tokens are looked for.";
};
