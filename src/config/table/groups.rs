//! Groups of consumers: classic, consumer, share and streams.

use crate::config::reason::{CORES, GROUP_PACE, SHARE, STREAMS};
use crate::config::setting::{Setting, settings};

pub(super) const ROWS: &[Setting] = settings! {
    "group.coordinator.rebalance.protocols" List "classic,consumer,streams" { EachOf(&["consumer", "classic", "share", "streams"]) } ReadOnly { Honoured }
        "Group protocols that are offered; share and streams are not there yet.";
    "group.coordinator.threads" Int "4" { AtLeast(1) } ReadOnly { Ignored(CORES) }
        "Kafka's threads of the group coordinator.";
    "group.coordinator.background.threads" Int "2" { AtLeast(1) } ReadOnly { Ignored(CORES) }
        "Kafka's threads for slow work of the group coordinator.";
    "group.coordinator.append.linger.ms" Int "-1" { AtLeast(-1) } ReadOnly { Ignored(GROUP_PACE) }
        "How long the group coordinator collects records; -1 adapts.";
    "offsets.commit.timeout.ms" Int "5000" { AtLeast(1) } ReadOnly { Ignored(GROUP_PACE) }
        "How long an offset commit may take.";
    "offsets.load.buffer.size" Int "5242880" { AtLeast(1) } ReadOnly { Ignored(GROUP_PACE) }
        "Bytes read at once when offsets are loaded.";
    "offsets.topic.replication.factor" Short "1" { AtLeast(1) } ReadOnly { Honoured }
        "Replicas of `__consumer_offsets`.";
    "offsets.topic.num.partitions" Int "50" { AtLeast(1) } ReadOnly { Honoured }
        "Partitions of `__consumer_offsets`.";
    "offsets.topic.segment.bytes" Int "104857600" { AtLeast(1) } ReadOnly { Honoured }
        "Segment size of `__consumer_offsets`.";
    "offsets.topic.compression.codec" Int "0" { Between(0, 4) } ReadOnly { Honoured }
        "Codec of `__consumer_offsets`, by its number.";
    "group.coordinator.cached.buffer.max.bytes" Int "1048588" { AtLeast(524288) } ClusterWide { Ignored(GROUP_PACE) }
        "Largest buffer the group coordinator keeps for reuse.";
    "offset.metadata.max.bytes" Int "4096" { Any } ReadOnly { Honoured }
        "Longest metadata text of a committed offset.";
    "offsets.retention.minutes" Int "10080" { AtLeast(1) } ReadOnly { Honoured }
        "How long the offsets of an empty group are kept.";
    "offsets.retention.check.interval.ms" Long "600000" { AtLeast(1) } ReadOnly { Honoured }
        "How often expired offsets are looked for.";
    "group.min.session.timeout.ms" Int "6000" { Any } ReadOnly { Honoured }
        "Shortest session timeout of a classic member.";
    "group.max.session.timeout.ms" Int "1800000" { Any } ReadOnly { Honoured }
        "Longest session timeout of a classic member.";
    "group.initial.rebalance.delay.ms" Int "3000" { Any } ReadOnly { Honoured }
        "How long a new classic group waits for more members.";
    "group.max.size" Int "2147483647" { AtLeast(1) } ReadOnly { Honoured }
        "Most members of a classic group.";
    "group.consumer.session.timeout.ms" Int "45000" { AtLeast(1) } ReadOnly { Honoured }
        "Session timeout of consumer group members.";
    "group.consumer.min.session.timeout.ms" Int "45000" { AtLeast(1) } ReadOnly { Honoured }
        "Least session timeout a consumer group may set.";
    "group.consumer.max.session.timeout.ms" Int "60000" { AtLeast(1) } ReadOnly { Honoured }
        "Greatest session timeout a consumer group may set.";
    "group.consumer.heartbeat.interval.ms" Int "5000" { AtLeast(1) } ReadOnly { Honoured }
        "Heartbeat interval of consumer group members.";
    "group.consumer.min.heartbeat.interval.ms" Int "5000" { AtLeast(1) } ReadOnly { Honoured }
        "Least heartbeat interval a consumer group may set.";
    "group.consumer.max.heartbeat.interval.ms" Int "15000" { AtLeast(1) } ReadOnly { Honoured }
        "Greatest heartbeat interval a consumer group may set.";
    "group.consumer.max.size" Int "2147483647" { AtLeast(1) } ReadOnly { Honoured }
        "Most members of a consumer group.";
    "group.consumer.assignors" List "uniform,range" { EachOf(&["uniform", "range"]) } ReadOnly { Honoured }
        "Assignors of the broker, the first being the default.";
    "group.consumer.migration.policy" Text "bidirectional" { AnyCaseOf(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]) } ReadOnly { Honoured }
        "Whether groups may change between the classic and the consumer protocol.";
    "group.consumer.assignment.interval.ms" Int "1000" { AtLeast(0) } ClusterWide { Honoured }
        "Least time between two assignments of a consumer group.";
    "group.consumer.min.assignment.interval.ms" Int "0" { AtLeast(0) } ReadOnly { Honoured }
        "Least assignment interval a consumer group may set.";
    "group.consumer.max.assignment.interval.ms" Int "15000" { AtLeast(0) } ReadOnly { Honoured }
        "Greatest assignment interval a consumer group may set.";
    "group.consumer.regex.refresh.interval.ms" Int "600000" { AtLeast(10000) } Hidden { Honoured }
        "How often subscribed patterns are matched again.";
    "group.share.session.timeout.ms" Int "45000" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "Session timeout of share group members.";
    "group.share.min.session.timeout.ms" Int "45000" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "Least session timeout a share group may set.";
    "group.share.max.session.timeout.ms" Int "60000" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "Greatest session timeout a share group may set.";
    "group.share.heartbeat.interval.ms" Int "5000" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "Heartbeat interval of share group members.";
    "group.share.min.heartbeat.interval.ms" Int "5000" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "Least heartbeat interval a share group may set.";
    "group.share.max.heartbeat.interval.ms" Int "15000" { AtLeast(1) } ReadOnly { Ignored(SHARE) }
        "Greatest heartbeat interval a share group may set.";
    "group.share.max.size" Int "200" { Between(1, 1000) } ReadOnly { Ignored(SHARE) }
        "Most members of a share group.";
    "group.share.assignors" List "simple" { Any } ReadOnly { Ignored(SHARE) }
        "Assignor of share groups.";
    "group.share.assignment.interval.ms" Int "1000" { AtLeast(0) } ClusterWide { Ignored(SHARE) }
        "Least time between two assignments of a share group.";
    "group.share.min.assignment.interval.ms" Int "0" { AtLeast(0) } ReadOnly { Ignored(SHARE) }
        "Least assignment interval a share group may set.";
    "group.share.max.assignment.interval.ms" Int "15000" { AtLeast(0) } ReadOnly { Ignored(SHARE) }
        "Greatest assignment interval a share group may set.";
    "group.share.initialize.retry.interval.ms" Int "30000" { AtLeast(1) } Hidden { Ignored(SHARE) }
        "Pause before a share partition's start is tried again.";
    "group.streams.session.timeout.ms" Int "45000" { AtLeast(1) } ReadOnly { Ignored(STREAMS) }
        "Session timeout of streams group members.";
    "group.streams.min.session.timeout.ms" Int "45000" { AtLeast(1) } ReadOnly { Ignored(STREAMS) }
        "Least session timeout a streams group may set.";
    "group.streams.max.session.timeout.ms" Int "60000" { AtLeast(1) } ReadOnly { Ignored(STREAMS) }
        "Greatest session timeout a streams group may set.";
    "group.streams.heartbeat.interval.ms" Int "5000" { AtLeast(1) } ReadOnly { Ignored(STREAMS) }
        "Heartbeat interval of streams group members.";
    "group.streams.min.heartbeat.interval.ms" Int "5000" { AtLeast(1) } ReadOnly { Ignored(STREAMS) }
        "Least heartbeat interval a streams group may set.";
    "group.streams.max.heartbeat.interval.ms" Int "15000" { AtLeast(1) } ReadOnly { Ignored(STREAMS) }
        "Greatest heartbeat interval a streams group may set.";
    "group.streams.max.size" Int "2147483647" { AtLeast(1) } ReadOnly { Ignored(STREAMS) }
        "Most members of a streams group.";
    "group.streams.num.standby.replicas" Int "0" { AtLeast(0) } ReadOnly { Ignored(STREAMS) }
        "Standby replicas of each task.";
    "group.streams.max.standby.replicas" Int "2" { AtLeast(0) } ReadOnly { Ignored(STREAMS) }
        "Most standby replicas a streams group may set.";
    "group.streams.initial.rebalance.delay.ms" Int "3000" { AtLeast(0) } ReadOnly { Ignored(STREAMS) }
        "How long a new streams group waits for more members.";
    "group.streams.assignment.interval.ms" Int "1000" { AtLeast(0) } ClusterWide { Ignored(STREAMS) }
        "Least time between two assignments of a streams group.";
    "group.streams.min.assignment.interval.ms" Int "0" { AtLeast(0) } ReadOnly { Ignored(STREAMS) }
        "Least assignment interval a streams group may set.";
    "group.streams.max.assignment.interval.ms" Int "15000" { AtLeast(0) } ReadOnly { Ignored(STREAMS) }
        "Greatest assignment interval a streams group may set.";
};
