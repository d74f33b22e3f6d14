//! Share groups, transactions and idempotent producers.

use crate::config::reason::{CORES, RETENTION, SHARE, TRANSACTIONS};
use crate::config::setting::{Setting, settings};

pub(super) const ROWS: &[Setting] = settings! {
    "group.share.delivery.count.limit" Int "5" { Between(2, 10) } ReadOnly { Ignored(SHARE) }
        "How often a record is delivered before it is given up.";
    "group.share.max.delivery.count.limit" Int "10" { Between(5, 25) } ReadOnly { Ignored(SHARE) }
        "Greatest delivery limit a share group may set.";
    "group.share.min.delivery.count.limit" Int "2" { Between(2, 5) } ReadOnly { Ignored(SHARE) }
        "Least delivery limit a share group may set.";
    "group.share.record.lock.duration.ms" Int "30000" { Between(1000, 3600000) } ReadOnly { Ignored(SHARE) }
        "How long an acquired record stays locked.";
    "group.share.min.record.lock.duration.ms" Int "15000" { Between(1000, 30000) } ReadOnly { Ignored(SHARE) }
        "Least lock duration a share group may set.";
    "group.share.max.record.lock.duration.ms" Int "60000" { Between(30000, 3600000) } ReadOnly { Ignored(SHARE) }
        "Greatest lock duration a share group may set.";
    "group.share.partition.max.record.locks" Int "2000" { Between(100, 10000) } ReadOnly { Ignored(SHARE) }
        "Most locked records of a share partition.";
    "group.share.max.partition.max.record.locks" Int "4000" { Between(2000, 10000) } ReadOnly { Ignored(SHARE) }
        "Greatest number of locks a share group may set.";
    "group.share.min.partition.max.record.locks" Int "100" { Between(100, 2000) } ReadOnly { Ignored(SHARE) }
        "Least number of locks a share group may set.";
    "share.fetch.purgatory.purge.interval.requests" Int "1000" { Any } ReadOnly { Ignored(CORES) }
        "Completed share fetches are swept out after this many.";
    "group.share.max.share.sessions" Int "2000" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "Most share sessions of the broker.";
    "group.share.persister.class.name" Text "org.apache.kafka.server.share.persister.DefaultStatePersister" { Any } Hidden { Ignored(SHARE) }
        "Plug-in that keeps the state of share groups.";
    "share.coordinator.state.topic.num.partitions" Int "50" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "Partitions of `__share_group_state`.";
    "share.coordinator.state.topic.replication.factor" Short "1" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "Replicas of `__share_group_state`.";
    "share.coordinator.state.topic.min.isr" Short "1" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "In-sync replicas `__share_group_state` needs.";
    "share.coordinator.state.topic.segment.bytes" Int "104857600" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "Segment size of `__share_group_state`.";
    "share.coordinator.threads" Int "1" { AtLeast(1) } ReadOnly { Ignored(CORES) }
        "Kafka's threads of the share coordinator.";
    "share.coordinator.snapshot.update.records.per.snapshot" Int "500" { Between(0, 500) } ReadOnly { Ignored(SHARE) }
        "Updates between two snapshots of a share partition's state.";
    "share.coordinator.load.buffer.size" Int "5242880" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "Bytes read at once when share state is loaded.";
    "share.coordinator.state.topic.compression.codec" Int "0" { Any } ReadOnly { Ignored(SHARE) }
        "Codec of `__share_group_state`, by its number.";
    "share.coordinator.append.linger.ms" Int "-1" { AtLeast(-1) } ReadOnly { Ignored(SHARE) }
        "How long the share coordinator collects records; -1 adapts.";
    "share.coordinator.write.timeout.ms" Int "5000" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "How long a write of share state may take.";
    "share.coordinator.state.topic.prune.interval.ms" Int "300000" { AtLeast(1) } Hidden { Ignored(SHARE) }
        "How often superseded share state is deleted.";
    "share.coordinator.cold.partition.snapshot.interval.ms" Int "300000" { AtLeast(1) } Hidden { Ignored(SHARE) }
        "How often the state of idle share partitions is written anew.";
    "share.coordinator.cached.buffer.max.bytes" Int "1048588" { AtLeast(524288) } ClusterWide { Ignored(SHARE) }
        "Largest buffer the share coordinator keeps for reuse.";
    "transaction.state.log.min.isr" Int "1" { AtLeast(1) } ReadOnly { Ignored(TRANSACTIONS) }
        "In-sync replicas `__transaction_state` needs.";
    "transaction.state.log.load.buffer.size" Int "5242880" { AtLeast(1) } ReadOnly { Ignored(TRANSACTIONS) }
        "Bytes read at once when transactions are loaded.";
    "transaction.state.log.replication.factor" Short "1" { AtLeast(1) } ReadOnly { Ignored(TRANSACTIONS) }
        "Replicas of `__transaction_state`.";
    "transaction.state.log.num.partitions" Int "50" { AtLeast(1) } ReadOnly { Ignored(TRANSACTIONS) }
        "Partitions of `__transaction_state`.";
    "transaction.state.log.segment.bytes" Int "104857600" { AtLeast(1) } ReadOnly { Ignored(TRANSACTIONS) }
        "Segment size of `__transaction_state`.";
    "transaction.partition.verification.enable" Boolean "true" { Any } ClusterWide { Ignored(TRANSACTIONS) }
        "Whether a transactional batch is checked with the coordinator first.";
    "producer.id.expiration.ms" Int "86400000" { AtLeast(1) } ClusterWide { Honoured }
        "How long an idle producer's sequence numbers are remembered.";
    "producer.id.expiration.check.interval.ms" Int "600000" { AtLeast(1) } Hidden { Ignored(RETENTION) }
        "How often idle producers are looked for.";
    "transactional.id.expiration.ms" Int "604800000" { AtLeast(1) } ReadOnly { Ignored(TRANSACTIONS) }
        "How long an idle transactional id is remembered.";
    "transaction.max.timeout.ms" Int "900000" { AtLeast(1) } ReadOnly { Ignored(TRANSACTIONS) }
        "Longest timeout a transaction may ask for.";
    "transaction.abort.timed.out.transaction.cleanup.interval.ms" Int "10000" { AtLeast(1) } ReadOnly { Ignored(TRANSACTIONS) }
        "How often timed out transactions are looked for.";
    "transaction.remove.expired.transaction.cleanup.interval.ms" Int "3600000" { AtLeast(1) } ReadOnly { Ignored(TRANSACTIONS) }
        "How often expired transactional ids are looked for.";
    "transaction.two.phase.commit.enable" Boolean "false" { Any } ReadOnly { Refused(TRANSACTIONS) }
        "Whether transactions may take part in a two-phase commit.";
    "add.partitions.to.txn.retry.backoff.max.ms" Int "100" { AtLeast(0) } ReadOnly { Ignored(TRANSACTIONS) }
        "How long the broker itself repeats a call that meets an ending transaction.";
    "add.partitions.to.txn.retry.backoff.ms" Int "20" { AtLeast(1) } ReadOnly { Ignored(TRANSACTIONS) }
        "Pause before such a call is repeated.";
};
