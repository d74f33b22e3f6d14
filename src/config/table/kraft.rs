//! The node, its metadata log and its controller.

use crate::config::reason::{EMBEDDED, LATER, METRICS, ONE_DIR, SASL, TEST};
use crate::config::setting::{Setting, settings};

pub(super) const ROWS: &[Setting] = settings! {
    "process.roles" List "broker,controller" { EachOf(&["broker", "controller"]) } ReadOnly { Honoured }
        "What this node is; `broker,controller` is the only choice yet, and the default.";
    "node.id" Int "1" { AtLeast(0) } ReadOnly { Honoured }
        "The node's number in its cluster, written to meta.properties.";
    "initial.broker.registration.timeout.ms" Int "60000" { Any } ReadOnly { Ignored(EMBEDDED) }
        "How long the first registration may take.";
    "broker.heartbeat.interval.ms" Int "2000" { Any } ReadOnly { Ignored(EMBEDDED) }
        "How often the controller hears from the broker.";
    "broker.session.timeout.ms" Int "9000" { Any } ReadOnly { Ignored(EMBEDDED) }
        "After how much silence the controller fences the broker.";
    "controller.listener.names" List "" { Any } ReadOnly { Honoured }
        "Listeners of the controller; they are left out of `listeners`, for the controller is embedded.";
    "sasl.mechanism.controller.protocol" Text "GSSAPI" { Any } ReadOnly { Refused(SASL) }
        "SASL mechanism towards controllers.";
    "controller.performance.sample.period.ms" Long "60000" { AtLeast(100) } Hidden { Ignored(METRICS) }
        "How often slow controller events are reported.";
    "controller.performance.always.log.threshold.ms" Long "2000" { AtLeast(0) } Hidden { Ignored(METRICS) }
        "Controller events slower than this are always logged.";
    "server.max.startup.time.ms" Long "9223372036854775807" { AtLeast(0) } Hidden { Ignored(LATER) }
        "How long a start may take.";
    "metadata.log.max.record.bytes.between.snapshots" Long "20971520" { AtLeast(1) } ReadOnly { Honoured }
        "A metadata snapshot is written after this many new bytes.";
    "metadata.log.max.snapshot.interval.ms" Long "3600000" { AtLeast(0) } ReadOnly { Honoured }
        "A metadata snapshot is written after this long, if anything changed; 0 turns that off.";
    "metadata.log.dir" Text null { Any } ReadOnly { Refused(ONE_DIR) }
        "A directory of its own for the metadata log.";
    "metadata.log.segment.bytes" Int "1073741824" { AtLeast(8388608) } ReadOnly { Honoured }
        "Segment size of the metadata log.";
    "metadata.log.segment.ms" Long "604800000" { Any } ReadOnly { Honoured }
        "Segment age of the metadata log.";
    "metadata.max.retention.bytes" Long "104857600" { Any } ReadOnly { Honoured }
        "Old snapshots and the metadata segments before them go when all together pass this size.";
    "metadata.max.retention.ms" Long "604800000" { Any } ReadOnly { Honoured }
        "Old snapshots and the metadata segments before them go when they pass this age; the newest stays.";
    "metadata.max.idle.interval.ms" Int "500" { AtLeast(0) } ReadOnly { Ignored(EMBEDDED) }
        "How often an idle controller writes an empty record for its followers.";
    "internal.metadata.log.segment.bytes" Int null { AtLeast(4096) } Hidden { Honoured }
        "Segment size of the metadata log instead of `metadata.log.segment.bytes`, for tests.";
    "internal.metadata.max.batch.size.in.bytes" Int "8388608" { Any } Hidden { Ignored(TEST) }
        "Largest batch of the metadata log in Kafka's own tests.";
    "internal.metadata.delete.delay.millis" Long "60000" { Any } Hidden { Ignored(TEST) }
        "How long deleted metadata files linger in Kafka's own tests.";
    "controller.quorum.voters" List "" { Any } ReadOnly { Ignored(EMBEDDED) }
        "The controllers of a static quorum; naming more than this node is refused.";
    "controller.quorum.bootstrap.servers" List "" { Any } ReadOnly { Ignored(EMBEDDED) }
        "Where the controllers of a dynamic quorum are found; more than one is refused.";
    "controller.quorum.election.timeout.ms" Int "1000" { AtLeast(0) } ReadOnly { Ignored(EMBEDDED) }
        "How long a candidate collects votes.";
    "controller.quorum.fetch.timeout.ms" Int "2000" { AtLeast(0) } ReadOnly { Ignored(EMBEDDED) }
        "After how long without a fetch a new election begins.";
    "controller.quorum.election.backoff.max.ms" Int "1000" { AtLeast(0) } ReadOnly { Ignored(EMBEDDED) }
        "Longest pause before another election.";
    "controller.quorum.append.linger.ms" Int "25" { AtLeast(0) } ReadOnly { Ignored(EMBEDDED) }
        "How long the quorum's leader collects records.";
    "controller.quorum.request.timeout.ms" Int "2000" { AtLeast(0) } ReadOnly { Ignored(EMBEDDED) }
        "How long a request within the quorum may take.";
    "controller.quorum.retry.backoff.ms" Int "20" { AtLeast(0) } ReadOnly { Ignored(EMBEDDED) }
        "Pause before a request within the quorum is repeated.";
    "controller.quorum.auto.join.enable" Boolean "false" { Any } ReadOnly { Ignored(EMBEDDED) }
        "Whether a controller joins its quorum by itself.";
    "controller.quorum.fetch.snapshot.max.bytes" Int "1048576" { AtLeast(1) } ReadOnly { Ignored(EMBEDDED) }
        "Most bytes of one piece of a snapshot.";
    "controller.quorum.fetch.max.bytes" Int "1048576" { AtLeast(1) } ReadOnly { Ignored(EMBEDDED) }
        "Most bytes of one fetch within the quorum.";
};
