//! Requests, connections and listeners.

use crate::config::reason::{
    AUTHORISATION, BUDGET, CORES, EMBEDDED, KERNEL, LATER, ONE_DIR, ONE_NODE, PLUGIN, SASL,
    UNSTABLE,
};
use crate::config::setting::{Setting, settings};

pub(super) const ROWS: &[Setting] = settings! {
    "broker.id" Int "-1" { Any } ReadOnly { Honoured }
        "The node's number under its older name; must equal `node.id` where both are set.";
    "message.max.bytes" Int "1048588" { AtLeast(0) } ClusterWide { Honoured }
        "Largest record batch a partition takes, in bytes; topics override it as `max.message.bytes`.";
    "num.io.threads" Int "8" { AtLeast(1) } ClusterWide { Ignored(CORES) }
        "Kafka's request handler threads.";
    "num.replica.alter.log.dirs.threads" Int null { Any } ReadOnly { Ignored(ONE_DIR) }
        "Kafka's threads that move replicas between directories.";
    "background.threads" Int "10" { AtLeast(1) } ClusterWide { Ignored(CORES) }
        "Kafka's threads for housekeeping.";
    "request.timeout.ms" Int "30000" { Any } ReadOnly { Ignored(ONE_NODE) }
        "How long the broker waits for answers of other nodes.";
    "socket.connection.setup.timeout.ms" Long "10000" { Any } ReadOnly { Ignored(ONE_NODE) }
        "How long connecting to another node may take at first.";
    "socket.connection.setup.timeout.max.ms" Long "30000" { Any } ReadOnly { Ignored(ONE_NODE) }
        "How long connecting to another node may take after failures.";
    "config.providers" List "" { Any } ClusterWide { Refused(PLUGIN) }
        "Plug-ins that replace variables in the configuration.";
    "authorizer.class.name" Text "" { Any } ReadOnly { Refused(AUTHORISATION) }
        "The plug-in that decides who may do what; empty allows everything.";
    "early.start.listeners" List null { Any } ReadOnly { Ignored(EMBEDDED) }
        "Listeners that open before the authorizer is ready.";
    "broker.rack" Text null { Any } ReadOnly { Honoured }
        "The rack this node reports to its clients.";
    "controlled.shutdown.enable" Boolean "true" { Any } ReadOnly { Ignored(ONE_NODE) }
        "Whether leadership is handed over before a shutdown.";
    "delete.topic.enable" Boolean "true" { Any } ReadOnly { Honoured }
        "Whether DeleteTopics is allowed.";
    "compression.type" Text "producer" { OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]) } ClusterWide { Honoured }
        "How batches are stored: as the producer sent them, or in one named codec.";
    "compression.gzip.level" Int "-1" { GzipLevel } ClusterWide { Honoured }
        "Level when the broker itself compresses with gzip; -1 is the codec's own default.";
    "compression.lz4.level" Int "9" { Between(1, 17) } ClusterWide { Honoured }
        "Level when the broker itself compresses with lz4.";
    "compression.zstd.level" Int "3" { Between(-131072, 22) } ClusterWide { Honoured }
        "Level when the broker itself compresses with zstd.";
    "max.incremental.fetch.session.cache.slots" Int "1000" { AtLeast(0) } ReadOnly { Honoured }
        "How many fetch sessions are remembered; 0 turns incremental fetches off.";
    "fetch.max.bytes" Int "57671680" { AtLeast(1024) } ReadOnly { Honoured }
        "Most bytes one fetch answers, whatever the client asks for.";
    "max.request.partition.size.limit" Int "2000" { AtLeast(1) } ReadOnly { Honoured }
        "Most partitions in one page of DescribeTopicPartitions.";
    "unstable.api.versions.enable" Boolean "false" { Any } Hidden { Refused(UNSTABLE) }
        "Whether request versions under development are offered.";
    "unstable.feature.versions.enable" Boolean "false" { Any } Hidden { Refused(UNSTABLE) }
        "Whether feature levels under development may be finalized.";
    "listeners" List "PLAINTEXT://127.0.0.1:9092" { Any } ReadOnly { Honoured }
        "Where clients connect, as NAME://HOST:PORT; an empty host means every interface.";
    "advertised.listeners" List null { Any } ReadOnly { Honoured }
        "What clients are told to connect to, where that differs from `listeners`.";
    "listener.security.protocol.map" Text "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL" { Any } ReadOnly { Honoured }
        "Which protocol each listener name speaks; only PLAINTEXT is there yet.";
    "socket.send.buffer.bytes" Int "102400" { Any } ReadOnly { Ignored(KERNEL) }
        "Send buffer of a socket.";
    "socket.receive.buffer.bytes" Int "102400" { Any } ReadOnly { Ignored(KERNEL) }
        "Receive buffer of a socket.";
    "socket.request.max.bytes" Int "104857600" { AtLeast(1) } ReadOnly { Honoured }
        "Largest request a connection may send; a larger one closes it.";
    "socket.listen.backlog.size" Int "4096" { AtLeast(1) } ReadOnly { Honoured }
        "How many connections may wait on each core to be accepted; the kernel has a bound of its own.";
    "max.connections.per.ip" Int "2147483647" { AtLeast(0) } ClusterWide { Honoured }
        "Most connections from one address; a further one is closed at once.";
    "max.connections.per.ip.overrides" Text "" { AddressCounts } ClusterWide { Honoured }
        "Exceptions to `max.connections.per.ip`, as address:count; names of hosts are not resolved.";
    "max.connections" Int "2147483647" { AtLeast(0) } ClusterWide { Honoured }
        "Most connections of the whole broker; further ones wait until one ends.";
    "max.connection.creation.rate" Int "2147483647" { AtLeast(0) } ClusterWide { Ignored(LATER) }
        "Most new connections a second.";
    "connections.max.idle.ms" Long "600000" { Any } ReadOnly { Honoured }
        "A connection without traffic for this long is closed.";
    "connection.failed.authentication.delay.ms" Int "100" { AtLeast(0) } ReadOnly { Ignored(SASL) }
        "How long the answer to a failed authentication is held back.";
    "queued.max.requests" Int "500" { AtLeast(1) } ReadOnly { Ignored(BUDGET) }
        "Most requests waiting for a handler thread.";
    "queued.max.request.bytes" Long "-1" { Any } ReadOnly { Ignored(BUDGET) }
        "Most bytes of waiting requests.";
    "num.network.threads" Int "3" { AtLeast(1) } ClusterWide { Ignored(CORES) }
        "Kafka's socket threads for each listener.";
};
